//! Compares the venue's books with the run's: what differs, what may explain it, and whether it is
//! tolerated. It must never set one of them to the other. Its texts are recorded in order logs and
//! stop records: they never change.

use std::collections::BTreeMap;

use counterfoil_trading::execution::Delivery;
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::order::{ClientOrderId, Side};
use counterfoil_trading::strategy::AccountView;
use counterfoil_trading::units::{Money, Quantity};

/// An order that can still fill.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OpenOrder {
    pub instrument: InstrumentId,
    pub side: Side,
    /// Leaves quantity.
    pub leaves: Quantity,
}

/// Cash, positions and open orders, by the books of either side.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holdings {
    pub cash: Money,
    /// By instrument.
    pub positions: Vec<Quantity>,
    /// The run's orders.
    pub open: BTreeMap<ClientOrderId, OpenOrder>,
    /// Orders in the run's instruments that it did not send, by name; `None` for an order that no
    /// run can send.
    pub foreign: BTreeMap<String, Option<OpenOrder>>,
}

/// What an account held beside the run when the run began.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Baseline {
    /// Cash, less what the run began with.
    pub cash: Money,
    pub positions: Vec<Quantity>,
}

/// One difference between the books.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BookDifference {
    /// Cash, a position or an order.
    pub what: String,
    /// By the run's books, with the baseline.
    pub ours: String,
    /// By the venue's.
    pub theirs: String,
    /// What may explain it.
    pub explanation: &'static str,
    pub tolerance: String,
    /// Whether it is within the tolerance.
    pub is_tolerated: bool,
}

/// The run's books once the pending deliveries are booked; `None` if an amount is out of range.
#[must_use]
pub fn expected_holdings(
    account: &AccountView<'_>,
    pending: &[Delivery],
    instruments: &[Instrument],
) -> Option<Holdings> {
    let positions = account.account.positions();
    let mut holdings = Holdings {
        cash: account.account.cash(),
        positions: positions.iter().map(|position| position.quantity).collect(),
        ..Holdings::default()
    };
    for order in account.working {
        let open = OpenOrder {
            instrument: order.instrument,
            side: order.side,
            leaves: order.leaves_quantity,
        };
        holdings.open.insert(order.client_order_id, open);
    }
    for delivery in pending {
        match delivery {
            Delivery::Fill(fill) => {
                let instrument = instruments.get(fill.instrument.index())?;
                let sign = match fill.side {
                    Side::Buy => 1,
                    Side::Sell => -1,
                };
                let signed = Quantity(fill.quantity.0.checked_mul(sign)?);
                let paid = instrument.notional(fill.price, signed)?;
                holdings.cash = holdings.cash.minus(paid)?.minus(fill.fee)?;
                let held = holdings.positions.get_mut(fill.instrument.index())?;
                held.0 = held.0.checked_add(signed.0)?;
                if fill.leaves_quantity.0 == 0 {
                    holdings.open.remove(&fill.client_order_id);
                } else if let Some(open) = holdings.open.get_mut(&fill.client_order_id) {
                    open.leaves = fill.leaves_quantity;
                }
            }
            Delivery::Event(event) if event.status.is_final() => {
                holdings.open.remove(&event.client_order_id);
            }
            Delivery::Event(_) | Delivery::Action(_) | Delivery::Borrow(_) => {}
        }
    }
    Some(holdings)
}

/// Every difference, cash first; `None` if an amount is out of range.
#[must_use]
pub fn compare(
    ours: &Holdings,
    theirs: &Holdings,
    baseline: &Baseline,
    cash_tolerance: Money,
    instruments: &[Instrument],
) -> Option<Vec<BookDifference>> {
    let mut found = Vec::new();
    let expected = ours.cash.plus(baseline.cash)?;
    let apart = theirs.cash.minus(expected)?;
    if apart != Money::ZERO {
        // Cash alone has a tolerance: fees and interest arrive without an execution. A position
        // differs by an order, and an order is never a rounding.
        let is_tolerated = apart.0.checked_abs()? <= cash_tolerance.0;
        found.push(BookDifference {
            what: "cash".to_owned(),
            ours: expected.to_text(),
            theirs: theirs.cash.to_text(),
            explanation: if is_tolerated {
                "fees, interest or rounding of the venue: less than the tolerance"
            } else {
                "money that the run does not know of: fees, a deposit, or a trade that is not its own"
            },
            tolerance: cash_tolerance.to_text(),
            is_tolerated,
        });
    }
    for (place, instrument) in instruments.iter().enumerate() {
        let expected = position(&ours.positions, place)
            .0
            .checked_add(position(&baseline.positions, place).0)?;
        let held = position(&theirs.positions, place);
        if held.0 != expected {
            found.push(exact(
                format!("position {}", instrument.symbol()),
                instrument.quantity_text(Quantity(expected)),
                instrument.quantity_text(held),
                "a trade that is not the run's, or a corporate action",
            ));
        }
    }
    let none = || "none".to_owned();
    let text = |open: &OpenOrder| open_text(open, instruments);
    let other_kind = || "of a kind that no run sends".to_owned();
    for (id, open) in &ours.open {
        let there = theirs.open.get(id);
        // Also where only the leaves quantity differs: a fill that one side knows of and the other
        // does not.
        if there != Some(open) {
            let explanation = "the venue's order is another or is not open";
            let theirs = there.map_or_else(none, text);
            found.push(exact(order(*id), text(open), theirs, explanation));
        }
    }
    for (id, open) in &theirs.open {
        if !ours.open.contains_key(id) {
            let explanation = "the run has it as ended";
            found.push(exact(order(*id), none(), text(open), explanation));
        }
    }
    for (name, open) in &theirs.foreign {
        let explanation = "somebody else sent an order in an instrument of the run";
        found.push(exact(
            format!("order {name}"),
            none(),
            open.as_ref().map_or_else(other_kind, text),
            explanation,
        ));
    }
    Some(found)
}

