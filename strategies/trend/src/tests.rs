//! The strategy's orders over bars that the tests write down. It must never assert what a price
//! will do.

use counterfoil_sdk::harness::{Harness, lines};
use counterfoil_sdk::{
    CorporateAction, CorporateActionType, Decimal, OrderStatus, Request, SplitRatio,
};

use crate::Trend;
use crate::size::distance;

/// Channels of three and two bars, a range of two, a stop two ranges away; a million in cash.
fn harness() -> Harness<Trend> {
    let harness = Harness::new().cash(1_000_000);
    let harness = harness.param("entry", "3").param("exit", "2");
    harness.param("range", "2")
}

/// As many bars as the description asks for before orders, without a trend: 99 to 101, range 2.00.
fn quiet(harness: &mut Harness<Trend>) {
    for _ in 0..60 {
        assert_eq!(feed(harness, 9_900, 10_100, 10_000), [""; 0]);
    }
}

fn feed(harness: &mut Harness<Trend>, low: i64, high: i64, close: i64) -> Vec<String> {
    lines(&harness.bar(&[[close, high, low, close]]))
}

/// Long 2,000 from 103.00. The range on the breakout is (2.00 + 3.00) / 2, so the stop is 5.00
/// away.
fn long() -> Harness<Trend> {
    let mut harness = harness();
    quiet(&mut harness);
    // 10,000 at risk over 5.00 would be 2,000; 250,000 of weight at 102.00 would be 2,450.
    let entry = feed(&mut harness, 9_900, 10_200, 10_200);
    assert_eq!(entry, ["#1 buy 2000 of 0 market"]);
    harness.fill(1, 10_300);
    harness
}

#[test]
fn a_close_above_the_channel_is_bought_by_risk_and_protected_on_the_next_bar() {
    let mut harness = long();
    // 103.00 less 5.00 is 98.00; the low of the last two bars, 99.00, is nearer.
    let stop = feed(&mut harness, 10_150, 10_350, 10_300);
    assert_eq!(stop, ["#2 sell 2000 of 0 stop 9900"]);
    assert_eq!(harness.working(), [2]);
}

#[test]
fn a_high_that_does_not_close_above_the_channel_is_no_entry() {
    let mut harness = harness();
    quiet(&mut harness);
    assert_eq!(feed(&mut harness, 9_900, 10_500, 10_100), [""; 0]);
}

#[test]
fn the_stop_stands_at_the_fill_less_two_ranges_where_the_channel_is_further_away() {
    let mut harness = harness();
    quiet(&mut harness);
    // Down to 90.00 and up to 102.00: the range is (2.00 + 12.00) / 2.
    assert_eq!(
        feed(&mut harness, 9_000, 10_200, 10_200),
        ["#1 buy 714 of 0 market"]
    );
    harness.fill(1, 10_500);
    // 105.00 less 14.00.
    assert_eq!(
        feed(&mut harness, 10_150, 10_500, 10_400),
        ["#2 sell 714 of 0 stop 9100"]
    );
}

#[test]
fn the_stop_follows_the_channel_and_never_goes_back() {
    let mut harness = long();
    feed(&mut harness, 10_150, 10_350, 10_300);
    assert_eq!(
        feed(&mut harness, 10_200, 10_500, 10_500),
        ["replace #2 by #3 sell 2000 of 0 stop 10150"]
    );
    // The channel's low is 101.60 now, then 101.60 again: one follows, the other is no order.
    assert_eq!(
        feed(&mut harness, 10_160, 10_500, 10_400),
        ["replace #3 by #4 sell 2000 of 0 stop 10160"]
    );
    assert_eq!(feed(&mut harness, 10_300, 10_500, 10_400), [""; 0]);
    harness.fill(4, 10_160);
    assert_eq!(feed(&mut harness, 10_100, 10_400, 10_150), [""; 0]);
    assert_eq!((harness.position(0), harness.working()), (0, vec![]));
}

