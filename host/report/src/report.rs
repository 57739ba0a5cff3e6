//! A report's files, from facts, figures and what the caller knows of the run. It must never know
//! where the files go.

use crate::render::{ReportError, RunReport};
use crate::{arrow_file, csv, html, json, sentences};

impl RunReport<'_> {
    /// The files with their names, those of [`crate::FILES`].
    ///
    /// # Errors
    ///
    /// Returns [`ReportError`] if one of them cannot be made.
    pub fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
        // All in memory before any is written: a report that fails half-way leaves no half of itself.
        let trades = csv::trades(self.facts).ok_or(ReportError::Overflow)?;
        let trades_arrow = arrow_file::trades(self.facts).ok_or(ReportError::Overflow)??;
        Ok(vec![
            ("report.json", json::report(self)?),
            (
                "figures.csv",
                csv::figures(&json::statistics(self.figures)).into_bytes(),
            ),
            ("trades.csv", trades.into_bytes()),
            ("trades.arrow", trades_arrow),
            (
                "equity.csv",
                csv::equity(self.facts, self.figures).into_bytes(),
            ),
            (
                "equity.arrow",
                arrow_file::equity(self.facts, self.figures)?,
            ),
            ("report.html", html::page(self)?.into_bytes()),
        ])
    }

    /// The figures that come first, with their names.
    #[must_use]
    pub fn headline(&self) -> Vec<(&'static str, String)> {
        let reason = sentences::no_returns(self.figures);
        let row = |tile: sentences::HeadlineTile| match reason {
            // A page has the reason below the figure; a table has no other place for it.
            Some(reason) if tile.below == reason => {
                (tile.name, format!("{} ({reason})", tile.value))
            }
            Some(_) | None => (tile.name, tile.value),
        };
        sentences::headline(self).into_iter().map(row).collect()
    }

    /// `report.json` as a value.
    ///
    /// # Errors
    ///
    /// Returns [`ReportError`] if an amount does not fit.
    pub fn json(&self) -> Result<serde_json::Value, ReportError> {
        json::value(self)
    }
}
