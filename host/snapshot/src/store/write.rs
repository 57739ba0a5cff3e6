//! The Arrow files of one instrument, bar by bar. It must never hold more than one batch.

use std::io::BufWriter;

use arrow_schema::ArrowError;
use cap_std::fs::File;
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::instrument::{Instrument, PriceRange};
use counterfoil_trading::time::UnixNanos;
use sha2::{Digest as _, Sha256};

use crate::error::IngestError;
use crate::source::times::date;
use crate::spool::staging::StagingDir;
use crate::store::arrow_file::BarWriter;
use crate::store::manifest::{
    BARS_PER_BATCH, BARS_PER_FILE_MIN, LayerBatch, LayerFile, LayerInstrument, LayerTicker,
    VolumeMark,
};
use counterfoil_base::digest::Digest;

/// Writes the bars of one instrument, sorted by close time.
pub(crate) struct InstrumentWriter<'a> {
    staging: &'a StagingDir,
    /// Makes the names of its files unique in the layer.
    index: usize,
    instrument: Instrument,
    open: Option<OpenArrowFile>,
    files: Vec<LayerFile>,
    hash: Sha256,
    batch: Vec<ClosedBar>,
    batches: Vec<LayerBatch>,
    ends: Option<(RawBar, RawBar)>,
    bars: u64,
    has_volume: bool,
}

/// The file that is written.
struct OpenArrowFile {
    name: String,
    writer: BarWriter<BufWriter<File>>,
    bars: u64,
}

impl<'a> InstrumentWriter<'a> {
    /// The files of an instrument; none is made before the first bar.
    pub(crate) fn new(staging: &'a StagingDir, index: usize, instrument: &Instrument) -> Self {
        Self {
            staging,
            index,
            instrument: instrument.clone(),
            open: None,
            files: Vec::new(),
            hash: Sha256::new(),
            batch: Vec::new(),
            batches: Vec::new(),
            ends: None,
            bars: 0,
            has_volume: false,
        }
    }

    pub(crate) fn add(&mut self, bar: ClosedBar) -> Result<(), IngestError> {
        let raw = *bar.get();
        if let Some((_, last)) = self.ends
            && self
                .open
                .as_ref()
                .is_some_and(|open| open.bars >= BARS_PER_FILE_MIN)
            && month(last.open_time) != month(raw.open_time)
        {
            // Files end with a month, never within one: a later ingestion of more data makes the
            // same early files again, whatever comes after them.
            self.end_file()?;
        }
        if self.open.is_none() {
            self.begin_file(raw.open_time)?;
        }
        self.ends = Some((self.ends.map_or(raw, |(first, _)| first), raw));
        // Over the bars and not over the file: another version of the file format must not change
        // what a run was promised.
        self.hash.update(bar.canonical());
        self.bars = self.bars.saturating_add(1);
        self.has_volume |= raw.volume.0 > 0;
        self.batch.push(bar);
        if let Some(open) = &mut self.open {
            open.bars = open.bars.saturating_add(1);
        }
        if u64::try_from(self.batch.len()).is_ok_and(|bars| bars >= BARS_PER_BATCH) {
            self.write_batch()?;
        }
        Ok(())
    }

    fn begin_file(&mut self, first: UnixNanos) -> Result<(), IngestError> {
        let symbol = file_part(self.instrument.symbol());
        let name = format!("{:04}-{symbol}-{}.arrow", self.index, month(first));
        let writer = BarWriter::new(self.staging.create(&name)?, &self.instrument);
        self.open = Some(OpenArrowFile {
            writer: writer.map_err(encode(&name))?,
            name,
            bars: 0,
        });
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), IngestError> {
        self.write_batch()?;
        let Some(OpenArrowFile { name, writer, .. }) = self.open.take() else {
            return Ok(());
        };
        let (file, sha256) = writer.finish().map_err(encode(&name))?;
        // Durable before the layer has its name: with thousands of instruments, a sync for each file took most of the
        // time.
        self.staging.close(file, &name)?;
        self.files.push(LayerFile { file: name, sha256 });
        Ok(())
    }

    fn write_batch(&mut self) -> Result<(), IngestError> {
        let (Some(first), Some(last)) = (self.batch.first(), self.batch.last()) else {
            return Ok(());
        };
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let written = open
            .writer
            .write_batch(&self.batch)
            .map_err(encode(&open.name))?;
        self.batches.push(LayerBatch {
            bars: u64::try_from(self.batch.len()).unwrap_or(u64::MAX),
            file: self.files.len(),
            first_close: first.get().close_time,
            last_close: last.get().close_time,
            length: written.length,
            offset: written.offset,
            sha256: written.sha256,
        });
        // A batch is the unit that readers check: they hold one in memory and compare its digest
        // before they use a bar of it.
        self.batch.clear();
        Ok(())
    }

    /// Ends the last file; `None` if there was no bar.
    pub(crate) fn finish(
        mut self,
        tickers: Vec<LayerTicker>,
    ) -> Result<Option<LayerInstrument>, IngestError> {
        self.end_file()?;
        let Some((first, last)) = self.ends else {
            return Ok(None);
        };
        Ok(Some(LayerInstrument {
            bars: self.bars,
            bars_sha256: Digest::finish(self.hash),
            batches: self.batches,
            files: self.files,
            first_close: first.close_time,
            first_open: first.open_time,
            last_close: last.close_time,
            last_open: last.open_time,
            // Known to normalization alone.
            lot_from: None,
            lot_size: self.instrument.lot_size(),
            negative_prices: self.instrument.prices() == PriceRange::Any,
            price_scale: self.instrument.price_scale(),
            quantity_scale: self.instrument.quantity_scale(),
            // Known to curation alone.
            sessions: None,
            symbol: self.instrument.symbol().to_owned(),
            tick_from: None,
            tick_size: self.instrument.tick_size(),
            tickers,
            volume: (!self.has_volume).then_some(VolumeMark::AllZero),
            volume_scale: self.instrument.volume_scale(),
        }))
    }
}

/// Year and month of a time in UTC, as `2003-01`.
fn month(time: UnixNanos) -> String {
    date(time).chars().take(7).collect()
}

fn encode(name: &str) -> impl FnOnce(ArrowError) -> IngestError {
    move |error| IngestError::Encode {
        file: name.to_owned(),
        reason: error.to_string(),
    }
}

/// The part of a file name that shows the symbol; the number before it makes the name unique.
fn file_part(symbol: &str) -> String {
    // Symbols come from vendors: a slash, a colon or a leading dot must not reach a file name.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    symbol
        .chars()
        .take(32)
        .map(|c| if plain(c) { c } else { '_' })
        .collect()
}
