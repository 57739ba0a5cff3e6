//! Decides whether a run may start or continue, by the ledger's state; nothing else makes a [`Grant`]. A missing
//! fact must never count as permission.

mod watch;

use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{DigestSet, RunTerms};
use counterfoil_governance::id::Id;
use counterfoil_governance::rule::{AccessDenial, HostRule, Rule};
use counterfoil_governance::state::{Access, LedgerState};
use counterfoil_journal::hash::Hash;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::manifest::{
    DataSource, Manifest, ManifestError, RunSetup, canonical_json,
};
use counterfoil_trading::record::{LedgerEntry, RunStarter};
use counterfoil_trading::time::UnixNanos;
use serde_json::json;

pub use watch::{PermitWatch, Records};

/// The right to start or continue one run.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Grant {
    run: Digest,
    by: Id,
    ledger: String,
    authorized: u64,
    terms: RunTerms,
    until: UnixNanos,
    entry_0: Option<Hash>,
}

impl Grant {
    /// The run id.
    #[must_use]
    pub const fn run(&self) -> &Digest {
        &self.run
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> &Id {
        &self.terms.account
    }

    /// The principal who asks to start it, or the principal that recorded its start.
    #[must_use]
    pub const fn by(&self) -> &Id {
        &self.by
    }

    /// The ledger's entry that authorizes it.
    #[must_use]
    pub const fn authorized(&self) -> u64 {
        self.authorized
    }

    /// Who starts the run and what allows it, for the run's journal.
    #[must_use]
    pub fn start(&self) -> RunStarter {
        RunStarter {
            starter: Some(self.by.to_string()),
            authorization: Some(LedgerEntry {
                ledger: self.ledger.clone(),
                index: self.authorized,
            }),
        }
    }

    /// The terms of the run.
    #[must_use]
    pub const fn terms(&self) -> &RunTerms {
        &self.terms
    }

    /// The leaf hash of entry 0 that the recorded start names; `None` before the start.
    #[must_use]
    pub const fn entry_0(&self) -> Option<Hash> {
        self.entry_0
    }

    /// When it expires, even if no act ends it.
    #[must_use]
    pub const fn until(&self) -> UnixNanos {
        self.until
    }
}

/// The digest of a manifest's parameters: of their canonical JSON.
///
/// # Errors
///
/// Returns [`ManifestError`] if they have no canonical form, which every parsed manifest has.
pub fn parameters_digest(manifest: &Manifest) -> Result<Digest, ManifestError> {
    let parameters = json!(manifest.parameters);
    Ok(Digest::of(canonical_json(&parameters)?.as_bytes()))
}

/// The terms of a manifest, under this set: what an operator authorizes. Their market is the feed's
/// name, followed by `@broker/environment` if orders go to a broker.
///
/// # Errors
///
/// Returns [`AccessDenial`] if the manifest is invalid, or names an invalid account or owner.
pub fn terms_of(manifest: &Manifest, set: DigestSet) -> Result<RunTerms, AccessDenial> {
    let id = |what: &str, name: &str| {
        Id::parse(name).map_err(|error| {
            let why = format!("the manifest's {what}: {error}");
            let hint = "give the manifest an account and an owner that are valid ids";
            AccessDenial::new(HostRule::ManifestInvalid, why, hint)
        })
    };
    let DataSource::Feed { name, broker, .. } = &manifest.data else {
        let why = "the manifest's bars come from a snapshot";
        let hint = "start a manifest whose bars come from a feed";
        return Err(AccessDenial::new(HostRule::ManifestInvalid, why, hint));
    };
    Ok(RunTerms {
        owner: id("owner", &manifest.account.owner)?,
        set,
        account: id("account", &manifest.account.name)?,
        market: match broker {
            None => name.clone(),
            Some(broker) => format!("{name}@{}/{}", broker.name, broker.environment),
        },
        timeframe: manifest.timeframe.clone(),
        parameters: parameters_digest(manifest).map_err(|error| invalid(&error))?,
        limits: manifest.limits_digest().map_err(|error| invalid(&error))?,
    })
}

/// Whether `who` may start the run of this manifest at this time, under the authorization in entry
/// `authorized`. The act that records the start is judged again, by every rule.
///
/// # Errors
///
/// Returns [`AccessDenial`] by the first rule that is broken.
pub fn may_start(
    state: &LedgerState,
    manifest: &Manifest,
    authorized: u64,
    who: &Id,
    time: UnixNanos,
) -> Result<Grant, AccessDenial> {
    // The API's caller, not the runner: the runner's own key signs every start, so without this check any
    // principal with a token could start what an operator authorized.
    state.check_access(who, Access::OperateRuns, time)?;
    let run = manifest.run_id().map_err(|error| invalid(&error))?;
    if let Some(started) = state.registry().runs().get(&run) {
        let why = format!("run {} was started by {}", run.hex(), started.record_ref.by);
        let hint = "a run id starts once: use a new start nonce";
        return Err(AccessDenial::new(Rule::RunExists, why, hint));
    }
    grant(state, manifest, run, authorized, who, time)
}

/// Whether a run that was started before may continue at this time, under the authorization of its start.
///
/// # Errors
///
/// Returns [`AccessDenial`] by the first rule that is broken.
pub fn may_continue(
    state: &LedgerState,
    manifest: &Manifest,
    time: UnixNanos,
) -> Result<Grant, AccessDenial> {
    let run = manifest.run_id().map_err(|error| invalid(&error))?;
    let Some(started) = state.registry().runs().get(&run) else {
        let why = format!("the ledger has no start of run {}", run.hex());
        return Err(AccessDenial::new(
            Rule::RunUnknown,
            why,
            "an operator starts it: counterfoil run start",
        ));
    };
    if let Some((_, record_ref)) = &started.ended {
        let why = format!("run {} ended with record {}", run.hex(), record_ref.index);
        return Err(AccessDenial::new(Rule::RunEnded, why, "start a new run"));
    }
    // Under the authorization of its start, and in the name of the principal that recorded it: a restart must
    // not become a way to run what no operator authorized.
    let authorized = started.start.authorized;
    // The key that recorded the start. If it was revoked since, the start itself may have been a thief's.
    check_key(state, &started.record_ref.key)?;
    let by = &started.record_ref.by;
    Ok(Grant {
        entry_0: Some(started.start.entry_0),
        ..grant(state, manifest, run, authorized, by, time)?
    })
}

/// The denial of an invalid manifest.
fn invalid(error: &ManifestError) -> AccessDenial {
    let hint = "write the manifest again from what was approved: counterfoil run manifest";
    AccessDenial::new(HostRule::ManifestInvalid, error.to_string(), hint)
}

fn grant(
    state: &LedgerState,
    manifest: &Manifest,
    run: Digest,
    authorized: u64,
    who: &Id,
    time: UnixNanos,
) -> Result<Grant, AccessDenial> {
    let setup: RunSetup = manifest.setup().map_err(|error| invalid(&error))?;
    let found = state.authorized(authorized)?;
    let asked = &found.authorization;
    // The component is taken from the manifest that will run, everything else from what was approved: a
    // manifest cannot bring limits, policy or evidence of its own.
    let set = DigestSet {
        component: setup.component,
        ..asked.terms.set
    };
    let terms = terms_of(manifest, set)?;
    let changes = asked.terms.changes(&terms);
    if !changes.is_empty() {
        let why = format!("another start was authorized: {changes}");
        let hint = "start what was authorized, or have this authorized";
        return Err(AccessDenial::new(Rule::StartChanged, why, hint));
    }
    // For open runs as well: a run ends with the window that it was authorized for.
    if time < asked.not_before || asked.not_after <= time {
        let (from, until) = (
            asked.not_before.date_or_time(),
            asked.not_after.date_or_time(),
        );
        let why = format!("the authorization counts from {from} until {until}");
        let hint = "start within the window, or have another authorized";
        return Err(AccessDenial::new(Rule::StartWindow, why, hint));
    }
    // Everything below may have changed since the authorization, and is checked at every start and at
    // every look of the permit watch.
    check_key(state, &found.record_ref.key)?;
    state.registry().may_start(&terms.set)?;
    state.check_policy(&terms.set)?;
    state.check_limits_of(&terms)?;
    state.check_killed(&run, &terms.account)?;
    Ok(Grant {
        run,
        by: who.clone(),
        ledger: state.origin().to_owned(),
        authorized,
        terms,
        until: asked.not_after,
        entry_0: None,
    })
}

/// Checks that a key that signed for a run was not revoked since. A key that was rotated or has expired was valid
/// when it signed.
fn check_key(state: &LedgerState, key: &PublicKey) -> Result<(), AccessDenial> {
    let Some(index) = state.revoked(key) else {
        return Ok(());
    };
    let why = format!("key {key} signed for this run, and was revoked by record {index}");
    let hint = "an operator authorizes another start with a valid key: counterfoil account authorization grant";
    Err(AccessDenial::new(Rule::KeyRevoked, why, hint))
}
