//! The token as it leaves the process: everything it is bound to, in one canonical form. It must
//! never know how it is signed.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use counterfoil_base::digest::Digest;

use super::TokenRefusal;
use crate::cbor::{self, CborError, CborReader};
use crate::plan::PlanDigest;
use crate::time::UnixNanos;

/// The version of the form.
const VERSION: u64 = 1;

/// The permission to send one plan of one run, once, while everything it names still holds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct OrderAuthorization {
    /// The run id.
    pub run: Digest,
    /// Which execution of it.
    pub execution: u64,
    /// The number of the plan in the run, from 0.
    pub sequence: u64,
    /// The digest of the plan, which the decision record holds too.
    pub plan: PlanDigest,
    /// The digest of the policy that the run was started under.
    pub policy: Digest,
    /// The digest of the limits that the verdict was given by.
    pub limits: Digest,
    /// The public key of the runner, which approves.
    pub approver: [u8; 32],
    /// The fencing token of the account's lease.
    pub fencing_token: u64,
    /// The last moment at which it may be spent.
    pub not_after: UnixNanos,
}

impl OrderAuthorization {
    /// Appends the authorization in its canonical form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 10);
        cbor::put_u64(out, VERSION);
        cbor::put_bytes(out, self.run.bytes());
        cbor::put_u64(out, self.execution);
        cbor::put_u64(out, self.sequence);
        for digest in [self.plan.0, self.policy, self.limits] {
            cbor::put_bytes(out, digest.bytes());
        }
        cbor::put_bytes(out, &self.approver);
        cbor::put_u64(out, self.fencing_token);
        cbor::put_i64(out, self.not_after.0);
    }

    /// The authorization in `bytes`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`OrderAuthorization::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut reader = CborReader::new(bytes);
        reader.array_of(10, "an authorization of 10 items")?;
        if reader.u64()? != VERSION {
            return Err(CborError {
                offset: 1,
                expected: "an authorization of version 1",
            });
        }
        let authorization = Self {
            run: reader.digest()?,
            execution: reader.u64()?,
            sequence: reader.u64()?,
            plan: PlanDigest(reader.digest()?),
            policy: reader.digest()?,
            limits: reader.digest()?,
            approver: reader.bytes_32()?,
            fencing_token: reader.u64()?,
            not_after: UnixNanos(reader.i64()?),
        };
        // Bytes behind the last field would be signed and never compared with anything.
        reader.end()?;
        Ok(authorization)
    }

    /// The SHA-256 of the canonical form: what is signed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::with_capacity(256);
        self.encode(&mut bytes);
        Digest::of(&bytes)
    }
}

/// What a gateway compares a token with: the run it serves and the conditions of this moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenContext {
    /// The run it serves.
    pub run: Digest,
    /// Which execution of it.
    pub execution: u64,
    /// The digest of the policy that the run was started under.
    pub policy: Digest,
    /// The digest of the limits in force.
    pub limits: Digest,
    /// The runner's public key.
    pub approver: [u8; 32],
    /// The fencing token of the account's lease.
    pub fencing_token: u64,
    /// The time.
    pub now: UnixNanos,
}

/// Checks everything a token is bound to. `decided` is the plan that a durable decision approved
/// under the token's number, if one did.
///
/// Whether it was spent is the order's [`SubmissionState`](super::SubmissionState). The holder of the key checks the
/// signature; a bad one counts as [`TokenRefusal::Altered`].
///
/// # Errors
///
/// Returns the first [`TokenRefusal`] that applies.
pub fn check_token(
    token: &OrderAuthorization,
    context: &TokenContext,
    decided: Option<PlanDigest>,
) -> Result<(), TokenRefusal> {
    // Whose token it is comes first: the other fields of a foreign token mean nothing here.
    let of = (token.run, token.execution, token.approver);
    if of != (context.run, context.execution, context.approver) {
        return Err(TokenRefusal::Foreign);
    }
    match decided {
        // An order without a durable decision would be one that no journal explains after a crash.
        None => return Err(TokenRefusal::NoVerdict),
        // A genuine number with another plan: the order was exchanged after the decision.
        Some(plan) if plan != token.plan => return Err(TokenRefusal::Altered),
        Some(_) => {}
    }
    // A process that lost the lease and wakes up later still holds tokens that are good in every other
    // field: only the number shows that another process trades the account now.
    if token.fencing_token != context.fencing_token {
        return Err(TokenRefusal::StaleLease);
    }
    // Approved under a policy that no longer applies: today the verdict might be another.
    if token.policy != context.policy {
        return Err(TokenRefusal::OtherPolicy);
    }
    // The same for limits that were tightened since.
    if token.limits != context.limits {
        return Err(TokenRefusal::OtherLimits);
    }
    // An order that waited this long was decided at a price that is gone.
    if context.now > token.not_after {
        return Err(TokenRefusal::Expired);
    }
    Ok(())
}

/// The name of an order at the venue: 34 letters and digits, which every venue's client order id
/// takes. It follows from run, execution and sequence alone, so that a retry has the same.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct VenueOrderId(String);

impl VenueOrderId {
    /// The name of the order that this plan of a run sends.
    #[must_use]
    pub fn new(run: &Digest, execution: u64, sequence: u64) -> Self {
        let mut bytes = Vec::with_capacity(64);
        cbor::put_array(&mut bytes, 3);
        cbor::put_bytes(&mut bytes, run.bytes());
        cbor::put_u64(&mut bytes, execution);
        cbor::put_u64(&mut bytes, sequence);
        // No time and no randomness go in: after a crash the retry has the same name, and the venue
        // refuses it as a duplicate instead of filling the order twice.
        let digest = Digest::of(&bytes);
        // 128 bits: two orders never meet by chance.
        let half = digest.bytes().split_at(16).0;
        Self(alloc::format!("cf{}", hex::encode(half)))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VenueOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
