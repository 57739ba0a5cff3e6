//! Checkpoints: the signed head of a log's tree, as a note. Whether the tree is right is
//! for others to check.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::Signature;

use crate::{
    consistency::TreeHead,
    decimal,
    hash::Hash,
    key::{SignatureType, SignedMessages, VerifierKey, VerifierKeyError, check_name},
    note::{Note, NoteError},
    signer::{SignError, Signer},
};

/// Why a checkpoint is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    #[error("invalid checkpoint note: {0}")]
    Note(#[from] NoteError),
    #[error("a checkpoint is three lines at least, none of them empty")]
    Lines,
    #[error("the tree size {text:?} is not a decimal number without leading zeros")]
    Size { text: String },
    #[error("the root hash {text:?} is not 32 bytes of base64")]
    Root { text: String },
    #[error("the checkpoint has extension lines")]
    Extension,
    #[error("no known key of the checkpoint's origin {found:?} signed it")]
    Origin { found: String },
    #[error("the checkpoint has {found} signatures instead of one")]
    Signatures { found: usize },
}

/// The head of a log's tree.
///
/// Source: C2SP tlog-checkpoint, note text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// The log's name, which is also its key's name.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Size and root.
    #[must_use]
    pub const fn head(&self) -> TreeHead {
        TreeHead {
            size: self.size,
            root: self.root,
        }
    }

    /// The note text: origin, size and root, a line each.
    #[must_use]
    pub fn encode(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root.0)
        )
    }

    /// The checkpoint in a note text that has no extension lines.
    ///
    /// # Errors
    ///
    /// Returns a [`CheckpointError`] that names the line that is wrong.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let (checkpoint, extension) = split(text)?;
        if extension.is_empty() {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Extension)
        }
    }

    /// The checkpoint in a note text of another program, whose extension lines are passed
    /// over.
    ///
    /// # Errors
    ///
    /// Returns a [`CheckpointError`] that names the line that is wrong.
    pub fn parse_foreign(text: &str) -> Result<Self, CheckpointError> {
        split(text).map(|(checkpoint, _)| checkpoint)
    }

    /// The signed note of this checkpoint. The key name is the origin.
    ///
    /// # Errors
    ///
    /// Returns [`SignError::Name`] if the origin cannot be a key name, or what the signer
    /// returns.
    pub fn sign<S: Signer + ?Sized>(&self, signer: &S) -> Result<String, SignError> {
        Note::sign(&self.encode(), &self.origin, signer).map(|note| note.to_string())
    }

    /// The checkpoint in `note`, signed by one of `keys` with the origin as its name.
    ///
    /// # Errors
    ///
    /// Returns a [`CheckpointError`] if the note is not well formed, if a line under a known
    /// key is not by it, or if no key of the origin signed.
    pub fn open(note: &[u8], keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        let note = Note::parse(note)?;
        Self::open_note(&note, keys, Self::parse)
    }

    /// The same for a note of another program: extension lines are passed over.
    ///
    /// # Errors
    ///
    /// See [`Checkpoint::open`].
    pub fn open_foreign(note: &[u8], keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        let note = Note::parse(note)?;
        Self::open_note(&note, keys, Self::parse_foreign)
    }

    /// The checkpoint in a note that a journal wrote for itself: one signature, the log's,
    /// so that there is one sequence of bytes for one checkpoint.
    ///
    /// # Errors
    ///
    /// See [`Checkpoint::open`]; and [`CheckpointError::Signatures`].
    pub fn open_own(note: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        let note = Note::parse(note)?;
        // A further signature line, known or not, would be bytes of the journal that no hash covers: anyone could add
        // or drop it, and two files would be the same log.
        if note.signatures().len() != 1 {
            return Err(CheckpointError::Signatures {
                found: note.signatures().len(),
            });
        }
        Self::open_note(&note, core::slice::from_ref(key), Self::parse)
    }

    fn open_note(
        note: &Note,
        keys: &[VerifierKey],
        parse: impl Fn(&str) -> Result<Self, CheckpointError>,
    ) -> Result<Self, CheckpointError> {
        // Signatures first: until one holds, the text is only a claim, and its parser must not decide anything.
        let verified = note.verify(keys)?;
        let checkpoint = parse(note.text())?;
        // A witness's cosignature vouches that the checkpoint was the newest it saw, not that the log made it. And a key
        // that is known for one log must not sign for another, whose name it could write into the text.
        let by_log = verified.iter().any(|by| {
            by.key.signature_type() == SignatureType::Ed25519 && by.key.name() == checkpoint.origin
        });
        if by_log {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Origin {
                found: checkpoint.origin,
            })
        }
    }
}

