//! The deliveries record: fills, order events, corporate actions and borrow fees of one slice, in the sequence in which the
//! account and the strategy got them.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::KIND_DELIVERIES;
use super::decision::{code_number, read_code};
use super::order::{put_side, read_side};
use crate::cbor::{self, CborError, CborReader, number_in};
use crate::corporate::{CorporateAction, CorporateActionKind};
use crate::costs::LiquiditySide;
use crate::execution::{AppliedAction, BorrowFee, Delivery, Fill, OrderEvent};
use crate::instrument::InstrumentId;
use crate::order::{ClientOrderId, OrderStatus};
use crate::time::UnixNanos;
use crate::units::{Money, Price, Quantity};

/// Fills, order events, corporate actions and borrow fees of one slice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeliveriesRecord {
    /// The slice's close time.
    pub time: UnixNanos,
    /// What was delivered.
    pub deliveries: Vec<Delivery>,
    /// Fuel used by the callbacks.
    pub fuel: u64,
}

/// The most deliveries in one record; a slice with more has several records. A fill takes at
/// most 120 bytes, so a record stays below half of what an entry may hold.
pub const DELIVERIES_PER_RECORD_MAX: usize = 256;

/// Appends the deterministic part.
pub fn encode_digested(time: UnixNanos, deliveries: &[Delivery], out: &mut Vec<u8>) {
    cbor::put_array(out, 3);
    cbor::put_u64(out, KIND_DELIVERIES);
    cbor::put_i64(out, time.0);
    cbor::put_array(out, deliveries.len());
    for delivery in deliveries {
        match delivery {
            Delivery::Fill(fill) => put_fill(out, fill),
            Delivery::Event(event) => put_event(out, event),
            Delivery::Action(applied) => put_action(out, applied),
            Delivery::Borrow(borrow) => {
                cbor::put_array(out, 3);
                cbor::put_u64(out, 3);
                cbor::put_u64(out, u64::from(borrow.instrument.0));
                cbor::put_i128(out, borrow.fee.0);
            }
        }
    }
}

/// Appends the record, given its deterministic part.
pub fn encode(digested: &[u8], fuel: u64, out: &mut Vec<u8>) {
    cbor::put_array(out, 3);
    cbor::put_u64(out, KIND_DELIVERIES);
    cbor::put_bytes(out, digested);
    cbor::put_array(out, 1);
    cbor::put_u64(out, fuel);
}

/// Appends what an open record's commitment is taken over: when the action happened and what it
/// was, as in a deliveries record.
pub fn encode_action(action: &CorporateAction, out: &mut Vec<u8>) {
    // The same bytes as in a deliveries record, so that a verifier compares what was promised with what
    // was applied.
    cbor::put_array(out, 2);
    cbor::put_i64(out, action.ex_time.0);
    put_action_kind(out, &action.kind);
}

impl DeliveriesRecord {
    /// The deliveries in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what the encoder writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut outer = CborReader::new(body);
        outer.array_of(3, "deliveries of 3 items")?;
        outer.u64()?;
        let mut reader = CborReader::new(outer.byte_string()?);
        outer.array_of(1, "circumstances of 1 item")?;
        let fuel = outer.u64()?;
        outer.end()?;
        reader.array_of(3, "a deterministic part of 3 items")?;
        if reader.u64()? != KIND_DELIVERIES {
            return Err(CborError {
                offset: 1,
                expected: "deliveries",
            });
        }
        let time = UnixNanos(reader.i64()?);
        let items = reader.array()?;
        let deliveries = (0..items)
            .map(|_| read_delivery(&mut reader, time))
            .collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self {
            time,
            deliveries,
            fuel,
        })
    }
}

fn put_fill(out: &mut Vec<u8>, fill: &Fill) {
    // Without the time, which is the record's: a second copy could differ.
    cbor::put_array(out, 12);
    cbor::put_u64(out, 0);
    cbor::put_u64(out, u64::from(fill.instrument.0));
    cbor::put_u64(out, fill.client_order_id.0);
    put_side(out, fill.side);
    cbor::put_i64(out, fill.quantity.0);
    cbor::put_i64(out, fill.leaves_quantity.0);
    cbor::put_i64(out, fill.reference_price.0);
    cbor::put_i64(out, fill.price.0);
    cbor::put_bool(out, fill.clamped);
    cbor::put_i128(out, fill.fee.0);
    cbor::put_i128(out, fill.slippage.0);
    cbor::put_bool(out, fill.liquidity == LiquiditySide::Maker);
}

fn put_event(out: &mut Vec<u8>, event: &OrderEvent) {
    cbor::put_array(out, 6);
    cbor::put_u64(out, 1);
    cbor::put_u64(out, u64::from(event.instrument.0));
    cbor::put_u64(out, event.client_order_id.0);
    cbor::put_u64(out, number_in(&OrderStatus::ALL, &event.status));
    cbor::put_u64(out, code_number(event.code));
    cbor::put_i64(out, event.leaves_quantity.0);
}

