//! One journal, verified: bytes in, report out. The chain is checked on a second thread while
//! the records are run again on this one.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use counterfoil_base::digest::Digest;
use counterfoil_governance::state::LedgerState;
use counterfoil_journal::checkpoint::SignatureCheck;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::record::RunRecord;

use crate::answers::AnswerLimits;
use crate::chain::{ChainCheck, CheckedChain};
use crate::chunk::{ChunkReader, JournalChunk, JournalEnd, body_of};
use crate::completeness::BarTally;
use crate::extent::{SignedExtent, changed_entry, links};
use crate::finding::{Finding, FindingCause};
use crate::opened::{OpenedJournal, OpeningBodies, origin};
use crate::orders::{JoinCheck, OrderLogFacts};
use crate::report::{Completeness, Integrity, Rerun, VerifyReport};
use crate::rerun::Rerunner;
use crate::source::JournalSource;
use crate::times::{LedgerTimes, TimesCheck, TimesVerdict};

/// Chunks under way to the second thread: 4 MiB at most wait there.
const CHUNKS_WAITING_MAX: usize = 4;

/// Why a journal could not be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    #[error("cannot read the journal: {0}")]
    Read(#[from] io::Error),
    #[error("the thread that checks hashes and signatures stopped early")]
    Thread,
    #[error("the journal was changed while it was read; verify a copy")]
    Unsteady,
}

/// How far a verification has come, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VerifyProgress {
    /// Bytes read so far.
    pub read: u64,
    /// Bytes in all, where that is known.
    pub total: Option<u64>,
}

/// What is to be done.
#[derive(Default)]
pub struct VerifyOptions<'a> {
    /// Only hashes, signatures and the places of checkpoints: no record is run again, and
    /// completeness stays unknown.
    pub integrity_only: bool,
    /// How the checkpoints' signatures are checked.
    pub signatures: SignatureCheck,
    /// The journal's length in bytes, for the progress.
    pub bytes_total: Option<u64>,
    /// What the run's order log holds, to compare the journal with.
    pub orders: Option<OrderLogFacts>,
    /// Digests of files with the account's limits, which the order log's tokens may name.
    pub account_limits: Vec<Digest>,
    /// What the ledger's records add up to, to compare the times with.
    pub ledger: Option<&'a LedgerState>,
    /// Called for each chunk read.
    pub progress: Option<&'a mut dyn FnMut(VerifyProgress)>,
}

impl core::fmt::Debug for VerifyOptions<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("integrity_only", &self.integrity_only)
            .field("bytes_total", &self.bytes_total)
            .field("account_limits", &self.account_limits)
            .finish_non_exhaustive()
    }
}

/// What the journal in `source` holds, and whether it holds. Records that no checkpoint covers are counted, and neither
/// kept nor run again.
///
/// # Errors
///
/// Returns [`VerifyError`] if the journal cannot be read. What is wrong with the journal itself is in
/// the report.
pub fn verify_journal<S: JournalSource>(
    mut source: S,
    key: &PublicKey,
    options: VerifyOptions<'_>,
) -> Result<VerifyReport, VerifyError> {
    // First: whoever can write to the file could otherwise append records that cost the reader time and memory without
    // end. Only what the log's key signed is run again.
    let extent = SignedExtent::of(&mut source, key)?;
    if let Some(finding) = extent.unsigned {
        return Ok(VerifyReport::unopened(*finding));
    }
    let mut chunks = ChunkReader::new(source.take(extent.bytes));
    // The opening names the run, the key's name and the cadence; nothing behind it can be checked without them.
    let (opened, first) = match open_journal(&mut chunks, key, extent.records)? {
        Ok(opened) => opened,
        Err(finding) => return Ok(VerifyReport::unopened(*finding)),
    };
    let chain = ChainCheck::new(&opened, options.signatures);
    let (send, receive) = sync_channel(CHUNKS_WAITING_MAX);
    let (chained, walked) = thread::scope(|scope| {
        let checker = thread::Builder::new()
            .name("chain".to_owned())
            .spawn_scoped(scope, move || chain.run(receive))
            .map_err(VerifyError::Read)?;
        // Two threads over the same chunks: hashing and signatures cost about as much as the re-run, and neither needs the
        // other's result before the end.
        let mut walk = JournalWalk::new(&opened, extent.records, options);
        let walked = walk.all(first, &mut chunks, &send);
        // Ends the other thread's loop. Without it the join below would wait for ever.
        drop(send);
        let chained = checker.join().map_err(|_| VerifyError::Thread)?;
        walked?;
        Ok::<_, VerifyError>((chained, walk))
    })?;
    // A file that another process wrote between the two readings could have records that are signed and were not run.
    if chained.covered > extent.records {
        return Err(VerifyError::Unsteady);
    }
    Ok(walked.report(&opened, chained, chunks.end()))
}

