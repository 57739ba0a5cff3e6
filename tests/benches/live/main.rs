//! Live runs on this machine: how long from a bar's line to its order at the venue, with the decision
//! durable and signed first and the token spent; and how fast a run that was killed is decided again.
//!
//! `cargo bench -p counterfoil-tests --bench live [-- BARS]`, 2,000 if not said and at most 2,200, prints a table. Lines
//! come over a socket of this machine. A time ends when the run asks for its next line: by then all is done with the one
//! before.
#![expect(
    clippy::print_stdout,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench, not a program"
)]

mod venue;

use std::fs::{OpenOptions, Permissions};
use std::io::{self, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc::{Receiver, Sender, channel};

use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_os::clock::Stopwatch;
use counterfoil_runner::orders::gateway::broker::BrokerBridge;
use counterfoil_runner::orders::venues::Venues;
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::run::feed::{LineRead, LineSource};
use counterfoil_runner::run::live::live;
use counterfoil_runner::run::resume::{ResumeAttempt, ResumeDeps, ResumeOutcome, open};
use counterfoil_tests::world::{Ignore, World, over_a_feed, signer};
use counterfoil_trading::manifest::{BrokerEntry, DataSource, Manifest};
use serde_json::json;

use venue::exchange::Exchange;

/// A day, in seconds.
const DAY: u64 = 86_400;

/// When the first bar opens, in seconds since 1970. A run takes none of the future, and orders none on those of ten
/// years ago.
const FIRST_BAR: u64 = 1_600_041_600;

fn main() {
    let asked = std::env::args().find_map(|text| text.parse().ok());
    let bars: u64 = asked.unwrap_or(2_000);
    println!("| what | p50 | p99 |\n| --- | --- | --- |");

    let world = World::small(5);
    let quiet = over_a_feed(&world.cross(&["AAA"], 1, 2, 10), "quiet");
    let (done, spans) = run(&world, &quiet, None, (bars, |_| 100), || {});
    row("bar to decision, durable and signed", &spans);
    let recovered_quiet = recover(&world, &done, bars);

    let busy = over_a_feed(&world.cross(&["AAA"], 1, 2, 10), "busy");
    let (done, spans) = run(&world, &busy, None, (bars, close), || {});
    assert!(
        done.close.fills * 10 > bars * 9,
        "{} fills",
        done.close.fills
    );
    row("bar to order at the paper venue", &spans);
    let recovered = recover(&world, &done, bars);

    let world = World::small(5);
    let exchange = Exchange::start(100_000_000_000);
    exchange.listen();
    let manifest = at_a_broker(&world);
    let broker = bridge(&world, &exchange, &manifest);
    let most = bars.min(500);
    let (done, spans) = run(&world, &manifest, Some(broker), (most, close), || {
        fill(&exchange);
    });
    assert!(done.close.fills * 2 > most, "{} fills", done.close.fills);
    row(
        "bar to order at a broker, over HTTP, with its answer",
        &spans,
    );

    println!("\n| what | result |\n| --- | --- |");
    println!("| recovery: verified, decided again, compared | {recovered_quiet} bars/s |");
    println!("| recovery with an order on each bar | {recovered} bars/s |");
}

/// Up and down, so that averages cross at each bar.
const fn close(bar: u64) -> u64 {
    100 + bar % 2
}

fn row(what: &str, spans: &[u128]) {
    let at = |percent: usize| spans.get(spans.len() * percent / 100).unwrap();
    println!("| {what} | {} µs | {} µs |", at(50), at(99));
}

/// Runs so many bars, each sent when the run asks for it, after `before`; the times in microseconds,
/// the shortest first.
fn run(
    world: &World,
    manifest: &Manifest,
    broker: Option<BrokerBridge>,
    (bars, close): (u64, fn(u64) -> u64),
    before: impl Fn(),
) -> (ExecutionOutcome, Vec<u128>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    sender.set_nodelay(true).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let (ask, asked) = channel();
    let source = Asking {
        reader: BufReader::new(stream),
        ask,
    };
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let engine = world.engine();
            live(
                &world.data,
                manifest,
                engine,
                signer(),
                source,
                broker,
                &mut Ignore,
            )
            .unwrap()
        });
        let mut spans = Vec::new();
        let mut sent: Option<Stopwatch> = None;
        for bar in 0..bars {
            asked.recv().unwrap();
            spans.extend(sent.map(|watch| watch.elapsed().as_micros()));
            before();
            let line = line(bar, close(bar));
            sent = Some(Stopwatch::start());
            sender.write_all(line.as_bytes()).unwrap();
        }
        wait(&asked);
        drop(sender);
        spans.sort_unstable();
        (running.join().unwrap(), spans)
    })
}

