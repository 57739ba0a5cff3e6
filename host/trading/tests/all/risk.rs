//! What the gate lets through although a limit stands in its way, and what a replacement counts.

use crate::support::check;

const FLAT: &str = "100 100 100 100 1000";
const GROWN: &str = "120 120 120 120 1000";
const FALLEN: &str = " 80  80  80  80 1000";

/// The value of one order was asked before whether it only reduces the position, so the protective
/// stop of a position that had grown was refused. Seen on fourteen years of daily bars, where 272
/// replacements of the trend follower's stops were refused. Such an order now passes that limit.
#[test]
fn an_order_that_only_reduces_may_be_worth_more_than_one_order() {
    check(
        "order-max=1000",
        &[
            (FLAT, "buy 10 market", ""),
            (GROWN, "", "1 accepted; 1 buy 10 at 120"),
            (
                GROWN,
                "sell 10 stop 110; sell 11 market; buy 10 market; sell 10 limit 130",
                "gate: order-notional-limit; gate: order-notional-limit",
            ),
            (
                GROWN,
                "replace 2 sell 10 stop 115",
                "3 refused order-notional-limit; 4 refused order-notional-limit; \
                 2 accepted; 5 accepted",
            ),
            (GROWN, "", "2 canceled; 6 accepted"),
            ("112 112 112 112 1000", "", "6 sell 10 at 112"),
        ],
    );
    check(
        "order-max=1000",
        &[
            (FLAT, "sell 10 market", ""),
            (GROWN, "", "1 accepted; 1 sell 10 at 120"),
            (
                GROWN,
                "buy 10 stop 130; buy 11 stop 130; sell 10 market",
                "gate: order-notional-limit; gate: order-notional-limit",
            ),
            (
                "130 130 130 130 1000",
                "",
                "3 refused order-notional-limit; 4 refused order-notional-limit; \
                 2 accepted; 2 buy 10 at 130",
            ),
        ],
    );
    // The other rules hold for it.
    check(
        "order-max=1000 collar=1000",
        &[
            (FLAT, "buy 10 market", ""),
            (GROWN, "", "1 accepted; 1 buy 10 at 120"),
            (GROWN, "sell 10 stop 90", "gate: price-collar"),
        ],
    );
}

#[test]
fn a_replaced_order_does_not_count_beside_its_replacement() {
    // The position is larger than allowed, so only what reduces it passes.
    check(
        "position-max=1000",
        &[
            (FLAT, "buy 10 market", ""),
            (GROWN, "sell 10 stop 90", "1 accepted; 1 buy 10 at 120"),
            (GROWN, "replace 2 sell 10 stop 95", "2 accepted"),
            (GROWN, "replace 3 sell 11 stop 95", "2 canceled; 3 accepted"),
            (
                GROWN,
                "replace 4 sell 21 stop 95",
                "3 canceled; 4 accepted; gate: position-notional-limit",
            ),
        ],
    );
    check(
        "account=cash cash=1000",
        &[
            (FLAT, "buy 10 limit 90", ""),
            (
                FLAT,
                "buy 2 limit 90; replace 1 buy 10 limit 99",
                "1 accepted; gate: no-buying-power",
            ),
            (
                FALLEN,
                "",
                "2 refused no-buying-power; 1 canceled; 3 accepted; 3 buy 10 at 80",
            ),
        ],
    );
}

/// Each order of a bracket alone only reduces; together they would turn the position around. So
/// none of them is too large an order, but the second must keep the limits of what may be held.
#[test]
fn the_second_order_of_a_bracket_keeps_the_limits_of_positions() {
    check(
        "position-max=1000",
        &[
            (FLAT, "buy 10 market", ""),
            (FLAT, "", "1 accepted; 1 buy 10 at 100"),
            (FLAT, "sell 10 stop 90; sell 10 limit 130", ""),
            (GROWN, "cancel 3", "2 accepted; 3 accepted"),
            (
                GROWN,
                "sell 10 limit 140",
                "3 canceled; gate: position-notional-limit",
            ),
        ],
    );
    check(
        "drawdown=100",
        &[
            (FLAT, "buy 100 market", ""),
            (FLAT, "", "1 accepted; 1 buy 100 at 100"),
            (
                FALLEN,
                "sell 100 stop 70; sell 100 limit 90",
                "gate: drawdown-limit",
            ),
            (
                FALLEN,
                "replace 2 sell 100 limit 90",
                "3 refused drawdown-limit; 2 accepted",
            ),
        ],
    );
}