/// What a journal begins with, and the chunks that were read for it.
type OpenedChunks = (OpenedJournal, Vec<JournalChunk>);

/// Reads chunks until the opening is whole, which must be within the first `signed` records.
fn open_journal<R: Read>(
    chunks: &mut ChunkReader<R>,
    key: &PublicKey,
    signed: u64,
) -> io::Result<Result<OpenedChunks, Box<Finding>>> {
    let (mut bodies, mut read) = (OpeningBodies::default(), Vec::new());
    while let Some(chunk) = chunks.next()? {
        let taken = take_opening(&mut bodies, &chunk, signed);
        read.push(chunk);
        let opened = match taken {
            Ok(false) => continue,
            Ok(true) => bodies.open(key),
            Err(finding) => Err(finding),
        };
        return Ok(match opened {
            Ok(opened) => Ok((opened, read)),
            Err(finding) => Err(changed_part(&read, &finding).unwrap_or(finding)),
        });
    }
    let cause = match chunks.end() {
        JournalEnd::Bad(error) => FindingCause::Frame(error),
        JournalEnd::Torn(_) if bodies.is_empty() => FindingCause::Empty,
        JournalEnd::Torn(_) => FindingCause::OpeningTorn,
    };
    Ok(Err(Box::new(Finding::at(0, cause))))
}

