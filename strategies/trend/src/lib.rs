//! Follows trends in any number of instruments: in on a channel breakout, sized by volatility, out
//! by a stop that trails. It must never hold a position for longer than one bar without a stop.

mod lane;
mod size;
#[cfg(test)]
mod tests;

use counterfoil_sdk::{
    Bar, Context, CorporateAction, Decimal, Fill, OrderType, Setup, Side, Strategy, WorkingOrder,
    params,
};

use lane::{Entry, Lane};
use size::{distance, quantity};

params! {
    /// What may be chosen when the strategy runs.
    pub struct Params {
        /// Bars in the channel whose break is an entry
        entry: u32 in 2..=1000 = 55,
        /// Bars in the channel along which the stop trails, at most as many as for the entry
        exit: u32 in 1..=1000 = 20,
        /// Bars in the average true range
        range: u32 in 1..=1000 = 20,
        /// Average true ranges from the entry's price to its first stop
        stop: Decimal in "0.1"..="20.0" = "2.0",
        /// Basis points of the equity lost if the first stop fills at its price
        risk: u32 in 1..=1000 = 100,
        /// Basis points of the equity that one position may be worth at its entry
        weight: u32 in 1..=10_000 = 2500,
        /// Whether a break downwards opens a short position
        short: bool = false,
    }
}

/// The strategy.
#[derive(Debug)]
pub struct Trend {
    params: Params,
    lanes: Vec<Lane>,
}

/// The orders of one instrument that still work.
struct Working {
    stop: Option<WorkingOrder>,
    others: Vec<WorkingOrder>,
}

impl Strategy for Trend {
    type Params = Params;
    const NAME: &'static str = "trend";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUTHOR: &'static str = "Counterfoil";
    const SUMMARY: &'static str =
        "Enters on a channel breakout, sizes by volatility, leaves by a trailing stop";
    /// The default channel. A longer one makes the strategy itself wait longer.
    const WARM_UP: u32 = 55;

    fn init(params: Params, setup: &Setup) -> Result<Self, String> {
        if params.exit > params.entry {
            let (exit, entry) = (params.exit, params.entry);
            return Err(format!("exit ({exit}) must be at most entry ({entry})"));
        }
        let lanes = setup.instruments.iter().map(|_| Lane::new(&params));
        Ok(Self {
            lanes: lanes.collect::<Result<_, _>>()?,
            params,
        })
    }

    fn on_bar(&mut self, bar: &Bar, ctx: &mut Context<'_>) -> Result<(), String> {
        let lane = usize::try_from(bar.instrument)
            .ok()
            .and_then(|index| self.lanes.get_mut(index));
        let lane = lane.ok_or("a bar of an instrument that init did not name")?;
        let Some(view) = lane.update(bar) else {
            return Ok(());
        };
        let held = ctx.position(bar.instrument);
        let working = working(bar.instrument, held, ctx);
        lane.entry = None;
        // An entry has the one bar after its breakout. What that bar did not fill is taken back
        // before the stop goes out, so that no fill can come that the stop does not cover.
        for order in &working.others {
            ctx.cancel_because(order.client_order_id, "not filled in time");
        }
        if held != 0 {
            let price = lane.trail(held, &view, ctx.instrument(bar.instrument));
            protect(bar.instrument, held, price, working.stop.as_ref(), ctx);
            return Ok(());
        }
        lane.stop = None;
        if let Some(stop) = &working.stop {
            ctx.cancel_because(stop.client_order_id, "nothing is held");
        }
        // An order of the bar before is not known to be gone until the venue has answered.
        let waits = !working.others.is_empty() || bar.warming_up;
        let side = if view.broke_up {
            Side::Buy
        } else if view.broke_down && self.params.short {
            Side::Sell
        } else {
            return Ok(());
        };
        if !waits {
            lane.entry = enter(&self.params, bar, view.range, side, ctx);
        }
        Ok(())
    }

    fn on_fill(&mut self, fill: &Fill) {
        let index = usize::try_from(fill.instrument).unwrap_or(usize::MAX);
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.filled(fill);
        }
    }

    fn on_corporate_action(&mut self, action: &CorporateAction) {
        let index = usize::try_from(action.instrument).unwrap_or(usize::MAX);
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.corporate_action(action);
        }
    }
}

/// What works now, from the account: a refused, expired or partly filled order needs no notes.
fn working(instrument: u32, held: i64, ctx: &Context<'_>) -> Working {
    let mut found = Working {
        stop: None,
        others: Vec::new(),
    };
    let closing = closing_side(held);
    for order in ctx.account().working_orders() {
        if order.instrument != instrument {
            continue;
        }
        let is_stop = matches!(order.order_type, OrderType::Stop(_));
        if is_stop && found.stop.is_none() && (held == 0 || order.side == closing) {
            found.stop = Some(order);
        } else {
            found.others.push(order);
        }
    }
    found
}

fn closing_side(held: i64) -> Side {
    if held > 0 { Side::Sell } else { Side::Buy }
}

/// Makes the working stop the one that is wanted: all that is held, at this price.
fn protect(
    instrument: u32,
    held: i64,
    price: i64,
    stop: Option<&WorkingOrder>,
    ctx: &mut Context<'_>,
) {
    let quantity = held.saturating_abs();
    let side = closing_side(held);
    match stop {
        None => {
            let order = ctx.stop(instrument, side, quantity, price);
            order.reason("stop").send();
        }
        Some(stop) => {
            let wanted = (quantity, OrderType::Stop(price));
            if (stop.leaves_quantity, stop.order_type) != wanted {
                let order = ctx.stop(instrument, side, quantity, price);
                let order = order.replacing(stop.client_order_id);
                order.reason("stop follows").send();
            }
        }
    }
}

/// Sends the entry; none if the risk allows not even one lot.
fn enter(
    params: &Params,
    bar: &Bar,
    range: f64,
    side: Side,
    ctx: &mut Context<'_>,
) -> Option<Entry> {
    let distance = distance(range, params.stop)?;
    let equity = ctx.account().equity();
    let instrument = ctx.instrument(bar.instrument)?;
    let quantity = quantity(params, instrument, equity, bar.close, distance)?;
    let reason = match side {
        Side::Buy => "close above the channel",
        Side::Sell => "close below the channel",
    };
    let order = ctx.market(bar.instrument, side, quantity);
    let id = order.reason(reason).send();
    Some(Entry { id, distance })
}

counterfoil_sdk::export!(Trend);
