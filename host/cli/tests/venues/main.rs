//! The program with venues: bars come from one, orders go to one, the program is killed while
//! something is on its way, and goes on.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a server for tests, which names what it looks for"
)]

mod fetch;
mod markets;
mod venue;

use core::fmt::Write as _;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use venue::exchange::Exchange;
use venue::fault::Fault;

/// A data and a key directory, a snapshot of a few bars, and a broker.
struct Place {
    folder: TempDir,
    snapshot: String,
    exchange: Exchange,
}

/// The days of January 2020 that have a bar.
const DAYS: u32 = 20;

/// A saw, so that the averages cross every few days.
fn close_of(day: u32) -> u32 {
    100 + (day % 6) * 3
}

fn bars() -> String {
    let mut csv = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for day in 1..=DAYS {
        let close = close_of(day);
        let (high, low) = (close + 2, close - 2);
        writeln!(
            csv,
            "AAA,2020-01-{day:02},{close}.25,{high},{low},{close},10000"
        )
        .unwrap();
    }
    csv
}

fn lines() -> String {
    let mut lines = String::new();
    for day in 1..=DAYS {
        let close = close_of(day);
        let (high, low, next) = (close + 2, close - 2, day + 1);
        writeln!(
            lines,
            "{{\"symbol\":\"AAA\",\"open-time\":\"2020-01-{day:02}\",\"close-time\":\"2020-01-{next:02}\",\
             \"open\":{close}.25,\"high\":{high},\"low\":{low},\"close\":{close},\"volume\":10000}}"
        )
        .unwrap();
    }
    lines
}

impl Place {
    fn new() -> Self {
        let mut place = Self {
            folder: tempfile::tempdir().unwrap(),
            snapshot: String::new(),
            exchange: Exchange::start(100_000_000),
        };
        std::fs::write(place.path("bars.csv"), bars()).unwrap();
        let key = place.path("key.json");
        std::fs::write(&key, r#"{"key": "KEY", "secret": "SECRET"}"#).unwrap();
        std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        // The bars are years old.
        let wide = "1000000000000";
        let risk = json!({
            "orders-per-bar-max": 64, "working-orders-max": 256, "order-notional-max": wide,
            "position-notional-max": wide, "gross-exposure-max": wide, "price-collar-bps": "5000",
            "drawdown-max-bps": "10000", "orders-per-day-max": 1_000_000, "net-exposure-max": wide,
            "daily-loss-max": wide, "bar-age-max-ms": 315_360_000_000_u64,
        });
        std::fs::write(place.path("risk.json"), risk.to_string()).unwrap();
        let made = place.json(0, &["data", "ingest", "bars.csv"]);
        made["snapshot"]
            .as_str()
            .unwrap()
            .clone_into(&mut place.snapshot);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
        command
            .args(arguments)
            .env("COUNTERFOIL_DATA_DIR", self.path("data"))
            .env("COUNTERFOIL_KEY_DIR", self.path("keys"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let command = [arguments, &["--json"]].concat();
        let output = self.command(&command).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a command prints; it ends well.
    #[track_caller]
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The moving-average cross.
    fn component() -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let component = root.join("sdk-examples/components/moving-average-cross.wasm");
        component.display().to_string()
    }

    /// Where the broker is, and its key.
    fn access(&self) -> [String; 2] {
        let venues = json!({"alpaca": {
            "credentials": "key.json",
            "orders": format!("http://127.0.0.1:{}", self.exchange.requests),
            "order-updates": format!("ws://127.0.0.1:{}", self.exchange.stream),
        }});
        std::fs::write(self.path("venues.json"), venues.to_string()).unwrap();
        ["--venues".to_owned(), "venues.json".to_owned()]
    }

    /// The flags of a run at the broker.
    fn terms(&self) -> Vec<String> {
        let component = Self::component();
        let flags = [
            ["--component", &component],
            ["--like-snapshot", &self.snapshot],
            ["--risk", "risk.json"],
            ["--param", "quantity=10"],
            ["--param", "fast=2"],
            ["--param", "slow=4"],
            ["--broker", "alpaca"],
        ];
        flags.iter().flatten().map(ToString::to_string).collect()
    }

    /// Starts the program with these flags, and sends it all bars.
    fn fed(&self, flags: &[String]) -> Child {
        let flags = flags.iter().map(String::as_str);
        let access = self.access();
        let access = access.iter().map(String::as_str);
        let listen = ["--listen", "127.0.0.1:0", "--json"];
        let all: Vec<&str> = ["live"]
            .into_iter()
            .chain(flags)
            .chain(access)
            .chain(listen)
            .collect();
        let mut child = self
            .command(&all)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut heard = Vec::new();
        let address = said.find_map(|line| {
            let line = line.unwrap();
            let address = line.strip_prefix("listening at ").map(str::to_owned);
            heard.push(line);
            address
        });
        let address = address.unwrap_or_else(|| panic!("{heard:#?}"));
        std::thread::spawn(move || for _line in said {});
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(lines().as_bytes()).unwrap();
        child
    }

    /// The program ends well; what it says.
    #[track_caller]
    fn ended(output: &Output) -> Value {
        assert_eq!(output.status.code(), Some(0));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Verified, replayed, and every order once at the broker.
    fn holds(&self, run: &str) {
        self.json(0, &["verify", run]);
        self.json(0, &["replay", run]);
        self.exchange.with(|state| {
            let mut names: Vec<&str> = state
                .orders
                .iter()
                .map(|order| order.name.as_str())
                .collect();
            let all = names.len();
            assert!(all > 0);
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all);
        });
    }
}

#[test]
fn orders_of_a_run_go_to_the_broker_that_its_manifest_names() {
    let place = Place::new();
    place.exchange.listen();
    let child = place.fed(&place.terms());
    let made = Place::ended(&child.wait_with_output().unwrap());
    let run = made["run-id"]
        .as_str()
        .unwrap()
        .trim_start_matches("sha256:");
    place.holds(run);
    // Without a key nothing starts, and the paper venue does not stand in.
    let terms = place.terms();
    let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
    let refused = place
        .command(&[&["live"], terms.as_slice()].concat())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("--venues"), "{said}");
}

/// Killed while an order is on its way: the broker has it and says nothing, or never got it.
#[test]
fn a_program_that_is_killed_between_sending_and_hearing_sends_each_order_once() {
    for fault in [Fault::TakenThenSilent, Fault::LostThenSilent] {
        let place = Place::new();
        place.exchange.with(|state| state.faults = vec![fault]);
        let mut child = place.fed(&place.terms());
        place.exchange.wait(|state| state.posts == 1);
        child.kill().unwrap();
        child.wait().unwrap();
        let runs = std::fs::read_dir(place.path("data/runs")).unwrap();
        let run = runs
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .next();
        let run = run.unwrap();
        let resume = ["--resume".to_owned(), run.clone()];
        let child = place.fed(&resume);
        Place::ended(&child.wait_with_output().unwrap());
        place.holds(&run);
        let posts = place.exchange.with(|state| state.posts);
        let orders = place.exchange.with(|state| state.orders.len());
        let sent_again = u32::from(fault == Fault::LostThenSilent);
        assert_eq!(
            usize::try_from(posts - sent_again).unwrap(),
            orders,
            "{fault:?}"
        );
    }
}
