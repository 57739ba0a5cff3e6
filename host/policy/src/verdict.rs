//! A gate's verdict: pass or fail with every reason, bound to the digests of the bundle and the input. Who asked,
//! and what is done with the verdict, must never be known here.

use counterfoil_trading::manifest::{ManifestError, RiskEntry, canonical_json};
use serde::{Deserialize, Serialize};

use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome, GateReason};

/// The format of a verdict.
pub const FORMAT: &str = "counterfoil-verdict/1";
/// The most reasons of one verdict: all of them must fit in one entry of the ledger.
pub const REASONS_MAX: usize = 64;
/// The most bytes of a reason's text.
pub const TEXT_BYTES_MAX: usize = 400;
/// The most bytes of a reason's code.
pub const CODE_BYTES_MAX: usize = 64;

/// Why the host refuses without a valid answer of the policy. The codes never change.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PolicyRefusal {
    /// There is no policy.
    Missing,
    /// The bundle cannot be read or compiled.
    Unreadable,
    /// The evaluation ended in an error.
    Error,
    /// The evaluation took more steps or time than it may.
    TimeOut,
    /// The evaluating process was ended, or ended itself, mostly for want of memory.
    Killed,
    /// The evaluating process could not be run, so the policy gave no answer.
    Unavailable,
    /// The policy has no answer for this input.
    Undefined,
    /// The answer does not have the form of an answer.
    Shape,
    /// The answer is too large.
    Output,
    /// The limits in the answer are invalid.
    Limits,
    /// The input has no canonical form: a fraction, a negative or a number of 2^53 and more.
    Input,
    /// The input is too large.
    InputSize,
}

impl PolicyRefusal {
    /// Every refusal.
    pub const ALL: [Self; 12] = [
        Self::Missing,
        Self::Unreadable,
        Self::Error,
        Self::TimeOut,
        Self::Killed,
        Self::Unavailable,
        Self::Undefined,
        Self::Shape,
        Self::Output,
        Self::Limits,
        Self::Input,
        Self::InputSize,
    ];

    /// The stable code. A policy's own codes never begin with `policy.`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "policy.missing",
            Self::Unreadable => "policy.unreadable",
            Self::Error => "policy.error",
            Self::TimeOut => "policy.time-out",
            Self::Killed => "policy.killed",
            Self::Unavailable => "policy.unavailable",
            Self::Undefined => "policy.undefined",
            Self::Shape => "policy.shape",
            Self::Output => "policy.output",
            Self::Limits => "policy.limits",
            Self::Input => "policy.input",
            Self::InputSize => "policy.input-size",
        }
    }
}

/// The verdict of the policy, or of the host in its place, at a gate.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyVerdict {
    format: String,
    pub gate: Gate,
    /// The digest of the policy bundle; `None` if there was no readable bundle.
    pub bundle: Option<Digest>,
    /// The digest of the input's canonical JSON; `None` if it has no such form.
    pub input: Option<Digest>,
    /// Pass or fail.
    pub outcome: GateOutcome,
    /// Every reason, in the order of code and text.
    pub reasons: Vec<GateReason>,
    /// The limits: `Some` if and only if the gate is the limits gate and the outcome is pass. Every value was
    /// parsed and checked.
    pub limits: Option<RiskEntry>,
}

/// Why bytes are not a verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerdictError {
    #[error("not the JSON of a verdict: {0}")]
    Json(#[from] serde_json::Error),
    #[error("not the one byte form of a verdict")]
    Form,
    #[error(transparent)]
    Value(#[from] ManifestError),
    #[error("a verdict has limits if and only if it passes the gate limits")]
    Limits,
}

/// What a verdict is bound to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VerdictDigests {
    /// The policy bundle's digest; `None` if there was no readable bundle.
    pub bundle: Option<Digest>,
    /// The digest of the input's canonical JSON; `None` if it has no such form.
    pub input: Option<Digest>,
}

