//! Verifies a ledger's bytes: every hash, checkpoint, signature, time and rule; or, after a mark that was
//! verified before, only what was added. It must never write anything.

use core::num::NonZeroU64;
use std::sync::Arc;

use counterfoil_journal::audit::{AuditedFrame, Auditor};
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::entry::{Chain, GENESIS, split};
use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_journal::hash::Hash;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::tree::Tree;
use sha2::{Digest as _, Sha256};

use super::LedgerError;
use super::known::{KnownLedger, tail_of};
use super::places::RecordPlaces;
use super::prefix::PrefixDigests;
use crate::act::Act;
use crate::record::{LedgerRecord, SignedAct};
use crate::rule::Rule;
use crate::state::LedgerState;
use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;

/// A ledger's verified records and what they add up to.
#[derive(Clone, Debug)]
pub struct VerifiedLedger {
    /// Every record, in order.
    pub places: RecordPlaces,
    /// What they add up to.
    pub state: LedgerState,
    /// The last checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// The number of bytes at the end that are an unfinished record.
    pub torn_bytes: u64,
    pub(super) chain: Chain,
    pub(super) tree: Tree,
    /// The number of bytes that a checkpoint covers.
    pub(super) length: u64,
    /// These bytes, hashed.
    bytes: Sha256,
    /// The last of them.
    tail: Vec<u8>,
}

impl VerifiedLedger {
    /// What is known of the ledger, for a process that looks at it again.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError::Empty`] if there is no record.
    pub fn known(self) -> Result<KnownLedger, LedgerError> {
        Ok(KnownLedger {
            origin: self.state.origin().to_owned(),
            chain: self.chain,
            tree: self.tree,
            checkpoint: self.checkpoint.ok_or(LedgerError::Empty)?,
            state: Arc::new(self.state),
            length: self.length,
            tail: self.tail,
            bytes: self.bytes,
        })
    }

    /// What was verified, so that a later walk need not verify it again.
    #[must_use]
    pub fn mark(&self) -> LedgerMark {
        LedgerMark {
            size: self.tree.size(),
            root: self.tree.root(),
            length: self.length,
            bytes: Digest::finish(self.bytes.clone()),
        }
    }
}

/// What was verified before: a number of records with their root, in exactly these bytes, with every
/// signature and rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LedgerMark {
    /// The number of records.
    pub size: u64,
    /// The root hash of the tree over their entries.
    pub root: Hash,
    /// The number of bytes of the file.
    pub length: u64,
    /// The digest of those bytes.
    pub bytes: Digest,
}

/// Applies records to a state, one by one.
struct RecordFold {
    state: LedgerState,
}

impl RecordFold {
    /// Applies a record that was judged before, by its own outcome.
    fn take(&mut self, previous: Hash, index: u64, body: &[u8]) -> Result<(), LedgerError> {
        let record = self.read(previous, index, body)?;
        // Not judged again: these bytes were judged when the mark was made, and the digest of the mark shows
        // that they have not changed.
        if record.denied.is_none() {
            self.state.apply(index, &record.signed);
        } else {
            self.state.deny(&record.signed);
        }
        Ok(())
    }

    fn read(&self, previous: Hash, index: u64, body: &[u8]) -> Result<LedgerRecord, LedgerError> {
        let record = LedgerRecord::decode(previous, body)
            .map_err(|source| LedgerError::Record { index, source })?;
        check_time(&self.state, index, &record.signed)?;
        Ok(record)
    }

    fn add(&mut self, previous: Hash, index: u64, body: &[u8]) -> Result<(), LedgerError> {
        let record = self.read(previous, index, body)?;
        // Judged again rather than believed: the holder of the log's key could otherwise record any act
        // as done, or hide one as denied.
        let judged = self.state.act(index, &record.signed).err();
        let rule = judged.as_ref().map(|denial| denial.rule);
        // A ledger begins with an act that took effect: without one it has no principals.
        if rule != record.denied || (index == 0 && rule.is_some()) {
            let outcome = |rule: Option<Rule>| match rule {
                None => "done".to_owned(),
                Some(rule) => format!("denied by {rule}"),
            };
            return Err(LedgerError::Verdict {
                index,
                recorded: outcome(record.denied),
                judged: judged.map_or_else(|| outcome(None), |denial| denial.to_string()),
            });
        }
        Ok(())
    }
}

