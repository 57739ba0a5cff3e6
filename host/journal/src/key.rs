//! Verifier keys: a name, an Ed25519 public key, and what it signs. Only public keys are
//! found here.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

/// What a signature is made over, and how.
///
/// Source: C2SP signed-note, signature types.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum SignatureType {
    /// Ed25519 over the note text.
    Ed25519,
    /// Ed25519 over a time and the note text, by a witness: `cosignature/v1`.
    CosignatureV1,
}

impl SignatureType {
    /// The byte that encodes the type.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::CosignatureV1),
            _ => None,
        }
    }
}

/// The short name of a key, computed from its name, type and public key.
///
/// It distinguishes keys; it proves nothing, since anyone can make a key with the same id.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct KeyId(pub u32);

impl KeyId {
    /// The id of a key: the first four bytes of SHA-256(name || 0x0A || type || public key).
    ///
    /// Source: C2SP signed-note, signatures; C2SP tlog-cosignature, format.
    #[must_use]
    pub fn new(name: &str, signature_type: SignatureType, public_key: &[u8; 32]) -> Self {
        let mut sha = Sha256::new();
        sha.update(name.as_bytes());
        sha.update([b'\n', signature_type.byte()]);
        sha.update(public_key);
        let digest: [u8; 32] = sha.finalize().into();
        let [a, b, c, d, ..] = digest;
        Self(u32::from_be_bytes([a, b, c, d]))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Why a key is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierKeyError {
    #[error("{name:?} is not a key name: it is empty or holds a space, a plus or a control")]
    Name { name: String },
    #[error("a verifier key is a name, an id of 8 hex digits and a base64 key, joined by plus")]
    Format,
    #[error("keys of the signature type {byte:#04x} are not supported")]
    UnknownType { byte: u8 },
    #[error("the key id {found} does not belong to the key, whose id is {computed}")]
    Id { found: KeyId, computed: KeyId },
    #[error("the public key is not a usable Ed25519 key")]
    PublicKey,
}

/// Checks that `name` can be written in a signature line.
///
/// # Errors
///
/// Returns [`VerifierKeyError::Name`].
///
/// Source: C2SP signed-note, format.
pub fn check_name(name: &str) -> Result<(), VerifierKeyError> {
    // Any of these would end the name early in a signature line, so that one line could be read as another key's.
    let refused = |c: char| c.is_whitespace() || c == '+' || c < ' ';
    if name.is_empty() || name.contains(refused) {
        return Err(VerifierKeyError::Name {
            name: name.to_string(),
        });
    }
    Ok(())
}

/// A public key that signatures are checked with, and the name it signs under.
///
/// A log's key is named like its origin, so origin and public key make the verifier key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    signature_type: SignatureType,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The key of a log, or of anyone who signs note texts.
    ///
    /// # Errors
    ///
    /// Returns [`VerifierKeyError::Name`] or [`VerifierKeyError::PublicKey`].
    pub fn new(name: &str, public_key: &[u8; 32]) -> Result<Self, VerifierKeyError> {
        Self::with_type(name, SignatureType::Ed25519, public_key)
    }

    /// The key of a witness.
    ///
    /// # Errors
    ///
    /// Returns [`VerifierKeyError::Name`] or [`VerifierKeyError::PublicKey`].
    pub fn witness(name: &str, public_key: &[u8; 32]) -> Result<Self, VerifierKeyError> {
        Self::with_type(name, SignatureType::CosignatureV1, public_key)
    }

    fn with_type(
        name: &str,
        signature_type: SignatureType,
        public_key: &[u8; 32],
    ) -> Result<Self, VerifierKeyError> {
        check_name(name)?;
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| VerifierKeyError::PublicKey)?;
        // Under a key of small order one signature verifies for many messages: its holder could deny or swap what was signed.
        if key.is_weak() {
            return Err(VerifierKeyError::PublicKey);
        }
        let id = KeyId::new(name, signature_type, public_key);
        Ok(Self {
            name: name.to_string(),
            id,
            signature_type,
            key,
        })
    }

