//! The order log of one execution: the same frames, chain, tree and signed checkpoints as a
//! journal, with one checkpoint after each record. A record is durable when `append` returns.

use std::collections::BTreeMap;
use std::io::Read as _;

use counterfoil_journal::audit::{AuditError, AuditedFrame, Auditor};
use counterfoil_journal::checkpoint::{OpenedNote, SignatureCheck};
use counterfoil_journal::consistency::TreeHead;
use counterfoil_journal::frame::{Frame, FrameError, FrameReader};
use counterfoil_journal::key::{VerifierKey, VerifierKeyError};
use counterfoil_journal::salt::LogSigner;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{FileError, is_there, open_plain, read_whole};
use counterfoil_trading::cbor::CborError;
use counterfoil_trading::gateway::{
    DurableMark, OrderAuthorization, OrderLogRecord, ReconcileTrigger, Reconciliation,
};
use counterfoil_trading::journal::{RecordBytes, RecordSeal};
use counterfoil_trading::time::UnixNanos;
use counterfoil_verify::open_notes;

use crate::run::journal::{JournalError, JournalFile, JournalHead, Sealer, SignedHead, head_of};
use crate::run::resume::keep_tail;
use crate::run::signed_prefix::SignedPrefix;
use crate::store::data_dir::Execution;

/// Frames whose checkpoints are opened at once: enough that checking them together is cheap, and few enough to hold.
const FRAMES_AT_ONCE: usize = 4_096;

/// The log's file in an execution's folder.
pub const ORDERS_FILE: &str = "orders";

