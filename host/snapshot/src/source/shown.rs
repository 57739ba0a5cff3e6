//! Texts of a file in messages: a word that is as long as a file is cut. It must never change what is read.

/// Bytes of one word: longer than any symbol, number, date or digest.
const WORD_BYTES_MAX: usize = 96;

/// What stands for the rest of a word.
const MARK: &str = "…";

/// The text with its long words cut. The words after them stay: they say what to do.
pub(crate) fn shown(text: String) -> String {
    let is_long = |word: &str| word.len() > WORD_BYTES_MAX;
    if !text.split(char::is_whitespace).any(is_long) {
        return text;
    }
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let end = word.trim_end().len();
        if end <= WORD_BYTES_MAX {
            return word.to_owned();
        }
        let (word, space) = word.split_at(end);
        let kept = word.floor_char_boundary(WORD_BYTES_MAX);
        let quote = if word.starts_with('"') { "\"" } else { "" };
        format!(
            "{}{MARK}{quote}{space}",
            word.get(..kept).unwrap_or_default()
        )
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_and_the_text_around_them_stays() {
        let check = |text: &str, expect: &str| assert_eq!(shown(text.to_owned()), expect);
        check("", "");
        let (long, cut) = ("Q".repeat(5_000), "Q".repeat(WORD_BYTES_MAX));
        check(&cut, &cut);
        check(&format!("no {long} here\n"), &format!("no {cut}… here\n"));
        let quoted = &cut[1..];
        check(&format!("{long:?} is"), &format!("\"{quoted}…\" is"));
        check(&"é".repeat(50), &format!("{}…", "é".repeat(48)));
    }
}
