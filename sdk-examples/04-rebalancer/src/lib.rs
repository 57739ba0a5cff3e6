//! Holds every instrument at the same weight and trades back to it every so many slices. Teaches
//! slices of several instruments, and amounts in money, without a float.

use counterfoil_sdk::{Bar, Context, Instrument, Setup, Side, Strategy, params};

params! {
    /// What the author may choose.
    pub struct Params {
        /// Slices from one rebalancing to the next
        every: u32 in 1..=10_000 = 20,
        /// Percent of the equity that is invested
        invested: u32 in 1..=100 = 95,
    }
}

/// The strategy.
#[derive(Debug)]
pub struct Rebalancer {
    every: u32,
    invested: u32,
    slices_left: u32,
    /// The last close of each instrument; none before its first bar.
    closes: Vec<Option<i64>>,
}

impl Strategy for Rebalancer {
    type Params = Params;
    const NAME: &'static str = "rebalancer";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUTHOR: &'static str = "Counterfoil";
    const SUMMARY: &'static str = "Holds every instrument at the same weight";

    fn init(params: Params, setup: &Setup) -> Result<Self, String> {
        Ok(Self {
            every: params.every,
            invested: params.invested,
            slices_left: 0,
            closes: vec![None; setup.instruments.len()],
        })
    }

    fn on_bar(&mut self, bar: &Bar, ctx: &mut Context<'_>) -> Result<(), String> {
        let index = usize::try_from(bar.instrument).unwrap_or(usize::MAX);
        let close = self.closes.get_mut(index);
        *close.ok_or("a bar of an instrument that init did not name")? = Some(bar.close);
        // Before the last bar of a slice, some closes are still those of the slice before.
        if !bar.last_in_slice || bar.warming_up {
            return Ok(());
        }
        if self.slices_left > 0 {
            self.slices_left -= 1;
            return Ok(());
        }
        self.slices_left = self.every - 1;
        self.rebalance(ctx)
    }
}

impl Rebalancer {
    fn rebalance(&self, ctx: &mut Context<'_>) -> Result<(), String> {
        let count = self.closes.iter().flatten().count() as i128;
        let equity = ctx.account().equity().to_nanos().max(0);
        let value = equity * i128::from(self.invested) / 100 / count.max(1);
        let mut buys = Vec::new();
        for (instrument, close) in ctx.instruments().iter().zip(&self.closes) {
            let Some(close) = *close else { continue };
            let target = quantity_of(instrument, value, close)?;
            let difference = target - ctx.position(instrument.id);
            if difference < 0 {
                // Sales go first: they pay for the purchases.
                ctx.market(instrument.id, Side::Sell, -difference)
                    .reason("above weight")
                    .send();
            } else if difference > 0 {
                buys.push((instrument.id, difference));
            }
        }
        for (instrument, quantity) in buys {
            ctx.market(instrument, Side::Buy, quantity)
                .reason("below weight")
                .send();
        }
        Ok(())
    }
}

/// The most whole lots that a value in billionths of the currency buys at a price.
fn quantity_of(instrument: &Instrument, value: i128, price: i64) -> Result<i64, String> {
    if price <= 0 {
        return Ok(0);
    }
    let scale = u32::from(instrument.price_scale) + u32::from(instrument.quantity_scale);
    let exact = 10_i128
        .checked_pow(scale)
        .and_then(|power| value.checked_mul(power))
        .map(|product| product / (i128::from(price) * 1_000_000_000))
        .and_then(|quantity| i64::try_from(quantity).ok())
        .ok_or("the quantity is too large")?;
    Ok(instrument.lot_below(exact))
}

counterfoil_sdk::export!(Rebalancer);

#[cfg(test)]
mod tests {
    use counterfoil_sdk::harness::{Harness, lines};

    use super::*;

    #[test]
    fn the_equity_is_spread_evenly_and_sales_go_first() {
        let harness = Harness::<Rebalancer>::new()
            .instruments(&["A", "B"])
            .cash(10_000);
        let mut harness = harness.param("every", "2").param("invested", "100");
        let requests = harness.bar(&[[1_000; 4], [5_000; 4]]);
        assert_eq!(
            lines(&requests),
            ["#1 buy 500 of 0 market", "#2 buy 100 of 1 market"]
        );
        harness.fill(1, 1_000);
        harness.fill(2, 5_000);
        // Not on this slice; then B has doubled, and the equity is 15,000.
        assert!(harness.bar(&[[1_000; 4], [9_000; 4]]).is_empty());
        let requests = harness.bar(&[[1_000; 4], [10_000; 4]]);
        assert_eq!(
            lines(&requests),
            ["#3 sell 25 of 1 market", "#4 buy 250 of 0 market"]
        );
    }

    #[test]
    fn a_quantity_is_whole_lots_rounded_down() {
        let harness = Harness::<Rebalancer>::new()
            .cash(1_000)
            .param("invested", "100");
        let mut harness = harness.with_instrument(0, |of| of.lot_size = 10);
        assert_eq!(
            lines(&harness.bar(&[[2_900; 4]])),
            ["#1 buy 30 of 0 market"]
        );
    }
}
