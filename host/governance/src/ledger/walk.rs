//! The walk over a ledger's bytes: every hash, checkpoint, signature, time and rule; or, behind a
//! mark that was checked before, only what came since. It must never write anything.

use core::num::NonZeroU64;

use counterfoil_journal::audit::{AuditedFrame, Auditor};
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::entry::{Chain, GENESIS, split};
use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_journal::hash::Hash;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::tree::Tree;
use counterfoil_trading::time::UnixNanos;

use super::LedgerError;
use crate::act::Act;
use crate::record::Record;
use crate::rule::Rule;
use crate::state::State;
use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;

/// A ledger's records, checked: what stands in the file and what it adds up to.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Every record, in order.
    pub records: Vec<Record>,
    /// What they add up to.
    pub state: State,
    /// The last checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// How many bytes at the end are no whole record with its checkpoint.
    pub torn_bytes: u64,
    pub(super) chain: Chain,
    pub(super) tree: Tree,
    /// How many bytes hold, and their digest.
    length: u64,
    bytes: Digest,
}

impl Verified {
    /// How much was checked: what a later walk need not check again.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            size: self.tree.size(),
            root: self.tree.root(),
            length: self.length,
            bytes: self.bytes,
        }
    }
}

/// What was checked before: so many records with this root, every signature and rule of them, in
/// exactly these bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mark {
    /// How many records.
    pub size: u64,
    /// The root hash of the tree of their entries.
    pub root: Hash,
    /// How many bytes of the file.
    pub length: u64,
    /// Their digest.
    pub bytes: Digest,
}

/// Folds records into a state, one by one.
struct Fold {
    state: State,
    records: Vec<Record>,
}

impl Fold {
    /// A record that was judged before: what it says of itself is taken.
    fn take(&mut self, previous: Hash, index: u64, body: &[u8]) -> Result<(), LedgerError> {
        let record = self.read(previous, index, body)?;
        if record.denied.is_none() {
            self.state.apply(index, &record.signed);
        } else {
            self.state.deny();
        }
        self.records.push(record);
        Ok(())
    }

    fn read(&self, previous: Hash, index: u64, body: &[u8]) -> Result<Record, LedgerError> {
        let record = Record::decode(previous, body)
            .map_err(|source| LedgerError::Record { index, source })?;
        let last = self.records.last().map(|last| last.signed.time);
        check_time(index, record.signed.time, last)?;
        Ok(record)
    }

    fn add(&mut self, previous: Hash, index: u64, body: &[u8]) -> Result<(), LedgerError> {
        let record = self.read(previous, index, body)?;
        let judged = self.state.act(index, &record.signed).err();
        let rule = judged.as_ref().map(|denial| denial.rule);
        // A ledger begins with an act that was done.
        if rule != record.denied || (index == 0 && rule.is_some()) {
            let say = |rule: Option<Rule>| match rule {
                None => "done".to_owned(),
                Some(rule) => format!("denied by {rule}"),
            };
            return Err(LedgerError::Verdict {
                index,
                recorded: say(record.denied),
                judged: judged.map_or_else(|| say(None), |denial| denial.to_string()),
            });
        }
        self.records.push(record);
        Ok(())
    }
}

pub(super) fn check_time(
    index: u64,
    time: UnixNanos,
    last: Option<UnixNanos>,
) -> Result<(), LedgerError> {
    match last.filter(|last| time < *last) {
        None => Ok(()),
        Some(last) => Err(LedgerError::BackDated {
            index,
            time: time.0,
            last: last.0,
        }),
    }
}

/// Checks the ledger in `bytes`: chain, tree, checkpoints, signatures, times and rules.
///
/// `key` is any key that the log has or had: the ledger's own records say which key follows which,
/// and both sign it.
///
/// # Errors
///
/// Returns a [`LedgerError`] that names the first record that does not hold. A torn tail is no
/// error here; see [`Verified::torn_bytes`].
pub fn verify(bytes: &[u8], key: &VerifierKey) -> Result<Verified, LedgerError> {
    Walk::begin(bytes, key)?.finish(bytes, key)
}

/// The same, where the bytes up to `mark` were checked before, and are the same still. The log's
/// signature over their root is checked; the actors' signatures and the rules are not asked again.
/// What the mark says is its caller's to trust.
///
/// # Errors
///
/// As [`verify`], and [`LedgerError::Mark`] if the ledger does not begin with what was checked.
pub fn verify_after(bytes: &[u8], key: &VerifierKey, mark: &Mark) -> Result<Verified, LedgerError> {
    let known = usize::try_from(mark.length).ok();
    let known = known.and_then(|length| bytes.get(..length));
    if known.map(Digest::of) != Some(mark.bytes) {
        return Err(LedgerError::Mark { size: mark.size });
    }
    let mut walk = Walk::begin(bytes, key)?;
    walk.skip_to(mark)?;
    walk.finish(bytes, key)
}

