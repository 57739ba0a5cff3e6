//! A run that was killed anywhere goes on: what is signed is decided again and compared, and the
//! finished journal is as good as that of a run that nobody killed.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_runner::build::host_build;
use counterfoil_runner::clock::{RecordClock, WallClock};
use counterfoil_runner::run::component::PreparedComponent;
use counterfoil_runner::run::drive::{append_opening, drive};
use counterfoil_runner::run::feed::LineFeed;
use counterfoil_runner::run::journal::{InlineJournal, JournalFile, Sealer, Sealing};
use counterfoil_runner::run::resume::{
    ResumeAttempt, ResumeBlocked, ResumeDeps, ResumeEvent, ResumeOutcome, ResumePoint, open,
};
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_tests::child;
use counterfoil_tests::journals::{records, verified};
use counterfoil_tests::world::{Ignore, World, over_a_feed, signer};
use counterfoil_trading::corporate::CorporateAction;
use counterfoil_trading::execution::{Fill, OrderEvent};
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::order::Request;
use counterfoil_trading::record::{CloseRecord, Opening, RunRecord, RunStarter};
use counterfoil_trading::run::{Run, RunPorts};
use counterfoil_trading::strategy::{AccountView, BarView, CallbackError, Strategy};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::simulated::SimulatedVenue;

/// What is told of one resumption.
#[derive(Debug)]
pub(crate) struct Told {
    found: ResumePoint,
    notices: Vec<ResumeEvent>,
    pub(crate) ended: Result<CloseRecord, ResumeBlocked>,
}

/// Resumes an execution; `lines` are what its feed sends.
pub(crate) fn resume(
    world: &World,
    execution: &Execution,
    lines: &str,
) -> Result<Told, Box<dyn core::error::Error>> {
    resume_with(world, execution, lines, None)
}

/// The same with a component that is ready already.
fn resume_with(
    world: &World,
    execution: &Execution,
    lines: &str,
    component: Option<&PreparedComponent>,
) -> Result<Told, Box<dyn core::error::Error>> {
    let mut notices = Vec::new();
    let mut told = |notice: &ResumeEvent| notices.push(notice.clone());
    let ready = match open(&world.data, execution, signer())? {
        ResumeAttempt::Ready(ready) => ready,
        ResumeAttempt::Blocked(halt) => {
            return Ok(Told {
                found: ResumePoint {
                    records: 0,
                    decisions: 0,
                    uncovered: 0,
                    tail_bytes: 0,
                },
                notices,
                ended: Err(*halt),
            });
        }
    };
    let found = ready.resume_point();
    let own;
    let component = if let Some(component) = component {
        component
    } else {
        own = ready.prepare(&world.data, world.engine())?;
        &own
    };
    let around = ResumeDeps {
        data: &world.data,
        component,
        observer: &mut Ignore,
        on_event: &mut told,
    };
    let is_live = matches!(ready.manifest().data, DataSource::Feed { .. });
    let resumed = if is_live {
        ready.live(lines.as_bytes(), None, around)?
    } else {
        ready.backtest(Sealing::RunThread, around)?
    };
    let ended = match resumed {
        ResumeOutcome::Ended { outcome, .. } => Ok(outcome.close),
        ResumeOutcome::Blocked(halt) => Err(*halt),
    };
    Ok(Told {
        found,
        notices,
        ended,
    })
}

/// An execution in `world` of which a kill left these bytes.
pub(crate) fn killed(world: &World, manifest: &Manifest, journal: &[u8]) -> Execution {
    let execution = world.data.first_execution(&manifest.run_id().unwrap());
    let folder = &execution.folder;
    // Nothing of the time before is left.
    let _not_there = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).unwrap();
    let text = manifest.canonical().unwrap();
    std::fs::write(folder.join("manifest.json"), text).unwrap();
    std::fs::write(folder.join("journal"), journal).unwrap();
    execution
}

/// Where each checkpoint's frame ends.
pub(crate) fn signed_ends(journal: &[u8]) -> Vec<usize> {
    let mut reader = FrameReader::new();
    let mut ends = Vec::new();
    let mut end = 0;
    loop {
        let parsed = reader.parse(&journal[end..]).unwrap();
        end += parsed.consumed;
        match parsed.frame {
            None => return ends,
            Some(Frame::Checkpoint(_)) => ends.push(end),
            Some(Frame::Entry(_)) => {}
        }
    }
}

