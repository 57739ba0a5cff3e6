//! Reports as short plain lines and as JSON. Nothing is judged here.

use core::fmt;

use serde_json::{Value, json};

use crate::finding::Finding;
use crate::proof::ProvedRecord;
use crate::report::{Completeness, Integrity, Report, Rerun};
use crate::time::rfc3339;

/// The text without control characters other than line ends. Whoever wrote a journal chose names
/// and reasons in it, and must not be able to drive the reader's terminal.
#[must_use]
pub fn harmless(text: &str) -> String {
    let harmless = |letter: char| match letter {
        '\n' => '\n',
        letter if letter.is_control() => char::REPLACEMENT_CHARACTER,
        letter => letter,
    };
    text.chars().map(harmless).collect()
}

/// The same on one line, so that a name cannot begin a line that looks like a verdict.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(run_id), Some(execution)) = (&self.run_id, self.execution) {
            let run_id = hex::encode(run_id);
            writeln!(f, "run:          sha256:{run_id}, execution {execution}")?;
        }
        writeln!(
            f,
            "read:         {} records, {} decisions, {} checkpoints",
            self.entries, self.decisions, self.checkpoints
        )?;
        match &self.integrity {
            Integrity::Intact => writeln!(f, "integrity:    intact")?,
            Integrity::IntactUpTo {
                covered,
                uncovered,
                torn_bytes,
            } => writeln!(
                f,
                "integrity:    intact up to its last checkpoint, which covers {covered} records; \
                 {uncovered} records after it are not covered, {torn_bytes} bytes are torn"
            )?,
            Integrity::Broken(_) => writeln!(f, "integrity:    BROKEN")?,
        }
        for finding in &self.findings {
            writeln!(f, "  {finding}")?;
        }
        match &self.rerun {
            Rerun::NotAsked => writeln!(f, "re-run:       not asked for")?,
            Rerun::Agrees => writeln!(f, "re-run:       every record is what the rules give")?,
            Rerun::AgreesExceptFrom { index, why } => writeln!(
                f,
                "re-run:       every record is what the rules give, except that from record \
                 {index} on not all can be derived: {why}"
            )?,
            Rerun::Stopped => writeln!(f, "re-run:       stopped")?,
        }
        match &self.completeness {
            Completeness::Complete => writeln!(f, "completeness: complete")?,
            Completeness::Incomplete { why } => {
                writeln!(f, "completeness: INCOMPLETE")?;
                for why in why {
                    writeln!(f, "  {why}")?;
                }
            }
            Completeness::Unknown { why } => writeln!(f, "completeness: unknown: {why}")?,
        }
        if let Some(close) = &self.closed {
            let digest = hex::encode(close.decision_digest);
            writeln!(
                f,
                "closed:       {}, equity {}",
                close.reason.name(),
                close.equity
            )?;
            writeln!(f, "decisions:    sha256:{digest}")?;
        }
        Ok(())
    }
}

impl Report {
    /// The report as JSON: integrity, re-run and completeness apart.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let hash = |bytes: &[u8; 32]| format!("sha256:{}", hex::encode(bytes));
        let bars = self.bars.iter().map(|one| {
            json!({
                "symbol": one.symbol, "bars": one.bars, "promised": one.promised,
                "first-close": one.closes.map(|(first, _)| rfc3339(first)),
                "last-close": one.closes.map(|(_, last)| rfc3339(last)),
            })
        });
        json!({
            "good": self.is_good(),
            "run": self.run_id.as_ref().map(hash),
            "execution": self.execution,
            "origin": self.origin,
            "host": self.host,
            "records": self.entries,
            "decisions": self.decisions,
            "refused-inputs": self.refused_inputs,
            "fills": self.fills,
            "checkpoints": self.checkpoints,
            "last-checkpoint": self.last_checkpoint.as_ref().map(|last| json!({
                "size": last.size, "root": last.root.to_string(),
            })),
            "decision-digest": self.decision_digest.as_ref().map(hash),
            "closed": self.closed.as_ref().map(|close| json!({
                "reason": close.reason.name(), "equity": close.equity.to_text(),
                "cash": close.cash.to_text(), "fees": close.fees.to_text(),
            })),
            "bars": bars.collect::<Vec<_>>(),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "integrity": self.integrity_json(),
            "re-run": self.rerun_json(),
            "completeness": self.completeness_json(),
        })
    }

    fn integrity_json(&self) -> Value {
        match &self.integrity {
            Integrity::Intact => json!({"verdict": "intact"}),
            Integrity::IntactUpTo {
                covered,
                uncovered,
                torn_bytes,
            } => json!({
                "verdict": "intact-up-to", "covered": covered, "uncovered": uncovered,
                "torn-bytes": torn_bytes,
            }),
            Integrity::Broken(first) => json!({"verdict": "broken", "finding": finding(first)}),
        }
    }

    fn rerun_json(&self) -> Value {
        match &self.rerun {
            Rerun::NotAsked => json!({"verdict": "not-asked"}),
            Rerun::Agrees => json!({"verdict": "agrees"}),
            Rerun::AgreesExceptFrom { index, why } => {
                json!({"verdict": "agrees-except-from", "index": index, "why": why})
            }
            Rerun::Stopped => json!({"verdict": "stopped"}),
        }
    }

    fn completeness_json(&self) -> Value {
        match &self.completeness {
            Completeness::Complete => json!({"verdict": "complete"}),
            Completeness::Incomplete { why } => json!({"verdict": "incomplete", "why": why}),
            Completeness::Unknown { why } => json!({"verdict": "unknown", "why": why}),
        }
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "index": finding.index,
        "kind": finding.kind,
        "instrument": finding.instrument,
        "close-time": finding.close_time.map(rfc3339),
        "cause": finding.cause.to_string(),
    })
}

impl fmt::Display for ProvedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run_id = hex::encode(self.run_id);
        writeln!(f, "run:    sha256:{run_id}, execution {}", self.execution)?;
        writeln!(
            f,
            "proved: record {} of {} that the signed checkpoint covers, a {} record",
            self.index, self.tree_size, self.kind
        )?;
        writeln!(f, "it says: {}", self.text)
    }
}

impl ProvedRecord {
    /// What was proved as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "good": true,
            "run": format!("sha256:{}", hex::encode(self.run_id)),
            "execution": self.execution,
            "index": self.index,
            "checkpoint": {"size": self.tree_size, "root": hex::encode(self.root)},
            "kind": self.kind,
            "text": self.text,
        })
    }
}
