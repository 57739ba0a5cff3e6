//! The policy gates, what a policy answers at one, and why. The names are those of records and documents,
//! and never change.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

/// A point at which the policy is asked.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Before a component becomes approved; the subject is the digest set's digest.
    Promotion,
    /// Before a run starts; the subject is the authorization's digest.
    Start,
    /// Before an account's risk limits change; the subject is the account's digest.
    Limits,
}

impl Gate {
    /// Every gate.
    pub const ALL: [Self; 3] = [Self::Promotion, Self::Start, Self::Limits];

    /// The name in records, documents and commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promotion => "promotion",
            Self::Start => "start",
            Self::Limits => "limits",
        }
    }

    /// The gate with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        // An unknown name is an error: a misspelled gate must not open another.
        Self::ALL.into_iter().find(|gate| gate.name() == name)
    }
}

/// A policy's answer at a gate.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateOutcome {
    /// The gate opens.
    Pass,
    /// The gate stays shut.
    Fail,
}

impl GateOutcome {
    /// The name in records and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }

    /// The outcome with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pass, Self::Fail]
            .into_iter()
            .find(|outcome| outcome.name() == name)
    }
}

/// One reason of a policy's answer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GateReason {
    /// The rule, by its stable code.
    pub code: String,
    /// The explanation for people.
    pub text: String,
}

impl fmt::Display for GateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}
