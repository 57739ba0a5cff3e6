//! What is wrong with a row that has other fields than its header. It must never know what a field means.

use crate::source::number::BareNumber;
use crate::source::row_error::{RowError, RowErrorCode};

/// The error of a row with more or fewer fields than there should be; `counted_by` has shown their number.
pub(crate) fn wrong_count(fields: &[&str], count: usize, counted_by: &str) -> RowError {
    RowError {
        code: RowErrorCode::Fields,
        message: format!(
            "{}, {counted_by} has {count}{}{}",
            fields_text(fields.len()),
            grouping_hint(fields, count),
            last_sign_hint(fields, count)
        ),
    }
}

/// What a row with too many fields looks like, if numbers with commas between their thousands made it so.
fn grouping_hint(fields: &[&str], count: usize) -> &'static str {
    let is_group =
        |text: &str| text.len() >= 3 && text.as_bytes().iter().take(3).all(u8::is_ascii_digit);
    // `-1,234` and `$1,234` as well.
    let is_lead = |text: &str| {
        let digits = BareNumber::of(text).body;
        (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    // `1,234.50`: one to three digits, and a field behind it that begins with three and goes on with its decimals.
    let is_grouped = |pair: &[&str]| match pair {
        [lead, group] => {
            is_lead(lead.trim())
                && is_group(group)
                && matches!(group.as_bytes().get(3), None | Some(b'.'))
        }
        _ => false,
    };
    if fields.len() > count && fields.windows(2).any(is_grouped) {
        "; numbers with commas between their thousands must stand in quotes, or the fields be separated by another sign"
    } else {
        ""
    }
}

/// What to state of rows that end with the sign between fields, which their header does not.
fn last_sign_hint(fields: &[&str], count: usize) -> &'static str {
    let is_one_more = fields.len().checked_sub(1) == Some(count);
    if is_one_more && fields.last() == Some(&"") {
        "; if each row ends with the sign between fields, state the columns by place in a mapping, with \"header\": false \
         and \"skip\": 1"
    } else {
        ""
    }
}

/// A number of fields.
pub(crate) fn fields_text(count: usize) -> String {
    match count {
        1 => "1 field".to_owned(),
        count => format!("{count} fields"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_ends_with_the_sign_between_fields_has_a_way_on() {
        let hint = |fields: &[&str]| wrong_count(fields, 2, "the header").message;
        assert!(hint(&["a", "b", ""]).ends_with("with \"header\": false and \"skip\": 1"));
        assert_eq!(hint(&["a", "b", "c"]), "3 fields, the header has 2");
        assert_eq!(hint(&["a"]), "1 field, the header has 2");
        assert_eq!(hint(&["a", "b", "", ""]), "4 fields, the header has 2");
    }

    #[test]
    fn a_row_with_too_many_fields_is_told_of_commas_between_thousands() {
        //  row, whether it looks like numbers with commas
        let table = [
            (vec!["2024-01-02", "1", "234.50", "1", "240"], true),
            (vec!["2024-01-02", "12", "345"], true),
            (vec!["2024-01-02", "-1", "234.50"], true),
            (vec!["2024-01-02", "$1", "234"], true),
            (vec!["2024-01-02", "-$12", "345.6"], true),
            (vec!["2024-01-02", "USD 1", "234"], false),
            (vec!["2024-01-02", "1", "2345", "9"], false),
            (vec!["2024-01-02", "1.5", "234.50", "9"], false),
            (vec!["2024-01-02", "a", "b", "c"], false),
        ];
        for (fields, is_grouped) in table {
            assert_eq!(
                !grouping_hint(&fields, 2).is_empty(),
                is_grouped,
                "{fields:?}"
            );
            assert_eq!(
                grouping_hint(&fields, fields.len()),
                "",
                "as many as the header has"
            );
        }
    }
}