pub(super) fn check_time(
    state: &LedgerState,
    index: u64,
    signed: &SignedAct,
) -> Result<(), LedgerError> {
    let checked = state.check_time(signed);
    checked.map_err(|found| LedgerError::BackDated { index, found })
}

/// Verifies the ledger in `bytes`: chain, tree, checkpoints, signatures, times and rules.
///
/// `key` is any key that the log has or had: each rotation is a record, signed by both keys.
///
/// # Errors
///
/// Returns a [`LedgerError`] that names the first record that fails. A torn tail is not an error here;
/// see [`VerifiedLedger::torn_bytes`].
pub fn verify(bytes: &[u8], key: &VerifierKey) -> Result<VerifiedLedger, LedgerError> {
    LedgerWalk::begin(bytes, key)?.finish(&mut PrefixDigests::new(bytes), key)
}

/// Verifies a ledger whose bytes up to `mark` were verified before and have not changed. Up to the mark it
/// checks the log's signature over the root, not the actors' signatures or the rules, so the caller must
/// trust the mark.
///
/// # Errors
///
/// As [`verify`], and [`LedgerError::Mark`] if the ledger does not begin with what was verified.
pub fn verify_after(
    digests: &mut PrefixDigests<'_>,
    key: &VerifierKey,
    mark: &LedgerMark,
) -> Result<VerifiedLedger, LedgerError> {
    // The digest covers what the tree does not, such as the checkpoints between the entries, which are not
    // verified again up to the mark.
    if !digests.begin_with(mark) {
        return Err(LedgerError::Mark { size: mark.size });
    }
    let mut walk = LedgerWalk::begin(digests.bytes(), key)?;
    walk.skip_to(mark)?;
    walk.finish(digests, key)
}

/// What is known with the records in `rest`, which follow it; and how many bytes at the end are an unfinished record.
///
/// # Errors
///
/// As [`verify`].
pub(super) fn verify_rest(
    known: KnownLedger,
    rest: &[u8],
) -> Result<(KnownLedger, u64), LedgerError> {
    // Most looks find nothing new, and a copy of the state costs as much as it is large.
    if rest.is_empty() {
        return Ok((known, 0));
    }
    let (begin, last) = (known.length, known.chain.last());
    let key = VerifierKey::new(&known.origin, &known.state.log_key().0)?;
    let mut auditor = Auditor::new(key);
    auditor.set_cadence(NonZeroU64::MIN);
    auditor.go_on_behind(known.chain, known.tree.clone(), known.checkpoint.clone());
    let mut walk = LedgerWalk {
        frames: FrameReader::at(begin),
        rest,
        auditor,
        fold: RecordFold {
            state: Arc::unwrap_or_clone(known.state),
        },
        places: RecordPlaces::default(),
        last,
        sealed: begin,
        head: (known.chain, known.tree),
    };
    walk.rest()?;
    let added = walk.sealed.saturating_sub(begin);
    let sealed = usize::try_from(added)
        .ok()
        .and_then(|added| rest.get(..added));
    let sealed = sealed.unwrap_or(rest);
    let mut tail = known.tail;
    tail.extend_from_slice(sealed);
    let mut bytes = known.bytes;
    bytes.update(sealed);
    let left = rest.len().saturating_sub(sealed.len());
    let known = KnownLedger {
        origin: known.origin,
        chain: walk.head.0,
        tree: walk.head.1,
        checkpoint: walk.auditor.finish(0).last.unwrap_or(known.checkpoint),
        state: Arc::new(walk.fold.state),
        length: walk.sealed,
        tail: tail_of(&tail),
        bytes,
    };
    Ok((known, u64::try_from(left).unwrap_or(u64::MAX)))
}

