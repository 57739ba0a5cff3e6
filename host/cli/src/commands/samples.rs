//! `monte-carlo --bars`: resamples a run's bars and runs the component on each sample.

use anyhow::{Context as _, Result, anyhow, bail};
use counterfoil_base::digest::Digest;
use counterfoil_report::{PERCENTILES, RowOutcome, SweepOutcome, SweepTable};
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_runner::study::sweep::{DrawnSamples, sample_items};
use counterfoil_snapshot::synthetic::resample::{BlockDraw, SampleSpec};
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::record::CloseRecord;
use counterfoil_trading::units::Money;
use serde_json::{Map, Value, json};

use super::sweep;
use crate::args::MonteCarloArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, counted, print_json, print_line, print_table};
use crate::progress::bar;

/// The default number of samples: each is a run.
const SAMPLES: u32 = 100;

/// The most samples of one command: a snapshot and a journal are kept for each.
const SAMPLES_MAX: u32 = 100_000;

/// The back end; results are the same on each.
const BACKEND: &str = "cranelift";

/// The statistics whose distribution is shown.
const SHOWN: [&str; 4] = ["total-return", "annual-return", "sharpe", "max-drawdown"];

/// Resamples a run that verified and ended with `close`, runs each sample, and prints the outcomes.
pub(super) fn run(
    cli: &CliContext,
    args: &MonteCarloArgs,
    execution: &Execution,
    close: Option<CloseRecord>,
) -> Result<CommandAnswer> {
    let count = args.samples.unwrap_or(SAMPLES);
    if count == 0 || count > SAMPLES_MAX {
        bail!("--samples {count}: expected 1 to {SAMPLES_MAX}");
    }
    let manifest = Manifest::parse(&cli.data.manifest_text(execution)?)?;
    // The bars of a live run are in its journal, but not the calendar and corporate actions that a
    // resampled snapshot needs.
    if !matches!(manifest.data, DataSource::Snapshot { .. }) {
        bail!(
            "{} is a live run, and only a backtest has a snapshot to resample",
            execution.short()
        );
    }
    let actual = actual(execution, close)?;
    // All samples are drawn before the first runs: the table's id is the digest of their manifests,
    // and an interrupted command finds it again.
    let drawn = draw(cli, args, &manifest, count)?;
    let items = &drawn.items;
    let done = match sweep::execute(cli, args.workers, BACKEND, items) {
        Ok(done) => done,
        Err(error) => {
            drawn.remove(&cli.data, 0..items.len())?;
            return Err(error);
        }
    };
    let table = sweep::table_of(vec!["sample".to_owned()], items, &done)?;
    let (id, folder) = sweep::place_of(cli, items)?;
    let mut whole = as_json(args, &id, &table, &actual);
    whole["instruments-left-out"] = json!(drawn.left_out);
    whole["samples-without-an-instrument"] = json!(drawn.partial);
    // The table is written before a failure is reported: the samples that ended took long to
    // compute.
    sweep::write(&folder, &table, &whole)?;
    let failed = done.iter().filter(|outcome| outcome.is_err()).count();
    // No journal names the sample of a run that did not start, so nobody would ever read it.
    let places = done.iter().enumerate();
    let failures = places.filter_map(|(place, outcome)| outcome.as_ref().err().map(|_| place));
    drawn.remove(&cli.data, failures)?;
    if let Some(error) = done.into_iter().find_map(Result::err) {
        return Err(error)
            .with_context(|| format!("{failed} of {count} runs failed, the first with"));
    }
    if cli.json {
        print_json(&whole);
    } else {
        print(args, &table, &actual);
        print_left_out(&drawn);
        print_line(&format!("full table: {}", folder.display()));
    }
    Ok(CommandAnswer::yes_if(table.cut_short() == 0))
}

/// The outcome of the run itself.
fn actual(execution: &Execution, close: Option<CloseRecord>) -> Result<SweepOutcome> {
    let close = close.with_context(|| format!("{} has not ended", execution.short()))?;
    match sweep::outcome_of(execution, close)? {
        RowOutcome::Ended(outcome) => Ok(*outcome),
        // Its own figures would be of fewer bars than those of the samples beside them.
        RowOutcome::CutShort(run) => Err(ended_early(execution, &run.cause)),
        RowOutcome::Failed(cause) => Err(ended_early(execution, &cause)),
    }
}

/// Why a run that a fault or the host ended is not resampled: percentiles of its results would look like
/// those of a run that went to its end.
pub(super) fn ended_early(execution: &Execution, cause: &str) -> anyhow::Error {
    anyhow!(
        "{} ended early ({cause}), so its results are of a part of its bars; resample a run that reached the end",
        execution.short()
    )
}

