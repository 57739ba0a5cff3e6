//! The trading day of DAY orders: sessions that the venue knows, and UTC days without them.
//!
//! Bars are eight hours long unless said otherwise, so that three rows are a UTC day.

use counterfoil_trading::record::RunRecord;

use crate::support::{Played, check};

const FLAT: &str = "100 100 100 100 1000";
const DIPS: &str = "95 95 95 95 1000";
const END: &str = "session end: holds 0 cash 0";

/// Plays three bars after a first one with this action, and an order with this time in force on
/// it; the last bar fills it, if it lives.
#[track_caller]
fn plays(order: &str, actions: [&'static str; 4], expect: [&'static str; 3]) {
    let mut played = Played::new("step=8h");
    for (place, action) in actions.iter().enumerate() {
        let prices = if place == 3 { DIPS } else { FLAT };
        let order = if place == 0 { order } else { "" };
        let reported = played.row(&format!("{action}{prices}"), order);
        let said = reported
            .split("; ")
            .filter(|one| !one.starts_with("session"));
        let said = said.collect::<Vec<_>>().join("; ");
        let expect = place.checked_sub(1).map_or("", |place| expect[place]);
        assert_eq!(said, expect, "row {place} of {actions:?}");
    }
}

#[test]
fn a_day_order_dies_with_its_session_and_without_one_with_the_utc_day() {
    let order = "buy 10 limit 95 day";
    let lives = ["1 accepted", "", "1 buy 10 at 95"];
    // The last of these bars opens on another UTC day.
    plays(order, ["", "", "", ""], ["1 accepted", "", "1 expired"]);
    // A session before the first bar is enough to know that there are sessions.
    plays(order, ["end 0 / ", "", "", ""], lives);
    plays(order, ["end 479 / ", "", "", ""], lives);
    // Accepted at the close of a session it belongs to the next, a minute before to this one.
    plays(order, ["", "end 0 / ", "", ""], lives);
    plays(
        order,
        ["", "end 1 / ", "", ""],
        ["1 accepted", "1 expired", ""],
    );
    // What a bar holds was traded before a session that ends inside it, the last one here.
    plays(order, ["end 0 / ", "", "", "end 1 / "], lives);
    plays(
        order,
        ["end 0 / ", "", "", "end 0 / "],
        ["1 accepted", "", "1 expired"],
    );
    plays(
        order,
        ["end 0 / ", "", "end 1 / ", ""],
        ["1 accepted", "", "1 expired"],
    );
    // An early close is a session end like any other; of two the first one counts.
    plays(
        order,
        ["end 0 / ", "end 60 / end 240 / ", "", ""],
        ["1 accepted", "1 expired", ""],
    );
    // No other time in force looks at sessions.
    for other in ["buy 10 limit 95", "buy 10 limit 95 gtd 2"] {
        plays(
            other,
            ["end 0 / ", "end 1 / ", "end 0 / ", "end 0 / "],
            lives,
        );
    }
    plays(
        "buy 10 limit 95 gtd 1",
        ["end 0 / ", "", "", ""],
        ["1 accepted", "", "1 expired"],
    );
    plays(
        "buy 10 limit 95 ioc",
        ["end 0 / ", "", "", ""],
        ["1 accepted; 1 expired", "", ""],
    );
}

#[test]
fn a_session_may_end_while_no_bar_comes() {
    // Sent in the session, which ends before the next bar: it fills on none.
    check(
        "step=8h",
        &[
            (FLAT, "buy 10 market day", ""),
            ("end 60 / -", "", "1 accepted; session end: holds 0 cash 0"),
            (FLAT, "", "1 expired"),
        ],
    );
    // Sent while the venue is closed, it belongs to the session that begins then.
    check(
        "step=8h",
        &[
            (FLAT, "", ""),
            ("end 60 / -", "buy 10 market day", END),
            ("-", "", "1 accepted"),
            (FLAT, "", "1 buy 10 at 100"),
        ],
    );
    // Several sessions without a bar, as while an instrument is halted.
    check(
        "step=8h",
        &[
            ("end 0 / 100 100 100 100 1000", "", END),
            ("end 60 / -", "buy 10 market day", END),
            ("end 60 / -", "", "1 accepted; session end: holds 0 cash 0"),
            ("end 60 / -", "", END),
            (FLAT, "", "1 expired"),
        ],
    );
}

