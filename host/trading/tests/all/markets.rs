//! Markets at the edge, with known answers.

use crate::support::check;

const FLAT: &str = "100 100 100 100 1000";

#[test]
fn a_gap_fills_at_the_open_for_better_and_for_worse() {
    check(
        "",
        &[
            (
                FLAT,
                "buy 1 limit 95; sell 1 limit 105; buy 1 stop 110; sell 1 stop 90",
                "",
            ),
            (
                "130 140 120 130 1000",
                "",
                "1 accepted; 2 accepted; 3 accepted; 4 accepted; 2 sell 1 at 130; 3 buy 1 at 130",
            ),
            ("60 70 50 60 1000", "", "1 buy 1 at 60; 4 sell 1 at 60"),
        ],
    );
    // Through stop and limit of a stop-limit order: triggered, and not filled at the gap.
    check(
        "",
        &[
            (FLAT, "buy 1 stop-limit 110 115", ""),
            ("130 140 120 130 1000", "", "1 accepted"),
            ("120 120 114 118 1000", "", "1 buy 1 at 115 maker"),
        ],
    );
}

#[test]
fn in_a_limit_up_day_with_one_price_slippage_cannot_leave_it() {
    check(
        "slip=100 ticks=5",
        &[
            (
                FLAT,
                "buy 1 market; sell 1 market; sell 1 limit 110; buy 1 limit 109",
                "",
            ),
            (
                "110 110 110 110 1000",
                "",
                "1 accepted; 2 accepted; 3 accepted; 4 accepted; 1 buy 1 at 110 cut; 2 sell 1 at 110 cut; 3 sell 1 at 110",
            ),
            ("110 110 110 110 0", "", ""),
        ],
    );
}

#[test]
fn an_extreme_spread_fills_every_side_of_it_at_its_own_price() {
    check(
        "",
        &[
            (
                FLAT,
                "buy 1 limit 2; sell 1 limit 199; buy 1 stop 200; sell 1 stop 1",
                "",
            ),
            (
                "100 200 1 100 1000",
                "",
                "1 accepted; 2 accepted; 3 accepted; 4 accepted; 3 buy 1 at 200; 4 sell 1 at 1; \
                 1 buy 1 at 2 maker; 2 sell 1 at 199 maker",
            ),
        ],
    );
}

#[test]
fn in_bars_that_are_missing_nothing_fills_and_good_till_canceled_survives() {
    check(
        "",
        &[
            (
                FLAT,
                "buy 1 limit 95; buy 1 limit 95 day; buy 1 limit 95 gtd 3; buy 1 market ioc",
                "",
            ),
            ("-", "", "1 accepted; 2 accepted; 3 accepted; 4 accepted"),
            ("-", "", ""),
            ("-", "", ""),
            // The day of the day order is the first with a bar, and so is the immediate one's.
            (
                "90 90 90 90 1000",
                "",
                "3 expired; 1 buy 1 at 90; 2 buy 1 at 90; 4 buy 1 at 90",
            ),
        ],
    );
}

#[test]
fn a_bar_of_less_volume_than_a_lot_can_take_fills_nothing() {
    check(
        "cap=1000 lot=10",
        &[
            (FLAT, "buy 20 market", ""),
            ("100 100 100 100 99", "", "1 accepted"),
            ("100 100 100 100 199", "", "1 buy 10 at 100 left 10"),
            ("100 100 100 100 100", "", "1 buy 10 at 100"),
        ],
    );
}

#[test]
fn a_bar_of_one_tick_is_filled_at_it() {
    check(
        "slip=5000",
        &[
            (
                "1 1 1 1 1",
                "buy 1 market; sell 1 market; sell 1 stop 1",
                "",
            ),
            (
                "1 1 1 1 1",
                "",
                "1 accepted; 2 accepted; 3 accepted; 1 buy 1 at 1 cut; 2 sell 1 at 1 cut; 3 sell 1 at 1 cut",
            ),
        ],
    );
}

#[test]
fn amounts_that_do_not_fit_end_the_order_or_the_run_and_never_wrap() {
    // The gate refuses what it cannot compute; what happens to a position is an error that names
    // the instrument and the operation.
    let all = "9000000000000000000";
    let bar: &'static str = Box::leak([all; 5].join(" ").into_boxed_str());
    let mut played =
        crate::support::Played::new("limit=99999999999999999999 cash=99999999999999999999");
    played.row(
        "1 1 1 1 9000000000000000000",
        "buy 9000000000000000000 market",
    );
    let reported = played.row("1 1 1 1 9000000000000000000", "");
    assert_eq!(reported, "1 accepted; 1 buy 9000000000000000000 at 1");
    let stopped = played.try_row(bar, "").unwrap_err();
    let expect = "overflow while marking instrument InstrumentId(0)";
    assert_eq!(stopped.to_string(), expect);
    let mut played = crate::support::Played::new("");
    played.row(bar, "");
    let reported = played.row(bar, "buy 9000000000000000000 market");
    assert_eq!(reported, "gate: overflow");
}