/// The bytes of every file of what was cut, by number.
fn cut_files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for number in 1.. {
        let path = folder.join(format!("cut-{number}"));
        match std::fs::read(&path) {
            Ok(bytes) => all.push((path, bytes)),
            Err(_) => break,
        }
    }
    all
}

/// A run of two instruments over 13 slices, with fills and refusals by the risk gate.
fn small(world: &World) -> Manifest {
    let mut manifest = world.cross(&["AAA", "BBB"], 1, 2, 10);
    // It pays for one position, and the order for the other is refused.
    "1300".clone_into(&mut manifest.account.cash);
    "10".clone_into(&mut manifest.costs.fee_bps);
    manifest
}

/// What its feed sends: the bars, and one line that is none.
fn small_lines(world: &World, manifest: &Manifest) -> String {
    let lines = world.lines(manifest);
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.insert(9, "not json");
    lines.join("\n")
}

/// A run that nobody interrupted, whose journal is cut.
#[derive(Clone, Copy)]
struct CutRun<'a> {
    manifest: &'a Manifest,
    journal: &'a [u8],
    close: &'a CloseRecord,
    /// Input of its feed.
    lines: &'a str,
}

/// A place to cut a journal.
#[derive(Clone, Copy, Debug)]
struct Cut {
    length: usize,
    /// Length of the part that a checkpoint before the cut covers.
    signed: usize,
    /// Entries in that part.
    entries: u64,
    /// Whole entries between that part and the cut.
    uncovered: u64,
    /// Whether a frame begins here, or the cut leaves its first byte, its first half, or all but its last byte.
    is_at_frame: bool,
}

/// Every place to cut `journal` so that something is missing.
fn every_cut(journal: &[u8]) -> Vec<Cut> {
    let mut reader = FrameReader::new();
    let mut cuts = Vec::new();
    let (mut start, mut signed, mut entries, mut uncovered) = (0, 0, 0, 0);
    while start < journal.len() {
        let parsed = reader.parse(&journal[start..]).unwrap();
        let end = start + parsed.consumed;
        for length in start..end {
            cuts.push(Cut {
                length,
                signed,
                entries,
                uncovered,
                is_at_frame: [start, start + 1, start.midpoint(end), end - 1].contains(&length),
            });
        }
        match parsed.frame.unwrap() {
            Frame::Entry(_) => uncovered += 1,
            Frame::Checkpoint(_) => (signed, entries, uncovered) = (end, entries + uncovered, 0),
        }
        start = end;
    }
    cuts
}

/// Opens the journal that is cut there for its resumption. Everything that a resumption knows of the file comes from
/// here: the signed part, which is the same for all cuts up to the next checkpoint, and the tail.
#[track_caller]
fn check_opened(world: &World, run: CutRun<'_>, cut: Cut) {
    let execution = killed(world, run.manifest, &run.journal[..cut.length]);
    let ResumeAttempt::Ready(ready) = open(&world.data, &execution, signer()).unwrap() else {
        panic!("{cut:?}: blocked");
    };
    let found = ready.resume_point();
    assert_eq!(found.records, cut.entries, "{cut:?}");
    assert_eq!(found.uncovered, cut.uncovered, "{cut:?}");
    let tail = cut.length - cut.signed;
    assert_eq!(found.tail_bytes, tail as u64, "{cut:?}");
    drop(ready);
    // Opening decides nothing and changes nothing.
    let left = std::fs::read(execution.journal()).unwrap();
    assert!(left == run.journal[..cut.length], "{cut:?}");
    assert!(cut_files(execution.folder.path()).is_empty(), "{cut:?}");
}