#[test]
fn on_daily_bars_a_day_order_sees_the_bar_of_its_session() {
    let end = "end 1260 / 100 100 100 100 1000";
    let dips = "end 1260 / 95 95 95 95 1000";
    check(
        "",
        &[
            (end, "buy 10 limit 95 day", END),
            (
                dips,
                "",
                "1 accepted; session end: holds 0 cash 0; 1 buy 10 at 95",
            ),
        ],
    );
    check(
        "",
        &[
            (end, "buy 10 limit 95 day", END),
            (end, "", "1 accepted; session end: holds 0 cash 0"),
            (dips, "", "session end: holds 0 cash 0; 1 expired"),
        ],
    );
    // The session without a bar was the order's.
    check(
        "",
        &[
            (end, "buy 10 market day", END),
            (
                "end 1260 / -",
                "",
                "1 accepted; session end: holds 0 cash 0",
            ),
            (end, "", "session end: holds 0 cash 0; 1 expired"),
        ],
    );
}

#[test]
fn each_instrument_has_sessions_of_its_own() {
    // A has no calendar, B one: A's order dies at midnight in UTC, B's with its session.
    check(
        "step=8h",
        &[
            (
                "end-b 0 / 100 100 100 100 1000",
                "buy 10 limit 95 day; buy-b 10 limit 40 day",
                END,
            ),
            (FLAT, "", "1 accepted; 2 accepted"),
            (FLAT, "", ""),
            (FLAT, "", "1 expired"),
            (
                "end-b 0 / 100 100 100 100 1000",
                "",
                "session end: holds 0 cash 0; 2 expired",
            ),
        ],
    );
    // Both end in one slice, A before its bar and B inside.
    check(
        "step=8h",
        &[
            (FLAT, "buy 10 limit 95 day; buy-b 10 limit 40 day", ""),
            (FLAT, "", "1 accepted; 2 accepted"),
            (
                "end 0 / end-b 60 / 100 100 100 100 1000",
                "",
                "session end: holds 0 cash 0; session end: holds 0 cash 0; 1 expired",
            ),
            (FLAT, "", "2 expired"),
        ],
    );
}

#[test]
fn what_is_left_of_an_order_and_what_replaces_it_have_a_day() {
    check(
        "step=8h cap=100",
        &[
            ("end 0 / 100 100 100 100 1000", "buy 15 market day", END),
            (
                FLAT,
                "replace 1 buy 20 market day",
                "1 accepted; 1 buy 10 at 100 left 5",
            ),
            // The replacement was taken at this session's close.
            (
                "end 0 / 100 100 100 100 1000",
                "",
                "1 canceled; 2 accepted; session end: holds 10 cash 0; 2 buy 10 at 100 left 10",
            ),
            (
                "end 0 / 100 100 100 100 1000",
                "",
                "session end: holds 20 cash 0; 2 expired",
            ),
        ],
    );
    // With latency it is there at the close before the bar with which it arrives.
    check(
        "step=8h latency=1",
        &[
            (FLAT, "buy 10 market day", ""),
            ("end 60 / 100 100 100 100 1000", "", END),
            (FLAT, "", "1 accepted; 1 buy 10 at 100"),
        ],
    );
    check(
        "step=8h latency=1",
        &[
            (FLAT, "buy 10 market day", ""),
            (FLAT, "", ""),
            ("end 60 / -", "", END),
            (FLAT, "", "1 accepted; 1 buy 10 at 100"),
        ],
    );
}

#[test]
fn a_session_end_is_recorded_and_the_strategy_does_not_hear_of_it() {
    let mut played = Played::new("");
    assert_eq!(played.row("end 1260 / 100 100 100 100 1000", ""), END);
    assert_eq!(played.strategy.actions, 0);
    assert_eq!(played.strategy.reported.len(), 0);
    let is_kept = |one: &&RunRecord| matches!(one, RunRecord::Deliveries(_));
    assert_eq!(played.journal.0.iter().filter(is_kept).count(), 1);
}
