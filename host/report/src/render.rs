//! Everything that a report shows, and why it could not be made. It must never know how it is
//! shown.

use arrow_schema::ArrowError;
use counterfoil_base::digest::Digest;
use counterfoil_trading::manifest::{Manifest, ManifestError};

use crate::chart::ChartError;
use crate::facts::RunFacts;
use crate::figures::ReportFigures;

/// The answer of the auditor's library about the journal, in its own words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifierReport {
    /// Whether the journal is intact and complete.
    pub good: bool,
    /// Every line of it.
    pub text: String,
}

/// Something that a reader should know of the data before trusting a result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DataFinding {
    /// A stable code.
    pub code: String,
    /// How often.
    pub count: u64,
    /// What, in words.
    pub message: String,
}

/// What the component says of itself, with the parameters that the run used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StrategySummary {
    /// The strategy's name.
    pub name: String,
    /// The author's version.
    pub version: String,
    /// Every parameter of the strategy, in its own sequence.
    pub parameters: Vec<EffectiveParameter>,
}

/// The value of one parameter in a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EffectiveParameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether the manifest leaves it to the strategy's default.
    pub is_default: bool,
}

/// Facts about the run that are not in its records.
#[derive(Clone, Debug)]
pub struct ReportSubject {
    /// The run id.
    pub run: Digest,
    /// Which execution of it.
    pub execution: u64,
    /// The short name that people give to commands.
    pub short: String,
    /// The decision digest, where the verifier reached the end.
    pub decision_digest: Option<Digest>,
    /// The verifier's answer.
    pub verdict: VerifierReport,
    /// The strategy's own description; `None` where the component is not available.
    pub strategy: Option<StrategySummary>,
    /// Findings of ingestion about the data; `None` where the snapshot is not available.
    pub data: Option<Vec<DataFinding>>,
}

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// An amount does not fit.
    #[error("an amount in the report does not fit in 128 bits")]
    Overflow,
    /// A chart could not be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// A table could not be written.
    #[error("a table could not be written: {0}")]
    Arrow(#[from] ArrowError),
    /// The manifest could not be written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// JSON could not be written.
    #[error("report.json could not be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Everything a report shows.
#[derive(Clone, Copy, Debug)]
pub struct RunReport<'a> {
    /// Facts that are not in the run's records.
    pub subject: &'a ReportSubject,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// Its results.
    pub facts: &'a RunFacts,
    /// Its figures.
    pub figures: &'a ReportFigures,
}
