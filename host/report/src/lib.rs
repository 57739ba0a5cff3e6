//! A run's journal as a report that people want to read: the one place for charts and for
//! statistics in floating point. It must never know a file, a clock, a network or the engine.
//!
//! ```text
//! records ──► FactsGatherer ──► RunFacts ──► ReportFigures ──► report.json, trades.*, equity.*, report.html
//! ```
//!
//! The same run gives the same bytes on every machine: sums go in sequence, and only
//! `+ - * /`, square roots and `libm` are used on floats. `docs/reference/REPORT.md` explains each figure.

mod arrow_file;
mod book;
mod calendar;
mod chart;
mod csv;
mod drawdown;
mod facts;
mod figures;
mod gather;
mod html;
mod json;
mod moment;
mod monte_carlo;
mod number;
mod order_gatherer;
mod order_texts;
mod order_watch;
mod render;
mod report;
mod returns;
mod sentences;
mod sweep;
mod thin;
mod ticks;
mod trade;

pub use chart::ChartError;
pub use facts::RunFacts;
pub use figures::ReportFigures;
pub use gather::{FactsGatherer, GatherError};
pub use monte_carlo::{PERCENTILES, SAMPLES_MAX, TradeDraw, TradeSample, TradeSimulation};
pub use order_gatherer::{OrderGatherer, OrderSummary};
pub use render::{
    DataFinding, EffectiveParameter, ReportError, ReportSubject, RunReport, StrategySummary,
    VerifierReport,
};
pub use sweep::{
    CutShortRun, RowOutcome, STATISTICS, Statistics, SweepOutcome, SweepRow, SweepTable,
};

/// The files of a report, in the sequence in which they are written.
pub const FILES: [&str; 7] = [
    "report.json",
    "figures.csv",
    "trades.csv",
    "trades.arrow",
    "equity.csv",
    "equity.arrow",
    "report.html",
];
