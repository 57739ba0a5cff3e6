//! An order log's report as text and JSON, and the join's. It must never decide what a finding means.

use core::fmt;

use counterfoil_base::text::harmless_line;
use serde_json::{Value, json};

use super::{LimitsJoin, OrderLogFinding, OrderLogReport, OrdersJoin};

/// What an order log alone cannot show.
const NOT_SHOWN: &str = "that its tokens are for decided plans and under the manifest's limits: verify the journal with --orders";

impl fmt::Display for OrderLogReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(of) = &self.of {
            writeln!(
                f,
                "order log:    of run {}, execution {}, account {} at {}",
                of.run,
                of.execution,
                harmless_line(&of.account),
                harmless_line(&of.venue)
            )?;
        }
        writeln!(
            f,
            "read:         {} records, {} tokens spent, {} orders ended",
            self.records, self.spent, self.ended
        )?;
        match &self.finding {
            Some(finding) => writeln!(f, "integrity:    BROKEN\n  {finding}")?,
            None if self.unsigned > 0 || self.torn_bytes > 0 => writeln!(
                f,
                "integrity:    intact up to the last checkpoint; behind it {} records without a signature and {} bytes \
                 of a torn record",
                self.unsigned, self.torn_bytes
            )?,
            None => writeln!(f, "integrity:    intact")?,
        }
        match &self.backward {
            Some(finding) => writeln!(f, "times:        WRONG\n  {finding}")?,
            None => writeln!(f, "times:        never backward")?,
        }
        writeln!(f, "not shown:    {NOT_SHOWN}")
    }
}

impl fmt::Display for OrderLogFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}", self.index, harmless_line(&self.why))
    }
}

impl OrderLogReport {
    /// The report as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let finding = |finding: &Option<OrderLogFinding>| {
            finding
                .as_ref()
                .map(|one| json!({"index": one.index, "cause": one.why}))
        };
        json!({
            "good": self.is_good(),
            "file": "order-log",
            "run": self.of.as_ref().map(|of| of.run),
            "execution": self.of.as_ref().map(|of| of.execution),
            "account": self.of.as_ref().map(|of| &of.account),
            "venue": self.of.as_ref().map(|of| &of.venue),
            "records": self.records,
            "tokens-spent": self.spent,
            "orders-ended": self.ended,
            "unsigned": self.unsigned,
            "torn-bytes": self.torn_bytes,
            "finding": finding(&self.finding),
            "times-finding": finding(&self.backward),
            "not-shown": [NOT_SHOWN],
        })
    }
}

impl fmt::Display for OrdersJoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.why.is_empty() {
            writeln!(
                f,
                "orders:       {} tokens spent, each for one of {} decided plans",
                self.spent, self.plans
            )?;
        } else {
            writeln!(f, "orders:       DIFFER")?;
            for why in &self.why {
                writeln!(f, "  {why}")?;
            }
        }
        write!(f, "limits:       {}", self.limits)
    }
}

impl fmt::Display for LimitsJoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut named = Vec::new();
        if self.alone {
            named.push("these alone".to_owned());
        }
        let accounts = self.accounts.iter();
        named.extend(accounts.map(|account| format!("these with the account's, {account}")));
        if self.is_open {
            // Not a finding: whoever has the file can join them.
            named.push("others; give the account's file with --limits to join them".to_owned());
        }
        if named.is_empty() {
            named.push("none".to_owned());
        }
        let named = named.join("; ");
        writeln!(
            f,
            "the manifest's are {}; tokens name {named}",
            self.manifest
        )
    }
}

impl OrdersJoin {
    /// The same as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "verdict": if self.why.is_empty() { "agrees" } else { "differs" },
            "plans": self.plans,
            "tokens-spent": self.spent,
            "why": self.why,
            "limits": {
                "manifest": self.limits.manifest,
                "account": self.limits.accounts,
                "without-account": self.limits.alone,
                "open": self.limits.is_open,
            },
        })
    }
}
