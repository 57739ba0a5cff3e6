//! `audit parity`: compares a live run with its own backtest and writes a signed statement.

use anyhow::{Context as _, Result};
use counterfoil_journal::public_key::PublicKey;
use counterfoil_os::files::write_whole;
use counterfoil_runner::clock::now;
use counterfoil_runner::study::parity::{
    ParityReport as Found, ParityRequest, parity, parity_statement,
};
use counterfoil_runner::times::parse_time;
use counterfoil_trading::record::RunRecord;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_verify::AnchorsReport;
use counterfoil_verify::describe::RecordDescriber;

use crate::anchored;
use crate::args::ParityArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_block, print_fields, print_json, print_line};
use crate::progress::RunProgressBar;

pub(crate) fn run(cli: &CliContext, args: &ParityArgs) -> Result<CommandAnswer> {
    let execution = cli.data.find(&args.run)?;
    // The statement needs the log's key. It is opened before the backtest, so that a missing key
    // does not waste one.
    let signer = cli.keys.signer()?;
    let question = ParityRequest {
        data: &cli.data,
        execution: &execution,
        key: &PublicKey(cli.keys.public_key()?),
        through: args.day.as_deref().map(end_of).transpose()?,
        snapshot: args.snapshot.as_deref(),
        now: now(),
    };
    let mut progress = RunProgressBar::new(0);
    let engine = cli.engine(&args.backend)?;
    let found = parity(&question, engine, Box::new(signer), &mut progress);
    progress.finish();
    let found = found?;
    let stated = parity_statement(&execution, &found, &cli.keys.signer()?)?;
    let name = format!(
        "parity-{}.json",
        found.closes.1.date_or_time().replace(':', "")
    );
    let path = execution.folder.join(name);
    // Written whatever the comparison found, and before it is printed: a difference that only
    // scrolled by on a terminal would be no evidence.
    write_whole(&path, &stated.envelope)?;
    let anchors = anchored::of_execution(cli, &execution)?;
    if cli.json {
        let mut statement = stated.predicate;
        if let Some(fields) = statement.as_object_mut() {
            let path = path.display().to_string();
            fields.insert("statement".to_owned(), path.into());
            let anchored = anchors.as_ref().map(AnchorsReport::to_json);
            fields.insert("anchored".to_owned(), anchored.into());
        }
        print_json(&statement);
    } else {
        print(&found, &execution.short())?;
        if let Some(anchors) = &anchors {
            print_block(anchors.to_string().trim_end());
        }
        print_line(&format!("statement: {}", path.display()));
    }
    let is_anchored = anchors.as_ref().is_none_or(AnchorsReport::is_good);
    Ok(CommandAnswer::yes_if(found.is_equal() && is_anchored))
}

/// The end of a day, which is the latest close that belongs to it.
fn end_of(day: &str) -> Result<UnixNanos> {
    // A day and not a time: a bound inside a slice would compare half of it.
    let begin = parse_time(day).filter(|begin| begin.0.rem_euclid(DAY_NANOS) == 0);
    let end = begin
        .and_then(|begin| begin.0.checked_add(DAY_NANOS))
        .with_context(|| format!("--day {day:?}: expected a date such as 2026-03-02"))?;
    Ok(UnixNanos(end))
}

fn print(found: &Found, live: &str) -> Result<()> {
    let [decided, again] = found.decisions;
    let (from, through) = found.closes;
    let verdict = if found.is_equal() { "equal" } else { "differs" };
    let bars = if found.own_bars {
        "the run's own"
    } else {
        "the snapshot's"
    };
    print_fields(&[
        (
            "parity",
            format!("{verdict}: {decided} decisions, {} equal", found.equal),
        ),
        (
            "slices",
            format!(
                "closing {} to {}",
                from.date_or_time(),
                through.date_or_time()
            ),
        ),
        ("bars", format!("{bars}, {}", found.snapshot)),
        (
            "backtest",
            format!("{}, {again} decisions", found.again.short()),
        ),
    ]);
    let Some((site, cause)) = &found.first else {
        return Ok(());
    };
    let instruments = found.manifest.setup()?.instruments;
    let describe = RecordDescriber::new(&instruments);
    print_line(&format!(
        "first difference: {}: {} ({}), on the bar of {} closing at {}",
        cause.name(),
        cause.sentence(),
        site.aspect.name(),
        site.symbol,
        site.close_time.date_or_time()
    ));
    let names = [live.to_owned(), found.again.short()];
    for (name, decision) in names.iter().zip(&site.decisions) {
        let text = match decision {
            Some((_, found_decision)) => {
                describe.record(&RunRecord::Decision((**found_decision).clone()))
            }
            None => "no such bar".to_owned(),
        };
        print_line(&format!("  {name}: {text}"));
    }
    Ok(())
}
