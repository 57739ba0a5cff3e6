//! Contents of acts on people: approval classes and delegation. Who belongs to a class now must never be
//! known here.

use std::collections::BTreeSet;

use counterfoil_trading::time::UnixNanos;

use crate::id::Id;
use crate::role::{Role, Roles};

/// A group of people, some of whom must sign the acts of the class.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ApprovalClass {
    /// Signs for principals, keys, roles, the log's key and its holder, and the classes themselves.
    Administration,
    /// Signs for the policy in force and the risk limits of accounts.
    Risk,
    /// Signs for the digest sets of components.
    Promotion,
    /// Signs for exceptions, budgets, and the lifting of kill switches.
    Operations,
}

impl ApprovalClass {
    /// Every class.
    pub const ALL: [Self; 4] = [
        Self::Administration,
        Self::Risk,
        Self::Promotion,
        Self::Operations,
    ];

    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administration => "administration",
            Self::Risk => "risk",
            Self::Promotion => "promotion",
            Self::Operations => "operations",
        }
    }

    /// The class with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The fewest signatures the class can be set to; it grows with the risk.
    #[must_use]
    pub const fn approvals_min(self) -> u64 {
        match self {
            Self::Administration | Self::Risk => 2,
            Self::Promotion | Self::Operations => 1,
        }
    }

    /// The members and signatures of the class until an act sets others.
    #[must_use]
    pub fn first(self) -> ApprovalClassRules {
        let roles: &[Role] = match self {
            Self::Administration => &[Role::Administrator],
            Self::Risk => &[Role::Approver, Role::Compliance],
            Self::Promotion | Self::Operations => &[Role::Approver],
        };
        ApprovalClassRules {
            class: self,
            roles: roles.iter().copied().collect(),
            members: BTreeSet::new(),
            approvals: self.approvals_min(),
        }
    }
}

/// The members of an approval class and the number of signatures it takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApprovalClassRules {
    pub class: ApprovalClass,
    /// Every person with one of these roles belongs to it.
    pub roles: Roles,
    /// These people belong to it as well.
    pub members: BTreeSet<Id>,
    /// How many must sign.
    pub approvals: u64,
}

/// Lets a person vote for a member of a class until a date.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delegation {
    pub class: ApprovalClass,
    /// Who votes for the member.
    pub to: Id,
    /// When it expires.
    pub until: UnixNanos,
    pub reason: String,
}
