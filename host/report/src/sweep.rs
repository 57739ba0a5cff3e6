//! The table of a sweep: one row an item, the same columns as CSV, JSON and Arrow. It must never
//! know in which sequence the items were run.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, UInt64Array};
use arrow_schema::ArrowError;
use counterfoil_trading::decimal::decimals_of;
use counterfoil_trading::record::CloseRecord;
use counterfoil_trading::units::Money;
use serde_json::{Map, Value, json};

use crate::arrow_file::{self, NamedColumn};
use crate::csv;
use crate::facts::RunFacts;
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
    /// How it ended.
    pub outcome: RowOutcome,
}

/// How an item of a sweep ended. Only a run over all its bars has figures: those of a run that was cut
/// short are of fewer bars, and would be compared with the others.
#[derive(Clone, Debug)]
pub enum RowOutcome {
    /// The run reached the end of its data.
    Ended(Box<SweepOutcome>),
    /// A fault or the host ended the run early.
    CutShort(Box<CutShortRun>),
    /// There is no run: it could not start, or its process failed.
    Failed(String),
}

/// A run that ended before its data did.
#[derive(Clone, Debug)]
pub struct CutShortRun {
    /// Its closing record.
    pub close: CloseRecord,
    /// What ended it, in a sentence.
    pub cause: String,
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
}

impl RowOutcome {
    /// The outcome of a run that closed, from its facts; `None` when an amount does not fit.
    #[must_use]
    pub fn of_run(close: CloseRecord, facts: &RunFacts, figures: &ReportFigures) -> Option<Self> {
        Some(match facts.early_end() {
            Some(cause) => Self::CutShort(Box::new(CutShortRun { close, cause })),
            None => Self::Ended(Box::new(SweepOutcome {
                profit: close.equity.minus(facts.starting_cash)?,
                statistics: figures.statistics(),
                close,
            })),
        })
    }

    /// The figures, where the run has any.
    #[must_use]
    pub const fn figures(&self) -> Option<&SweepOutcome> {
        match self {
            Self::Ended(outcome) => Some(outcome),
            Self::CutShort(_) | Self::Failed(_) => None,
        }
    }

    /// What kept the run from its end, if anything did.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Ended(_) => None,
            Self::CutShort(run) => Some(&run.cause),
            Self::Failed(cause) => Some(cause),
        }
    }

    const fn close(&self) -> Option<&CloseRecord> {
        match self {
            Self::Ended(outcome) => Some(&outcome.close),
            Self::CutShort(run) => Some(&run.close),
            Self::Failed(_) => None,
        }
    }

    /// Counts of [`COUNTS`]: how far the run went.
    fn counts(&self) -> Option<[u64; COUNTS.len()]> {
        let close = self.close()?;
        Some([close.decisions, close.fills, close.requests.refused])
    }

    fn digest(&self) -> Option<String> {
        Some(self.close()?.decision_digest.hex())
    }
}

impl SweepRow {
    /// How it ended: `end-of-data`, `fault`, `stopped` or `error`.
    #[must_use]
    pub fn ended(&self) -> &'static str {
        let close = self.outcome.close();
        close.map_or("error", |close| close.reason.name())
    }
}

impl SweepTable {
    /// The results of the runs that reached the end of their data.
    pub fn ended(&self) -> impl Iterator<Item = &SweepOutcome> {
        self.rows.iter().filter_map(|row| row.outcome.figures())
    }

    /// How many runs a fault or the host ended early.
    #[must_use]
    pub fn cut_short(&self) -> usize {
        let is_cut = |row: &&SweepRow| matches!(row.outcome, RowOutcome::CutShort(_));
        self.rows.iter().filter(is_cut).count()
    }

    /// How many items have no run.
    #[must_use]
    pub fn failed(&self) -> usize {
        let is_failed = |row: &&SweepRow| matches!(row.outcome, RowOutcome::Failed(_));
        self.rows.iter().filter(is_failed).count()
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
            .chain(["decision-digest", "cause"]);
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
            fill(&mut object, &row.outcome);
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
        let outcomes = || self.rows.iter().map(|row| row.outcome.figures());
        let rows = || self.rows.iter().map(|row| &row.outcome);
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
            let counts = rows().map(|outcome| outcome.counts()?.get(place).copied());
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
        let digests: Vec<Option<String>> = rows().map(RowOutcome::digest).collect();
        let digests = digests.iter().map(Option::as_deref);
        columns.push(("decision-digest", arrow_file::texts(digests)));
        columns.push(("cause", arrow_file::texts(rows().map(RowOutcome::cause))));
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
    // Every row has as many cells as the header, or a reader shifts the rest.
    let outcome = &row.outcome;
    let counts = outcome
        .counts()
        .map_or([const { String::new() }; COUNTS.len()], |counts| {
            counts.map(|count| count.to_string())
        });
    cells.extend(counts);
    let (amounts, statistics) = match outcome.figures() {
        Some(figures) => (figures.amounts().map(Some), figures.statistics),
        None => ([None; AMOUNTS.len()], [None; STATISTICS.len()]),
    };
    cells.extend(amounts.map(|amount| amount.map(Money::to_text).unwrap_or_default()));
    cells.extend(statistics.map(|value| value.map(csv::float).unwrap_or_default()));
    cells.push(outcome.digest().unwrap_or_default());
    cells.push(outcome.cause().map(csv::foreign).unwrap_or_default());
    cells
}

/// The columns of an outcome, null where the run has no such value.
fn fill(object: &mut Map<String, Value>, outcome: &RowOutcome) {
    let figures = outcome.figures();
    for (place, name) in COUNTS.into_iter().enumerate() {
        let count = outcome
            .counts()
            .and_then(|counts| counts.get(place).copied());
        object.insert(name.to_owned(), json!(count));
    }
    for (place, name) in AMOUNTS.into_iter().enumerate() {
        let amount = figures.and_then(|figures| figures.amounts().get(place).copied());
        object.insert(name.to_owned(), json!(amount.map(Money::to_text)));
    }
    for name in STATISTICS {
        let value = figures.and_then(|figures| figures.statistic(name));
        object.insert(name.to_owned(), json!(value));
    }
    object.insert("decision-digest".to_owned(), json!(outcome.digest()));
    object.insert("cause".to_owned(), json!(outcome.cause()));
}
