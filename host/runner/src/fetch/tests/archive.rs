//! Binance's archive: files with their digests, months that are not there, files that are not what they should be.

use super::*;

const DIGITS: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn zip(month: &str) -> Vec<u8> {
    format!("PK\u{3}\u{4}{month}").into_bytes()
}

/// A right answer for each file of these months.
fn archive(target: &str, months: &[&str]) -> Reply {
    let file = target.rsplit('/').next().unwrap();
    let name = file.trim_end_matches(".CHECKSUM");
    let Some(month) = months.iter().find(|month| name.contains(*month)) else {
        return Reply::of(
            404,
            "content-type: application/xml\r\n",
            b"<Error>NoSuchKey</Error>",
        );
    };
    let bytes = zip(month);
    if file.ends_with(".CHECKSUM") {
        let digest = counterfoil_base::digest::Digest::of(&bytes).hex();
        let text = format!("{digest}  {name}\n");
        return Reply::of(
            200,
            "content-type: binary/octet-stream\r\n",
            text.as_bytes(),
        );
    }
    Reply::of(200, "content-type: application/zip\r\n", &bytes)
}

fn bench(answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> FetchBench {
    let mut bench = FetchBench::new(HistorySource::BinanceArchive, answer);
    bench.symbols = vec!["BTCUSDT".to_owned()];
    (bench.from, bench.to) = ("2024-01-15", "2024-04-01");
    bench
}

#[test]
fn each_month_is_fetched_with_its_digest_and_once() {
    let mut bench = bench(|target, _| archive(target, &["2024-01", "2024-02", "2024-03"]));
    let done = bench.fetch().unwrap();
    let targets = bench.server.take_targets();
    let folder = "/data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m";
    assert_eq!(targets.len(), 6);
    assert_eq!(targets[0], format!("{folder}-2024-01.zip.CHECKSUM"));
    assert_eq!(targets[1], format!("{folder}-2024-01.zip"));
    assert_eq!((done.series[0].pages, done.series[0].bars), (3, None));
    for page in &done.index.pages {
        let file = bench
            .folder
            .path()
            .join("raw")
            .join(page.sha256.hex())
            .join("file");
        assert!(std::fs::read(file).unwrap().starts_with(b"PK"));
    }
    assert_eq!(bench.receipts("checksum").len(), 3);
    assert_eq!(bench.fetch().unwrap().index, done.index);
    assert_eq!(bench.server.take_targets(), Vec::<String>::new());
}

#[test]
fn a_file_whose_digest_is_another_is_refused() {
    //     the file whose answer is replaced, the answer, the reason
    let table = [
        (
            ".zip",
            Reply::of(200, "", &zip("2024-09")),
            "and its CHECKSUM file says",
        ),
        (
            ".CHECKSUM",
            Reply::of(
                200,
                "",
                format!("{DIGITS}  BTCUSDT-1m-2024-02.zip").as_bytes(),
            ),
            "its SHA-256 is",
        ),
        (
            ".CHECKSUM",
            Reply::of(
                200,
                "",
                format!("{DIGITS}  BTCUSDT-1m-2024-01.zip").as_bytes(),
            ),
            "it is not the digest of BTCUSDT-1m-2024-02.zip alone",
        ),
        (
            ".CHECKSUM",
            Reply::of(200, "", b"no digest"),
            "it does not begin with a SHA-256 of 64 digits",
        ),
        (
            ".zip",
            Reply::of(200, "content-type: text/html\r\n", b"<html>"),
            "the content type is \"text/html\"",
        ),
    ];
    for (end, reply, expected) in table {
        let mut bench = bench(move |target, _| {
            if target.contains("2024-02") && target.ends_with(end) {
                return reply.clone();
            }
            archive(target, &["2024-01", "2024-02", "2024-03"])
        });
        let error = bench.fetch().unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains("BTCUSDT-1m-2024-02.zip"),
            "{error}"
        );
        assert_eq!(bench.receipts("refused-page").len(), 1, "{error}");
        // January is kept, and nothing of February counts.
        assert_eq!(bench.receipts("page").len(), 1, "{error}");
        bench.server = TestServer::start(Arc::new(|target: &str, _| {
            archive(target, &["2024-01", "2024-02", "2024-03"])
        }));
        assert_eq!(bench.fetch().unwrap().series[0].pages, 3);
    }
}

#[test]
fn a_file_that_is_cut_off_is_fetched_again() {
    let mut bench = bench(|target, number| {
        let months = ["2024-01", "2024-02", "2024-03"];
        match (number, archive(target, &months)) {
            (1, Reply::Whole(bytes)) => Reply::Cut(bytes[..bytes.len() - 2].to_vec()),
            (_, reply) => reply,
        }
    });
    let done = bench.fetch().unwrap();
    assert_eq!((done.counts.requests, done.series[0].pages), (7, 3));
    assert_eq!(bench.waits.len(), 1);
}

#[test]
fn months_that_are_not_there_are_named() {
    let mut bench = bench(|target, _| archive(target, &["2024-02"]));
    let done = bench.fetch().unwrap();
    assert_eq!(done.series[0].missing_before, ["2024-01"]);
    assert_eq!(done.series[0].missing_later, ["2024-03"]);
    let mut bench = self::bench(|target, _| archive(target, &[]));
    let error = bench.fetch().unwrap_err().to_string();
    assert!(
        error.starts_with("binance-archive has no closed bars of BTCUSDT"),
        "{error}"
    );
    assert_eq!(bench.receipts("refused-page").len(), 0);
}

#[test]
fn a_month_that_is_not_over_is_refused_before_the_first_request() {
    let mut bench = bench(|target, _| archive(target, &["2024-01", "2024-02", "2024-03"]));
    //     now, end of the range, the error
    let table = [
        ("2024-03-31T23:59:59Z", "2024-04-01", Some("2024-03")),
        ("2024-04-01T00:00:01Z", "2024-04-01", Some("2024-03")),
        ("2024-04-01T00:00:02Z", "2024-04-01", None),
        (
            "2024-04-01T00:00:02Z",
            "2024-04-01T00:00:01Z",
            Some("2024-04"),
        ),
    ];
    for (now, to, month) in table {
        (bench.now, bench.to) = (now, to);
        let done = bench.fetch().map_err(|error| error.to_string());
        match month {
            None => {
                assert_eq!(done.unwrap().series[0].pages, 3);
                bench.server.take_targets();
            }
            Some(month) => {
                let expected = format!(
                    "the archive has a month only when it is over, and {month} is not: use --to {month}-01, and \
                     fetch the rest with the source binance"
                );
                assert_eq!(done.unwrap_err(), expected);
                assert_eq!(bench.server.take_targets(), Vec::<String>::new());
            }
        }
    }
}
