//! `data fetch`: bars from a venue's history into the raw layer, and on request into a snapshot.

use core::time::Duration;

use anyhow::Result;
use counterfoil_os::clock::{Stopwatch, wait};
use counterfoil_runner::clock::now;
use counterfoil_runner::fetch::job::{FetchJob, FetchReuse, FetchTerms};
use counterfoil_runner::fetch::outcome::{FetchOutcome, FetchedSeries};
use counterfoil_runner::fetch::perform::{self, HistoryClient, HistorySource};
use counterfoil_runner::fetch::port::{FetchCounts, FetchPort};
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_runner::times::parse_time;
use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};
use counterfoil_trading::time::UnixNanos;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::ingest::{self, ingest_source};
use super::live::venues_of;
use crate::args::FetchArgs;
use crate::cli_context::CliContext;
use crate::output::{
    CommandAnswer, CommandLineError, note, print_fields, print_json, print_line, print_table, warn,
};
use crate::progress::bar;

/// A wait that is longer is said.
const SILENT_WAIT_MAX: Duration = Duration::from_secs(2);

/// Before this time there is no progress bar: most fetches of a few pages end before it.
const PROGRESS_AFTER: Duration = Duration::from_secs(2);

pub(crate) fn run(cli: &CliContext, args: &FetchArgs) -> Result<CommandAnswer> {
    let job = job(args)?;
    let source = job.terms().source;
    let venues = venues_of(args.venues.as_deref())?;
    let client = HistoryClient::new(venues.history_access(source, args.url.as_deref())?)?;
    let store = snapshot_store(&cli.data)?;
    let mut port = FetchReporter {
        watch: Stopwatch::start(),
        bar: None,
    };
    let done = perform::fetch(&store, &client, &job, &mut port);
    port.finish();
    let done = done?;
    let made = if args.ingest {
        Some(make_snapshot(cli, &job, &done)?)
    } else {
        None
    };
    let answer = CommandAnswer::yes_if(done.series.iter().all(is_complete));
    if cli.json {
        print_json(&as_json(&done, made.as_ref()));
        return Ok(answer);
    }
    print(&done);
    for series in &done.series {
        warn_of(series, source);
    }
    match made {
        Some(made) => ingest::print(&made),
        None => print_line("next: the same command with --ingest, which fetches nothing again"),
    }
    Ok(answer)
}

fn job(args: &FetchArgs) -> Result<FetchJob> {
    let usage = |text: String| CommandLineError::new(text);
    let time = |flag: &str, text: &str| {
        parse_time(text).ok_or_else(|| {
            usage(format!(
                "{flag} is {text:?}; expected a date like 2024-01-02 or a time like 2024-01-02T15:00:00Z"
            ))
        })
    };
    let source = HistorySource::named(&args.source)
        .ok_or_else(|| usage(format!("unknown source {:?}", args.source)))?;
    let terms = FetchTerms {
        source,
        symbols: args.symbol.clone(),
        timeframe: args
            .timeframe
            .parse()
            .map_err(|error| usage(format!("--timeframe: {error}")))?,
        from: time("--from", &args.from)?,
        to: time("--to", &args.to)?,
        reuse: if args.again {
            FetchReuse::Nothing
        } else {
            FetchReuse::Kept
        },
    };
    FetchJob::new(terms).map_err(|error| usage(error.to_string()))
}

/// Whether the source had everything: months before the first that an archive has were before the listing.
fn is_complete(series: &FetchedSeries) -> bool {
    !series.is_empty() && series.missing_later.is_empty()
}

fn make_snapshot(cli: &CliContext, job: &FetchJob, done: &FetchOutcome) -> Result<IngestOutcome> {
    let source = job.terms().source;
    // A venue that never closes has a bar for each interval: without this a hole in its history would be no finding.
    let calendar = source.is_continuous().then(|| SideFile {
        name: "24x7".to_owned(),
        bytes: b"24x7".to_vec(),
    });
    let options = IngestOptions {
        timeframe: Some(job.terms().timeframe),
        vendor: Some(source.name().to_owned()),
        ingested_at: Some(now()),
        calendar,
        ..IngestOptions::default()
    };
    let index = done.index.canonical()?;
    ingest_source(cli, index.as_slice(), &done.name, &options)
}

