//! Fetches that bring everything, at once or in parts.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;

use super::*;

/// Minutes of the market: three pages.
const MINUTES: i64 = 2_500;

fn three_pages() -> FetchBench {
    let mut bench = FetchBench::new(HistorySource::Binance, |target, _| binance(target, MINUTES));
    bench.to = "2024-01-10";
    bench
}

#[test]
fn every_bar_is_fetched_once_and_ingested() {
    let mut bench = three_pages();
    let done = bench.fetch().unwrap();
    assert_eq!(done.series[0].bars, Some(2_500));
    assert_eq!(done.series[0].first, Some(time("2024-01-02")));
    assert_eq!(done.series[0].last, Some(time("2024-01-03T17:39:00Z")));
    // The last answer is empty: only that shows that there is no more.
    assert_eq!(done.counts.requests, 4);
    let made = bench.ingest(&done);
    assert_eq!((made.report.bars, made.report.quarantined), (2_500, 0));
    // The answers write two decimals: a tick is never coarser than that.
    assert_eq!(made.report.price_scale, 2);
    // Each answer is in the raw layer, with its address, time and status.
    let pages = bench.receipts("page");
    assert_eq!(pages.len(), 4);
    for page in &pages {
        assert_eq!(page["origin"]["status"], 200, "{page}");
        let url = page["origin"]["url"].as_str().unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        assert!(
            url.contains("/api/v3/klines?symbol=AAA&interval=1m"),
            "{url}"
        );
        assert_eq!(page["ingested_at"], time("2024-06-01").0.to_string());
        assert_eq!(page["vendor"], "binance");
    }
    // The lineage of the snapshot leads to them.
    let lineage = bench.store().lineage(&made.id).unwrap();
    let files = &lineage.normalized[0].files;
    let of_pages = files.iter().filter(|file| file.role == "page").count();
    assert_eq!(of_pages, 3);
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let mut bench = three_pages();
    let first = bench.fetch().unwrap();
    bench.server.take_targets();
    let second = bench.fetch().unwrap();
    assert_eq!(bench.server.take_targets(), Vec::<String>::new());
    assert_eq!((second.counts.requests, second.counts.kept), (0, 4));
    assert_eq!(second.index, first.index);
    assert_eq!(bench.ingest(&first).id, bench.ingest(&second).id);
    // Unless it is asked for.
    bench.reuse = FetchReuse::Nothing;
    let third = bench.fetch().unwrap();
    assert_eq!((third.counts.requests, third.counts.kept), (4, 0));
    assert_eq!(third.index, first.index);
}

#[test]
fn a_fetch_that_ended_early_goes_on_where_it_was() {
    let is_up = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&is_up);
    let mut bench = three_pages();
    bench.server = TestServer::start(Arc::new(move |target: &str, number| {
        if number >= 1 && !shared.load(Ordering::SeqCst) {
            return Reply::Cut(Vec::new());
        }
        binance(target, MINUTES)
    }));
    let error = bench.fetch().unwrap_err().to_string();
    assert!(
        error.contains("after 6 tries; what was fetched is kept"),
        "{error}"
    );
    is_up.store(true, Ordering::SeqCst);
    bench.server.take_targets();
    let done = bench.fetch().unwrap();
    assert_eq!(done.counts.kept, 1);
    let again = bench.server.take_targets();
    assert_eq!(again.len(), 3, "{again:?}");
    assert!(!again[0].contains("startTime=1704153600000"), "{again:?}");
    // No bar twice, none left out.
    let whole = three_pages().fetch().unwrap();
    let digests = |done: &FetchOutcome| -> Vec<String> {
        let pages = done.index.pages.iter();
        pages.map(|page| page.sha256.to_string()).collect()
    };
    assert_eq!(digests(&done), digests(&whole));
    assert_eq!(bench.ingest(&done).report.bars, 2_500);
}

