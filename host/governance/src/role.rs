//! Roles, and the kinds of principals that hold them. What a role may do must never be known here.

use core::fmt;
use std::collections::BTreeSet;

/// A role of a principal.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Writes strategies and submits components.
    Author,
    /// Ingests market data.
    DataEngineer,
    /// Validates components on evidence.
    Reviewer,
    /// Approves components with their limits and policy.
    Approver,
    /// Starts runs.
    Operator,
    /// Reads everything.
    Auditor,
    /// Watches over evidence, retention and exceptions.
    Compliance,
    /// Gives roles and keys.
    Administrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::Author,
        Self::DataEngineer,
        Self::Reviewer,
        Self::Approver,
        Self::Operator,
        Self::Auditor,
        Self::Compliance,
        Self::Administrator,
    ];

    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::DataEngineer => "data-engineer",
            Self::Reviewer => "reviewer",
            Self::Approver => "approver",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Compliance => "compliance",
            Self::Administrator => "administrator",
        }
    }

    /// The role with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The roles of one principal.
pub type Roles = BTreeSet<Role>;

/// Whether a principal is a human being or a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PrincipalKind {
    /// A human being.
    Person,
    /// A program.
    Service,
}

impl PrincipalKind {
    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Person, Self::Service]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}
