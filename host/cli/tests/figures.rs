//! Figures, tables and outcomes of runs as the program prints them.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use core::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A data and a key directory, and a snapshot in it.
struct Desk {
    place: TempDir,
    snapshot: String,
}

impl Desk {
    /// A desk with daily bars of one share on weekdays, closing in a long zigzag.
    fn new() -> Self {
        let wave = [0, 3, 6, 9, 12, 15, 12, 9, 6, 3];
        let mut rows = String::new();
        for day in 0_u32..240 {
            let (year, month, of_month) = (2001 + day / 120, day / 10 % 12 + 1, day % 10 + 1);
            let close = 100 + wave[usize::try_from(day / 3 % 10).unwrap()];
            let (high, low) = (close + 1, close - 1);
            let date = format!("{year}-{month:02}-{of_month:02}");
            writeln!(rows, "{date},{close},{high},{low},{close},100000").unwrap();
        }
        Self::with_rows(&rows)
    }

    fn with_rows(rows: &str) -> Self {
        Self::with_actions(rows, "")
    }

    /// A desk with these bars and corporate actions.
    fn with_actions(rows: &str, actions: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut desk = Self {
            place,
            snapshot: String::new(),
        };
        let file = desk.place.path().join("ABC.csv");
        let text = format!("date,open,high,low,close,volume\n{rows}");
        std::fs::write(&file, text).unwrap();
        let file = file.display().to_string();
        let beside = desk.place.path().join("actions.csv");
        let text = format!("instrument,ex_date,action,value\n{actions}");
        std::fs::write(&beside, text).unwrap();
        let beside = beside.display().to_string();
        let flags = ["--symbol", "ABC", "--timeframe", "1d", "--actions", &beside];
        let made = desk.json(0, &[&["data", "ingest", &file], flags.as_slice()].concat());
        made["snapshot"]
            .as_str()
            .unwrap()
            .clone_into(&mut desk.snapshot);
        desk
    }

