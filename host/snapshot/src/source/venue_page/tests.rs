//! Pages as the venues' documents have them, and pages that are not.

use super::*;

const MINUTE: &str = "1m";

fn read(format: PageFormat, timeframe: &str, body: &str) -> Result<VenuePage, PageError> {
    let subject = PageSubject {
        format,
        symbol: "SPY",
        timeframe: timeframe.parse().unwrap(),
    };
    read_page(subject, body.as_bytes())
}

/// The rows of a page, one a line, or its error.
#[track_caller]
fn check(format: PageFormat, timeframe: &str, body: &str, expected: &str) {
    let found = match read(format, timeframe, body) {
        Ok(page) => {
            let rows = page.rows.iter().map(|row| row.fields.join(" "));
            rows.chain(page.next.map(|next| format!("next {next}")))
                .collect::<Vec<_>>()
                .join("\n")
        }
        Err(error) => error.to_string(),
    };
    assert_eq!(found, expected, "{body}");
}

#[test]
fn a_kline_is_a_row_whose_numbers_are_the_venues_text() {
    let row = r#"[1601510340000,"4.15070000","4.15870000","4.15060000","4.15540000","539.23000000",1601510399999,
        "2240.39860900",13,"401.82000000","1669.98121300","0"]"#;
    check(
        PageFormat::BinanceKlines,
        MINUTE,
        &format!("[{row}]"),
        "2020-09-30T23:59:00Z 4.15070000 4.15870000 4.15060000 4.15540000 539.23000000",
    );
    check(PageFormat::BinanceKlines, MINUTE, "[]", "");
}

#[test]
fn a_page_that_is_not_klines_is_refused_by_row_and_reason() {
    let check = |body: &str, expected: &str| {
        check(PageFormat::BinanceKlines, MINUTE, body, expected);
    };
    check(
        r#"{"code":-1121,"msg":"Invalid symbol."}"#,
        "not a JSON array of klines: invalid type: map, expected a sequence at line 1 column 0",
    );
    check(
        "[[1,",
        "not a JSON array of klines: EOF while parsing a value at line 1 column 4",
    );
    check("[7]", "row 1: not an array");
    check(
        r#"[[0,"1","1","1","1"]]"#,
        "row 1: 5 values, and value 5 is needed",
    );
    check(
        r#"[["x","1","1","1","1","1",59999]]"#,
        "row 1: the time \"x\" is not a whole number",
    );
    check(
        r#"[[9223372036854775807,"1","1","1","1","1",59999]]"#,
        "row 1: the time 9223372036854775807 is too far from 1970",
    );
    check(
        r#"[[0,"1","1","1","1","1",119999]]"#,
        "row 1: its close time does not end the interval that was asked for",
    );
    check(
        r#"[[0,"1\u0031","1","1","1","1",59999]]"#,
        "row 1: \"1\\u0031\" has an escape sequence",
    );
    check(
        r#"[[0,{},"1","1","1","1",59999]]"#,
        "row 1: {} is not a value",
    );
}

#[test]
fn alpacas_minute_is_a_time_and_its_day_a_date_of_new_york() {
    let bar = |time: &str| {
        format!(
            r#"{{"bars":{{"SPY":[{{"t":"{time}","o":388.985,"h":389.13,"l":388.975,"c":389.12,"v":49378,"n":461,"vw":389.06}}]}},
            "next_page_token":"U1BZ"}}"#
        )
    };
    let values = "388.985 389.13 388.975 389.12 49378\nnext U1BZ";
    let check = |timeframe: &str, time: &str, expected: &str| {
        check(PageFormat::AlpacaBars, timeframe, &bar(time), expected);
    };
    let minute = "2021-02-22T19:15:00Z";
    check("1m", minute, &format!("{minute} {values}"));
    // Winter and summer time.
    check(
        "1d",
        "2021-02-22T05:00:00Z",
        &format!("2021-02-22 {values}"),
    );
    check(
        "1d",
        "2021-07-01T04:00:00Z",
        &format!("2021-07-01 {values}"),
    );
    check(
        "1d",
        "2021-07-01T05:00:00Z",
        "row 1: t: 2021-07-01T05:00:00Z is not midnight in America/New_York",
    );
    check("1m", "noon", "row 1: t: \"noon\" is not an RFC 3339 time");
}

#[test]
fn a_day_is_closed_only_when_the_longest_day_is_over() {
    let body = r#"{"bars":{"SPY":[{"t":"2021-02-22T05:00:00Z","o":1,"h":1,"l":1,"c":1,"v":1}]}}"#;
    let page = read(PageFormat::AlpacaBars, "1d", body).unwrap();
    let row = page.rows.first().unwrap();
    assert_eq!(row.close_time.0 - row.open_time.0, 25 * 3_600_000_000_000);
}

#[test]
fn an_empty_page_of_alpacas_is_empty_and_another_symbols_is_refused() {
    let check = |body: &str, expected: &str| check(PageFormat::AlpacaBars, MINUTE, body, expected);
    check(r#"{"bars":null,"next_page_token":null}"#, "");
    check(r#"{"bars":{"SPY":null},"next_page_token":""}"#, "");
    check(
        r#"{"bars":{"SPY":[],"QQQ":[]},"next_page_token":null}"#,
        "it has bars of QQQ, and SPY was asked for",
    );
    check(
        r#"{"bars":{"SPY":[{"t":"2021-02-22T19:15:00Z","o":1}]}}"#,
        "row 1: missing field `h` at line 1 column 34",
    );
}

#[test]
fn krakens_pair_has_a_name_of_its_own_and_its_errors_are_named() {
    let check = |body: &str, expected: &str| check(PageFormat::KrakenOhlc, MINUTE, body, expected);
    check(
        r#"{"error":[],"result":{"XXBTZUSD":[[1688671200,"30306.1","30306.2","30305.7","30305.7","30306.1",
        "3.39243896",23]],"last":1688672160}}"#,
        "2023-07-06T19:20:00Z 30306.1 30306.2 30305.7 30305.7 3.39243896",
    );
    check(
        r#"{"error":["EQuery:Unknown asset pair"]}"#,
        "the venue answers EQuery:Unknown asset pair",
    );
    check(
        r#"{"error":[],"result":{"last":1}}"#,
        "not the bars of one pair: there are 0",
    );
    check(
        r#"{"error":[],"result":{"A":[],"B":[],"last":1}}"#,
        "not the bars of one pair: there are 2",
    );
}
