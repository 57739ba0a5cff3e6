//! Many runs in one server, each with one bar a second: how long until all have decided it, durable
//! and signed, and how much memory a run takes.
//!
//! `cargo bench -p counterfoil-tests --bench fleet [-- RUNS [SECONDS]]`, 1,000 and 30 if not said,
//! prints a table. The server is a process of its own; accounts have eight runs each.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench, not a program"
)]

use core::fmt::Write as _;
use core::time::Duration;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use counterfoil_approval::ledger_client::LedgerActor;
use counterfoil_approval::permit::Records;
use counterfoil_os::clock::Stopwatch;
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_server::client::ApiClient;
use counterfoil_server::serve::{ListenReach, ListeningSocket, Server};
use counterfoil_server::service_ledger::ServiceLedger;
use counterfoil_server::supervisor::inlet::EndCommand;
use counterfoil_server::supervisor::{Supervisor, SupervisorConfig};
use counterfoil_server::types::{BarsReply, BarsRequest, FeedRequest, RunReply, StartRequest};
use counterfoil_tests::acts::id;
use counterfoil_tests::desk::{Desk, hand};
use counterfoil_tests::world::{World, code_cache, over_a_feed, signer};
use counterfoil_trading::manifest::Manifest;

/// Names the data directory to the child, which serves it.
const FOLDER: &str = "COUNTERFOIL_BENCH_FOLDER";
/// Runs of one account.
const PER_ACCOUNT: usize = 8;

fn main() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return serve(Path::new(&folder));
    }
    let mut asked = std::env::args().filter_map(|text| text.parse::<usize>().ok());
    let runs = asked.next().unwrap_or(1_000);
    let seconds = asked.next().unwrap_or(30);

    let world = World::of_text(&series(seconds));
    let manifests: Vec<Manifest> = (0..runs).map(|place| manifest(&world, place)).collect();
    let first = manifests.first().expect("at least one run");
    let desk = Desk::with(&world, &first.setup().unwrap().component);
    let authorizations = desk.authorize_all(&manifests);

    let mut child = Served::start(world.path());
    let mut client = ApiClient::new(&child.base);
    client.sign_in(&id("erin"), &hand("erin")).unwrap();
    println!("| what | result |\n| --- | --- |");
    let empty = child.resident_kib();
    let watch = Stopwatch::start();
    for (manifest, authorization) in manifests.iter().zip(authorizations) {
        let request = StartRequest {
            authorization,
            manifest: serde_json::to_value(manifest).unwrap(),
            feed: FeedRequest::Push {},
        };
        let _run: RunReply = client.post("/v1/runs", &request).unwrap();
    }
    let started = watch.elapsed();
    println!("| runs | {runs} |");
    println!("| started in | {} ms |", started.as_millis());
    let waiting = child.resident_kib();
    println!(
        "| memory of a run that waits | {} KiB |",
        (waiting - empty) / runs
    );

    let spans = rounds(&child, &client, &world.lines(first), runs);
    let median = spans.get(spans.len() / 2).unwrap();
    println!("| bars of each run | {} |", spans.len());
    println!("| bar due to decided by all, durable and signed, median | {median} ms |");
    println!("| the same, longest | {} ms |", spans.last().unwrap());
    let full = child.resident_kib();
    println!("| memory of a run then | {} KiB |", (full - empty) / runs);
    println!("| memory of the process without runs | {empty} KiB |");
    child.end();
}

/// Sends a bar each second. The answer has, for each, the milliseconds from when it was due until all
/// runs had decided it, the shortest first.
fn rounds(child: &Served, client: &ApiClient, lines: &str, runs: usize) -> Vec<u128> {
    let mut spans = Vec::new();
    let watch = Stopwatch::start();
    for (second, line) in (0_u64..).zip(lines.lines()) {
        let due = Duration::from_secs(second);
        std::thread::sleep(due.saturating_sub(watch.elapsed()));
        let bars = vec![serde_json::from_str(line).unwrap()];
        let reply: BarsReply = client
            .post("/v1/feeds/test/bars", &BarsRequest { bars })
            .unwrap();
        let mut taken = reply.treatments.iter();
        assert!(taken.all(|one| one.treatment == "taken"));
        assert_eq!(reply.treatments.len(), runs);
        let decided = (usize::try_from(second).unwrap() + 1) * runs;
        while child.decided() < decided {
            std::thread::sleep(Duration::from_millis(5));
        }
        spans.push(watch.elapsed().saturating_sub(due).as_millis());
    }
    spans.sort_unstable();
    spans
}

/// A bar of one minute for each second of the bench, up and down so that averages cross.
fn series(seconds: usize) -> String {
    let mut csv = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for at in 0..seconds {
        let (hour, minute) = (at / 60, at % 60);
        let close = 100 + (at % 6) * 3;
        let (high, low) = (close + 2, close - 2);
        writeln!(
            csv,
            "AAA,2020-01-01T{hour:02}:{minute:02}:00Z,{close},{high},{low},{close},10000"
        )
        .unwrap();
    }
    csv
}

fn manifest(world: &World, place: usize) -> Manifest {
    let mut one = over_a_feed(&world.cross(&["AAA"], 2, 3, 10), &place.to_string());
    one.account.name = format!("account-{}", place / PER_ACCOUNT);
    one
}

/// The server in a process of its own.
struct Served {
    child: Child,
    base: String,
}

impl Served {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut base = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut base).unwrap();
        let base = base.trim().to_owned();
        Self { child, base }
    }

    /// Resident memory, as Linux counts it.
    fn resident_kib(&self) -> usize {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let text = line.unwrap().trim().trim_end_matches(" kB");
        text.parse().unwrap()
    }

    /// Bars decided by all runs.
    fn decided(&self) -> usize {
        let mut answer = ureq::get(format!("{}/metrics", self.base)).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("counterfoil_bars_decided "));
        line.unwrap().parse().unwrap()
    }

    fn end(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Serves until standard input ends.
fn serve(folder: &Path) {
    let data = DataDir::open(folder).unwrap();
    let service = LedgerActor {
        id: id("robot"),
        signing_key: Box::new(hand("robot")),
    };
    let path = data.root().join("ledger/test.ledger");
    let ledger = Arc::new(ServiceLedger::new(
        path,
        id("test"),
        Arc::new(signer),
        service,
    ));
    let supervisor = Supervisor::new(SupervisorConfig {
        data: data.clone(),
        engine: EngineSettings {
            cache: Some(code_cache(&data)),
            ..EngineSettings::default()
        },
        signers: Arc::new(signer),
        runs_per_account: PER_ACCOUNT,
        records: Arc::clone(&ledger) as Arc<dyn Records>,
        venues: Arc::default(),
    });
    let address = "127.0.0.1:0".parse().unwrap();
    let listening = ListeningSocket::open(address, ListenReach::Loopback).unwrap();
    let server = Server::new(listening, supervisor, ledger).unwrap();
    println!("http://{}", server.address());
    std::io::stdout().flush().unwrap();
    let (end, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut nothing = Vec::new();
        let _closed = std::io::Read::read_to_end(&mut std::io::stdin(), &mut nothing);
        end.send(EndCommand::Kill)
    });
    let until = async { ended.await.unwrap_or(EndCommand::Kill) };
    let _left = server.run(until, core::future::pending()).unwrap();
}
