//! Salts of records: 16 bytes in each entry that nobody can guess, so that the leaf hash of a withheld record gives
//! nothing of it away. What a record holds is not known here.

use core::fmt;

use counterfoil_base::keyed_hash::keyed_hash;
use hmac::Mac as _;

use crate::hash::KeyedHash;
use crate::signer::{Ed25519Signer, SignError, Signer};

/// A salt's length in bytes.
pub const SALT_BYTES: usize = 16;

/// The salt of one entry.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RecordSalt(pub [u8; SALT_BYTES]);

/// The salts of one log, by the index of the entry.
///
/// They are computed and not drawn: a run that is resumed writes the same bytes again.
#[derive(Clone)]
pub struct LogSalts(KeyedHash);

impl LogSalts {
    /// The salts of the log `origin` under a secret of 32 bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32], origin: &str) -> Self {
        let mut of_log = keyed_hash(secret);
        of_log.update(origin.as_bytes());
        // A key of its own for each log: with it somebody can be given one log's salts and no other's.
        Self(KeyedHash::new(&of_log.finalize().into_bytes().into()))
    }

    /// The salt of the entry at `index`: the first 16 bytes of the HMAC-SHA256 of the index as eight bytes, big-endian,
    /// under the HMAC-SHA256 of the log's origin under the secret.
    ///
    /// Source: RFC 2104.
    #[must_use]
    pub fn at(&self, index: u64) -> RecordSalt {
        let mut salt = RecordSalt::default();
        for (to, from) in salt.0.iter_mut().zip(self.0.of(index).0) {
            *to = from;
        }
        salt
    }
}

impl fmt::Debug for LogSalts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSalts").finish_non_exhaustive()
    }
}

/// The holder of a log's two secrets: the key that signs its checkpoints, and the one that its salts come from.
pub trait LogSigner: Signer {
    /// The salts of the log `origin`.
    fn salts(&self, origin: &str) -> LogSalts;
}

/// A log's two secrets in memory.
#[derive(Clone)]
pub struct LogKey {
    signer: Ed25519Signer,
    salt: zeroize::Zeroizing<[u8; 32]>,
}

impl LogKey {
    /// The key that signs with `signer`, and whose salts come from `salt`. The caller wipes its copy.
    #[must_use]
    pub fn new(signer: Ed25519Signer, salt: [u8; 32]) -> Self {
        Self {
            signer,
            salt: zeroize::Zeroizing::new(salt),
        }
    }
}

impl Signer for LogKey {
    fn verifying_key(&self) -> [u8; 32] {
        self.signer.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.signer.sign(message)
    }
}

impl LogSigner for LogKey {
    fn salts(&self, origin: &str) -> LogSalts {
        LogSalts::new(&self.salt, origin)
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salts_are_those_of_another_implementation() {
        // python3 -c 'import hmac,struct; k=hmac.digest(bytes([7]*32),b"counterfoil/run/ab/1","sha256");
        //   print([hmac.digest(k,struct.pack(">Q",i),"sha256")[:16].hex() for i in (0,1,2**64-1)])'
        let salts = LogSalts::new(&[7; 32], "counterfoil/run/ab/1");
        let known = [
            (0, "cff16d6d164e7701cd9ee141a8efeace"),
            (1, "e0d7458fe35c4059f429b1e32b608573"),
            (u64::MAX, "05ca214a93e420fdef2f9025d28ed299"),
        ];
        for (index, salt) in known {
            assert_eq!(hex::encode(salts.at(index).0), salt);
        }
        // Another log, another secret: other salts.
        assert_ne!(
            LogSalts::new(&[7; 32], "counterfoil/run/ab/2").at(0),
            salts.at(0)
        );
        assert_ne!(
            LogSalts::new(&[8; 32], "counterfoil/run/ab/1").at(0),
            salts.at(0)
        );
    }

    #[test]
    fn a_log_key_shows_neither_of_its_secrets() {
        let key = LogKey::new(Ed25519Signer::from_seed(&[1; 32]), [2; 32]);
        assert_eq!(std::format!("{key:?}"), "LogKey { .. }");
        assert_eq!(std::format!("{:?}", key.salts("x")), "LogSalts { .. }");
    }
}
