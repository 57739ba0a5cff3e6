//! The report as short plain lines. It must never decide what a finding means.

use core::fmt;

use super::{Completeness, Integrity, Rerun, VerifyReport};

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
                    writeln!(f, "  {why}")?;
                }
            }
            Completeness::Unknown { why } => writeln!(f, "completeness: unknown: {why}")?,
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
