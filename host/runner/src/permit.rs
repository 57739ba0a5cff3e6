//! The one place that says whether a run may start or go on, by what the ledger's records add up
//! to. Everything that is missing means no; nothing else makes a [`Grant`].

mod watch;

use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{DigestSet, Terms};
use counterfoil_governance::id::Id;
use counterfoil_governance::role::Role;
use counterfoil_governance::rule::{Denial, Rule};
use counterfoil_governance::state::State;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::manifest::{
    DataSource, Manifest, ManifestError, RunSetup, canonical_json,
};
use counterfoil_trading::time::UnixNanos;
use serde_json::json;

pub use watch::{PermitWatch, Records};

use crate::times::show_time;

/// Why a run may not start.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code}: {why}; {who}")]
pub struct Denied {
    /// The rule's stable code.
    pub code: &'static str,
    /// What broke it.
    pub why: String,
    /// Who could do it, or what to do instead.
    pub who: String,
}

impl Denied {
    /// A denial by this code.
    pub fn new(code: &'static str, why: impl Into<String>, who: impl Into<String>) -> Self {
        let (why, who) = (why.into(), who.into());
        Self { code, why, who }
    }
}

impl Denied {
    fn of(rule: Rule, why: impl Into<String>, who: impl Into<String>) -> Self {
        Self::new(rule.code(), why, who)
    }
}

impl From<Denial> for Denied {
    fn from(denial: Denial) -> Self {
        Self::new(denial.rule.code(), denial.why, denial.who)
    }
}

impl From<ManifestError> for Denied {
    fn from(error: ManifestError) -> Self {
        let way = "make the manifest again from what was approved";
        Self::new("manifest.invalid", error.to_string(), way)
    }
}

/// The right to start, or to go on with, one run.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Grant {
    run: [u8; 32],
    by: Id,
    authorized: u64,
    terms: Terms,
    until: UnixNanos,
}

