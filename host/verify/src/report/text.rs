//! The report as short plain lines. It must never decide what a finding means.

use core::fmt;

use counterfoil_base::text::harmless_line;

use super::{Completeness, Integrity, Rerun, VerifyReport};
use crate::times::{NANOS_PER_MS, TimesVerdict};

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(run_id), Some(execution)) = (&self.run_id, self.execution) {
            writeln!(f, "run:          {run_id}, execution {execution}")?;
        }
        writeln!(
            f,
            "read:         {}, {}, {}",
            count(self.entries, "record"),
            count(self.decisions, "decision"),
            count(self.checkpoints, "checkpoint")
        )?;
        match &self.integrity {
            Integrity::Intact => writeln!(f, "integrity:    intact")?,
            Integrity::IntactUpTo {
                covered,
                uncovered,
                torn_bytes,
            } => writeln!(
                f,
                "integrity:    intact up to the last checkpoint ({covered} records); behind it {uncovered} \
                 records without a signature and {torn_bytes} bytes of a torn record"
            )?,
            Integrity::Broken(_) => writeln!(f, "integrity:    BROKEN")?,
        }
        for finding in &self.findings {
            writeln!(f, "  {finding}")?;
        }
        match &self.rerun {
            Rerun::NotAsked => writeln!(f, "re-run:       skipped")?,
            Rerun::Agrees => writeln!(f, "re-run:       every record matches")?,
            Rerun::AgreesExceptFrom { index, why } => writeln!(
                f,
                "re-run:       every record matches, except that records from {index} on cannot \
                 all be derived: {why}"
            )?,
            Rerun::Stopped => writeln!(f, "re-run:       stopped at the first finding")?,
        }
        match &self.completeness {
            Completeness::Complete => writeln!(f, "completeness: complete")?,
            Completeness::Incomplete { why } => {
                writeln!(f, "completeness: INCOMPLETE")?;
                for why in why {
                    writeln!(f, "  {}", harmless_line(why))?;
                }
            }
            Completeness::Unknown { why } => {
                writeln!(f, "completeness: unknown: {}", harmless_line(why))?;
            }
        }
        self.times_text(f)?;
        if let Some(join) = &self.orders {
            write!(f, "{join}")?;
        }
        if let Some(anchors) = &self.anchors {
            write!(f, "{anchors}")?;
        }
        if let Some(close) = &self.closed {
            writeln!(
                f,
                "closed:       {}, equity {}",
                close.reason.name(),
                close.equity
            )?;
            writeln!(f, "decisions:    {}", close.decision_digest)?;
        }
        Ok(())
    }
}

impl VerifyReport {
    fn times_text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.times {
            // A backtest has none, and what was not looked at is told by the other verdicts.
            TimesVerdict::NotAsked | TimesVerdict::Backtest => Ok(()),
            TimesVerdict::InOrder {
                bound_nanos,
                with_orders,
                with_ledger,
            } => {
                let others = match (with_orders, with_ledger) {
                    (false, false) => "",
                    (true, false) => ", and with the order log's",
                    (false, true) => ", and with the ledger's",
                    (true, true) => ", and with those of order log and ledger",
                };
                let bound = bound_nanos / NANOS_PER_MS;
                writeln!(f, "times:        in order within {bound} ms{others}")
            }
            TimesVerdict::Wrong { why, more } => {
                writeln!(f, "times:        WRONG")?;
                for why in why {
                    writeln!(f, "  {why}")?;
                }
                if *more > 0 {
                    writeln!(f, "  and {more} more")?;
                }
                Ok(())
            }
        }
    }
}

/// The number with its noun.
fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn one_is_singular() {
        assert_eq!(count(1, "checkpoint"), "1 checkpoint");
        assert_eq!(count(0, "checkpoint"), "0 checkpoints");
    }
}
