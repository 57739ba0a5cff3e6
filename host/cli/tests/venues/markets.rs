//! The program over a venue's market data: the connection is cut, the program is killed, and no bar
//! is lost, doubled or taken while it forms.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::Place;
use super::venue::history;
use super::venue::market::{SYMBOLS, alpaca_bar, kline, open_of, values};
use super::venue::stream::{Act, alpaca_opening, serve};

/// Minutes that the run decides.
const MINUTES: i64 = 10;

/// A venue of minute bars: three connections, of which the first is cut.
struct Venue {
    name: &'static str,
    history: history::Shared,
    _runtime: Runtime,
}

fn said(name: &str, minute: i64) -> Vec<Act> {
    let text = |is_closed| match name {
        "binance" => kline(0, minute, is_closed),
        _ if is_closed => format!("[{}]", alpaca_bar(r#""T":"b","S":"AAA","#, 0, minute)),
        // The day's bar forms all day.
        _ => format!("[{}]", alpaca_bar(r#""T":"d","S":"AAA","#, 0, minute)),
    };
    vec![Act::Send(text(false)), Act::Send(text(true))]
}

fn opening(name: &str) -> Vec<Act> {
    if name == "binance" {
        return Vec::new();
    }
    alpaca_opening(&["AAA"])
}

/// One connection that tells these minutes.
fn script(name: &str, minutes: core::ops::Range<i64>, last: Act) -> Vec<Act> {
    let mut all = opening(name);
    all.extend(minutes.flat_map(|minute| said(name, minute)));
    all.push(last);
    all
}

impl Venue {
    /// A venue, and the file that says how it is reached.
    fn start(place: &Place, name: &'static str) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let history = history::at(6);
        let shared = history.clone();
        let (stream, rest) = runtime.block_on(async move {
            let scripts = vec![
                script(name, 0..4, Act::Cut),
                // Two minutes are lost, and then one comes.
                script(name, 6..7, Act::Hold),
                script(name, 9..MINUTES, Act::Hold),
            ];
            let (stream, _targets) = serve(scripts).await;
            let rest = match name {
                "binance" => history::binance(shared).await,
                _ => history::alpaca(shared).await,
            };
            (stream, rest)
        });
        let addresses = json!({
            "stream": format!("ws://127.0.0.1:{stream}"),
            "history": format!("http://127.0.0.1:{rest}"),
        });
        let venues = json!({
            "binance": addresses,
            "alpaca": {"credentials": "key.json", "data": addresses},
        });
        std::fs::write(place.path("venues.json"), venues.to_string()).unwrap();
        Self {
            name,
            history,
            _runtime: runtime,
        }
    }
}

/// The market's minutes as a snapshot.
fn snapshot(place: &Place) -> String {
    let mut csv = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for minute in 0..MINUTES {
        let [open, high, low, close, volume] = values(0, minute);
        let price = |value: i64| format!("{}.{:02}", value / 100, value % 100);
        let [open, high, low, close] = [open, high, low, close].map(price);
        let time = open_of(minute);
        let row = format!(
            "{},{time},{open},{high},{low},{close},{volume}\n",
            SYMBOLS[0]
        );
        csv.push_str(&row);
    }
    std::fs::write(place.path("minutes.csv"), csv).unwrap();
    let made = place.json(0, &["data", "ingest", "minutes.csv", "--calendar", "24x7"]);
    made["snapshot"].as_str().unwrap().to_owned()
}

/// The program as it says things, read so that it never waits for its reader.
fn spawn(place: &Place, arguments: &[&str]) -> Child {
    let mut child = place
        .command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || for _line in said.lines() {});
    child
}

/// Asks until the run has decided so many bars; its id.
fn until(place: &Place, child: &mut Child, bars: i64) -> String {
    loop {
        let runs = place.json(0, &["run", "list"]);
        let run = &runs[0];
        if run["decisions"].as_i64() >= Some(bars) {
            return run["run"].as_str().unwrap().to_owned();
        }
        assert_eq!(child.try_wait().unwrap(), None, "it ended: {runs}");
    }
}

#[test]
fn a_run_over_a_venues_bars_loses_and_doubles_none_cut_or_killed() {
    for name in ["binance", "alpaca"] {
        let place = Place::new();
        let snapshot = snapshot(&place);
        let venue = Venue::start(&place, name);
        let cross = Place::component();
        let access = ["--venues", "venues.json", "--json"];
        let terms = [
            ["--component", &cross],
            ["--like-snapshot", &snapshot],
            ["--risk", "research"],
            ["--param", "quantity=1"],
            ["--param", "fast=2"],
            ["--param", "slow=4"],
            ["--feed", venue.name],
        ];
        let start: Vec<&str> = ["live"]
            .into_iter()
            .chain(terms.into_iter().flatten())
            .chain(access)
            .collect();
        let mut child = spawn(&place, &start);
        let run = until(&place, &mut child, 7);
        child.kill().unwrap();
        child.wait().unwrap();
        venue.history.lock().unwrap().now = 9;
        let resume: Vec<&str> = ["live", "--resume", &run]
            .into_iter()
            .chain(access)
            .collect();
        let mut child = spawn(&place, &resume);
        until(&place, &mut child, MINUTES);
        place.json(0, &["kill", &run]);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        let ended: Value = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!(ended["bars"], MINUTES, "{ended}");
        assert_eq!(ended["stop"]["cause"], "run-killed", "{ended}");
        place.json(0, &["verify", &run]);
        place.json(0, &["replay", &run]);
        // Each bar is the market's, and none formed.
        let parity = place.json(0, &["audit", "parity", &run, "--snapshot", &snapshot]);
        assert_eq!(parity["decisions"]["equal"], MINUTES, "{parity}");
        // What was done to have them all is on record.
        let shown = place.said(&["run", "show", &run, "--refused"]);
        for word in ["feed-disconnected", "feed-reconnected", "gap-filled"] {
            assert!(shown.contains(word), "{name}: no {word} in {shown}");
        }
    }
}

#[test]
fn what_is_named_after_a_venue_comes_from_it_and_nowhere_else() {
    let place = Place::new();
    let cross = Place::component();
    let daily = place.snapshot.clone();
    //     the feed, more, exit code, what is said
    let table: [(&str, &[&str], i32, &str); 3] = [
        ("alpaca", &[], 2, "--venues FILE"),
        (
            "binance",
            &["--connect", "127.0.0.1:1"],
            64,
            "leave out --connect",
        ),
        (
            "alpaca-trades",
            &["--listen", "127.0.0.1:0"],
            64,
            "leave out --connect",
        ),
    ];
    for (feed, more, code, expected) in table {
        let first = ["live", "--component", &cross, "--like-snapshot", &daily];
        let then = ["--risk", "research", "--feed", feed];
        let output = place
            .command(&[first.as_slice(), then.as_slice(), more].concat())
            .output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(expected), "{said}");
        let runs = place.json(0, &["run", "list"]);
        assert_eq!(runs, json!([]), "nothing was started");
    }
}
