//! What the gate lets through although a limit is exceeded, and what a replacement counts.

use counterfoil_trading::limits::REQUESTS_PER_SLICE_MAX;
use counterfoil_trading::order::{ClientOrderId, Intent, Request};
use counterfoil_trading::record::RunRecord;
use counterfoil_trading::strategy::Fault;

use crate::support::{Played, check};

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

/// A strategy that sent more than its manifest allows ended its run, and lost the requests within the limit
/// too. The first are now reviewed, and each further one is refused, whatever it asks for.
#[test]
fn requests_beyond_the_limit_of_one_answer_are_refused_one_by_one() {
    check(
        "requests=2",
        &[
            (FLAT, "buy 1 limit 90; buy 2 market", ""),
            (
                FLAT,
                "buy 3 market; sell 9 limit 110; buy 4 market; cancel 1",
                "1 accepted; 2 accepted; 2 buy 2 at 100; gate: too-many-requests; \
                 gate: too-many-requests",
            ),
            // The order whose cancel was refused works on.
            (
                FALLEN,
                "",
                "5 refused too-many-requests; 1 refused too-many-requests; 3 accepted; 4 accepted; \
                 1 buy 1 at 80; 3 buy 3 at 80",
            ),
        ],
    );
}

/// Each answer is bounded, but a slice has one for each instrument, and a verifier holds all of a slice.
#[test]
fn requests_beyond_what_a_verifier_holds_of_a_slice_are_a_fault() {
    let mut played = Played::new("requests=2");
    let intent = Intent::Cancel(ClientOrderId(1));
    let cancel = Request {
        intent,
        reason: None,
    };
    played.strategy.next = vec![cancel; REQUESTS_PER_SLICE_MAX + 1];
    assert_eq!(played.row(FLAT, ""), "fault: leave");
    let mut faults = Vec::new();
    for record in &played.journal.0 {
        if let RunRecord::Fault(fault) = record {
            faults.push((fault.fault, fault.message.as_str()));
        }
    }
    let expected = "more than 1000000 requests on the bars of one close";
    assert_eq!(faults, [(Fault::AnswerTooLarge, expected)]);
}

#[test]
fn orders_of_one_day_are_counted_and_a_new_day_begins_at_zero() {
    // The first bar closes at noon, the second at midnight, which is the next day.
    check(
        "step=12h per-day=2",
        &[
            (
                FLAT,
                "buy 1 market; buy 1 market; buy 1 market",
                "gate: orders-per-day-limit",
            ),
            (
                FLAT,
                "sell 1 market",
                "3 refused orders-per-day-limit; 1 accepted; 2 accepted; 1 buy 1 at 100; \
                 2 buy 1 at 100",
            ),
            (
                FLAT,
                "buy 9 limit 50; sell 1 market; cancel 5",
                "4 accepted; 4 sell 1 at 100; gate: orders-per-day-limit",
            ),
            (
                FLAT,
                "sell 1 market",
                "6 refused orders-per-day-limit; 5 accepted; 5 canceled",
            ),
        ],
    );
}

#[test]
fn long_and_short_positions_offset_each_other_in_the_net_exposure() {
    check(
        "net-max=1000",
        &[
            (FLAT, "buy 10 market", ""),
            (
                FLAT,
                "buy 1 market",
                "1 accepted; 1 buy 10 at 100; gate: net-exposure-limit",
            ),
            // Beyond the limit by its price alone: what reduces passes, what turns it around too far does not.
            (
                GROWN,
                "sell 1 market; sell 20 market",
                "2 refused net-exposure-limit; gate: net-exposure-limit",
            ),
            (
                GROWN,
                "sell 16 market",
                "4 refused net-exposure-limit; 3 accepted; 3 sell 1 at 120",
            ),
            (GROWN, "", "5 accepted; 5 sell 16 at 120"),
        ],
    );
}

