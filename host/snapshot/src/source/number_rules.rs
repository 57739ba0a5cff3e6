//! From the text of a number to the number on its grid, by the rules that the caller asks for. It must never know
//! a file.

use crate::error::IngestError;
use crate::source::notes::RowNumber;
use crate::source::number::{ExactNumber, NumberColumn, NumberSigns};
use crate::source::number_grid::NumberGrid;
use crate::source::options::IngestOptions;
use crate::source::row_error::RowError;

/// How the numbers of a source are written, and the grids they must be on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NumberRules {
    pub(crate) signs: NumberSigns,
    pub(crate) prices: NumberGrid,
    pub(crate) volumes: NumberGrid,
}

impl NumberRules {
    /// The rules that the caller asks for, or what is wrong with them.
    pub(crate) fn of(options: &IngestOptions) -> Result<Self, IngestError> {
        Ok(Self {
            signs: NumberSigns::of(options)?,
            prices: NumberGrid::of_prices(options)?,
            volumes: NumberGrid::of_volumes(options)?,
        })
    }

    /// The number in a column, on its grid.
    pub(crate) fn read(
        &self,
        text: &str,
        column: NumberColumn,
    ) -> Result<(ExactNumber, RowNumber), RowError> {
        let grid = if column.is_volume() {
            &self.volumes
        } else {
            &self.prices
        };
        let written = self.signs.read(text, column)?;
        let on_grid = grid.fit(written.number, column, text)?;
        let seen = RowNumber {
            written,
            away: on_grid.away,
        };
        Ok((on_grid.number, seen))
    }
}
