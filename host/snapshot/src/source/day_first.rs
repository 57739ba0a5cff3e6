//! Dates whose day stands first, read by a pattern whose month does. It must never guess at a date that both read.

use crate::error::IngestError;
use crate::source::columns::TimeColumns;
use crate::source::formats;
use crate::source::reading::SourceContext;
use crate::source::times::{SwappedPattern, TimeParser};

/// # Errors
///
/// Returns [`IngestError::DayFirst`] if the time of a row cannot be read, and could if its day were first: earlier
/// rows may then have been read as other days.
pub(crate) fn check_day_first(
    column: &TimeColumns,
    fields: &[&str],
    times: &TimeParser,
    context: &SourceContext<'_>,
    line: u64,
) -> Result<(), IngestError> {
    let text = column.text(fields);
    let Some(swapped) = times.day_first(&text) else {
        return Ok(());
    };
    let SwappedPattern { pattern, other } = swapped;
    let format = formats::with_pattern(context.mapping, &other);
    let format = format.map_or_else(String::new, |name| format!(", or --format {name}"));
    Err(IngestError::DayFirst {
        file: context.name.to_owned(),
        line,
        column: column.name.clone(),
        reason: format!(
            "{text:?} is no date by {pattern}, and is one by {other}: the day is first; state \"time\": \
             {{\"format\": {other:?}}} in a mapping{format}"
        ),
    })
}
