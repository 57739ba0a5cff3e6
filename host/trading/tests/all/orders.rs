//! Order types, times in force, cancel and replace, latency, and which of two orders goes first.

use crate::support::check;

const FLAT: &str = "100 100 100 100 1000";

#[test]
fn no_order_fills_on_the_bar_that_caused_it() {
    check(
        "",
        &[
            //  bar                  sent                   reported
            ("100 120  80 100 1000", "buy 10 market", ""),
            (" 90 120  80 100 1000", "", "1 accepted; 1 buy 10 at 90"),
        ],
    );
}

#[test]
fn a_stop_limit_order_rests_as_a_limit_order_once_it_is_triggered() {
    check(
        "",
        &[
            (FLAT, "buy 10 stop-limit 110 105", ""),
            ("100 109 100 109 1000", "", "1 accepted"),
            // Triggered, and the close is still above the limit.
            ("109 112 104 106 1000", "", ""),
            ("104 106 103 105 1000", "", "1 buy 10 at 104"),
        ],
    );
    check(
        "",
        &[
            (FLAT, "sell 10 stop-limit 90 95", ""),
            ("100 100  89  90 1000", "", "1 accepted"),
            ("92 94 91 94 1000", "", ""),
            ("92 96 91 94 1000", "", "1 sell 10 at 95 maker"),
        ],
    );
}

#[test]
fn what_is_left_of_a_triggered_stop_is_a_market_order() {
    check(
        "cap=1000",
        &[
            (FLAT, "buy 150 stop 110", ""),
            (
                "100 112 100 105 1000",
                "",
                "1 accepted; 1 buy 100 at 110 left 50",
            ),
            ("101 102 100 101 1000", "", "1 buy 50 at 101"),
        ],
    );
}

#[test]
fn a_bar_without_volume_triggers_nothing_and_ends_immediate_orders() {
    check(
        "",
        &[
            (
                FLAT,
                "buy 10 stop 110; buy 10 market ioc; buy 10 limit 95",
                "",
            ),
            (
                "120 120 90 120 0",
                "",
                "1 accepted; 2 accepted; 3 accepted; 2 expired",
            ),
            ("100 109 96 100 1000", "", ""),
        ],
    );
}

#[test]
fn day_orders_die_with_their_trading_day() {
    check(
        "",
        &[
            (FLAT, "buy 10 limit 95 day", ""),
            ("100 100 96 100 1000", "", "1 accepted"),
            ("90 90 90 90 1000", "", "1 expired"),
        ],
    );
    // Accepted after the last bar of a day, it belongs to the next day with a bar.
    check(
        "step=12h",
        &[
            (FLAT, "", ""),
            (FLAT, "buy 10 limit 95 day", ""),
            ("-", "", "1 accepted"),
            ("-", "", ""),
            ("100 100 96 100 1000", "", ""),
            ("95 95 95 95 1000", "", "1 buy 10 at 95"),
        ],
    );
}

#[test]
fn a_good_till_date_order_fills_on_no_bar_that_closes_later() {
    check(
        "",
        &[
            (FLAT, "buy 10 limit 95 gtd 3; buy 5 limit 95 gtd 1", ""),
            (FLAT, "", "1 accepted; 2 rejected expired-time-in-force"),
            (FLAT, "", ""),
            ("90 90 90 90 1000", "", "1 expired"),
        ],
    );
    check(
        "",
        &[
            (FLAT, "buy 10 limit 95 gtd 2", ""),
            ("90 90 90 90 1000", "", "1 accepted; 1 buy 10 at 90"),
        ],
    );
}

#[test]
fn immediate_or_cancel_takes_what_there_is_and_fill_or_kill_all_or_nothing() {
    check(
        "cap=1000",
        &[
            (
                FLAT,
                "buy 150 market ioc; sell 150 market fok; sell 100 market fok; buy 10 limit 90 ioc",
                "",
            ),
            (
                "100 100 95 100 1000",
                "",
                "1 accepted; 2 accepted; 3 accepted; 4 accepted; 1 buy 100 at 100 left 50; \
                 3 sell 100 at 100; 1 expired; 2 expired; 4 expired",
            ),
            ("90 90 90 90 1000", "", ""),
        ],
    );
    // What may not rest never makes.
    check(
        "fee=100 maker=10",
        &[
            (FLAT, "buy 10 limit 95 ioc; buy 10 limit 95", ""),
            (
                "100 100 95 100 1000",
                "",
                "1 accepted; 2 accepted; 1 buy 10 at 95 fee 9.5; 2 buy 10 at 95 fee 0.95 maker",
            ),
        ],
    );
}

#[test]
fn a_replacement_is_both_or_neither_in_every_time_in_force() {
    check(
        "",
        &[
            (FLAT, "buy 10 limit 90", ""),
            (FLAT, "replace 1 buy 20 limit 95 gtd 4", "1 accepted"),
            (
                FLAT,
                "replace 2 sell 5 stop-limit 99 98 gtd 2",
                "1 canceled; 2 accepted",
            ),
            // It was over before the venue had it: the old one stays.
            (
                "96 97 95 97 1000",
                "",
                "3 rejected expired-time-in-force; 2 buy 20 at 95 maker",
            ),
        ],
    );
    check(
        "",
        &[
            (FLAT, "buy 10 limit 90 day", ""),
            (FLAT, "replace 1 buy 20 market fok", "1 accepted"),
            (
                "99 99 99 99 5",
                "",
                "1 canceled; 2 accepted; 2 buy 20 at 99",
            ),
            (FLAT, "cancel 2", "gate: unknown-order"),
            (
                FLAT,
                "replace 2 buy 1 market",
                "2 refused unknown-order; gate: unknown-order",
            ),
        ],
    );
}

