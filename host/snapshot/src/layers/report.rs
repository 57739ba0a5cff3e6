//! A summary of an ingestion, for people. It must never know a file.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::decimal;
use counterfoil_trading::time::Timeframe;

use crate::quality::findings::LayerFindings;
use crate::store::manifest::{GridSource, LayerInstrument, LayerManifest, LayerNote, LayerSource};
use crate::store::quarantine::QuarantinedRow;
use crate::store::read_error::ReadError;
use crate::store::snapshot::Snapshot;

/// Quarantined rows in a report; all of them are in the file.
const EXAMPLES_MAX: usize = 100;

/// A summary of an ingestion, all of it from the snapshot's manifest and files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IngestReport {
    /// Rows of all sources, header and blank lines apart.
    pub rows: u64,
    /// Bars that can be used.
    pub bars: u64,
    /// Quarantined rows and bars.
    pub quarantined: u64,
    /// Quarantined rows by reason code.
    pub reasons: BTreeMap<String, u64>,
    /// The first hundred quarantined rows.
    pub examples: Vec<QuarantinedRow>,
    /// Findings of the checks, by rule.
    pub findings: LayerFindings,
    /// Rows after a later one of their instrument; they were put in their place.
    pub out_of_order: u64,
    /// Blank lines.
    pub blank_lines: u64,
    /// Columns that were not read.
    pub ignored_columns: Vec<String>,
    /// What was seen of the sources' rows: numbers that were rounded, rows that repeat others.
    pub notes: Vec<LayerNote>,
    /// The length of every bar.
    pub timeframe: Timeframe,
    /// Whether the timeframe was taken from the data.
    pub timeframe_inferred: bool,
    /// The ticks of the instruments and what decided them, each once.
    pub ticks: BTreeSet<String>,
    /// The lots of the instruments and what decided them, each once.
    pub lots: BTreeSet<String>,
    /// The instruments that have the ticker of one that was delisted, each with the ticker.
    pub reused: Vec<(String, String)>,
    /// The instruments without any volume.
    pub without_volume: Vec<String>,
    /// The instruments that may have prices of zero or below.
    pub negative_prices: Vec<String>,
    /// Decimals of a price: the most of any instrument.
    pub price_scale: u8,
    /// Decimals of a volume: the most of any instrument.
    pub volume_scale: u8,
}

impl IngestReport {
    pub(crate) fn from_snapshot(snapshot: &Snapshot) -> Result<Self, ReadError> {
        let manifest: &LayerManifest = snapshot.manifest();
        let sources = || manifest.sources.iter();
        let instruments = || manifest.instruments.iter();
        let findings = manifest
            .findings
            .clone()
            .ok_or_else(|| ReadError::malformed(&snapshot.id().to_string(), "no findings"))?;
        Ok(Self {
            rows: sources().map(|source| source.rows).sum(),
            bars: manifest.bars(),
            quarantined: manifest.quarantine.rows,
            reasons: manifest.quarantine.reasons.clone(),
            examples: snapshot.quarantine(EXAMPLES_MAX)?,
            findings,
            out_of_order: sources().map(|source| source.out_of_order).sum(),
            blank_lines: sources().map(|source| source.blank_lines).sum(),
            ignored_columns: sources()
                .flat_map(|source| source.ignored_columns.clone())
                .collect(),
            notes: sources().flat_map(|source| source.notes.clone()).collect(),
            timeframe: manifest.timeframe,
            timeframe_inferred: sources().any(|source| source.timeframe_inferred),
            ticks: steps(manifest, |it| {
                let step = decimal::format(i128::from(it.tick_size), it.price_scale);
                (step, it.tick_from, |source| source.tick_from)
            }),
            lots: steps(manifest, |it| {
                let step = decimal::format(i128::from(it.lot_size), it.quantity_scale);
                (step, it.lot_from, |source| source.lot_from)
            }),
            reused: instruments()
                .filter_map(|it| Some((it.symbol.clone(), it.tickers.first()?.symbol.clone())))
                .filter(|(symbol, ticker)| symbol != ticker)
                .collect(),
            without_volume: instruments()
                .filter(|instrument| instrument.volume.is_some())
                .map(|instrument| instrument.symbol.clone())
                .collect(),
            negative_prices: instruments()
                .filter(|instrument| instrument.negative_prices)
                .map(|instrument| instrument.symbol.clone())
                .collect(),
            price_scale: instruments()
                .map(|instrument| instrument.price_scale)
                .max()
                .unwrap_or(0),
            volume_scale: instruments()
                .map(|instrument| instrument.volume_scale)
                .max()
                .unwrap_or(0),
        })
    }
}

/// A tick or lot as text, what decided it if the instrument has its own, and where its sources have it.
type InstrumentStep = (String, Option<GridSource>, fn(&LayerSource) -> GridSource);

/// The ticks or lots of all instruments, each with what decided it (of several files with several reasons, all of
/// them), and with its instruments if there are several.
fn steps(
    manifest: &LayerManifest,
    step: fn(&LayerInstrument) -> InstrumentStep,
) -> BTreeSet<String> {
    let mut all: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for instrument in &manifest.instruments {
        let (step, own, from) = step(instrument);
        let reasons: BTreeSet<&str> = match own {
            Some(own) => BTreeSet::from([own.reason()]),
            None => manifest
                .sources
                .iter()
                .map(|it| from(it).reason())
                .collect(),
        };
        let reasons: Vec<&str> = reasons.into_iter().collect();
        let text = format!("{step} ({})", reasons.join("; "));
        all.entry(text).or_default().push(&instrument.symbol);
    }
    if all.len() == 1 {
        return all.into_keys().collect();
    }
    let text = |(text, symbols): (String, Vec<&str>)| format!("{text}: {}", listed(&symbols));
    all.into_iter().map(text).collect()
}

/// The first few of a list, and how many more there are.
#[must_use]
pub fn listed<T: AsRef<str>>(symbols: &[T]) -> String {
    const SHOWN_MAX: usize = 5;
    let shown: Vec<&str> = symbols.iter().take(SHOWN_MAX).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match symbols.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
