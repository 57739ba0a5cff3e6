//! `--resume` of `backtest` and `live`: a run that was killed goes on. It must never decide by
//! itself whether a journal holds.

use anyhow::{Context as _, Result};
use counterfoil_runner::orders::gateway::broker::Bridge;
use counterfoil_runner::run::feed::{FeedSource, TimedLineReader};
use counterfoil_runner::run::journal::Sealing;
use counterfoil_runner::run::resume::{
    CutTail, ResumeAttempt, ResumeBlocked, ResumeDeps, ResumeEvent, ResumeOutcome, ResumePoint,
    Resumption, open,
};
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::RunRecord;
use counterfoil_verify::describe::RecordDescriber;
use serde_json::{Value, json};

use crate::output::{Answer, note, pairs, say, say_json};
use crate::places::Places;
use crate::progress::Watcher;
use crate::report;

/// Goes on with a backtest.
pub(crate) fn backtest(places: &Places, run: &str, backend: &str) -> Result<Answer> {
    go_on(places, run, backend, |ready, around| {
        Ok(ready.backtest(Sealing::OwnThread, around)?)
    })
}

/// Goes on with a live run. The source of bars is opened once the journal is found good.
pub(crate) fn live(
    places: &Places,
    run: &str,
    backend: &str,
    ends: impl FnOnce(&Manifest) -> Result<(FeedSource<TimedLineReader>, Option<Bridge>)>,
) -> Result<Answer> {
    go_on(places, run, backend, |ready, around| {
        let (source, broker) = ends(ready.manifest())?;
        Ok(ready.live(source, broker, around)?)
    })
}

fn go_on(
    places: &Places,
    run: &str,
    backend: &str,
    act: impl FnOnce(Resumption, ResumeDeps<'_>) -> Result<ResumeOutcome>,
) -> Result<Answer> {
    let execution = places.data.find(run)?;
    let short = execution.short();
    let ready = match open(&places.data, &execution, Box::new(places.keys.signer()?))? {
        ResumeAttempt::Ready(ready) => ready,
        ResumeAttempt::Blocked(halt) => return Ok(halted(places, &short, &halt, &[])),
    };
    let found = ready.resume_point();
    note(&opening(&short, &found));
    let manifest = ready.manifest().clone();
    let instruments = manifest.setup()?.instruments;
    let component = ready.prepare(&places.data, places.engine(backend)?)?;
    let mut watcher = Watcher::new(0);
    let mut cut = None;
    let mut tell = |notice: &ResumeEvent| match notice {
        ResumeEvent::Compared { records } => {
            note(&format!(
                "{records} records came out as recorded; the run goes on"
            ));
        }
        ResumeEvent::Cut(one) => {
            note(&cut_text(one));
            cut = Some(one.clone());
        }
    };
    let around = ResumeDeps {
        data: &places.data,
        component: &component,
        observer: &mut watcher,
        on_event: &mut tell,
    };
    let resumed = act(*ready, around);
    watcher.finish();
    let (outcome, compared) = match resumed? {
        ResumeOutcome::Ended { outcome, compared } => (outcome, compared),
        ResumeOutcome::Blocked(halt) => return Ok(halted(places, &short, &halt, &instruments)),
    };
    if places.json {
        let mut value = report::outcome_json(&manifest, &outcome)?;
        let resumed = resumed_json(&found, compared, cut.as_ref(), watcher.skipped_bars());
        let fields = value.as_object_mut().context("an outcome is an object")?;
        fields.insert("resumed".to_owned(), resumed);
        say_json(&value);
    } else {
        let kept = cut.as_ref().map_or_else(
            || "nothing was cut".to_owned(),
            |cut| format!("{} bytes kept in {}", cut.bytes, cut.kept.display()),
        );
        pairs(&[
            ("resumed after", format!("{} bars", found.decisions)),
            ("compared", format!("{compared} records, all as recorded")),
            ("cut", kept),
            (
                "sent again",
                format!("{} bars, skipped", watcher.skipped_bars()),
            ),
        ]);
        say("");
        report::print_outcome(&manifest, &outcome)?;
    }
    report::answer_of(&outcome)
}

/// What is said before anything is done.
fn opening(run: &str, found: &ResumePoint) -> String {
    let ResumePoint {
        records,
        decisions,
        uncovered,
        tail_bytes,
    } = found;
    if *records == 0 {
        return format!(
            "run {run}: nothing is signed yet, it begins anew; {tail_bytes} bytes will be kept"
        );
    }
    let tail = if *tail_bytes == 0 {
        "nothing follows them".to_owned()
    } else {
        format!(
            "{tail_bytes} bytes follow with {uncovered} whole records; they will be kept and decided again"
        )
    };
    format!(
        "run {run}: {records} records are signed and hold, with {decisions} bars decided; {tail}"
    )
}

fn cut_text(cut: &CutTail) -> String {
    format!(
        "{} bytes that no checkpoint covers were cut off at byte {} and are kept in {}",
        cut.bytes,
        cut.offset,
        cut.kept.display()
    )
}

fn resumed_json(found: &ResumePoint, compared: u64, cut: Option<&CutTail>, skipped: u64) -> Value {
    json!({
        "records-signed": found.records,
        "bars-decided": found.decisions,
        "records-compared": compared,
        "bars-skipped": skipped,
        "cut": cut.map(|cut| json!({
            "offset": cut.offset,
            "bytes": cut.bytes,
            "kept": cut.kept,
        })),
    })
}

/// Says why the run does not go on.
fn halted(places: &Places, run: &str, halt: &ResumeBlocked, instruments: &[Instrument]) -> Answer {
    let side = |record: &Option<Box<RunRecord>>| match record {
        Some(record) => RecordDescriber::new(instruments).record(record),
        None => "no such record".to_owned(),
    };
    let sides = match halt {
        ResumeBlocked::Difference(found) => Some((side(&found.recorded), side(&found.replayed))),
        ResumeBlocked::Broken(_)
        | ResumeBlocked::Damaged { .. }
        | ResumeBlocked::OtherRun { .. } => None,
    };
    if places.json {
        say_json(&json!({
            "run": run,
            "resumed": false,
            "reason": halt.to_string(),
            "recorded": sides.as_ref().map(|(recorded, _)| recorded),
            "replayed": sides.as_ref().map(|(_, replayed)| replayed),
        }));
        return Answer::No;
    }
    say(&format!("halted: {halt}"));
    if let Some((recorded, replayed)) = sides {
        pairs(&[("recorded", recorded), ("replayed", replayed)]);
    }
    say(&format!(
        "run {run} does not go on, and no byte of its journal was changed; see docs/start/OPERATE.md"
    ));
    Answer::No
}
