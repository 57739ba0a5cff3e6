//! Buys after a bar that closed higher, then protects the position with a stop below and a limit
//! above; when one fills, the other is cancelled. Teaches fills, order events and order ids.
//! A part of a leg that fills leaves the other leg whole until the rest has filled too.

use counterfoil_sdk::{
    Bar, Bars, Context, Decimal, Fill, OrderEvent, OrderStatus, Setup, Side, Strategy, params,
};

params! {
    /// What the author may choose.
    pub struct Params {
        /// Units to buy
        quantity: Decimal in "0.00000001"..="1000000000" = "100",
        /// How far below the entry the stop lies, in basis points of the entry price
        stop_bps: u32 in 1..=9999 = 200,
        /// How far above the entry the limit lies, in basis points of the entry price
        limit_bps: u32 in 1..=100_000 = 400,
    }
}

/// The strategy.
#[derive(Debug)]
pub struct Bracket {
    quantity: i64,
    stop_bps: u32,
    limit_bps: u32,
    previous_close: Option<i64>,
    stage: Stage,
}

/// Where one trade stands. Fills and events move it on; orders leave on the next bar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Flat,
    Entering {
        entry: u64,
    },
    /// Filled at this price, not protected yet.
    Open {
        price: i64,
    },
    Protected {
        stop: u64,
        limit: u64,
    },
    /// One leg filled; the other is to be cancelled.
    Leaving {
        other: u64,
    },
}

impl Strategy for Bracket {
    type Params = Params;
    const NAME: &'static str = "bracket";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUTHOR: &'static str = "Counterfoil";
    const SUMMARY: &'static str = "Protects each entry with a stop and a limit";
    const BARS: Bars = Bars::ONE;

    fn init(params: Params, setup: &Setup) -> Result<Self, String> {
        let instrument = setup.instruments.first().ok_or("there is no instrument")?;
        Ok(Self {
            quantity: params.quantity.to_quantity(instrument)?,
            stop_bps: params.stop_bps,
            limit_bps: params.limit_bps,
            previous_close: None,
            stage: Stage::Flat,
        })
    }

    fn on_bar(&mut self, bar: &Bar, ctx: &mut Context<'_>) -> Result<(), String> {
        let rose = self
            .previous_close
            .replace(bar.close)
            .is_some_and(|before| bar.close > before);
        match self.stage {
            Stage::Flat => {
                // Both legs can fill on one bar; the surplus is taken back first.
                if let Some(order) = ctx.to_target(bar.instrument, 0) {
                    order.reason("both legs filled").send();
                } else if rose && !bar.warming_up {
                    let order = ctx.market(bar.instrument, Side::Buy, self.quantity);
                    self.stage = Stage::Entering {
                        entry: order.reason("bar closed higher").send(),
                    };
                }
            }
            Stage::Open { price } => self.protect(bar.instrument, price, ctx)?,
            Stage::Leaving { other } => {
                ctx.cancel_because(other, "the other leg filled");
                self.stage = Stage::Flat;
            }
            Stage::Entering { .. } | Stage::Protected { .. } => {}
        }
        Ok(())
    }

    fn on_fill(&mut self, fill: &Fill) {
        if fill.leaves_quantity > 0 {
            return;
        }
        let id = fill.client_order_id;
        self.stage = match self.stage {
            Stage::Entering { entry } if entry == id => Stage::Open { price: fill.price },
            Stage::Protected { stop, limit } if stop == id => Stage::Leaving { other: limit },
            Stage::Protected { stop, limit } if limit == id => Stage::Leaving { other: stop },
            Stage::Leaving { other } if other == id => Stage::Flat,
            stage => stage,
        };
    }

    fn on_order_event(&mut self, event: &OrderEvent) {
        let over = !matches!(event.status, OrderStatus::Submitted | OrderStatus::Accepted);
        if over
            && self.stage
                == (Stage::Entering {
                    entry: event.client_order_id,
                })
        {
            self.stage = Stage::Flat;
        }
    }
}

impl Bracket {
    fn protect(&mut self, id: u32, entry: i64, ctx: &mut Context<'_>) -> Result<(), String> {
        let instrument = ctx
            .instrument(id)
            .ok_or("a bar of an instrument that init did not name")?;
        let away = |bps: u32| i128::from(entry) * i128::from(bps) / 10_000;
        let price = |exact: i128| {
            let price = i64::try_from(exact).map_err(|_| "the price is too large")?;
            Ok::<_, String>(instrument.tick_below(price))
        };
        let stop_price = price(i128::from(entry) - away(self.stop_bps))?;
        let limit_price = price(i128::from(entry) + away(self.limit_bps))?;
        let stop = ctx
            .stop(id, Side::Sell, self.quantity, stop_price)
            .reason("stop")
            .send();
        let limit = ctx
            .limit(id, Side::Sell, self.quantity, limit_price)
            .reason("limit")
            .send();
        self.stage = Stage::Protected { stop, limit };
        Ok(())
    }
}

counterfoil_sdk::export!(Bracket);

#[cfg(test)]
mod tests {
    use counterfoil_sdk::harness::{Harness, lines};

    use super::*;

    fn protected() -> Harness<Bracket> {
        let mut harness = Harness::new();
        assert_eq!(
            lines(&harness.closes(&[9_900, 10_000])),
            ["#1 buy 100 of 0 market"]
        );
        harness.fill(1, 10_050);
        let legs = ["#2 sell 100 of 0 stop 9849", "#3 sell 100 of 0 limit 10452"];
        assert_eq!(lines(&harness.closes(&[10_050])), legs);
        harness
    }

    #[test]
    fn when_the_limit_fills_the_stop_is_cancelled() {
        let mut harness = protected();
        harness.fill(3, 10_452);
        assert_eq!(lines(&harness.closes(&[10_460])), ["cancel #2"]);
        assert_eq!((harness.position(0), harness.working()), (0, vec![]));
    }

    #[test]
    fn when_the_stop_fills_the_limit_is_cancelled() {
        let mut harness = protected();
        harness.fill(2, 9_849);
        assert_eq!(lines(&harness.closes(&[9_800])), ["cancel #3"]);
        assert_eq!((harness.position(0), harness.working()), (0, vec![]));
    }

    #[test]
    fn when_both_fill_on_one_bar_the_surplus_is_bought_back() {
        let mut harness = protected();
        harness.fill(2, 9_849);
        harness.fill(3, 10_452);
        assert_eq!(
            lines(&harness.closes(&[10_000])),
            ["#4 buy 100 of 0 market"]
        );
    }

    #[test]
    fn an_entry_that_is_refused_is_tried_again_after_the_next_rise() {
        let mut harness = Harness::<Bracket>::new();
        harness.closes(&[9_900, 10_000]);
        harness.end_order(1, OrderStatus::Refused, "no-buying-power");
        assert_eq!(
            lines(&harness.closes(&[9_990, 10_010])),
            ["#2 buy 100 of 0 market"]
        );
    }
}
