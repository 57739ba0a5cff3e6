//! The Arrow file of one instrument, bar by bar. It must never hold more than one batch.

use std::io::BufWriter;

use arrow::error::ArrowError;
use cap_std::fs::File;
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::instrument::Instrument;
use sha2::{Digest as _, Sha256};

use crate::arrow_file::BarWriter;
use crate::digest::Digest;
use crate::error::IngestError;
use crate::manifest::{BARS_PER_BATCH, BatchData, InstrumentData, TickerData};
use crate::staging::{Staging, sync};

/// Writes the bars of one instrument, sorted by close time.
pub(crate) struct InstrumentWriter {
    name: String,
    instrument: Instrument,
    writer: BarWriter<BufWriter<File>>,
    hash: Sha256,
    batch: Vec<ClosedBar>,
    batches: Vec<BatchData>,
    ends: Option<(RawBar, RawBar)>,
    bars: u64,
}

impl InstrumentWriter {
    /// The file of an instrument; `index` makes its name unique in the layer.
    pub(crate) fn new(
        staging: &Staging,
        index: usize,
        instrument: &Instrument,
    ) -> Result<Self, IngestError> {
        let name = format!("{index:04}-{}.arrow", file_part(instrument.symbol()));
        let writer = BarWriter::new(staging.create(&name)?, instrument);
        Ok(Self {
            writer: writer.map_err(encode(&name))?,
            name,
            instrument: instrument.clone(),
            hash: Sha256::new(),
            batch: Vec::new(),
            batches: Vec::new(),
            ends: None,
            bars: 0,
        })
    }

    pub(crate) fn add(&mut self, bar: ClosedBar) -> Result<(), IngestError> {
        let raw = *bar.get();
        self.ends = Some((self.ends.map_or(raw, |(first, _)| first), raw));
        self.hash.update(bar.canonical());
        self.bars = self.bars.saturating_add(1);
        self.batch.push(bar);
        if u64::try_from(self.batch.len()).is_ok_and(|bars| bars >= BARS_PER_BATCH) {
            self.write_batch()?;
        }
        Ok(())
    }

    fn write_batch(&mut self) -> Result<(), IngestError> {
        let (Some(first), Some(last)) = (self.batch.first(), self.batch.last()) else {
            return Ok(());
        };
        let written = self.writer.write(&self.batch).map_err(encode(&self.name))?;
        self.batches.push(BatchData {
            bars: u64::try_from(self.batch.len()).unwrap_or(u64::MAX),
            first_close: first.get().close_time,
            last_close: last.get().close_time,
            length: written.length,
            offset: written.offset,
            sha256: written.sha256,
        });
        self.batch.clear();
        Ok(())
    }

    /// Ends the file; `None` if it holds no bar and is of no use.
    pub(crate) fn finish(
        mut self,
        tickers: Vec<TickerData>,
    ) -> Result<Option<InstrumentData>, IngestError> {
        self.write_batch()?;
        let (file, file_sha256) = self.writer.finish().map_err(encode(&self.name))?;
        sync(file, &self.name)?;
        let Some((first, last)) = self.ends else {
            return Ok(None);
        };
        Ok(Some(InstrumentData {
            bars: self.bars,
            bars_sha256: Digest::finish(self.hash),
            batches: self.batches,
            file: self.name,
            file_sha256,
            first_close: first.close_time,
            first_open: first.open_time,
            last_close: last.close_time,
            last_open: last.open_time,
            lot_size: self.instrument.lot_size(),
            price_scale: self.instrument.price_scale(),
            quantity_scale: self.instrument.quantity_scale(),
            symbol: self.instrument.symbol().to_owned(),
            tick_size: self.instrument.tick_size(),
            tickers,
            volume_scale: self.instrument.volume_scale(),
        }))
    }
}

fn encode(name: &str) -> impl FnOnce(ArrowError) -> IngestError {
    move |error| IngestError::Encode {
        file: name.to_owned(),
        reason: error.to_string(),
    }
}

/// The part of a file name that shows the symbol; the number before it makes the name unique.
fn file_part(symbol: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    symbol
        .chars()
        .take(32)
        .map(|c| if plain(c) { c } else { '_' })
        .collect()
}