    /// The key in `vkey`.
    ///
    /// # Errors
    ///
    /// Returns a [`VerifierKeyError`] that names the part that is wrong.
    ///
    /// Source: C2SP signed-note, verifier keys.
    pub fn parse(vkey: &str) -> Result<Self, VerifierKeyError> {
        let (name, rest) = vkey.split_once('+').ok_or(VerifierKeyError::Format)?;
        let (id, key) = rest.split_once('+').ok_or(VerifierKeyError::Format)?;
        let found = parse_id(id).ok_or(VerifierKeyError::Format)?;
        let key: Vec<u8> = STANDARD.decode(key).map_err(|_| VerifierKeyError::Format)?;
        let (&byte, public_key) = key.split_first().ok_or(VerifierKeyError::Format)?;
        let signature_type =
            SignatureType::from_byte(byte).ok_or(VerifierKeyError::UnknownType { byte })?;
        let public_key = public_key
            .try_into()
            .map_err(|_| VerifierKeyError::PublicKey)?;
        let key = Self::with_type(name, signature_type, public_key)?;
        // A copy of a key line that was damaged or edited must not name another key under the same label.
        if key.id != found {
            return Err(VerifierKeyError::Id {
                found,
                computed: key.id,
            });
        }
        Ok(key)
    }

    /// The name in this key's signature lines.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id in this key's signature lines.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What this key signs.
    #[must_use]
    pub const fn signature_type(&self) -> SignatureType {
        self.signature_type
    }

    /// The public key's 32 bytes.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether `signature` over `message` is by this key, whatever its type.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

/// Messages with their signatures, all by one key.
#[derive(Default)]
pub(crate) struct SignedMessages<'m> {
    pub(crate) messages: Vec<&'m [u8]>,
    pub(crate) signatures: Vec<Signature>,
}

impl VerifierKey {
    /// Whether all of these signatures are by this key. Whoever holds the key can make one that passes here and fails
    /// alone, or the other way round; nobody else can.
    ///
    /// Source: RFC 8032 section 5.1.7 on batches; the weights come from everything that is checked.
    pub(crate) fn signed_all(&self, signed: &SignedMessages<'_>) -> bool {
        let keys = alloc::vec![self.key; signed.messages.len()];
        ed25519_dalek::verify_batch(&signed.messages, &signed.signatures, &keys).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = [self.signature_type.byte(); 33];
        key.split_at_mut(1).1.copy_from_slice(self.public_key());
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(key))
    }
}

/// Eight lowercase hex digits as a key id.
fn parse_id(text: &str) -> Option<KeyId> {
    // One spelling: two texts for one key would make two entries in a list of trusted keys.
    let lowercase_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 8 || !text.bytes().all(lowercase_hex) {
        return None;
    }
    u32::from_str_radix(text, 16).ok().map(KeyId)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: C2SP signed-note, verifier keys, example.
    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn the_published_key_is_read_and_written_back() {
        let key = VerifierKey::parse(VKEY).unwrap();
        assert_eq!(
            (key.name(), key.id()),
            ("example.com/foo", KeyId(0x530d_903a))
        );
        assert_eq!(key.signature_type(), SignatureType::Ed25519);
        assert_eq!(key.to_string(), VKEY);
        assert_eq!(
            VerifierKey::new("example.com/foo", key.public_key()).unwrap(),
            key
        );
        let witness = VerifierKey::witness("example.com/foo", key.public_key()).unwrap();
        assert_ne!(witness.id(), key.id());
        assert_eq!(VerifierKey::parse(&witness.to_string()).unwrap(), witness);
    }

    #[track_caller]
    fn check(vkey: &str, message: &str) {
        let error = VerifierKey::parse(vkey).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn a_key_with_any_part_wrong_is_refused_by_that_part() {
        let key = "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        check("", "joined by plus");
        check(&std::format!("+530d903a+{key}"), "is not a key name");
        check(&std::format!("a b+530d903a+{key}"), "is not a key name");
        check(
            &std::format!("a\u{2003}b+530d903a+{key}"),
            "is not a key name",
        );
        check(&std::format!("a+530D903A+{key}"), "joined by plus");
        check(&std::format!("a+30d903a+{key}"), "joined by plus");
        check(&std::format!("a++30d903a+{key}"), "joined by plus");
        check(&std::format!("a+530d903a+{key}="), "joined by plus");
        check(
            &std::format!("example.com/fop+530d903a+{key}"),
            "does not belong to the key",
        );
        check("a+530d903a+AekyeRrm", "not a usable Ed25519 key");
        check(
            "a+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "type 0x02",
        );
        let neutral = STANDARD.encode([&[1, 1][..], &[0; 31]].concat());
        check(
            &std::format!("a+530d903a+{neutral}"),
            "not a usable Ed25519 key",
        );
    }
}