/// Takes the opening's entries of a chunk; whether it is whole now.
fn take_opening(
    bodies: &mut OpeningBodies,
    chunk: &JournalChunk,
    signed: u64,
) -> Result<bool, Box<Finding>> {
    for (index, entry) in chunk.entries() {
        // A manifest is kept while it is read: one that nobody signed has no length at which it ends.
        if index >= signed {
            return Err(Box::new(Finding::at(index, FindingCause::OpeningTorn)));
        }
        // An entry too short for its link ends the chunk here, and is the other thread's finding where there is one.
        let Some(body) = body_of(entry, index) else {
            return Ok(false);
        };
        bodies.add(body)?;
        if bodies.is_whole() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The entry whose bytes changed, where that is why the opening does not hold: the parts only agree with each other, so
/// the part that disagrees need not be the one that changed.
fn changed_part(read: &[JournalChunk], finding: &Finding) -> Option<Box<Finding>> {
    let index = changed_entry(&links(read.iter().flat_map(JournalChunk::entries)))?;
    Some(Box::new(Finding {
        kind: finding.kind.filter(|_| finding.index == index),
        ..Finding::at(index, FindingCause::Changed)
    }))
}

/// What this thread does: reads, and runs again.
struct JournalWalk<'a> {
    options: VerifyOptions<'a>,
    opened: OpenedJournal,
    /// Records under a signed checkpoint.
    signed: u64,
    rerunner: Rerunner,
    counter: BarTally,
    answers: AnswerLimits,
    times: TimesCheck,
    join: Option<JoinCheck>,
    finding: Option<Box<Finding>>,
    /// The first answer beyond the manifest's limits.
    beyond: Option<Box<Finding>>,
}

impl<'a> JournalWalk<'a> {
    fn new(opened: &OpenedJournal, signed: u64, mut options: VerifyOptions<'a>) -> Self {
        let orders = options.orders.take().map(Arc::new);
        let runs = options.ledger.map(|state| state.registry().runs());
        let started = runs.and_then(|runs| runs.get(&opened.run_id));
        let ledger = started.map(|started| LedgerTimes::new(started, opened.open.execution));
        let accounts = &options.account_limits;
        let join = orders
            .clone()
            .map(|facts| JoinCheck::new(opened, facts, accounts));
        Self {
            options,
            signed,
            opened: opened.clone(),
            rerunner: Rerunner::new(opened),
            counter: BarTally::new(opened),
            answers: AnswerLimits::new(opened),
            times: TimesCheck::new(opened, orders, ledger),
            join,
            finding: None,
            beyond: None,
        }
    }

    /// Goes through all chunks, or until the other thread has seen enough.
    fn all<R: Read>(
        &mut self,
        first: Vec<JournalChunk>,
        chunks: &mut ChunkReader<R>,
        send: &SyncSender<Arc<JournalChunk>>,
    ) -> io::Result<()> {
        let mut first = first.into_iter();
        while let Some(chunk) = first
            .next()
            .map_or_else(|| chunks.next(), |chunk| Ok(Some(chunk)))?
        {
            if let Some(progress) = &mut self.options.progress {
                progress(VerifyProgress {
                    read: chunks.bytes_read(),
                    total: self.options.bytes_total,
                });
            }
            let chunk = Arc::new(chunk);
            // The receiver is gone because it found something: what follows a break proves nothing, so reading stops.
            if send.send(Arc::clone(&chunk)).is_err() {
                return Ok(());
            }
            if !self.options.integrity_only {
                self.chunk(&chunk);
            }
        }
        if self.finding.is_none() && !self.options.integrity_only {
            self.finding = self.rerunner.finish().err();
        }
        if self.beyond.is_none() && !self.options.integrity_only {
            self.beyond = self.answers.finish().err();
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: &JournalChunk) {
        for (index, entry) in chunk.entries() {
            // Without a signature a record is anybody's, and running it could take any time.
            if index >= self.signed {
                return;
            }
            // The opening was taken apart before the walk began.
            if index < self.opened.entries {
                continue;
            }
            // An entry too short for its link is the other thread's finding.
            // The rest of the chunk is left out too: the chain breaks here, and later records are not this run's.
            let Some(body) = body_of(entry, index) else {
                return;
            };
            let record = match RunRecord::decode(body) {
                Ok(record) => record,
                Err(error) => {
                    let names = &self.opened.names;
                    let found = names.finding(index, Some(body), error.into());
                    self.finding.get_or_insert(found);
                    continue;
                }
            };
            // Before the re-run: which bars are missing is reported also where the rules stop at an early
            // difference.
            self.counter.add(&record);
            self.times.add(index, &record);
            if let Some(join) = &mut self.join {
                join.add(index, &record);
            }
            if self.beyond.is_none() {
                self.beyond = self.answers.add(index, body, &record).err();
            }
            // After the first difference nothing that follows can agree; bars are still counted.
            if self.finding.is_none() {
                self.finding = self.rerunner.record(index, body, record).err();
            }
        }
    }

    fn report(
        self,
        opened: &OpenedJournal,
        chained: CheckedChain,
        end: JournalEnd,
    ) -> VerifyReport {
        let names = &opened.names;
        let mut findings = Vec::new();
        let broken_at = chained.finding.as_ref().map(|finding| finding.index);
        findings.extend(chained.finding.map(|finding| *finding));
        // Only behind an intact chain: after a break the end of the file is the attacker's, and would hide the cause.
        if broken_at.is_none() {
            if let JournalEnd::Bad(error) = end {
                findings.push(*names.finding(chained.entries, None, error.into()));
            } else if chained.checkpoints == 0 {
                findings.push(*names.finding(0, None, FindingCause::NothingSigned));
            }
        }
        // Beyond a broken link the records are not the run's: how they differ means nothing.
        let rerun_finding = self
            .finding
            .filter(|finding| broken_at.is_none_or(|at| finding.index <= at));
        let whole = broken_at.is_none() && rerun_finding.is_none();
        findings.extend(rerun_finding.map(|finding| *finding));
        let beyond = self.beyond.filter(|_| broken_at.is_none());
        findings.extend(beyond.map(|finding| *finding));
        findings.sort_by_key(|finding| finding.index);
        let torn_bytes = match end {
            JournalEnd::Torn(bytes) => bytes,
            JournalEnd::Bad(_) => 0,
        };
        let uncovered = chained.entries.saturating_sub(chained.covered);
        let integrity = integrity_of(&findings, chained.covered, uncovered, torn_bytes);
        let asked = !self.options.integrity_only;
        let rerunner = self.rerunner;
        // Judged apart from integrity: a journal with a valid chain may lack its end.
        let completeness = completeness(asked, broken_at, uncovered, &self.counter);
        // Figures of a re-run that stopped early would look like those of the run.
        let reached = asked && whole;
        VerifyReport {
            run_id: Some(opened.run_id),
            execution: Some(opened.open.execution),
            host: Some(opened.open.host.version.clone()),
            manifest: Some(opened.manifest.clone()),
            origin: Some(origin(&opened.run_id, opened.open.execution)),
            entries: chained.entries,
            decisions: chained.decisions,
            refused_inputs: chained.refused_inputs,
            checkpoints: chained.checkpoints,
            last_checkpoint: chained.last,
            fills: reached.then(|| rerunner.fills()),
            decision_digest: reached.then(|| rerunner.decision_digest()),
            bars: if asked && broken_at.is_none() {
                self.counter.seen()
            } else {
                Vec::new()
            },
            findings,
            integrity,
            rerun: match rerunner.underived {
                _ if !asked => Rerun::NotAsked,
                _ if !whole => Rerun::Stopped,
                None => Rerun::Agrees,
                Some((index, why)) => Rerun::AgreesExceptFrom { index, why },
            },
            closed: if reached { rerunner.closed } else { None },
            times: if asked && broken_at.is_none() {
                self.times.verdict()
            } else {
                TimesVerdict::NotAsked
            },
            orders: self
                .join
                .filter(|_| asked && broken_at.is_none())
                .map(JoinCheck::finish),
            anchors: None,
            completeness,
        }
    }
}

fn integrity_of(findings: &[Finding], covered: u64, uncovered: u64, torn_bytes: u64) -> Integrity {
    // A crash leaves records without a checkpoint, and so does an attacker who appends. No signature distinguishes them, so
    // they are never called intact.
    match findings.first() {
        Some(finding) => Integrity::Broken(finding.clone()),
        None if torn_bytes == 0 && uncovered == 0 => Integrity::Intact,
        None => Integrity::IntactUpTo {
            covered,
            uncovered,
            torn_bytes,
        },
    }
}

fn completeness(
    asked: bool,
    broken_at: Option<u64>,
    uncovered: u64,
    counter: &BarTally,
) -> Completeness {
    if !asked {
        let why = "the records were not read".to_owned();
        return Completeness::Unknown { why };
    }
    // Unknown, not incomplete: the missing records may be behind the break.
    if let Some(at) = broken_at {
        let why = format!("the journal is broken at record {at}");
        return Completeness::Unknown { why };
    }
    let mut why = Vec::new();
    if !counter.is_closed() {
        let tail = if uncovered > 0 {
            " or is not signed"
        } else {
            ""
        };
        why.push(format!(
            "no closing record: the run did not end, or its end is missing{tail}"
        ));
    }
    why.extend(counter.missing());
    if why.is_empty() {
        Completeness::Complete
    } else {
        Completeness::Incomplete { why }
    }
}
