//! Limits of a source: how long is waited, and when a fetch ends.

use super::*;

/// What the first answer is; the next ones are good.
fn first(reply: Reply) -> FetchBench {
    FetchBench::new(HistorySource::Binance, move |target, number| {
        if number == 0 {
            return reply.clone();
        }
        binance(target, 3)
    })
}

#[test]
fn a_source_that_asks_to_wait_is_waited_for() {
    let busy = |status: u16, headers: &str| Reply::of(status, headers, b"busy");
    //     answer, the shortest wait in seconds, the reason
    let table = [
        (busy(429, "retry-after: 7\r\n"), 7, "status 429: busy"),
        (busy(418, "retry-after: 120\r\n"), 120, "status 418: busy"),
        (busy(429, ""), 0, "status 429: busy"),
        (busy(503, "retry-after: 2\r\n"), 2, "status 503: busy"),
        (Reply::Cut(Vec::new()), 0, "no answer from 127.0.0.1"),
    ];
    for (reply, seconds, reason) in table {
        let mut bench = first(reply);
        let done = bench.fetch().unwrap();
        assert_eq!((done.series[0].bars, done.counts.requests), (Some(3), 3));
        let [(wait, found)] = bench.waits.as_slice() else {
            panic!("{:?}", bench.waits);
        };
        assert!(found.contains(reason), "{found}");
        assert!(*wait >= Duration::from_secs(seconds), "{wait:?}");
        assert!(*wait <= Duration::from_secs(seconds + 1), "{wait:?}");
    }
}

#[test]
fn a_wait_that_is_too_long_ends_the_fetch_and_so_does_a_source_that_never_answers() {
    let mut bench = first(Reply::of(418, "retry-after: 7200\r\n", b"banned"));
    let error = bench.fetch().unwrap_err().to_string();
    assert!(
        error.contains("status 418: it asks to wait 7200 s, more than 300 s; run the same command again after that"),
        "{error}"
    );
    assert_eq!(bench.waits, []);
    let mut bench = FetchBench::new(HistorySource::Binance, |_, _| {
        Reply::of(429, "retry-after: 3\r\n", b"")
    });
    let error = bench.fetch().unwrap_err().to_string();
    assert!(error.contains("status 429: , after 6 tries"), "{error}");
    assert_eq!(bench.server.take_targets().len(), 6);
    let waits: Vec<Duration> = bench.waits.iter().map(|(wait, _)| *wait).collect();
    assert_eq!(waits.len(), 5);
    assert!(
        waits.iter().all(|wait| *wait >= Duration::from_secs(3)),
        "{waits:?}"
    );
}

#[test]
fn a_weight_that_is_nearly_used_up_is_waited_out_before_the_next_request() {
    let mut bench = FetchBench::new(HistorySource::Binance, |target, _| {
        let Reply::Whole(bytes) = binance(target, 1_500) else {
            return Reply::Cut(Vec::new());
        };
        let text = String::from_utf8(bytes).unwrap();
        let text = text.replacen("\r\n", "\r\nX-MBX-USED-WEIGHT-1M: 5998\r\n", 1);
        Reply::Whole(text.into_bytes())
    });
    bench.to = "2024-01-10";
    bench.fetch().unwrap();
    let expected = (
        Duration::from_mins(1),
        "the limit of requests is used up".to_owned(),
    );
    // Three answers, and a wait before each but the first.
    assert_eq!(bench.waits, [expected.clone(), expected]);
}

#[test]
fn kraken_says_with_status_200_that_it_is_asked_too_often() {
    let mut bench = FetchBench::new(HistorySource::Kraken, |_, number| {
        if number == 0 {
            return Reply::json(r#"{"error":["EAPI:Rate limit exceeded"]}"#);
        }
        Reply::json(
            r#"{"error":[],"result":{"X":[[1704153600,"1","1","1","1","1","1",1]],"last":1}}"#,
        )
    });
    bench.symbols = vec!["XBTUSD".to_owned()];
    bench.now = "2024-01-02T01:00:00Z";
    assert_eq!(bench.fetch().unwrap().series[0].bars, Some(1));
    assert_eq!(bench.waits.len(), 1);
    assert_eq!(bench.waits[0].0, Duration::from_secs(5));
}
