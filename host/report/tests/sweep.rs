//! The three forms of a sweep's table hold the same.

use std::io::Cursor;

use arrow_array::{Array as _, Decimal128Array, Float64Array, StringArray, UInt64Array};
use arrow_ipc::reader::FileReader;
use counterfoil_base::digest::Digest;
use counterfoil_report::{CutShortRun, RowOutcome, STATISTICS, SweepOutcome, SweepRow, SweepTable};
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
            row("-1", RowOutcome::Ended(Box::new(outcome()))),
            row(
                "=cmd()",
                RowOutcome::Failed("no, \"fast\" is a number".to_owned()),
            ),
            row(
                "3",
                RowOutcome::CutShort(Box::new(CutShortRun {
                    close: CloseRecord {
                        reason: CloseReason::Fault,
                        ..outcome().close
                    },
                    cause: "panic in on-bar: index out of bounds".to_owned(),
                })),
            ),
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
    // A run that a fault ended once showed the profit and the Sharpe ratio of the bars before it.
    assert!(
        lines[3].contains(",fault,9,4,1,,,,,,,"),
        "how far it went and no figure: {}",
        lines[3]
    );
    assert!(lines[3].ends_with(",panic in on-bar: index out of bounds"));
    assert_eq!(lines[3].split(',').count(), columns);
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
    assert!(profit.is_null(2) && sharpe.is_null(2) && fills.value(2) == 4);
    let cause = column("cause").downcast_ref::<StringArray>().unwrap();
    assert!(cause.is_null(0) && cause.value(1).starts_with("no, "));
    assert!(cause.value(2).starts_with("panic"));

    let json = table.json();
    assert_eq!(json[0]["profit"], "-0.500000000");
    assert_eq!(json[0]["refused"], 1);
    assert!(json[0]["sortino"].is_null());
    assert_eq!(json[1]["ended"], "error");
    assert_eq!(json[1]["values"]["fast"], "=cmd()");
    let first = json[0].as_object().unwrap();
    let missing = names.iter().filter(|name| !first.contains_key(**name));
    assert_eq!(missing.collect::<Vec<_>>(), [&"fast"]);
    assert_eq!(json[2]["ended"], "fault");
    for name in STATISTICS.iter().chain(&["profit", "final-equity", "fees"]) {
        assert!(json[2][name].is_null(), "{name}");
    }
    assert_eq!(json[2]["decisions"], 9);
    assert_eq!(
        (table.ended().count(), table.cut_short(), table.failed()),
        (1, 1, 1)
    );
}
