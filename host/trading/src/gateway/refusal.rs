//! Why a gateway refuses a token. The codes are stable.

/// Why a gateway refuses a token, or withholds what it would let through.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TokenRefusal {
    /// It was used before.
    Spent,
    /// It, its signature or the plan it comes with is not what was authorized.
    Altered,
    /// Its last valid moment has passed.
    Expired,
    /// It belongs to another run, execution or approver, or to a process that has ended.
    Foreign,
    /// It was issued under a lease of the account that is over.
    StaleLease,
    /// It was issued under another policy.
    OtherPolicy,
    /// It was issued under other limits.
    OtherLimits,
    /// No durable decision approved its plan.
    NoVerdict,
    /// Something would be sent before its token was spent.
    NotSpent,
    /// It is unknown whether the venue has it: only a lookup may follow.
    NotResolved,
    /// The run, its account or the installation is stopped.
    Stopped,
}

impl TokenRefusal {
    /// Every refusal, in the sequence of its number in the order log: append only.
    pub const ALL: [Self; 11] = [
        Self::Spent,
        Self::Altered,
        Self::Expired,
        Self::Foreign,
        Self::StaleLease,
        Self::OtherPolicy,
        Self::OtherLimits,
        Self::NoVerdict,
        Self::NotSpent,
        Self::NotResolved,
        Self::Stopped,
    ];

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Spent => "token.spent",
            Self::Altered => "token.altered",
            Self::Expired => "token.expired",
            Self::Foreign => "token.foreign",
            Self::StaleLease => "token.stale-lease",
            Self::OtherPolicy => "token.other-policy",
            Self::OtherLimits => "token.other-limits",
            Self::NoVerdict => "token.no-verdict",
            Self::NotSpent => "token.not-spent",
            Self::NotResolved => "token.not-resolved",
            Self::Stopped => "token.stopped",
        }
    }

    /// The sentence that goes with the code.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Spent => "the token was spent before",
            Self::Altered => "the token, its signature or its plan is not what was authorized",
            Self::Expired => "the token's time is over",
            Self::Foreign => "the token is of another run, execution, approver or process",
            Self::StaleLease => "the account's lease has a new holder since the token was issued",
            Self::OtherPolicy => "the token was issued under another policy",
            Self::OtherLimits => "the token was issued under other limits",
            Self::NoVerdict => "no durable decision approved the plan",
            Self::NotSpent => "nothing is sent before its token is spent",
            Self::Stopped => "the run, its account or the installation is stopped",
            Self::NotResolved => "unknown whether the venue has it: look it up first",
        }
    }
}

impl core::fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.code(), self.sentence())
    }
}

impl core::error::Error for TokenRefusal {}
