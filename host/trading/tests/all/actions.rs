//! Corporate actions: what they do to positions, cash, equity and orders.

use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::order::OrderType;
use counterfoil_trading::record::RunRecord;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Price;

use crate::support::{Played, check, money, slice};

const FLAT: &str = "100 100 100 100 1000";
const BOUGHT: &str = "1 accepted; 1 buy 15 at 100";
const SOLD: &str = "1 accepted; 1 sell 15 at 100";

/// A holder of 15, or a short of 15, and one action; the instrument has no bar in its slice.
#[track_caller]
fn one(side: &str, action: &'static str, reported: &'static str, books: &str) {
    let order = if side == "long" {
        "buy 15 market"
    } else {
        "sell 15 market"
    };
    let mut played = Played::new("");
    assert_eq!(played.row(FLAT, order), "");
    let filled = if side == "long" { BOUGHT } else { SOLD };
    assert_eq!(played.row(FLAT, ""), filled);
    let bar: &'static str = Box::leak(format!("{action} / -").into_boxed_str());
    assert_eq!(played.row(bar, ""), reported, "{side} {action}");
    assert_eq!(played.books(), books, "{side} {action}");
}

#[test]
fn a_split_changes_quantity_and_mark_and_leaves_equity_as_it_was() {
    let flat = "equity 100000 realized 0 dividends 0 borrow 0";
    one(
        "long",
        "split 2:1",
        "split: holds 30 cash 0",
        &format!("holds 30 cost 1500 cash 98500 {flat}"),
    );
    one(
        "short",
        "split 2:1",
        "split: holds -30 cash 0",
        &format!("holds -30 cost -1500 cash 101500 {flat}"),
    );
    // 15 at 1 for 2 are 7 and a half; half a new share is worth 100.
    one(
        "long",
        "split 1:2",
        "split: holds 7 cash 100",
        &format!("holds 7 cost 1400 cash 98600 {flat}"),
    );
    one(
        "short",
        "split 1:2",
        "split: holds -7 cash -100",
        &format!("holds -7 cost -1400 cash 101400 {flat}"),
    );
    // 15 at 3 for 2 are 22 and a half; half a share is worth 33.33.
    one(
        "long",
        "split 3:2",
        "split: holds 22 cash 33.333333333",
        "holds 22 cost 1466.666666667 cash 98533.333333333 equity 100000 realized 0 dividends 0 borrow 0",
    );
    // Nothing is left: all is paid out.
    one(
        "long",
        "split 1:100",
        "split: holds 0 cash 1500",
        &format!("holds 0 cost 0 cash 100000 {flat}"),
    );
}

#[test]
fn dividends_go_to_who_is_long_and_are_charged_to_who_is_short() {
    let held = "holds 15 cost 1500 cash 98530 equity 100030 realized 0 dividends 30 borrow 0";
    one("long", "dividend 2", "dividend: holds 15 cash 30", held);
    one("long", "special 2", "dividend: holds 15 cash 30", held);
    one(
        "short",
        "dividend 2",
        "dividend: holds -15 cash -30",
        "holds -15 cost -1500 cash 101470 equity 99970 realized 0 dividends -30 borrow 0",
    );
}

#[test]
fn a_symbol_change_changes_nothing_else() {
    one(
        "long",
        "symbol NEW",
        "symbol change: holds 15 cash 0",
        "holds 15 cost 1500 cash 98500 equity 100000 realized 0 dividends 0 borrow 0",
    );
    check(
        "",
        &[
            (FLAT, "buy 5 limit 90", ""),
            (
                "symbol NEW / 90 90 90 90 1000",
                "",
                "1 accepted; symbol change: holds 0 cash 0; 1 buy 5 at 90",
            ),
        ],
    );
}

