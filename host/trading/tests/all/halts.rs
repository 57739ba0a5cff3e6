//! Halts: what the venue neither fills nor takes while an instrument is not traded.

use counterfoil_trading::record::RunRecord;

use crate::support::{Played, check};

const FLAT: &str = "100 100 100 100 1000";
const HALT: &str = "halt: holds 0 cash 0";

#[test]
fn a_halt_fills_nothing_and_leaves_orders_that_may_rest() {
    check(
        "",
        &[
            (
                FLAT,
                "buy 10 limit 95; buy 10 limit 94 day; buy 10 limit 93 gtd 3; buy 10 stop 110",
                "",
            ),
            // Days 2 and 3 are halted; every price would fill all of them.
            (
                "halt 3 / 90 120 90 100 1000",
                "cancel 4",
                "1 accepted; 2 accepted; 3 accepted; 4 accepted; halt: holds 0 cash 0",
            ),
            ("90 120 90 100 1000", "", "4 canceled; 2 expired"),
            ("95 95 90 95 1000", "", "3 expired; 1 buy 10 at 95"),
        ],
    );
    // It ends inside a bar: it is unknown which of its prices came after.
    check(
        "step=48h",
        &[
            (FLAT, "buy 10 market; buy 10 market ioc", ""),
            (
                "halt 3 / 100 100 100 100 1000",
                "",
                "1 accepted; 2 accepted; halt: holds 0 cash 0; 2 expired",
            ),
            (FLAT, "", "1 buy 10 at 100"),
        ],
    );
}

#[test]
fn the_venue_takes_no_order_during_a_halt_and_keeps_the_one_to_be_replaced() {
    check(
        "",
        &[
            (FLAT, "buy 10 limit 90", ""),
            (
                "halt 3 / 100 100 100 100 1000",
                "buy 10 market; replace 1 buy 20 market",
                "1 accepted; halt: holds 0 cash 0",
            ),
            // Day 3 is over when this one is sent, and so is the halt.
            (
                FLAT,
                "buy 5 market",
                "2 rejected instrument-halted; 3 rejected instrument-halted",
            ),
            (
                "90 90 90 90 1000",
                "",
                "4 accepted; 1 buy 10 at 90; 4 buy 5 at 90",
            ),
        ],
    );
    // On its way before the halt, it arrives in it; the longer of two halts counts.
    check(
        "latency=1",
        &[
            (FLAT, "buy 10 market", ""),
            ("halt 4 / 100 100 100 100 1000", "buy 5 market", HALT),
            (
                "halt 3 / 100 100 100 100 1000",
                "",
                "halt: holds 0 cash 0; 1 rejected instrument-halted",
            ),
            (FLAT, "", "2 rejected instrument-halted"),
            (FLAT, "", ""),
        ],
    );
}

#[test]
fn a_halt_is_recorded_and_the_strategy_hears_of_what_it_does_alone() {
    let mut played = Played::new("");
    played.row(FLAT, "");
    assert_eq!(played.row("halt 3 / -", "buy 1 market"), HALT);
    assert_eq!(played.strategy.actions, 0);
    let records = &played.journal.0;
    let kept = records
        .iter()
        .filter(|one| matches!(one, RunRecord::Deliveries(_)));
    assert_eq!(kept.count(), 1);
    assert_eq!(played.row("-", ""), "1 rejected instrument-halted");
    assert_eq!(played.strategy.reported.len(), 1);
    played.row("dividend 1 / -", "");
    assert_eq!(played.strategy.actions, 1);
}

#[test]
fn a_liquidation_goes_on_when_trading_does() {
    let mut played = Played::new("maintenance=5000 margin-call=liquidate cash=1000");
    played.row(FLAT, "buy 15 market");
    played.row(FLAT, "");
    let reported = played.row("halt 5 / 60 60 60 60 1000", "");
    assert!(
        reported.ends_with("canceled [], [\"sell 15\"]"),
        "{reported}"
    );
    let reported = played.row("60 60 60 60 1000", "");
    assert!(
        reported.starts_with("h0 rejected instrument-halted; margin call"),
        "{reported}"
    );
    let reported = played.row("60 60 60 60 1000", "");
    assert!(
        reported.starts_with("h1 rejected instrument-halted; margin call"),
        "{reported}"
    );
    let reported = played.row("60 60 60 60 1000", "");
    assert!(
        reported.starts_with("h2 accepted; h2 sell 15 at 60"),
        "{reported}"
    );
}
