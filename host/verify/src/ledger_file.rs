//! A whole ledger, verified with the log's public key alone: chain, checkpoints, signatures of actors, times, rules. Records
//! are read one at a time and none is kept, so memory grows with what they add up to and not with the file.

use core::fmt;
use core::num::NonZeroU64;
use std::io::{self, Read};

use counterfoil_base::text::harmless_line;
use counterfoil_governance::act::Act;
use counterfoil_governance::record::LedgerRecord;
use counterfoil_governance::state::LedgerState;
use counterfoil_journal::audit::{AuditedFrame, Auditor};
use counterfoil_journal::entry::{GENESIS, split};
use counterfoil_journal::frame::Frame;
use counterfoil_journal::hash::Hash;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::chunk::{ChunkReader, JournalChunk, JournalEnd};
use crate::ledger::LEDGER_ORIGIN;

/// What a ledger alone cannot show.
const NOT_SHOWN: &str = "that no record was cut off its end, and that you were shown the only ledger: compare size and root \
                         with what others hold";

/// The first record that does not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LedgerFinding {
    /// The record.
    pub index: u64,
    pub why: String,
}

/// What is known of a ledger after verification.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LedgerReport {
    /// The ledger's origin, once a checkpoint names it.
    pub origin: Option<String>,
    /// Records under a signed checkpoint, each judged again.
    pub records: u64,
    /// Those that are denied.
    pub denied: u64,
    /// The root over them.
    pub root: Option<Hash>,
    /// When the last one was signed, as its actor says.
    pub last_time: Option<UnixNanos>,
    /// Records behind the last checkpoint: they never took effect.
    pub unsigned: u64,
    /// Bytes at the end that are no whole record.
    pub torn_bytes: u64,
    pub finding: Option<LedgerFinding>,
}

impl LedgerReport {
    /// Whether every record holds. A record that a crash left without its checkpoint is no defect: it never took effect.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.finding.is_none() && self.records > 0
    }
}

/// What the ledger in `reader` holds, and whether it holds. `key` is any key that its log has or had.
///
/// # Errors
///
/// Returns the error of the reader. What is wrong with the ledger is in the report.
pub fn verify_ledger<R: Read>(reader: R, key: &PublicKey) -> io::Result<LedgerReport> {
    Ok(verify_ledger_state(reader, key)?.0)
}

/// As [`verify_ledger`], and what the records add up to where every one holds.
///
/// # Errors
///
/// As [`verify_ledger`].
pub fn verify_ledger_state<R: Read>(
    reader: R,
    key: &PublicKey,
) -> io::Result<(LedgerReport, Option<LedgerState>)> {
    let mut chunks = ChunkReader::new(reader);
    let mut walk = LedgerFileWalk {
        first: None,
        judging: None,
        waiting: None,
        previous: GENESIS,
        report: LedgerReport::default(),
    };
    while let Some(chunk) = chunks.next()? {
        if let Err(finding) = walk.chunk(&chunk) {
            walk.report.finding = Some(finding);
            return Ok((walk.report, None));
        }
    }
    if let JournalEnd::Bad(error) = chunks.end() {
        let why = error.to_string();
        let index = walk.report.records;
        walk.report.finding = Some(LedgerFinding { index, why });
        return Ok((walk.report, None));
    }
    Ok(walk.end(chunks.end(), key))
}

/// How far the walk has come.
struct LedgerFileWalk {
    /// The first entry, until the first checkpoint names the ledger.
    first: Option<Vec<u8>>,
    judging: Option<(Auditor, LedgerState)>,
    /// The record that waits for its checkpoint, with its index and the leaf hash before it.
    waiting: Option<(u64, Hash, Vec<u8>)>,
    previous: Hash,
    report: LedgerReport,
}

impl LedgerFileWalk {
    fn chunk(&mut self, chunk: &JournalChunk) -> Result<(), LedgerFinding> {
        for frame in chunk.frames() {
            let index = self.report.records;
            self.frame(frame)
                .map_err(|why| LedgerFinding { index, why })?;
        }
        Ok(())
    }

    fn frame(&mut self, frame: Frame<'_>) -> Result<(), String> {
        if self.judging.is_some() {
            return self.audited(frame);
        }
        match (frame, self.first.take()) {
            (Frame::Entry(entry), None) => {
                self.first = Some(entry.to_vec());
                Ok(())
            }
            (Frame::Checkpoint(note), Some(first)) => {
                self.judging = Some(self.begin(&first, note)?);
                self.audited(Frame::Entry(&first))?;
                self.audited(Frame::Checkpoint(note))
            }
            (Frame::Entry(_), Some(_)) => {
                Err("the checkpoint after the first record is missing".to_owned())
            }
            (Frame::Checkpoint(_), None) => Err("a ledger begins with a record".to_owned()),
        }
    }