#[test]
fn a_delisting_pays_out_ends_orders_and_rejects_later_ones() {
    one(
        "long",
        "delisting 20",
        "delisting: holds 0 cash 300",
        "holds 0 cost 0 cash 98800 equity 98800 realized -1200 dividends 0 borrow 0",
    );
    one(
        "short",
        "delisting 20",
        "delisting: holds 0 cash -300",
        "holds 0 cost 0 cash 101200 equity 101200 realized 1200 dividends 0 borrow 0",
    );
    check(
        "",
        &[
            (FLAT, "buy 5 limit 90; sell 5 stop 80", ""),
            (
                "delisting 0 / -",
                "buy 1 market",
                "1 accepted; 2 accepted; delisting: holds 0 cash 0; 1 canceled delisted; \
                 2 canceled delisted",
            ),
            ("-", "", "3 rejected delisted"),
        ],
    );
}

#[test]
fn a_split_puts_resting_orders_into_new_shares_against_the_trader() {
    // 95 / 2 is 47 and a half: up for a buyer; 105 / 2 is 52 and a half: down for a seller.
    check(
        "",
        &[
            (
                FLAT,
                "buy 5 limit 95; sell 5 limit 105; sell 5 stop-limit 91 89",
                "",
            ),
            (
                "split 2:1 / 50 52 48 50 1000",
                "",
                "1 accepted; 2 accepted; 3 accepted; split: holds 0 cash 0; 1 buy 10 at 48 maker; \
                 2 sell 10 at 52 maker",
            ),
        ],
    );
    check(
        "",
        &[
            (FLAT, "sell 5 stop 91", ""),
            (
                "split 2:1 / 50 50 46 50 1000",
                "",
                "1 accepted; split: holds 0 cash 0",
            ),
            ("50 50 45 50 1000", "", "1 sell 10 at 45"),
        ],
    );
    // 5 at 1 for 2 are 2 and a half: 2. One share is nothing, and its order ends.
    check(
        "",
        &[
            (FLAT, "buy 5 limit 90; buy 1 limit 90", ""),
            (
                "split 1:2 / 200 200 180 200 1000",
                "",
                "1 accepted; 2 accepted; split: holds 0 cash 0; 2 canceled corporate-action; \
                 1 buy 2 at 180 maker",
            ),
        ],
    );
    // On its way to the venue, too.
    check(
        "latency=1",
        &[
            (FLAT, "buy 5 limit 90; buy 1 market", ""),
            (
                "split 1:2 / 200 200 200 200 1000",
                "",
                "split: holds 0 cash 0; 2 canceled corporate-action",
            ),
            ("180 180 180 180 1000", "", "1 accepted; 1 buy 2 at 180"),
        ],
    );
    // A partly filled order: what is left of it is split.
    check(
        "cap=1000 fixed=1",
        &[
            (FLAT, "buy 150 market", ""),
            (FLAT, "", "1 accepted; 1 buy 100 at 100 fee 1 left 50"),
            (
                "split 2:1 / 50 50 50 50 1000",
                "",
                "split: holds 200 cash 0; 1 buy 100 at 50",
            ),
        ],
    );
}

#[test]
fn the_strategy_and_the_gate_see_working_orders_in_new_shares() {
    let played = check(
        "",
        &[
            (FLAT, "buy 5 limit 95; buy 1 stop-limit 111 112", ""),
            (
                "split 2:1 / -",
                "",
                "1 accepted; 2 accepted; split: holds 0 cash 0",
            ),
        ],
    );
    let working = played.strategy.working.iter();
    let working: Vec<_> = working
        .map(|one| (one.leaves_quantity.0, one.order_type))
        .collect();
    let stop_limit = OrderType::StopLimit {
        stop: Price(56),
        limit: Price(56),
    };
    let expect = [(10, OrderType::Limit(Price(48))), (2, stop_limit)];
    assert_eq!(working, expect);
}

#[test]
fn actions_of_one_slice_are_applied_in_one_sequence() {
    let said = "1 accepted; split: holds 20 cash 0; dividend: holds 20 cash 20; \
                symbol change: holds 20 cash 0";
    for text in [
        "split 2:1 / dividend 1 / symbol X / -",
        "symbol X / dividend 1 / split 2:1 / -",
    ] {
        let mut played = Played::new("");
        played.row(FLAT, "buy 10 market");
        played.row(FLAT, "buy 1 limit 1");
        let reported = played.row(text, "").replace("2 accepted", "1 accepted");
        assert_eq!(reported, said);
    }
}

