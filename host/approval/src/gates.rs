//! The policy's inputs at a gate, taken from the ledger, and its verdicts: bytes in the archive, a record in
//! the ledger, and the evaluation again years later. It must never decide anything that the policy decides.

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
    /// The archive does not give or take the bytes.
    #[error(transparent)]
    PolicyArchive(#[from] PolicyArchiveError),
    /// A value has no canonical form.
    #[error(transparent)]
    Value(#[from] ManifestError),
    /// The archive holds no input under its digest.
    #[error("invalid input in archive: {0}")]
    Input(#[from] serde_json::Error),
    /// The archive holds no bundle under its digest.
    #[error("invalid bundle in archive: {0}")]
    Bundle(#[from] BundleError),
    /// There was no bundle or no input, so there is nothing that could be asked again.
    #[error(
        "without a policy bundle and an input with a canonical form there is nothing to record"
    )]
    Nothing,
}

/// Keeps the bundle, the input and the limits of a verdict, and gives the act's content that
/// records it. `subject` is what was asked about.
///
/// # Errors
///
/// Returns [`GateError`]; what was kept by then does no harm.
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

/// Asks again what was asked for a recorded verdict, with the bytes of the archive, and names what
/// comes out otherwise; nothing if it is the same.
///
/// # Errors
///
/// Returns [`GateError`] if the archive does not hold what was asked.
pub fn again(
    archive: &PolicyArchive,
    evaluator: &Evaluator,
    said: &act::GateVerdict,
) -> Result<(act::GateVerdict, Vec<String>), GateError> {
    let bundle = Bundle::decode(&archive.get(&said.bundle)?)?;
    let input: Value = serde_json::from_slice(&archive.get(&said.input)?)?;
    let verdict = evaluator.evaluate(Ok(&bundle), said.gate, &input);
    let now = recorded(&verdict, said.subject)?;
    let differences = differences(said, &now);
    Ok((now, differences))
}

fn differences(said: &act::GateVerdict, now: &act::GateVerdict) -> Vec<String> {
    let reasons = |one: &act::GateVerdict| {
        one.reasons
            .iter()
            .map(GateReason::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let limits =
        |one: &act::GateVerdict| one.limits.map_or("none".to_owned(), |one| one.to_string());
    let pairs = [
        ("bundle", said.bundle.to_string(), now.bundle.to_string()),
        ("input", said.input.to_string(), now.input.to_string()),
        (
            "outcome",
            said.outcome.name().into(),
            now.outcome.name().into(),
        ),
        ("reasons", reasons(said), reasons(now)),
        ("limits", limits(said), limits(now)),
    ];
    let differ = pairs.into_iter().filter(|(_, one, other)| one != other);
    let told = differ.map(|(name, one, other)| format!("{name} was [{one}], is now [{other}]"));
    told.collect()
}
