//! Contents of acts of control: exceptions, verdicts, break-glass, drift, refusals. Whether a verdict is
//! right must never be decided here: the policy can be evaluated again at any time.

use std::collections::BTreeSet;

use counterfoil_trading::time::UnixNanos;

use crate::id::Id;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome, GateReason};

/// Waives one rule of the policy for a while, under a compensating control.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyException {
    /// The rule's code in the policy.
    pub rule: String,
    /// What it is waived for.
    pub subject: ExceptionSubject,
    pub reason: String,
    /// The compensating control.
    pub control: String,
    /// Who is responsible for it.
    pub owner: Id,
    /// When it expires.
    pub until: UnixNanos,
}

/// What an exception applies to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ExceptionSubject {
    Component(Digest),
    Account(Id),
    /// Every component and account.
    Installation,
}

/// A policy's verdict on one input, recorded by the principal who asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GateVerdict {
    pub gate: Gate,
    /// The digest of what was asked about, see [`Gate`].
    pub subject: Digest,
    /// The policy bundle.
    pub bundle: Digest,
    /// The input document.
    pub input: Digest,
    pub outcome: GateOutcome,
    pub reasons: Vec<GateReason>,
    /// The limits that the policy gave; only at the gate for limits, and only if it passed.
    pub limits: Option<Digest>,
}

/// Temporarily waives the two-person rule for the named acts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BreakGlass {
    /// The acts, by name.
    pub scope: BTreeSet<String>,
    pub reason: String,
    /// When it expires.
    pub until: UnixNanos,
}

/// A difference between what the ledger declares and what the machine holds. Its recorder is not
/// thereby its cause.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DriftFinding {
    /// The kind of difference, by its stable code.
    pub rule: String,
    /// What differs: a component's digest, an account, a key's file.
    pub subject: String,
    /// What the ledger declares.
    pub declared: String,
    /// What the machine holds.
    pub found: String,
}

impl DriftFinding {
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

/// A request that the host refused before it asked the ledger, recorded by the principal who asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostRefusal {
    /// The act, by name.
    pub act: String,
    /// What it was about.
    pub subject: String,
    /// The rule's stable code.
    pub rule: String,
    pub why: String,
}