    /// The walk behind the first record, under the key that the record itself names. Whether that key leads to the
    /// caller's is checked at the end: a rotation may come in between.
    fn begin(&mut self, first: &[u8], note: &[u8]) -> Result<(Auditor, LedgerState), String> {
        let text = core::str::from_utf8(note).map_err(|error| error.to_string())?;
        let origin = text.lines().next().unwrap_or_default();
        if !origin.starts_with(LEDGER_ORIGIN) {
            return Err(format!(
                "the first checkpoint is of {origin:?}, which is no ledger"
            ));
        }
        let (previous, body) = split(first, 0).map_err(|error| error.to_string())?;
        let record = LedgerRecord::decode(previous, body).map_err(|error| error.to_string())?;
        let Act::Genesis { log_key, .. } = record.signed.act else {
            return Err("a ledger begins with the act `genesis`".to_owned());
        };
        let key = VerifierKey::new(origin, &log_key.0).map_err(|error| error.to_string())?;
        let mut auditor = Auditor::new(key);
        // Between two checkpoints a record would be in the tree and would never be judged.
        auditor.set_cadence(NonZeroU64::MIN);
        self.report.origin = Some(origin.to_owned());
        Ok((auditor, LedgerState::new(origin, log_key)))
    }

    fn audited(&mut self, frame: Frame<'_>) -> Result<(), String> {
        let Some((auditor, state)) = &mut self.judging else {
            return Ok(());
        };
        match auditor.frame(frame).map_err(|error| error.to_string())? {
            AuditedFrame::Entry { index, leaf, body } => {
                self.waiting = Some((index, self.previous, body.to_vec()));
                self.previous = leaf;
            }
            AuditedFrame::Checkpoint(checkpoint) => {
                // Only a signed record is decoded and judged: what stands behind the last checkpoint is anybody's.
                let Some((index, previous, body)) = self.waiting.take() else {
                    return Ok(());
                };
                let before = state.log_key();
                judge(state, index, previous, &body, &mut self.report)?;
                self.report.records = checkpoint.size;
                self.report.root = Some(checkpoint.root);
                let now = state.log_key();
                if now != before {
                    // From the next checkpoint on only the new key counts; the old one may have been stolen.
                    let key = VerifierKey::new(state.origin(), &now.0);
                    auditor.set_key(key.map_err(|error| error.to_string())?);
                }
            }
        }
        Ok(())
    }

    fn end(mut self, end: JournalEnd, key: &PublicKey) -> (LedgerReport, Option<LedgerState>) {
        self.report.unsigned = u64::from(self.waiting.is_some() || self.first.is_some());
        if let JournalEnd::Torn(bytes) = end {
            self.report.torn_bytes = bytes;
        }
        let index = self.report.records;
        let why = match &self.judging {
            None => Some("no checkpoint follows: nothing in this ledger is signed".to_owned()),
            // A forger can write a whole ledger under a key of its own, and every record in it would hold.
            Some((_, state)) if !state.had_log_key(key) => Some(format!(
                "the ledger is under the key {}, which was not rotated from or to {key}",
                state.log_key()
            )),
            Some(_) => None,
        };
        self.report.finding = why.map(|why| LedgerFinding { index, why });
        let state = self.judging.map(|(_, state)| state);
        let state = state.filter(|_| self.report.is_good());
        (self.report, state)
    }
}

/// Judges a record again and applies it.
fn judge(
    state: &mut LedgerState,
    index: u64,
    previous: Hash,
    body: &[u8],
    report: &mut LedgerReport,
) -> Result<(), String> {
    let record = LedgerRecord::decode(previous, body).map_err(|error| error.to_string())?;
    let checked = state.check_time(&record.signed);
    checked.map_err(|found| found.to_string())?;
    report.last_time = Some(record.signed.time);
    // Judged again rather than believed: the log's holder could record any act as done, or hide one as denied.
    let judged = state.act(index, &record.signed).err();
    let rule = judged.as_ref().map(|denial| denial.rule);
    if rule != record.denied || (index == 0 && rule.is_some()) {
        let recorded = record.denied.map_or("done", |rule| rule.code());
        let judged = judged.map_or_else(|| "done".to_owned(), |denial| denial.to_string());
        return Err(format!(
            "recorded as {recorded}, but the rules give {judged}"
        ));
    }
    report.denied = report
        .denied
        .saturating_add(u64::from(record.denied.is_some()));
    Ok(())
}

impl LedgerReport {
    /// The report as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "good": self.is_good(),
            "file": "ledger",
            "ledger": self.origin,
            "records": self.records,
            "denied": self.denied,
            "root": self.root.as_ref().map(ToString::to_string),
            "last-time": self.last_time.map(UnixNanos::rfc3339),
            "unsigned": self.unsigned,
            "torn-bytes": self.torn_bytes,
            "finding": self.finding.as_ref().map(|one| json!({"index": one.index, "cause": one.why})),
            "not-shown": [NOT_SHOWN],
        })
    }
}

impl fmt::Display for LedgerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            writeln!(f, "ledger:       {}", harmless_line(origin))?;
        }
        writeln!(
            f,
            "read:         {} records, {} of them denials",
            self.records, self.denied
        )?;
        match &self.finding {
            Some(finding) => writeln!(
                f,
                "integrity:    BROKEN\n  record {}: {}",
                finding.index,
                harmless_line(&finding.why)
            )?,
            None => writeln!(f, "integrity:    every signature and rule holds")?,
        }
        if self.unsigned > 0 || self.torn_bytes > 0 {
            writeln!(
                f,
                "end:          {} record without a signature and {} bytes of a torn one, which never took effect",
                self.unsigned, self.torn_bytes
            )?;
        }
        if let (Some(root), Some(time)) = (&self.root, self.last_time) {
            writeln!(f, "root:         {root}")?;
            writeln!(f, "last act:     {}", time.rfc3339())?;
        }
        writeln!(f, "not shown:    {NOT_SHOWN}")
    }
}
