//! `live`: a component over closed bars from a stream, into the paper venue.

use std::io::{BufRead, BufReader, stdin};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use counterfoil_os::files::read_whole;
use counterfoil_runner::orders::gateway::broker::Bridge;
use counterfoil_runner::orders::venues::{Venues, market_of};
use counterfoil_runner::run::feed::{FeedSource, MarketBars, TimedLineReader};
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_runner::run::live::live;
use counterfoil_trading::manifest::{BrokerEntry, DataSource, Manifest};

use super::backtest::bring_component;
use super::resume;
use super::terms::{Bars, manifest};
use crate::args::Live;
use crate::output::{Answer, note, say_json};
use crate::places::Places;
use crate::progress::Watcher;
use crate::report;

/// The back end of live runs: the one that decides fastest.
const BACKEND: &str = "cranelift";

pub(crate) fn run(places: &Places, args: &Live) -> Result<Answer> {
    if let Some(run) = &args.resume {
        return resume::live(places, run, BACKEND, |manifest| ends_of(manifest, args));
    }
    let manifest = manifest_of(places, args)?;
    let signer = Box::new(places.keys.signer()?);
    let engine = places.engine(BACKEND)?;
    let mut watcher = Watcher::new(0);
    let run = hex::encode(manifest.run_id()?);
    note(&match market_of(&manifest) {
        Some(market) => format!(
            "run {run}: waiting for bars of {}; `counterfoil kill {run}` closes it",
            market.name()
        ),
        None => format!(
            "run {run}: waiting for bars, one JSON object a line; the end of the stream ends it"
        ),
    });
    let (source, broker) = ends_of(&manifest, args)?;
    let done = live(
        &places.data,
        &manifest,
        engine,
        signer,
        source,
        broker,
        &mut watcher,
    );
    watcher.finish();
    let outcome = done?;
    if places.json {
        say_json(&report::outcome_json(&manifest, &outcome)?);
    } else {
        report::print_outcome(&manifest, &outcome)?;
    }
    report::answer_of(&outcome)
}

/// How venues are reached, as a file says.
pub(super) fn venues_of(path: Option<&Path>) -> Result<Venues> {
    Ok(path.map_or_else(|| Ok(Venues::default()), Venues::load)?)
}

/// Where the bars come from, and the broker that the manifest names, if it names one.
fn ends_of(
    manifest: &Manifest,
    args: &Live,
) -> Result<(FeedSource<TimedLineReader>, Option<Bridge>)> {
    let venues = Arc::new(venues_of(args.broker.venues.as_deref())?);
    let setup = manifest.setup()?;
    let broker = venues.broker(manifest, &setup)?;
    let Some(market) = market_of(manifest) else {
        // A feed may be silent for long, and a run that waits must hear that it is stopped.
        return Ok((
            FeedSource::Lines(TimedLineReader::new(reader_of(args)?)?),
            broker,
        ));
    };
    if args.connect.is_some() || args.listen.is_some() {
        bail!(
            "the feed {:?} is a venue's: its bars come from nowhere else; leave --connect and --listen \
             out, or give the feed another name with --feed",
            market.name()
        );
    }
    venues.check(market, (manifest, &setup))?;
    Ok((FeedSource::Market(MarketBars { venues, market }), broker))
}

fn reader_of(args: &Live) -> Result<Box<dyn BufRead + Send>> {
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
    note(&format!("listening at {}", listener.local_addr()?));
    let (stream, sender) = listener.accept().with_context(cannot)?;
    note(&format!("bars come from {sender}"));
    // The listener is dropped here: nobody else can send into this run.
    Ok(Box::new(BufReader::new(stream)))
}

fn manifest_of(places: &Places, args: &Live) -> Result<Manifest> {
    if let Some(path) = &args.manifest {
        let text = String::from_utf8(read_whole(path)?);
        let text = text.with_context(|| format!("{}", path.display()))?;
        let manifest = Manifest::parse(&text)?;
        bring_component(places, &manifest, args.terms.component.as_deref())?;
        return Ok(manifest);
    }
    let id = args.like_snapshot.as_deref();
    let id = id.context("which instruments? give --like-snapshot ID, or a manifest")?;
    let store = snapshot_store(&places.data)?;
    let snapshot = store.load(&store.resolve(id)?)?;
    let start_nonce = match &args.start_nonce {
        Some(nonce) => nonce.clone(),
        None => counterfoil_runner::store::keys::random_hex()?,
    };
    let bars = Bars {
        data: DataSource::Feed {
            broker: args.broker.name.as_ref().map(|name| BrokerEntry {
                name: name.clone(),
                environment: "paper".to_owned(),
                cash_tolerance: args.broker.cash_tolerance.clone(),
            }),
            name: args.feed.clone(),
            start_nonce,
        },
        timeframe: snapshot.manifest().timeframe.to_string(),
        instruments: snapshot
            .select(&args.instruments, None, None)?
            .instruments(),
        cadence: 1,
    };
    manifest(places, &args.terms, bars, BACKEND)
}
