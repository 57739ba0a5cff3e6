//! A month at a broker with faults drawn at random: orders are lost, taken without an answer, refused
//! and held back, fill in parts and late and across their cancels, the stream is cut, and the
//! process is killed again and again. Nothing may be lost and nothing doubled.
//!
//! `COUNTERFOIL_SOAK_SEED=N` draws other faults than those of every test run.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Stdin, Write as _, stdin, stdout};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use counterfoil_base::digest::Digest;
use counterfoil_base::draws::Random;
use counterfoil_connect::broker::bridge::{BridgeConfig, BrokerBridge, BrokerConnection};
use counterfoil_connect::broker::{client, updates};
use counterfoil_connect::feed::listing::Listings;
use counterfoil_connect::net::credentials::Credentials;
use counterfoil_connect::net::dial::Dialer;
use counterfoil_connect::net::endpoint::{Endpoint, EndpointKind};
use counterfoil_runner::clock::now;
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::run::feed::{LineRead, LineSource};
use counterfoil_runner::run::resume::{ResumeAttempt, open};
use counterfoil_tests::child;
use counterfoil_tests::journals::{closing_positions, decisions, fills, records, verified};
use counterfoil_tests::world::{World, project, signer};
use counterfoil_trading::gateway::{OrderAuthorization, OrderLogRecord, SubmissionEnd};
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::{CloseReason, RiskVerdict, RunRecord, StopCause};
use counterfoil_trading::units::Quantity;

use super::desk::{Desk, at_a_broker, log, open_orders};
use super::venue::exchange::Exchange;
use super::venue::fault::Fault;
use super::{differences, stop};

/// Names the data directory to a child.
const FOLDER: &str = "COUNTERFOIL_TESTS_MONTH_FOLDER";
/// Names the ports of requests and stream to it.
const PORTS: &str = "COUNTERFOIL_TESTS_MONTH_PORTS";
/// The child's manifest in that directory.
const MANIFEST: &str = "month.json";
/// What a child prints before it takes a line.
const ASKS: &str = "asks for a line";

const DAYS: u32 = 30;
/// Processes that are killed on the way.
const LIVES: usize = 16;
/// Bars at the end in which nothing fails, so that every order ends.
const CALM: usize = 12;
/// What the broker's account holds before the run, in hundredths.
const CASH: i64 = 200_000_000;

/// Bars of an hour, up and down so that there is always something to do.
fn bars() -> String {
    let mut csv = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for hour in 0..DAYS * 24 {
        let (day, time) = (hour / 24 + 1, hour % 24);
        let close = 100 + (hour % 7) * 3 + (hour % 5) * 2;
        let (high, low) = (close + 2, close - 2);
        writeln!(
            csv,
            "AAA,2020-06-{day:02}T{time:02}:00:00Z,{close}.25,{high},{low},{close},10000"
        )
        .unwrap();
    }
    csv
}

/// Buys, protects what it bought with two orders, and cancels the remaining one.
pub(crate) fn bracket(world: &World) -> Manifest {
    let path = project().join("sdk-examples/components/bracket.wasm");
    let mut manifest = world.manifest(&std::fs::read(path).unwrap(), &["AAA"]);
    let parameters = [
        ("quantity", "10"),
        ("stop-bps", "200"),
        ("limit-bps", "400"),
    ];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    manifest.parameters = parameters.into_iter().collect();
    // A leg that fills while it is being taken back leaves it short for a bar.
    "margin".clone_into(&mut manifest.account.kind);
    at_a_broker(&manifest, "0")
}

