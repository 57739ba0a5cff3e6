//! The ledger: acts appended to one file before they take effect, and read back with every hash,
//! signature and rule checked again. Its state must never differ from what its records add up to.

use core::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

use counterfoil_journal::audit::AuditError;
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::entry::{Chain, EntryError, GENESIS};
use counterfoil_journal::frame::{FrameError, MAGIC, write_checkpoint, write_entry};
use counterfoil_journal::hash::Hash;
use counterfoil_journal::key::{VerifierKey, VerifierKeyError};
use counterfoil_journal::salt::LogSigner;
use counterfoil_journal::signer::{SignError, Signer};
use counterfoil_journal::tree::Tree;
use counterfoil_trading::cbor::CborError;
use counterfoil_trading::time::UnixNanos;

use sha2::{Digest as _, Sha256};

use crate::act::Act;
use crate::files::LogFile;
use crate::id::Id;
use crate::record::{LedgerRecord, SignedAct};
use crate::rule::Denial;
use crate::state::{BackDated, CLOCK_STEP_MAX, DAY_NANOS, LedgerState};
use counterfoil_journal::public_key::PublicKey;
use counterfoil_os::file_path::AsFilePath;
use counterfoil_os::files::{FileError, read_whole};

mod known;
mod places;
mod prefix;
mod reopen;
mod walk;

pub use known::KnownLedger;
pub use places::RecordPlaces;
pub use prefix::PrefixDigests;
pub use walk::{LedgerMark, VerifiedLedger, verify, verify_after, verify_behind};

/// What every ledger's origin begins with; its name follows.
pub const ORIGIN_PREFIX: &str = "counterfoil/ledger/";

/// The origin of the ledger with this name, which is also the name of its key.
#[must_use]
pub fn origin(name: &Id) -> String {
    format!("{ORIGIN_PREFIX}{name}")
}

/// Nanoseconds that a clock that nothing vouches for may be ahead of the ledger's newest time: 31 days, in which even a
/// quiet ledger has a record.
pub const CLOCK_AHEAD_MAX: i64 = 31 * DAY_NANOS;

/// The clock of the machine that writes to a ledger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MachineClock {
    pub now: UnixNanos,
    /// Whether the kernel says that it is synchronised, or a person that it is right.
    pub is_trusted: bool,
}

/// Why a ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Malformed frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The chain or a checkpoint does not match: a record was changed, removed or moved.
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Entry(#[from] EntryError),
    #[error(transparent)]
    Key(#[from] VerifierKeyError),
    /// The log's signer did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("malformed record in entry {index}: {source}")]
    Record {
        /// The entry.
        index: u64,
        source: CborError,
    },
    /// A record is older than the ledger's clock.
    #[error(
        "record {index} is back-dated: {found}; set this machine's clock, or, if another machine's was fast when it \
         wrote to the ledger, set the ledger's back: counterfoil ledger reset-clock"
    )]
    BackDated {
        /// The entry.
        index: u64,
        found: BackDated,
    },
    /// A clock that nothing vouches for shows a time long after the ledger's newest.
    #[error(
        "this machine's clock shows {now}, which is more than {days} days after {clock}, the newest time in the ledger, \
         and is not synchronised: nothing was recorded; set the clock, or add --trust-clock if it is right"
    )]
    Ahead {
        now: String,
        /// The ledger's clock.
        clock: String,
        days: i64,
    },
    /// A record's outcome differs from the outcome by the rules.
    #[error("record {index} is recorded as {recorded}, but the rules give {judged}")]
    Verdict {
        /// The entry.
        index: u64,
        /// The recorded outcome.
        recorded: String,
        /// The outcome by the rules.
        judged: String,
    },
    /// The file ends in a part of a record, or in one that no checkpoint covers.
    #[error(
        "the last {bytes} bytes are an unfinished record; opening the ledger to write cuts them off"
    )]
    Torn { bytes: u64 },
    /// The ledger does not begin with what was verified before.
    #[error("the ledger's first {size} records are not those that were verified before")]
    Mark {
        /// The number of records verified before.
        size: u64,
    },
    #[error("the ledger has no records")]
    Empty,
    /// The act was signed for another position in the ledger.
    #[error("another record was appended first; sign again after the entry with leaf hash {last}")]
    Stale {
        /// The last entry.
        last: Hash,
    },
    /// The act was denied, and the denial recorded.
    #[error("{denial} (record {index})")]
    Denied {
        /// Why.
        denial: Denial,
        /// The record of the denial.
        index: u64,
    },
    /// The first record breaks a rule.
    #[error("invalid first record: {0}")]
    Genesis(Denial),
    /// The log has another key than the given key.
    #[error("the log's key is {ledger}, not {found}")]
    LogKey {
        /// The key that signs its next checkpoint.
        ledger: PublicKey,
        /// The given key.
        found: PublicKey,
    },
    /// An append failed before, so what the file holds is unknown.
    #[error("an earlier append failed, so what the file holds is unknown; open the ledger again")]
    Unknown,
}