fn read_delivery(reader: &mut CborReader<'_>, time: UnixNanos) -> Result<Delivery, CborError> {
    let items = reader.array()?;
    let kind = reader.u64()?;
    let instrument = InstrumentId(reader.u32()?);
    // Kind and length together: a delivery of another length must not be read by position.
    match (kind, items) {
        (0, 12) => Ok(Delivery::Fill(Fill {
            instrument,
            client_order_id: ClientOrderId(reader.u64()?),
            side: read_side(reader)?,
            quantity: Quantity(reader.i64()?),
            leaves_quantity: Quantity(reader.i64()?),
            reference_price: Price(reader.i64()?),
            price: Price(reader.i64()?),
            clamped: reader.bool()?,
            fee: Money(reader.i128()?),
            slippage: Money(reader.i128()?),
            liquidity: if reader.bool()? {
                LiquiditySide::Maker
            } else {
                LiquiditySide::Taker
            },
            time,
        })),
        (1, 6) => Ok(Delivery::Event(OrderEvent {
            instrument,
            client_order_id: ClientOrderId(reader.u64()?),
            status: reader.item_of(&OrderStatus::ALL, "a known order status")?,
            code: read_code(reader)?,
            leaves_quantity: Quantity(reader.i64()?),
        })),
        (2, 6) => Ok(Delivery::Action(AppliedAction {
            action: CorporateAction {
                instrument,
                ex_time: UnixNanos(reader.i64()?),
                kind: read_kind(reader)?,
            },
            quantity: Quantity(reader.i64()?),
            cash: Money(reader.i128()?),
        })),
        (3, 3) => Ok(Delivery::Borrow(BorrowFee {
            instrument,
            fee: Money(reader.i128()?),
        })),
        _ => Err(CborError {
            offset: 0,
            expected: "a fill, an order event, a corporate action or a borrow fee",
        }),
    }
}

fn put_action_kind(out: &mut Vec<u8>, kind: &CorporateActionKind) {
    match kind {
        CorporateActionKind::Split { new, old } => {
            cbor::put_array(out, 3);
            cbor::put_u64(out, 0);
            cbor::put_u64(out, u64::from(new.get()));
            cbor::put_u64(out, u64::from(old.get()));
        }
        CorporateActionKind::Dividend { per_unit, special } => {
            cbor::put_array(out, 3);
            cbor::put_u64(out, 1);
            cbor::put_i128(out, per_unit.0);
            cbor::put_bool(out, *special);
        }
        CorporateActionKind::SymbolChange { symbol } => {
            cbor::put_array(out, 2);
            cbor::put_u64(out, 2);
            cbor::put_text(out, symbol);
        }
        CorporateActionKind::Delisting { per_unit } => {
            cbor::put_array(out, 2);
            cbor::put_u64(out, 3);
            cbor::put_i128(out, per_unit.0);
        }
        CorporateActionKind::Halt { until } => {
            cbor::put_array(out, 2);
            cbor::put_u64(out, 4);
            cbor::put_i64(out, until.0);
        }
        CorporateActionKind::SessionEnd => {
            cbor::put_array(out, 1);
            cbor::put_u64(out, 5);
        }
    }
}

fn put_action(out: &mut Vec<u8>, applied: &AppliedAction) {
    cbor::put_array(out, 6);
    cbor::put_u64(out, 2);
    cbor::put_u64(out, u64::from(applied.action.instrument.0));
    cbor::put_i64(out, applied.action.ex_time.0);
    put_action_kind(out, &applied.action.kind);
    cbor::put_i64(out, applied.quantity.0);
    cbor::put_i128(out, applied.cash.0);
}

fn read_kind(reader: &mut CborReader<'_>) -> Result<CorporateActionKind, CborError> {
    let error = CborError {
        offset: 0,
        expected: "a split, dividend, symbol change, delisting, halt or session end",
    };
    let items = reader.array()?;
    match (reader.u64()?, items) {
        (0, 3) => Ok(CorporateActionKind::Split {
            // A ratio with a zero would divide by zero in every replay of the journal.
            new: NonZeroU32::new(reader.u32()?).ok_or(error)?,
            old: NonZeroU32::new(reader.u32()?).ok_or(error)?,
        }),
        (1, 3) => Ok(CorporateActionKind::Dividend {
            per_unit: Money(reader.i128()?),
            special: reader.bool()?,
        }),
        (2, 2) => Ok(CorporateActionKind::SymbolChange {
            symbol: reader.text()?,
        }),
        (3, 2) => Ok(CorporateActionKind::Delisting {
            per_unit: Money(reader.i128()?),
        }),
        (4, 2) => Ok(CorporateActionKind::Halt {
            until: UnixNanos(reader.i64()?),
        }),
        (5, 1) => Ok(CorporateActionKind::SessionEnd),
        _ => Err(error),
    }
}
