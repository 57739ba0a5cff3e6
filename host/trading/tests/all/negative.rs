//! Prices of zero and below, as crude oil had on 20 April 2020, and instruments without volume.

use crate::support::{Played, check};

const TEN: &str = "10 10 10 10 1000";
const BELOW: &str = "10 10 -37 -37 1000";
const AFTER: &str = "-37 -37 -37 -37 1000";

#[track_caller]
fn books(settings: &str, orders: &str, expect: &str) {
    let mut played = Played::new(settings);
    for bar in [(TEN, orders), (TEN, ""), (BELOW, "")] {
        let _told = played.row(bar.0, bar.1);
    }
    assert_eq!(played.books(), expect, "{settings} {orders}");
}

#[test]
fn a_holder_loses_what_the_price_fell_and_a_short_gains_it() {
    // Bought at 10, marked at -37: 47 a unit.
    books(
        "prices=any",
        "buy 100 market",
        "holds 100 cost 1000 cash 99000 equity 95300 realized 0 dividends 0 borrow 0",
    );
    books(
        "prices=any",
        "sell 100 market",
        "holds -100 cost -1000 cash 101000 equity 104700 realized 0 dividends 0 borrow 0",
    );
    // Equity below zero: on margin, and of a cash account too, which owes what its holding costs.
    books(
        "prices=any cash=1000",
        "buy 100 market",
        "holds 100 cost 1000 cash 0 equity -3700 realized 0 dividends 0 borrow 0",
    );
    books(
        "prices=any cash=1000 account=cash",
        "buy 100 market",
        "holds 100 cost 1000 cash 0 equity -3700 realized 0 dividends 0 borrow 0",
    );
}

#[test]
fn a_loss_below_zero_is_realized_and_a_cash_account_can_always_close() {
    let played = check(
        "prices=any cash=1000 account=cash fee=10",
        &[
            (TEN, "buy 90 market", ""),
            (
                BELOW,
                "sell 90 market",
                "1 accepted; 1 buy 90 at 10 fee 0.9",
            ),
            // The sale pays 37 a unit: cash is below zero, and only a purchase is refused for it.
            (
                AFTER,
                "buy 1 market",
                "2 accepted; 2 sell 90 at -37 fee 3.33; gate: no-buying-power",
            ),
        ],
    );
    assert_eq!(
        played.books(),
        "holds 0 cost 0 cash -3234.23 equity -3234.23 realized -4230 dividends 0 borrow 0"
    );
    // A short that covers below zero is paid for it.
    let played = check(
        "prices=any",
        &[
            (TEN, "sell 100 market", ""),
            (BELOW, "buy 100 market", "1 accepted; 1 sell 100 at 10"),
            (AFTER, "", "2 accepted; 2 buy 100 at -37"),
        ],
    );
    assert_eq!(
        played.books(),
        "holds 0 cost 0 cash 104700 equity 104700 realized 4700 dividends 0 borrow 0"
    );
}

#[test]
fn limits_and_stops_below_zero_fill_as_above_it() {
    check(
        "prices=any",
        &[
            (
                "-10 -10 -10 -10 1000",
                "buy 1 limit -15; sell 1 limit -5; buy 1 stop -8; sell 1 stop -12",
                "",
            ),
            (
                "-10 -9 -11 -10 1000",
                "",
                "1 accepted; 2 accepted; 3 accepted; 4 accepted",
            ),
            (
                "-10 -5 -15 -10 1000",
                "buy 1 stop-limit -8 -7",
                "3 buy 1 at -8; 4 sell 1 at -12; 1 buy 1 at -15 maker; 2 sell 1 at -5 maker",
            ),
            ("-10 -6 -10 -7 1000", "", "5 accepted; 5 buy 1 at -8"),
            // Through zero, in both directions.
            ("-1 3 -3 2 1000", "buy 1 limit 0; sell 1 limit 0", ""),
            (
                "1 1 -2 -2 1000",
                "",
                "6 accepted; 7 accepted; 7 sell 1 at 1; 6 buy 1 at 0 maker",
            ),
        ],
    );
    // The instrument decides: without the permission such a price is no price.
    check(
        "",
        &[
            (TEN, "buy 1 limit 0; sell 1 limit 0", ""),
            (
                TEN,
                "",
                "1 rejected price-off-tick; 2 rejected price-off-tick",
            ),
        ],
    );
}