fn draw(
    cli: &CliContext,
    args: &MonteCarloArgs,
    manifest: &Manifest,
    count: u32,
) -> Result<DrawnSamples> {
    let first = SampleSpec {
        draw: block_draw(args),
        block: args.block,
        seed: args.seed,
        sample: 0,
    };
    let bar = bar("drawing", u64::from(count));
    let items = sample_items(&cli.data, manifest, first, count, &mut |made| {
        bar.set_position(u64::from(made));
    });
    bar.finish_and_clear();
    Ok(items?)
}

const fn block_draw(args: &MonteCarloArgs) -> BlockDraw {
    if args.shuffle {
        BlockDraw::Shuffle
    } else {
        BlockDraw::Stationary
    }
}

/// What the samples lack: their figures are not of the whole run then.
fn print_left_out(drawn: &DrawnSamples) {
    if !drawn.left_out.is_empty() {
        print_line(&format!(
            "left out, without a bar in the run's range: {}",
            drawn.left_out.join(", ")
        ));
    }
    if drawn.partial > 0 {
        print_line(&format!(
            "samples in which an instrument has no drawn bar, and is left out: {}",
            drawn.partial
        ));
    }
}

/// Samples that lost money.
fn losses(table: &SweepTable) -> usize {
    let lost = table.ended().filter(|outcome| outcome.profit < Money::ZERO);
    lost.count()
}

fn as_json(args: &MonteCarloArgs, id: &Digest, table: &SweepTable, actual: &SweepOutcome) -> Value {
    let keys = PERCENTILES.map(|percent| format!("p{percent}"));
    let named = |values: [Value; PERCENTILES.len()]| {
        let pairs = keys.iter().cloned().zip(values);
        Value::from(pairs.collect::<Map<String, Value>>())
    };
    let profits = table
        .profits()
        .map(|profit| json!(profit.map(Money::to_text)));
    let mut percentiles = Map::from_iter([("profit".to_owned(), named(profits))]);
    let mut made = Map::from_iter([("profit".to_owned(), json!(actual.profit.to_text()))]);
    for name in SHOWN {
        let values = table.distribution(name).map(|value| json!(value));
        percentiles.insert(name.to_owned(), named(values));
        made.insert(name.to_owned(), json!(actual.statistic(name)));
    }
    json!({
        "sweep": id,
        "draw": block_draw(args).name(),
        "block": args.block,
        "seed": args.seed,
        "samples": table.rows.len(),
        "samples-that-ended": table.ended().count(),
        "samples-that-ended-early": table.cut_short(),
        "samples-that-lost": losses(table),
        "actual": made,
        "percentiles": percentiles,
        "rows": table.json(),
    })
}

fn print(args: &MonteCarloArgs, whole: &SweepTable, actual: &SweepOutcome) {
    let how = match block_draw(args) {
        BlockDraw::Stationary => {
            format!("in blocks of {} on average, with replacement", args.block)
        }
        BlockDraw::Shuffle => format!("in permuted blocks of {}", args.block),
    };
    let (count, seed) = (whole.rows.len(), args.seed);
    print_line(&format!(
        "bars resampled {how}; {}, seed {seed}",
        counted(count, "sample")
    ));
    let text = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.4}"));
    let head = ["percentile", "profit"].into_iter().chain(SHOWN);
    let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).collect()];
    let columns = SHOWN.map(|name| whole.distribution(name));
    for (place, (percent, profit)) in PERCENTILES.into_iter().zip(whole.profits()).enumerate() {
        let profit = profit.map_or(String::new(), Money::to_text);
        let mut line = vec![percent.to_string(), profit];
        let values = columns.iter();
        line.extend(values.map(|column| text(column.get(place).copied().flatten())));
        rows.push(line);
    }
    let mut line = vec!["actual".to_owned(), actual.profit.to_text()];
    line.extend(SHOWN.map(|name| text(actual.statistic(name))));
    rows.push(line);
    print_table(&rows);
    let ended = whole.ended().count();
    let all = counted(ended, "sample");
    print_line(&format!("{} of {all} lost money", losses(whole)));
    if ended < count {
        print_line(&format!(
            "of {count} samples {}, and are in no percentile",
            sweep::without_figures(whole)
        ));
        let first = whole.rows.iter().find_map(|row| row.outcome.cause());
        print_line(&format!("the first: {}", first.unwrap_or_default()));
    }
}
