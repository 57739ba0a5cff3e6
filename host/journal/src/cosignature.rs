//! Cosignatures: a witness states that, as of some time, a checkpoint was the newest of its
//! log and consistent with all before. The witness's own memory is kept elsewhere.

use alloc::vec::Vec;

use crate::{
    checkpoint::{Checkpoint, CheckpointError},
    key::{KeyId, SignatureType, VerifierKey, check_name},
    note::{Note, SignatureLine, VerifiedSignature},
    signer::{SignError, Signer},
    witness_message::witness_message,
};

pub use crate::witness_message::TIME_MAX;

/// A witness's word on a checkpoint, found to be by its key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cosignature {
    /// The witness's key.
    pub witness: VerifierKey,
    /// When it signed, in seconds since 1970-01-01T00:00:00Z.
    pub time: u64,
}

/// A checkpoint with the cosignatures of the witnesses that were asked about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cosigned {
    /// The checkpoint, signed by its log.
    pub checkpoint: Checkpoint,
    /// One for each known witness that signed.
    pub cosignatures: Vec<Cosignature>,
}

impl Cosigned {
    /// The checkpoint in `note`, signed by one of the `log` keys, and who of `witnesses`
    /// signed it. How many are enough is for the caller to say.
    ///
    /// # Errors
    ///
    /// Returns a [`CheckpointError`] if the checkpoint is not as [`Checkpoint::open`] wants
    /// it, or if a line under a witness's name is not by that witness.
    pub fn open(
        note: &[u8],
        log: &[VerifierKey],
        witnesses: &[VerifierKey],
    ) -> Result<Self, CheckpointError> {
        // The log's own signature is needed whatever the witnesses say: witnesses attest order, not authorship.
        let checkpoint = Checkpoint::open(note, log)?;
        let keys = [log, witnesses].concat();
        let verified = Note::parse(note)?.verify(&keys)?;
        let cosignature = |by: VerifiedSignature<'_>| {
            by.time.map(|time| Cosignature {
                witness: by.key.clone(),
                time,
            })
        };
        let cosignatures = verified.into_iter().filter_map(cosignature).collect();
        Ok(Self {
            checkpoint,
            cosignatures,
        })
    }
}

/// The signature line of the witness `name` under the checkpoint `note`, at `time` in
/// seconds since 1970-01-01T00:00:00Z.
///
/// The witness has checked before that the checkpoint is consistent with all it signed.
///
/// # Errors
///
/// Returns [`SignError::Name`], [`SignError::Time`], or what the signer returns.
///
/// Source: C2SP tlog-cosignature, Ed25519 signed message.
pub fn cosign<S: Signer + ?Sized>(
    note: &Note,
    name: &str,
    signer: &S,
    time: u64,
) -> Result<SignatureLine, SignError> {
    check_name(name)?;
    if time > TIME_MAX {
        return Err(SignError::Time { time });
    }
    let id = KeyId::new(name, SignatureType::CosignatureV1, &signer.verifying_key());
    let signature = signer.sign(witness_message(note.text(), time).as_bytes())?;
    let timestamped = [&time.to_be_bytes()[..], &signature].concat();
    Ok(SignatureLine::new(name, id, &timestamped))
}