fn wait(asked: &Receiver<()>) {
    asked.recv().unwrap();
}

fn line(bar: u64, close: u64) -> String {
    let open = FIRST_BAR + bar * DAY;
    format!(
        "{{\"symbol\":\"AAA\",\"open-time\":{open}000000000,\"close-time\":{}000000000,\"open\":100,\
         \"high\":200,\"low\":50,\"close\":{close},\"volume\":100000}}\n",
        open + DAY
    )
}

/// The run's end of the socket: it says when it asks for a line.
struct Asking {
    reader: BufReader<TcpStream>,
    ask: Sender<()>,
}

impl LineSource for Asking {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        let _nobody_waits = self.ask.send(());
        self.reader.next_line(line)
    }
}

/// Bars a second of a resumption: the run's journal loses all after its last checkpoint but one.
fn recover(world: &World, done: &ExecutionOutcome, bars: u64) -> u128 {
    let path = done.execution.journal();
    let bytes = std::fs::read(&path).unwrap();
    let mut reader = FrameReader::new();
    let (mut end, mut ends) = (0, Vec::new());
    loop {
        let parsed = reader.parse(bytes.get(end..).unwrap()).unwrap();
        end += parsed.consumed;
        match parsed.frame {
            None => break,
            Some(Frame::Checkpoint(_)) => ends.push(end),
            Some(Frame::Entry(_)) => {}
        }
    }
    let cut = ends.get(ends.len() - 2).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(u64::try_from(*cut).unwrap()).unwrap();
    let watch = Stopwatch::start();
    let ResumeAttempt::Ready(ready) = open(&world.data, &done.execution, signer()).unwrap() else {
        panic!("the journal does not hold");
    };
    let component = ready.prepare(&world.data, world.engine()).unwrap();
    let around = ResumeDeps {
        data: &world.data,
        component: &component,
        observer: &mut Ignore,
        on_event: &mut |_| {},
    };
    let ResumeOutcome::Ended { outcome, .. } = ready.live(&b""[..], None, around).unwrap() else {
        panic!("the run does not come out as recorded");
    };
    let micros = watch.elapsed().as_micros().max(1);
    assert_eq!(outcome.close.decision_digest, done.close.decision_digest);
    u128::from(bars) * 1_000_000 / micros
}

fn at_a_broker(world: &World) -> Manifest {
    let mut manifest = over_a_feed(&world.cross(&["AAA"], 1, 2, 10), "broker");
    // The bars are years old.
    manifest.risk.bar_age_max_ms = Some(315_360_000_000);
    if let DataSource::Feed { broker, .. } = &mut manifest.data {
        *broker = Some(BrokerEntry {
            name: "alpaca".to_owned(),
            environment: "paper".to_owned(),
            cash_tolerance: "0".to_owned(),
        });
    }
    manifest
}

fn bridge(world: &World, exchange: &Exchange, manifest: &Manifest) -> BrokerBridge {
    let key = world.path().join("key.json");
    std::fs::write(&key, r#"{"key": "KEY", "secret": "SECRET"}"#).unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let venues = json!({"alpaca": {
        "credentials": key,
        "orders": format!("http://127.0.0.1:{}", exchange.requests),
        "order-updates": format!("ws://127.0.0.1:{}", exchange.stream),
    }});
    let venues: Venues = serde_json::from_value(venues).unwrap();
    let setup = manifest.setup().unwrap();
    venues.broker(manifest, &setup).unwrap().unwrap()
}

/// Fills whatever is open, as a market would before its next bar.
fn fill(exchange: &Exchange) {
    let open: Vec<(usize, i64)> = exchange.with(|state| {
        let all = state.orders.iter().enumerate();
        all.filter(|(_, one)| one.status == "new")
            .map(|(place, one)| (place, one.quantity - one.filled))
            .collect()
    });
    for (place, left) in open {
        exchange.fill(place, left, 10_000);
    }
}