/// Ten instruments could each have passed the whole limit on one bar.
#[test]
fn what_works_in_another_instrument_counts_in_gross_and_net_exposure() {
    // Instrument B stands at 50 and never fills.
    check(
        "gross-max=1000",
        &[
            (
                FLAT,
                "buy-b 12 market; buy 5 market; sell 4 market",
                "gate: gross-exposure-limit",
            ),
            (
                FLAT,
                "",
                "2 refused gross-exposure-limit; 1 accepted; 3 accepted; 3 sell 4 at 100",
            ),
            (FLAT, "cancel 1", ""),
            (
                FLAT,
                "sell 6 market; sell 1 market",
                "1 canceled; gate: gross-exposure-limit",
            ),
            (
                FLAT,
                "",
                "5 refused gross-exposure-limit; 4 accepted; 4 sell 6 at 100",
            ),
        ],
    );
    check(
        "net-max=1000",
        &[
            (
                FLAT,
                "buy-b 12 market; buy 5 market; sell 4 market",
                "gate: net-exposure-limit",
            ),
            (
                FLAT,
                "",
                "2 refused net-exposure-limit; 1 accepted; 3 accepted; 3 sell 4 at 100",
            ),
        ],
    );
}

#[test]
fn after_the_loss_of_a_day_only_what_reduces_passes_until_the_next_day() {
    // The first three bars close on one day, the fourth on the next.
    check(
        "step=6h day-loss=100",
        &[
            (FLAT, "buy 10 market", ""),
            // A loss of 100 is allowed, one of 200 is not.
            (
                "100 100 90 90 1000",
                "buy 1 limit 70",
                "1 accepted; 1 buy 10 at 100",
            ),
            (
                FALLEN,
                "buy 1 market; sell 1 market",
                "2 accepted; gate: daily-loss-limit",
            ),
            (
                FALLEN,
                "buy 1 market",
                "3 refused daily-loss-limit; 4 accepted; 4 sell 1 at 80",
            ),
            (FALLEN, "", "5 accepted; 5 buy 1 at 80"),
        ],
    );
}

#[test]
fn the_host_stops_a_run_by_the_manifests_word_and_it_takes_no_more() {
    let stop = |on_fault: &str, expect: &str| {
        let mut played = Played::new(&format!("on-fault={on_fault}"));
        played.row(FLAT, "buy 10 market");
        played.row(FLAT, "buy 5 limit 90");
        assert_eq!(played.halt(), expect);
        assert!(played.try_row(FLAT, "").is_err());
    };
    stop("leave", "stop: account-killed leave");
    stop(
        "cancel",
        "stop: account-killed cancel; wind-down: canceled [2], [], 1 plans",
    );
    stop(
        "cancel-and-flatten",
        "stop: account-killed cancel-and-flatten; wind-down: canceled [2], [], 1 plans; \
         wind-down: canceled [], [\"sell 10\"], 1 plans",
    );
}

#[test]
fn a_bar_that_is_decided_late_lets_only_what_reduces_pass() {
    // Nanoseconds from close to decision; what came of the orders of that bar.
    let both = "2 accepted; 3 accepted; 2 buy 1 at 100; 3 sell 1 at 100";
    let late = "2 refused bar-too-late; 3 accepted; 3 sell 1 at 100";
    for (limit, age, expect) in [
        ("age-max=5", None, both),
        ("age-max=5", Some(-1), both),
        ("age-max=5", Some(5), both),
        ("age-max=5", Some(6), late),
        ("age-max=5", Some(i64::MAX / 2), late),
        ("", Some(6), both),
    ] {
        let mut played = Played::new(limit);
        played.row(FLAT, "buy 10 market");
        played.row(FLAT, "");
        played.age = age;
        played.row(FLAT, "buy 1 market; sell 1 market");
        played.age = None;
        assert_eq!(played.row(FLAT, ""), expect, "{limit} {age:?}");
    }
}