impl PolicyVerdict {
    /// A verdict of the host: the policy was not evaluated, or its answer is invalid.
    #[must_use]
    pub fn refused(
        gate: Gate,
        digests: VerdictDigests,
        refusal: PolicyRefusal,
        text: &str,
    ) -> Self {
        let reason = GateReason {
            code: refusal.code().to_owned(),
            text: bounded(text),
        };
        Self {
            format: FORMAT.to_owned(),
            gate,
            bundle: digests.bundle,
            input: digests.input,
            outcome: GateOutcome::Fail,
            reasons: vec![reason],
            limits: None,
        }
    }

    /// The verdict of a policy that answered.
    pub(crate) fn of_policy(
        gate: Gate,
        digests: VerdictDigests,
        outcome: GateOutcome,
        mut reasons: Vec<GateReason>,
        limits: Option<RiskEntry>,
    ) -> Self {
        // Sorted, because a set in Rego has no sequence: the same answer must have the same bytes on every machine.
        reasons.sort_by(|a, b| (&a.code, &a.text).cmp(&(&b.code, &b.text)));
        Self {
            format: FORMAT.to_owned(),
            gate,
            bundle: digests.bundle,
            input: digests.input,
            outcome,
            reasons,
            limits,
        }
    }

    /// The digests that the verdict is bound to.
    #[must_use]
    pub const fn digests(&self) -> VerdictDigests {
        VerdictDigests {
            bundle: self.bundle,
            input: self.input,
        }
    }

    /// Whether the gate is open for the subject.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.outcome == GateOutcome::Pass
    }

    /// The verdict as canonical JSON (RFC 8785).
    ///
    /// # Errors
    ///
    /// Returns [`VerdictError`] if it has no such form, which no verdict made here lacks.
    pub fn encode(&self) -> Result<Vec<u8>, VerdictError> {
        Ok(canonical_json(&serde_json::to_value(self)?)?.into_bytes())
    }

    /// Decodes a verdict from its canonical JSON.
    ///
    /// # Errors
    ///
    /// Returns [`VerdictError`] if the bytes are not exactly what [`PolicyVerdict::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, VerdictError> {
        let verdict: Self = serde_json::from_slice(bytes)?;
        // Only the canonical form: JSON with duplicate keys or in another order could be read differently by
        // another parser.
        if verdict.format != FORMAT || verdict.encode()? != bytes {
            return Err(VerdictError::Form);
        }
        // A pass at this gate without limits would leave an account without any, and be recorded as approved.
        if verdict.limits.is_some() != (verdict.gate == Gate::Limits && verdict.passes()) {
            return Err(VerdictError::Limits);
        }
        if let Some(limits) = &verdict.limits {
            // Parsed now, not when the first run needs them: invalid limits must never be in force.
            limits.limits()?;
        }
        Ok(verdict)
    }

    /// What differs from `other`, by name; empty if nothing does.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let pairs = [
            ("gate", self.gate == other.gate),
            ("bundle", self.bundle == other.bundle),
            ("input", self.input == other.input),
            ("outcome", self.outcome == other.outcome),
            ("reasons", self.reasons == other.reasons),
            ("limits", self.limits == other.limits),
        ];
        let differ = pairs.into_iter().filter(|(_, same)| !same);
        differ.map(|(name, _)| name).collect()
    }
}

/// Limits as canonical JSON (RFC 8785).
///
/// # Errors
///
/// Returns [`ManifestError`] if they are invalid.
pub fn limits_bytes(limits: &RiskEntry) -> Result<Vec<u8>, ManifestError> {
    limits.limits()?;
    let value = serde_json::to_value(limits).map_err(|error| ManifestError::Json {
        message: error.to_string(),
    })?;
    Ok(canonical_json(&value)?.into_bytes())
}

/// The digest of limits: SHA-256 of [`limits_bytes`].
///
/// # Errors
///
/// Returns [`ManifestError`] if they are invalid.
pub fn limits_digest(limits: &RiskEntry) -> Result<Digest, ManifestError> {
    Ok(Digest::of(&limits_bytes(limits)?))
}

/// A text in one line, cut to the length of a reason.
pub(crate) fn bounded(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = words.join(" ");
    if line.len() > TEXT_BYTES_MAX {
        // Cut between characters: half a character is not UTF-8, and could not be recorded.
        let end = (0..=TEXT_BYTES_MAX)
            .rev()
            .find(|end| line.is_char_boundary(*end));
        line.truncate(end.unwrap_or(0));
    }
    line
}