/// Resumes the run that is cut there to its end, and compares it with the one that nobody interrupted.
#[track_caller]
fn check_resumed(world: &World, run: CutRun<'_>, cut: Cut, component: &PreparedComponent) {
    let (whole, signed) = (run.journal, cut.signed);
    let execution = killed(world, run.manifest, &whole[..cut.length]);
    let resumed = resume_with(world, &execution, run.lines, Some(component)).unwrap();
    match &resumed.ended {
        Ok(close) => assert_eq!(close, run.close, "{cut:?}"),
        Err(blocked) => panic!("{cut:?}: {blocked}"),
    }
    let tail = &whole[signed..cut.length];
    let kept = cut_files(execution.folder.path());
    let kept: Vec<&[u8]> = kept.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let expect: &[&[u8]] = if tail.is_empty() { &[] } else { &[tail] };
    assert_eq!(kept, expect, "{cut:?}: the tail is kept");
    let reported = resumed
        .notices
        .iter()
        .filter(|event| matches!(event, ResumeEvent::Cut(_)));
    assert_eq!(reported.count(), expect.len(), "{cut:?}: and reported");
    let journal = std::fs::read(execution.journal()).unwrap();
    assert_eq!(journal[..signed], whole[..signed], "{cut:?}");
    if matches!(run.manifest.data, DataSource::Snapshot { .. }) {
        assert!(journal == whole, "{cut:?}: not the same journal");
        return;
    }
    let report = verified(&journal);
    assert!(report.is_good(), "{cut:?}: {:?}", report.findings);
    assert_eq!(
        report.decision_digest,
        Some(run.close.decision_digest),
        "{cut:?}"
    );
}

/// The slices of a run whose journal is cut at every byte: enough for two fills and a refusal.
const CUT_SLICES: u32 = 13;

/// Cuts the journal at every byte, two threads at once. Each cut is opened; those at four places of each frame are
/// resumed to the end, which costs ten times as much and depends on nothing but what was opened.
fn check_every_cut(run: CutRun<'_>) {
    let cuts = every_cut(run.journal);
    assert_eq!(cuts.len(), run.journal.len());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            let (cuts, next) = (&cuts, &next);
            scope.spawn(move || {
                // A run has one place in a data directory, so each thread has its own.
                let world = World::small_in_memory(CUT_SLICES);
                let _component = small(&world);
                let setup = run.manifest.setup().unwrap();
                let engine = world.engine();
                let component =
                    PreparedComponent::new(&world.data, run.manifest, &setup, engine).unwrap();
                while let Some(cut) = cuts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check_opened(&world, run, *cut);
                    if cut.is_at_frame {
                        check_resumed(&world, run, *cut, &component);
                    }
                }
            });
        }
    });
}

/// The journal and closing record of the run that nobody killed.
fn uninterrupted(world: &World, manifest: &Manifest, lines: &str) -> (Vec<u8>, CloseRecord) {
    let outcome = if matches!(manifest.data, DataSource::Feed { .. }) {
        world.live(manifest, lines).unwrap()
    } else {
        world.backtest(manifest, world.engine()).unwrap()
    };
    let journal = std::fs::read(outcome.execution.journal()).unwrap();
    assert!(verified(&journal).is_good());
    assert!(outcome.close.fills >= 2, "{} fills", outcome.close.fills);
    assert!(outcome.close.requests.refused > 0, "no order is refused");
    (journal, outcome.close)
}

#[test]
fn a_live_run_cut_at_any_byte_goes_on_to_the_same_decisions() {
    let world = World::small_in_memory(CUT_SLICES);
    let manifest = small(&world);
    let lines = small_lines(&world, &manifest);
    let manifest = over_a_feed(&manifest, "every byte");
    let (whole, close) = uninterrupted(&world, &manifest, &lines);
    check_every_cut(CutRun {
        manifest: &manifest,
        journal: &whole,
        close: &close,
        lines: &lines,
    });
}

#[test]
fn a_backtest_cut_at_any_byte_goes_on_to_the_same_journal() {
    let world = World::small_in_memory(CUT_SLICES);
    for cadence in [7, 4096] {
        let mut manifest = small(&world);
        manifest.cadence = cadence;
        let (whole, close) = uninterrupted(&world, &manifest, "");
        check_every_cut(CutRun {
            manifest: &manifest,
            journal: &whole,
            close: &close,
            lines: "",
        });
    }
}

/// The records that `journal` refuses to see, by reason.
fn refused(execution: &Execution) -> Vec<String> {
    let records = records(execution.journal().path(), &execution.origin());
    let mut reasons = Vec::new();
    for record in records {
        if let RunRecord::Refused(input) = record {
            reasons.push(input.reason);
        }
    }
    reasons
}

