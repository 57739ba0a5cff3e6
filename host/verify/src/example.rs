//! The example beside the journal's format, read back from its hex into a journal's frames. It must never be taken for a
//! run: its manifest is `{}`.

use counterfoil_base::digest::Digest;
use counterfoil_journal::audit::{AuditSummary, Auditor};
use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::record::RunRecord;

use crate::chunk::body_of;
use crate::key_file::log_key;
use crate::opened::origin;

/// The manifest of the example: that of no run.
const EXAMPLE_MANIFEST: &[u8] = b"{}";
/// What stands in front of each note's text.
const NOTE_HEAD: &str = "\nThe note of size ";
/// What stands behind the last note.
const NOTES_END: &str = "\nDecision digest: ";
/// Where a note's text belongs.
const NOTE_PLACE: &str = "  note: ";

/// How many records and checkpoints of the example in `text` hold under the key.
///
/// # Errors
///
/// Returns what does not hold.
pub fn verify_example(text: &str, key: &PublicKey) -> Result<AuditSummary, String> {
    let bytes = journal_of(text)?;
    let mut frames = FrameReader::new();
    let mut rest = &bytes[..];
    let mut auditor: Option<Auditor> = None;
    loop {
        let parsed = frames.parse(rest).map_err(|error| error.to_string())?;
        rest = rest.get(parsed.consumed..).unwrap_or_default();
        let Some(frame) = parsed.frame else { break };
        let mut audit = match auditor.take() {
            Some(audit) => audit,
            None => Auditor::new(key_of(frame, key)?),
        };
        audit.frame(frame).map_err(|error| error.to_string())?;
        auditor = Some(audit);
    }
    let torn = u64::try_from(rest.len()).unwrap_or(u64::MAX);
    let summary = auditor.ok_or("the example has no record")?.finish(torn);
    // A last record without its checkpoint would be one that nobody signed.
    if summary.is_sealed() {
        Ok(summary)
    } else {
        Err("the example's last checkpoint is missing".to_owned())
    }
}

fn key_of(first: Frame<'_>, key: &PublicKey) -> Result<VerifierKey, String> {
    let no_open = || "the example does not begin with an open record".to_owned();
    let Frame::Entry(entry) = first else {
        return Err(no_open());
    };
    let body = body_of(entry, 0).ok_or_else(no_open)?;
    let Ok(RunRecord::Open(open)) = RunRecord::decode(body) else {
        return Err(no_open());
    };
    // Text that anybody can write, without a re-run and without completeness, must not stand for a run.
    if open.run_id != Digest::of(EXAMPLE_MANIFEST) {
        return Err("it is a run, and an example is none; verify the journal itself".to_owned());
    }
    log_key(key, &origin(&open.run_id, open.execution)).map_err(|error| error.to_string())
}

/// The bytes of the journal that the text writes out.
fn journal_of(text: &str) -> Result<Vec<u8>, String> {
    let (frames, notes) = text
        .split_once(NOTE_HEAD)
        .ok_or("the example has no note")?;
    let notes = notes
        .split_once(NOTES_END)
        .map_or(notes, |(notes, _)| notes);
    let mut notes = notes.split(NOTE_HEAD).map(|note| {
        // Behind the size and an empty line.
        note.split_once("\n\n").map(|(_, note)| note)
    });
    let mut bytes = Vec::new();
    for line in frames.lines() {
        if let Some(digits) = line.strip_prefix("    ") {
            let part = hex::decode(digits).map_err(|_| format!("{digits:?} is not hex"))?;
            bytes.extend_from_slice(&part);
        } else if line.starts_with(NOTE_PLACE) {
            let note = notes
                .next()
                .flatten()
                .ok_or("a note of the example is missing")?;
            bytes.extend_from_slice(note.as_bytes());
        }
    }
    Ok(bytes)
}