impl Grant {
    /// The run id.
    #[must_use]
    pub const fn run(&self) -> &[u8; 32] {
        &self.run
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> &Id {
        &self.terms.account
    }

    /// Who asked.
    #[must_use]
    pub const fn by(&self) -> &Id {
        &self.by
    }

    /// The ledger's entry that authorizes it.
    #[must_use]
    pub const fn authorized(&self) -> u64 {
        self.authorized
    }

    /// What runs, for whom, where, and under what.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// From when on it no longer counts, even if nobody does anything.
    #[must_use]
    pub const fn until(&self) -> UnixNanos {
        self.until
    }
}

/// The digest of a manifest's parameters: of their canonical JSON.
///
/// # Errors
///
/// Returns [`ManifestError`] if they cannot be written, which no manifest that was parsed does.
pub fn parameters_digest(manifest: &Manifest) -> Result<Digest, ManifestError> {
    let parameters = json!(manifest.parameters);
    Ok(Digest::of(canonical_json(&parameters)?.as_bytes()))
}

/// The terms of a manifest, under this set: what an operator authorizes. Their market is the feed's
/// name, followed by `@broker/environment` if orders go to a broker.
///
/// # Errors
///
/// Returns [`Denied`] if the manifest does not hold, or names an account or owner that is none.
pub fn terms_of(manifest: &Manifest, set: DigestSet) -> Result<Terms, Denied> {
    let id = |what: &str, name: &str| {
        Id::parse(name).map_err(|error| {
            let why = format!("the manifest's {what}: {error}");
            let way = "name an account and an owner whose names can be ids";
            Denied::new("manifest.invalid", why, way)
        })
    };
    let DataSource::Feed { name, broker, .. } = &manifest.data else {
        let why = "the manifest's bars come from a snapshot";
        let way = "start a manifest whose bars come from a feed";
        return Err(Denied::new("manifest.invalid", why, way));
    };
    Ok(Terms {
        owner: id("owner", &manifest.account.owner)?,
        set,
        account: id("account", &manifest.account.name)?,
        market: match broker {
            None => name.clone(),
            Some(broker) => format!("{name}@{}/{}", broker.name, broker.environment),
        },
        timeframe: manifest.timeframe.clone(),
        parameters: parameters_digest(manifest)?,
        limits: manifest.limits_digest()?,
    })
}

/// Whether `who` may start the run of this manifest at this time, under the authorization in entry
/// `authorized`. The act that records the start is judged again, by every rule.
///
/// # Errors
///
/// Returns [`Denied`] by the first rule that is broken.
pub fn may_start(
    state: &State,
    manifest: &Manifest,
    authorized: u64,
    who: &Id,
    time: UnixNanos,
) -> Result<Grant, Denied> {
    check_operator(state, who, time)?;
    let run = manifest.run_id()?;
    if let Some(started) = state.registry().runs().get(&Digest(run)) {
        let why = format!(
            "run {} was started by {}",
            hex::encode(run),
            started.deed.by
        );
        let way = "a run id starts once: use a new start nonce";
        return Err(Denied::of(Rule::RunExists, why, way));
    }
    grant(state, manifest, authorized, who, time)
}

/// Whether a run that was started before may go on at this time. Whoever started it stays
/// answerable for it.
///
/// # Errors
///
/// Returns [`Denied`] by the first rule that is broken.
pub fn may_go_on(state: &State, manifest: &Manifest, time: UnixNanos) -> Result<Grant, Denied> {
    let run = manifest.run_id()?;
    let Some(started) = state.registry().runs().get(&Digest(run)) else {
        let why = format!("the ledger has no start of run {}", hex::encode(run));
        return Err(Denied::of(Rule::RunUnknown, why, "an operator starts it"));
    };
    if let Some((_, deed)) = &started.ended {
        let why = format!("run {} ended with record {}", hex::encode(run), deed.index);
        return Err(Denied::of(Rule::RunEnded, why, "start a new run"));
    }
    let authorized = started.start.authorized;
    check_key(state, &started.deed.key)?;
    grant(state, manifest, authorized, &started.deed.by, time)
}

/// Whether `who` may do what operators do.
///
/// # Errors
///
/// Returns [`Denied`] if `who` is no principal, or no operator with a key that counts.
pub fn check_operator(state: &State, who: &Id, time: UnixNanos) -> Result<(), Denied> {
    let principal = state.principals().get(who);
    if principal.is_some_and(|one| one.roles.contains(&Role::Operator)) {
        return Ok(());
    }
    let able = state.principals().iter().filter(|(id, one)| {
        let mut keys = state.keys().values();
        one.roles.contains(&Role::Operator) && keys.any(|key| key.owner == **id && key.counts(time))
    });
    let names: Vec<_> = able.map(|(id, _)| id.to_string()).collect();
    let way = if names.is_empty() {
        "there is no operator with a key; an administrator can name one".to_owned()
    } else {
        format!("could be done by {}", names.join(", "))
    };
    Err(Denied::of(
        Rule::RoleMissing,
        format!("{who} has not the role operator"),
        way,
    ))
}

fn grant(
    state: &State,
    manifest: &Manifest,
    authorized: u64,
    who: &Id,
    time: UnixNanos,
) -> Result<Grant, Denied> {
    let setup: RunSetup = manifest.setup()?;
    let run = manifest.run_id()?;
    let Some(found) = state.authorizations().get(&authorized) else {
        let why = format!("record {authorized} authorizes no start");
        let way = "an operator authorizes it: counterfoil authorize start";
        return Err(Denied::of(Rule::StartUnknown, why, way));
    };
    if let Some((reason, deed)) = &found.withdrawn {
        let why = format!("{} withdrew the authorization: {reason}", deed.by);
        let way = "an operator authorizes it again";
        return Err(Denied::of(Rule::StartWithdrawn, why, way));
    }
    let asked = &found.authorization;
    let set = DigestSet {
        component: Digest(setup.component),
        ..asked.terms.set
    };
    let terms = terms_of(manifest, set)?;
    let changes = asked.terms.changes(&terms);
    if !changes.is_empty() {
        let why = format!("another start was authorized: {changes}");
        let way = "start what was authorized, or have this authorized";
        return Err(Denied::of(Rule::StartChanged, why, way));
    }
    if time < asked.not_before || asked.not_after <= time {
        let (from, until) = (show_time(asked.not_before), show_time(asked.not_after));
        let why = format!("the authorization counts from {from} until {until}");
        let way = "start within the window, or have another authorized";
        return Err(Denied::of(Rule::StartWindow, why, way));
    }
    check_key(state, &found.deed.key)?;
    state.registry().may_start(&terms.set)?;
    state.check_policy(&terms.set)?;
    state.check_limits_of(&terms)?;
    if let Some((index, killed)) = state.killed(&Digest(run), &terms.account) {
        let (by, reason) = (&killed.deed.by, &killed.reason);
        let why = format!("{by} threw the kill switch in record {index}: {reason}");
        let way = "somebody other than who threw it lifts it: counterfoil kill --lift";
        return Err(Denied::of(Rule::KillOn, why, way));
    }
    Ok(Grant {
        run,
        by: who.clone(),
        authorized,
        terms,
        until: asked.not_after,
    })
}

/// What was signed with a key that somebody revoked since carries no run. A key that was rotated, or
/// whose time is over, signed it while it counted.
fn check_key(state: &State, key: &PublicKey) -> Result<(), Denied> {
    let Some(index) = state.revoked(key) else {
        return Ok(());
    };
    let why = format!("key {key} signed for this run, and was revoked by record {index}");
    let way = "an operator authorizes another start with a key that counts";
    Err(Denied::of(Rule::KeyRevoked, why, way))
}