#[test]
fn a_feed_may_go_on_where_the_run_was_killed() {
    let world = World::small_in_memory(13);
    let manifest = small(&world);
    let lines = world.lines(&manifest);
    let manifest = over_a_feed(&manifest, "goes on");
    let (whole, close) = uninterrupted(&world, &manifest, &lines);
    let ends = signed_ends(&whole);
    let lines: Vec<&str> = lines.lines().collect();
    // The first is the open record's, then one for each bar, then the closing record's.
    assert_eq!(ends.len(), lines.len() + 2);
    for (decided, end) in ends.iter().enumerate().take(lines.len() + 1) {
        let execution = killed(&world, &manifest, &whole[..*end]);
        let rest = lines[decided..].join("\n");
        let told = resume(&world, &execution, &rest).unwrap();
        let place = format!("after {decided} bars");
        assert_eq!(told.found.decisions, decided as u64, "{place}");
        assert_eq!(told.ended.unwrap(), close, "{place}");
        assert_eq!(refused(&execution), [""; 0], "{place}");
        let report = verified(&std::fs::read(execution.journal()).unwrap());
        assert!(report.is_good(), "{place}: {:?}", report.findings);
    }
}

#[test]
fn what_a_feed_sends_again_is_skipped_and_what_differs_is_refused() {
    let world = World::small_in_memory(13);
    let manifest = small(&world);
    let all = world.lines(&manifest);
    let manifest = over_a_feed(&manifest, "again");
    let (whole, close) = uninterrupted(&world, &manifest, &all);
    let ends = signed_ends(&whole);
    // Five bars are decided: the third slice has one of its two.
    let part = &whole[..ends[5]];
    let mut lines: Vec<String> = all.lines().map(str::to_owned).collect();
    let mark = r#"{"end-of-slice":true}"#.to_owned();
    let other = |line: &str| line.replace("\"volume\":10000", "\"volume\":20000");
    // A mark after bars of a slice that is over says nothing of the slice under way.
    lines.insert(2, mark.clone());
    let (first, fifth) = (other(&lines[0]), other(&lines[5]));
    lines.insert(1, first);
    lines.insert(7, fifth);
    let execution = killed(&world, &manifest, part);
    let told = resume(&world, &execution, &lines.join("\n")).unwrap();
    assert_eq!(told.ended.unwrap(), close);
    let reason = "another bar of this time was decided before";
    assert_eq!(refused(&execution), [reason; 2]);
    assert!(verified(&std::fs::read(execution.journal()).unwrap()).is_good());

    // The mark ends the half slice where the feed goes on with it: so it was, the feed says.
    let execution = killed(&world, &manifest, part);
    let all: Vec<&str> = all.lines().collect();
    let rest = [&[mark.as_str()], &all[6..]].concat().join("\n");
    let told = resume(&world, &execution, &rest).unwrap();
    match told.ended {
        Ok(ended) => assert_eq!(ended.decisions, close.decisions - 1),
        Err(why) => panic!("{why}"),
    }
    assert!(verified(&std::fs::read(execution.journal()).unwrap()).is_good());
}

/// Resumes where it must not go on. Returns why, and checks that nothing was changed.
#[track_caller]
fn halts(world: &World, execution: &Execution, lines: &str) -> String {
    let before = std::fs::read(execution.journal()).unwrap();
    let why = match resume(world, execution, lines) {
        Ok(told) => told.ended.expect_err("it went on").to_string(),
        Err(error) => error.to_string(),
    };
    let after = std::fs::read(execution.journal()).unwrap();
    assert!(before == after, "the journal was changed: {why}");
    assert!(cut_files(execution.folder.path()).is_empty(), "{why}");
    why
}