    /// A desk with the bars of a file that names its instruments.
    fn with_file(text: &str, flags: &[&str]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut desk = Self {
            place,
            snapshot: String::new(),
        };
        let file = desk.place.path().join("bars.csv");
        std::fs::write(&file, text).unwrap();
        let file = file.display().to_string();
        let made = desk.json(0, &[&["data", "ingest", &file], flags].concat());
        made["snapshot"]
            .as_str()
            .unwrap()
            .clone_into(&mut desk.snapshot);
        desk
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_counterfoil"))
            .args(arguments)
            .env("COUNTERFOIL_DATA_DIR", self.place.path().join("data"))
            .env("COUNTERFOIL_KEY_DIR", self.place.path().join("keys"))
            .current_dir(self.place.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What the program prints, once its exit code is the expected one.
    #[track_caller]
    fn text(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let text = self.text(code, &[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// The arguments of a command that runs an example strategy.
    fn terms(&self, example: &str, more: &[&str]) -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk-examples/components");
        let component = root.join(example).with_extension("wasm");
        let component = component.display().to_string();
        let flags = ["--component", &component, "--snapshot", &self.snapshot];
        let risk = ["--risk", "research"];
        let all = flags.iter().chain(&risk).chain(more);
        all.map(ToString::to_string).collect()
    }

    fn cross(&self) -> Vec<String> {
        let params = ["quantity=100", "fast=5", "slow=12"];
        let more = params.map(|param| ["--param", param]).concat();
        self.terms("moving-average-cross", &more)
    }
}

fn with<'a>(command: &[&'a str], terms: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let terms = terms.iter().map(String::as_str);
    command
        .iter()
        .copied()
        .chain(terms)
        .chain(more.iter().copied())
        .collect()
}

/// A sweep once showed a run that a fault ended on bar 30 with a Sharpe ratio of 2.19, and "0 failed" below it.
#[test]
fn a_faulted_run_has_a_cause_and_no_figures_in_any_table() {
    let desk = Desk::new();
    let terms = desk.cross();
    // The least that a manifest may give: not enough for this strategy's first bar with averages.
    let varied = [
        "--vary",
        "limits.fuel-per-callback=1000,1000000",
        "--vary",
        "limits.fuel-per-bar=0",
    ];

    let swept = desk.json(1, &with(&["sweep"], &terms, &varied));
    let faulted = &swept["rows"][0];
    assert_eq!(faulted["ended"], "fault");
    for name in ["profit", "sharpe", "annual-return", "final-equity"] {
        assert!(faulted[name].is_null(), "{name}: {faulted}");
    }
    let cause = faulted["cause"].as_str().unwrap();
    assert!(cause.starts_with("out-of-fuel in on-bar"), "{cause}");
    assert!(swept["rows"][1]["cause"].is_null());
    assert!(swept["rows"][1]["sharpe"].is_number());

    let printed = desk.text(1, &with(&["sweep"], &terms, &varied));
    let row = printed
        .lines()
        .find(|line| line.contains("fault "))
        .unwrap();
    assert!(row.contains("out-of-fuel in on-bar"), "{printed}");
    let last = "1 ended early by a fault or a stop and 0 failed; these have no figures";
    assert!(printed.contains(last), "{printed}");
    let id = swept["sweep"]
        .as_str()
        .unwrap()
        .trim_start_matches("sha256:");
    let table = desk
        .place
        .path()
        .join("data/sweeps")
        .join(id)
        .join("table.csv");
    let table = std::fs::read_to_string(table).unwrap();
    assert!(
        table
            .lines()
            .nth(1)
            .unwrap()
            .contains("out-of-fuel in on-bar"),
        "{table}"
    );

    // A run that ended early is not resampled.
    let faulted = faulted["run"].as_str().unwrap();
    for more in [&[] as &[&str], &["--bars", "--samples", "2"]] {
        let refused = desk.run(&[&["monte-carlo", faulted], more].concat());
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(
            said.contains("ended early (out-of-fuel in on-bar"),
            "{said}"
        );
    }

    // A walk forward compares only runs that went to their end, and says how many did not.
    let windows = ["--train", "200", "--test", "100"];
    let more = [varied.as_slice(), &windows].concat();
    let walked = desk.json(1, &with(&["walk-forward"], &terms, &more));
    let early = walked["train-runs-that-ended-early"].as_u64().unwrap();
    assert!(early > 0, "{walked}");
    let printed = desk.text(1, &with(&["walk-forward"], &terms, &more));
    let line =
        format!("{early} in-sample runs ended early, by a fault or a stop, and not compared");
    assert!(printed.contains(&line), "{printed}");
}

/// Rows of one share that stays at 100 until a close of 101 lets the cross buy, with the volume of each day.
fn rising(volume: u32) -> String {
    let mut rows = String::new();
    for day in 0_u32..40 {
        let close = 100 + day.saturating_sub(19);
        let date = format!("2001-{:02}-{:02}", day / 20 + 1, day % 20 + 1);
        writeln!(rows, "{date},{close},{close},{close},{close},{volume}").unwrap();
    }
    rows
}

/// Orders once never filled and nothing said why: on files whose volumes are zero, and where the
/// volume cap left less than a lot.
#[test]
fn an_order_that_never_fills_says_what_stood_in_its_way() {
    //       volume  what stood in the way
    let table = [
        (0, "no-volume", "the bar had no volume on"),
        (
            9,
            "volume-cap-below-lot",
            "the volume cap left less than one lot on",
        ),
    ];
    for (volume, obstacle, sentence) in table {
        // One bar with a volume: an instrument without any fills without, and is refused under a cap.
        let desk = Desk::with_rows(&rising(volume).replacen(",0\n", ",1\n", 1));
        let terms = desk.cross();
        let run = desk.json(0, &with(&["backtest"], &terms, &[]));
        let orders = &run["orders"];
        assert_eq!(orders["working-at-end"], 1, "{orders}");
        let unfilled = &orders["never-filled"];
        assert_eq!(unfilled["obstacles"][0]["obstacle"], obstacle, "{unfilled}");
        let first = &unfilled["first"][0];
        assert!(first["bars"].as_u64().unwrap() > 10, "{first}");
        assert_eq!(
            first["bars"], first["obstacles"][obstacle],
            "every bar has its reason"
        );
        let id = run["run-id"]
            .as_str()
            .unwrap()
            .trim_start_matches("sha256:");
        // Gathered while the run was sealed, and read from its journal: the same.
        assert_eq!(&desk.json(0, &["run", "show", id])["orders"], orders);
        let shown = desk.text(0, &["run", "show", id]);
        assert!(shown.contains("1 approved, 0 refused, 0 rejected, 0 fills, 1 still working"));
        assert!(shown.contains(sentence), "{shown}");
        let report = desk.json(0, &["report", id]);
        assert_eq!(&report["orders"]["never-filled"], unfilled);
        let page = Path::new(report["folder"].as_str().unwrap()).join("report.html");
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains("<strong>Never filled:</strong>") && page.contains(sentence));
        let listed = desk.json(0, &["run", "list"]);
        assert_eq!(listed[0]["orders"]["working-at-end"], 1);
        let head = desk.text(0, &["run", "list"]);
        assert!(
            head.lines()
                .next()
                .unwrap()
                .contains("working  refused  rejected"),
            "{head}"
        );
    }
}

/// An order that was approved at one close and cannot be paid at the next open is rejected at its fill.
#[test]
fn an_order_that_is_rejected_at_its_fill_is_counted_by_code() {
    let mut rows = rising(100_000);
    rows = rows.replace(",102,102,102,102,", ",900,900,900,900,");
    let desk = Desk::with_rows(&rows);
    let run = desk.json(0, &with(&["backtest"], &desk.cross(), &["--cash", "11000"]));
    let orders = &run["orders"];
    assert_eq!(orders["rejected-by-code"]["no-buying-power"], 1, "{orders}");
    let id = run["run-id"].as_str().unwrap();
    assert_eq!(&desk.json(0, &["run", "show", id])["orders"], orders);
    let outcome = &orders["never-filled"]["outcomes"][0];
    assert_eq!(
        (&outcome["outcome"], &outcome["code"]),
        (&"rejected".into(), &"no-buying-power".into())
    );
}

/// The page of a report once had neither the strategy's name nor the parameters that the manifest leaves to
/// their defaults, and listed costs that were all zero one by one.
#[test]
fn a_report_names_the_strategy_its_parameters_and_that_nothing_was_charged() {
    let desk = Desk::new();
    let terms = desk.terms(
        "moving-average-cross",
        &["--param", "fast=5", "--param", "slow=12"],
    );
    let run = desk.text(0, &with(&["backtest"], &terms, &[]));
    assert!(
        run.contains("costs            no fees, slippage or borrow fees"),
        "{run}"
    );
    assert!(!run.contains("borrow fees      "), "{run}");
    let id = run
        .split_whitespace()
        .find(|word| word.len() == 64)
        .unwrap();
    let report = desk.json(0, &["report", id]);
    let strategy = &report["strategy"];
    assert_eq!(strategy["name"], "moving-average-cross");
    let parameters = strategy["parameters"].as_array().unwrap();
    let stated = |name: &str| {
        let found = parameters
            .iter()
            .find(|parameter| parameter["name"] == name)
            .unwrap();
        (
            found["value"].as_str().unwrap().to_owned(),
            found["default"] == true,
        )
    };
    assert_eq!(stated("fast"), ("5".to_owned(), false));
    assert_eq!(stated("quantity"), ("100".to_owned(), true));
    let page = Path::new(report["folder"].as_str().unwrap()).join("report.html");
    let page = std::fs::read_to_string(page).unwrap();
    let quantity = format!("quantity = {} (default)", stated("quantity").0);
    for text in [
        "<p class=\"lead\">moving-average-cross ",
        quantity.as_str(),
        "The manifest charges no fee, slippage or borrow",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("<tr><th>Slippage</th>"));
    // With a fee the table is there.
    let run = desk.json(
        0,
        &with(&["backtest"], &terms, &["--set", "costs.fee-bps=5"]),
    );
    let report = desk.json(0, &["report", run["run-id"].as_str().unwrap()]);
    let page = Path::new(report["folder"].as_str().unwrap()).join("report.html");
    assert!(
        std::fs::read_to_string(page)
            .unwrap()
            .contains("<tr><th>Slippage</th>")
    );
}

/// After a symbol change reports once showed the manifest's ticker for every trade and fill.
#[test]
fn each_trade_has_the_ticker_of_its_day() {
    // The cross buys on the bar of 2 February.
    //       the change    the ticker of that bar
    let table = [("2001-02-02", "XYZ"), ("2001-02-03", "ABC")];
    for (date, ticker) in table {
        let actions = format!("ABC,{date},symbol,XYZ\n");
        let desk = Desk::with_actions(&rising(100_000), &actions);
        let run = desk.json(0, &with(&["backtest"], &desk.cross(), &[]));
        let run = run["run-id"].as_str().unwrap();
        let fills = desk.json(0, &["run", "show", run, "--fills"]);
        assert_eq!(fills[0]["ticker"], ticker, "{fills}");
        assert_eq!(fills[0]["instrument"], "ABC");
        let table = desk.text(0, &["run", "show", run, "--fills"]);
        assert!(table.lines().nth(1).unwrap().starts_with(ticker), "{table}");
        let report = desk.json(0, &["report", run]);
        let change = &report["instruments"][0]["ticker-changes"][0];
        assert_eq!(
            (&change["ticker"], &change["from"]),
            (&"XYZ".into(), &date.into())
        );
        let folder = Path::new(report["folder"].as_str().unwrap());
        let trades = std::fs::read_to_string(folder.join("trades.csv")).unwrap();
        let start = format!("1,ABC,{ticker},long,");
        assert!(
            trades.lines().nth(1).unwrap().starts_with(&start),
            "{trades}"
        );
        let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(page.contains(&format!("<td class=\"sym\">{ticker}</td>")));
        assert!(page.contains(&format!("<h3>ABC, from {date} XYZ</h3>")));
    }
}

/// A run whose `init` failed was one of 1970: the fault record has no slice, and its 0 was printed as a time.
#[test]
fn a_run_whose_init_failed_has_no_time() {
    let desk = Desk::new();
    // The strategy refuses averages in the wrong order.
    let terms = desk.terms("moving-average-cross", &["-p", "fast=12", "-p", "slow=5"]);
    let outcome = desk.json(1, &with(&["backtest"], &terms, &[]));
    assert_eq!(outcome["fault"]["callback"], "init", "{outcome}");
    assert!(outcome["fault"]["time"].is_null(), "{outcome}");
    let run = outcome["run-id"].as_str().unwrap().replace("sha256:", "");
    let folder = desk.place.path().join("report");
    let out = folder.display().to_string();
    let said = [
        desk.text(0, &["run", "show", &run]),
        desk.text(0, &["run", "show", &run, "--json"]),
        desk.text(0, &["run", "list"]),
        desk.text(0, &["run", "list", "--json"]),
        desk.text(0, &["report", &run, "--out", &out]),
        std::fs::read_to_string(folder.join("report.json")).unwrap(),
        std::fs::read_to_string(folder.join("report.html")).unwrap(),
    ];
    for text in said {
        assert!(!text.contains("1970"), "{text}");
    }
}

/// A fault named neither the function and line, which the author wants, nor a way to raise the limit.
#[test]
fn a_fault_names_functions_where_symbols_are_known_and_the_flag_that_raises_its_limit() {
    let desk = Desk::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../sdk-examples/components/moving-average-cross.wasm");
    let component = desk.place.path().join("mine.wasm");
    std::fs::copy(example, &component).unwrap();
    let symbols = component.with_extension("symbols");
    let body = "t on_bar\nt mine/src/lib.rs\nf 0 ffffff 0\nl 0 ffffff 0:1:30\n";
    let mine = component.display().to_string();
    let short = [
        "--set",
        "limits.fuel-per-callback=1000",
        "--set",
        "limits.fuel-per-bar=0",
    ];
    let flags = [
        "--component",
        &mine,
        "--snapshot",
        &desk.snapshot,
        "--risk",
        "research",
    ];
    let faulting = [&["backtest"], flags.as_slice(), &short].concat();

    // Those of another component would put wrong names into the trace.
    let other = format!("counterfoil-symbols/1 sha256:{}\n{body}", "ab".repeat(32));
    std::fs::write(&symbols, other).unwrap();
    let output = desk.run(&faulting);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("is not used: it is of component sha256:abab"),
        "{said}"
    );
    assert!(
        !String::from_utf8(output.stdout)
            .unwrap()
            .contains("mine/src/lib.rs")
    );