/// Verifies a ledger behind a mark that the caller trusts, and how many records that vouched for: none where there is no
/// mark, or where it is another ledger's or of more records than are there. The whole ledger is verified then.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_behind(
    digests: &mut PrefixDigests<'_>,
    key: &VerifierKey,
    mark: Option<&LedgerMark>,
) -> Result<(VerifiedLedger, u64), LedgerError> {
    let behind = mark.and_then(|mark| Some((verify_after(digests, key, mark).ok()?, mark.size)));
    match behind {
        Some(found) => Ok(found),
        None => Ok((
            LedgerWalk::begin(digests.bytes(), key)?.finish(digests, key)?,
            0,
        )),
    }
}

/// An entry that no checkpoint covers yet.
struct WaitingRecord<'a> {
    previous: Hash,
    index: u64,
    body: &'a [u8],
    /// Where its frame ends, and the bytes of its payload.
    end: u64,
    length: usize,
}

/// A walk over a ledger's bytes, at some position.
struct LedgerWalk<'a> {
    frames: FrameReader,
    rest: &'a [u8],
    auditor: Auditor,
    fold: RecordFold,
    /// Where the records stand that were applied.
    places: RecordPlaces,
    /// The leaf hash of the last entry.
    last: Hash,
    /// The number of bytes that a checkpoint covers.
    sealed: u64,
    head: (Chain, Tree),
}

impl<'a> LedgerWalk<'a> {
    fn begin(bytes: &'a [u8], key: &VerifierKey) -> Result<Self, LedgerError> {
        let first = first_key(bytes)?.unwrap_or(PublicKey(*key.public_key()));
        let mut auditor = Auditor::new(VerifierKey::new(key.name(), &first.0)?);
        // A checkpoint after every record: an entry between two checkpoints would be in the tree and would
        // never have been judged.
        auditor.set_cadence(NonZeroU64::MIN);
        Ok(Self {
            frames: FrameReader::new(),
            rest: bytes,
            auditor,
            fold: RecordFold {
                state: LedgerState::new(key.name(), first),
            },
            places: RecordPlaces::default(),
            last: GENESIS,
            sealed: 0,
            head: (Chain::new(), Tree::new()),
        })
    }

