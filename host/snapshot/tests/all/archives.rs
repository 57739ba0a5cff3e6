//! Tables in ZIP archives: each is read as it would be alone, and an archive that cannot be trusted is refused.

use std::io::{Cursor, Write as _};

use counterfoil_snapshot::layers::fetch_index::{FETCH_FORMAT, FetchIndex, FetchIndexPage};
use counterfoil_snapshot::layers::fetched::{FetchedArrival, FetchedRole, FetchedState};
use counterfoil_snapshot::source::options::{IngestLimits, IngestOptions};
use counterfoil_snapshot::source::venue_page::PageFormat;
use counterfoil_trading::time::UnixNanos;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::formats::options_of;
use crate::test_store::{TestStore, chain_text};
use crate::vendor_files::bars;

const FIRST: &str = "Date,Open,High,Low,Close,Volume\n2024-01-02,1,3,1,2,9\n";
const SECOND: &str = "Date,Open,High,Low,Close,Volume\n2024-01-03,2,4,2,3,8\n";
const BARS: [&str; 2] = ["2024-01-02 1 3 1 2 9", "2024-01-03 2 4 2 3 8"];

/// An archive of files, by name.
fn archive(files: &[(&str, &str)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(*name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn daily_a() -> IngestOptions {
    options_of("", ["A", "1d", ""])
}

/// Bars and the notes of what was read, or the error.
fn outcome(bytes: &[u8], options: &IngestOptions) -> String {
    let data = TestStore::new();
    match data.ingest(bytes, options) {
        Ok(done) => {
            let notes = done.report.notes.iter();
            let notes: Vec<&str> = notes.map(|note| note.message.as_str()).collect();
            let bad = done.report.examples.iter();
            let bad: Vec<String> = bad
                .map(|row| format!("{}: {}", row.line, row.message))
                .collect();
            format!(
                "{} {} {}",
                bars(&data, &done).join("|"),
                notes.join("|"),
                bad.join("|")
            )
        }
        Err(error) => chain_text(&error),
    }
}

#[track_caller]
fn check(files: &[(&str, &str)], options: &IngestOptions, expect: &str) {
    for method in [CompressionMethod::Deflated, CompressionMethod::Stored] {
        let got = outcome(&archive(files, method), options);
        assert!(got.contains(expect), "{method:?}: {got}");
    }
}

#[test]
fn the_tables_of_an_archive_are_read_as_one_file() {
    let both = BARS.join("|");
    check(&[("a.csv", FIRST)], &daily_a(), BARS[0]);
    // Whatever their sequence in the archive, and wherever their names would lead.
    check(
        &[("b.csv", SECOND), ("../../etc/a.csv", FIRST)],
        &daily_a(),
        &format!(
            "{both} 2 files of the archive were read, one after the other, with lines counted on: ../../etc/a.csv, b.csv"
        ),
    );
    check(
        &[
            ("report.txt", "gaps: none"),
            ("__MACOSX/._a.csv", "x"),
            ("a.csv", FIRST),
        ],
        &daily_a(),
        &format!(
            "{} 1 file of the archive was read: a.csv; not read: __MACOSX/._a.csv, report.txt",
            BARS[0]
        ),
    );
    check(&[("prices.bin", FIRST)], &daily_a(), BARS[0]);
    let one = IngestOptions {
        member: Some("b.csv".to_owned()),
        ..daily_a()
    };
    check(&[("x/a.csv", FIRST), ("x/b.csv", SECOND)], &one, BARS[1]);
    // Lines are counted on: the third of the second file is the fifth.
    let bad = format!("{SECOND}2024-01-04,2,4,2,x,8\n");
    check(
        &[("a.csv", FIRST), ("b.csv", &bad)],
        &daily_a(),
        "5: column close: \"x\" is not a decimal number",
    );
    // Each table has its footer.
    let total = |table: &str| format!("{table}Total,,,,,9\n");
    let footers = IngestOptions {
        skip_footer: Some(1),
        ..daily_a()
    };
    let footer = "the last line, which is stated to be a footer";
    check(
        &[("a.csv", &total(FIRST)), ("b.csv", &total(SECOND))],
        &footers,
        &format!("3: {footer}|6: {footer}"),
    );
}

#[test]
fn an_archive_that_cannot_be_read_is_refused_by_name() {
    check(&[], &daily_a(), "f.csv: has no files");
    check(
        &[("a.pdf", "x"), ("b.doc", "y")],
        &daily_a(),
        "f.csv: has no table (.csv, .tsv, .txt): it has a.pdf, b.doc; state the one to read with --member",
    );
    let missing = IngestOptions {
        member: Some("c.csv".to_owned()),
        ..daily_a()
    };
    check(
        &[("a.csv", FIRST)],
        &missing,
        "f.csv: has no file \"c.csv\"; it has a.csv",
    );
    check(
        &[("a.csv", FIRST), ("b.csv", "Date,Open,High,Low,Close\n")],
        &daily_a(),
        "f.csv: b.csv in it has other columns than a.csv: Date, Open, High, Low, Close; ingest them one by one with --member",
    );
    let mut bytes = archive(&[("a.csv", FIRST)], CompressionMethod::Stored);
    let whole = bytes.clone();
    // The bit of an encrypted member, in its own header and in the directory.
    let directory = bytes
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .unwrap();
    bytes[6] |= 1;
    bytes[directory + 8] |= 1;
    let got = outcome(&bytes, &daily_a());
    assert!(
        got.contains(
            "f.csv: a.csv in it is encrypted; unpack the archive and ingest the file itself"
        ),
        "{got}"
    );
    // One changed digit of a price, which only the checksum shows.
    let mut bytes = whole.clone();
    let place = bytes.windows(4).position(|four| four == b"1,3,").unwrap();
    bytes[place + 2] = b'4';
    let got = outcome(&bytes, &daily_a());
    assert!(got.contains("does not match its checksum"), "{got}");
    // More bytes than the directory states.
    let mut bytes = whole.clone();
    bytes[directory + 24] -= 1;
    let got = outcome(&bytes, &daily_a());
    assert!(got.contains("larger than the archive states"), "{got}");
    for length in [10, directory, whole.len() - 1] {
        let got = outcome(&whole[..length], &daily_a());
        assert!(
            got.contains("f.csv: cannot be read as ZIP"),
            "{length}: {got}"
        );
    }
}

#[test]
fn a_member_that_is_made_to_exhaust_its_reader_is_refused() {
    let rows = format!("{FIRST}{}", "2024-01-02,1,3,1,2,9\n".repeat(60));
    let mut bytes = archive(&[("a.csv", &rows)], CompressionMethod::Deflated);
    let small = IngestOptions {
        limits: IngestLimits {
            bytes_max: 1_000,
            ..IngestLimits::default()
        },
        ..daily_a()
    };
    let got = outcome(&bytes, &small);
    assert!(got.contains("in it would be 1313 bytes, from "), "{got}");
    // A size of 256 MiB in the directory: no table is packed so well.
    let directory = bytes
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .unwrap();
    bytes[directory + 24..directory + 28].copy_from_slice(&0x1000_0000_u32.to_le_bytes());
    let got = outcome(&bytes, &daily_a());
    assert!(
        got.contains("in it would be 268435456 bytes, from "),
        "{got}"
    );
}

fn hour(text: &str) -> UnixNanos {
    let time: jiff::Timestamp = text.parse().unwrap();
    UnixNanos(i64::try_from(time.as_nanosecond()).unwrap())
}

/// A row of an hour, with times in units of so many nanoseconds.
fn kline(open: &str, unit: i64, price: u32) -> String {
    let open = hour(open).0 / unit;
    let last = open + 3_600_000_000_000 / unit - 1;
    format!("{open},{price},{price},{price},{price},5.00,{last},1,2,3,4,0\n")
}

/// The ZIP files of a fetch had to be ingested one by one.
#[test]
fn the_files_of_binances_archive_are_the_bars_of_their_fetch() {
    let data = TestStore::new();
    // Milliseconds until 2024, microseconds since.
    let millis =
        kline("2024-12-31T22:00:00Z", 1_000_000, 1) + &kline("2024-12-31T23:00:00Z", 1_000_000, 2);
    let micros = format!(
        "open_time,open,high,low,close,volume,close_time,a,b,c,d,e\n{}{}",
        kline("2025-01-01T00:00:00Z", 1_000, 3),
        kline("2025-01-01T01:00:00Z", 1_000, 4)
    );
    let index = |files: &[&str]| {
        let page = |text: &&str| {
            let bytes = archive(&[("BTCUSDT-1h.csv", text)], CompressionMethod::Deflated);
            let url = format!("https://data.example/{}.zip", text.len());
            let arrival = FetchedArrival {
                at: UnixNanos(0),
                url: &url,
                status: 200,
                vendor: "binance-archive",
                role: FetchedRole::Page,
                state: FetchedState::Final,
            };
            FetchIndexPage {
                closed_to: hour("2026-01-01T00:00:00Z"),
                page_format: PageFormat::BinanceArchive,
                sha256: data.store.keep_fetched(&arrival, &bytes).unwrap(),
                symbol: "BTCUSDT".to_owned(),
                url,
            }
        };
        let index = FetchIndex {
            format: FETCH_FORMAT.to_owned(),
            from: hour("2024-12-31T23:00:00Z"),
            to: hour("2025-01-01T01:00:00Z"),
            source: "binance-archive".to_owned(),
            timeframe: "1h".parse().unwrap(),
            pages: files.iter().map(page).collect(),
        };
        index.canonical().unwrap()
    };
    let options = IngestOptions {
        timeframe: Some("1h".parse().unwrap()),
        ..IngestOptions::default()
    };
    // From and to cut the months.
    let done = data.ingest(&index(&[&millis, &micros]), &options).unwrap();
    assert_eq!(
        bars(&data, &done),
        ["2024-12-31T23:00:00Z 2 2 2 2 5", "2025-01-01 3 3 3 3 5"]
    );
    let other_length = index(&["1735689600000,1,1,1,1,5,1735689659999,1,2,3,4,0\n"]);
    let error = chain_text(&data.ingest(&other_length, &options).unwrap_err());
    assert!(
        error.contains("cannot be read as a file of klines: line 1: its close time"),
        "{error}"
    );
    let short = index(&["1735689600000,1,1\n"]);
    let error = chain_text(&data.ingest(&short, &options).unwrap_err());
    assert!(
        error.contains("line 1: 3 fields, and at least 7 are needed"),
        "{error}"
    );
}
