//! WIT values to trading types and back. It must never decide whether a request is wise.

use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::execution::{Fill, OrderEvent};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::order::{
    ClientOrderId, Intent, Order, OrderStatus, OrderType, Request, Side, TimeInForce,
};
use counterfoil_trading::strategy::{BarView, WorkingOrder};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{MONEY_SCALE, Money, Price, Quantity};

use crate::cut::cut;
use crate::limits::LimitBreach;
use crate::setup::{ArgumentValue, GuestSetup};
use crate::wit::counterfoil::strategy::types as wit;

/// Nano-units in a unit of money.
const NANOS: i128 = 1_000_000_000;

/// The amount in units and nanos; the host's error for one beyond 2^63 whole units.
pub(crate) fn money(amount: Money) -> Result<wit::Money, LimitBreach> {
    // Both parts truncate towards zero, so both have the sign of the amount.
    let units = i64::try_from(amount.0 / NANOS);
    let nanos = i32::try_from(amount.0 % NANOS);
    match (units, nanos) {
        (Ok(units), Ok(nanos)) => Ok(wit::Money { units, nanos }),
        (Err(_), _) | (_, Err(_)) => Err(LimitBreach::Host(format!(
            "{amount} does not fit into the contract's money"
        ))),
    }
}

pub(crate) fn bar(view: &BarView) -> wit::Bar {
    let raw = view.bar.get();
    wit::Bar {
        instrument: raw.instrument.0,
        index: view.index,
        open_time: raw.open_time.0,
        close_time: raw.close_time.0,
        open: raw.open.0,
        high: raw.high.0,
        low: raw.low.0,
        close: raw.close.0,
        volume: raw.volume.0,
        bars_in_slice: view.bars_in_slice,
        last_in_slice: view.last_in_slice,
        warming_up: view.warming_up,
    }
}

pub(crate) fn fill(fill: &Fill) -> Result<wit::Fill, LimitBreach> {
    Ok(wit::Fill {
        instrument: fill.instrument.0,
        client_order_id: fill.client_order_id.0,
        side: to_side(fill.side),
        quantity: fill.quantity.0,
        leaves_quantity: fill.leaves_quantity.0,
        price: fill.price.0,
        fee: money(fill.fee)?,
        time: fill.time.0,
    })
}

pub(crate) fn order_event(event: &OrderEvent, time: UnixNanos) -> wit::OrderEvent {
    wit::OrderEvent {
        instrument: event.instrument.0,
        client_order_id: event.client_order_id.0,
        status: match event.status {
            OrderStatus::Submitted => wit::OrderStatus::Submitted,
            OrderStatus::Accepted => wit::OrderStatus::Accepted,
            OrderStatus::Refused => wit::OrderStatus::Refused,
            OrderStatus::Rejected => wit::OrderStatus::Rejected,
            OrderStatus::Canceled => wit::OrderStatus::Canceled,
            OrderStatus::Expired => wit::OrderStatus::Expired,
        },
        code: event.code.name().to_owned(),
        leaves_quantity: event.leaves_quantity.0,
        time: time.0,
    }
}

/// The action; the host's error for a dividend beyond 2^63 billionths.
pub(crate) fn corporate_action(
    action: &CorporateAction,
) -> Result<wit::CorporateAction, LimitBreach> {
    let kind = match &action.kind {
        CorporateActionKind::Split { new, old } => {
            wit::CorporateActionType::Split(wit::SplitRatio {
                new: new.get(),
                old: old.get(),
            })
        }
        CorporateActionKind::Dividend { per_unit, .. } => {
            let value = i64::try_from(per_unit.0).map_err(|_| {
                LimitBreach::Host(format!(
                    "{per_unit} does not fit into the contract's decimal"
                ))
            })?;
            wit::CorporateActionType::Dividend(wit::Decimal {
                value,
                scale: MONEY_SCALE,
            })
        }
        CorporateActionKind::SymbolChange { symbol } => {
            wit::CorporateActionType::SymbolChange(symbol.clone())
        }
        CorporateActionKind::Delisting { .. } => wit::CorporateActionType::Delisting,
        CorporateActionKind::Halt { .. } => {
            return Err(LimitBreach::Host("the contract has no halts".to_owned()));
        }
        CorporateActionKind::SessionEnd => {
            let reason = "the contract has no session ends".to_owned();
            return Err(LimitBreach::Host(reason));
        }
    };
    Ok(wit::CorporateAction {
        instrument: action.instrument.0,
        ex_time: action.ex_time.0,
        action: kind,
    })
}

