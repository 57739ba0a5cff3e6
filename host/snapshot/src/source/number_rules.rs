//! From the text of a number to the number on its grid, by the rules that the caller asks for. It must never know
//! a file.

use crate::error::IngestError;
use crate::source::notes::RowNumber;
use crate::source::number::{ExactNumber, NumberColumn, NumberSigns, WrittenNumber};
use crate::source::number_form::NumberForm;
use crate::source::number_grid::NumberGrid;
use crate::source::options::IngestOptions;
use crate::source::row_error::RowError;

/// How the numbers of a source are written, and the grids they must be on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NumberRules {
    pub(crate) signs: NumberSigns,
    pub(crate) prices: NumberGrid,
    pub(crate) volumes: NumberGrid,
    price_form: NumberForm,
    volume_form: NumberForm,
}

impl NumberRules {
    /// The rules that the caller asks for, or what is wrong with them.
    pub(crate) fn of(options: &IngestOptions) -> Result<Self, IngestError> {
        Ok(Self {
            signs: NumberSigns::of(options)?,
            prices: NumberGrid::of_prices(options)?,
            volumes: NumberGrid::of_volumes(options)?,
            price_form: NumberForm::of("prices", &options.prices_as)?,
            volume_form: NumberForm::of("volumes", &options.volumes_as)?,
        })
    }

    /// The number in a column, on its grid.
    pub(crate) fn read(
        &self,
        text: &str,
        column: NumberColumn,
    ) -> Result<(ExactNumber, RowNumber), RowError> {
        let (grid, form) = if column.is_volume() {
            (&self.volumes, self.volume_form)
        } else {
            (&self.prices, self.price_form)
        };
        let (value, written) = self.value(text, column, form)?;
        let on_grid = grid.fit(value, column, text)?;
        let seen = RowNumber {
            written,
            away: on_grid.away,
        };
        Ok((on_grid.number, seen))
    }

    /// The price in a column, wherever on the grid it is.
    pub(crate) fn price(&self, text: &str, column: NumberColumn) -> Result<ExactNumber, RowError> {
        self.value(text, column, self.price_form)
            .map(|(value, _)| value)
    }

    /// The value in a column, and how it was written.
    fn value(
        &self,
        text: &str,
        column: NumberColumn,
        form: NumberForm,
    ) -> Result<(ExactNumber, WrittenNumber), RowError> {
        let mut written = match form.fraction(text, column) {
            Some(read) => read?,
            None => self.signs.read(text, column)?,
        };
        let value = form.value(written.number, column, text)?;
        written.decimals_written = form.decimals_written(written.decimals_written);
        Ok((value, written))
    }
}
