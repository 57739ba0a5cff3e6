//! `--resume` of `backtest` and `live`: resumes a run whose process was killed. It must never decide by
//! itself whether a journal is intact.

use anyhow::{Context as _, Result};
use counterfoil_runner::orders::gateway::broker::BrokerBridge;
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

use crate::cli_context::CliContext;
use crate::output::{
    CommandAnswer, counted, note, print_answer, print_fields, print_json, print_line,
};
use crate::progress::RunProgressBar;
use crate::{report, run_facts};

/// Resumes a backtest.
pub(crate) fn backtest(cli: &CliContext, run: &str, backend: &str) -> Result<CommandAnswer> {
    resume(cli, run, backend, |ready, deps| {
        Ok(ready.backtest(Sealing::OwnThread, deps)?)
    })
}

/// Resumes a live run. The source of bars is opened after the journal was verified.
pub(crate) fn live(
    cli: &CliContext,
    run: &str,
    backend: &str,
    open_source: impl FnOnce(&Manifest) -> Result<(FeedSource<TimedLineReader>, Option<BrokerBridge>)>,
) -> Result<CommandAnswer> {
    resume(cli, run, backend, |ready, deps| {
        let (source, broker) = open_source(ready.manifest())?;
        Ok(ready.live(source, broker, deps)?)
    })
}

fn resume(
    cli: &CliContext,
    run: &str,
    backend: &str,
    act: impl FnOnce(Resumption, ResumeDeps<'_>) -> Result<ResumeOutcome>,
) -> Result<CommandAnswer> {
    let execution = cli.data.find(run)?;
    let short = execution.short();
    // The journal is verified and the run's lease taken before anything is printed or changed: a
    // second process that resumes the same run stops here.
    let ready = match open(&cli.data, &execution, Box::new(cli.keys.signer()?))? {
        ResumeAttempt::Ready(ready) => ready,
        ResumeAttempt::Blocked(blocked) => return Ok(print_blocked(cli, &short, &blocked, &[])),
    };
    let found = ready.resume_point();
    note(&opening(&short, &found));
    let manifest = ready.manifest().clone();
    let instruments = manifest.setup()?.instruments;
    // Prepared before the first byte is cut: without the component the journal stays as the crash
    // left it.
    let component = ready.prepare(&cli.data, cli.engine(backend)?)?;
    let mut progress = RunProgressBar::new(0);
    let mut cut = None;
    let mut on_event = |notice: &ResumeEvent| match notice {
        ResumeEvent::Compared { records } => {
            note(&format!(
                "{records} records replayed as recorded; the run continues"
            ));
        }
        ResumeEvent::Cut(tail) => {
            note(&cut_text(tail));
            cut = Some(tail.clone());
        }
    };
    let deps = ResumeDeps {
        data: &cli.data,
        component: &component,
        observer: &mut progress,
        on_event: &mut on_event,
    };
    // From here on the journal is written. Every signed record was replayed and compared first, and
    // the unsigned tail is in a file of its own.
    let resumed = act(*ready, deps);
    progress.finish();
    let (outcome, compared) = match resumed? {
        ResumeOutcome::Ended { outcome, compared } => (outcome, compared),
        ResumeOutcome::Blocked(blocked) => {
            return Ok(print_blocked(cli, &short, &blocked, &instruments));
        }
    };
    let orders = run_facts::orders(&outcome.execution)?;
    if cli.json {
        let mut value = report::outcome_json(&cli.data, &manifest, &outcome, &orders)?;
        let resumed = resumed_json(&found, compared, cut.as_ref(), progress.skipped_bars());
        let fields = value.as_object_mut().context("an outcome is an object")?;
        fields.insert("resumed".to_owned(), resumed);
        print_json(&value);
    } else {
        print_resumed(&found, compared, cut.as_ref(), progress.skipped_bars());
        print_line("");
        report::print_outcome(&cli.data, &manifest, &outcome, &orders)?;
    }
    report::answer_of(&outcome)
}

/// How the resumption went.
fn print_resumed(found: &ResumePoint, compared: u64, cut: Option<&CutTail>, skipped: u64) {
    let kept = cut.map_or_else(
        || "nothing".to_owned(),
        |cut| {
            format!(
                "{} unsigned bytes, kept in {}",
                cut.bytes,
                cut.kept.display()
            )
        },
    );
    print_fields(&[
        ("resumed after", counted(found.decisions, "bar")),
        ("replayed", format!("{compared} records, all identical")),
        ("cut", kept),
        (
            "skipped",
            format!("{} that the feed sent again", counted(skipped, "bar")),
        ),
    ]);
}

/// What was found, before anything is changed.
fn opening(run: &str, found: &ResumePoint) -> String {
    let ResumePoint {
        records,
        decisions,
        uncovered,
        tail_bytes,
    } = found;
    if *records == 0 {
        return format!(
            "run {run}: no signed records; it starts over, and the {tail_bytes} unsigned bytes are kept"
        );
    }
    let tail = if *tail_bytes == 0 {
        "nothing unsigned after them".to_owned()
    } else {
        format!(
            "{tail_bytes} unsigned bytes after them ({uncovered} whole records) are kept and decided again"
        )
    };
    let (records, bars) = (
        counted(*records, "signed record"),
        counted(*decisions, "bar"),
    );
    format!("run {run}: {records} verified, {bars} decided; {tail}")
}

fn cut_text(cut: &CutTail) -> String {
    format!(
        "cut {} bytes that no checkpoint covers at byte {}; they are kept in {}",
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
            "kept": cut.kept.path(),
        })),
    })
}

/// Prints why the run cannot be resumed.
fn print_blocked(
    cli: &CliContext,
    run: &str,
    blocked: &ResumeBlocked,
    instruments: &[Instrument],
) -> CommandAnswer {
    let side = |record: &Option<Box<RunRecord>>| match record {
        Some(record) => RecordDescriber::new(instruments).record(record),
        None => "no such record".to_owned(),
    };
    let sides = match blocked {
        ResumeBlocked::Difference(found) => Some((side(&found.recorded), side(&found.replayed))),
        ResumeBlocked::Broken(_)
        | ResumeBlocked::Damaged { .. }
        | ResumeBlocked::OtherRun { .. } => None,
    };
    if cli.json {
        print_json(&json!({
            "run": run,
            "resumed": false,
            "reason": blocked.to_string(),
            "recorded": sides.as_ref().map(|(recorded, _)| recorded),
            "replayed": sides.as_ref().map(|(_, replayed)| replayed),
        }));
        return CommandAnswer::No;
    }
    print_answer(CommandAnswer::No, &format!("not resumed: {blocked}"));
    if let Some((recorded, replayed)) = sides {
        print_fields(&[("recorded", recorded), ("replayed", replayed)]);
    }
    print_line(&format!(
        "no byte of the journal of run {run} was changed; docs/start/OPERATE.md describes what to do"
    ));
    CommandAnswer::No
}
