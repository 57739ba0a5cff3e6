//! The bars of one instrument from several normalized files, in sequence of close time: where two
//! files have a bar for one time, the later file's counts. It must never hold more than one bar
//! and one batch a file.

use std::sync::Arc;

use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::decimal;
use counterfoil_trading::instrument::{
    Instrument, InstrumentGrid, InstrumentId, InstrumentTraits, PriceRange, VolumeKind,
};
use counterfoil_trading::units::{Price, Volume};

use crate::error::IngestError;
use crate::quality::findings::BarRow;
use crate::source::scales::rescale;
use crate::store::batches::{BarReader, TimeRange};
use crate::store::line_list::LineList;
use crate::store::manifest::{LayerInstrument, LayerTicker};
use crate::store::snapshot::Snapshot;

/// A bar, and what it takes the place of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MergedBar {
    pub(crate) bar: ClosedBar,
    /// The other bar of that time, in an earlier file.
    pub(crate) revised: Option<ClosedBar>,
    source: MergeSource,
}

/// Where a bar was read from.
#[derive(Clone, Copy, Debug)]
struct MergeSource {
    /// The place of the file.
    input: usize,
    /// The bar's number in it, from 0.
    bar: u64,
}

/// The bars of one instrument.
pub(crate) struct BarMerge<'a> {
    pub(crate) instrument: Instrument,
    inputs: Vec<MergeInput<'a>>,
    /// One bar ahead.
    next: Option<MergedBar>,
}

struct MergeInput<'a> {
    name: String,
    layer: &'a Snapshot,
    /// The instrument's place in the layer.
    place: usize,
    /// Bars that were read.
    bars: u64,
    lines: Option<LineList>,
    reader: BarReader,
    price_scale: u8,
    volume_scale: u8,
    head: Option<ClosedBar>,
}

/// The tickers of an instrument, from all files that have it.
pub(crate) fn tickers(layers: &[Snapshot], symbol: &str) -> Vec<LayerTicker> {
    let mut all: Vec<LayerTicker> = layers
        .iter()
        .filter_map(|layer| find_instrument(layer, symbol))
        .flat_map(|(_, data)| data.tickers.clone())
        .collect();
    all.sort();
    let mut seen = Vec::new();
    all.retain(|ticker| {
        let is_new = !seen.contains(&ticker.symbol);
        seen.push(ticker.symbol.clone());
        is_new
    });
    all
}

/// An instrument with what decided its tick and lot, where it is not what the sources state for all; of several files
/// the last one that has its own.
pub(crate) fn with_grid_sources(
    layers: &[Snapshot],
    mut instrument: LayerInstrument,
) -> LayerInstrument {
    for layer in layers {
        if let Some((_, data)) = find_instrument(layer, &instrument.symbol) {
            instrument.tick_from = data.tick_from.or(instrument.tick_from);
            instrument.lot_from = data.lot_from.or(instrument.lot_from);
        }
    }
    instrument
}

fn find_instrument<'a>(layer: &'a Snapshot, symbol: &str) -> Option<(usize, &'a LayerInstrument)> {
    let all = layer.manifest().instruments.iter().enumerate();
    let mut found = all.filter(|(_, data)| data.symbol == symbol);
    found.next()
}

impl<'a> BarMerge<'a> {
    pub(crate) fn new(layers: &'a [Snapshot], symbol: &str) -> Result<Self, IngestError> {
        let mut inputs = Vec::new();
        let mut all = Vec::new();
        for layer in layers {
            let Some((place, data)) = find_instrument(layer, symbol) else {
                continue;
            };
            all.push(data);
            inputs.push(MergeInput {
                name: layer.source_name(),
                layer,
                place,
                bars: 0,
                lines: None,
                reader: BarReader::new(
                    Arc::clone(layer.contents()),
                    place,
                    InstrumentId(0),
                    TimeRange::default(),
                ),
                price_scale: data.price_scale,
                volume_scale: data.volume_scale,
                head: None,
            });
        }
        let finest =
            |of: fn(&LayerInstrument) -> u8| all.iter().map(|data| of(data)).max().unwrap_or(0);
        let price_scale = finest(|data| data.price_scale);
        // A grid that the prices of all files are on.
        let tick = all
            .iter()
            .filter_map(|data| rescale(data.tick_size, data.price_scale, price_scale))
            .reduce(greatest_common_divisor)
            .unwrap_or(1);
        // Quantities are the account's matter and not the data's: the first file decides.
        let (quantity_scale, lot_size) = all
            .first()
            .map_or((0, 1), |data| (data.quantity_scale, data.lot_size));
        let grid = InstrumentGrid {
            price_scale,
            tick_size: tick,
            quantity_scale,
            lot_size,
            volume_scale: finest(|data| data.volume_scale),
        };
        // Whoever let one file have such prices meant the instrument, not the file.
        let prices = if all.iter().any(|data| data.negative_prices) {
            PriceRange::Any
        } else {
            PriceRange::Positive
        };
        let traits = InstrumentTraits {
            prices,
            volume: VolumeKind::Traded,
        };
        let instrument = Instrument::new(symbol.to_owned(), grid).map(|it| it.with_traits(traits));
        let mut merge = Self {
            instrument: instrument.map_err(|source| IngestError::Instrument {
                file: symbol.to_owned(),
                source,
            })?,
            inputs,
            next: None,
        };
        for place in 0..merge.inputs.len() {
            merge.advance(place)?;
        }
        merge.next = merge.merge_next()?;
        Ok(merge)
    }

