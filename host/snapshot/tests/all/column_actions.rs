//! Splits and dividends in columns of the bars' files: they become corporate actions if the prices are as traded,
//! and contradictions are refused.

use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::quality::actions::format_actions;
use counterfoil_snapshot::source::choices::PriceAdjustment;
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};

use crate::formats::options_of;
use crate::test_store::{TestStore, chain_text};
use crate::vendor_files::bars;

const TIINGO: &str = "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor\n\
    2020-08-06,455.61,457.65,439.19,441.62,50607225,112.2,112.7,108.2,108.8,202428900,0.0,1.0\n\
    2020-08-07,444.45,454.7,441.17,452.82,49511403,109.6,112.2,108.8,111.7,198045612,0.82,1.0\n\
    2020-08-28,499.23,505.77,498.31,504.05,46907479,123.2,124.8,122.9,124.3,187629916,0.0,1.0\n\
    2020-08-31,129.04,131.0,126.0,127.58,225702688,127.3,129.3,124.3,125.9,225702688,0.0,4.0\n";

const YFINANCE: &str = "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n\
    2020-08-07 00:00:00-04:00,110.5,111.1,107.7,108.6,198045600,0.205,0.0\n\
    2020-08-31 00:00:00-04:00,124.5,127.8,122.9,125.9,225702700,0.0,4.0\n";

/// The actions of a snapshot, as a file of actions has them, or the error.
fn actions(data: &TestStore, csv: &str, options: &IngestOptions) -> String {
    match data.ingest(csv.as_bytes(), options) {
        Ok(done) => actions_of(data, &done),
        Err(error) => chain_text(&error),
    }
}

fn actions_of(data: &TestStore, done: &IngestOutcome) -> String {
    let Some(list) = &done.manifest.actions else {
        return "none".to_owned();
    };
    let folder = format!(
        "snapshots/{}",
        done.id.to_string().trim_start_matches("sha256:")
    );
    let path = data.directory.path().join(folder).join(&list.file);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).collect::<Vec<_>>().join("|")
}

fn with_actions(lines: &str, options: IngestOptions) -> IngestOptions {
    IngestOptions {
        actions: Some(SideFile {
            name: "actions.csv".to_owned(),
            bytes: format!("{}{lines}", format_actions(&[])).into_bytes(),
        }),
        ..options
    }
}

#[test]
fn columns_of_prices_as_traded_become_actions() {
    let data = TestStore::new();
    let tiingo = || options_of("tiingo", ["AAPL", "1d", ""]);
    let expect = "AAPL,2020-08-07,dividend,0.82|AAPL,2020-08-31,split,4:1";
    assert_eq!(actions(&data, TIINGO, &tiingo()), expect);
    // The same actions again, and one that no column has.
    let stated =
        "AAPL,2020-08-07,dividend,0.82\nAAPL,2020-08-31,split,4:1\nAAPL,2020-09-01,delisting,1\n";
    let got = actions(&data, TIINGO, &with_actions(stated, tiingo()));
    assert_eq!(got, format!("{expect}|AAPL,2020-09-01,delisting,1.00"));
    // A column has one sum where two dividends were paid.
    let stated = "AAPL,2020-08-07,dividend,0.32\nAAPL,2020-08-07,special-dividend,0.50\n";
    let got = actions(&data, TIINGO, &with_actions(stated, tiingo()));
    assert_eq!(
        got,
        "AAPL,2020-08-07,dividend,0.32|AAPL,2020-08-07,special-dividend,0.50|AAPL,2020-08-31,split,4:1"
    );
    for (stated, expect) in [
        (
            "AAPL,2020-08-31,split,2:1\n",
            "AAPL, 2020-08-31: the bars' file has AAPL,2020-08-31,split,4:1, and the file of actions has \
             AAPL,2020-08-31,split,2:1; correct one of them",
        ),
        (
            "AAPL,2020-08-07,dividend,0.83\n",
            "has AAPL,2020-08-07,dividend,0.83",
        ),
    ] {
        let got = actions(&data, TIINGO, &with_actions(stated, tiingo()));
        assert!(got.contains(expect), "{got}");
    }
    // A snapshot that is found again has them too.
    assert_eq!(actions(&data, TIINGO, &tiingo()), expect);
}

