//! The policy's inputs at a gate, built from the ledger, and its verdicts: bytes in the archive, a record in the
//! ledger, and the same evaluation years later. It must never decide anything that the policy decides.

mod archive;
mod documents;

use counterfoil_base::digest::Digest;
use counterfoil_base::gate::GateReason;
use counterfoil_governance::act;
use counterfoil_policy::bundle::{Bundle, BundleError};
use counterfoil_policy::child::Evaluator;
use counterfoil_policy::verdict::{PolicyVerdict, limits_bytes};
use counterfoil_trading::manifest::{ManifestError, canonical_json};
use serde_json::Value;

pub use archive::{PolicyArchive, PolicyArchiveError};
pub use documents::{DocumentError, limits, promotion, start};

/// Why a verdict cannot be recorded or evaluated again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// The archive could not read or write the bytes.
    #[error(transparent)]
    PolicyArchive(#[from] PolicyArchiveError),
    /// A value has no canonical form.
    #[error(transparent)]
    Value(#[from] ManifestError),
    /// The archived input is not JSON.
    #[error("invalid input in the policy archive: {0}; restore it from a copy")]
    Input(#[from] serde_json::Error),
    /// The archived bundle is malformed.
    #[error("invalid bundle in the policy archive: {0}; restore it from a copy")]
    Bundle(#[from] BundleError),
    /// The verdict has no bundle or no input, so it could not be evaluated again.
    #[error(
        "the verdict cannot be recorded: it has no policy bundle, or its input has no canonical form"
    )]
    Nothing,
}

/// Archives the bundle, the input and the limits of a verdict, and returns the content of the act that records
/// it. `subject` is the digest of what the gate decides on.
///
/// # Errors
///
/// Returns [`GateError`]; bytes that were archived by then do no harm.
pub fn keep(
    archive: &PolicyArchive,
    bundle: &Bundle,
    input: &Value,
    verdict: &PolicyVerdict,
    subject: Digest,
) -> Result<act::GateVerdict, GateError> {
    let recorded = recorded(verdict, subject)?;
    // The archive first, the record later: a crash between them leaves bytes that nothing names. The other
    // order would leave a verdict that cannot be evaluated again.
    archive.put(&bundle.encode())?;
    archive.put(canonical_json(input)?.as_bytes())?;
    if let Some(limits) = &verdict.limits {
        archive.put(&limits_bytes(limits)?)?;
    }
    Ok(recorded)
}

/// A verdict as the ledger records it.
fn recorded(verdict: &PolicyVerdict, subject: Digest) -> Result<act::GateVerdict, GateError> {
    let limits = match &verdict.limits {
        Some(limits) => Some(Digest::of(&limits_bytes(limits)?)),
        None => None,
    };
    Ok(act::GateVerdict {
        gate: verdict.gate,
        subject,
        bundle: verdict.bundle.ok_or(GateError::Nothing)?,
        input: verdict.input.ok_or(GateError::Nothing)?,
        outcome: verdict.outcome,
        reasons: verdict.reasons.clone(),
        limits,
    })
}

/// Evaluates the bundle and the input of a recorded verdict again, from the archive, and names what differs; the
/// list is empty if the verdict is the same.
///
/// # Errors
///
/// Returns [`GateError`] if the archive does not have the bundle or the input.
pub fn again(
    archive: &PolicyArchive,
    evaluator: &Evaluator,
    original: &act::GateVerdict,
) -> Result<(act::GateVerdict, Vec<String>), GateError> {
    // The archive compares both files with the recorded digests: a changed file is an error here, and never
    // another verdict.
    let bundle = Bundle::decode(&archive.get(&original.bundle)?)?;
    let input: Value = serde_json::from_slice(&archive.get(&original.input)?)?;
    let verdict = evaluator.evaluate(Ok(&bundle), original.gate, &input);
    let now = recorded(&verdict, original.subject)?;
    let differences = differences(original, &now);
    Ok((now, differences))
}

fn differences(original: &act::GateVerdict, now: &act::GateVerdict) -> Vec<String> {
    let reasons = |verdict: &act::GateVerdict| {
        verdict
            .reasons
            .iter()
            .map(GateReason::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let limits = |verdict: &act::GateVerdict| {
        verdict
            .limits
            .map_or("none".to_owned(), |limits| limits.to_string())
    };
    let pairs = [
        (
            "bundle",
            original.bundle.to_string(),
            now.bundle.to_string(),
        ),
        ("input", original.input.to_string(), now.input.to_string()),
        (
            "outcome",
            original.outcome.name().into(),
            now.outcome.name().into(),
        ),
        ("reasons", reasons(original), reasons(now)),
        ("limits", limits(original), limits(now)),
    ];
    let differ = pairs.into_iter().filter(|(_, old, new)| old != new);
    let texts = differ.map(|(name, old, new)| format!("{name} was [{old}], is now [{new}]"));
    texts.collect()
}