impl LedgerError {
    /// Whether another process writes the ledger now, so that a retry may succeed.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::File(error) if error.source.kind() == ErrorKind::WouldBlock)
    }
}

/// Reads and verifies the whole ledger at `path`, without changing it.
///
/// # Errors
///
/// As [`verify`], and [`LedgerError::Torn`] if the file ends within a record.
pub fn read(
    path: &(impl AsFilePath + ?Sized),
    key: &VerifierKey,
) -> Result<VerifiedLedger, LedgerError> {
    let verified = verify(&read_whole(path)?, key)?;
    match verified.torn_bytes {
        0 => Ok(verified),
        bytes => Err(LedgerError::Torn { bytes }),
    }
}

/// The one writer of a ledger.
pub struct Ledger {
    file: LogFile,
    signer: Box<dyn LogSigner + Send>,
    /// All that is in the file.
    known: KnownLedger,
    cut_bytes: u64,
    unknown: bool,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("origin", &self.known.origin)
            .finish_non_exhaustive()
    }
}

/// Who begins a ledger, and when.
#[derive(Clone, Debug)]
pub struct LedgerFounder {
    /// The first administrator, who signs the first record.
    pub administrator: Id,
    /// The holder of the log's key, who can never be an operator.
    pub log_holder: Id,
    pub time: UnixNanos,
}

impl Ledger {
    /// Begins a ledger at `path`, which must not exist, with a first record that its founder signs.
    ///
    /// # Errors
    ///
    /// As [`Ledger::create`], and if the founder's key does not sign.
    pub fn begin<S: Signer + ?Sized>(
        path: &(impl AsFilePath + ?Sized),
        name: &Id,
        log: Box<dyn LogSigner + Send>,
        founder: LedgerFounder,
        signing_key: &S,
    ) -> Result<Self, LedgerError> {
        let LedgerFounder {
            administrator,
            log_holder,
            time,
        } = founder;
        let key = PublicKey(signing_key.verifying_key());
        let act = Act::Genesis {
            administrators: vec![(administrator.clone(), key)],
            // Named in the first record, so that a ledger cannot be taken over later by replacing the key file.
            log_key: PublicKey(log.verifying_key()),
            log_holder,
        };
        let origin = origin(name);
        let genesis = SignedAct::sign(&origin, GENESIS, time, administrator, act, signing_key)?;
        Self::create(path, name, log, &genesis)
    }

    /// Creates a ledger with its first record at `path`, which must not exist.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError`] if the first record breaks a rule, or the file cannot be created.
    pub fn create(
        path: &(impl AsFilePath + ?Sized),
        name: &Id,
        signer: Box<dyn LogSigner + Send>,
        genesis: &SignedAct,
    ) -> Result<Self, LedgerError> {
        let origin = origin(name);
        let mut state = LedgerState::new(&origin, PublicKey(signer.verifying_key()));
        let (mut chain, mut tree) = (Chain::new(), Tree::new());
        if genesis.previous != chain.last() {
            return Err(LedgerError::Stale { last: chain.last() });
        }
        // Unlike later acts, a denied first record is not written: there would be no principal whose
        // ledger it could be.
        state.judge(genesis).map_err(LedgerError::Genesis)?;
        let record = LedgerRecord {
            signed: genesis.clone(),
            denied: None,
        };
        // Signed in memory before the file exists: a signer that fails leaves no ledger without a first
        // record.
        let mut bytes = MAGIC.to_vec();
        let checkpoint = seal(
            &mut chain,
            &mut tree,
            &origin,
            signer.as_ref(),
            &record,
            &mut bytes,
        )?;
        let file = LogFile::create(path, &bytes)?;
        state.apply(0, genesis);
        Ok(Self {
            file,
            signer,
            known: KnownLedger {
                origin,
                chain,
                tree,
                checkpoint,
                state: Arc::new(state),
                length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                tail: known::tail_of(&bytes),
                bytes: Sha256::new_with_prefix(&bytes),
            },
            cut_bytes: 0,
            unknown: false,
        })
    }

