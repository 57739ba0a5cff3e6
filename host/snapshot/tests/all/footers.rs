//! What vendors write behind the last row: totals, sources, copyrights. A footer kept `data report` at 1 for ever.

use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::quality::findings::Severity;
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};

use crate::test_store::{TestStore, chain_text, daily};

const ROWS: &str = "symbol,time,open,high,low,close,volume\n\
    A,2003-01-02,9,9,9,9,100\n\
    A,2003-01-03,9,9,9,9,bad\n\
    A,2003-01-06,9,9,9,9,200\n";
const FOOTER: &str = "Total,,,,,,300\n\nSource: Acme, Inc.\n";

fn with_footer(lines: u64) -> IngestOptions {
    IngestOptions {
        skip_footer: Some(lines),
        ..daily()
    }
}

/// Bars, open errors, and each quarantined line as `line reason: message`.
fn outcome(csv: &str, options: &IngestOptions) -> String {
    let data = TestStore::new();
    match data.ingest(csv.as_bytes(), options) {
        Ok(done) => {
            data.store.load(&done.id).unwrap().verify_all().unwrap();
            text_of(&done)
        }
        Err(error) => chain_text(&error),
    }
}

fn text_of(done: &IngestOutcome) -> String {
    let report = &done.report;
    let rows = report.examples.iter();
    let rows = rows.map(|row| format!("{} {}: {}", row.line, row.reason, row.message));
    let open = report.findings.open(Severity::Error);
    let counts = format!("{} bars, {open} errors", report.bars);
    [counts]
        .into_iter()
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn lines_behind_the_last_row_name_the_flag() {
    assert_eq!(
        outcome(&format!("{ROWS}{FOOTER}"), &daily()),
        "2 bars, 3 errors\n\
         3 number: column volume: \"bad\" is not a decimal number\n\
         5 time: column time: \"\" is not a time: YYYY-MM-DD, ISO 8601 such as 2003-01-02T09:30:00Z, or a number since \
         1970; another form is stated in a mapping as time.format; if the file ends with a footer, state \
         --skip-footer 3\n\
         7 fields: 2 fields, the header has 7; if the file ends with a footer, state --skip-footer 3"
    );
    // A last row with a wrong number is a row.
    let last = outcome(&format!("{ROWS}A,2003-01-07,9,9,9,9,bad\n"), &daily());
    assert!(!last.contains("footer"), "{last}");
    let none = outcome("symbol,time,open,high,low,close,volume\nTotal\n", &daily());
    assert!(!none.contains("footer"), "{none}");
}

#[test]
fn a_stated_footer_is_kept_apart_and_no_error() {
    let expect = "2 bars, 1 errors\n\
         3 number: column volume: \"bad\" is not a decimal number\n\
         5 footer: one of the last 3 lines, which are stated to be a footer\n\
         7 footer: one of the last 3 lines, which are stated to be a footer";
    let file = format!("{ROWS}{FOOTER}");
    assert_eq!(outcome(&file, &with_footer(3)), expect);
    let by_mapping = IngestOptions {
        mapping: Some(SideFile {
            name: "m.json".to_owned(),
            bytes: br#"{"skip_footer": 3}"#.to_vec(),
        }),
        ..daily()
    };
    assert_eq!(outcome(&file, &by_mapping), expect);
    // Stated for a file that has none, it shows which row is missing.
    assert_eq!(
        outcome(ROWS, &with_footer(1)),
        "1 bars, 1 errors\n\
         3 number: column volume: \"bad\" is not a decimal number\n\
         4 footer: the last line, which is stated to be a footer"
    );
    // Fewer than there are: the others have all lines in their hint.
    let fewer = outcome(&file, &with_footer(1));
    assert!(
        fewer.contains("5 time:") && fewer.contains("--skip-footer 3"),
        "{fewer}"
    );
    let data = TestStore::new();
    let done = data.ingest(file.as_bytes(), &with_footer(3)).unwrap();
    let found = done.report.findings.rules.get("footer").unwrap();
    assert_eq!((found.count, found.severity), (2, Severity::Note));
}

#[test]
fn a_footer_has_a_bound_and_is_no_header() {
    assert_eq!(
        outcome(ROWS, &with_footer(4)),
        "f.csv, line 1: no header: the file ends within the 4 lines of its footer; the first line must name the columns, \
         such as time,open,high,low,close,volume"
    );
    assert!(outcome(ROWS, &with_footer(3)).contains("none of its 3 rows is a valid bar"));
    assert!(outcome(ROWS, &with_footer(101)).contains("a footer has at most 100 lines, not 101"));
    let mapping = IngestOptions {
        mapping: Some(SideFile {
            name: "m.json".to_owned(),
            bytes: br#"{"skip_footer": 101}"#.to_vec(),
        }),
        ..daily()
    };
    assert!(outcome(ROWS, &mapping).starts_with("m.json, line 1: "));
    // Instruments side by side.
    let wide = "Price,Close,High,Low,Open,Volume\nTicker,A,A,A,A,A\nDate,,,,,\n2003-01-02,9,9,9,9,5\nTotal,9,9,9,9,5\n";
    let hint = outcome(wide, &daily());
    assert!(
        hint.contains("5 time: ") && hint.contains("--skip-footer 1"),
        "{hint}"
    );
    assert_eq!(
        outcome(wide, &with_footer(1)),
        "1 bars, 0 errors\n5 footer: the last line, which is stated to be a footer"
    );
}
