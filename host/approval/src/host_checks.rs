//! What the host checks before it asks the ledger: that stored bytes are those that the records name,
//! and that the policy in force can be asked. What a record allows must never be decided here.

use core::error::Error;
use std::collections::BTreeMap;

use crate::gates::{PolicyArchive, PolicyArchiveError};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::EvidenceKind;
use counterfoil_governance::evidence::{EvidenceAttestation, EvidenceError as PieceError};
use counterfoil_governance::rule::{AccessDenial, HostRule, Rule};
use counterfoil_governance::state::LedgerState;
use counterfoil_os::files::FileError;
use counterfoil_policy::bundle::Bundle;
use counterfoil_policy::suite::TestSuite;
use counterfoil_runner::store::data_dir::{DataDir, DataDirError};
use counterfoil_runner::study::evidence::{EvidenceStore, EvidenceStoreError as StoreError};
use serde_json::Value;

/// Why a check of the host failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostCheckError {
    /// A rule denies the request.
    #[error(transparent)]
    Denied(#[from] AccessDenial),
    /// A file could not be read, which denies nothing.
    #[error(transparent)]
    File(#[from] FileError),
    /// The data directory could not be read, which denies nothing.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

/// Why a stored piece of evidence cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenPieceError {
    /// It is missing, or has other bytes than its digest says.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not an attestation by a key of this ledger.
    #[error(transparent)]
    Piece(#[from] PieceError),
}

/// The policy in force, from the archive.
///
/// # Errors
///
/// Returns [`HostCheckError::Denied`] by `policy.missing` or `policy.unreadable`.
pub fn policy_in_force(data: &DataDir, state: &LedgerState) -> Result<Bundle, HostCheckError> {
    let Some(digest) = state.policy() else {
        let why = "no policy is in force, and without one every gate is shut";
        let hint = "put a policy in force first: counterfoil policy set";
        return Err(AccessDenial::new(Rule::PolicyMissing, why, hint).into());
    };
    let unreadable = |why: String| {
        let hint = "restore the policy's file from a copy; counterfoil ledger drift names it";
        AccessDenial::new(HostRule::PolicyUnreadable, why, hint)
    };
    // The archive holds the bytes against the digest, so a policy that was edited in place is
    // unreadable, and never asked.
    let bytes = match PolicyArchive::new(data).get(&digest) {
        Ok(bytes) => bytes,
        Err(PolicyArchiveError::File(error)) => return Err(error.into()),
        Err(error) => return Err(unreadable(error.to_string()).into()),
    };
    Bundle::decode(&bytes)
        .map_err(|error| unreadable(format!("the policy in force, {digest}: {error}")).into())
}

/// Checks that a policy has tests and passes them: a policy that fails its own tests is a mistake of its author.
///
/// # Errors
///
/// Returns the [`AccessDenial`] `policy.tests`.
pub fn check_policy_tests(suite: &TestSuite) -> Result<(), AccessDenial> {
    if suite.passes() {
        return Ok(());
    }
    let why = "its own tests do not pass, or it has none";
    let hint = "run `counterfoil policy test` to see which tests fail";
    Err(AccessDenial::new(HostRule::PolicyTests, why, hint))
}

/// Checks that an exception to this rule could change a verdict of the policy. The ledger decides on its own rules,
/// and where the policy does not list the rules that exceptions can waive.
///
/// # Errors
///
/// Returns the [`AccessDenial`] `exception.unfit`.
pub fn check_exception_rule(policy: &Bundle, rule: &str) -> Result<(), AccessDenial> {
    let Some(rules) = excepted_rules(policy) else {
        return Ok(());
    };
    // A rule of the ledger goes on to the ledger, so that its own denial is recorded under its own code.
    if Rule::parse(rule).is_some() || rules.iter().any(|listed| listed == rule) {
        return Ok(());
    }
    let why = format!("{rule} is no rule of the policy in force that gives way to an exception");
    let hint = format!("rules that exceptions can waive: {}", rules.join(", "));
    Err(AccessDenial::new(Rule::ExceptionUnfit, why, hint))
}

/// The rules that exceptions can waive, if the policy lists them as the starter policy does.
fn excepted_rules(bundle: &Bundle) -> Option<Vec<String>> {
    let data = bundle.files().get("data.json")?;
    let data: Value = serde_json::from_slice(data).ok()?;
    // A policy that was not made from the starter may list no rules. Then nothing is refused here: the host
    // must not guess which of its rules give way.
    let rules = data.pointer("/settings/exceptions/rules")?.as_array()?;
    let text = |rule: &Value| rule.as_str().map(str::to_owned);
    Some(rules.iter().filter_map(text).collect())
}

/// Checks that the stored bytes of a registered component match its digest: a signer must be able to read what they
/// sign for. The ledger decides on a component that is not registered.
///
/// # Errors
///
/// Returns [`HostCheckError::Denied`] by `component.missing` or `component.changed`.
pub fn check_component_bytes(
    data: &DataDir,
    state: &LedgerState,
    component: &Digest,
) -> Result<(), HostCheckError> {
    if !state.registry().components().contains_key(component) {
        return Ok(());
    }
    // Read and hashed, not only looked for: a file with the right name and other bytes would be signed
    // for by people who approve by its digest.
    let Err(error) = data.component(component) else {
        return Ok(());
    };
    let rule = if matches!(error, DataDirError::NoComponent { .. }) {
        HostRule::ComponentMissing
    // One that is too long was changed: the ledger registers no component above the bound.
    } else if matches!(
        error,
        DataDirError::ComponentChanged { .. } | DataDirError::ComponentTooLong { .. }
    ) {
        HostRule::ComponentChanged
    } else {
        return Err(error.into());
    };
    let hint = "restore the file from a copy; counterfoil ledger drift names it";
    Err(AccessDenial::new(rule, error.to_string(), hint).into())
}

/// Opens a stored piece of evidence and verifies who signed it.
///
/// # Errors
///
/// Returns [`OpenPieceError`] if it is missing, changed, or signed by an unknown key.
pub fn open_piece(
    data: &DataDir,
    state: &LedgerState,
    component: &Digest,
    digest: &Digest,
) -> Result<EvidenceAttestation, OpenPieceError> {
    let bytes = EvidenceStore::new(data, component).get(digest)?;
    Ok(EvidenceAttestation::open(state, &bytes)?)
}

/// Opens every piece of evidence that a component was validated on.
///
/// # Errors
///
/// Returns the [`AccessDenial`] `evidence.changed` that names the first piece that cannot be opened.
pub fn validated_evidence(
    data: &DataDir,
    state: &LedgerState,
    component: &Digest,
) -> Result<BTreeMap<EvidenceKind, EvidenceAttestation>, AccessDenial> {
    let registered = state.registry().components().get(component);
    let recorded = registered.and_then(|component| component.validated.as_ref());
    let pieces = recorded.into_iter().flat_map(|(evidence, _)| &evidence.0);
    pieces
        .map(|(kind, digest)| {
            let piece = open_piece(data, state, component, digest).map_err(|error| {
                let why = format!("{}: {}", kind.name(), with_causes(&error));
                let hint = "restore the file: an approver must be able to read the evidence";
                AccessDenial::new(HostRule::EvidenceChanged, why, hint)
            })?;
            Ok((*kind, piece))
        })
        .collect()
}

/// An error and its causes in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(found) = cause {
        text = format!("{text}: {found}");
        cause = found.source();
    }
    text
}
