//! What acts on people speak of: approval classes and delegation. Who belongs to a class must
//! never be known here.

use std::collections::BTreeSet;

use counterfoil_trading::time::UnixNanos;

use crate::id::Id;
use crate::role::{Role, Roles};

/// A set of people of whom some must sign what the class is asked about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ApprovalClass {
    /// Principals, keys, roles, the log's key and its holder, and the classes themselves.
    Administration,
    /// The policy in force and the risk limits of accounts.
    Risk,
    /// Digest sets of components.
    Promotion,
    /// Exceptions, budgets, and what was stopped in an emergency.
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

    /// The fewest people that ever sign: the approvals needed grow with the risk.
    #[must_use]
    pub const fn approvals_min(self) -> u64 {
        match self {
            Self::Administration | Self::Risk => 2,
            Self::Promotion | Self::Operations => 1,
        }
    }

    /// Who belongs to the class until somebody says otherwise.
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

/// Who belongs to a class, and how many of them must sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApprovalClassRules {
    pub class: ApprovalClass,
    /// Every person with one of these roles belongs to it.
    pub roles: Roles,
    /// And so do these.
    pub members: BTreeSet<Id>,
    /// How many must sign.
    pub approvals: u64,
}

/// That somebody speaks for a member of a class, for a while.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delegation {
    pub class: ApprovalClass,
    /// Who speaks for the one who delegates.
    pub to: Id,
    /// When it ends by itself.
    pub until: UnixNanos,
    pub reason: String,
}