pub(crate) fn working_order(order: &WorkingOrder) -> wit::WorkingOrder {
    wit::WorkingOrder {
        instrument: order.instrument.0,
        client_order_id: order.client_order_id.0,
        side: to_side(order.side),
        leaves_quantity: order.leaves_quantity.0,
        order_type: match order.order_type {
            OrderType::Market => wit::OrderType::Market,
            OrderType::Limit(price) => wit::OrderType::Limit(price.0),
            OrderType::Stop(price) => wit::OrderType::Stop(price.0),
            OrderType::StopLimit { stop, limit } => {
                wit::OrderType::StopLimit(wit::StopLimitPrices {
                    stop: stop.0,
                    limit: limit.0,
                })
            }
        },
    }
}

pub(crate) fn setup(setup: &GuestSetup) -> wit::Setup {
    let instruments = (0_u32..).zip(&setup.instruments);
    wit::Setup {
        instruments: instruments
            .map(|(id, instrument)| wit::Instrument {
                id,
                symbol: instrument.symbol().to_owned(),
                price_scale: instrument.price_scale(),
                tick_size: instrument.tick_size(),
                quantity_scale: instrument.quantity_scale(),
                lot_size: instrument.lot_size(),
                volume_scale: instrument.volume_scale(),
            })
            .collect(),
        arguments: setup
            .arguments
            .iter()
            .map(|argument| wit::Argument {
                name: argument.name.clone(),
                value: match argument.value {
                    ArgumentValue::Number { value, scale } => {
                        wit::ParameterValue::Number(wit::Decimal { value, scale })
                    }
                    ArgumentValue::Boolean(value) => wit::ParameterValue::Boolean(value),
                    ArgumentValue::Choice(index) => wit::ParameterValue::Choice(index),
                },
            })
            .collect(),
        seed: setup.seed,
    }
}

/// Puts the requests of one answer into `requests`, with reasons of at most `reason_bytes` bytes; the result
/// is how many reasons were cut. The answer's length was bounded by wasmtime, in bytes.
pub(crate) fn requests(
    answer: Vec<wit::Request>,
    reason_bytes: usize,
    requests: &mut Vec<Request>,
) -> u64 {
    let mut reasons_cut = 0_u64;
    for request in answer {
        let (intent, reason) = match request {
            wit::Request::Submit(order) => {
                let (order, reason) = from_order(order);
                (Intent::Submit(order), reason)
            }
            wit::Request::Cancel(cancel) => {
                let id = ClientOrderId(cancel.client_order_id);
                (Intent::Cancel(id), cancel.reason)
            }
            wit::Request::Replace(replace) => {
                let replaces = ClientOrderId(replace.replaces);
                let (with, reason) = from_order(replace.with);
                (Intent::Replace { replaces, with }, reason)
            }
        };
        let reason = reason.map(|reason| cut(reason, reason_bytes));
        if reason.as_ref().is_some_and(|(_, gone)| *gone > 0) {
            reasons_cut = reasons_cut.saturating_add(1);
        }
        let reason = reason.map(|(reason, _)| reason);
        requests.push(Request { intent, reason });
    }
    reasons_cut
}

fn from_order(order: wit::OrderRequest) -> (Order, Option<String>) {
    let from = Order {
        instrument: InstrumentId(order.instrument),
        client_order_id: ClientOrderId(order.client_order_id),
        side: match order.side {
            wit::Side::Buy => Side::Buy,
            wit::Side::Sell => Side::Sell,
        },
        quantity: Quantity(order.quantity),
        order_type: match order.order_type {
            wit::OrderType::Market => OrderType::Market,
            wit::OrderType::Limit(price) => OrderType::Limit(Price(price)),
            wit::OrderType::Stop(price) => OrderType::Stop(Price(price)),
            wit::OrderType::StopLimit(prices) => OrderType::StopLimit {
                stop: Price(prices.stop),
                limit: Price(prices.limit),
            },
        },
        time_in_force: match order.time_in_force {
            wit::TimeInForce::Gtc => TimeInForce::Gtc,
            wit::TimeInForce::Day => TimeInForce::Day,
            wit::TimeInForce::Gtd(time) => TimeInForce::Gtd(UnixNanos(time)),
            wit::TimeInForce::Ioc => TimeInForce::Ioc,
            wit::TimeInForce::Fok => TimeInForce::Fok,
        },
    };
    (from, order.reason)
}

fn to_side(side: Side) -> wit::Side {
    match side {
        Side::Buy => wit::Side::Buy,
        Side::Sell => wit::Side::Sell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_crosses_the_boundary_with_one_sign_for_both_parts() {
        let check = |amount: i128, expect: Option<(i64, i32)>| {
            let got = money(Money(amount)).ok();
            assert_eq!(got.map(|money| (money.units, money.nanos)), expect);
        };
        check(0, Some((0, 0)));
        check(1_500_000_000, Some((1, 500_000_000)));
        check(-1_500_000_000, Some((-1, -500_000_000)));
        check(-1, Some((0, -1)));
        let most = i128::from(i64::MAX) * NANOS + NANOS - 1;
        check(most, Some((i64::MAX, 999_999_999)));
        check(most + 1, None);
        check(i128::from(i64::MIN) * NANOS - NANOS, None);
    }
}
