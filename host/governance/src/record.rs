//! A record of the ledger: an act, signed by its actor over the whole history before it, and whether it
//! took effect or was denied. Whether it should have been must never be decided here.

use counterfoil_journal::hash::Hash;
use counterfoil_journal::signer::{SignError, Signer};
use counterfoil_trading::cbor::{
    CborError, CborReader, put_array, put_bytes, put_i64, put_null, put_text, put_u64,
};
use counterfoil_trading::time::UnixNanos;

use crate::act::Act;
use crate::id::Id;
use crate::rule::Rule;
use counterfoil_journal::public_key::PublicKey;

/// The first item of what an actor signs: no signature by the same key over anything else passes as an
/// act.
pub const SIGNED_CONTEXT: &str = "counterfoil/ledger-act/1";

/// The first item of what both keys sign when the log's key is rotated.
pub const ROTATION_CONTEXT: &str = "counterfoil/log-rotate/1";

/// The bytes that the old and the new key of the log `origin` sign when the log's key is rotated.
#[must_use]
pub fn rotation_message(origin: &str, old: &PublicKey, new: &PublicKey) -> Vec<u8> {
    let mut out = Vec::new();
    put_array(&mut out, 4);
    put_text(&mut out, ROTATION_CONTEXT);
    put_text(&mut out, origin);
    put_bytes(&mut out, &old.0);
    put_bytes(&mut out, &new.0);
    out
}

/// The act that replaces the log's key `old` by `new`, signed by both.
///
/// # Errors
///
/// Returns [`SignError`] if either signer did not sign.
pub fn log_rotation<O: Signer + ?Sized, N: Signer + ?Sized>(
    origin: &str,
    old: &O,
    new: &N,
) -> Result<Act, SignError> {
    let key = PublicKey(new.verifying_key());
    let message = rotation_message(origin, &PublicKey(old.verifying_key()), &key);
    // Both keys sign the same message. With the old key alone the log could be handed to a key that its holder
    // has lost; with the new key alone it could be taken over.
    Ok(Act::LogRotate {
        key,
        old_signature: old.sign(&message)?,
        new_signature: new.sign(&message)?,
    })
}

/// The version of the records' format.
const VERSION: u64 = 1;

/// An act with its actor's signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedAct {
    /// The leaf hash of the ledger's last entry when this was signed. The signature covers it, so the
    /// act is valid at one position of one ledger only.
    pub previous: Hash,
    pub time: UnixNanos,
    pub actor: Id,
    /// The key that signed.
    pub key: PublicKey,
    pub act: Act,
    /// The Ed25519 signature over [`SignedAct::message`].
    pub signature: [u8; 64],
}

impl SignedAct {
    /// Signs an act for the position after the leaf hash `previous` in the ledger `origin`.
    ///
    /// # Errors
    ///
    /// Returns [`SignError`] if the signer did not sign.
    pub fn sign<S: Signer + ?Sized>(
        origin: &str,
        previous: Hash,
        time: UnixNanos,
        actor: Id,
        act: Act,
        signing_key: &S,
    ) -> Result<Self, SignError> {
        let mut signed = Self {
            previous,
            time,
            actor,
            key: PublicKey(signing_key.verifying_key()),
            act,
            signature: [0; 64],
        };
        // The message leaves the signature out, so it is the same before and after this line.
        signed.signature = signing_key.sign(&signed.message(origin))?;
        Ok(signed)
    }

    /// The bytes that the actor signs.
    #[must_use]
    pub fn message(&self, origin: &str) -> Vec<u8> {
        let mut out = Vec::new();
        put_array(&mut out, 7);
        put_text(&mut out, SIGNED_CONTEXT);
        // The origin and the hash before it bind the signature to one position of one ledger: a
        // signed act that is copied into another ledger, or appended a second time, does not verify.
        put_text(&mut out, origin);
        put_bytes(&mut out, &self.previous.0);
        self.put_common(&mut out);
        out
    }

    fn put_common(&self, out: &mut Vec<u8>) {
        put_i64(out, self.time.0);
        put_text(out, self.actor.as_str());
        put_bytes(out, &self.key.0);
        self.act.encode(out);
    }
}

/// A record: an act, and the rule that denied it, if one did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LedgerRecord {
    /// The act.
    pub signed: SignedAct,
    /// The rule that denied it; none if it took effect.
    pub denied: Option<Rule>,
}

impl LedgerRecord {
    /// The record's one encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_array(&mut out, 7);
        // The previous hash is not written: it is the entry's chain link, so a record cannot claim another
        // history than the one it is appended to.
        put_u64(&mut out, VERSION);
        match self.denied {
            None => put_null(&mut out),
            Some(rule) => put_text(&mut out, rule.code()),
        }
        self.signed.put_common(&mut out);
        put_bytes(&mut out, &self.signed.signature);
        out
    }

    /// The record in the body of an entry whose chain link is `previous`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the body is not a record in its one encoding.
    pub fn decode(previous: Hash, body: &[u8]) -> Result<Self, CborError> {
        let mut reader = CborReader::new(body);
        reader.array_of(7, "a record of seven items")?;
        let unknown = |expected| CborError {
            offset: 1,
            expected,
        };
        if reader.u64()? != VERSION {
            return Err(unknown("a record of version 1"));
        }
        let denied = if reader.null() {
            None
        } else {
            let rule = Rule::parse(&reader.text()?);
            // An unknown code is an error, not a denial without a rule: a later version's ledger must not be
            // read by rules that this version does not have.
            Some(rule.ok_or(unknown("the code of a rule"))?)
        };
        let signed = SignedAct {
            previous,
            time: UnixNanos(reader.i64()?),
            actor: crate::act::id(&mut reader)?,
            key: PublicKey(reader.bytes_32()?),
            act: Act::decode(&mut reader)?,
            signature: crate::act::signature(&mut reader)?,
        };
        // Trailing bytes would be under the log's checkpoint and part of no act that was judged.
        reader.end()?;
        Ok(Self { signed, denied })
    }
}
