//! The gates at which a policy is asked. What a gate needs to know is in [`crate::input`].

use serde::{Deserialize, Serialize};

/// Where a policy is asked.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// A component is about to be approved for use.
    Promotion,
    /// A run is about to start.
    Start,
    /// The risk limits of an account are about to be set.
    Limits,
}

impl Gate {
    /// Every gate.
    pub const ALL: [Self; 3] = [Self::Promotion, Self::Start, Self::Limits];

    /// The name, in documents and commands.
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
        Self::ALL.into_iter().find(|gate| gate.name() == name)
    }

    /// The rule that answers at this gate.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Promotion => "data.counterfoil.promotion.verdict",
            Self::Start => "data.counterfoil.start.verdict",
            Self::Limits => "data.counterfoil.limits.verdict",
        }
    }
}