#[test]
fn costs_of_a_fill_below_zero_are_paid_and_never_received() {
    check(
        "prices=any fee=100 slip=100",
        &[
            ("-100 -50 -200 -100 1000", "buy 1 market; sell 1 market", ""),
            (
                "-100 -50 -200 -100 1000",
                "",
                "1 accepted; 2 accepted; 1 buy 1 at -99 slip 1 fee 0.99; 2 sell 1 at -101 slip 1 fee 1.01",
            ),
        ],
    );
    check(
        "fee=100 min=5 max=0.5%",
        &[
            ("100 100 100 100 1000", "buy 10 market; buy 1 market", ""),
            (
                "100 100 100 100 1000",
                "",
                "1 accepted; 2 accepted; 1 buy 10 at 100 fee 5; 2 buy 1 at 100 fee 0.5",
            ),
        ],
    );
}

#[test]
fn the_gate_values_below_zero_without_the_sign() {
    const DEEP: &str = "-40 -40 -40 -40 1000";
    let refused = |settings: &str, order: &'static str, expect: &'static str| {
        check(settings, &[(DEEP, order, expect)]);
    };
    refused(
        "prices=any order-max=399",
        "buy 10 market",
        "gate: order-notional-limit",
    );
    refused("prices=any order-max=400", "buy 10 market", "");
    refused(
        "prices=any position-max=399",
        "sell 10 market",
        "gate: position-notional-limit",
    );
    refused(
        "prices=any gross-max=399",
        "buy 10 market",
        "gate: gross-exposure-limit",
    );
    refused(
        "prices=any net-max=399",
        "buy 10 market",
        "gate: net-exposure-limit",
    );
    // A limit far below zero may fill there, and counts there.
    refused(
        "prices=any order-max=799",
        "sell 10 limit -80",
        "gate: order-notional-limit",
    );
    refused(
        "prices=any account=cash cash=399",
        "buy 10 market",
        "gate: no-buying-power",
    );
    // The collar is a share of the close without its sign.
    refused(
        "prices=any collar=5000",
        "buy 1 limit -61",
        "gate: price-collar",
    );
    refused(
        "prices=any collar=5000",
        "buy 1 limit -60; sell 1 limit -20",
        "",
    );
}

#[test]
fn at_a_close_of_zero_only_what_reduces_passes() {
    const ZERO: &str = "5 5 0 0 1000";
    check(
        "prices=any",
        &[
            (TEN, "buy 10 market", ""),
            (
                ZERO,
                "buy 1 market; sell 11 market",
                "1 accepted; 1 buy 10 at 5; gate: no-price; gate: no-price",
            ),
            (
                ZERO,
                "sell 10 market",
                "2 refused no-price; 3 refused no-price",
            ),
            (ZERO, "", "4 accepted; 4 sell 10 at 5"),
        ],
    );
}

#[test]
fn maintenance_margin_and_borrow_count_the_value_without_its_sign() {
    let played = check(
        "prices=any cash=2000 maintenance=5000 margin-call=liquidate borrow=3650",
        &[
            (TEN, "sell 100 market", ""),
            ("10 10 10 10 1000", "", "1 accepted; 1 sell 100 at 10"),
            // Equity 6,700 against half of 3,700: a short gains by the fall, and owes nothing.
            (AFTER, "", "borrow 1"),
        ],
    );
    assert!(played.books().contains("equity 6699"), "{}", played.books());
    check(
        "prices=any cash=3000 maintenance=5000 margin-call=liquidate",
        &[
            (TEN, "buy 50 market", ""),
            (AFTER, "", "1 accepted; 1 buy 50 at -37"),
            // 50 at -60: equity 1,850 is still above 1,500.
            ("-60 -60 -60 -60 1000", "", ""),
            (
                "-80 -80 -80 -80 1000",
                "",
                "margin call: 850 below 2000, canceled [], [\"sell 50\"]",
            ),
            ("-80 -80 -80 -80 1000", "", "h0 accepted; h0 sell 50 at -80"),
        ],
    );
}

#[test]
fn a_slice_with_a_price_that_the_manifest_does_not_allow_stops_the_run() {
    let mut played = Played::new("");
    let _told = played.row(TEN, "");
    let error = played.try_row(BELOW, "").unwrap_err().to_string();
    assert!(
        error.contains("a price of A is zero or below") && error.contains("negative-prices"),
        "{error}"
    );
}

#[test]
fn bars_without_volume_fill_only_where_no_bar_of_the_instrument_has_any() {
    const EMPTY: &str = "10 10 10 10 0";
    check(
        "volume=none",
        &[
            (EMPTY, "buy 10 market", ""),
            (EMPTY, "", "1 accepted; 1 buy 10 at 10"),
        ],
    );
    check(
        "",
        &[(EMPTY, "buy 10 market", ""), (EMPTY, "", "1 accepted")],
    );
}