    /// The next bar, and the one after it.
    // The bar after it goes along, because the checks compare a bar with both neighbours.
    pub(crate) fn next(&mut self) -> Result<Option<(MergedBar, Option<RawBar>)>, IngestError> {
        let Some(bar) = self.next.take() else {
            return Ok(None);
        };
        self.next = self.merge_next()?;
        Ok(Some((bar, self.next.map(|next| *next.bar.get()))))
    }

    /// The row of a bar. It is looked up when something was found of the bar, which is rare.
    pub(crate) fn row_of(&mut self, merged: &MergedBar) -> Result<Option<BarRow>, IngestError> {
        let Some(input) = self.inputs.get_mut(merged.source.input) else {
            return Ok(None);
        };
        let lines = match &mut input.lines {
            Some(lines) => lines,
            none => match LineList::open(input.layer, input.place)? {
                Some(lines) => none.insert(lines),
                None => return Ok(None),
            },
        };
        let line = lines.line_of(merged.source.bar)?;
        let file = input.name.clone();
        Ok(line.map(|line| BarRow { file, line }))
    }

    fn merge_next(&mut self) -> Result<Option<MergedBar>, IngestError> {
        let heads = self.inputs.iter().filter_map(|input| input.head.as_ref());
        let Some(close_time) = heads.map(|bar| bar.get().close_time).min() else {
            return Ok(None);
        };
        let mut merged: Option<MergedBar> = None;
        for place in 0..self.inputs.len() {
            let head = self.inputs.get(place).and_then(|input| input.head);
            let Some(bar) = head.filter(|bar| bar.get().close_time == close_time) else {
                continue;
            };
            let number = self.inputs.get(place).map_or(0, |input| input.bars);
            self.advance(place)?;
            // Later files replace earlier ones, in the sequence of the recipe and not of their
            // arrival: the same files in the same sequence give the same snapshot.
            let before = merged.map(|merged| merged.bar);
            let earlier = merged.and_then(|merged| merged.revised);
            merged = Some(MergedBar {
                bar,
                revised: before.filter(|before| *before != bar).or(earlier),
                source: MergeSource {
                    input: place,
                    bar: number.saturating_sub(1),
                },
            });
        }
        Ok(merged)
    }

    fn advance(&mut self, place: usize) -> Result<(), IngestError> {
        let (price_scale, volume_scale) = (
            self.instrument.price_scale(),
            self.instrument.volume_scale(),
        );
        let Some(input) = self.inputs.get_mut(place) else {
            return Ok(());
        };
        let bar = input.reader.next_bar().map_err(IngestError::from)?;
        input.bars = input.bars.saturating_add(1);
        input.head = match bar {
            None => None,
            Some(bar) if (input.price_scale, input.volume_scale) == (price_scale, volume_scale) => {
                Some(bar)
            }
            Some(bar) => Some(input.scaled(&bar, price_scale, volume_scale)?),
        };
        Ok(())
    }
}

impl MergeInput<'_> {
    /// The same bar at finer scales.
    fn scaled(
        &self,
        bar: &ClosedBar,
        price_scale: u8,
        volume_scale: u8,
    ) -> Result<ClosedBar, IngestError> {
        let too_large = |column, scale| IngestError::NumberTooLarge {
            file: self.name.clone(),
            line: 0,
            column,
            scale,
            finest_line: 0,
        };
        let price = |price: Price| {
            let scaled = rescale(price.0, self.price_scale, price_scale).map(Price);
            scaled.ok_or_else(|| too_large("prices", price_scale))
        };
        let raw = *bar.get();
        let volume = rescale(raw.volume.0, self.volume_scale, volume_scale);
        let scaled = RawBar {
            open: price(raw.open)?,
            high: price(raw.high)?,
            low: price(raw.low)?,
            close: price(raw.close)?,
            volume: Volume(volume.ok_or_else(|| too_large("volume", volume_scale))?),
            ..raw
        };
        // The file's own instrument decided which prices it may have, and its reader checked them.
        ClosedBar::parse_in(scaled, PriceRange::Any).map_err(|source| IngestError::Inconsistent {
            file: self.name.clone(),
            line: 0,
            source,
        })
    }
}

/// The text of a bar, for people.
pub(crate) fn bar_text(instrument: &Instrument, bar: &ClosedBar) -> String {
    let raw = bar.get();
    let price = |price: Price| instrument.price_text(price);
    format!(
        "{},{},{},{},{},{},{}",
        instrument.symbol(),
        crate::source::times::show(raw.open_time),
        price(raw.open),
        price(raw.high),
        price(raw.low),
        price(raw.close),
        decimal::format(i128::from(raw.volume.0), instrument.volume_scale())
    )
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a.checked_rem(b).unwrap_or(0));
    }
    a
}
