//! The walk over a whole journal, frame by frame: every link, every checkpoint. What a body
//! holds, and where the frames come from, is not known here.

use core::num::NonZeroU64;

use crate::{
    checkpoint::{Checkpoint, CheckpointError, OpenedNote},
    entry::{Chain, EntryError},
    frame::Frame,
    hash::Hash,
    key::VerifierKey,
    note::NoteError,
    span::LeafSpan,
    tree::{Tree, TreeError},
};

/// What is wrong with a journal, and where.
///
/// An entry that was changed, removed, inserted or moved breaks the link at the index where
/// the chain no longer fits: that entry, or the one before it, is not what was written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    #[error("the journal's chain breaks: an entry was changed, removed, inserted or moved: {0}")]
    Entry(#[from] EntryError),
    #[error("invalid checkpoint after {entries} entries: {source}")]
    Checkpoint {
        entries: u64,
        source: CheckpointError,
    },
    #[error("the checkpoint after {entries} entries covers {size}: entries or checkpoints moved")]
    Size { entries: u64, size: u64 },
    #[error(
        "the checkpoint after {entries} entries signs another tree: one of the entries from \
         {covered} on was changed, or the log was forked"
    )]
    Root {
        entries: u64,
        covered: u64,
        computed: Hash,
        signed: Hash,
    },
    #[error("duplicate checkpoint after {entries} entries")]
    Repeated { entries: u64 },
    #[error("a checkpoint is missing: entry {index} is the {uncovered}th since the last one")]
    Missing { index: u64, uncovered: u64 },
    #[error("entries checked as a span do not begin at a multiple of 256")]
    Span(#[from] TreeError),
}

/// What a frame was found to hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AuditedFrame<'a> {
    /// An entry that continues the chain.
    Entry {
        index: u64,
        leaf: Hash,
        body: &'a [u8],
    },
    /// A checkpoint that covers all entries before it.
    Checkpoint(Checkpoint),
}

/// What a journal was found to hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditSummary {
    /// How many entries there are.
    pub entries: u64,
    /// How many of them a checkpoint covers.
    pub covered: u64,
    /// How many checkpoints there are.
    pub checkpoints: u64,
    pub last: Option<Checkpoint>,
    /// How many bytes at the end are no whole frame.
    pub torn_bytes: u64,
    /// The end of the chain, to write on from.
    pub chain: Chain,
    /// The tree, to write on from.
    pub tree: Tree,
}

impl AuditSummary {
    /// How many entries come after the last checkpoint; no signature vouches for them.
    #[must_use]
    pub const fn uncovered(&self) -> u64 {
        self.entries.saturating_sub(self.covered)
    }

    /// Whether every byte is vouched for: nothing is torn off, and a checkpoint covers every
    /// entry.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        self.torn_bytes == 0 && self.uncovered() == 0 && self.last.is_some()
    }
}

/// A walk over one journal. After an error it goes no further.
#[derive(Clone, Debug)]
pub struct Auditor {
    key: VerifierKey,
    cadence: Option<NonZeroU64>,
    chain: Chain,
    tree: Tree,
    checkpoints: u64,
    last: Option<Checkpoint>,
}

impl Auditor {
    /// The walk over the journal whose checkpoints are signed by `key`; its origin is the
    /// key's name.
    #[must_use]
    pub const fn new(key: VerifierKey) -> Self {
        Self {
            key,
            cadence: None,
            chain: Chain::new(),
            tree: Tree::new(),
            checkpoints: 0,
            last: None,
        }
    }

    /// From here on, refuses more than `cadence` entries without a checkpoint: otherwise a
    /// checkpoint that a later one covers could be taken out unseen.
    pub const fn set_cadence(&mut self, cadence: NonZeroU64) {
        self.cadence = Some(cadence);
    }

    /// From here on, checkpoints are signed by `key`: what the entries say rotated it. Its name
    /// is the log's origin still.
    pub fn set_key(&mut self, key: VerifierKey) {
        self.key = key;
    }

    /// Continues behind entries that were checked before, which gave this chain and tree; `note` is the
    /// checkpoint behind the last of them, and is checked.
    ///
    /// # Errors
    ///
    /// Returns an [`AuditError`] if the checkpoint does not fit.
    pub fn go_on_from(&mut self, chain: Chain, tree: Tree, note: &[u8]) -> Result<(), AuditError> {
        self.chain = chain;
        self.tree = tree;
        self.last = None;
        self.checkpoint(note).map(|_| ())
    }

    /// Goes on behind entries that this process audited before, the last of them under this checkpoint.
    pub fn go_on_behind(&mut self, chain: Chain, tree: Tree, last: Checkpoint) {
        self.chain = chain;
        self.tree = tree;
        self.last = Some(last);
    }

