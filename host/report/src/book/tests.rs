//! Round trips as tables of fills.

use counterfoil_trading::instrument::InstrumentGrid;
use counterfoil_trading::time::UnixNanos;
use proptest::prelude::*;

use super::*;

const ID: InstrumentId = InstrumentId(0);
/// Nano-units in one step of the test instrument's price.
const CENT: i128 = 10_000_000;

fn instrument() -> Instrument {
    Instrument::new("ABC".to_owned(), InstrumentGrid::whole_units(2)).unwrap()
}

fn done(signed: i64, price: Price, fee: Money, bar: u64) -> BookedFill {
    BookedFill {
        side: if signed > 0 { Side::Buy } else { Side::Sell },
        quantity: Quantity(signed.abs()),
        price,
        fee,
        slippage: Money(1),
        end: TradeEnd {
            time: UnixNanos(0),
            bar,
            entry: None,
            reason: None,
        },
    }
}

fn short(trade: &RoundTrip) -> String {
    let until = match &trade.closed {
        Some(end) => end.bar.to_string(),
        None => "open".to_owned(),
    };
    let text = |money: Money| {
        let text = money.to_text();
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    format!(
        "{} {} bars {}..{until} net {} fees {}",
        trade.direction.name(),
        trade.entered.0,
        trade.opened.bar,
        text(trade.net().unwrap()),
        text(trade.fees),
    )
}

/// Each word is a fill: `+10@1.50` buys ten at 1.50, each with a fee of 0.3.
#[track_caller]
fn check(fills: &str, mark: &str, expect: &[&str]) {
    let instrument = instrument();
    let mut book = TradeBook::default();
    let mut got = Vec::new();
    for (bar, word) in fills.split_whitespace().enumerate() {
        let (quantity, price) = word.split_once('@').unwrap();
        let price = instrument.parse_price(price).unwrap();
        let fee = Money::parse("0.3").unwrap();
        let fill = done(quantity.parse().unwrap(), price, fee, bar as u64);
        book.fill(ID, &instrument, &fill, &mut got).unwrap();
    }
    let mark = instrument.parse_price(mark).unwrap();
    got.extend(book.finish(&instrument, Some(mark)));
    let got: Vec<String> = got.iter().map(short).collect();
    assert_eq!(got, expect, "{fills}");
}

#[test]
fn a_trade_runs_from_flat_to_flat_or_to_the_other_side() {
    check("", "1", &[]);
    check(
        "+10@10 -10@12",
        "1",
        &["long 10 bars 0..1 net 19.4 fees 0.6"],
    );
    check(
        "-10@10 +10@12",
        "1",
        &["short 10 bars 0..1 net -20.6 fees 0.6"],
    );
    check(
        "+10@10 +10@20 -5@30 -15@10",
        "1",
        &["long 20 bars 0..3 net -1.2 fees 1.2"],
    );
    // Two thirds of the crossing fill's fee close, one third opens.
    check(
        "+10@10 -15@11",
        "9",
        &[
            "long 10 bars 0..1 net 9.5 fees 0.5",
            "short 5 bars 1..open net 9.9 fees 0.1",
        ],
    );
    check(
        "+10@10 -4@11",
        "12",
        &["long 10 bars 0..open net 15.4 fees 0.6"],
    );
}

#[test]
fn a_holding_that_changes_without_a_fill_is_taken_over() {
    let instrument = instrument();
    let mut book = TradeBook::default();
    let buy = done(10, Price(1_000), Money::ZERO, 0);
    let mut trades = Vec::new();
    book.fill(ID, &instrument, &buy, &mut trades).unwrap();
    let end = || done(1, Price(1), Money::ZERO, 7).end;
    // A split of two for one: the trade goes on, and twenty close it.
    assert_eq!(book.settle(Quantity(20), end), None);
    let sell = done(-20, Price(600), Money::ZERO, 9);
    book.fill(ID, &instrument, &sell, &mut trades).unwrap();
    assert_eq!(short(&trades[0]), "long 10 bars 0..9 net 20 fees 0");
    assert_eq!(book.settle(Quantity(3), end), None);
}

#[test]
fn dividends_and_borrow_fees_belong_to_the_trade_they_were_for() {
    let instrument = instrument();
    let (mut book, mut trades) = (TradeBook::default(), Vec::new());
    let end = |bar| done(1, Price(1), Money::ZERO, bar).end;
    let fill = |book: &mut TradeBook, trades: &mut Vec<RoundTrip>, signed, bar| {
        let done = done(signed, Price(1_000), Money::ZERO, bar);
        book.fill(ID, &instrument, &done, trades).unwrap();
    };
    let cash = |text: &str| Money::parse(text).unwrap();
    fill(&mut book, &mut trades, -10, 0);
    book.action(Quantity(-10), cash("-5"), || end(1), &mut trades)
        .unwrap();
    book.borrow(ID, cash("0.25"), &mut trades).unwrap();
    fill(&mut book, &mut trades, 20, 2);
    // Booked a day late: the trade it accrued in has ended, and a long one is open.
    book.borrow(ID, cash("0.5"), &mut trades).unwrap();
    book.action(Quantity(0), cash("70"), || end(3), &mut trades)
        .unwrap();
    let got: Vec<String> = trades.iter().map(short).collect();
    let expect = [
        "short 10 bars 0..2 net -5.75 fees 0",
        "long 10 bars 2..3 net -30 fees 0",
    ];
    assert_eq!(got, expect);
}

proptest! {
    /// The profit of all trades, open ones at the mark, is the profit of the account.
    #[test]
    fn the_trades_add_up_to_the_account(
        fills in prop::collection::vec((-50_i64..50, 1_i64..5_000, 0_i128..1_000), 0..60),
        mark in 1_i64..5_000,
    ) {
        let instrument = instrument();
        let mut book = TradeBook::default();
        let (mut cash, mut paid, mut held) = (0_i128, 0_i128, 0_i64);
        let mut trades = Vec::new();
        for (signed, price, fee) in fills.into_iter().filter(|fill| fill.0 != 0) {
            let done = done(signed, Price(price), Money(fee), 0);
            cash -= i128::from(signed) * i128::from(price) * CENT + fee;
            paid += fee;
            held += signed;
            book.fill(ID, &instrument, &done, &mut trades).unwrap();
        }
        trades.extend(book.finish(&instrument, Some(Price(mark))));
        let made: i128 = trades.iter().map(|trade| trade.net().unwrap().0).sum();
        let fees: i128 = trades.iter().map(|trade| trade.fees.0).sum();
        let value = i128::from(held) * i128::from(mark) * CENT;
        prop_assert_eq!(made, cash + value);
        prop_assert_eq!(fees, paid);
        for trade in trades.iter().filter(|trade| trade.closed.is_some()) {
            prop_assert_eq!(trade.entered, trade.exited);
        }
    }
}
