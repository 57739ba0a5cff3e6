//! Decimal numbers as the C2SP formats write them: ASCII digits without leading zeros. One
//! way to write a number, so that a text has one meaning and one encoding.

/// The number in `text`, or nothing if it is written in any other way.
///
/// Source: C2SP tlog-checkpoint, note text.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let canonical = match text.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_in_one_way() {
        for number in [0, 1, 9, 10, 20_852_163, u64::MAX] {
            assert_eq!(parse(&std::format!("{number}")), Some(number));
        }
        for text in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            "1 ",
            " 1",
            "1_0",
            "18446744073709551616",
            "١",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
