//! A run's journal as a report that people want to read: the one place for charts and for
//! statistics in floating point. It must never know a file, a clock, a network or the engine.
//!
//! ```text
//! records ──► Gather ──► Facts ──► figures ──► report.json, trades.*, equity.*, report.html
//! ```
//!
//! The same run gives the same bytes on every machine: sums go in sequence, and only
//! `+ - * /`, square roots and `libm` are used on floats. `docs/reference/REPORT.md` says what each figure
//! means.

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
mod report;
mod returns;
mod sentences;
mod sweep;
mod thin;
mod ticks;
mod trade;

pub use calendar::PeriodsPerYear;
pub use chart::ChartError;
pub use facts::Facts;
pub use figures::Figures;
pub use gather::{Gather, GatherError};
pub use monte_carlo::{Draw, MonteCarlo, PERCENTILES, SAMPLES_MAX, Sample};
pub use report::{DataFinding, Render, RenderError, Subject, Verdict};
pub use sweep::{STATISTICS, Statistics, SweepOutcome, SweepRow, SweepTable};

/// The files of a report, in the sequence in which they are written.
pub const FILES: [&str; 6] = [
    "report.json",
    "trades.csv",
    "trades.arrow",
    "equity.csv",
    "equity.arrow",
    "report.html",
];
