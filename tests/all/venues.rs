//! A run under supervision between two venues: its bars come from one, its orders go to the other,
//! and the process ends in between.

use core::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use counterfoil_runner::orders::venues::Venues;
use counterfoil_server::client::ApiClient;
use counterfoil_server::supervisor::inlet::EndCommand;
use counterfoil_server::types::{FeedRequest, RunReply};
use counterfoil_tests::desk::Desk;
use counterfoil_tests::journals::verified;
use counterfoil_tests::world::{World, over_a_feed, project};
use counterfoil_trading::manifest::{BrokerEntry, DataSource, Manifest};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::broker::desk::YEARS_MS;
use crate::broker::venue::exchange::Exchange;
use crate::broker::venue::history;
use crate::broker::venue::market::{alpaca_bar, open_of, values};
use crate::broker::venue::stream::{Act, alpaca_opening, serve};
use crate::server::{Here, asked, code, start, until};

/// Minutes that the first connection sends, and how many there are.
const FIRST: i64 = 6;
const ALL: i64 = 12;

/// A connection of the venue's that sends these minutes and then stays open.
fn script(minutes: core::ops::Range<i64>) -> Vec<Act> {
    let bar = |minute| {
        Act::Send(format!(
            "[{}]",
            alpaca_bar(r#""T":"b","S":"AAA","#, 0, minute)
        ))
    };
    let mut all = alpaca_opening(&["AAA"]);
    all.extend(minutes.map(bar));
    all.push(Act::Hold);
    all
}

/// Both venues.
struct Outside {
    exchange: Exchange,
    history: history::Shared,
    venues: Arc<Venues>,
    _runtime: Runtime,
}

impl Outside {
    fn new(world: &World) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let history = history::at(FIRST);
        let shared = Arc::clone(&history);
        let (stream, rest) = runtime.block_on(async move {
            // One minute is sent while no connection is open.
            let scripts = vec![script(0..FIRST), script(FIRST + 1..ALL)];
            let (stream, _targets) = serve(scripts).await;
            (stream, history::alpaca(shared).await)
        });
        let exchange = Exchange::start(200_000_000);
        exchange.listen();
        let key = world.path().join("key.json");
        std::fs::write(&key, r#"{"key": "KEY", "secret": "SECRET"}"#).unwrap();
        std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        let venues = json!({"alpaca": {
            "credentials": key,
            "data": {
                "stream": format!("ws://127.0.0.1:{stream}"),
                "history": format!("http://127.0.0.1:{rest}"),
            },
            "orders": format!("http://127.0.0.1:{}", exchange.requests),
            "order-updates": format!("ws://127.0.0.1:{}", exchange.stream),
        }});
        Self {
            exchange,
            history,
            venues: Arc::new(serde_json::from_value(venues).unwrap()),
            _runtime: runtime,
        }
    }
}

/// The market's minutes.
fn world() -> World {
    let mut csv = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for minute in 0..ALL {
        let [open, high, low, close, volume] = values(0, minute);
        let price = |value: i64| format!("{}.{:02}", value / 100, value % 100);
        let [open, high, low, close] = [open, high, low, close].map(price);
        let time = open_of(minute);
        writeln!(csv, "AAA,{time},{open},{high},{low},{close},{volume}").unwrap();
    }
    World::of_sessions(&csv, "1m", None)
}

fn between(world: &World) -> Manifest {
    let holds = project().join("sdk-examples/components/buy-and-hold.wasm");
    let holds = world.manifest(&std::fs::read(holds).unwrap(), &["AAA"]);
    let mut manifest = over_a_feed(&holds, "venues");
    manifest.risk.bar_age_max_ms = Some(YEARS_MS);
    if let DataSource::Feed { name, broker, .. } = &mut manifest.data {
        "alpaca".clone_into(name);
        *broker = Some(BrokerEntry {
            name: "alpaca".to_owned(),
            environment: "paper".to_owned(),
            cash_tolerance: "0".to_owned(),
        });
    }
    manifest
}

/// Asks until the run has decided so many bars.
fn decided(client: &ApiClient, run: &str, bars: i64) {
    loop {
        let reply: RunReply = client.get(&format!("/v1/runs/{run}")).unwrap();
        if i64::try_from(reply.bars).unwrap() >= bars {
            return;
        }
        let is_under_way = ["starting", "running", "resuming"].contains(&reply.state.as_str());
        assert!(is_under_way, "{reply:?}");
    }
}

#[test]
fn bars_come_from_one_venue_orders_go_to_another_and_the_process_may_end_between() {
    let world = world();
    let outside = Outside::new(&world);
    let manifest = between(&world);
    let desk = Desk::with(&world, &manifest.setup().unwrap().component);
    let here = Here::reaching(&world.data, Arc::clone(&outside.venues));
    let erin = here.client("erin");
    let begun = start(&erin, &asked(&desk, &manifest, FeedRequest::Market {})).unwrap();
    assert_eq!(begun.feed_kind, "market");
    let run = begun.run;
    decided(&erin, &run, FIRST);
    here.end(EndCommand::Suspend);

    outside.history.lock().unwrap().now = FIRST + 1;
    let here = Here::reaching(&world.data, Arc::clone(&outside.venues));
    let erin = here.client("erin");
    decided(&erin, &run, ALL);
    let stop: RunReply = erin.post(&format!("/v1/runs/{run}/stop"), &()).unwrap();
    assert_eq!(stop.run, run);
    let done = until(&erin, &run, "stopped");
    assert_eq!(i64::try_from(done.bars).unwrap(), ALL);

    let execution = world.data.find(&run).unwrap();
    let report = verified(&std::fs::read(execution.journal()).unwrap());
    assert!(report.is_good(), "{:?}", report.findings);
    outside.exchange.with(|state| {
        assert!(!state.orders.is_empty());
        assert_eq!(state.orders.len(), usize::try_from(state.posts).unwrap());
    });
}

#[test]
fn what_was_authorized_as_a_venues_is_neither_pushed_nor_replayed_nor_without_its_key() {
    let world = world();
    let outside = Outside::new(&world);
    let manifest = between(&world);
    let desk = Desk::with(&world, &manifest.setup().unwrap().component);
    let here = Here::reaching(&world.data, Arc::clone(&outside.venues));
    let erin = here.client("erin");
    let replay = FeedRequest::Replay {
        snapshot: world.snapshot.to_string(),
        speed: None,
    };
    for feed in [FeedRequest::Push {}, replay] {
        let request = asked(&desk, &manifest, feed);
        assert_eq!(code(start(&erin, &request)), "feed.invalid");
    }
    // What was authorized for the paper venue goes to no broker, and the other way round.
    let mut simulated = manifest.clone();
    if let DataSource::Feed { broker, .. } = &mut simulated.data {
        *broker = None;
    }
    let mut request = asked(&desk, &simulated, FeedRequest::Market {});
    request.manifest = serde_json::from_str(&manifest.canonical().unwrap()).unwrap();
    let refused = start(&erin, &request).unwrap_err().to_string();
    assert!(refused.contains("market was alpaca"), "{refused}");
    assert!(refused.contains("alpaca@alpaca/paper"), "{refused}");
    drop(here);
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let refused = start(&erin, &asked(&desk, &manifest, FeedRequest::Market {}))
        .unwrap_err()
        .to_string();
    assert!(refused.contains("--venues FILE"), "{refused}");
    let nothing = outside.exchange.with(|state| state.posts);
    assert_eq!(nothing, 0);
}
