//! Fetches from protocol servers of this machine: whole, cut off, limited, and from servers that lie.

mod archive;
mod hostile;
mod limits;
mod server;
mod whole;

use core::time::Duration;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use counterfoil_connect::fetch::client::HistoryAccess;
use counterfoil_connect::fetch::source::HistorySource;
use counterfoil_connect::net::credentials::Credentials;
use counterfoil_connect::net::endpoint::{Endpoint, EndpointKind};
use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_snapshot::source::options::IngestOptions;
use counterfoil_trading::time::UnixNanos;
use tempfile::TempDir;

use crate::fetch::job::{FetchJob, FetchReuse, FetchTerms};
use crate::fetch::outcome::{FetchError, FetchOutcome};
use crate::fetch::perform::{HistoryClient, fetch};
use crate::fetch::port::{FetchCounts, FetchPort};
use crate::times::parse_time;
use server::{Reply, TestServer};

/// A clock that stands still, and waits that are noted and not waited.
struct TestPort {
    now: UnixNanos,
    waits: Vec<(Duration, String)>,
}

impl FetchPort for TestPort {
    fn now(&mut self) -> UnixNanos {
        self.now
    }

    fn wait(&mut self, time: Duration, reason: &str) {
        self.waits.push((time, reason.to_owned()));
    }

    fn progress(&mut self, _counts: FetchCounts) {}
}

/// A data directory, a server, and what is asked of it.
struct FetchBench {
    folder: TempDir,
    server: TestServer,
    source: HistorySource,
    symbols: Vec<String>,
    timeframe: &'static str,
    from: &'static str,
    to: &'static str,
    now: &'static str,
    reuse: FetchReuse,
    waits: Vec<(Duration, String)>,
}

fn time(text: &str) -> UnixNanos {
    parse_time(text).unwrap()
}

impl FetchBench {
    fn new(
        source: HistorySource,
        answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            server: TestServer::start(Arc::new(answer)),
            source,
            symbols: vec!["AAA".to_owned()],
            timeframe: "1m",
            from: "2024-01-02",
            to: "2024-01-03",
            now: "2024-06-01",
            reuse: FetchReuse::Kept,
            waits: Vec::new(),
        }
    }

    fn store(&self) -> SnapshotStore {
        let dir = Dir::open_ambient_dir(self.folder.path(), ambient_authority());
        SnapshotStore::open(dir.unwrap())
    }

    fn fetch(&mut self) -> Result<FetchOutcome, FetchError> {
        let endpoint = format!("http://127.0.0.1:{}", self.server.port());
        let client = HistoryClient::new(HistoryAccess {
            source: self.source,
            endpoint: Endpoint::parse(&endpoint, EndpointKind::Http).unwrap(),
            credentials: Some(Credentials::new("KEY", "SECRET").unwrap()),
            feed: "iex".to_owned(),
        });
        let job = FetchJob::new(FetchTerms {
            source: self.source,
            symbols: self.symbols.clone(),
            timeframe: self.timeframe.parse().unwrap(),
            from: time(self.from),
            to: time(self.to),
            reuse: self.reuse,
        });
        let mut port = TestPort {
            now: time(self.now),
            waits: Vec::new(),
        };
        let done = fetch(&self.store(), &client.unwrap(), &job.unwrap(), &mut port);
        self.waits = port.waits;
        done
    }

    fn ingest(&self, done: &FetchOutcome) -> IngestOutcome {
        let options = IngestOptions {
            timeframe: Some(self.timeframe.parse().unwrap()),
            ..IngestOptions::default()
        };
        let index = done.index.canonical().unwrap();
        let made = self
            .store()
            .ingest(index.as_slice(), &done.name, &options, &mut |_| {});
        made.unwrap()
    }

    /// The receipts of the raw layer with a role, as JSON.
    fn receipts(&self, role: &str) -> Vec<serde_json::Value> {
        let mut found = Vec::new();
        let raw = self.folder.path().join("raw");
        let Ok(folders) = std::fs::read_dir(raw) else {
            return found;
        };
        for folder in folders {
            for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
                let file = file.unwrap().path();
                if file.extension().is_some_and(|end| end == "json") {
                    let text = std::fs::read(&file).unwrap();
                    let receipt: serde_json::Value = serde_json::from_slice(&text).unwrap();
                    if receipt["role"] == role {
                        found.push(receipt);
                    }
                }
            }
        }
        found
    }
}

/// Minutes since 2024-01-02, in milliseconds since 1970.
fn minute(number: i64) -> i64 {
    1_704_153_600_000 + number * 60_000
}

/// A kline of a minute.
fn kline(number: i64) -> String {
    let (open, price) = (minute(number), 100 + number % 7);
    format!(
        r#"[{open},"{price}.10","{price}.90","{price}.00","{price}.50","12.5",{},"1",1,"1","1","0"]"#,
        open + 59_999
    )
}

fn klines(numbers: impl Iterator<Item = i64>) -> String {
    let rows: Vec<String> = numbers.map(kline).collect();
    format!("[{}]", rows.join(","))
}

/// A value of the query of a target.
fn query(target: &str, name: &str) -> Option<String> {
    let (_, query) = target.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| value.to_owned())
    })
}

/// Answers as Binance does, for a market that has these minutes.
fn binance(target: &str, minutes: i64) -> Reply {
    let number = |name: &str| query(target, name).unwrap().parse::<i64>().unwrap();
    let (start, end) = (number("startTime"), number("endTime"));
    let all = (0..minutes).filter(|minute_number| (start..=end).contains(&minute(*minute_number)));
    Reply::json(&klines(all.take(1_000)))
}
