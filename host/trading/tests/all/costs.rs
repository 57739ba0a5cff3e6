//! Fees, slippage and borrow fees, each a number of its own.

use crate::support::check;

const FLAT: &str = "100 110 90 100 1000";

#[test]
fn each_cost_is_a_line_of_its_own_in_the_fill() {
    let buy = |settings: &str, reported: &'static str| {
        check(
            settings,
            &[(FLAT, "buy 10 market", ""), (FLAT, "", reported)],
        );
    };
    buy("", "1 accepted; 1 buy 10 at 100");
    buy("fee=10", "1 accepted; 1 buy 10 at 100 fee 1");
    buy(
        "fee=10 per-unit=0.5 fixed=2",
        "1 accepted; 1 buy 10 at 100 fee 8",
    );
    buy("fee=10 min=5", "1 accepted; 1 buy 10 at 100 fee 5");
    buy("fee=10 max=0.25", "1 accepted; 1 buy 10 at 100 fee 0.25");
    buy("slip=200", "1 accepted; 1 buy 10 at 102 slip 20");
    buy("ticks=3", "1 accepted; 1 buy 10 at 103 slip 30");
    buy("ticks=30", "1 accepted; 1 buy 10 at 110 slip 100 cut");
    buy("impact=10000", "1 accepted; 1 buy 10 at 101 slip 10");
    buy(
        "slip=100 ticks=1 impact=10000",
        "1 accepted; 1 buy 10 at 103 slip 30",
    );
    // The fee is on the price paid.
    buy(
        "slip=200 fee=10",
        "1 accepted; 1 buy 10 at 102 slip 20 fee 1.02",
    );
}

#[test]
fn fixed_fee_minimum_and_maximum_hold_for_the_order_not_the_fill() {
    let two = |settings: &str, first: &'static str, second: &'static str| {
        check(
            settings,
            &[
                (FLAT, "buy 150 market", ""),
                (FLAT, "", first),
                (FLAT, "", second),
            ],
        );
    };
    two(
        "cap=1000 fixed=3",
        "1 accepted; 1 buy 100 at 100 fee 3 left 50",
        "1 buy 50 at 100",
    );
    two(
        "cap=1000 fee=10 min=12",
        "1 accepted; 1 buy 100 at 100 fee 12 left 50",
        "1 buy 50 at 100 fee 3",
    );
    two(
        "cap=1000 fee=10 max=11",
        "1 accepted; 1 buy 100 at 100 fee 10 left 50",
        "1 buy 50 at 100 fee 1",
    );
    // A replacement is an order of its own.
    check(
        "cap=1000 fixed=3",
        &[
            (FLAT, "buy 150 market", ""),
            (
                FLAT,
                "replace 1 buy 50 market",
                "1 accepted; 1 buy 100 at 100 fee 3 left 50",
            ),
            (FLAT, "", "1 canceled; 2 accepted; 2 buy 50 at 100 fee 3"),
        ],
    );
}

#[test]
fn only_a_limit_order_filled_at_its_limit_makes() {
    check(
        "fee=100 maker=10",
        &[
            (
                FLAT,
                "buy 10 limit 95; buy 10 limit 101; sell 10 stop 95; sell 10 market",
                "",
            ),
            (
                FLAT,
                "",
                "1 accepted; 2 accepted; 3 accepted; 4 accepted; 2 buy 10 at 100 fee 10; \
                 4 sell 10 at 100 fee 10; 3 sell 10 at 95 fee 9.5; 1 buy 10 at 95 fee 0.95 maker",
            ),
        ],
    );
}

#[test]
fn short_positions_pay_to_borrow_once_a_day() {
    // 10 at 100 for a day: 1,000 x 3.65 % / 365 = 0.1.
    let played = check(
        "borrow=365",
        &[
            (FLAT, "sell 10 market", ""),
            (FLAT, "", "1 accepted; 1 sell 10 at 100"),
            (FLAT, "", "borrow 0.1"),
            ("100 110 90 110 1000", "", "borrow 0.1"),
            // At the last mark before, and a missing bar does not stop the time.
            ("-", "buy 10 market", "borrow 0.11"),
            (FLAT, "", "2 accepted; borrow 0.11; 2 buy 10 at 100"),
            (FLAT, "", ""),
        ],
    );
    assert_eq!(
        played.books(),
        "holds 0 cost 0 cash 99999.58 equity 99999.58 realized 0 dividends 0 borrow 0.42"
    );
    // Inside a day it accrues; it is booked with the first slice of the next.
    check(
        "borrow=365 step=8h",
        &[
            (FLAT, "sell 10 market", ""),
            (FLAT, "", "1 accepted; 1 sell 10 at 100"),
            (FLAT, "", "borrow 0.033333333"),
            (FLAT, "", ""),
            (FLAT, "", ""),
            (FLAT, "", "borrow 0.1"),
        ],
    );
    check(
        "borrow=365",
        &[
            (FLAT, "buy 10 market", ""),
            (FLAT, "", "1 accepted; 1 buy 10 at 100"),
            (FLAT, "", ""),
        ],
    );
}