    fn frame(&mut self) -> Result<Option<Frame<'a>>, LedgerError> {
        let parsed = self.frames.parse(self.rest)?;
        self.rest = self.rest.get(parsed.consumed..).unwrap_or_default();
        Ok(parsed.frame)
    }

    /// Applies the records that were verified before.
    fn skip_to(&mut self, mark: &LedgerMark) -> Result<(), LedgerError> {
        let other = LedgerError::Mark { size: mark.size };
        let (mut chain, mut tree) = (Chain::new(), Tree::new());
        // The old key seals the record that rotates it away.
        let mut sealing = self.fold.state.log_key();
        while chain.size() < mark.size {
            match self.frame()? {
                None => return Err(other),
                // A checkpoint covers all earlier ones; the last is verified below.
                Some(Frame::Checkpoint(_)) => {}
                Some(Frame::Entry(entry)) => {
                    let index = chain.size();
                    let (leaf, body) = chain.check(entry)?;
                    tree.push(leaf);
                    sealing = self.fold.state.log_key();
                    self.fold.take(self.last, index, body)?;
                    self.places.add(self.frames.offset(), entry.len());
                    self.last = leaf;
                }
            }
        }
        // An empty mark proves nothing, and another root means that the mark belongs to another ledger.
        if mark.size == 0 || tree.root() != mark.root {
            return Err(other);
        }
        let Some(Frame::Checkpoint(note)) = self.frame()? else {
            return Err(other);
        };
        self.set_key(sealing)?;
        self.auditor.go_on_from(chain, tree, note)?;
        self.seal();
        // The mark must end where this checkpoint ends: records beyond it have to be judged.
        if self.sealed != mark.length {
            return Err(other);
        }
        self.set_key(self.fold.state.log_key())
    }

    /// Sets the key that signs the checkpoints that follow.
    fn set_key(&mut self, key: PublicKey) -> Result<(), LedgerError> {
        let key = VerifierKey::new(self.fold.state.origin(), &key.0)?;
        self.auditor.set_key(key);
        Ok(())
    }

    fn seal(&mut self) {
        self.sealed = self.frames.offset();
        let summary = self.auditor.clone().finish(0);
        self.head = (summary.chain, summary.tree);
    }

    /// Verifies the rest.
    fn rest(&mut self) -> Result<(), LedgerError> {
        let mut waiting: Option<WaitingRecord<'_>> = None;
        while let Some(frame) = self.frame()? {
            let end = self.frames.offset();
            let (Frame::Entry(payload) | Frame::Checkpoint(payload)) = frame;
            let length = payload.len();
            match self.auditor.frame(frame)? {
                AuditedFrame::Entry { index, leaf, body } => {
                    waiting = Some(WaitingRecord {
                        previous: self.last,
                        index,
                        body,
                        end,
                        length,
                    });
                    self.last = leaf;
                }
                // A record counts only once the log has signed a checkpoint over it: entries that a
                // crash, or an attacker without the log's key, appended change no state.
                AuditedFrame::Checkpoint(_) => {
                    if let Some(waiting) = waiting.take() {
                        let before = self.fold.state.log_key();
                        self.fold
                            .add(waiting.previous, waiting.index, waiting.body)?;
                        self.places.add(waiting.end, waiting.length);
                        let now = self.fold.state.log_key();
                        if now != before {
                            // From the next checkpoint on only the new key verifies. The old key may have been
                            // rotated because it was stolen.
                            self.set_key(now)?;
                        }
                    }
                    self.seal();
                }
            }
        }
        Ok(())
    }

    fn finish(
        mut self,
        digests: &mut PrefixDigests<'_>,
        key: &VerifierKey,
    ) -> Result<VerifiedLedger, LedgerError> {
        self.rest()?;
        let bytes = digests.bytes();
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.places.count() == 0 {
            return Err(LedgerError::Empty);
        }
        // The walk began with whatever key the file itself names. A forger can write a whole ledger under
        // a key of their own; here it must turn out to be the caller's key, or one that it was
        // rotated from or to.
        let found = PublicKey(*key.public_key());
        if !self.fold.state.had_log_key(&found) {
            let ledger = self.fold.state.log_key();
            return Err(LedgerError::LogKey { ledger, found });
        }
        #[expect(
            clippy::expect_used,
            reason = "the walk counts what it reads of these bytes"
        )]
        let hashed = digests
            .hashed(self.sealed)
            .expect("invariant: no more is sealed than there is");
        let sealed = usize::try_from(self.sealed).unwrap_or(usize::MAX);
        Ok(VerifiedLedger {
            length: self.sealed,
            bytes: hashed,
            tail: tail_of(bytes.get(..sealed).unwrap_or(bytes)),
            places: self.places,
            state: self.fold.state,
            checkpoint: self.auditor.finish(0).last,
            torn_bytes: length.saturating_sub(self.sealed),
            chain: self.head.0,
            tree: self.head.1,
        })
    }
}

/// The log key in the first record. It is trusted only if the rotations from it lead to the caller's key.
fn first_key(bytes: &[u8]) -> Result<Option<PublicKey>, LedgerError> {
    let parsed = FrameReader::new().parse(bytes)?;
    let Some(Frame::Entry(entry)) = parsed.frame else {
        return Ok(None);
    };
    // A malformed first entry gives no key here; the walk that follows names what is wrong with it.
    let first = split(entry, 0).ok();
    let record = first.and_then(|(previous, body)| LedgerRecord::decode(previous, body).ok());
    Ok(record.and_then(|record| {
        if let Act::Genesis { log_key, .. } = record.signed.act {
            return Some(log_key);
        }
        None
    }))
}
