//! Bytes that the ledger names by digest: components, evidence, policies, limits, inputs. It must never know what
//! they mean.

use counterfoil_base::digest::Digest;
use counterfoil_governance::attest::{DsseEnvelope, InTotoStatement};
use counterfoil_governance::state::LedgerState;

use super::{DriftError, Found, MISSING};
use crate::gates::{PolicyArchive, PolicyArchiveError};
use counterfoil_runner::run::journal::journal_head;
use counterfoil_runner::store::data_dir::{DataDir, DataDirError};
use counterfoil_runner::study::evidence::{EvidenceStore, EvidenceStoreError};

pub(super) fn look(data: &DataDir, state: &LedgerState, all: &mut Found) -> Result<(), DriftError> {
    for (component, registered) in state.registry().components() {
        if let Some(found) = component_bytes(data, component)? {
            all.add(
                "component.bytes",
                component.to_string(),
                component.to_string(),
                found,
            );
        }
        let store = EvidenceStore::new(data, component);
        let pieces = registered
            .validated
            .iter()
            .flat_map(|(evidence, _)| &evidence.0);
        for (kind, digest) in pieces {
            let subject = format!("{} of {component}", kind.name());
            match evidence_bytes(&store, digest)? {
                Ok(bytes) => attested_journal(data, subject, &bytes, all)?,
                Err(found) => all.add("evidence.bytes", subject, digest.to_string(), found),
            }
        }
    }
    archived(&PolicyArchive::new(data), state, all)
}

/// The bytes of the policy in force, of the limits in force, and of the inputs of every verdict.
fn archived(
    archive: &PolicyArchive,
    state: &LedgerState,
    all: &mut Found,
) -> Result<(), DriftError> {
    let mut check = |rule: &str, subject: String, digest: &Digest| -> Result<(), DriftError> {
        if let Some(found) = archive_bytes(archive, digest)? {
            all.add(rule, subject, digest.to_string(), found);
        }
        Ok(())
    };
    if let Some(policy) = state.policy() {
        check("policy.bytes", "the policy in force".to_owned(), &policy)?;
    }
    for (account, limits) in state.limits() {
        check("limits.bytes", account.to_string(), &limits.limits)?;
    }
    for (index, record) in state.verdicts() {
        let verdict = &record.verdict;
        // The policy in force is reported once, above.
        if state.policy() != Some(verdict.bundle) {
            let subject = format!("policy of record {index}");
            check("verdict.bytes", subject, &verdict.bundle)?;
        }
        check(
            "verdict.bytes",
            format!("input of record {index}"),
            &verdict.input,
        )?;
    }
    Ok(())
}

/// What the data directory has instead of the component; `None` if its bytes match.
fn component_bytes(data: &DataDir, component: &Digest) -> Result<Option<String>, DriftError> {
    match data.component(component) {
        Ok(_) => Ok(None),
        Err(DataDirError::NoComponent { .. }) => Ok(Some(MISSING.to_owned())),
        Err(DataDirError::ComponentChanged { found, .. }) => Ok(Some(found.to_string())),
        Err(DataDirError::ComponentTooLong { bytes, .. }) => Ok(Some(format!("{bytes} bytes"))),
        Err(error) => Err(error.into()),
    }
}

/// A piece of evidence, or what is there in its place.
fn evidence_bytes(
    store: &EvidenceStore,
    digest: &Digest,
) -> Result<Result<Vec<u8>, String>, DriftError> {
    match store.get(digest) {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(EvidenceStoreError::Missing { .. }) => Ok(Err(MISSING.to_owned())),
        Err(EvidenceStoreError::Changed { found, .. }) => Ok(Err(found.to_string())),
        Err(EvidenceStoreError::TooLong { bytes, .. }) => Ok(Err(format!("{bytes} bytes"))),
        Err(error) => Err(error.into()),
    }
}

/// The journal of a backtest that a piece of evidence is about, against what was attested of it.
fn attested_journal(
    data: &DataDir,
    subject: String,
    evidence: &[u8],
    all: &mut Found,
) -> Result<(), DriftError> {
    // Bytes that are no statement were refused when the component was validated, and are nothing to compare now.
    let Some((run, number, attested)) = journal_in(evidence) else {
        return Ok(());
    };
    let executions = data.executions_of(&run)?;
    let found = match executions.iter().find(|one| one.number == number) {
        None => MISSING.to_owned(),
        Some(execution) => match journal_head(&execution.journal()) {
            Ok(head) => text_of(head.size, &hex::encode(head.root.0)),
            Err(error) => error.to_string(),
        },
    };
    if found != attested {
        all.add("evidence.journal", subject, attested, found);
    }
    Ok(())
}

/// The run, execution and journal that a statement names, if it is about one.
fn journal_in(evidence: &[u8]) -> Option<(Digest, u64, String)> {
    let envelope = DsseEnvelope::parse(evidence).ok()?;
    let predicate = InTotoStatement::parse(&envelope.payload).ok()?.predicate;
    let facts = &predicate["facts"];
    let run = facts["run-id"].as_str()?.strip_prefix("sha256:")?;
    let journal = &facts["journal"];
    let head = text_of(journal["size"].as_u64()?, journal["root"].as_str()?);
    Some((Digest::from_hex(run)?, facts["execution"].as_u64()?, head))
}

fn text_of(size: u64, root: &str) -> String {
    format!("{size} entries under {root}")
}

fn archive_bytes(archive: &PolicyArchive, digest: &Digest) -> Result<Option<String>, DriftError> {
    match archive.get(digest) {
        Ok(_) => Ok(None),
        Err(PolicyArchiveError::Missing { .. }) => Ok(Some(MISSING.to_owned())),
        Err(PolicyArchiveError::Changed { found, .. }) => Ok(Some(found.to_string())),
        Err(PolicyArchiveError::TooLong { bytes, .. }) => Ok(Some(format!("{bytes} bytes"))),
        Err(PolicyArchiveError::File(error)) => Err(error.into()),
    }
}