/// A position in the sequence of the instruments; none before the first trade.
fn position(all: &[Quantity], place: usize) -> Quantity {
    all.get(place).copied().unwrap_or(Quantity(0))
}

/// A difference without tolerance.
fn exact(what: String, ours: String, theirs: String, explanation: &'static str) -> BookDifference {
    BookDifference {
        what,
        ours,
        theirs,
        explanation,
        tolerance: "0".to_owned(),
        is_tolerated: false,
    }
}

fn order(id: ClientOrderId) -> String {
    format!("order {}", id.0)
}

fn open_text(open: &OpenOrder, instruments: &[Instrument]) -> String {
    let instrument = instruments.get(open.instrument.index());
    let (symbol, leaves) = instrument.map_or(("?", open.leaves.0.to_string()), |instrument| {
        (instrument.symbol(), instrument.quantity_text(open.leaves))
    });
    format!("{} {leaves} {symbol}", open.side.name())
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::instrument::InstrumentGrid;

    use super::*;

    fn instruments() -> Vec<Instrument> {
        ["AAA", "BBB"]
            .map(|symbol| {
                Instrument::new(symbol.to_owned(), InstrumentGrid::whole_units(2)).unwrap()
            })
            .into()
    }

    /// Books in one line: cash, two positions, and orders as `id:leaves`; `x` begins one that the run
    /// did not send.
    fn holdings(text: &str) -> Holdings {
        let mut words = text.split(' ');
        let mut holdings = Holdings {
            cash: Money::parse(words.next().unwrap()).unwrap(),
            ..Holdings::default()
        };
        for word in words {
            let Some((id, leaves)) = word.split_once(':') else {
                holdings.positions.push(Quantity(word.parse().unwrap()));
                continue;
            };
            let open = OpenOrder {
                instrument: InstrumentId(1),
                side: Side::Sell,
                leaves: Quantity(leaves.parse().unwrap()),
            };
            if id.starts_with('x') {
                holdings.foreign.insert(id.to_owned(), Some(open));
            } else {
                holdings
                    .open
                    .insert(ClientOrderId(id.parse().unwrap()), open);
            }
        }
        holdings
    }

    /// What differs between the run's books and the venue's, where the account held 1000 and 7 of
    /// AAA besides the run, and half a unit of cash is tolerated.
    #[track_caller]
    fn check(ours: &str, theirs: &str, expect: &[&str]) {
        let baseline = Baseline {
            cash: Money::parse("1000").unwrap(),
            positions: vec![Quantity(7), Quantity(0)],
        };
        let tolerance = Money::parse("0.5").unwrap();
        let (ours_held, theirs_held) = (holdings(ours), holdings(theirs));
        let found = compare(
            &ours_held,
            &theirs_held,
            &baseline,
            tolerance,
            &instruments(),
        );
        let lines: Vec<String> = found
            .unwrap()
            .iter()
            .map(|difference| {
                let verdict = if difference.is_tolerated {
                    "tolerated"
                } else {
                    "halt"
                };
                format!(
                    "{}: {} / {}: {verdict}",
                    difference.what, difference.ours, difference.theirs
                )
            })
            .collect();
        assert_eq!(lines, expect, "{ours} against {theirs}");
    }

    #[test]
    fn each_difference_is_named_and_only_cash_has_a_tolerance() {
        check("50 3 -2 1:4", "1050 10 -2 1:4", &[]);
        check(
            "50 3 0",
            "1050.5 10 0",
            &["cash: 1050.000000000 / 1050.500000000: tolerated"],
        );
        check(
            "50 3 0",
            "1049.5 10 0",
            &["cash: 1050.000000000 / 1049.500000000: tolerated"],
        );
        check(
            "50 3 0",
            "1050.500000001 10 0",
            &["cash: 1050.000000000 / 1050.500000001: halt"],
        );
        check("50 3 0", "1050 3 0", &["position AAA: 10 / 3: halt"]);
        check("50 3 -2", "1050 10 2", &["position BBB: -2 / 2: halt"]);
        check(
            "50 0 0 1:4",
            "1050 7 0",
            &["order 1: sell 4 BBB / none: halt"],
        );
        check(
            "50 0 0",
            "1050 7 0 1:4",
            &["order 1: none / sell 4 BBB: halt"],
        );
        check(
            "50 0 0 1:4",
            "1050 7 0 1:3",
            &["order 1: sell 4 BBB / sell 3 BBB: halt"],
        );
        check(
            "50 0 0",
            "1050 7 0 x9:2",
            &["order x9: none / sell 2 BBB: halt"],
        );
    }
}