/// A note after the check of its signature, which takes most of the time of an audit and needs nothing of the notes
/// before: other threads can do it ahead.
#[derive(Clone, Debug)]
pub struct OpenedNote<'k> {
    /// Under which key.
    pub(crate) key: &'k VerifierKey,
    pub(crate) opened: Result<Checkpoint, CheckpointError>,
}

/// How the signatures of many notes are checked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SignatureCheck {
    /// Each on its own, as every other verifier does. Verdicts for others take this one.
    #[default]
    Each,
    /// Together, in a third of the time. The holder of the key can make signatures that hold together and not alone; so
    /// this is for those who hold the key: a process that reads its own log.
    Together,
}

impl<'k> OpenedNote<'k> {
    /// The outcome of [`Checkpoint::open_own`].
    #[must_use]
    pub fn open(note: &[u8], key: &'k VerifierKey) -> Self {
        let opened = Checkpoint::open_own(note, key);
        Self { key, opened }
    }

    /// The same of several notes, in sequence.
    #[must_use]
    pub fn open_all(notes: &[&[u8]], key: &'k VerifierKey, check: SignatureCheck) -> Vec<Self> {
        match check {
            SignatureCheck::Each => {}
            SignatureCheck::Together => {
                if let Some(all) = open_together(notes, key) {
                    let opened = all.into_iter().map(Ok);
                    return opened.map(|opened| Self { key, opened }).collect();
                }
            }
        }
        notes.iter().map(|note| Self::open(note, key)).collect()
    }
}

/// The checkpoints of several notes, if every one of them holds. `None` says nothing about any of them.
fn open_together(notes: &[&[u8]], key: &VerifierKey) -> Option<Vec<Checkpoint>> {
    let parsed: Option<Vec<Note>> = notes.iter().map(|note| Note::parse(note).ok()).collect();
    let parsed = parsed?;
    let mut signed = SignedMessages::default();
    for note in &parsed {
        signed.messages.push(note.text().as_bytes());
        signed.signatures.push(own_signature(note, key)?);
    }
    // Before the texts: until all signatures hold, none of them may decide anything.
    if !key.signed_all(&signed) {
        return None;
    }
    let checkpoint = |note: &Note| {
        let parsed = Checkpoint::parse(note.text()).ok();
        parsed.filter(|checkpoint| checkpoint.origin == key.name())
    };
    parsed.iter().map(checkpoint).collect()
}

/// The signature of a note that has one, the log's.
fn own_signature(note: &Note, key: &VerifierKey) -> Option<Signature> {
    let [line] = note.signatures() else {
        return None;
    };
    let is_own = key.signature_type() == SignatureType::Ed25519
        && line.id() == key.id()
        && line.name() == key.name();
    let signature = line.signature().try_into().ok()?;
    is_own.then(|| Signature::from_bytes(signature))
}

/// Checks that `origin` can name a log: it is also the name of the log's key.
///
/// # Errors
///
/// Returns [`VerifierKeyError::Name`].
pub fn check_origin(origin: &str) -> Result<(), VerifierKeyError> {
    check_name(origin)
}

/// A note text as a checkpoint and its extension lines.
fn split(text: &str) -> Result<(Checkpoint, &str), CheckpointError> {
    let mut rest = text;
    let mut line = || {
        let (line, after) = rest.split_once('\n').ok_or(CheckpointError::Lines)?;
        rest = after;
        if line.is_empty() {
            Err(CheckpointError::Lines)
        } else {
            Ok(line)
        }
    };
    let (origin, size, root) = (line()?, line()?, line()?);
    // An empty line would end the note text: what follows it would be read as signatures by other programs.
    let extension = rest;
    if !extension.is_empty() && (!extension.ends_with('\n') || extension.starts_with('\n')) {
        return Err(CheckpointError::Lines);
    }
    if extension.contains("\n\n") {
        return Err(CheckpointError::Lines);
    }
    let size = decimal::parse(size).ok_or_else(|| CheckpointError::Size {
        text: size.to_string(),
    })?;
    let root = Hash::from_base64(root).ok_or_else(|| CheckpointError::Root {
        text: root.to_string(),
    })?;
    Ok((
        Checkpoint {
            origin: origin.to_string(),
            size,
            root,
        },
        extension,
    ))
}