#[test]
fn a_journal_with_any_byte_changed_is_not_gone_on_with() {
    let world = World::small_in_memory(13);
    let mut manifest = small(&world);
    manifest.cadence = 7;
    let (whole, _) = uninterrupted(&world, &manifest, "");
    let ends = signed_ends(&whole);
    let signed = ends[ends.len() - 2];
    for place in 0..signed {
        // With bytes that a kill tore off behind it.
        let mut journal = whole[..signed + 20].to_vec();
        journal[place] ^= 1;
        let execution = killed(&world, &manifest, &journal);
        let opened = open(&world.data, &execution, signer());
        let why = match opened {
            Ok(ResumeAttempt::Ready(_)) => {
                panic!("byte {place} of {signed} was changed, and it goes on")
            }
            Ok(ResumeAttempt::Blocked(halt)) => halt.to_string(),
            Err(error) => error.to_string(),
        };
        let names = why.contains("record ") || why.contains("byte ");
        assert!(names, "byte {place}: {why}");
    }
}

#[test]
fn a_run_whose_parts_were_swapped_halts_and_names_them() {
    let world = World::small(13);
    let manifest = small(&world);
    let lines = world.lines(&manifest);
    let live = over_a_feed(&manifest, "swapped");
    let (whole, _) = uninterrupted(&world, &live, &lines);
    let half = &whole[..signed_ends(&whole)[9] + 40];
    let execution = killed(&world, &live, half);
    let path = world.data.component_path(&live.setup().unwrap().component);
    let component = std::fs::read(&path).unwrap();
    std::fs::write(&path, component_of_nothing()).unwrap();
    let why = halts(&world, &execution, &lines);
    assert!(why.contains("was changed: its bytes have digest"), "{why}");
    std::fs::write(&path, component).unwrap();

    let (whole, _) = uninterrupted(&world, &manifest, "");
    let execution = killed(&world, &manifest, &whole[..whole.len() - 1]);
    let mut changed = 0;
    for path in files_below(&world.path().join("snapshots")) {
        if path.extension().is_some_and(|end| end == "arrow") {
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            // Snapshots are read-only; a new file takes the old one's name.
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, bytes).unwrap();
            changed += 1;
        }
    }
    assert!(changed > 0, "no bars were changed");
    let why = halts(&world, &execution, "");
    assert!(why.contains("snapshot") || why.contains("digest"), "{why}");
}

