//! The venue's books against the run's: what differs, what may explain it, and whether it may be
//! tolerated. It must never set one of them to the other.

use std::collections::BTreeMap;

use counterfoil_trading::execution::Delivery;
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::order::{ClientOrderId, Side};
use counterfoil_trading::strategy::AccountView;
use counterfoil_trading::units::{Money, Quantity};

/// An order that can still fill.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Open {
    pub instrument: InstrumentId,
    pub side: Side,
    /// What is left to fill.
    pub leaves: Quantity,
}

/// Cash, positions and orders, by whoever keeps them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holdings {
    pub cash: Money,
    pub positions: Vec<Quantity>,
    pub open: BTreeMap<ClientOrderId, Open>,
    /// Orders in the run's instruments that it did not send, by name.
    /// `None` is one of a kind that no run sends.
    pub foreign: BTreeMap<String, Option<Open>>,
}

/// What an account held besides the run when the run began.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Baseline {
    /// Cash, less what the run began with.
    pub cash: Money,
    pub positions: Vec<Quantity>,
}

/// One difference.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    pub what: String,
    /// By the run's books, with the baseline.
    pub ours: String,
    pub theirs: String,
    /// What may explain it.
    pub explanation: &'static str,
    pub tolerance: String,
    /// Whether it is within that.
    pub is_tolerated: bool,
}

/// The run's books once it has heard what its venue has said already; `None` if an amount does not
/// fit.
#[must_use]
pub fn ours(
    account: &AccountView<'_>,
    pending: &[Delivery],
    instruments: &[Instrument],
) -> Option<Holdings> {
    let positions = account.account.positions();
    let mut holdings = Holdings {
        cash: account.account.cash(),
        positions: positions.iter().map(|one| one.quantity).collect(),
        ..Holdings::default()
    };
    for one in account.working {
        let open = Open {
            instrument: one.instrument,
            side: one.side,
            leaves: one.leaves_quantity,
        };
        holdings.open.insert(one.client_order_id, open);
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

/// Every difference, cash first; `None` if an amount does not fit.
#[must_use]
pub fn compare(
    ours: &Holdings,
    theirs: &Holdings,
    (baseline, cash_tolerance): (&Baseline, Money),
    instruments: &[Instrument],
) -> Option<Vec<Found>> {
    let mut found = Vec::new();
    let expected = ours.cash.plus(baseline.cash)?;
    let apart = theirs.cash.minus(expected)?;
    if apart != Money::ZERO {
        let is_tolerated = apart.0.checked_abs()? <= cash_tolerance.0;
        found.push(Found {
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
        let of = |all: &[Quantity]| all.get(place).copied().unwrap_or_default();
        let expected = of(&ours.positions)
            .0
            .checked_add(of(&baseline.positions).0)?;
        let held = of(&theirs.positions);
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
    let text = |open: &Open| open_text(open, instruments);
    let other_kind = || "of a kind that no run sends".to_owned();
    for (id, open) in &ours.open {
        let there = theirs.open.get(id);
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

/// A difference that nothing tolerates.
fn exact(what: String, ours: String, theirs: String, explanation: &'static str) -> Found {
    Found {
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

fn open_text(open: &Open, instruments: &[Instrument]) -> String {
    let instrument = instruments.get(open.instrument.index());
    let (symbol, leaves) = instrument.map_or(("?", open.leaves.0.to_string()), |instrument| {
        (instrument.symbol(), instrument.quantity_text(open.leaves))
    });
    format!("{} {leaves} {symbol}", open.side.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instruments() -> Vec<Instrument> {
        ["AAA", "BBB"]
            .map(|symbol| Instrument::new(symbol.to_owned(), (2, 1), (0, 1), 0).unwrap())
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
            let open = Open {
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
        let terms = (&baseline, Money::parse("0.5").unwrap());
        let found = compare(&holdings(ours), &holdings(theirs), terms, &instruments());
        let lines: Vec<String> = found
            .unwrap()
            .iter()
            .map(|one| {
                let verdict = if one.is_tolerated {
                    "tolerated"
                } else {
                    "halt"
                };
                format!("{}: {} / {}: {verdict}", one.what, one.ours, one.theirs)
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
