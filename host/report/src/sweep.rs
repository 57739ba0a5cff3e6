//! The table of a sweep: one row an item, the same columns as CSV, JSON and Arrow. It must never
//! know in which sequence the items were run.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, UInt64Array};
use arrow_schema::ArrowError;
use counterfoil_trading::decimal::decimals_of;
use counterfoil_trading::record::{CloseReason, CloseRecord};
use counterfoil_trading::units::Money;
use serde_json::{Map, Value, json};

use crate::arrow_file::{self, NamedColumn};
use crate::csv;
use crate::figures::ReportFigures;
use crate::monte_carlo::{PERCENTILES, nearest_ranks};

/// Columns of statistics, in sequence. `docs/reference/REPORT.md` explains each.
pub const STATISTICS: [&str; 14] = [
    "total-return",
    "annual-return",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max-drawdown",
    "exposure-average",
    "turnover",
    "trades",
    "hit-rate",
    "profit-factor",
    "years",
    "periods-per-year",
];

/// The statistics of one run, in the sequence of [`STATISTICS`]; `None` where one is not defined.
pub type Statistics = [Option<f64>; STATISTICS.len()];

const AMOUNTS: [&str; 6] = [
    "final-equity",
    "profit",
    "fees",
    "slippage",
    "borrow",
    "dividends",
];
const COUNTS: [&str; 3] = ["decisions", "fills", "refused"];

/// One item and its outcome.
#[derive(Clone, Debug)]
pub struct SweepRow {
    /// The value of each field that was varied.
    pub values: Vec<String>,
    /// The run id, as 64 hex digits.
    pub run: String,
    /// Its result, or why it failed.
    pub outcome: Result<SweepOutcome, String>,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct SweepOutcome {
    /// Its closing record.
    pub close: CloseRecord,
    /// Equity at the end less starting cash.
    pub profit: Money,
    /// Its statistics.
    pub statistics: Statistics,
}

/// The table of a sweep.
#[derive(Clone, Debug)]
pub struct SweepTable {
    /// The fields that were varied.
    pub fields: Vec<String>,
    /// One row an item, in the sequence of the items.
    pub rows: Vec<SweepRow>,
}

impl ReportFigures {
    /// The figures that a sweep's table shows.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let returns = &self.returns;
        [
            returns.total,
            returns.annual,
            returns.volatility,
            returns.sharpe,
            returns.sortino,
            self.calmar,
            Some(self.falls.deepest.map_or(0.0, |fall| fall.depth)),
            self.exposure.average,
            self.turnover,
            Some(crate::number::count(self.trades.closed)),
            self.trades.hit_rate,
            self.trades.profit_factor,
            Some(self.basis.years),
            self.basis.periods.number(),
        ]
    }
}

impl SweepOutcome {
    /// One of [`STATISTICS`], if it is defined.
    #[must_use]
    pub fn statistic(&self, name: &str) -> Option<f64> {
        let place = STATISTICS.iter().position(|other| *other == name);
        self.statistics.get(place?).copied()?
    }

    const fn amounts(&self) -> [Money; AMOUNTS.len()] {
        let close = &self.close;
        [
            close.equity,
            self.profit,
            close.fees,
            close.slippage,
            close.borrow,
            close.dividends,
        ]
    }

    const fn counts(&self) -> [u64; COUNTS.len()] {
        let close = &self.close;
        [close.decisions, close.fills, close.requests.refused]
    }

    fn digest(&self) -> String {
        self.close.decision_digest.hex()
    }
}

impl SweepRow {
    /// How it ended: `end-of-data`, `fault` or `error`.
    #[must_use]
    pub fn ended(&self) -> &'static str {
        let outcome = self.outcome.as_ref();
        outcome.map_or("error", |outcome| outcome.close.reason.name())
    }
}

impl SweepTable {
    /// The results of the runs that reached the end of their data.
    pub fn ended(&self) -> impl Iterator<Item = &SweepOutcome> {
        let all = self.rows.iter().filter_map(|row| row.outcome.as_ref().ok());
        // A run that a fault or a limit ended early has a profit too, of fewer bars: among the others
        // it would only be noise.
        all.filter(|outcome| outcome.close.reason == CloseReason::EndOfData)
    }

    /// The profits of those runs at [`PERCENTILES`], by nearest rank, the lowest first.
    #[must_use]
    pub fn profits(&self) -> [Option<Money>; PERCENTILES.len()] {
        let mut all: Vec<Money> = self.ended().map(|outcome| outcome.profit).collect();
        all.sort_unstable();
        nearest_ranks(&all)
    }

    /// A column of [`STATISTICS`] of those runs at [`PERCENTILES`], by nearest rank, the lowest
    /// first; where a statistic is not defined the run does not count.
    #[must_use]
    pub fn distribution(&self, statistic: &str) -> [Option<f64>; PERCENTILES.len()] {
        let values = self
            .ended()
            .filter_map(|outcome| outcome.statistic(statistic));
        let mut all: Vec<f64> = values.collect();
        // A total order: with the partial one of floats a single NaN could scramble the ranks.
        all.sort_unstable_by(f64::total_cmp);
        nearest_ranks(&all)
    }

