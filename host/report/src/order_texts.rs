//! What happened to a run's orders, in words and as JSON. It must never count anything.

use std::collections::BTreeMap;

use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::order::{Order, OrderType, TimeInForce};
use serde_json::{Value, json};

use crate::facts::{OrderFacts, RunFacts};
use crate::number::count_text;
use crate::order_watch::{FillObstacle, UnfilledOrder, UnfilledOrders};
use crate::sentences::plural;

impl RunFacts {
    /// What happened to the run's orders, as in `report.json`.
    #[must_use]
    pub fn orders_json(&self) -> Value {
        let orders = &self.orders;
        let events = orders.events.iter().map(
            |((status, code), count)| json!({ "status": status, "code": code, "count": count }),
        );
        let rejected = orders.rejected();
        json!({
            "approved": orders.approved,
            "refused": orders.refused.values().sum::<u64>(),
            "refused-by-code": orders.refused,
            "rejected": rejected.values().sum::<u64>(),
            "rejected-by-code": rejected,
            "working-at-end": orders.working,
            "working-canceled-at-end": orders.canceled_at_end,
            "never-filled": unfilled_json(&orders.unfilled, &self.instruments),
            "events": events.collect::<Vec<_>>(),
            "margin-calls": orders.margin_calls,
            "fills": orders.fills,
            "fills-clamped": orders.clamped,
            "traded": self.traded.to_text(),
        })
    }

    /// What happened to the run's orders, as fields of a terminal: names and texts.
    #[must_use]
    pub fn order_lines(&self) -> Vec<(&'static str, String)> {
        let orders = &self.orders;
        let rejected = orders.rejected();
        let mut lines = vec![(
            "orders",
            format!(
                "{} approved, {} refused, {} rejected, {} fills, {}",
                orders.approved,
                orders.refused.values().sum::<u64>(),
                rejected.values().sum::<u64>(),
                orders.fills,
                working_text(orders),
            ),
        )];
        let by_code = [("refused", &orders.refused), ("rejected", &rejected)];
        let by_code = by_code.into_iter().filter(|(_, codes)| !codes.is_empty());
        lines.extend(by_code.map(|(name, codes)| (name, codes_text(codes))));
        lines.extend(unfilled_text(&orders.unfilled).map(|text| ("never filled", text)));
        lines
    }
}

/// How many orders still work.
pub(crate) fn working_text(orders: &OrderFacts) -> String {
    let count = count_text(orders.working);
    if orders.canceled_at_end && orders.working > 0 {
        format!("{count} canceled by the host at the end")
    } else {
        format!("{count} still working at the end")
    }
}

fn codes_text(codes: &BTreeMap<&'static str, u64>) -> String {
    let texts = codes.iter().map(|(code, count)| format!("{count} {code}"));
    texts.collect::<Vec<_>>().join(", ")
}

/// The orders without a fill: how they ended, and what stood in their way on how many bars. `None` if all
/// filled.
pub(crate) fn unfilled_text(unfilled: &UnfilledOrders) -> Option<String> {
    if unfilled.count == 0 {
        return None;
    }
    let outcomes = unfilled.outcomes.iter().map(|((outcome, code), count)| {
        let code = if code.is_empty() {
            String::new()
        } else {
            format!(" ({code})")
        };
        format!("{} {outcome}{code}", count_text(*count))
    });
    let outcomes = outcomes.collect::<Vec<_>>().join(", ");
    let count = count_text(unfilled.count);
    let word = plural(unfilled.count, "order", "orders");
    let obstacles = unfilled.obstacles.iter();
    let obstacles = obstacles.map(|(obstacle, found)| bars_text(*obstacle, found.bars));
    let texts = core::iter::once(format!("{count} {word}: {outcomes}")).chain(obstacles);
    Some(texts.collect::<Vec<_>>().join("; "))
}

fn bars_text(obstacle: FillObstacle, bars: u64) -> String {
    let word = plural(bars, "bar", "bars");
    format!("{} on {} {word}", obstacle.sentence(), count_text(bars))
}

fn unfilled_json(unfilled: &UnfilledOrders, instruments: &[Instrument]) -> Value {
    let outcomes = unfilled.outcomes.iter().map(
        |((outcome, code), count)| json!({ "outcome": outcome, "code": code, "count": count }),
    );
    let obstacles = unfilled.obstacles.iter().map(|(obstacle, found)| {
        json!({ "obstacle": obstacle.name(), "orders": found.orders, "bars": found.bars })
    });
    let first = unfilled.first.iter().map(|one| {
        let obstacles = one.obstacles.iter();
        let obstacles: BTreeMap<&str, u64> = obstacles
            .map(|(obstacle, bars)| (obstacle.name(), *bars))
            .collect();
        json!({
            "client-order-id": one.order.client_order_id.0,
            "order": order_text(&one.order, instruments),
            "requested-by-entry": one.entry,
            "outcome": one.outcome,
            "code": one.code,
            "bars": one.bars,
            "obstacles": obstacles,
        })
    });
    json!({
        "orders": unfilled.count,
        "outcomes": outcomes.collect::<Vec<_>>(),
        "obstacles": obstacles.collect::<Vec<_>>(),
        "first": first.collect::<Vec<_>>(),
    })
}

/// What stood in one order's way.
pub(crate) fn obstacles_text(order: &UnfilledOrder) -> String {
    let obstacles = order.obstacles.iter();
    let texts = obstacles.map(|(obstacle, bars)| bars_text(*obstacle, *bars));
    texts.collect::<Vec<_>>().join("; ")
}

/// An order as a person says it.
pub(crate) fn order_text(order: &Order, instruments: &[Instrument]) -> String {
    let Some(instrument) = instruments.get(order.instrument.index()) else {
        return String::new();
    };
    let price = |price| instrument.price_text(price);
    let kind = match order.order_type {
        OrderType::Market => "market".to_owned(),
        OrderType::Limit(limit) => format!("limit {}", price(limit)),
        OrderType::Stop(stop) => format!("stop {}", price(stop)),
        OrderType::StopLimit { stop, limit } => {
            format!("stop {} limit {}", price(stop), price(limit))
        }
    };
    let time = match order.time_in_force {
        TimeInForce::Gtc => "GTC".to_owned(),
        TimeInForce::Day => "DAY".to_owned(),
        TimeInForce::Gtd(until) => format!("GTD {}", until.date_or_time()),
        TimeInForce::Ioc => "IOC".to_owned(),
        TimeInForce::Fok => "FOK".to_owned(),
    };
    format!(
        "{} {} {} {kind} {time}",
        order.side.name(),
        instrument.quantity_text(order.quantity),
        instrument.symbol(),
    )
}
