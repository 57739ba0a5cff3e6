//! Tables as Arrow files, the plain IPC format that any tool reads: exact decimals, times in UTC,
//! and texts as they are. It must never know what is shown.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow_ipc::writer::FileWriter;
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema};
use counterfoil_trading::decimal::power_of_ten;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::units::{Money, Quantity};

use crate::facts::RunFacts;
use crate::figures::ReportFigures;
use crate::trade::{RoundTrip, TradeEnd};

/// Digits of a decimal column: what 128 bits hold.
const DIGITS: u8 = 38;
/// Decimals of money and of average prices.
pub(crate) const MONEY_DECIMALS: i8 = 9;
/// Decimals of quantities: as many as any instrument may have.
const QUANTITY_DECIMALS: i8 = 18;

pub(crate) type NamedColumn<'a> = (&'a str, ArrayRef);

/// One row a trade; `None` when an amount does not fit.
pub(crate) fn trades(facts: &RunFacts) -> Option<Result<Vec<u8>, ArrowError>> {
    let rows: Vec<(&RoundTrip, &Instrument)> = facts
        .trades
        .iter()
        .map(|trade| Some((trade, facts.instruments.get(trade.instrument.index())?)))
        .collect::<Option<_>>()?;
    // Before any column is made, so that a table is whole or not there.
    let gross: Vec<Money> = rows
        .iter()
        .map(|row| row.0.gross())
        .collect::<Option<_>>()?;
    let net: Vec<Money> = rows.iter().map(|row| row.0.net()).collect::<Option<_>>()?;
    Some(trade_columns(facts, &rows, &gross, &net).and_then(|columns| file(&columns)))
}

fn trade_columns(
    facts: &RunFacts,
    rows: &[(&RoundTrip, &Instrument)],
    gross: &[Money],
    net: &[Money],
) -> Result<Vec<NamedColumn<'static>>, ArrowError> {
    let prices = || {
        rows.iter()
            .map(|(trade, instrument)| trade.average_prices(instrument))
    };
    let amounts = |of: fn(&RoundTrip) -> Money| money(rows.iter().map(|row| of(row.0)));
    let closed = || rows.iter().map(|row| row.0.closed.as_ref());
    let opened = || rows.iter().map(|row| Some(&row.0.opened));
    let units =
        |of: fn(&RoundTrip) -> Quantity| quantities(rows.iter().map(|row| (of(row.0), row.1)));
    let returns = rows.iter().map(|row| row.0.return_on_entry());
    let ticker = |trade: &RoundTrip| facts.ticker(trade.instrument, trade.opened.time).to_owned();
    let tickers: Vec<String> = rows.iter().map(|row| ticker(row.0)).collect();
    Ok(vec![
        (
            "instrument",
            texts(rows.iter().map(|row| Some(row.1.symbol()))),
        ),
        (
            "ticker",
            texts(tickers.iter().map(|ticker| Some(ticker.as_str()))),
        ),
        (
            "direction",
            texts(rows.iter().map(|row| Some(row.0.direction.name()))),
        ),
        (
            "opened",
            times(rows.iter().map(|row| Some(row.0.opened.time.0))),
        ),
        (
            "closed",
            times(closed().map(|end| end.map(|end| end.time.0))),
        ),
        ("bars", counts(rows.iter().map(|row| row.0.bars()))),
        ("entered", units(|trade| trade.entered)?),
        ("exited", units(|trade| trade.exited)?),
        (
            "entry_price",
            decimals(prices().map(|pair| pair.0), MONEY_DECIMALS)?,
        ),
        (
            "exit_price",
            decimals(prices().map(|pair| pair.1), MONEY_DECIMALS)?,
        ),
        ("entry_value", amounts(|trade| trade.entry_value)?),
        ("exit_value", amounts(|trade| trade.exit_value)?),
        ("open_value", amounts(|trade| trade.open_value)?),
        ("action_cash", amounts(|trade| trade.actions)?),
        ("gross", money(gross.iter().copied())?),
        ("fees", amounts(|trade| trade.fees)?),
        ("borrow", amounts(|trade| trade.borrow)?),
        ("slippage", amounts(|trade| trade.slippage)?),
        ("net", money(net.iter().copied())?),
        ("return", Arc::new(returns.collect::<Float64Array>())),
        ("fills", counts(rows.iter().map(|row| Some(row.0.fills)))),
        ("opened_by_entry", entries(opened())),
        ("closed_by_entry", entries(closed())),
        ("open_reason", reasons(opened())),
        ("close_reason", reasons(closed())),
    ])
}

