//! The one place that says whether a run may start or go on, by what the ledger's records add up
//! to. Everything that is missing means no; nothing else makes a [`Grant`].

use counterfoil_governance::act::DigestSet;
use counterfoil_governance::digest::Digest;
use counterfoil_governance::id::Id;
use counterfoil_governance::registry::Stage;
use counterfoil_governance::role::Role;
use counterfoil_governance::rule::Denial;
use counterfoil_governance::state::State;
use counterfoil_trading::manifest::{Manifest, ManifestError, RunSetup, canonical_json};
use counterfoil_trading::time::UnixNanos;
use serde_json::json;

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
    fn new(code: &'static str, why: impl Into<String>, who: impl Into<String>) -> Self {
        let (why, who) = (why.into(), who.into());
        Self { code, why, who }
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
    account: Id,
    by: Id,
    set: DigestSet,
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
        &self.account
    }

    /// Who asked.
    #[must_use]
    pub const fn by(&self) -> &Id {
        &self.by
    }

    /// What was approved.
    #[must_use]
    pub const fn set(&self) -> &DigestSet {
        &self.set
    }
}

/// The digest that an approval names as its limits: of what a manifest says of risk and of the
/// guest's limits, as canonical JSON with these two fields.
///
/// # Errors
///
/// Returns [`ManifestError`] if they cannot be written, which no manifest that was parsed does.
pub fn limits_digest(manifest: &Manifest) -> Result<Digest, ManifestError> {
    let limits = json!({ "limits": manifest.limits, "risk": manifest.risk });
    Ok(Digest::of(canonical_json(&limits)?.as_bytes()))
}

/// Whether `who` may start the run of this manifest at this time.
///
/// # Errors
///
/// Returns [`Denied`] by the first rule that is broken.
pub fn may_start(
    state: &State,
    manifest: &Manifest,
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
        return Err(Denied::new("run.exists", why, way));
    }
    grant(state, manifest, who)
}

/// Whether a run that was started before may go on. Whoever started it stays answerable for it.
///
/// # Errors
///
/// Returns [`Denied`] by the first rule that is broken.
pub fn may_go_on(state: &State, manifest: &Manifest) -> Result<Grant, Denied> {
    let run = manifest.run_id()?;
    let Some(started) = state.registry().runs().get(&Digest(run)) else {
        let why = format!("the ledger has no start of run {}", hex::encode(run));
        let way = "an operator starts it";
        return Err(Denied::new("start.missing", why, way));
    };
    let grant = grant(state, manifest, &started.deed.by)?;
    if grant.set == started.start.set {
        return Ok(grant);
    }
    let why = format!(
        "the run was started under another set: {}",
        started.start.set.changes(&grant.set)
    );
    let way = "start a new run under what is approved now";
    Err(Denied::new("approval.changed", why, way))
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
    Err(Denied::new(
        "role.missing",
        format!("{who} has not the role operator"),
        way,
    ))
}

fn grant(state: &State, manifest: &Manifest, who: &Id) -> Result<Grant, Denied> {
    let setup: RunSetup = manifest.setup()?;
    let account = Id::parse(&manifest.account.name).map_err(|error| {
        let way = "name an account of the ledger in the manifest";
        Denied::new("account.name", error.to_string(), way)
    })?;
    let set = approved_set(state, manifest, &setup)?;
    state.registry().may_start(&set)?;
    Ok(Grant {
        run: manifest.run_id()?,
        account,
        by: who.clone(),
        set,
    })
}

/// The newest approved set of the manifest's component with the manifest's limits.
fn approved_set(state: &State, manifest: &Manifest, setup: &RunSetup) -> Result<DigestSet, Denied> {
    let component = Digest(setup.component);
    let limits = limits_digest(manifest)?;
    let found = state.registry().component(&component)?;
    let fits = found
        .approvals
        .iter()
        .rev()
        .find(|one| one.set.limits == limits);
    if let Some(approval) = fits {
        return Ok(approval.set);
    }
    let Some(last) = found.approvals.last() else {
        let stage: Stage = found.stage;
        let why = format!("component {component} is {}, not approved", stage.name());
        let way = "an approver approves it first";
        return Err(Denied::new("approval.missing", why, way));
    };
    let why = format!(
        "the approval is for other limits: approved were {}, the manifest has {limits}",
        last.set.limits
    );
    let way = "start with the limits that were approved, or have an approver approve these";
    Err(Denied::new("approval.changed", why, way))
}