fn print(done: &FetchOutcome) {
    let index = &done.index;
    let (from, to) = (index.from.date_or_time(), index.to.date_or_time());
    print_fields(&[
        (
            "fetched",
            format!("{} {} from {from} to {to}", index.source, index.timeframe),
        ),
        (
            "answers",
            format!(
                "{} requests sent, {} answers were there",
                done.counts.requests, done.counts.kept
            ),
        ),
        ("index", done.index_sha256.to_string()),
    ]);
    let head = ["symbol", "answers", "bars", "first", "last"];
    let mut rows = vec![head.map(String::from).to_vec()];
    let time = |time: Option<UnixNanos>| time.map(UnixNanos::date_or_time).unwrap_or_default();
    for series in &done.series {
        rows.push(vec![
            series.symbol.clone(),
            series.pages.to_string(),
            series.bars.map(|bars| bars.to_string()).unwrap_or_default(),
            time(series.first),
            time(series.last),
        ]);
    }
    print_table(&rows);
}

fn warn_of(series: &FetchedSeries, source: HistorySource) {
    let symbol = &series.symbol;
    if series.is_empty() {
        warn(&format!(
            "{} has no closed bars of {symbol} in that range",
            source.name()
        ));
        return;
    }
    if series.forming > 0 {
        note(&format!(
            "{symbol}: {} bars were not closed yet and are left out; the same command fetches them later",
            series.forming
        ));
    }
    if !series.missing_before.is_empty() {
        note(&format!(
            "{symbol}: the archive begins after {}",
            series.missing_before.join(", ")
        ));
    }
    if !series.missing_later.is_empty() {
        warn(&format!(
            "{symbol}: the archive does not have {}; fetch them with the source binance",
            series.missing_later.join(", ")
        ));
    }
}

fn as_json(done: &FetchOutcome, made: Option<&IngestOutcome>) -> Value {
    let time = |time: Option<UnixNanos>| time.map(UnixNanos::rfc3339);
    let series = done.series.iter().map(|series| {
        json!({
            "symbol": series.symbol,
            "answers": series.pages,
            "bars": series.bars,
            "first": time(series.first),
            "last": time(series.last),
            "not-closed": series.forming,
            "missing-before": series.missing_before,
            "missing": series.missing_later,
        })
    });
    let pages = done.index.pages.iter().map(
        |page| json!({ "symbol": page.symbol, "url": page.url, "raw": page.sha256.to_string() }),
    );
    json!({
        "source": done.index.source,
        "timeframe": done.index.timeframe.to_string(),
        "from": done.index.from.rfc3339(),
        "to": done.index.to.rfc3339(),
        "requests": done.counts.requests,
        "answers-there": done.counts.kept,
        "index": done.index_sha256.to_string(),
        "series": series.collect::<Vec<_>>(),
        "pages": pages.collect::<Vec<_>>(),
        "ingested": made.map(ingest::as_json),
    })
}

/// The wall clock, and progress on standard error.
struct FetchReporter {
    watch: Stopwatch,
    bar: Option<ProgressBar>,
}

impl FetchReporter {
    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl FetchPort for FetchReporter {
    fn now(&mut self) -> UnixNanos {
        now()
    }

    fn wait(&mut self, time: Duration, reason: &str) {
        if time > SILENT_WAIT_MAX && !reason.is_empty() {
            let line = format!("waiting {} s: {reason}", time.as_secs());
            match &self.bar {
                Some(bar) => bar.suspend(|| note(&line)),
                None => note(&line),
            }
        }
        wait(time);
    }

    fn progress(&mut self, counts: FetchCounts) {
        if self.bar.is_none() && self.watch.elapsed() < PROGRESS_AFTER {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| bar("fetching, answers:", 0));
        bar.set_position(counts.requests.saturating_add(counts.kept));
    }
}