#[test]
fn what_the_bar_after_the_breakout_does_not_fill_is_taken_back_and_the_rest_protected() {
    let mut harness = harness();
    quiet(&mut harness);
    feed(&mut harness, 9_900, 10_200, 10_200);
    harness.fill_part(1, 700, 10_300);
    let requests = feed(&mut harness, 10_150, 10_350, 10_300);
    assert_eq!(requests, ["cancel #1", "#2 sell 700 of 0 stop 9900"]);
    // A part of the stop fills too; the rest of it is what is held, so it stays.
    harness.fill_part(2, 300, 9_900);
    assert_eq!(feed(&mut harness, 9_900, 10_350, 10_300), [""; 0]);
    assert_eq!((harness.position(0), harness.working()), (400, vec![2]));
}

#[test]
fn an_entry_that_filled_nothing_is_taken_back_before_another_is_sent() {
    let mut harness = harness();
    quiet(&mut harness);
    feed(&mut harness, 9_900, 10_200, 10_200);
    assert_eq!(feed(&mut harness, 10_000, 10_400, 10_400), ["cancel #1"]);
    // The range grew to 4.625, so less is bought.
    assert_eq!(
        feed(&mut harness, 10_000, 10_600, 10_600),
        ["#2 buy 1081 of 0 market"]
    );
}

#[test]
fn an_entry_that_is_refused_leaves_no_stop_behind() {
    let mut harness = harness();
    quiet(&mut harness);
    feed(&mut harness, 9_900, 10_200, 10_200);
    harness.end_order(1, OrderStatus::Refused, "no-buying-power");
    assert_eq!(feed(&mut harness, 10_000, 10_150, 10_150), [""; 0]);
}

#[test]
fn a_stop_that_is_refused_is_sent_again() {
    let mut harness = long();
    feed(&mut harness, 10_150, 10_350, 10_300);
    harness.end_order(2, OrderStatus::Refused, "price-collar");
    assert_eq!(
        feed(&mut harness, 10_100, 10_350, 10_300),
        ["#3 sell 2000 of 0 stop 10100"]
    );
}

#[test]
fn a_break_downwards_is_sold_short_only_where_that_is_chosen() {
    let mut harness = harness();
    quiet(&mut harness);
    assert_eq!(feed(&mut harness, 9_800, 10_100, 9_800), [""; 0]);

    let mut harness = self::harness().param("short", "true");
    quiet(&mut harness);
    assert_eq!(
        feed(&mut harness, 9_800, 10_100, 9_800),
        ["#1 sell 2000 of 0 market"]
    );
    harness.fill(1, 9_700);
    assert_eq!(
        feed(&mut harness, 9_600, 9_850, 9_650),
        ["#2 buy 2000 of 0 stop 10100"]
    );
    assert_eq!(
        feed(&mut harness, 9_500, 9_700, 9_550),
        ["replace #2 by #3 buy 2000 of 0 stop 9850"]
    );
    assert_eq!(
        feed(&mut harness, 9_500, 9_700, 9_550),
        ["replace #3 by #4 buy 2000 of 0 stop 9700"]
    );
    // The channel rises; the stop does not.
    assert_eq!(feed(&mut harness, 9_500, 9_800, 9_550), [""; 0]);
}

#[test]
fn a_position_is_worth_no_more_than_its_weight() {
    let mut harness = harness().param("weight", "1000");
    quiet(&mut harness);
    // 100,000 at 102.00.
    assert_eq!(
        feed(&mut harness, 9_900, 10_200, 10_200),
        ["#1 buy 980 of 0 market"]
    );
}

#[test]
fn a_quantity_is_whole_lots_and_none_is_no_order() {
    let mut harness = harness().with_instrument(0, |of| of.lot_size = 300);
    quiet(&mut harness);
    assert_eq!(
        feed(&mut harness, 9_900, 10_200, 10_200),
        ["#1 buy 1800 of 0 market"]
    );
    let mut harness = self::harness().with_instrument(0, |of| of.lot_size = 2_001);
    quiet(&mut harness);
    assert_eq!(feed(&mut harness, 9_900, 10_200, 10_200), [""; 0]);
}