#[test]
fn prices_that_are_adjusted_are_not_adjusted_again() {
    let data = TestStore::new();
    let stated = |adjusted: Option<PriceAdjustment>| IngestOptions {
        adjusted,
        ..options_of("", ["AAPL", "1d", ""])
    };
    let got = actions(&data, YFINANCE, &stated(None));
    assert!(
        got.contains("f.csv, line 2: the file has splits or dividends: state whether its prices are adjusted for them with --adjusted none (as traded), splits, or all"),
        "{got}"
    );
    // New York's midnight is the trading date, of the dividend as of the bar.
    let dividend = "AAPL,2020-08-07,dividend,0.205";
    for (adjusted, expect) in [
        (PriceAdjustment::All, "none".to_owned()),
        (PriceAdjustment::Splits, dividend.to_owned()),
        (
            PriceAdjustment::None,
            format!("{dividend}|AAPL,2020-08-31,split,4:1"),
        ),
    ] {
        assert_eq!(actions(&data, YFINANCE, &stated(Some(adjusted))), expect);
    }
    let format = options_of("yfinance", ["AAPL", "1d", ""]);
    let done = data.ingest(YFINANCE.as_bytes(), &format).unwrap();
    assert_eq!(
        done.report.notes[0].message,
        "splits and dividends of 2 rows were not used: the prices are adjusted for them"
    );
    // With auto_adjust=False there is a column of adjusted closes.
    let unadjusted = YFINANCE
        .replace(",Close,", ",Close,Adj Close,")
        .replace(",198045600", ",107.1,198045600");
    let unadjusted = unadjusted.replace(",225702700", ",125.9,225702700");
    let got = actions(&data, &unadjusted, &format);
    assert!(
        got.contains(
            "f.csv has a column \"Adj Close\", so its other prices are not adjusted for dividends"
        ),
        "{got}"
    );
    let format = options_of("yfinance-unadjusted", ["AAPL", "1d", ""]);
    assert_eq!(actions(&data, &unadjusted, &format), dividend);
    // A file whose columns have no action needs no statement.
    let none = YFINANCE.replace("0.205", "0.0").replace(",4.0", ",0.0");
    assert_eq!(actions(&data, &none, &stated(None)), "none");
}

#[test]
fn a_wide_file_is_read_as_rows_of_its_instruments() {
    let data = TestStore::new();
    let format = options_of("", ["", "1d", ""]);
    let wide = "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\n\
        Ticker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT\n\
        Date,,,,,,,,,,\n\
        2024-01-02,185.64,370.87,188.44,375.9,183.89,366.77,187.15,373.86,82488700,25258600\n\
        2024-01-03,184.25,,185.88,,183.43,,184.22,,58414500.0,\n";
    let done = data.ingest(wide.as_bytes(), &format).unwrap();
    let expect = [
        "2024-01-02 187.15 188.44 183.89 185.64 82488700",
        "2024-01-02 373.86 375.90 366.77 370.87 25258600",
        "2024-01-03 184.22 185.88 183.43 184.25 58414500",
    ];
    assert_eq!(bars(&data, &done), expect);
    assert_eq!(done.report.quarantined, 0);
    // With group_by="ticker", without a name of the index, and with names that pandas gives no level.
    let by_ticker = "Ticker,MSFT,MSFT,MSFT,MSFT,MSFT\nPrice,Open,High,Low,Close,Volume\n\
        Date,,,,,\n2024-01-02,373.86,375.9,366.77,370.87,25258600\n";
    let unnamed = ",Open,High,Low,Close,Volume\n,MSFT,MSFT,MSFT,MSFT,MSFT\n\
        2024-01-02,373.86,375.9,366.77,370.87,25258600\n";
    for csv in [by_ticker, unnamed] {
        let done = data.ingest(csv.as_bytes(), &format).unwrap();
        assert_eq!(bars(&data, &done), expect[1..2]);
    }
    // pandas' plain index is no level of names.
    let flat =
        ",date,open,high,low,close,volume\n0,2024-01-02,373.86,375.9,366.77,370.87,25258600\n";
    let done = data
        .ingest(flat.as_bytes(), &options_of("", ["MSFT", "1d", ""]))
        .unwrap();
    assert_eq!(bars(&data, &done), expect[1..2]);
    let short = wide.replace(",58414500.0,", "");
    let done = data.ingest(short.as_bytes(), &format).unwrap();
    assert_eq!(
        done.report.examples[0].message,
        "9 fields, the header has 11; if the file ends with a footer, state --skip-footer 1"
    );
    // Dividends of several instruments side by side; pandas fills those of a date without a bar with 0.
    let actions_wide = "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume,Dividends,Dividends\n\
        Ticker,A,B,A,B,A,B,A,B,A,B,A,B\nDate,,,,,,,,,,,,\n\
        2024-01-02,2,,3,,1,,1,,9,,0.5,0.0\n";
    let stated = IngestOptions {
        adjusted: Some(PriceAdjustment::Splits),
        ..format
    };
    let got = actions(&data, actions_wide, &stated);
    assert_eq!(got, "A,2024-01-02,dividend,0.50");
}
