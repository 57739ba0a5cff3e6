//! The three forms of a sweep's table hold the same.

use std::io::Cursor;

use arrow_array::{Array as _, Decimal128Array, Float64Array, StringArray, UInt64Array};
use arrow_ipc::reader::FileReader;
use counterfoil_base::digest::Digest;
use counterfoil_report::{STATISTICS, SweepOutcome, SweepRow, SweepTable};
use counterfoil_trading::record::{CloseReason, CloseRecord, RequestCounts};
use counterfoil_trading::units::Money;

fn outcome() -> SweepOutcome {
    let mut statistics = [None; STATISTICS.len()];
    statistics[3] = Some(0.25);
    SweepOutcome {
        close: CloseRecord {
            reason: CloseReason::EndOfData,
            decisions: 9,
            fills: 4,
            requests: RequestCounts {
                approved: 5,
                refused: 1,
            },
            decision_digest: Digest([0xab; 32]),
            cash: Money(1),
            equity: Money(1_500_000_000),
            fees: Money(7),
            slippage: Money(8),
            realized: Money(0),
            borrow: Money(9),
            dividends: Money(10),
            positions_sha256: Digest::default(),
        },
        profit: Money(-500_000_000),
        statistics,
    }
}

fn table() -> SweepTable {
    let row = |value: &str, outcome| SweepRow {
        values: vec![value.to_owned()],
        run: "cd".repeat(32),
        outcome,
    };
    SweepTable {
        fields: vec!["fast".to_owned()],
        rows: vec![
            row("-1", Ok(outcome())),
            row("=cmd()", Err("no, \"fast\" is a number".to_owned())),
        ],
    }
}

#[test]
fn csv_has_a_cell_for_each_column_and_no_formula() {
    let csv = table().csv();
    let lines: Vec<&str> = csv.lines().collect();
    let columns = lines[0].split(',').count();
    assert_eq!(lines[1].split(',').count(), columns);
    assert!(lines[1].starts_with("-1,cdcd"), "{}", lines[1]);
    assert!(lines[1].contains(",1.500000000,-0.500000000,"));
    assert!(lines[2].starts_with("\"'=cmd()\","), "{}", lines[2]);
    assert!(lines[2].ends_with(",\"no, \"\"fast\"\" is a number\""));
}

#[test]
fn arrow_and_json_hold_what_csv_holds() {
    let table = table();
    let bytes = table.arrow().unwrap();
    let mut reader = FileReader::try_new(Cursor::new(bytes), None).unwrap();
    let batch = reader.next().unwrap().unwrap();
    let schema = batch.schema();
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|one| one.name().as_str())
        .collect();
    assert_eq!(names.join(","), table.csv().lines().next().unwrap());
    let column = |name: &str| batch.column_by_name(name).unwrap().as_any();
    let profit = column("profit").downcast_ref::<Decimal128Array>().unwrap();
    assert_eq!((profit.value(0), profit.is_null(1)), (-500_000_000, true));
    let fills = column("fills").downcast_ref::<UInt64Array>().unwrap();
    assert_eq!((fills.value(0), fills.is_null(1)), (4, true));
    let sharpe = column("sharpe").downcast_ref::<Float64Array>().unwrap();
    assert_eq!(
        (sharpe.value(0).to_bits(), sharpe.is_null(1)),
        (0.25_f64.to_bits(), true)
    );
    let error = column("error").downcast_ref::<StringArray>().unwrap();
    assert!(error.is_null(0) && error.value(1).starts_with("no, "));

    let json = table.json();
    assert_eq!(json[0]["profit"], "-0.500000000");
    assert_eq!(json[0]["refused"], 1);
    assert!(json[0]["sortino"].is_null());
    assert_eq!(json[1]["ended"], "error");
    assert_eq!(json[1]["values"]["fast"], "=cmd()");
    let first = json[0].as_object().unwrap();
    let missing = names.iter().filter(|name| !first.contains_key(**name));
    assert_eq!(missing.collect::<Vec<_>>(), [&"fast", &"error"]);
}