#[test]
fn a_bar_that_still_forms_is_left_out_and_fetched_later() {
    let mut bench = FetchBench::new(HistorySource::Binance, |target, _| binance(target, 10));
    //     our clock, what the venue's clock says, closed bars, forming bars
    let table = [
        ("2024-01-02T00:09:30Z", "", 9, 1),
        // Two seconds after its close a bar counts.
        ("2024-01-02T00:09:01Z", "", 8, 2),
        ("2024-01-02T00:09:02Z", "", 9, 1),
        // A clock of ours that is fast does not close a bar.
        (
            "2024-01-02T00:20:00Z",
            "date: Tue, 02 Jan 2024 00:09:30 GMT\r\n",
            9,
            1,
        ),
        // Nor does one of the venue's.
        (
            "2024-01-02T00:09:30Z",
            "date: Tue, 02 Jan 2024 00:20:00 GMT\r\n",
            9,
            1,
        ),
    ];
    for (now, date, bars, forming) in table {
        bench.now = now;
        bench.server = TestServer::start(Arc::new(move |_: &str, _| {
            let headers = format!("content-type: application/json\r\n{date}");
            Reply::of(200, &headers, klines(0..10).as_bytes())
        }));
        let done = bench.fetch().unwrap();
        let series = &done.series[0];
        assert_eq!(
            (series.bars, series.forming),
            (Some(bars), forming),
            "{now} {date}"
        );
        let last = minute(i64::try_from(bars).unwrap() - 1) * 1_000_000;
        assert_eq!(series.last, Some(UnixNanos(last)), "{now} {date}");
        assert_eq!(bench.ingest(&done).report.bars, bars, "{now} {date}");
    }
    bench.server = TestServer::start(Arc::new(|target: &str, _| binance(target, 10)));
    bench.now = "2024-01-02T00:09:30Z";
    assert_eq!(bench.fetch().unwrap().series[0].bars, Some(9));
    bench.now = "2024-06-01";
    let done = bench.fetch().unwrap();
    assert_eq!((done.counts.kept, done.series[0].bars), (0, Some(10)));
    assert_eq!(bench.fetch().unwrap().counts.requests, 0);
}

/// Bars of Alpaca's, a page of `page` bars after a token.
fn alpaca(target: &str, minutes: i64, page: i64) -> Reply {
    let skip: i64 = query(target, "page_token").map_or(0, |token| token.parse().unwrap());
    let end = (skip + page).min(minutes);
    let bars: Vec<String> = (skip..end)
        .map(|number| {
            let open = UnixNanos(minute(number) * 1_000_000).rfc3339();
            format!(
                r#"{{"t":"{open}","o":10.5,"h":11,"l":10.25,"c":10.75,"v":1000,"n":3,"vw":10.6}}"#
            )
        })
        .collect();
    let next = if end < minutes {
        format!("\"{end}\"")
    } else {
        "null".to_owned()
    };
    let symbol = query(target, "symbols").unwrap();
    let bars = bars.join(",");
    Reply::json(&format!(
        r#"{{"bars":{{"{symbol}":[{bars}]}},"next_page_token":{next}}}"#
    ))
}

#[test]
fn alpacas_pages_follow_their_tokens_and_the_key_is_nowhere() {
    let mut bench = FetchBench::new(HistorySource::Alpaca, |target, _| alpaca(target, 5, 2));
    bench.symbols = vec!["SPY".to_owned(), "QQQ".to_owned()];
    let done = bench.fetch().unwrap();
    let bars: Vec<Option<u64>> = done.series.iter().map(|series| series.bars).collect();
    assert_eq!(bars, [Some(5), Some(5)]);
    for head in bench.server.asked() {
        assert!(head.contains("apca-api-key-id: KEY\r\n"), "{head}");
        assert!(head.contains("apca-api-secret-key: SECRET\r\n"), "{head}");
        assert!(head.contains("&adjustment=raw&feed=iex&sort=asc"), "{head}");
    }
    // A pause between two requests: 200 a minute.
    let paces = bench.waits.iter().map(|(wait, _)| *wait);
    assert_eq!(paces.collect::<Vec<_>>(), [Duration::from_millis(300); 5]);
    assert_eq!(bench.ingest(&done).report.bars, 10);
    for file in walk(bench.folder.path()) {
        let bytes = std::fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !text.contains("SECRET") && !text.contains("KEY"),
            "{}",
            file.display()
        );
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn alpacas_days_are_dates() {
    let body = r#"{"bars":{"SPY":[
        {"t":"2024-03-08T05:00:00Z","o":1.5,"h":2,"l":1,"c":1.75,"v":10,"n":1,"vw":1},
        {"t":"2024-03-11T04:00:00Z","o":1.5,"h":2,"l":1,"c":1.75,"v":10,"n":1,"vw":1}]},"next_page_token":null}"#;
    let mut bench = FetchBench::new(HistorySource::Alpaca, move |_, _| Reply::json(body));
    bench.symbols = vec!["SPY".to_owned()];
    bench.timeframe = "1d";
    (bench.from, bench.to) = ("2024-03-01", "2024-04-01");
    let done = bench.fetch().unwrap();
    let made = bench.ingest(&done);
    let instrument = &made.manifest.instruments[0];
    assert_eq!(instrument.first_close, time("2024-03-09"));
    assert_eq!(instrument.last_close, time("2024-03-12"));
    assert_eq!(made.report.quarantined, 0);
}