#[test]
fn a_stop_stands_on_the_tick_grid_away_from_the_price() {
    let mut harness = harness()
        .param("short", "true")
        .with_instrument(0, |of| of.tick_size = 70);
    quiet(&mut harness);
    feed(&mut harness, 9_900, 10_200, 10_200);
    harness.fill(1, 10_300);
    // 99.00 is no multiple of 0.70; 98.70 is.
    assert_eq!(
        feed(&mut harness, 10_150, 10_350, 10_300),
        ["#2 sell 2000 of 0 stop 9870"]
    );

    let mut harness = self::harness()
        .param("short", "true")
        .with_instrument(0, |of| of.tick_size = 70);
    quiet(&mut harness);
    feed(&mut harness, 9_800, 10_100, 9_800);
    harness.fill(1, 9_700);
    // 101.00 is none; 101.50 is.
    assert_eq!(
        feed(&mut harness, 9_600, 9_850, 9_650),
        ["#2 buy 2000 of 0 stop 10150"]
    );
}

#[test]
fn a_stop_has_a_price_above_zero() {
    let mut harness = harness().with_instrument(0, |of| of.tick_size = 70);
    for _ in 0..60 {
        feed(&mut harness, 50, 90, 60);
    }
    let entry = feed(&mut harness, 50, 100, 100);
    assert_eq!(entry.len(), 1);
    harness.fill(1, 100);
    let stop = feed(&mut harness, 50, 100, 100);
    assert!(stop[0].ends_with("stop 70"), "{stop:?}");
}

#[test]
fn a_distance_is_rounded_up_and_is_a_number() {
    let two = Decimal::new(20, 1);
    let table = [
        (2.4, Some(5)),
        (0.0, Some(1)),
        (f64::NAN, None),
        (f64::INFINITY, None),
        (1e16, None),
    ];
    for (range, expected) in table {
        assert_eq!(distance(range, two), expected, "{range}");
    }
}

#[test]
fn each_instrument_goes_its_own_way() {
    let mut harness = harness().instruments(&["A", "B"]);
    for _ in 0..60 {
        harness.bar(&[[10_000, 10_100, 9_900, 10_000], [500, 510, 490, 500]]);
    }
    let requests: Vec<Request> =
        harness.bar(&[[10_000, 10_100, 9_900, 10_000], [510, 520, 490, 520]]);
    assert_eq!(lines(&requests), ["#1 buy 20000 of 1 market"]);
    harness.fill(1, 525);
    // B lost 0.05 a unit since, so one percent of the equity is 9,990.
    let requests = harness.bar(&[[10_200, 10_200, 9_900, 10_200], [520, 530, 500, 520]]);
    assert_eq!(
        lines(&requests),
        ["#2 buy 1998 of 0 market", "#3 sell 20000 of 1 stop 490"]
    );
}

#[test]
fn a_split_moves_channels_and_stop_with_the_price() {
    let mut harness = long();
    feed(&mut harness, 10_150, 10_350, 10_300);
    harness.corporate_action(&CorporateAction {
        instrument: 0,
        ex_time: 0,
        action: CorporateActionType::Split(SplitRatio { new: 2, old: 1 }),
    });
    // The account here does not know of the split, so the quantity stays; the price halves.
    assert_eq!(
        feed(&mut harness, 5_080, 5_180, 5_150),
        ["replace #2 by #3 sell 2000 of 0 stop 5075"]
    );
}

#[test]
fn a_split_moves_channel_and_range_while_nothing_is_held() {
    let mut harness = harness();
    quiet(&mut harness);
    harness.corporate_action(&CorporateAction {
        instrument: 0,
        ex_time: 0,
        action: CorporateActionType::Split(SplitRatio { new: 2, old: 1 }),
    });
    // Half of everything: the channel's top is 50.50, and the range (1.00 + 1.50) / 2.
    assert_eq!(
        feed(&mut harness, 4_950, 5_100, 5_100),
        ["#1 buy 4000 of 0 market"]
    );
}

#[test]
fn nothing_is_sent_before_the_windows_are_full() {
    let mut harness = harness().param("entry", "100");
    for day in 0..100 {
        let price = 10_000 + day;
        assert_eq!(
            feed(&mut harness, price - 50, price + 50, price + 50),
            [""; 0]
        );
    }
    assert_ne!(feed(&mut harness, 10_000, 10_200, 10_200), [""; 0]);
}

#[test]
fn init_refuses_channels_that_cross() {
    let mut harness = harness().param("exit", "4");
    assert_eq!(
        harness.init().unwrap_err(),
        "exit (4) must be at most entry (3)"
    );
}