#[test]
fn latency_lets_bars_of_the_instrument_pass() {
    check(
        "latency=1",
        &[
            (FLAT, "buy 10 market; buy 5 limit 90", ""),
            ("101 101 80 101 1000", "cancel 2", ""),
            // A missing bar.
            ("-", "", ""),
            (
                "102 102 95 102 1000",
                "",
                "1 accepted; 2 accepted; 1 buy 10 at 102",
            ),
            // The cancel is as late as the order was.
            ("80 80 80 80 1000", "", "2 canceled"),
        ],
    );
    check(
        "latency=2",
        &[
            (FLAT, "buy 10 market day", ""),
            ("101 101 101 101 1000", "", ""),
            ("102 102 102 102 1000", "", ""),
            ("103 103 103 103 1000", "", "1 accepted; 1 buy 10 at 103"),
        ],
    );
    check(
        "latency=1",
        &[
            (FLAT, "buy 10 limit 90 gtd 2", ""),
            (FLAT, "", ""),
            // The time it was good till passed on its way.
            (FLAT, "", "1 rejected expired-time-in-force"),
        ],
    );
    check(
        "latency=1",
        &[
            (FLAT, "buy 5 limit 90", ""),
            (FLAT, "", ""),
            (FLAT, "cancel 1", "1 accepted"),
            // Filled before the cancel is there.
            ("80 80 80 80 1000", "", "1 buy 5 at 80"),
            (FLAT, "", ""),
        ],
    );
}

#[test]
fn trade_through_asks_for_a_price_beyond_the_limit() {
    check(
        "limits=through",
        &[
            (FLAT, "buy 10 limit 95; sell 10 limit 105", ""),
            ("100 105 95 100 1000", "", "1 accepted; 2 accepted"),
            (
                "100 106 94 100 1000",
                "",
                "1 buy 10 at 95 maker; 2 sell 10 at 105 maker",
            ),
        ],
    );
}

#[test]
fn of_two_orders_the_worse_for_the_account_goes_first() {
    // Of a bracket whose stop and limit are both inside the bar, the stop fills.
    check(
        "account=cash",
        &[
            (FLAT, "buy 10 market", ""),
            (
                FLAT,
                "sell 10 limit 110; sell 10 stop 90",
                "1 accepted; 1 buy 10 at 100",
            ),
            (
                "100 115 85 100 1000",
                "",
                "2 accepted; 3 accepted; 3 sell 10 at 90; 2 rejected short-selling-not-allowed",
            ),
        ],
    );
    // The volume goes to the worse price of a side.
    check(
        "cap=1000",
        &[
            (
                FLAT,
                "buy 80 stop 105; buy 80 stop 110; buy 80 limit 90; buy 80 limit 95",
                "",
            ),
            (
                "100 115 85 100 1000",
                "",
                "1 accepted; 2 accepted; 3 accepted; 4 accepted; 2 buy 80 at 110; \
                 1 buy 20 at 105 left 60",
            ),
            (
                "100 100 85 100 1000",
                "",
                "1 buy 60 at 100; 4 buy 40 at 95 maker left 40",
            ),
        ],
    );
    // The account pays before it receives: what the sale will bring cannot pay for the buy.
    check(
        "account=cash cash=1500 slip=2000",
        &[
            (FLAT, "buy 10 market", ""),
            (FLAT, "sell 10 stop 90", "1 accepted; 1 buy 10 at 100 cut"),
            (FLAT, "buy 4 stop 110", "2 accepted"),
            (
                "100 130 85 100 1000",
                "",
                "3 accepted; 3 rejected no-buying-power; 2 sell 10 at 85 slip 50 cut",
            ),
        ],
    );
    // At the open it is the sequence in which the venue took them.
    check(
        "cap=1000",
        &[
            (FLAT, "buy 80 limit 100; buy 80 market", ""),
            (
                FLAT,
                "",
                "1 accepted; 2 accepted; 1 buy 80 at 100; 2 buy 20 at 100 left 60",
            ),
        ],
    );
}

#[test]
fn a_strategy_may_not_use_the_ids_of_the_host() {
    use counterfoil_trading::instrument::InstrumentId;
    use counterfoil_trading::order::{
        ClientOrderId, Intent, Order, OrderType, Request, Side, TimeInForce,
    };
    use counterfoil_trading::units::Quantity;

    let mut played = crate::support::Played::new("");
    let order = Order {
        instrument: InstrumentId(0),
        client_order_id: ClientOrderId::HOST_FIRST,
        side: Side::Buy,
        quantity: Quantity(1),
        order_type: OrderType::Market,
        time_in_force: TimeInForce::Gtc,
    };
    let intents = [
        Intent::Submit(order),
        Intent::Cancel(ClientOrderId::HOST_FIRST),
    ];
    played.strategy.next = intents
        .map(|intent| Request {
            intent,
            reason: None,
        })
        .to_vec();
    assert_eq!(
        played.row(FLAT, ""),
        "gate: reserved-client-order-id; gate: unknown-order"
    );
}