/// The broker at these ports, for a process with little patience.
fn bridge(folder: &Path, manifest: &Manifest, ports: &str) -> BrokerBridge {
    let (requests, stream) = ports.split_once(' ').unwrap();
    let at = |scheme: &str, port: &str, kind| {
        Endpoint::parse(&format!("{scheme}://127.0.0.1:{port}"), kind).unwrap()
    };
    let mut client = client::BrokerApiConfig::new(at("http", requests, EndpointKind::Http), 1);
    client.request_timeout = Duration::from_millis(500);
    client.backoff_first = Duration::from_millis(5);
    client.backoff_max = Duration::from_millis(50);
    let mut updates =
        updates::UpdateStreamConfig::new(at("ws", stream, EndpointKind::WebSocket), 1);
    updates.backoff_first = Duration::from_millis(200);
    updates.backoff_max = Duration::from_millis(500);
    let setup = manifest.setup().unwrap();
    let listed = setup
        .instruments
        .iter()
        .map(|instrument| (instrument.clone(), instrument.symbol().to_owned()));
    BrokerBridge::open(BrokerConnection {
        settings: BridgeConfig::new(client, updates),
        credentials: Credentials::from_file(&folder.join("key.json")).unwrap(),
        listings: Listings::new(listed.collect(), setup.timeframe).unwrap(),
        dialer: Dialer::new(Duration::from_secs(10)).unwrap(),
        now: Arc::new(now),
    })
    .unwrap()
}

/// The child's feed: it prints when it asks, so that the test knows what is decided.
struct Asking(BufReader<Stdin>);

impl LineSource for Asking {
    fn next_line(&mut self, line: &mut Vec<u8>) -> std::io::Result<LineRead> {
        writeln!(stdout(), "{ASKS}")?;
        self.0.next_line(line)
    }
}

/// Not a test of its own: a process that the tests below start and kill. It starts the run, or resumes
/// with it if it was started.
#[test]
fn child() {
    let Some(place) = child::place(FOLDER, MANIFEST) else {
        return;
    };
    let (data, manifest, _) = &place;
    let bridge = bridge(data.root().path(), manifest, &std::env::var(PORTS).unwrap());
    let source = Asking(BufReader::new(stdin()));
    child::live_or_resume(place, source, Some(bridge));
}

/// A process that decides what it is sent.
struct RunProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    asks: Receiver<()>,
}

impl Drop for RunProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        self.child.wait().unwrap();
    }
}

impl RunProcess {
    /// Begins with the ports of requests and stream; its complaints go to a file.
    fn begin(world: &World, ports: &str) -> Self {
        let output = world.path().join("output");
        let output = File::options().create(true).append(true).open(output);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["broker::month::child", "--exact", "--nocapture"])
            .env(FOLDER, world.path())
            .env(PORTS, ports)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(output.unwrap())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, asks) = channel();
        thread::spawn(move || {
            for line in out.lines() {
                let Ok(line) = line else { return };
                // The test harness may print before it.
                if line.ends_with(ASKS) && sender.send(()).is_err() {
                    return;
                }
            }
        });
        Self {
            stdin: child.stdin.take(),
            child,
            asks,
        }
    }

    /// Waits until it asks for a line, or `until` holds; false if it has ended.
    fn asks_or(&self, until: &dyn Fn() -> bool) -> bool {
        loop {
            match self.asks.recv_timeout(Duration::from_millis(1)) {
                Ok(()) => return true,
                Err(RecvTimeoutError::Timeout) if until() => return true,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn asks(&self) -> bool {
        self.asks.recv().is_ok()
    }

    fn send(&mut self, line: &str) -> bool {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").is_ok()
    }

    /// The feed ends, and with it the run.
    fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success(), "it did not end well");
    }
}

/// What goes wrong, and what went wrong so far.
struct Weather<'a> {
    exchange: &'a Exchange,
    draw: Random,
    /// How often each thing happened.
    met: BTreeMap<&'static str, u32>,
}