    let outcome = desk.json(1, &faulting);
    let digest = outcome["component"].as_str().unwrap();
    std::fs::write(&symbols, format!("counterfoil-symbols/1 {digest}\n{body}")).unwrap();
    let printed = desk.text(1, &faulting);
    assert!(
        printed.contains("on_bar at mine/src/lib.rs:30"),
        "{printed}"
    );
    assert!(
        printed.contains("--set limits.fuel-per-callback=VALUE"),
        "{printed}"
    );
    let outcome = desk.json(1, &faulting);
    let run = outcome["run-id"].as_str().unwrap().replace("sha256:", "");
    let folder = desk.place.path().join("report");
    let out = folder.display().to_string();
    desk.text(0, &["report", &run, "--out", &out]);
    for text in [
        desk.text(0, &["run", "show", &run]),
        desk.text(0, &["run", "show", &run, "--json"]),
        std::fs::read_to_string(folder.join("report.html")).unwrap(),
        std::fs::read_to_string(folder.join("report.json")).unwrap(),
    ] {
        assert!(text.contains("on_bar at mine/src/lib.rs:30"), "{text}");
    }
    // The names are no part of what is recorded.
    let journal = std::fs::read(outcome["journal"].as_str().unwrap()).unwrap();
    let name = b"mine/src/lib.rs";
    assert!(!journal.windows(name.len()).any(|part| part == name));
}