#[test]
fn the_venue_and_the_account_agree_after_actions() {
    // A cash account can sell what it holds after the split and the fraction, and no more.
    check(
        "account=cash",
        &[
            (FLAT, "buy 15 market", ""),
            (FLAT, "", BOUGHT),
            (
                "split 1:2 / 200 200 200 200 1000",
                "sell 7 market",
                "split: holds 7 cash 100",
            ),
            (
                "200 200 200 200 1000",
                "sell 1 market",
                "2 accepted; 2 sell 7 at 200; gate: short-selling-not-allowed",
            ),
        ],
    );
    check(
        "account=cash",
        &[
            (FLAT, "buy 15 market", ""),
            (FLAT, "", BOUGHT),
            (
                "split 2:1 / 50 50 50 50 1000",
                "sell 30 market",
                "split: holds 30 cash 0",
            ),
            ("50 50 50 50 1000", "", "2 accepted; 2 sell 30 at 50"),
        ],
    );
    // So can the cash for a fraction, at the last price before the split.
    check(
        "account=cash cash=1500",
        &[
            (FLAT, "buy 15 market", ""),
            (FLAT, "", BOUGHT),
            (
                "split 1:2 / 50 50 50 50 1000",
                "buy 2 market",
                "split: holds 7 cash 100",
            ),
            ("50 50 50 50 1000", "", "2 accepted; 2 buy 2 at 50"),
        ],
    );
    // A dividend can be spent.
    check(
        "account=cash cash=1500",
        &[
            (FLAT, "buy 15 market", ""),
            (FLAT, "", BOUGHT),
            (
                "dividend 7 / 100 100 100 100 1000",
                "buy 1 market",
                "dividend: holds 15 cash 105",
            ),
            (FLAT, "", "2 accepted; 2 buy 1 at 100"),
        ],
    );
}

#[test]
fn an_action_that_is_not_of_its_slice_stops_the_run() {
    let day = counterfoil_trading::time::DAY_NANOS;
    for ex_time in [day - 1, 2 * day] {
        let mut played = Played::new("");
        played.row(FLAT, "");
        let mut slice = slice(FLAT, day, 2 * day);
        let action = CorporateAction {
            instrument: InstrumentId(0),
            ex_time: UnixNanos(ex_time),
            kind: CorporateActionKind::Delisting {
                per_unit: money("1"),
            },
        };
        slice.add_action(action).unwrap();
        let stopped = played.step(&slice);
        assert!(
            stopped.contains("does not belong to the slice"),
            "{stopped}"
        );
    }
}

#[test]
fn an_action_with_values_that_mean_nothing_joins_no_slice() {
    let refuse = |kind: CorporateActionKind, expect: &str| {
        let action = CorporateAction {
            instrument: InstrumentId(0),
            ex_time: UnixNanos(1),
            kind,
        };
        let refused = Slice::default().add_action(action).unwrap_err();
        assert!(refused.to_string().contains(expect), "{refused}");
    };
    let (per_unit, special) = (money("0"), false);
    refuse(
        CorporateActionKind::Dividend { per_unit, special },
        "not above zero",
    );
    refuse(
        CorporateActionKind::Delisting {
            per_unit: money("-1"),
        },
        "below zero",
    );
    let until = UnixNanos(1);
    refuse(
        CorporateActionKind::Halt { until },
        "end is not after its beginning",
    );
    let symbol = String::new();
    refuse(CorporateActionKind::SymbolChange { symbol }, "is empty");
}

#[test]
fn every_action_is_recorded_whether_or_not_anything_is_held() {
    let mut played = Played::new("");
    played.row("dividend 1 / split 2:1 / 100 100 100 100 1", "");
    let Some(RunRecord::Deliveries(one)) = played.journal.0.first() else {
        panic!("no deliveries record");
    };
    assert_eq!(one.deliveries.len(), 2);
}