impl Weather<'_> {
    /// One chance in so many.
    fn chance(&mut self, of: usize, what: &'static str) -> bool {
        let hit = self.draw.below(of) == 0;
        if hit {
            self.note(what);
        }
        hit
    }

    fn note(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// Moves the exchange's orders on, and sets what fails next.
    fn change(&mut self) {
        self.exchange.with(|state| {
            (state.refuses, state.keeps, state.is_blind) = (None, false, false);
        });
        for (place, left) in open_orders(self.exchange) {
            let status = self.exchange.with(|state| state.orders[place].status);
            if status == "pending_cancel" && self.chance(2, "a late cancel that no client receives")
            {
                self.exchange
                    .with(|state| state.orders[place].status = "canceled");
                self.exchange.cut();
                continue;
            }
            if self.draw.below(2) == 0 {
                let better = i64::try_from(self.draw.below(200)).unwrap();
                let is_part = self.chance(3, "a part fills");
                let most = usize::try_from(left).unwrap();
                let part = if is_part { self.draw.below(most) } else { 0 };
                self.fill(place, left - i64::try_from(part).unwrap(), better);
            }
        }
        if self.chance(12, "a request fails") {
            let faults: Vec<Fault> = Fault::ALL
                .into_iter()
                .filter(|fault| *fault != Fault::Limited)
                .collect();
            let fault = faults[self.draw.below(faults.len())];
            self.exchange.with(|state| state.faults.push(fault));
        }
        if self.chance(200, "a rate limit") {
            self.exchange
                .with(|state| state.faults.push(Fault::Limited));
        }
        // A strategy whose both protecting orders are refused does nothing more.
        let is_flat = self
            .exchange
            .with(|state| state.positions.values().all(|held| *held == 0));
        if is_flat && self.chance(6, "a refusal") {
            let words = (403, "insufficient buying power");
            self.exchange.with(|state| state.refuses = Some(words));
        }
        if self.chance(2, "a cancel would be late") {
            self.exchange.with(|state| state.keeps = true);
        }
        if self.chance(200, "nothing can be asked") {
            self.exchange.with(|state| state.is_blind = true);
        }
        if self.chance(30, "the stream is cut") {
            self.exchange.cut();
        }
    }

    /// Executes some of an order, and reports it to the connected clients.
    fn fill(&mut self, place: usize, quantity: i64, better: i64) {
        let price = price(self.exchange, place, better);
        let (status, listeners) = self
            .exchange
            .with(|state| (state.orders[place].status, state.listeners));
        if status == "pending_cancel" {
            self.note("a cancel crosses a fill");
        }
        // Some come right after a cut, before the stream can be back: how long that takes depends on the machine.
        if self.chance(4, "a fill after a cut") {
            self.exchange.cut();
        } else if listeners > 0 {
            self.exchange.fill(place, quantity, price);
            return;
        }
        self.note("a fill that no client receives");
        self.exchange.fill_unheard(place, quantity, price);
    }
}

/// A price in hundredths at which an order may fill, so much better than its limit if it has one.
fn price(exchange: &Exchange, place: usize, better: i64) -> i64 {
    exchange.with(|state| {
        let asked = &state.orders[place].asked;
        let limit = asked["limit_price"]
            .as_str()
            .map(|text| text.replace('.', "").parse::<i64>().unwrap());
        match (limit, asked["side"] == "buy") {
            (None, _) => 10_000 + better,
            (Some(limit), true) => limit - better,
            (Some(limit), false) => limit + better,
        }
    })
}

/// Bars that are decided and signed; 0 before the execution is there.
fn decided(world: &World, run: &Digest) -> usize {
    let Some(execution) = world.data.executions_of(run).unwrap().pop() else {
        return 0;
    };
    match open(&world.data, &execution, signer()).unwrap() {
        ResumeAttempt::Ready(ready) => usize::try_from(ready.resume_point().decisions).unwrap(),
        ResumeAttempt::Blocked(halt) => panic!("{halt}"),
    }
}

/// A run whose feed is fed up to here.
struct Month<'a> {
    world: &'a World,
    exchange: &'a Exchange,
    run: Digest,
    lines: Vec<String>,
}

