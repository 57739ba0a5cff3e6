//! `data fetch` as people use it: killed in the middle, started again, ingested, and refused.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use serde_json::Value;

use super::Place;

#[path = "../../../runner/src/fetch/tests/server.rs"]
mod server;

use server::{Reply, TestServer};

/// The first minute, 2024-01-02, in milliseconds, and how many there are: three pages.
const START: i64 = 1_704_153_600_000;
const MINUTES: i64 = 2_500;

/// Answers as Binance does.
fn binance(target: &str) -> Reply {
    let number = |name: &str| -> i64 {
        let (_, rest) = target.split_once(&format!("{name}=")).unwrap();
        rest.split('&').next().unwrap().parse().unwrap()
    };
    let (start, end) = (number("startTime"), number("endTime"));
    let opens = (0..MINUTES).map(|minute| START + minute * 60_000);
    let rows: Vec<String> = opens
        .filter(|open| (start..=end).contains(open))
        .take(1_000)
        .map(|open| {
            let last = open + 59_999;
            format!(r#"[{open},"10.10","10.90","10.00","10.50","12.5",{last},"1",1,"1","1","0"]"#)
        })
        .collect();
    Reply::json(&format!("[{}]", rows.join(",")))
}

fn arguments(server: &TestServer) -> Vec<String> {
    let url = format!("http://127.0.0.1:{}", server.port());
    let text = "data fetch binance --symbol BTCUSDT --timeframe 1m --from 2024-01-02 --to 2024-01-10 --ingest --url";
    text.split(' ').map(str::to_owned).chain([url]).collect()
}

#[test]
fn a_fetch_that_was_killed_goes_on_and_its_snapshot_has_every_bar_once() {
    let place = Place::new();
    let is_up = Arc::new(AtomicBool::new(false));
    let (second, was_asked) = mpsc::channel();
    let shared = Arc::clone(&is_up);
    let server = TestServer::start(Arc::new(move |target: &str, number| {
        if number == 1 && !shared.load(Ordering::SeqCst) {
            second.send(()).unwrap();
            // Until the program is killed.
            loop {
                std::thread::park();
            }
        }
        binance(target)
    }));
    let arguments = arguments(&server);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut child = place.command(&arguments).spawn().unwrap();
    was_asked.recv().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    is_up.store(true, Ordering::SeqCst);
    assert_eq!(server.take_targets().len(), 2);
    let done = place.json(0, &arguments);
    assert_eq!(done["requests"], 3, "{done}");
    assert_eq!(done["answers-there"], 1, "{done}");
    assert_eq!(done["series"][0]["bars"], MINUTES, "{done}");
    assert_eq!(done["ingested"]["bars"], MINUTES, "{done}");
    assert_eq!(done["ingested"]["quarantined"], 0, "{done}");
    let targets = server.take_targets();
    assert!(
        targets[0].contains("startTime=1704213600000"),
        "{targets:?}"
    );
    // Once more: nothing is sent, and it is the same snapshot.
    let again = place.json(0, &arguments);
    assert_eq!(again["requests"], 0, "{again}");
    assert_eq!(again["ingested"]["snapshot"], done["ingested"]["snapshot"]);
    assert_eq!(server.take_targets(), Vec::<String>::new());
    let snapshot = done["ingested"]["snapshot"].as_str().unwrap();
    let lineage = place.said(&["data", "lineage", snapshot]);
    let url = format!(
        "http://127.0.0.1:{}/api/v3/klines?symbol=BTCUSDT",
        server.port()
    );
    assert_eq!(lineage.matches(&url).count(), 3, "{lineage}");
    assert!(lineage.contains("(status 200)"), "{lineage}");
    // The index can be ingested by itself, with other settings.
    let index = done["index"]
        .as_str()
        .unwrap()
        .trim_start_matches("sha256:");
    let file = place.path("data").join("raw").join(index).join("file");
    let file = file.display().to_string();
    let made = place.json(0, &["data", "ingest", &file, "--tick", "0.05"]);
    assert_eq!(
        (&made["bars"], &made["timeframe"]),
        (&Value::from(MINUTES), &Value::from("1m"))
    );
}

/// Source, symbol, timeframe, end of the range, exit code, and what is said.
const REFUSALS: &str = "\
binance MOVED 1m 2024-01-10 2 | a redirect to https://elsewhere.example/, which is not followed
binance HTML 1m 2024-01-10 2 | the content type is \"text/html\"
binance NONE 1m 2024-01-10 2 | binance has no closed bars of NONE from 2024-01-02 to 2024-01-10
binance btc 1m 2024-01-10 64 | it writes them as BTCUSDT
binance BTC 1w 2024-01-10 64 | binance has no bars of 1w; it has 1s
binance BTC 1x 2024-01-10 64 | --timeframe: \"1x\" is not a timeframe
binance BTC 1m soon 64 | --to is \"soon\"; expected a date
binance BTC 1m 2024-01-01 64 | --from 2024-01-02 is not before --to 2024-01-01
binance-archive BTC 1m 2222-01-01 2 | the archive has a month only when it is over
alpaca SPY 1m 2024-01-10 2 | no key for alpaca: give --venues FILE
ftx BTC 1m 2024-01-10 64 | invalid value 'ftx'";

#[test]
fn what_cannot_be_fetched_is_said_with_its_exit_code() {
    let place = Place::new();
    let server = TestServer::start(Arc::new(|target: &str, _| match target {
        moved if moved.contains("symbol=MOVED") => {
            Reply::of(302, "location: https://elsewhere.example/\r\n", b"moved")
        }
        html if html.contains("symbol=HTML") => Reply::Cut(
            b"HTTP/1.1 200 X\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>"
                .to_vec(),
        ),
        _ => Reply::json("[]"),
    }));
    let url = format!("http://127.0.0.1:{}", server.port());
    for line in REFUSALS.lines() {
        let (asked, expected) = line.split_once(" | ").unwrap();
        let words: Vec<&str> = asked.split_whitespace().collect();
        let [source, symbol, timeframe, to, more @ .., code] = words.as_slice() else {
            panic!("{line}");
        };
        let code: i32 = code.parse().unwrap();
        let text = format!(
            "data fetch {source} --symbol {symbol} --timeframe {timeframe} --from 2024-01-02 --to {to} --url {url}"
        );
        let arguments: Vec<&str> = text.split(' ').chain(more.iter().copied()).collect();
        let output = place.command(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text}: {said}");
        assert!(said.contains(expected), "{text}: {said}");
    }
    // Only the three that could be asked for were.
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_symbol_without_bars_beside_one_with_bars_is_a_negative_answer() {
    let place = Place::new();
    let server = TestServer::start(Arc::new(|target: &str, _| {
        if target.contains("symbol=NONE") {
            return Reply::json("[]");
        }
        binance(target)
    }));
    let mut arguments = arguments(&server);
    let symbol = arguments
        .iter_mut()
        .find(|text| *text == "BTCUSDT")
        .unwrap();
    "BTCUSDT,NONE".clone_into(symbol);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = place.command(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("warning: binance has no closed bars of NONE in that range"),
        "{said}"
    );
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.contains("fetched  binance 1m from 2024-01-02 to 2024-01-10"),
        "{printed}"
    );
    assert!(printed.contains("snapshot "), "{printed}");
}

/// A ZIP file of Binance's archive with the klines of 1 and 2 January 2024.
const JANUARY: &str = "\
504b03041400000008000000415850b6199f320000006000000005000000422e6373766d8a310e002008c476df72030702e1\
ff1f538c93b14997a64c9912a9d280d0a381bbd3cdabc184239090717bfc7eb5aaf75f504b01021403140000000800000041\
5850b6199f3200000060000000050000000000000000000000800100000000422e637376504b050600000000010001003300\
0000550000000000";

/// The ZIP files were ingested one by one, by commands that the answer named.
#[test]
fn the_months_of_binances_archive_become_one_snapshot() {
    let byte = |place: usize| u8::from_str_radix(&JANUARY[place..place + 2], 16).unwrap();
    let zip: Vec<u8> = (0..JANUARY.len()).step_by(2).map(byte).collect();
    let server = TestServer::start(Arc::new(move |target: &str, _| {
        let file = target
            .rsplit('/')
            .next()
            .unwrap()
            .trim_end_matches(".CHECKSUM");
        if target.ends_with(".CHECKSUM") {
            let digest = counterfoil_base::digest::Digest::of(&zip).hex();
            return Reply::of(200, "", format!("{digest}  {file}\n").as_bytes());
        }
        Reply::of(200, "content-type: application/zip\r\n", &zip)
    }));
    let url = format!("http://127.0.0.1:{}", server.port());
    let text = "data fetch binance-archive --symbol BTCUSDT --timeframe 1d --from 2024-01-01 --to 2024-02-01 --ingest \
        --url";
    let arguments: Vec<&str> = text.split_whitespace().chain([url.as_str()]).collect();
    let done = Place::new().json(0, &arguments);
    assert_eq!(done["ingested"]["bars"], 2, "{done}");
    assert_eq!(done["ingested"]["quarantined"], 0, "{done}");
}
