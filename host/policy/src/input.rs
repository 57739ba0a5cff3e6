//! The inputs of the gates: one type per gate, so that no caller can leave a field out. Numbers are integers from 0
//! to 2^53 - 1, times are seconds since 1970 in UTC, digests are texts.

use counterfoil_trading::time::UnixNanos;
use serde::Serialize;
use serde_json::Value;

use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;

mod limits;
mod promotion;
mod start;

pub use limits::{AccountInput, AskedLimits, LimitsInput};
pub use promotion::{
    AdmissionInput, ComponentInput, EvidenceInput, LookAheadInput, PromotionInput, ReplayInput,
    ReviewersInput, SnapshotQualityInput, ThresholdsInput, UnitTestsInput,
};
pub use start::{AuthorizationInput, KillInput, OperatorsInput, RetrospectiveInput, StartInput};

/// The format of an input.
pub const FORMAT: &str = "counterfoil-policy-input/1";

/// A moment in whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// The last whole second that is not after the moment: for "now" and for ends, so that nothing is valid a
    /// fraction of a second too long.
    #[must_use]
    pub fn before(time: UnixNanos) -> Self {
        // A time before 1970 becomes 0, since inputs have no negative numbers. No authorization or exception
        // begins that early.
        Self(u64::try_from(time.0.div_euclid(1_000_000_000)).unwrap_or(0))
    }

    /// The first whole second that is not before the moment: for beginnings.
    #[must_use]
    pub fn after(time: UnixNanos) -> Self {
        Self::before(UnixNanos(time.0.saturating_add(999_999_999)))
    }
}

/// The exact digest set that people approve.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct DigestSetInput {
    pub component: Digest,
    /// The limits that it runs under.
    pub limits: Digest,
    /// The policy bundle.
    pub policy: Digest,
    pub evidence: Digest,
}

/// A recorded exception to a rule.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ExceptionInput {
    /// The ledger's entry that granted it.
    pub entry: u64,
    /// The rule, by the code of its reason.
    pub rule: String,
    /// The component that it is for, if any.
    pub component: Option<Digest>,
    /// The account that it is for, if any; with neither it is for the whole installation.
    pub account: Option<String>,
    /// Why the rule is waived.
    pub reason: String,
    /// The compensating control.
    pub control: String,
    /// The principal responsible for it.
    pub owner: String,
    /// The principal who granted it.
    pub approver: String,
    /// When it ends.
    pub until: UnixSeconds,
}

/// The input of a gate.
pub trait GateInput: Serialize {
    /// The gate.
    const GATE: Gate;

    /// The document that the policy sees as `input`: the fields, and `format` and `gate`.
    ///
    /// # Errors
    ///
    /// Returns the error of the JSON writer, which no value of these types causes.
    fn document(&self) -> Result<Value, serde_json::Error> {
        #[derive(Serialize)]
        struct InputDocument<'a, T: ?Sized> {
            format: &'static str,
            gate: Gate,
            #[serde(flatten)]
            fields: &'a T,
        }
        // Format and gate are set here, not by the caller: a document of one gate must not be usable at another.
        serde_json::to_value(InputDocument {
            format: FORMAT,
            gate: Self::GATE,
            fields: self,
        })
    }
}

impl GateInput for PromotionInput {
    const GATE: Gate = Gate::Promotion;
}

impl GateInput for StartInput {
    const GATE: Gate = Gate::Start;
}

impl GateInput for LimitsInput {
    const GATE: Gate = Gate::Limits;
}
