//! From approved to released: a plan with a digest, a token that is spent once, and the release
//! that only a journal receipt can give.
//!
//! It must never know a key or a clock: what binds a token beyond this process is an
//! [`OrderAuthorization`](crate::gateway::OrderAuthorization), which a gateway makes of a release.

use alloc::vec::Vec;

use counterfoil_base::digest::Digest;

use crate::journal::Receipt;
use crate::order::Intent;
use crate::record;
use crate::risk::Approved;

/// The SHA-256 of a plan in canonical form.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PlanDigest(pub Digest);

/// An approved intent with its number in the run: two plans are never equal.
#[derive(Debug)]
#[must_use]
pub struct Plan {
    intent: Intent,
    digest: PlanDigest,
}

/// The permission to send one plan, once. It is spent by value and cannot be copied.
#[derive(Debug)]
#[must_use]
pub struct Token {
    sequence: u64,
    plan: PlanDigest,
}

/// Why a token does not fit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("token {sequence} was issued for another plan")]
pub struct TokenError {
    /// The token's number.
    pub sequence: u64,
}

/// A plan whose token was spent. It still waits for the journal.
#[derive(Debug)]
#[must_use]
pub struct Authorized {
    intent: Intent,
    digest: PlanDigest,
    sequence: u64,
}

/// What a venue may receive: authorized, and its decision accepted by the journal.
#[derive(Debug)]
#[must_use]
pub struct Released {
    intent: Intent,
    digest: PlanDigest,
    sequence: u64,
}

/// The counter from which tokens are derived.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TokenIssuer {
    issued: u64,
}

impl TokenIssuer {
    /// A plan for what was approved, and the one token that can authorize it.
    pub fn plan(&mut self, approved: &Approved) -> (Plan, Token) {
        let sequence = self.issued;
        self.issued = sequence.saturating_add(1);
        let mut bytes = Vec::with_capacity(64);
        // The number is in the digest, so two equal intents have two plans: the token of one cannot send
        // the other.
        record::encode_plan(&mut bytes, sequence, approved.intent());
        let digest = PlanDigest(Digest::of(&bytes));
        let plan = Plan {
            intent: *approved.intent(),
            digest,
        };
        (
            plan,
            Token {
                sequence,
                plan: digest,
            },
        )
    }
}

impl Plan {
    /// Spends the token.
    ///
    /// # Errors
    ///
    /// Returns [`TokenError`] if the token belongs to another plan; both are consumed then.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a token is spent by value: that is what makes it single-use"
    )]
    pub fn authorize(self, token: Token) -> Result<Authorized, TokenError> {
        // Taken apart, so that the token is spent whatever the answer is: a token that did not fit could
        // otherwise be tried on every plan until one fits.
        let Token { sequence, plan } = token;
        if plan != self.digest {
            return Err(TokenError { sequence });
        }
        Ok(Authorized {
            intent: self.intent,
            digest: self.digest,
            sequence,
        })
    }
}

impl Authorized {
    /// The plan's digest, for the record.
    #[must_use]
    pub fn digest(&self) -> PlanDigest {
        self.digest
    }

    /// The spent token's number, for the record.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Lets it out to the venue, now that the journal has the decision.
    pub fn release(self, _receipt: &Receipt) -> Released {
        // The receipt is not read. Only the journal can make one, so an order without a recorded decision
        // does not compile.
        Released {
            intent: self.intent,
            digest: self.digest,
            sequence: self.sequence,
        }
    }
}

impl Released {
    /// What to do.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// The digest of the plan that was authorized.
    #[must_use]
    pub fn digest(&self) -> PlanDigest {
        self.digest
    }

    /// The number of the token that was spent for it in this process; counts from 0 in every run.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}
