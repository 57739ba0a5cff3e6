//! Signed notes: a text and the signature lines under it, from keys known and unknown. What
//! the text says is not known here.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    key::{KeyId, SignatureType, VerifierKey, check_name},
    signer::{SignError, Signer},
    witness_message::signed_time,
};

/// The most signature lines that are read. A verifier must take 16; the rest is room for
/// witnesses not known here.
pub const SIGNATURES_MAX: usize = 64;

/// The most a note may hold, in bytes: room for 64 post-quantum signatures of 5 kB.
pub const NOTE_BYTES_MAX: usize = 512 * 1024;

/// Why a note is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    #[error("the note holds {bytes} bytes, more than {NOTE_BYTES_MAX}")]
    TooLong { bytes: usize },
    #[error("the note is not UTF-8 from byte {offset} on")]
    NotUtf8 { offset: usize },
    #[error("the note holds a control character at byte {offset}")]
    ControlCharacter { offset: usize },
    #[error("the note has no blank line with signatures below")]
    NoSignatures,
    #[error("the note has {lines} signature lines, more than {SIGNATURES_MAX}")]
    TooManySignatures { lines: usize },
    #[error("signature line {line} is not an em dash, a key name and base64")]
    SignatureLine { line: usize },
    #[error("the signature of {name} with the key id {id} does not verify")]
    BadSignature { name: String, id: KeyId },
    #[error("no known key signed the note")]
    NoKnownSignature,
}

/// One signature under a note.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignatureLine {
    name: String,
    id: KeyId,
    signature: Vec<u8>,
}

impl SignatureLine {
    pub(crate) fn new(name: &str, id: KeyId, signature: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            id,
            signature: signature.to_vec(),
        }
    }

    /// The name of the key that the line claims as its signer.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the key that the line claims as its signer.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The signature, in the form of its type.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        check_name(name).ok()?;
        let bytes = STANDARD.decode(signature).ok()?;
        let (id, signature) = bytes.split_first_chunk()?;
        let id = KeyId(u32::from_be_bytes(*id));
        (!signature.is_empty()).then(|| Self::new(name, id, signature))
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.0.to_be_bytes()[..], &self.signature].concat();
        writeln!(f, "\u{2014} {} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A signature that was found to be by a known key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VerifiedSignature<'k> {
    pub key: &'k VerifierKey,
    /// When a witness signed, in seconds since 1970-01-01T00:00:00Z.
    pub time: Option<u64>,
}

/// A text and its signatures, well formed but not verified.
///
/// Source: C2SP signed-note, format.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// The note of `text`, signed by `signer` under `name`.
    ///
    /// # Errors
    ///
    /// Returns [`SignError::Text`], [`SignError::Name`], or what the signer returns.
    ///
    /// Source: C2SP signed-note, Ed25519 signatures.
    pub fn sign<S: Signer + ?Sized>(text: &str, name: &str, signer: &S) -> Result<Self, SignError> {
        check_name(name)?;
        // What `parse` would refuse must not be signed: the signature would be valid for bytes that no reader accepts.
        if !text.ends_with('\n') || control_character(text).is_some() {
            return Err(SignError::Text);
        }
        let id = KeyId::new(name, SignatureType::Ed25519, &signer.verifying_key());
        let signature = signer.sign(text.as_bytes())?;
        let signatures = [SignatureLine::new(name, id, &signature)].to_vec();
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The note in `bytes`, signatures of unknown keys included. Nothing is verified.
    ///
    /// # Errors
    ///
    /// Returns a [`NoteError`] that names what violates the format.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        // Before anything is decoded: the length is the attacker's, and everything below allocates.
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong { bytes: bytes.len() });
        }
        let note = core::str::from_utf8(bytes).map_err(|error| NoteError::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        if let Some(offset) = control_character(note) {
            return Err(NoteError::ControlCharacter { offset });
        }
        // The last blank line, not the first: a text may hold blank lines, and cut at the first one, the rest of the
        // signed text would be taken for signatures.
        let (text, below) = note.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
        let lines = below.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
        // Each line may cost a signature check: without the bound, a note of 512 kB could hold tens of thousands.
        let count = lines.split('\n').count();
        if count > SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures { lines: count });
        }
        let signature =
            |(line, text)| SignatureLine::parse(text).ok_or(NoteError::SignatureLine { line });
        let signatures = (1..)
            .zip(lines.split('\n'))
            .map(signature)
            .collect::<Result<_, _>>()?;
        let mut text = text.to_string();
        text.push('\n');
        Ok(Self { text, signatures })
    }

    /// The text, final newline included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, verified or not.
    #[must_use]
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Adds a signature below the others.
    pub fn push(&mut self, signature: SignatureLine) {
        self.signatures.push(signature);
    }

    /// The signatures by `keys`, each key once; those of other keys are passed over.
    ///
    /// # Errors
    ///
    /// Returns [`NoteError::BadSignature`] if a line names one of the keys but is not signed by it,
    /// and [`NoteError::NoKnownSignature`] if no line names any.
    ///
    /// Source: C2SP signed-note, signatures.
    pub fn verify<'k>(
        &self,
        keys: &'k [VerifierKey],
    ) -> Result<Vec<VerifiedSignature<'k>>, NoteError> {
        let mut verified: Vec<VerifiedSignature<'k>> = Vec::new();
        for line in &self.signatures {
            let known = |key: &&VerifierKey| key.id() == line.id && key.name() == line.name;
            // Name and id must both match: the id alone is four bytes, which anyone can hit by trying keys.
            let Some(key) = keys.iter().find(known) else {
                continue;
            };
            // A bad line under a known name is an error, not a stranger to skip: it means that the text was changed
            // after this key signed it.
            let by_key =
                self.check(key, &line.signature)
                    .ok_or_else(|| NoteError::BadSignature {
                        name: line.name.clone(),
                        id: line.id,
                    })?;
            // Each key once: a caller that counts signatures towards a quorum must not count one signer twice.
            if !verified.iter().any(|earlier| earlier.key == key) {
                verified.push(by_key);
            }
        }
        // Without this an attacker could strip every line of a known key, and "no bad signature" would look like success.
        if verified.is_empty() {
            Err(NoteError::NoKnownSignature)
        } else {
            Ok(verified)
        }
    }

    fn check<'k>(&self, key: &'k VerifierKey, signature: &[u8]) -> Option<VerifiedSignature<'k>> {
        match key.signature_type() {
            SignatureType::Ed25519 => {
                let signature = signature.try_into().ok()?;
                let by_key = key.signed(self.text.as_bytes(), signature);
                by_key.then_some(VerifiedSignature { key, time: None })
            }
            SignatureType::CosignatureV1 => {
                let time = signed_time(&self.text, key, signature)?;
                Some(VerifiedSignature {
                    key,
                    time: Some(time),
                })
            }
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| line.fmt(f))
    }
}

/// The place of the first control character other than newline.
fn control_character(text: &str) -> Option<usize> {
    text.bytes().position(|byte| byte < b' ' && byte != b'\n')
}
