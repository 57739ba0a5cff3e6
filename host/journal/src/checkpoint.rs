//! Checkpoints: the signed head of a log's tree, as a note. Whether the tree is right is
//! for others to check.

use alloc::{
    format,
    string::{String, ToString},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    consistency::TreeHead,
    decimal,
    hash::Hash,
    key::{SignatureType, VerifierKey, VerifierKeyError, check_name},
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

impl<'k> OpenedNote<'k> {
    /// The outcome of [`Checkpoint::open_own`].
    #[must_use]
    pub fn open(note: &[u8], key: &'k VerifierKey) -> Self {
        let opened = Checkpoint::open_own(note, key);
        Self { key, opened }
    }
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