impl Month<'_> {
    /// One process: it decides some bars, and is killed at any instant of the last.
    fn live(&self, weather: &mut Weather<'_>) {
        let exchange = weather.exchange;
        let from = decided(self.world, &self.run);
        let last = self.lines.len() - CALM;
        if from >= last {
            return;
        }
        // Half of the lives are shorter than the others, and some hardly begin.
        let until = (from + weather.draw.below(2 * last / LIVES)).min(last);
        let ports = format!("{} {}", exchange.requests, exchange.stream);
        let mut process = RunProcess::begin(self.world, &ports);
        if !process.asks() {
            weather.note("a process that gives up");
            return;
        }
        // The feed may continue, or send everything again.
        let start = if weather.draw.below(2) == 0 { 0 } else { from };
        for line in &self.lines[start..from] {
            process.send(line);
            assert!(process.asks(), "it ended over bars that it knows");
        }
        for line in &self.lines[from..until] {
            weather.change();
            if !(process.send(line) && process.asks()) {
                weather.note("a process that gives up");
                return;
            }
        }
        weather.change();
        let before = exchange.with(|state| state.posts);
        let _gone = process.send(&self.lines[until]);
        match weather.draw.below(3) {
            0 => {}
            1 => {
                let _ended = process.asks();
            }
            // While the broker answers, at the latest when it asks for more.
            _ => {
                let _ended = process.asks_or(&|| exchange.with(|state| state.posts > before));
            }
        }
    }

    /// The last process: every order ends, and so does the feed.
    fn rest(&self) {
        let exchange = self.exchange;
        exchange.with(|state| {
            (state.refuses, state.keeps, state.is_blind) = (None, false, false);
            state.faults.clear();
        });
        // The port of its stream sends nothing, so that it polls before each slice.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = silent.local_addr().unwrap().port();
        let mut process = RunProcess::begin(self.world, &format!("{} {silent}", exchange.requests));
        // If it stops on its own, the test checks whether that was right.
        let mut is_running = process.asks();
        for (place, line) in self.lines.iter().enumerate() {
            // What fills after the last slices is in no record.
            if place + 2 < self.lines.len() {
                for (order, left) in open_orders(exchange) {
                    exchange.fill_unheard(order, left, price(exchange, order, 0));
                }
            }
            is_running = is_running && process.send(line) && process.asks();
        }
        if is_running {
            process.end();
        }
    }

    /// What the children complained of.
    fn output(&self) -> String {
        std::fs::read_to_string(self.world.path().join("output")).unwrap_or_default()
    }

    fn outcome(&self) -> ExecutionOutcome {
        let execution = self.world.data.find(&self.run.hex()).unwrap();
        let mut all = records(execution.journal().path(), &execution.origin());
        let Some(RunRecord::Close(close)) = all.pop() else {
            panic!("the journal is open: {}", self.output());
        };
        let positions = closing_positions(&all);
        ExecutionOutcome {
            execution,
            close,
            positions,
        }
    }
}

/// What remains after a month.
struct Gone {
    desk: Desk,
    outcome: ExecutionOutcome,
    /// How often each thing happened.
    met: BTreeMap<&'static str, u32>,
    _world: World,
}

/// So many lives in such weather, and then calm; `meddle` is called before it.
fn month(seed: u64, lives: usize, meddle: impl Fn(&Exchange)) -> Gone {
    let world = World::of_text(&bars());
    let desk = Desk::of(&world, bracket(&world));
    let text = desk.manifest.canonical().unwrap();
    std::fs::write(world.path().join(MANIFEST), text).unwrap();
    desk.exchange.listen();
    let text = world.lines(&desk.manifest);
    let month = Month {
        world: &world,
        exchange: &desk.exchange,
        run: desk.manifest.run_id().unwrap(),
        lines: text.lines().map(str::to_owned).collect(),
    };
    let mut weather = Weather {
        exchange: &desk.exchange,
        draw: Random::new(seed),
        met: BTreeMap::new(),
    };
    for _ in 0..lives {
        month.live(&mut weather);
    }
    meddle(&desk.exchange);
    month.rest();
    let outcome = month.outcome();
    let report = verified(&std::fs::read(outcome.execution.journal()).unwrap());
    assert!(report.is_good(), "{:?}", report.findings);
    let replay = world.replay(&outcome).unwrap();
    assert!(replay.difference.is_none(), "{:?}", replay.difference);
    check_orders(&desk, &outcome);
    let met = weather.met;
    Gone {
        desk,
        outcome,
        met,
        _world: world,
    }
}

