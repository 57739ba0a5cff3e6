//! The outcome of a parity comparison as a signed in-toto statement, which other tools can check. It must never compare
//! anything itself.

use counterfoil_governance::attest::{DsseEnvelope, InTotoStatement as Attested, StatementSubject};
use counterfoil_journal::signer::Signer;
use counterfoil_trading::manifest::{ManifestError, digest};
use counterfoil_trading::record::{DecisionRecord, RunRecord};
use counterfoil_verify::describe::RecordDescriber;
use serde_json::{Value, json};

use super::{ParityCause, ParityError, ParityReport};
use crate::store::data_dir::Execution;
use crate::study::compare::DifferingBar;

/// The type of the statement's predicate.
pub const PARITY_TYPE: &str = "urn:counterfoil:parity:1";

/// A parity statement.
#[derive(Clone, Debug)]
pub struct ParityStatement {
    /// The predicate, whose fields `docs/start/OPERATE.md` lists.
    pub predicate: Value,
    /// A DSSE envelope that holds it in an in-toto Statement, as canonical JSON.
    pub envelope: Vec<u8>,
}

/// The signed statement about the comparison of `live`.
///
/// # Errors
///
/// Returns [`ParityError`] if the manifest's digests do not parse or the signer does not sign.
pub fn parity_statement(
    live: &Execution,
    found: &ParityReport,
    signer: &(dyn Signer + Send),
) -> Result<ParityStatement, ParityError> {
    let predicate = predicate(live, found)?;
    let subject = |name: &'static str, text: &str| {
        Ok::<_, ManifestError>(StatementSubject::new(name, digest(name, text)?))
    };
    // By digest, so that the statement names these exact inputs whatever a later file of the same name holds.
    let subjects = vec![
        StatementSubject::new("manifest", found.manifest.run_id()?),
        subject("component", &found.manifest.component)?,
        subject("snapshot", &found.snapshot)?,
    ];
    let attested = Attested::new(subjects, PARITY_TYPE, predicate.clone());
    let mut envelope = DsseEnvelope::new(&attested)?;
    envelope.sign(signer)?;
    Ok(ParityStatement {
        predicate,
        envelope: envelope.encode()?,
    })
}

fn predicate(live: &Execution, found: &ParityReport) -> Result<Value, ManifestError> {
    let (from, through) = found.closes;
    let difference = match &found.first {
        Some((site, cause)) => Some(described(found, site, *cause)?),
        None => None,
    };
    Ok(json!({
        "equal": found.is_equal(),
        "decisions": {
            "live": found.decisions[0],
            "again": found.decisions[1],
            "equal": found.equal,
        },
        "first-close": from.date_or_time(),
        "last-close": through.date_or_time(),
        "bars": if found.own_bars { "journal" } else { "snapshot" },
        "live": {
            "log": live.origin(),
            "entries": found.live.size,
            "root": hex::encode(found.live.root.0),
        },
        "again": {
            "log": found.again.origin(),
            "decision-digest": found.close.decision_digest,
        },
        "first-difference": difference,
    }))
}

fn described(
    found: &ParityReport,
    site: &DifferingBar,
    cause: ParityCause,
) -> Result<Value, ManifestError> {
    let instruments = found.manifest.setup()?.instruments;
    let describe = RecordDescriber::new(&instruments);
    let decided = |side: &Option<(u64, Box<DecisionRecord>)>| {
        side.as_ref().map(|(entry, decision)| {
            let decision = describe.record(&RunRecord::Decision((**decision).clone()));
            json!({ "entry": entry, "decision": decision })
        })
    };
    let [live, again] = &site.decisions;
    Ok(json!({
        "cause": cause.name(),
        "why": cause.sentence(),
        "differs-in": site.aspect.name(),
        "close-time": site.close_time.date_or_time(),
        "instrument": site.symbol,
        "live": decided(live),
        "again": decided(again),
    }))
}