    /// What the next frame holds.
    ///
    /// # Errors
    ///
    /// Returns an [`AuditError`] that names the first entry or checkpoint that does not fit.
    pub fn frame<'a>(&mut self, frame: Frame<'a>) -> Result<AuditedFrame<'a>, AuditError> {
        match frame {
            Frame::Entry(entry) => self.entry(entry),
            Frame::Checkpoint(note) => self.checkpoint(note).map(AuditedFrame::Checkpoint),
        }
    }

    /// Takes 256 entries that were checked elsewhere, on another thread perhaps. They must
    /// be the next ones, without a checkpoint between them.
    ///
    /// # Errors
    ///
    /// Returns an [`AuditError`] if the span does not begin at a multiple of 256, if its
    /// first link is not the last leaf hash, or if a checkpoint is missing.
    pub fn span(&mut self, span: &LeafSpan) -> Result<(), AuditError> {
        let entries = span.entries();
        // Before the link, and before the tree changes: after an error the auditor is still in front of this span.
        self.check_cadence(entries)?;
        if span.link() != self.chain.last() {
            let (index, expected) = (self.chain.size(), self.chain.last());
            return Err(EntryError::LinkBroken {
                index,
                expected,
                found: span.link(),
            }
            .into());
        }
        self.tree.push_subtree(span.root())?;
        self.chain.skip(entries, span.last());
        Ok(())
    }

    /// The number of entries so far.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.chain.size()
    }

    /// The number of entries that a checkpoint covers so far.
    #[must_use]
    pub fn covered(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.size)
    }

    /// What was found, with `torn_bytes` left over at the end that are no whole frame.
    #[must_use]
    pub fn finish(self, torn_bytes: u64) -> AuditSummary {
        AuditSummary {
            entries: self.entries(),
            covered: self.covered(),
            checkpoints: self.checkpoints,
            last: self.last,
            torn_bytes,
            chain: self.chain,
            tree: self.tree,
        }
    }

    fn entry<'a>(&mut self, entry: &'a [u8]) -> Result<AuditedFrame<'a>, AuditError> {
        let index = self.chain.size();
        // The link first: a repeated entry is not a missing checkpoint.
        // A copy: an entry that is refused leaves the walk where it was, so that the caller can still name the place.
        let mut chain = self.chain;
        let (leaf, body) = chain.check(entry)?;
        self.check_cadence(1)?;
        self.chain = chain;
        self.tree.push(leaf);
        Ok(AuditedFrame::Entry { index, leaf, body })
    }

    fn check_cadence(&self, more: u64) -> Result<(), AuditError> {
        let Some(cadence) = self.cadence else {
            return Ok(());
        };
        let (covered, cadence) = (self.covered(), cadence.get());
        // An attacker with write access could drop the newest checkpoints and then change what only they covered.
        if self.entries().saturating_add(more).saturating_sub(covered) > cadence {
            let index = covered.saturating_add(cadence);
            return Err(AuditError::Missing {
                index,
                uncovered: cadence.saturating_add(1),
            });
        }
        Ok(())
    }

    fn checkpoint(&mut self, note: &[u8]) -> Result<Checkpoint, AuditError> {
        // The signature before the contents: size and root of an unsigned note are the attacker's choice.
        let opened = Checkpoint::open_own(note, &self.key);
        self.take_checkpoint(opened)
    }

    /// Takes the next frame, a checkpoint whose note was opened before.
    ///
    /// # Errors
    ///
    /// As [`Auditor::frame`]; also if it was opened under another key.
    pub fn opened_note(&mut self, note: OpenedNote<'_>) -> Result<Checkpoint, AuditError> {
        // A caller that mixes up two logs must not have the one's checkpoints accepted for the other.
        let opened = if *note.key == self.key {
            note.opened
        } else {
            Err(NoteError::NoKnownSignature.into())
        };
        self.take_checkpoint(opened)
    }

    fn take_checkpoint(
        &mut self,
        opened: Result<Checkpoint, CheckpointError>,
    ) -> Result<Checkpoint, AuditError> {
        let entries = self.entries();
        let checkpoint = opened.map_err(|source| AuditError::Checkpoint { entries, source })?;
        // Sizes cannot shrink: each is the number of entries read, which only grows.
        if checkpoint.size != entries {
            return Err(AuditError::Size {
                entries,
                size: checkpoint.size,
            });
        }
        // The root over the entries that were read, not the one that the note names: here a changed entry shows, even if
        // its author rebuilt every link behind it.
        let (computed, covered) = (self.tree.root(), self.covered());
        if checkpoint.root != computed {
            let signed = checkpoint.root;
            return Err(AuditError::Root {
                entries,
                covered,
                computed,
                signed,
            });
        }
        // A second signed note over the same tree proves nothing new, and could be added or dropped without a trace.
        if self.last.as_ref().is_some_and(|last| last.size == entries) {
            return Err(AuditError::Repeated { entries });
        }
        self.checkpoints = self.checkpoints.saturating_add(1);
        self.last = Some(checkpoint.clone());
        Ok(checkpoint)
    }
}