    /// Opens the ledger at `path` for its one writer, verified from its first byte. A record that a
    /// crash left without its checkpoint never took effect, and is cut off.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError`] if it does not verify, or another process writes it.
    pub fn open(
        path: &(impl AsFilePath + ?Sized),
        name: &Id,
        signer: Box<dyn LogSigner + Send>,
    ) -> Result<Self, LedgerError> {
        Self::open_after(path, name, signer, None, None)
    }

    /// As [`Ledger::open`], for a ledger of which the part up to `mark` was verified before, which the caller must trust,
    /// and which begins with what was `seen` of it: an act on an older copy would make the copy the ledger.
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`].
    pub fn open_after(
        path: &(impl AsFilePath + ?Sized),
        name: &Id,
        signer: Box<dyn LogSigner + Send>,
        mark: Option<LedgerMark>,
        seen: Option<LedgerMark>,
    ) -> Result<Self, LedgerError> {
        let key = VerifierKey::new(&origin(name), &signer.verifying_key())?;
        // The lock comes before the read: without it another process could append after this one had
        // read, and both would sign a checkpoint for the same index.
        let (mut file, bytes) = LogFile::open(path)?;
        let mut digests = PrefixDigests::new(&bytes);
        if let Some(seen) = seen.filter(|seen| !digests.begin_with(seen)) {
            return Err(LedgerError::Mark { size: seen.size });
        }
        let (verified, _vouched_for) = verify_behind(&mut digests, &key, mark.as_ref())?;
        check_signer(&verified.state, signer.as_ref())?;
        // Only the tail without a checkpoint is cut. Its writer crashed before the append returned, so
        // no caller was informed that it took effect. Anything else that fails above is damage or
        // forgery, and is never repaired here.
        let cut_bytes = verified.torn_bytes;
        if cut_bytes > 0 {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            file.cut(length.saturating_sub(cut_bytes))?;
        }
        Ok(Self {
            file,
            signer,
            known: verified.known()?,
            cut_bytes,
            unknown: false,
        })
    }

    /// Replaces the signer by the holder of the key that the log was rotated to.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError::LogKey`] if it holds another key.
    pub fn set_signer(&mut self, signer: Box<dyn LogSigner + Send>) -> Result<(), LedgerError> {
        check_signer(&self.known.state, signer.as_ref())?;
        self.signer = signer;
        Ok(())
    }

    /// The state after the last record.
    #[must_use]
    pub fn state(&self) -> &LedgerState {
        &self.known.state
    }

    /// The number of bytes cut off the end when the ledger was opened.
    #[must_use]
    pub const fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// The position of the next act: the ledger's origin, and the leaf hash before it.
    #[must_use]
    pub fn place(&self) -> (&str, Hash) {
        (&self.known.origin, self.known.chain.last())
    }

    /// The time of an act on a machine with this clock: not before the newest in the ledger, as long as the difference
    /// is one that clocks have ([`CLOCK_STEP_MAX`]). A larger one is left, and refused as back-dated.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError::Ahead`] if the clock shows a time long after the ledger's, and nothing vouches for it.
    pub fn time_of_act(&self, machine: MachineClock) -> Result<UnixNanos, LedgerError> {
        let MachineClock { now, is_trusted } = machine;
        let Some(clock) = self.known.state.clock() else {
            return Ok(now);
        };
        // Two machines' clocks, or one that was just corrected: without this, a kill would be refused until the slower
        // clock has caught up.
        let behind = clock.0.saturating_sub(now.0);
        if (1..=CLOCK_STEP_MAX).contains(&behind) {
            return Ok(clock);
        }
        // Before anything is written: a record of the year 2200 keeps every later act out of the ledger.
        if !is_trusted && now.0.saturating_sub(clock.0) > CLOCK_AHEAD_MAX {
            return Err(LedgerError::Ahead {
                now: now.rfc3339(),
                clock: clock.rfc3339(),
                days: CLOCK_AHEAD_MAX / DAY_NANOS,
            });
        }
        Ok(now)
    }

    /// Signs an act for the next position and appends it.
    ///
    /// # Errors
    ///
    /// As [`Ledger::append`], and [`LedgerError::Sign`] if the actor's signer did not sign.
    pub fn act<S: Signer + ?Sized>(
        &mut self,
        time: UnixNanos,
        actor: &Id,
        act: Act,
        signing_key: &S,
    ) -> Result<u64, LedgerError> {
        let (origin, previous) = self.place();
        let signed = SignedAct::sign(origin, previous, time, actor.clone(), act, signing_key)?;
        self.append(signed)
    }

    /// Records an act as done or denied, durably, and only then applies it. Returns the record's index.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError::Denied`] if a rule forbids it; the denial is recorded then. Any other
    /// error means that nothing was recorded, except after a failed write, when it is unknown.
    pub fn append(&mut self, signed: SignedAct) -> Result<u64, LedgerError> {
        // After a failed write the file may or may not hold the record. Another append could then follow
        // a record that this state never applied.
        if self.unknown {
            return Err(LedgerError::Unknown);
        }
        // A rotation in this process makes the old key useless here at once: a checkpoint by it would
        // not verify, and the ledger could not be opened again.
        check_signer(&self.known.state, self.signer.as_ref())?;
        // Signed over another history: the actor may have decided on a state that is gone, or someone
        // replays an act that was recorded before.
        let last = self.known.chain.last();
        if signed.previous != last {
            return Err(LedgerError::Stale { last });
        }
        let index = self.known.chain.size();
        walk::check_time(&self.known.state, index, &signed)?;
        // A denial is recorded as well, under the actor's signature: trying out what is forbidden leaves a
        // trace, even with a stolen key.
        let denial = self.known.state.judge(&signed).err();
        let denied = denial.as_ref().map(|denial| denial.rule);
        let record = LedgerRecord { signed, denied };
        // Copies: an error before the write leaves this ledger as it was, and the next append is valid.
        let (mut chain, mut tree, mut bytes) =
            (self.known.chain, self.known.tree.clone(), Vec::new());
        let checkpoint = seal(
            &mut chain,
            &mut tree,
            &self.known.origin,
            self.signer.as_ref(),
            &record,
            &mut bytes,
        )?;
        // The record and its checkpoint go into one durable write. A crash before it leaves nothing or
        // a tail without a checkpoint, which the next opening cuts; a crash after it leaves a record
        // that the next opening applies, as if the append had returned.
        if let Err(error) = self.file.append(&bytes) {
            self.unknown = true;
            return Err(error.into());
        }
        // Applied only now that it is durable: no caller sees a state that a crash could take back.
        let known = &mut self.known;
        (known.chain, known.tree, known.checkpoint) = (chain, tree, checkpoint);
        let added = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        known.length = known.length.saturating_add(added);
        known.tail = known::tail_of(&bytes);
        known.bytes.update(&bytes);
        let state = Arc::make_mut(&mut known.state);
        match denial {
            None => {
                state.apply(index, &record.signed);
                Ok(index)
            }
            Some(denial) => {
                state.deny(&record.signed);
                Err(LedgerError::Denied { denial, index })
            }
        }
    }
}

/// Checks that the signer holds the log's current key.
fn check_signer(state: &LedgerState, signer: &dyn LogSigner) -> Result<(), LedgerError> {
    // A checkpoint by any other key could be appended, and from then on the ledger would not verify.
    let (ledger, found) = (state.log_key(), PublicKey(signer.verifying_key()));
    if ledger == found {
        return Ok(());
    }
    Err(LedgerError::LogKey { ledger, found })
}

/// Appends a record's frame and the frame of the checkpoint that covers it, which is returned.
fn seal(
    chain: &mut Chain,
    tree: &mut Tree,
    origin: &str,
    signer: &dyn LogSigner,
    record: &LedgerRecord,
    bytes: &mut Vec<u8>,
) -> Result<Checkpoint, LedgerError> {
    let mut entry = Vec::new();
    let salt = signer.salts(origin).at(chain.size());
    tree.push(chain.link(salt, &record.encode(), &mut entry)?);
    write_entry(&entry, bytes)?;
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        size: tree.size(),
        root: tree.root(),
    };
    write_checkpoint(&checkpoint.sign(signer)?, bytes)?;
    Ok(checkpoint)
}