/// One row a slice.
pub(crate) fn equity(facts: &RunFacts, figures: &ReportFigures) -> Result<Vec<u8>, ArrowError> {
    let slices = &facts.slices;
    let drawdowns: Float64Array = figures.drawdowns.iter().copied().map(Some).collect();
    file(&[
        ("time", times(slices.iter().map(|slice| Some(slice.time.0)))),
        ("cash", money(slices.iter().map(|slice| slice.cash))?),
        ("equity", money(slices.iter().map(|slice| slice.equity))?),
        (
            "exposure",
            money(slices.iter().map(|slice| slice.exposure))?,
        ),
        ("drawdown", Arc::new(drawdowns)),
    ])
}

fn file(columns: &[NamedColumn<'_>]) -> Result<Vec<u8>, ArrowError> {
    write_file(columns, |name| {
        ["closed", "bars", "entry_price", "exit_price", "return"].contains(&name)
            || name.ends_with("_reason")
            || name.ends_with("_by_entry")
    })
}

/// A file in which any value may be missing.
pub(crate) fn file_of_optional(columns: &[NamedColumn<'_>]) -> Result<Vec<u8>, ArrowError> {
    write_file(columns, |_| true)
}

fn write_file(
    columns: &[NamedColumn<'_>],
    optional: fn(&str) -> bool,
) -> Result<Vec<u8>, ArrowError> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| {
            let kind: DataType = array.data_type().clone();
            Field::new(*name, kind, optional(name))
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().map(|(_, array)| Arc::clone(array)).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let mut writer = FileWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    writer.into_inner()
}

pub(crate) fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn reasons<'a>(ends: impl Iterator<Item = Option<&'a TradeEnd>>) -> ArrayRef {
    texts(ends.map(|end| end.and_then(|end| end.reason.as_deref())))
}

fn counts(values: impl Iterator<Item = Option<u64>>) -> ArrayRef {
    Arc::new(values.collect::<UInt64Array>())
}

fn entries<'a>(ends: impl Iterator<Item = Option<&'a TradeEnd>>) -> ArrayRef {
    counts(ends.map(|end| end.and_then(|end| end.entry)))
}

fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(
        values
            .collect::<TimestampNanosecondArray>()
            .with_timezone("UTC"),
    )
}

fn money(values: impl Iterator<Item = Money>) -> Result<ArrayRef, ArrowError> {
    decimals(values.map(|money| Some(money.0)), MONEY_DECIMALS)
}

fn quantities<'a>(
    values: impl Iterator<Item = (Quantity, &'a Instrument)>,
) -> Result<ArrayRef, ArrowError> {
    // One scale for the column, the finest that any instrument may have: nothing is rounded.
    let widened = values.map(|(quantity, instrument)| {
        let missing = 18_u8.saturating_sub(instrument.quantity_scale());
        i128::from(quantity.0).checked_mul(power_of_ten(missing)?)
    });
    decimals(widened, QUANTITY_DECIMALS)
}

pub(crate) fn decimals(
    values: impl Iterator<Item = Option<i128>>,
    scale: i8,
) -> Result<ArrayRef, ArrowError> {
    let array: Decimal128Array = values.collect();
    // Refuses a value of more digits than the column has, rather than cutting it.
    Ok(Arc::new(array.with_precision_and_scale(DIGITS, scale)?))
}