/// A component that is none.
fn component_of_nothing() -> Vec<u8> {
    b"\0asm\x0d\0\x01\0".to_vec()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// A strategy that wants nothing.
pub(crate) struct Idle;

impl Strategy for Idle {
    fn on_bar(
        &mut self,
        _bar: &BarView,
        _account: &AccountView<'_>,
        _requests: &mut Vec<Request>,
    ) -> Result<(), CallbackError> {
        Ok(())
    }

    fn on_fill(&mut self, _fill: &Fill, _account: &AccountView<'_>) -> Result<(), CallbackError> {
        Ok(())
    }

    fn on_order_event(
        &mut self,
        _event: &OrderEvent,
        _time: UnixNanos,
        _account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        Ok(())
    }

    fn on_corporate_action(
        &mut self,
        _action: &CorporateAction,
        _account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        Ok(())
    }

    fn take_fuel(&mut self) -> u64 {
        0
    }
}

#[test]
fn a_decision_that_comes_out_differently_halts_the_run_and_is_named() {
    let world = World::small(13);
    let manifest = over_a_feed(&small(&world), "other decisions");
    let lines = world.lines(&manifest);
    let (honest, _) = uninterrupted(&world, &manifest, &lines);
    let execution = killed(&world, &manifest, &[]);
    std::fs::remove_file(execution.journal()).unwrap();
    // The same manifest and bars, signed with the same key, and decided by something else.
    let setup = manifest.setup().unwrap();
    let file = JournalFile::create(&execution.journal()).unwrap();
    let sealer = Sealer::new(file, signer(), execution.origin(), 1);
    let mut journal = InlineJournal(sealer);
    let opening = Opening {
        manifest: manifest.canonical().unwrap(),
        execution: 1,
        host: host_build(),
        start: RunStarter::default(),
        commitments: None,
    };
    append_opening(&opening, &mut journal).unwrap();
    let mut feed = LineFeed::new(lines.as_bytes(), &setup.instruments, setup.bar_sequence());
    let mut ports = RunPorts {
        strategy: &mut Idle,
        venue: &mut SimulatedVenue::new(&setup),
        journal: &mut journal,
        clock: &mut WallClock::new(RecordClock::default()),
    };
    drive(&mut feed, &mut Run::new(&setup), &mut ports, &mut Ignore).unwrap();
    let forged = std::fs::read(execution.journal()).unwrap();
    assert!(verified(&forged).is_good(), "nothing in it gives it away");
    let ends = signed_ends(&forged);
    let cut = &forged[..ends[ends.len() - 2] + 7];
    let execution = killed(&world, &manifest, cut);
    let why = halts(&world, &execution, &lines);
    // The first order of the honest run is where they part.
    let honest = killed(&world, &manifest, &honest);
    let first = records(honest.journal().path(), &honest.origin())
        .iter()
        .position(|record| matches!(record, RunRecord::Decision(one) if one.requests.as_ref().is_some_and(|all| !all.is_empty())))
        .unwrap();
    let expect = format!("record {first} replays differently");
    assert_eq!(why, expect);
}

#[test]
fn a_run_that_ended_or_is_under_way_is_not_resumed() {
    let world = World::small(13);
    let manifest = small(&world);
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    let execution = outcome.execution;
    let why = halts(&world, &execution, "");
    assert!(
        why.contains("is closed; there is nothing to resume"),
        "{why}"
    );

    let whole = std::fs::read(execution.journal()).unwrap();
    let execution = killed(&world, &manifest, &whole[..whole.len() - 1]);
    let first = open(&world.data, &execution, signer()).unwrap();
    let why = halts(&world, &execution, "");
    assert!(why.contains("another process is running run"), "{why}");
    drop(first);
    assert!(resume(&world, &execution, "").unwrap().ended.is_ok());
}

/// Names the data directory to a child.
pub(crate) const FOLDER: &str = "COUNTERFOIL_TESTS_RECOVER_FOLDER";
/// The child's manifest in that directory.
pub(crate) const MANIFEST: &str = "recover.json";

/// No test of its own: a process that the test below starts and kills. It starts the live run of
/// the manifest, or resumes it if it was started.
#[test]
fn child() {
    if let Some(place) = child::place(FOLDER, MANIFEST) {
        let lines = std::io::BufReader::new(std::io::stdin());
        child::live_or_resume(place, lines, None);
    }
}

/// Starts a process, sends it lines until its journal holds `decisions`, and kills it.
fn killed_after(world: &World, journal: &Path, lines: &[&str], decisions: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["recover::child", "--exact"])
        .env(FOLDER, world.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for line in lines {
        writeln!(stdin, "{line}").unwrap();
    }
    stdin.flush().unwrap();
    loop {
        assert_eq!(child.try_wait().unwrap(), None, "the child ended by itself");
        let bytes = std::fs::read(journal).unwrap_or_default();
        // The open record has the first.
        if signed_ends(&bytes).len() > decisions {
            break;
        }
        thread::yield_now();
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

#[test]
fn a_process_that_is_killed_twice_is_resumed_to_the_same_decisions() {
    let world = World::small(13);
    let manifest = small(&world);
    let text = world.lines(&manifest);
    let lines: Vec<&str> = text.lines().collect();
    let clean = over_a_feed(&manifest, "nobody kills it");
    let (_, close) = uninterrupted(&world, &clean, &text);
    //                lines sent and decided before the first and the second kill
    for (first, second) in [(0, 2), (2, 4), (8, 8), (12, 26)] {
        let manifest = over_a_feed(&manifest, &format!("killed at {first} and {second}"));
        std::fs::write(world.path().join(MANIFEST), manifest.canonical().unwrap()).unwrap();
        let run = manifest.run_id().unwrap().hex();
        let journal = world.path().join(format!("runs/{run}/1/journal"));
        killed_after(&world, &journal, &lines[..first], first);
        killed_after(&world, &journal, &lines[first..second], second);
        let execution = world.data.find(&run).unwrap();
        let told = resume(&world, &execution, &text).unwrap();
        let place = format!("killed at {first} and {second}");
        assert_eq!(told.found.decisions, second as u64, "{place}");
        assert_eq!(told.ended.unwrap(), close, "{place}");
        let report = verified(&std::fs::read(execution.journal()).unwrap());
        assert!(report.is_good(), "{place}: {:?}", report.findings);
    }
}
