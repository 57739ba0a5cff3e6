//! The bytes that a witness signs, and the check of its signature over them. It must never know how a note or a
//! checkpoint is written.

use alloc::{format, string::String};

use crate::key::VerifierKey;

/// The latest time a cosignature may hold, in seconds since 1970-01-01T00:00:00Z.
///
/// Source: C2SP tlog-cosignature, format.
pub const TIME_MAX: u64 = (1 << 63) - 1;

/// The message that a witness signs at `time` under the checkpoint `text`.
///
/// Source: C2SP tlog-cosignature, Ed25519 signed message.
pub(crate) fn witness_message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// The time in `signature`, if `key` signed `text` at that time.
pub(crate) fn signed_time(text: &str, key: &VerifierKey, signature: &[u8]) -> Option<u64> {
    let (time, signature) = signature.split_first_chunk()?;
    // The time is beside the signature and unsigned, but it is part of the message: a changed time makes
    // another message, under which the signature does not verify.
    let time = u64::from_be_bytes(*time);
    let by_key = key.signed(
        witness_message(text, time).as_bytes(),
        signature.try_into().ok()?,
    );
    (by_key && time <= TIME_MAX).then_some(time)
}