/// `monte-carlo --bars` died where an instrument of the run has no bars in its range, and left its samples behind.
#[test]
fn bars_are_resampled_without_the_instruments_that_have_none() {
    let mut csv = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for day in 1_u32..=28 {
        let close = 100 + day % 6 * 3;
        for month in [1, 2] {
            writeln!(
                csv,
                "AAA,2001-{month:02}-{day:02},{close},{close},{close},{close},1000"
            )
            .unwrap();
        }
        // Listed after the range of the run.
        writeln!(
            csv,
            "ZZZ,2001-03-{day:02},{close},{close},{close},{close},1000"
        )
        .unwrap();
    }
    let desk = Desk::with_file(&csv, &["--timeframe", "1d"]);
    let params = ["-p", "fast=2", "-p", "slow=4", "--to", "2001-03-01"];
    let terms = desk.terms("moving-average-cross", &params);
    let outcome = desk.json(0, &with(&["backtest"], &terms, &[]));
    let run = outcome["run-id"].as_str().unwrap().replace("sha256:", "");
    let resample = ["monte-carlo", run.as_str(), "--bars", "--samples", "3"];
    let drawn = desk.json(0, &resample);
    assert_eq!(drawn["instruments-left-out"], serde_json::json!(["ZZZ"]));
    assert_eq!(drawn["samples-that-ended"], 3, "{drawn}");
    let printed = desk.text(0, &resample);
    assert!(
        printed.contains("left out, without a bar in the run's range: ZZZ"),
        "{printed}"
    );
}