/// Each plan has one end, and one name at the venue however often it was sent; an order is there if
/// that end says so, and nothing else is.
fn check_orders(desk: &Desk, outcome: &ExecutionOutcome) {
    let execution = &outcome.execution;
    let records = records(execution.journal().path(), &execution.origin());
    // Which of the plans are orders, and not cancels.
    let mut planned: BTreeMap<u64, bool> = BTreeMap::new();
    for decision in decisions(&records) {
        let requests = decision.requests.iter().flatten().zip(&decision.verdicts);
        let approved = requests.filter(|(_, verdict)| **verdict == RiskVerdict::Approved);
        let notes = decision.circumstances.plans.iter();
        planned.extend(
            notes
                .zip(approved)
                .map(|(note, (request, _))| (note.token, request.intent.order().is_some())),
        );
    }
    let (mut names, mut ends) = (BTreeMap::new(), BTreeMap::new());
    for record in log(execution) {
        match record {
            OrderLogRecord::Spent {
                token, venue_order, ..
            } => {
                let token = OrderAuthorization::decode(&token).unwrap().sequence;
                let name = names.entry(token).or_insert_with(|| venue_order.clone());
                assert_eq!(*name, venue_order, "a plan has two names");
            }
            OrderLogRecord::Ended(ended) => {
                let before = ends.insert(ended.sequence, ended.end);
                assert_eq!(before, None, "plan {} ended twice", ended.sequence);
            }
            _ => {}
        }
    }
    assert!(ends.keys().eq(planned.keys()), "{ends:?} of {planned:?}");
    let is_there = |(token, is_order): (&u64, &bool)| {
        (*is_order && ends[token] == SubmissionEnd::Acknowledged).then(|| names[token].clone())
    };
    let mut expected: Vec<String> = planned.iter().filter_map(is_there).collect();
    let mut found: Vec<String> = desk.exchange.with(|state| {
        let names = state.orders.iter().map(|order| order.name.clone());
        names.collect()
    });
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
}

fn seed() -> u64 {
    let seed = std::env::var("COUNTERFOIL_SOAK_SEED");
    seed.map_or(7, |text| text.parse().unwrap())
}

#[test]
fn a_month_at_a_broker_with_faults_loses_and_doubles_nothing() {
    let Gone {
        desk, outcome, met, ..
    } = &month(seed(), LIVES, |_| {});
    for what in [
        "a part fills",
        "a request fails",
        "a refusal",
        "a fill that no client receives",
        "a late cancel that no client receives",
        "a cancel crosses a fill",
        "the stream is cut",
    ] {
        assert!(met.contains_key(what), "no {what}: {met:?}");
    }
    assert_eq!(outcome.close.reason, CloseReason::EndOfData);
    assert_eq!(differences(outcome), [""; 0]);
    assert!(outcome.close.fills > 30, "{} fills", outcome.close.fills);
    let records = records(
        outcome.execution.journal().path(),
        &outcome.execution.origin(),
    );
    let booked: i64 = fills(&records).iter().map(|fill| fill.quantity.0).sum();
    desk.exchange.with(|state| {
        let filled: i64 = state.orders.iter().map(|order| order.filled).sum();
        assert_eq!(booked, filled);
        let held = state.positions.get("AAA").copied().unwrap_or(0);
        assert_eq!(outcome.positions, [Quantity(held)]);
        // The run's is in nano-units, from a million on.
        let spent = i128::from(state.cash - CASH) * 10_000_000;
        assert_eq!(outcome.close.cash.0 - 1_000_000_000_000_000, spent);
    });
}

#[test]
fn a_month_in_which_somebody_else_trades_ends_with_a_difference_on_record() {
    let gone = month(seed(), LIVES / 4, |exchange| {
        exchange.with(|state| state.cash += 1);
    });
    let (cause, message) = stop(&gone.outcome);
    assert_eq!(cause, StopCause::VenueDiffers);
    assert!(message.starts_with("cash: "), "{message}");
    assert_eq!(differences(&gone.outcome).len(), 1);
}