/// Why an order log could not be read or written. The run stops.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrderLogError {
    #[error(transparent)]
    File(#[from] FileError),
    /// A record could not be written.
    #[error("the order log: {0}")]
    Journal(#[from] JournalError),
    /// Malformed frame.
    #[error("the order log: {0}")]
    Frame(#[from] FrameError),
    /// A link, checkpoint or signature is invalid.
    #[error("the order log was changed: {0}")]
    Audit(#[from] AuditError),
    /// Malformed record.
    #[error("malformed record in the order log: {0}")]
    Record(#[from] CborError),
    /// The log's origin is not the name of a key.
    #[error("invalid origin of the order log: {0}")]
    Origin(#[from] VerifierKeyError),
    /// A signed checkpoint follows bytes that are not part of the log.
    #[error(
        "the order log was changed after byte {offset}: a later checkpoint covers {signed} entries"
    )]
    Damaged {
        /// Where the valid part ends.
        offset: u64,
        /// Entries that the checkpoint covers.
        signed: u64,
    },
}

/// What the log has of one order.
#[derive(Clone, Debug, Default)]
pub struct RecordedOrder {
    /// Its marks, in sequence.
    pub marks: Vec<DurableMark>,
    /// Its last token.
    pub token: Option<OrderAuthorization>,
}

/// The content of an order log.
#[derive(Clone, Debug, Default)]
pub struct KnownOrders {
    /// Every order, by the number of its plan.
    pub orders: BTreeMap<u64, RecordedOrder>,
    /// The last fencing token of the account's lease.
    pub fencing_token: u64,
    /// The venue's books when the run began.
    pub baseline: Option<Reconciliation>,
    /// The time of its last record.
    pub last_time: UnixNanos,
}

/// The log, open for writing.
#[derive(Debug)]
pub struct OrderLog {
    sealer: Sealer,
    body: Vec<u8>,
}

/// The path of an execution's order log.
#[must_use]
pub fn path(execution: &Execution) -> FilePath {
    execution.folder.join(ORDERS_FILE)
}

/// The log's origin, which is also the name of its key.
#[must_use]
pub fn origin(execution: &Execution) -> String {
    format!(
        "counterfoil/orders/{}/{}",
        execution.run.hex(),
        execution.number
    )
}

impl OrderLog {
    /// A new, empty log.
    ///
    /// # Errors
    ///
    /// Returns [`OrderLogError`] if there is one, or it cannot be created.
    pub fn create(
        execution: &Execution,
        signer: Box<dyn LogSigner + Send>,
        head: SignedHead,
    ) -> Result<Self, OrderLogError> {
        let file = JournalFile::create(&path(execution))?;
        let sealer = Sealer::new(file, signer, origin(execution), 1);
        Ok(Self::over(sealer.shown_in(head)))
    }

    /// Opens the log of an execution that is resumed: verifies it with its key and returns its
    /// content. Bytes that no checkpoint covers are kept aside and cut off: nothing was sent on
    /// them.
    ///
    /// # Errors
    ///
    /// Returns [`OrderLogError`] if it cannot be read or is invalid; it is unchanged then.
    pub fn resume(
        execution: &Execution,
        signer: Box<dyn LogSigner + Send>,
        key: &VerifierKey,
        head: SignedHead,
    ) -> Result<(Self, KnownOrders), OrderLogError> {
        let path = path(execution);
        let found = SignedPrefix::scan(&path)?;
        // Not a torn tail: signed entries follow the damage, so an order may have been sent on
        // them. To cut them off would send it again.
        if let Some(size) = found.checkpoint_beyond(key) {
            return Err(OrderLogError::Damaged {
                offset: found.end,
                signed: size,
            });
        }
        let (known, at_end) = read(&path, found.end, key)?;
        // Kept before it is cut: a crash between the two leaves the tail in both places, and the
        // next start cuts again.
        keep_tail(&execution.folder, found.end, &found.tail)?;
        let file = JournalFile::reopen(&path, found.end)?;
        let own = Sealer::resume(file, signer, origin(execution), 1, at_end);
        Ok((Self::over(own.shown_in(head)), known))
    }

    const fn over(sealer: Sealer) -> Self {
        Self {
            sealer,
            body: Vec::new(),
        }
    }

    /// Appends a record with its checkpoint. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// Returns [`OrderLogError`] if that is not certain.
    pub fn append(&mut self, record: &OrderLogRecord) -> Result<(), OrderLogError> {
        self.body.clear();
        record.encode(&mut self.body);
        self.sealer.add(RecordBytes {
            is_silent: false,
            body: &self.body,
            digested: None,
            seal: RecordSeal::Now,
        })?;
        self.sealer.write()?;
        Ok(())
    }
}

/// Verifies and reads the first `end` bytes of a log.
///
/// # Errors
///
/// Returns [`OrderLogError`] naming the defect.
fn read(
    path: &FilePath,
    end: u64,
    key: &VerifierKey,
) -> Result<(KnownOrders, JournalHead), OrderLogError> {
    let mut known = KnownOrders::default();
    let mut auditor = Auditor::new(key.clone());
    auditor.set_cadence(core::num::NonZeroU64::MIN);
    let mut bytes = Vec::new();
    if end > 0 {
        let file = open_plain(path)?;
        file.take(end)
            .read_to_end(&mut bytes)
            .map_err(FileError::at("read", path))?;
    }
    // Its readers hold the key.
    let together = SignatureCheck::Together;
    audit_records(&mut auditor, key, &bytes, together, |record| {
        known.add(record)
    })?;
    let summary = auditor.finish(0);
    let sealed = JournalHead {
        chain: summary.chain,
        tree: summary.tree,
        ..JournalHead::default()
    };
    Ok((known, sealed))
}

/// The signed end of an order log, and how many orders it has.
#[derive(Clone, Copy, Debug)]
pub struct OrdersHead {
    pub head: TreeHead,
    /// Orders whose token was spent: the venue may have them.
    pub sent: usize,
}

/// The signed end of an execution's order log; of one that is not there, that of an empty log.
///
/// # Errors
///
/// Returns [`OrderLogError`] if it cannot be read or is invalid.
pub fn orders_head(execution: &Execution, key: &[u8; 32]) -> Result<OrdersHead, OrderLogError> {
    let path = path(execution);
    let end = if is_there(&path)? {
        SignedPrefix::scan(&path)?.end
    } else {
        0
    };
    let key = VerifierKey::new(&origin(execution), key)?;
    let (known, head) = read(&path, end, &key)?;
    Ok(OrdersHead {
        head: head_of(&head.tree),
        sent: known.orders.len(),
    })
}

/// Every record of an execution's order log, verified with its key.
///
/// # Errors
///
/// Returns [`OrderLogError`] if it cannot be read or is invalid.
pub fn records(
    execution: &Execution,
    key: &VerifierKey,
) -> Result<Vec<OrderLogRecord>, OrderLogError> {
    let path = path(execution);
    let bytes = read_whole(&path)?;
    let mut auditor = Auditor::new(key.clone());
    let mut all = Vec::new();
    audit_records(&mut auditor, key, &bytes, SignatureCheck::Each, |record| {
        all.push(record);
        Ok(())
    })?;
    Ok(all)
}

/// Verifies a log and passes on each of its records.
fn audit_records(
    auditor: &mut Auditor,
    key: &VerifierKey,
    bytes: &[u8],
    check: SignatureCheck,
    mut accept: impl FnMut(OrderLogRecord) -> Result<(), CborError>,
) -> Result<(), OrderLogError> {
    let (frames, end) = frames_of(bytes);
    for part in frames.chunks(FRAMES_AT_ONCE) {
        let notes = part.iter().filter_map(|frame| match frame {
            Frame::Checkpoint(note) => Some(*note),
            Frame::Entry(_) => None,
        });
        let notes: Vec<&[u8]> = notes.collect();
        // Nearly all of the time goes into signatures. What stands at each place is judged in the log's sequence.
        let mut opened = open_notes(&notes, key, check).into_iter();
        for frame in part {
            match frame {
                Frame::Entry(_) => {
                    if let AuditedFrame::Entry { body, .. } = auditor.frame(*frame)? {
                        accept(OrderLogRecord::decode(body)?)?;
                    }
                }
                Frame::Checkpoint(note) => {
                    let opened = opened.next().unwrap_or_else(|| OpenedNote::open(note, key));
                    auditor.opened_note(opened)?;
                }
            }
        }
    }
    // What the frames before it hold was judged first.
    Ok(end?)
}

/// The frames of a log, up to the end or the first bytes that are none.
#[expect(
    clippy::expect_used,
    reason = "with a default in its place, a log cut short by a defect would read as complete"
)]
fn frames_of(bytes: &[u8]) -> (Vec<Frame<'_>>, Result<(), FrameError>) {
    let mut reader = FrameReader::new();
    let (mut rest, mut frames) = (bytes, Vec::new());
    loop {
        let parsed = match reader.parse(rest) {
            Ok(parsed) => parsed,
            Err(error) => return (frames, Err(error)),
        };
        rest = rest
            .get(parsed.consumed..)
            .expect("invariant: a frame lies within the bytes that it was parsed from");
        let Some(frame) = parsed.frame else {
            return (frames, Ok(()));
        };
        frames.push(frame);
    }
}

impl KnownOrders {
    fn add(&mut self, record: OrderLogRecord) -> Result<(), CborError> {
        self.last_time = record.time().unwrap_or_default().max(self.last_time);
        match record {
            OrderLogRecord::Spent { token, .. } => {
                let token = OrderAuthorization::decode(&token)?;
                let order = self.orders.entry(token.sequence).or_default();
                order.marks.push(DurableMark::Spent);
                order.token = Some(token);
            }
            OrderLogRecord::Ended(outcome) => {
                let order = self.orders.entry(outcome.sequence).or_default();
                order.marks.push(DurableMark::Ended(outcome.end));
            }
            OrderLogRecord::Process { fencing_token, .. } => self.fencing_token = fencing_token,
            OrderLogRecord::Reconciled(books) if books.trigger == ReconcileTrigger::Baseline => {
                self.baseline = Some(books);
            }
            OrderLogRecord::Open { .. }
            | OrderLogRecord::Unknown { .. }
            | OrderLogRecord::Refused { .. }
            | OrderLogRecord::Clock { .. }
            | OrderLogRecord::ClockStep { .. }
            | OrderLogRecord::Reconciled(_)
            | OrderLogRecord::Difference(_) => {}
        }
        Ok(())
    }
}
