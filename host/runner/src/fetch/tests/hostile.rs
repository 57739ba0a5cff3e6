//! Servers that lie: each answer is refused by its address and the reason, and kept as evidence.

use core::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[track_caller]
fn check(source: HistorySource, reply: Reply, expected: &str) {
    let mut bench = FetchBench::new(source, move |_, _| reply.clone());
    let error = bench.fetch().unwrap_err().to_string();
    let url = format!("GET http://127.0.0.1:{}/", bench.server.port());
    assert!(error.starts_with(&url), "{error}");
    assert!(error.contains(expected), "{error}");
    // One try: no other answer is to be expected.
    assert_eq!(bench.server.take_targets().len(), 1, "{error}");
    let kept = bench.receipts("refused-page");
    assert_eq!(kept.len(), 1, "{error}");
    let hex = kept[0]["sha256"].as_str().unwrap();
    let hex = hex.trim_start_matches("sha256:");
    assert!(
        error.ends_with(&format!("kept, unused, as raw/{hex}/file")),
        "{error}"
    );
    // It is not used by the next fetch either.
    assert!(bench.fetch().is_err());
    assert_eq!(bench.server.take_targets().len(), 1);
}

#[test]
fn klines_that_are_not_what_was_asked_for_are_refused() {
    let check = |body: &str, expected: &str| {
        check(HistorySource::Binance, Reply::json(body), expected);
    };
    check(
        &format!("[{},{}]", kline(1), kline(0)),
        "row 2 opens at 2024-01-02T00:00:00Z, not after the row before it, 2024-01-02T00:01:00Z",
    );
    check(
        &format!("[{},{}]", kline(1), kline(1)),
        "row 2 opens at 2024-01-02T00:01:00Z, not after the row before it, 2024-01-02T00:01:00Z",
    );
    check(
        &format!("[{}]", kline(-1)),
        "row 1 opens at 2024-01-01T23:59:00Z, before the requested range, which begins at 2024-01-02T00:00:00Z",
    );
    check(
        &format!("[{}]", kline(1_440)),
        "row 1 opens at 2024-01-03T00:00:00Z, after the requested range, which ends at 2024-01-03T00:00:00Z",
    );
    check(&kline(0), "row 1: not an array");
    let shifted = kline(0)
        .replace("1704153600000", "1704153601000")
        .replace("1704153659999", "1704153660999");
    check(
        &format!("[{shifted}]"),
        "row 1 opens at 2024-01-02T00:00:01Z, which is not the start of an interval of 1m",
    );
    check(
        &klines(0..1_001),
        "1001 bars, more than the 1000 that the source has on a page",
    );
    check(&klines(0..3)[..40], "not a JSON array of klines: EOF");
    check(
        r#"[[1704153600000,"1","1","1","1","1",1704157199999]]"#,
        "row 1: its close time does not end the interval that was asked for",
    );
}

#[test]
fn an_answer_that_is_not_the_sources_is_refused() {
    use HistorySource::{Alpaca, Binance, Kraken};
    check(
        Binance,
        Reply::of(200, "content-type: text/html\r\n", b"<html>log in</html>"),
        "the content type is \"text/html\", which is not the source's; a proxy may have answered: <html>log in</html>",
    );
    check(
        Binance,
        Reply::of(400, "", br#"{"code":-1121,"msg":"Invalid symbol."}"#),
        r#"status 400: {"code":-1121,"msg":"Invalid symbol."}"#,
    );
    check(
        Alpaca,
        Reply::json(r#"{"bars":{"BBB":[]},"next_page_token":null}"#),
        "it has bars of BBB, and AAA was asked for",
    );
    check(
        Kraken,
        Reply::json(r#"{"error":["EQuery:Unknown asset pair"]}"#),
        "the venue answers EQuery:Unknown asset pair",
    );
}

#[test]
fn a_redirect_is_not_followed_and_the_key_goes_nowhere_else() {
    let other = TestServer::start(Arc::new(|_: &str, _| Reply::json("{}")));
    let location = format!(
        "location: http://127.0.0.1:{}/v2/stocks/bars\r\n",
        other.port()
    );
    for status in [301, 302, 307, 308] {
        let reply = Reply::of(status, &location, b"moved");
        check(
            HistorySource::Alpaca,
            reply,
            &format!(
                "status {status}, a redirect to http://127.0.0.1:{}/v2/stocks/bars, which is not followed",
                other.port()
            ),
        );
    }
    assert_eq!(other.asked(), Vec::<String>::new());
}

#[test]
fn tokens_that_come_again_or_pages_without_bars_end_the_fetch() {
    let bar = r#"{"t":"2024-01-02T00:00:00Z","o":1,"h":1,"l":1,"c":1,"v":1}"#;
    let count = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&count);
    let mut bench = FetchBench::new(HistorySource::Alpaca, move |_, _| {
        let number = shared.fetch_add(1, Ordering::SeqCst);
        let bars = if number == 0 { bar } else { "" };
        Reply::json(&format!(
            r#"{{"bars":{{"AAA":[{bars}]}},"next_page_token":"same"}}"#
        ))
    });
    // Otherwise the second answer would be found on disk, again and again.
    bench.reuse = FetchReuse::Nothing;
    let error = bench.fetch().unwrap_err().to_string();
    assert!(error.contains("its pages do not come to an end"), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 2);
    let mut bench = FetchBench::new(HistorySource::Alpaca, |_, number| {
        Reply::json(&format!(r#"{{"bars":{{}},"next_page_token":"{number}"}}"#))
    });
    let error = bench.fetch().unwrap_err().to_string();
    assert!(error.contains("its pages do not come to an end"), "{error}");
    assert_eq!(bench.server.take_targets().len(), 11);
    // Bars of the page before, under a new token.
    let mut bench = FetchBench::new(HistorySource::Alpaca, move |_, number| {
        Reply::json(&format!(
            r#"{{"bars":{{"AAA":[{bar}]}},"next_page_token":"{number}"}}"#
        ))
    });
    let error = bench.fetch().unwrap_err().to_string();
    assert!(
        error.contains("row 1 opens at 2024-01-02T00:00:00Z, before the requested range"),
        "{error}"
    );
}

#[test]
fn an_answer_without_end_is_cut_at_its_bound() {
    let mut bench = FetchBench::new(HistorySource::Binance, |_, _| {
        let head = b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\n\r\n".to_vec();
        Reply::Cut([head, vec![b' '; 17 << 20]].concat())
    });
    let error = bench.fetch().unwrap_err().to_string();
    assert!(
        error.contains("(an answer may have 16777216 bytes), after 6 tries"),
        "{error}"
    );
    assert_eq!(bench.receipts("page").len(), 0);
}
