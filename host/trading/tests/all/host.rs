//! What the host does of its own accord: margin calls, and flattening after a fault.

use counterfoil_trading::record::RunRecord;

use crate::support::{Played, check};

const FLAT: &str = "100 100 100 100 1000";

#[test]
fn below_the_maintenance_margin_only_reducing_orders_pass() {
    let mut played = Played::new("cash=1000 maintenance=2500");
    played.row(FLAT, "buy 30 market");
    played.row(FLAT, "");
    // Equity 700, and 2,700 held ask for 675.
    assert_eq!(played.row("90 90 90 90 1000", ""), "");
    // Equity 580, and 2,580 held ask for 645.
    assert_eq!(
        played.row(
            "86 86 86 86 1000",
            "buy 1 market; sell 31 market; sell 10 market"
        ),
        "gate: margin-call; gate: margin-call"
    );
    assert_eq!(
        played.row(FLAT, "buy 1 market"),
        "2 refused margin-call; 3 refused margin-call; 4 accepted; 4 sell 10 at 100"
    );
}

#[test]
fn a_margin_call_may_liquidate_and_is_recorded() {
    let played = check(
        "cash=1000 maintenance=2500 margin-call=liquidate cap=200",
        &[
            (FLAT, "buy 30 market", ""),
            (
                FLAT,
                "buy 5 limit 50",
                "1 accepted; 1 buy 20 at 100 left 10",
            ),
            (FLAT, "", "2 accepted; 1 buy 10 at 100"),
            // Equity 100, and 2,100 held ask for 525.
            (
                "70 70 70 70 1000",
                "sell 30 market; sell 5 market",
                "margin call: 100 below 525, canceled [2], [\"sell 30\"]; gate: margin-call; \
                 gate: margin-call",
            ),
            // Partly filled, it is under way: nothing is sent again, though 100 are below 175. And
            // the strategy cannot take it back: its id is 2^63.
            (
                "70 70 70 70 1000",
                "cancel 9223372036854775808; replace 9223372036854775808 buy 1 market",
                "3 refused margin-call; 4 refused margin-call; 2 canceled; h0 accepted; \
                 h0 sell 20 at 70 left 10; gate: unknown-order; gate: unknown-order",
            ),
            (
                "70 70 70 70 1000",
                "",
                "h0 refused unknown-order; 5 refused unknown-order; h0 sell 10 at 70",
            ),
            ("70 70 70 70 1000", "buy 1 market", ""),
            ("70 70 70 70 1000", "", "6 accepted; 6 buy 1 at 70"),
        ],
    );
    let mut calls = Vec::new();
    for record in &played.journal.0 {
        if let RunRecord::MarginCall(call) = record {
            calls.push(call.plans.len());
        }
    }
    assert_eq!(calls, [2], "a plan for the cancel and one for the order");
}

#[test]
fn a_liquidation_is_not_stopped_by_limits_and_buys_back_shorts() {
    check(
        "cash=1000 maintenance=2500 margin-call=liquidate",
        &[
            (FLAT, "sell 30 market", ""),
            (FLAT, "", "1 accepted; 1 sell 30 at 100"),
            (
                "120 120 120 120 1000",
                "",
                "margin call: 400 below 900, canceled [], [\"buy 30\"]",
            ),
            ("120 120 120 120 1000", "", "h0 accepted; h0 buy 30 at 120"),
        ],
    );
}

#[test]
fn after_a_fault_orders_stay_or_are_canceled_and_positions_flattened() {
    let fault = |on_fault: &str, expect: &str| {
        let mut played = Played::new(&format!("on-fault={on_fault}"));
        played.row(FLAT, "buy 10 market");
        played.row(FLAT, "buy 5 limit 90");
        played.strategy.traps = true;
        assert_eq!(played.row(FLAT, ""), expect);
        // The run takes no more, and the venue has the orders: what it does with them, another
        // run of its bars shows.
        assert!(played.try_row(FLAT, "").is_err());
    };
    fault("leave", "2 accepted; fault: leave");
    fault(
        "cancel",
        "2 accepted; fault: cancel; wind-down: canceled [2], [], 1 plans",
    );
    fault(
        "cancel-and-flatten",
        "2 accepted; fault: cancel-and-flatten; wind-down: canceled [2], [], 1 plans; \
         wind-down: canceled [], [\"sell 10\"], 1 plans",
    );
}
