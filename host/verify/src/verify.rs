//! One journal, verified: bytes in, report out. The chain is checked on a second thread while
//! the records are run again on this one.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use counterfoil_journal::entry;
use counterfoil_journal::hash::leaf_hash;
use counterfoil_trading::record::RunRecord;

use crate::chain::{ChainCheck, CheckedChain};
use crate::chunk::{ChunkReader, JournalChunk, JournalEnd, body_of};
use crate::completeness::BarTally;
use crate::finding::{Finding, FindingCause};
use crate::opened::{OpenedJournal, OpeningBodies, origin};
use crate::report::{Completeness, Integrity, Rerun, VerifyReport};
use crate::rerun::Rerunner;
use counterfoil_journal::public_key::PublicKey;

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
    /// The journal's length in bytes, for the progress.
    pub bytes_total: Option<u64>,
    /// Called for each chunk read.
    pub progress: Option<&'a mut dyn FnMut(VerifyProgress)>,
}

impl core::fmt::Debug for VerifyOptions<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("integrity_only", &self.integrity_only)
            .field("bytes_total", &self.bytes_total)
            .finish_non_exhaustive()
    }
}

/// What the journal in `reader` holds, and whether it holds.
///
/// # Errors
///
/// Returns [`VerifyError`] if the journal cannot be read. What is wrong with the journal itself is in
/// the report.
pub fn verify_journal<R: Read>(
    reader: R,
    key: &PublicKey,
    options: VerifyOptions<'_>,
) -> Result<VerifyReport, VerifyError> {
    let mut chunks = ChunkReader::new(reader);
    // The opening names the run, the key's name and the cadence; nothing behind it can be checked without them.
    let (opened, first) = match open_journal(&mut chunks, key)? {
        Ok(opened) => opened,
        Err(finding) => return Ok(VerifyReport::unopened(*finding)),
    };
    let chain = ChainCheck::new(&opened);
    let (send, receive) = sync_channel(CHUNKS_WAITING_MAX);
    let (chained, walked) = thread::scope(|scope| {
        let checker = thread::Builder::new()
            .name("chain".to_owned())
            .spawn_scoped(scope, move || chain.run(receive))
            .map_err(VerifyError::Read)?;
        // Two threads over the same chunks: hashing and signatures cost about as much as the re-run, and neither needs the
        // other's result before the end.
        let mut walk = JournalWalk::new(&opened, options);
        let walked = walk.all(first, &mut chunks, &send);
        // Ends the other thread's loop. Without it the join below would wait for ever.
        drop(send);
        let chained = checker.join().map_err(|_| VerifyError::Thread)?;
        walked?;
        Ok::<_, VerifyError>((chained, walk))
    })?;
    Ok(walked.report(&opened, chained, chunks.end()))
}

/// More entries than any opening has: parts of the longest manifest, and commitments of the most instruments.
const OPENING_ENTRIES_MAX: u64 = 1_024;

/// What a journal begins with, and the chunks that were read for it.
type OpenedChunks = (OpenedJournal, Vec<JournalChunk>);

/// Reads chunks until the opening is whole.
fn open_journal<R: Read>(
    chunks: &mut ChunkReader<R>,
    key: &PublicKey,
) -> io::Result<Result<OpenedChunks, Box<Finding>>> {
    let (mut bodies, mut read) = (OpeningBodies::default(), Vec::new());
    while let Some(chunk) = chunks.next()? {
        let taken = take_opening(&mut bodies, &chunk);
        read.push(chunk);
        let opened = match taken {
            Ok(false) => continue,
            Ok(true) => bodies.open(key),
            Err(finding) => Err(finding),
        };
        return Ok(match opened {
            Ok(opened) => Ok((opened, read)),
            Err(finding) => Err(changed_entry(&read, &finding).unwrap_or(finding)),
        });
    }
    let cause = match chunks.end() {
        JournalEnd::Bad(error) => FindingCause::Frame(error),
        JournalEnd::Torn(_) if bodies.is_empty() => FindingCause::Empty,
        JournalEnd::Torn(_) => FindingCause::OpeningTorn,
    };
    Ok(Err(Box::new(Finding {
        index: 0,
        kind: None,
        instrument: None,
        close_time: None,
        cause,
    })))
}

/// Takes the opening's entries of a chunk; whether it is whole now.
fn take_opening(bodies: &mut OpeningBodies, chunk: &JournalChunk) -> Result<bool, Box<Finding>> {
    for (index, entry) in chunk.entries() {
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
fn changed_entry(read: &[JournalChunk], finding: &Finding) -> Option<Box<Finding>> {
    let mut links = Vec::new();
    let entries = read.iter().flat_map(JournalChunk::entries);
    for (index, entry) in entries.take_while(|(index, _)| *index < OPENING_ENTRIES_MAX) {
        let (link, _) = entry::split(entry, index).ok()?;
        links.push((link, leaf_hash(entry)));
    }
    let fits = |place: usize| Some(links.get(place)?.1 == links.get(place.checked_add(1)?)?.0);
    let broken = (0..links.len()).find(|place| fits(*place) == Some(false))?;
    let after = broken.checked_add(1)?;
    // The next entry links to the second of the two as it is: then the first one changed.
    let place = if fits(after) == Some(false) {
        after
    } else {
        broken
    };
    let index = u64::try_from(place).ok()?;
    Some(Box::new(Finding {
        index,
        kind: finding.kind.filter(|_| finding.index == index),
        instrument: None,
        close_time: None,
        cause: FindingCause::Changed,
    }))
}

/// What this thread does: reads, and runs again.
struct JournalWalk<'a> {
    options: VerifyOptions<'a>,
    opened: OpenedJournal,
    rerunner: Rerunner,
    counter: BarTally,
    finding: Option<Box<Finding>>,
}

impl<'a> JournalWalk<'a> {
    fn new(opened: &OpenedJournal, options: VerifyOptions<'a>) -> Self {
        Self {
            options,
            opened: opened.clone(),
            rerunner: Rerunner::new(opened),
            counter: BarTally::new(opened),
            finding: None,
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
        Ok(())
    }

    fn chunk(&mut self, chunk: &JournalChunk) {
        for (index, entry) in chunk.entries() {
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
        findings.sort_by_key(|finding| finding.index);
        let torn_bytes = match end {
            JournalEnd::Torn(bytes) => bytes,
            JournalEnd::Bad(_) => 0,
        };
        // A crash leaves records without a checkpoint, and so does an attacker who appends. No signature distinguishes them, so
        // they are never called intact.
        let uncovered = chained.entries.saturating_sub(chained.covered);
        let integrity = match findings.first() {
            Some(finding) => Integrity::Broken(finding.clone()),
            None if torn_bytes == 0 && uncovered == 0 => Integrity::Intact,
            None => Integrity::IntactUpTo {
                covered: chained.covered,
                uncovered,
                torn_bytes,
            },
        };
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
            completeness,
        }
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
        why.push("no closing record: the run did not end, or its end is missing".to_owned());
    } else if uncovered > 0 {
        why.push("no checkpoint covers the closing record".to_owned());
    }
    why.extend(counter.missing());
    if why.is_empty() {
        Completeness::Complete
    } else {
        Completeness::Incomplete { why }
    }
}