    /// The table as CSV (RFC 4180) with a header.
    #[must_use]
    pub fn csv(&self) -> String {
        let fixed = ["run", "ended"]
            .into_iter()
            .chain(COUNTS)
            .chain(AMOUNTS)
            .chain(STATISTICS)
            .chain(["decision-digest", "error"]);
        let head: Vec<String> = self
            .fields
            .iter()
            .map(|field| csv::foreign(field))
            .collect();
        let mut out = head
            .into_iter()
            .chain(fixed.map(str::to_owned))
            .collect::<Vec<_>>()
            .join(",");
        out.push('\n');
        for row in &self.rows {
            out.push_str(&csv_cells(row).join(","));
            out.push('\n');
        }
        out
    }

    /// The table as JSON: amounts as exact decimal texts, statistics as numbers or null.
    #[must_use]
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let values = self.fields.iter().cloned().zip(&row.values);
            let values: Map<String, Value> =
                values.map(|(name, value)| (name, json!(value))).collect();
            let mut object = Map::new();
            object.insert("values".to_owned(), values.into());
            object.insert("run".to_owned(), json!(row.run));
            object.insert("ended".to_owned(), json!(row.ended()));
            match &row.outcome {
                Err(error) => drop(object.insert("error".to_owned(), json!(error))),
                Ok(outcome) => fill(&mut object, outcome),
            }
            Value::from(object)
        });
        rows.collect()
    }

    /// The table as an Arrow file: exact decimals, and null where a run has no such value.
    ///
    /// # Errors
    ///
    /// Returns [`ArrowError`] if an amount does not fit.
    pub fn arrow(&self) -> Result<Vec<u8>, ArrowError> {
        let outcomes = || self.rows.iter().map(|row| row.outcome.as_ref().ok());
        let mut columns: Vec<NamedColumn<'_>> = Vec::new();
        for (place, field) in self.fields.iter().enumerate() {
            let values = self
                .rows
                .iter()
                .map(|row| row.values.get(place).map(String::as_str));
            columns.push((field, arrow_file::texts(values)));
        }
        let runs = self.rows.iter().map(|row| Some(row.run.as_str()));
        columns.push(("run", arrow_file::texts(runs)));
        let ended = self.rows.iter().map(|row| Some(row.ended()));
        columns.push(("ended", arrow_file::texts(ended)));
        for (place, name) in COUNTS.into_iter().enumerate() {
            let counts = outcomes().map(|outcome| outcome?.counts().get(place).copied());
            columns.push((name, Arc::new(counts.collect::<UInt64Array>())));
        }
        for (place, name) in AMOUNTS.into_iter().enumerate() {
            let amounts = outcomes().map(|outcome| Some(outcome?.amounts().get(place)?.0));
            columns.push((
                name,
                arrow_file::decimals(amounts, arrow_file::MONEY_DECIMALS)?,
            ));
        }
        for (place, name) in STATISTICS.into_iter().enumerate() {
            let values = outcomes().map(|outcome| outcome?.statistics.get(place).copied()?);
            let array: ArrayRef = Arc::new(values.collect::<Float64Array>());
            columns.push((name, array));
        }
        let digests: Vec<Option<String>> =
            outcomes().map(|outcome| Some(outcome?.digest())).collect();
        let digests = digests.iter().map(Option::as_deref);
        columns.push(("decision-digest", arrow_file::texts(digests)));
        let errors = self
            .rows
            .iter()
            .map(|row| row.outcome.as_ref().err().map(String::as_str));
        columns.push(("error", arrow_file::texts(errors)));
        arrow_file::file_of_optional(&columns)
    }
}

fn csv_cells(row: &SweepRow) -> Vec<String> {
    // A number is not a formula, whatever its sign.
    let cell = |value: &String| match decimals_of(value) {
        Some(_) => value.clone(),
        None => csv::foreign(value),
    };
    let mut cells: Vec<String> = row.values.iter().map(cell).collect();
    cells.extend([row.run.clone(), row.ended().to_owned()]);
    match &row.outcome {
        Err(error) => {
            // Every row has as many cells as the header, or a reader shifts the rest.
            let empty = COUNTS.len() + AMOUNTS.len() + STATISTICS.len() + 1;
            cells.extend(core::iter::repeat_n(String::new(), empty));
            cells.push(csv::foreign(error));
        }
        Ok(outcome) => {
            cells.extend(outcome.counts().map(|count| count.to_string()));
            cells.extend(outcome.amounts().map(Money::to_text));
            let texts = outcome.statistics.map(|value| value.map(csv::float));
            cells.extend(texts.map(Option::unwrap_or_default));
            cells.extend([outcome.digest(), String::new()]);
        }
    }
    cells
}

fn fill(object: &mut Map<String, Value>, outcome: &SweepOutcome) {
    for (name, count) in COUNTS.into_iter().zip(outcome.counts()) {
        object.insert(name.to_owned(), json!(count));
    }
    for (name, amount) in AMOUNTS.into_iter().zip(outcome.amounts()) {
        object.insert(name.to_owned(), json!(amount.to_text()));
    }
    for (name, value) in STATISTICS.into_iter().zip(outcome.statistics) {
        object.insert(name.to_owned(), json!(value));
    }
    object.insert("decision-digest".to_owned(), json!(outcome.digest()));
}