/// Kraken's answer at a minute: the last 720 bars, the one that forms among them.
fn kraken(now: i64) -> Reply {
    let rows: Vec<String> = (now - 719..=now)
        .map(|number| {
            let open = minute(number) / 1_000;
            format!(r#"[{open},"1.5","2.0","1.0","1.7","1.6","3.25",7]"#)
        })
        .collect();
    let rows = rows.join(",");
    Reply::json(&format!(
        r#"{{"error":[],"result":{{"XXBTZUSD":[{rows}],"last":0}}}}"#
    ))
}

#[test]
fn krakens_newest_bars_are_cut_to_the_range_and_older_ones_are_refused() {
    let mut bench = FetchBench::new(HistorySource::Kraken, |_, _| kraken(2_000));
    bench.symbols = vec!["XBTUSD".to_owned()];
    // Minute 2000 is 2024-01-03T09:20, minute 1281 is 2024-01-02T21:21.
    bench.now = "2024-01-03T09:20:30Z";
    (bench.from, bench.to) = ("2024-01-02T22:00:00Z", "2024-01-02T23:00:00Z");
    let done = bench.fetch().unwrap();
    assert_eq!((done.series[0].bars, done.series[0].forming), (Some(60), 0));
    let made = bench.ingest(&done);
    assert_eq!((made.report.bars, made.report.rows), (60, 60));
    // Up to now: the last one forms.
    bench.to = "2024-01-04";
    let done = bench.fetch().unwrap();
    assert_eq!(
        (done.series[0].bars, done.series[0].forming),
        (Some(680), 1)
    );
    bench.from = "2024-01-02T21:00:00Z";
    let error = bench.fetch().unwrap_err().to_string();
    assert!(
        error.contains("kraken serves the last 720 bars only, and of XBTUSD the first is 2024-01-02T21:21:00Z: use --from 2024-01-02T21:21:00Z"),
        "{error}"
    );
}

#[test]
fn a_symbol_that_was_listed_later_is_not_an_error_and_one_without_bars_is() {
    let mut bench = FetchBench::new(HistorySource::Binance, |target, _| {
        if query(target, "symbol").unwrap() == "NEW" {
            return binance(target, 3);
        }
        Reply::json("[]")
    });
    bench.from = "2020-01-01";
    bench.symbols = vec!["NEW".to_owned(), "OLD".to_owned()];
    let done = bench.fetch().unwrap();
    assert_eq!(done.series[0].bars, Some(3));
    assert!(!done.series[0].is_empty() && done.series[1].is_empty());
    bench.symbols = vec!["OLD".to_owned()];
    let error = bench.fetch().unwrap_err().to_string();
    assert_eq!(
        error,
        "binance has no closed bars of OLD from 2020-01-01 to 2024-01-03; check the symbol, and since when it is listed"
    );
    // Nothing can be closed before it has begun: not a request is sent.
    bench.now = "2019-01-01";
    bench.server.take_targets();
    assert!(bench.fetch().is_err());
    assert_eq!(bench.server.take_targets(), Vec::<String>::new());
}

#[test]
fn an_answer_that_was_changed_on_disk_is_not_used() {
    let mut bench = three_pages();
    let done = bench.fetch().unwrap();
    let hex = done.index.pages[1].sha256.hex();
    let file = bench.folder.path().join("raw").join(hex).join("file");
    let bytes = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, bytes.replacen(".50", ".51", 1)).unwrap();
    let error = bench.fetch().unwrap_err().to_string();
    assert!(error.contains("the raw file was changed"), "{error}");
    // Removed, it is fetched again.
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
    let again = bench.fetch().unwrap();
    assert_eq!((again.counts.requests, again.index), (1, done.index));
}

#[test]
fn the_note_of_another_request_is_refused() {
    let mut bench = three_pages();
    bench.fetch().unwrap();
    let fetches = bench.folder.path().join("fetches");
    let mut notes: Vec<_> = walk(&fetches);
    notes.sort();
    std::fs::copy(&notes[0], &notes[1]).unwrap();
    let error = bench.fetch().unwrap_err().to_string();
    assert!(
        error.contains("it is the note of another request; remove it"),
        "{error}"
    );
}

/// A server that stops in the middle of a page leaves nothing of it.
#[test]
fn nothing_half_written_is_left() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&heads);
    let mut bench = three_pages();
    bench.server = TestServer::start(Arc::new(move |target: &str, number| {
        shared.lock().unwrap().push(target.to_owned());
        if number == 0 {
            return binance(target, MINUTES);
        }
        let Reply::Whole(bytes) = binance(target, MINUTES) else {
            return Reply::Cut(Vec::new());
        };
        Reply::Cut(bytes[..bytes.len() / 2].to_vec())
    }));
    let error = bench.fetch().unwrap_err().to_string();
    assert!(error.contains("no answer from 127.0.0.1"), "{error}");
    assert!(error.contains("after 6 tries"), "{error}");
    assert_eq!(heads.lock().unwrap().len(), 7);
    let files = walk(bench.folder.path());
    let of_raw = files.iter().filter(|file| file.ends_with("file")).count();
    assert_eq!(of_raw, 1, "{files:?}");
    assert_eq!(bench.receipts("page").len(), 1);
}
