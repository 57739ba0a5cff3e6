//! Requests and orders as arrays of numbers.

use alloc::vec::Vec;

use crate::cbor::{self, CborError, CborReader};
use crate::instrument::InstrumentId;
use crate::order::{ClientOrderId, Intent, Order, OrderType, Request, Side, TimeInForce};
use crate::time::UnixNanos;
use crate::units::{Price, Quantity};

/// Appends a plan in canonical form: `[sequence, intent]`.
pub fn encode_plan(out: &mut Vec<u8>, sequence: u64, intent: &Intent) {
    cbor::put_array(out, 2);
    cbor::put_u64(out, sequence);
    put_intent(out, intent);
}

pub(super) fn put_request(out: &mut Vec<u8>, request: &Request) {
    cbor::put_array(out, 2);
    put_intent(out, &request.intent);
    cbor::put_text_or_null(out, request.reason.as_deref());
}

pub(super) fn read_request(reader: &mut CborReader<'_>) -> Result<Request, CborError> {
    reader.array_of(2, "a request of 2 items")?;
    let intent = read_intent(reader)?;
    Ok(Request {
        intent,
        reason: reader.text_or_null()?,
    })
}

pub(super) fn put_intent(out: &mut Vec<u8>, intent: &Intent) {
    match intent {
        Intent::Submit(order) => {
            cbor::put_array(out, 2);
            cbor::put_u64(out, 0);
            put_order(out, order);
        }
        Intent::Cancel(id) => {
            cbor::put_array(out, 2);
            cbor::put_u64(out, 1);
            cbor::put_u64(out, id.0);
        }
        Intent::Replace { replaces, with } => {
            cbor::put_array(out, 3);
            cbor::put_u64(out, 2);
            cbor::put_u64(out, replaces.0);
            put_order(out, with);
        }
    }
}

pub(super) fn read_intent(reader: &mut CborReader<'_>) -> Result<Intent, CborError> {
    let error = CborError {
        offset: 0,
        expected: "an intent: submit, cancel or replace",
    };
    let items = reader.array()?;
    // Kind and length together: a replacement with an item less must not be read as a cancel.
    match (items, reader.u64()?) {
        (2, 0) => read_order(reader).map(Intent::Submit),
        (2, 1) => reader.u64().map(|id| Intent::Cancel(ClientOrderId(id))),
        (3, 2) => {
            let replaces = ClientOrderId(reader.u64()?);
            Ok(Intent::Replace {
                replaces,
                with: read_order(reader)?,
            })
        }
        _ => Err(error),
    }
}

/// Appends the ids of orders.
pub(super) fn put_ids(out: &mut Vec<u8>, ids: &[ClientOrderId]) {
    cbor::put_array(out, ids.len());
    for id in ids {
        cbor::put_u64(out, id.0);
    }
}

pub(super) fn read_ids(reader: &mut CborReader<'_>) -> Result<Vec<ClientOrderId>, CborError> {
    let items = reader.array()?;
    (0..items)
        .map(|_| reader.u64().map(ClientOrderId))
        .collect()
}

/// Appends orders.
pub(super) fn put_orders(out: &mut Vec<u8>, orders: &[Order]) {
    cbor::put_array(out, orders.len());
    for order in orders {
        put_order(out, order);
    }
}

pub(super) fn read_orders(reader: &mut CborReader<'_>) -> Result<Vec<Order>, CborError> {
    let items = reader.array()?;
    (0..items).map(|_| read_order(reader)).collect()
}

fn put_order(out: &mut Vec<u8>, order: &Order) {
    cbor::put_array(out, 7);
    cbor::put_u64(out, u64::from(order.instrument.0));
    cbor::put_u64(out, order.client_order_id.0);
    put_side(out, order.side);
    cbor::put_i64(out, order.quantity.0);
    match order.order_type {
        // No price at all: a zero could be read as a limit of zero.
        OrderType::Market => cbor::put_array(out, 0),
        OrderType::Limit(price) => put_numbers(out, &[0, price.0]),
        OrderType::Stop(price) => put_numbers(out, &[1, price.0]),
        OrderType::StopLimit { stop, limit } => put_numbers(out, &[2, stop.0, limit.0]),
    }
    match order.time_in_force {
        TimeInForce::Gtc => put_numbers(out, &[0]),
        TimeInForce::Day => put_numbers(out, &[1]),
        TimeInForce::Gtd(until) => put_numbers(out, &[2, until.0]),
        TimeInForce::Ioc => put_numbers(out, &[3]),
        TimeInForce::Fok => put_numbers(out, &[4]),
    }
    // The options of an order: none has any so far.
    cbor::put_null(out);
}

fn read_order(reader: &mut CborReader<'_>) -> Result<Order, CborError> {
    reader.array_of(7, "an order of 7 items")?;
    let order = Order {
        instrument: InstrumentId(reader.u32()?),
        client_order_id: ClientOrderId(reader.u64()?),
        side: read_side(reader)?,
        quantity: Quantity(reader.i64()?),
        // The whole list is matched: an order type with a price more or less is refused.
        order_type: match read_numbers(reader)?.as_slice() {
            [] => OrderType::Market,
            [0, price] => OrderType::Limit(Price(*price)),
            [1, price] => OrderType::Stop(Price(*price)),
            [2, stop, limit] => OrderType::StopLimit {
                stop: Price(*stop),
                limit: Price(*limit),
            },
            _ => {
                return Err(CborError {
                    offset: 0,
                    expected: "an order type",
                });
            }
        },
        time_in_force: match read_numbers(reader)?.as_slice() {
            [0] => TimeInForce::Gtc,
            [1] => TimeInForce::Day,
            [2, until] => TimeInForce::Gtd(UnixNanos(*until)),
            [3] => TimeInForce::Ioc,
            [4] => TimeInForce::Fok,
            _ => {
                return Err(CborError {
                    offset: 0,
                    expected: "a time in force",
                });
            }
        },
    };
    // Passed over, an option such as reduce-only would make another order of it.
    if reader.null() {
        Ok(order)
    } else {
        Err(CborError {
            offset: 0,
            expected: "no options of an order",
        })
    }
}

pub(super) fn put_side(out: &mut Vec<u8>, side: Side) {
    cbor::put_u64(
        out,
        match side {
            Side::Buy => 0,
            Side::Sell => 1,
        },
    );
}

pub(super) fn read_side(reader: &mut CborReader<'_>) -> Result<Side, CborError> {
    match reader.u64()? {
        0 => Ok(Side::Buy),
        1 => Ok(Side::Sell),
        _ => Err(CborError {
            offset: 0,
            expected: "a side: 0 or 1",
        }),
    }
}

fn put_numbers(out: &mut Vec<u8>, numbers: &[i64]) {
    cbor::put_array(out, numbers.len());
    for number in numbers {
        cbor::put_i64(out, *number);
    }
}

fn read_numbers(reader: &mut CborReader<'_>) -> Result<Vec<i64>, CborError> {
    let items = reader.array()?;
    (0..items).map(|_| reader.i64()).collect()
}