/// A walk over a ledger's bytes, somewhere on its way.
struct Walk<'a> {
    frames: FrameReader,
    rest: &'a [u8],
    auditor: Auditor,
    fold: Fold,
    /// The leaf hash of the last entry.
    last: Hash,
    /// How many bytes a checkpoint covers.
    sealed: u64,
    head: (Chain, Tree),
}

impl<'a> Walk<'a> {
    fn begin(bytes: &'a [u8], key: &VerifierKey) -> Result<Self, LedgerError> {
        let first = first_key(bytes)?.unwrap_or(PublicKey(*key.public_key()));
        let mut auditor = Auditor::new(VerifierKey::new(key.name(), &first.0)?);
        auditor.set_cadence(NonZeroU64::MIN);
        Ok(Self {
            frames: FrameReader::new(),
            rest: bytes,
            auditor,
            fold: Fold {
                state: State::new(key.name(), first),
                records: Vec::new(),
            },
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

    /// Takes the records that were checked before.
    fn skip_to(&mut self, mark: &Mark) -> Result<(), LedgerError> {
        let other = LedgerError::Mark { size: mark.size };
        let (mut chain, mut tree) = (Chain::new(), Tree::new());
        // What seals a rotation of the log's key is the key before it.
        let mut sealing = self.fold.state.log_key();
        while chain.size() < mark.size {
            match self.frame()? {
                None => return Err(other),
                // One checkpoint covers those before it: the last is checked below.
                Some(Frame::Checkpoint(_)) => {}
                Some(Frame::Entry(entry)) => {
                    let index = chain.size();
                    let (leaf, body) = chain.check(entry)?;
                    tree.push(leaf);
                    sealing = self.fold.state.log_key();
                    self.fold.take(self.last, index, body)?;
                    self.last = leaf;
                }
            }
        }
        if mark.size == 0 || tree.root() != mark.root {
            return Err(other);
        }
        let Some(Frame::Checkpoint(note)) = self.frame()? else {
            return Err(other);
        };
        self.set_key(sealing)?;
        self.auditor.go_on_from(chain, tree, note)?;
        self.seal();
        if self.sealed != mark.length {
            return Err(other);
        }
        self.set_key(self.fold.state.log_key())
    }

    /// From here on, checkpoints are signed by this key.
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

    /// Checks what is left.
    fn finish(mut self, bytes: &[u8], key: &VerifierKey) -> Result<Verified, LedgerError> {
        let mut waiting: Option<(Hash, u64, &[u8])> = None;
        while let Some(frame) = self.frame()? {
            match self.auditor.frame(frame)? {
                AuditedFrame::Entry { index, leaf, body } => {
                    waiting = Some((self.last, index, body));
                    self.last = leaf;
                }
                // Only now is the record the log's word.
                AuditedFrame::Checkpoint(_) => {
                    if let Some((previous, index, body)) = waiting.take() {
                        let before = self.fold.state.log_key();
                        self.fold.add(previous, index, body)?;
                        let now = self.fold.state.log_key();
                        if now != before {
                            self.set_key(now)?;
                        }
                    }
                    self.seal();
                }
            }
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.fold.records.is_empty() {
            return Err(LedgerError::Empty);
        }
        let found = PublicKey(*key.public_key());
        if !self.fold.state.had_log_key(&found) {
            let ledger = self.fold.state.log_key();
            return Err(LedgerError::LogKey { ledger, found });
        }
        let sealed = usize::try_from(self.sealed).unwrap_or(usize::MAX);
        Ok(Verified {
            length: self.sealed,
            bytes: Digest::of(bytes.get(..sealed).unwrap_or(bytes)),
            records: self.fold.records,
            state: self.fold.state,
            checkpoint: self.auditor.finish(0).last,
            torn_bytes: length.saturating_sub(self.sealed),
            chain: self.head.0,
            tree: self.head.1,
        })
    }
}

/// The key that the first record names, which nothing vouches for yet.
fn first_key(bytes: &[u8]) -> Result<Option<PublicKey>, LedgerError> {
    let parsed = FrameReader::new().parse(bytes)?;
    let Some(Frame::Entry(entry)) = parsed.frame else {
        return Ok(None);
    };
    let first = split(entry, 0).ok();
    let record = first.and_then(|(previous, body)| Record::decode(previous, body).ok());
    Ok(record.and_then(|record| {
        if let Act::Genesis { log_key, .. } = record.signed.act {
            return Some(log_key);
        }
        None
    }))
}
