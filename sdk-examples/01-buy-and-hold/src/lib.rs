//! Buys every instrument once and holds it. Teaches the shape of a strategy.

use counterfoil_sdk::{Bar, Context, Decimal, Setup, Side, Strategy, params};

params! {
    /// What the author may choose.
    pub struct Params {
        /// Units of each instrument to buy
        quantity: Decimal in "0.00000001"..="1000000000" = "100",
    }
}

/// The strategy.
#[derive(Debug)]
pub struct BuyAndHold {
    /// What is still to be bought of each instrument.
    wanted: Vec<Option<i64>>,
}

impl Strategy for BuyAndHold {
    type Params = Params;
    const NAME: &'static str = "buy-and-hold";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUTHOR: &'static str = "Counterfoil";
    const SUMMARY: &'static str = "Buys every instrument once and holds it";

    fn init(params: Params, setup: &Setup) -> Result<Self, String> {
        let wanted = setup
            .instruments
            .iter()
            .map(|of| params.quantity.to_quantity(of).map(Some));
        Ok(Self {
            wanted: wanted.collect::<Result<_, _>>()?,
        })
    }

    fn on_bar(&mut self, bar: &Bar, ctx: &mut Context<'_>) -> Result<(), String> {
        // An order that is sent during the warm-up is refused, and would be lost.
        if bar.warming_up {
            return Ok(());
        }
        let index = usize::try_from(bar.instrument).unwrap_or(usize::MAX);
        if let Some(quantity) = self.wanted.get_mut(index).and_then(Option::take) {
            ctx.market(bar.instrument, Side::Buy, quantity)
                .reason("first bar")
                .send();
        }
        Ok(())
    }
}

counterfoil_sdk::export!(BuyAndHold);

#[cfg(test)]
mod tests {
    use counterfoil_sdk::harness::{Harness, lines};

    use super::*;

    #[test]
    fn each_instrument_is_bought_once() {
        let mut harness = Harness::<BuyAndHold>::new().instruments(&["A", "B"]);
        let requests = harness.bar(&[[10; 4], [20; 4]]);
        assert_eq!(
            lines(&requests),
            ["#1 buy 100 of 0 market", "#2 buy 100 of 1 market"]
        );
        assert!(harness.bar(&[[11; 4], [21; 4]]).is_empty());
    }
}