/// Samples that were drawn before one that cannot be are of no use to anybody.
#[test]
fn a_resampling_that_fails_leaves_no_samples() {
    let mut rows = String::new();
    for day in 0_u32..48 {
        // Doubled on three days of four: some samples double more often than 64 bits hold.
        let close = 1_u64 << (44 + day % 4);
        let (month, of_month) = (day / 24 + 1, day % 24 + 1);
        let date = format!("2001-{month:02}-{of_month:02}");
        writeln!(rows, "{date},{close},{close},{close},{close},1000").unwrap();
    }
    let desk = Desk::with_rows(&rows);
    let terms = desk.terms("buy-and-hold", &[]);
    let outcome = desk.json(0, &with(&["backtest"], &terms, &[]));
    let run = outcome["run-id"].as_str().unwrap().replace("sha256:", "");
    let before = desk.json(0, &["data", "list"]);
    let failed = desk.run(&[
        "monte-carlo",
        &run,
        "--bars",
        "--samples",
        "200",
        "--block",
        "1",
    ]);
    let said = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(2), "{said}");
    assert!(said.contains("does not fit in 64 bits"), "{said}");
    // Others were drawn before it.
    assert!(!said.contains("sample 0 "), "{said}");
    assert_eq!(desk.json(0, &["data", "list"]), before);
}

/// "at scale 4 is too large" and a tip to write `-- -5` helped nobody.
#[test]
fn a_term_that_is_out_of_range_names_the_range() {
    let desk = Desk::new();
    let table: [(&[&str], &str); 6] = [
        (
            &["--fee-bps", "20000"],
            "costs.fee-bps is \"20000\"; expected 0 to 10,000 basis points",
        ),
        (
            &["--fee-bps", "-1"],
            "costs.fee-bps is \"-1\"; expected 0 to 10,000 basis points",
        ),
        (
            &["--set", "costs.fee-max=-1%"],
            "costs.fee-max is \"-1%\"; expected off, an amount",
        ),
        (
            &["--cash", "-5"],
            "account.cash is \"-5\"; expected zero or more",
        ),
        (
            &["--set", "limits.requests-per-bar=200"],
            "limits.requests-per-bar is 200; it must lie in 1..=128",
        ),
        (&["--from", "2050-01-01"], "no bar between 2050-01-01"),
    ];
    let terms = desk.cross();
    for (flags, expected) in table {
        let refused = desk.run(&with(&["backtest"], &terms, flags));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(expected), "{flags:?}: {said}");
        assert_ne!(refused.status.code(), Some(0));
    }
}
