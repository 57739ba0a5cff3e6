//! Texts that are longer than their limit. A text of a guest is cut, and never decides about the
//! run.

/// What a text ends in that was cut.
pub(crate) const CUT_MARK: &str = "[cut]";

/// The text and 0; or its beginning up to a character boundary, ending in [`CUT_MARK`] and with at most
/// `bytes_max` bytes, and how many bytes are gone.
pub(crate) fn cut(text: String, bytes_max: usize) -> (String, usize) {
    if text.len() <= bytes_max {
        return (text, 0);
    }
    let room = bytes_max.saturating_sub(CUT_MARK.len());
    let kept = text.floor_char_boundary(room);
    let gone = text.len().saturating_sub(kept);
    let mut text = bounded(text, kept);
    text.push_str(CUT_MARK);
    // A limit below the mark's length cuts the mark too: the limit holds whatever it is.
    (bounded(text, bytes_max), gone)
}

/// The text, cut at a character boundary so that it has at most `bytes_max` bytes, without a mark.
pub(crate) fn bounded(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_on_a_character_and_marked_within_its_limit() {
        let check = |text: &str, bytes_max: usize, expect: &str, gone: usize| {
            let got = cut(String::from(text), bytes_max);
            assert_eq!(got, (String::from(expect), gone), "{text} {bytes_max}");
            assert!(got.0.len() <= bytes_max);
        };
        check("", 0, "", 0);
        check("0123456789", 10, "0123456789", 0);
        check("0123456789a", 10, "01234[cut]", 6);
        // The character of three bytes does not fit whole into the six that are left.
        check("0123\u{20ac}56789", 11, "0123[cut]", 8);
        check("0123\u{20ac}56789", 12, "0123\u{20ac}56789", 0);
        check("0123456789", 5, "[cut]", 10);
        check("0123456789", 3, "[cu", 10);
        check("0123456789", 0, "", 10);
    }
}
