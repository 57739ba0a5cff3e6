//! `live`: runs a component on closed bars from a stream, at the paper venue by default.

use std::io::{BufRead, BufReader, stdin};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use counterfoil_runner::orders::gateway::broker::BrokerBridge;
use counterfoil_runner::orders::venues::{Venues, market_of};
use counterfoil_runner::run::feed::{FeedSource, MarketBars, TimedLineReader};
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_runner::run::live::live;
use counterfoil_trading::manifest::{BrokerEntry, DataSource, Manifest};

use super::admit;
use super::backtest::{manifest_or_flags, read_manifest};
use super::manifest_flags::{BarsSource, manifest};
use super::resume;
use crate::args::LiveArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, CommandLineError, note, print_json};
use crate::progress::RunProgressBar;
use crate::{report, run_facts};

/// The back end of live runs: its code decides fastest.
const BACKEND: &str = "cranelift";

pub(crate) fn run(cli: &CliContext, args: &LiveArgs) -> Result<CommandAnswer> {
    if let Some(run) = &args.resume {
        return resume::live(cli, run, BACKEND, |manifest| {
            feed_and_broker(manifest, args)
        });
    }
    let manifest = manifest_of(cli, args)?;
    let signer = Box::new(cli.keys.signer()?);
    let engine = cli.engine(BACKEND)?;
    let mut progress = RunProgressBar::new(0);
    let run = manifest.run_id()?.hex();
    // The flags and addresses are checked first: a note that the run waits for bars must not precede
    // an error that keeps it from starting.
    let (source, broker) = feed_and_broker(&manifest, args)?;
    note(&match market_of(&manifest) {
        Some(market) => format!(
            "run {run}: waiting for bars of {}; `counterfoil kill {run}` stops it",
            market.name()
        ),
        None => format!(
            "run {run}: waiting for bars, one JSON object per line; the run ends with the stream"
        ),
    });
    let done = live(
        &cli.data,
        &manifest,
        engine,
        signer,
        source,
        broker,
        &mut progress,
    );
    progress.finish();
    let outcome = done?;
    let orders = run_facts::orders(&outcome.execution)?;
    if cli.json {
        print_json(&report::outcome_json(
            &cli.data, &manifest, &outcome, &orders,
        )?);
    } else {
        report::print_outcome(&cli.data, &manifest, &outcome, &orders)?;
    }
    report::answer_of(&outcome)
}

/// The venues' addresses and keys from a file, or the defaults.
pub(super) fn venues_of(path: Option<&Path>) -> Result<Venues> {
    let Some(path) = path else {
        return Ok(Venues::default());
    };
    Venues::load(path).with_context(|| format!("--venues {}", path.display()))
}

/// Where the bars come from, and the broker that the manifest names, if it names one.
fn feed_and_broker(
    manifest: &Manifest,
    args: &LiveArgs,
) -> Result<(FeedSource<TimedLineReader>, Option<BrokerBridge>)> {
    let venues = Arc::new(venues_of(args.broker.venues.as_deref())?);
    let setup = manifest.setup()?;
    let broker = venues.broker(manifest, &setup)?;
    let Some(market) = market_of(manifest) else {
        // A feed may send nothing for hours. Reads time out, so that a kill is seen without a bar.
        return Ok((
            FeedSource::Lines(TimedLineReader::new(reader_of(args)?)?),
            broker,
        ));
    };
    // The manifest names the venue as the source of the bars, and so does every verifier
    // afterwards. Bars from a socket under that name would be a forged source.
    if args.connect.is_some() || args.listen.is_some() {
        return Err(CommandLineError::new(format!(
            "the feed {:?} is a venue, which sends the bars itself; leave out --connect and --listen, or give \
             another name with --feed",
            market.name()
        )));
    }
    venues.check(market, manifest, &setup)?;
    Ok((FeedSource::Market(MarketBars { venues, market }), broker))
}

fn reader_of(args: &LiveArgs) -> Result<Box<dyn BufRead + Send>> {
    if let Some(address) = &args.connect {
        let stream = TcpStream::connect(address)
            .with_context(|| format!("cannot connect to the feed at {address}"))?;
        return Ok(Box::new(BufReader::new(stream)));
    }
    let Some(address) = &args.listen else {
        return Ok(Box::new(BufReader::new(stdin())));
    };
    let cannot = || format!("cannot listen at {address}");
    let listener = TcpListener::bind(address).with_context(cannot)?;
    let own = listener.local_addr()?;
    // Whoever sends bars decides what is traded, and the stream has neither encryption nor a login.
    if !own.ip().is_loopback() && !args.allow_remote {
        return Err(CommandLineError::new(format!(
            "--listen {address}: other machines can reach {own}, and any of them could send the bars; listen at \
             127.0.0.1 behind an encrypted tunnel, or give --allow-remote if every machine on the network is trusted"
        )));
    }
    note(&format!("listening at {own}"));
    let (stream, sender) = listener.accept().with_context(cannot)?;
    note(&format!("bars come from {sender}"));
    // The listener is dropped here, so no second sender can mix its bars into this run.
    Ok(Box::new(BufReader::new(stream)))
}

fn manifest_of(cli: &CliContext, args: &LiveArgs) -> Result<Manifest> {
    if let Some(path) = &args.manifest {
        let own = [
            ("--like-snapshot", args.like_snapshot.is_some()),
            ("--instruments", !args.instruments.is_empty()),
        ];
        let own = own
            .into_iter()
            .filter_map(|(flag, is_given)| is_given.then_some(flag));
        manifest_or_flags(&args.terms, own)?;
        let manifest = read_manifest(path)?;
        if let Some(file) = &args.terms.component {
            admit::of_manifest(cli, &manifest, file)?;
        }
        return Ok(manifest);
    }
    // A stream names symbols only. Tick and lot sizes decide what an order may be, so they come
    // from a snapshot and are never guessed from prices.
    let id = args
        .like_snapshot
        .as_deref()
        .context("no instruments; give --like-snapshot ID, or a manifest")?;
    let store = snapshot_store(&cli.data)?;
    let snapshot = store.load(&store.resolve(id)?)?;
    // Without a nonce of its own, a second start of the same terms would have the first one's run
    // id and be refused.
    let start_nonce = match &args.start_nonce {
        Some(nonce) => nonce.clone(),
        None => counterfoil_runner::store::keys::random_hex()?,
    };
    let instruments = snapshot
        .select(&args.instruments, None, None)?
        .instruments();
    let bars = BarsSource {
        data: DataSource::Feed {
            broker: args.broker.name.as_ref().map(|name| BrokerEntry {
                name: name.clone(),
                // Fixed: no command line starts a run with money at stake. That takes an
                // authorization in the ledger.
                environment: "paper".to_owned(),
                cash_tolerance: args.broker.cash_tolerance.clone(),
            }),
            name: args.feed.clone(),
            start_nonce,
        },
        timeframe: snapshot.manifest().timeframe.to_string(),
        calendars: snapshot.manifest().calendars_of(&instruments),
        instruments,
        // Every decision is signed before its order leaves. A larger value is refused for live
        // runs.
        cadence: 1,
    };
    manifest(cli, &args.terms, bars, BACKEND)
}
