//! What an ingestion saw, for people and for the manifest. It must never know a file.

use std::collections::BTreeMap;

use counterfoil_trading::time::Timeframe;

use crate::manifest::QualityNote;
use crate::quarantine::QuarantinedRow;

/// What ingestion saw; what matters later is in the manifest too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IngestReport {
    /// Rows, header and blank lines apart: bars plus quarantined rows.
    pub rows: u64,
    /// Bars.
    pub bars: u64,
    /// Quarantined rows.
    pub quarantined: u64,
    /// Quarantined rows by reason code.
    pub reasons: BTreeMap<String, u64>,
    /// The first hundred quarantined rows.
    pub examples: Vec<QuarantinedRow>,
    /// Rows that came after a later one of their instrument; they were put in their place.
    pub out_of_order: u64,
    /// Bars that open before the bar before them closed: the timeframe may be too long.
    pub overlaps: u64,
    /// Bars without any volume; nothing fills on them.
    pub zero_volume: u64,
    /// Blank lines.
    pub blank_lines: u64,
    /// Columns that were not read.
    pub ignored_columns: Vec<String>,
    /// The length of every bar.
    pub timeframe: Timeframe,
    /// Whether the timeframe was taken from the data.
    pub timeframe_inferred: bool,
    /// Decimals of a price.
    pub price_scale: u8,
    /// Decimals of a volume.
    pub volume_scale: u8,
}

impl IngestReport {
    /// What a reader of the snapshot should know.
    pub(crate) fn notes(&self) -> Vec<QualityNote> {
        let mut notes = Vec::new();
        let mut note = |code: &str, count: u64, message: String| {
            if count > 0 {
                notes.push(QualityNote {
                    code: code.to_owned(),
                    count,
                    message,
                });
            }
        };
        let ignored = u64::try_from(self.ignored_columns.len()).unwrap_or(u64::MAX);
        let names = self.ignored_columns.join(", ");
        note("ignored-column", ignored, format!("not read: {names}"));
        let inferred = format!(
            "{}: the smallest gap between two bars of one instrument",
            self.timeframe
        );
        note(
            "inferred-timeframe",
            self.timeframe_inferred.into(),
            inferred,
        );
        let message = "rows came after a later one of their instrument and were put in their place";
        note("out-of-order", self.out_of_order, message.to_owned());
        let message = "bars open before the bar before them closed; the timeframe may be too long";
        note("overlap", self.overlaps, message.to_owned());
        let message = "bars without any volume; nothing fills on them";
        note("zero-volume", self.zero_volume, message.to_owned());
        notes
    }
}
