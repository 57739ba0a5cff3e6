//! The comparison with the ledger as lines and as JSON.

use core::fmt;

use counterfoil_base::text::harmless_line;
use serde_json::{Value, json};

use super::AnchorsReport;

impl fmt::Display for AnchorsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.unknown {
            return writeln!(f, "anchored:     could not tell: {}", harmless_line(why));
        }
        let Some(start) = self.start else {
            return writeln!(f, "anchored:     no: the ledger has no start of this run");
        };
        if !self.why.is_empty() {
            writeln!(f, "anchored:     NO")?;
            for why in &self.why {
                writeln!(f, "  {why}")?;
            }
            if self.more > 0 {
                writeln!(f, "  and {} more", self.more)?;
            }
            return Ok(());
        }
        let logs = if self.with_orders {
            "journal and order log agree"
        } else {
            "the journal agrees"
        };
        write!(
            f,
            "anchored:     {logs} with the ledger's records: start {start}"
        )?;
        if let Some((record, size)) = self.last {
            let anchors = self.anchors;
            write!(
                f,
                ", {anchors} anchors (the last in {record}, {size} records)"
            )?;
        }
        match self.end {
            Some(end) => writeln!(f, ", end {end}"),
            // What was added since the last anchor is under the log's key alone.
            None => writeln!(f, "; its end is not recorded yet"),
        }
    }
}

impl AnchorsReport {
    /// The comparison as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let verdict = match self.start {
            None if self.unknown.is_some() => "unknown",
            None => "not-started",
            Some(_) if self.why.is_empty() => "agrees",
            Some(_) => "contradicts",
        };
        json!({
            "verdict": verdict,
            "start": self.start,
            "anchors": self.anchors,
            "last": self.last.map(|(record, size)| json!({"record": record, "journal-size": size})),
            "end": self.end,
            "with-orders": self.with_orders,
            "unknown": self.unknown,
            "why": self.why,
            "more": self.more,
        })
    }
}
