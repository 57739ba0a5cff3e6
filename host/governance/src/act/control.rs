//! What acts of control speak of: exceptions, gates and their verdicts, drift, refusals. Whether a verdict is right
//! must never be known here: the policy engine says it, and anyone can ask it again.

use std::collections::BTreeSet;

use counterfoil_trading::time::UnixNanos;

use crate::id::Id;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome, GateReason};

/// A rule that is not kept for a while, and what stands in for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exception {
    /// The rule, by whatever code its policy gives it.
    pub rule: String,
    /// For what it is not kept.
    pub subject: Subject,
    /// Why.
    pub reason: String,
    /// What is done instead.
    pub control: String,
    /// Who answers for it.
    pub owner: Id,
    /// When it ends by itself.
    pub until: UnixNanos,
}

/// For what a rule is not kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// One component.
    Component(Digest),
    /// One account.
    Account(Id),
    /// Whatever is here.
    Installation,
}

/// What a policy bundle said of one input, signed by whoever asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// The gate.
    pub gate: Gate,
    /// What was asked about, see [`Gate`].
    pub subject: Digest,
    /// The policy bundle.
    pub bundle: Digest,
    /// The input document.
    pub input: Digest,
    /// What it said.
    pub outcome: GateOutcome,
    /// Every reason.
    pub reasons: Vec<GateReason>,
    /// The limits that the gate for limits gave.
    pub limits: Option<Digest>,
}

/// That somebody will do alone what takes two, for a while.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BreakGlass {
    /// The acts, by name.
    pub scope: BTreeSet<String>,
    /// Why.
    pub reason: String,
    /// When it ends by itself.
    pub until: UnixNanos,
}

/// A difference between what the ledger declares and what is there. Who records it is not who is
/// to blame for it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Drift {
    /// What kind of difference, by a stable code.
    pub rule: String,
    /// What differs: a component's digest, an account, a key's file.
    pub subject: String,
    /// What the ledger says.
    pub declared: String,
    /// What is there.
    pub found: String,
}

impl Drift {
    /// Its fields with their names.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &str); 4] {
        [
            ("rule", &self.rule),
            ("subject", &self.subject),
            ("declared", &self.declared),
            ("found", &self.found),
        ]
    }
}

/// What a program refused before it asked the ledger: a denial that is recorded at the word of
/// whoever asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The act, by name.
    pub act: String,
    /// What it was about.
    pub subject: String,
    /// By which rule, by its stable code.
    pub rule: String,
    /// Why.
    pub why: String,
}
