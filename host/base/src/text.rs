//! Text from guests, files and networks, made safe to print.

use alloc::string::String;
use core::fmt::Write as _;

/// Whether a character drives a terminal, or shows what follows it elsewhere than where it stands: controls, line and
/// paragraph separators, and what sets the direction of writing. A name with one of these could rewrite the line that it
/// is printed on.
#[must_use]
pub fn drives_display(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// The text with each character that [`drives_display`] replaced, except line ends. Authors of components and journals
/// choose names, reasons and log lines, and must not be able to drive the reader's terminal.
#[must_use]
pub fn harmless(text: &str) -> String {
    let replace = |letter: char| match letter {
        '\n' => '\n',
        letter if drives_display(letter) => char::REPLACEMENT_CHARACTER,
        letter => letter,
    };
    text.chars().map(replace).collect()
}

/// The same on one line, so that a name cannot begin a line that looks like a verdict.
#[must_use]
pub fn harmless_line(text: &str) -> String {
    // Line ends too: the caller prints one line, and a second one could pretend to be the program's own.
    text.replace(drives_display, "\u{fffd}")
}

/// The same, with the lines after the first indented: texts of several lines are read whole, and none of them can begin
/// like a line of the program.
#[must_use]
pub fn harmless_indented(text: &str) -> String {
    harmless(text).replace('\n', "\n    ")
}

/// Whether a spreadsheet takes a cell with this text for a formula: by its first sign, in full width too, whatever blank
/// or invisible characters stand in front.
#[must_use]
pub fn begins_formula(text: &str) -> bool {
    let is_blank = |letter: char| letter.is_whitespace() || drives_display(letter);
    // A tab or a line end in front is taken away by some programs, and a cell is run for what follows.
    let is_moved = text.starts_with(is_blank) && text.starts_with(char::is_control);
    let signs = [
        '=', '+', '-', '@', '\u{2212}', '\u{ff0b}', '\u{ff0d}', '\u{ff1d}', '\u{ff20}',
    ];
    is_moved || text.trim_start_matches(is_blank).starts_with(signs)
}

/// JSON text with the same characters as escapes, so that no value is lost.
#[must_use]
pub fn harmless_json(json: &str) -> String {
    // They occur within strings alone, and none of them takes two units of UTF-16.
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter != '\n' && drives_display(letter) {
            // Writing to a string cannot fail.
            let _infallible = write!(out, "\\u{:04x}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(harmless("a\u{1b}[2J\nb\r"), "a\u{fffd}[2J\nb\u{fffd}");
        assert_eq!(
            harmless_line("a\nintegrity: intact"),
            "a\u{fffd}integrity: intact"
        );
    }

    #[test]
    fn a_formula_is_seen_through_blanks_and_in_full_width() {
        for text in [
            "=1",
            "+1",
            "-1",
            "@a",
            " =1",
            "\t=1",
            "\ta",
            "\r\n=1",
            "\u{feff}=1",
            "\u{202e}@a",
            "＝1",
            "＋1",
            "－1",
            "＠a",
            "\u{3000}＝1",
            "\u{2212}1",
            "\u{a0}=1",
        ] {
            assert!(begins_formula(text), "{text:?}");
        }
        for text in ["", "a=1", "ABC", "1-2", " a", "'=1", "株式"] {
            assert!(!begins_formula(text), "{text:?}");
        }
    }

    /// A reason with U+202E showed "intact" where the text was "tcatni", and C1 controls drive some terminals.
    #[test]
    fn nothing_turns_the_direction_of_writing_or_leaves_its_line() {
        for hostile in "\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\u{2029}\u{9b}\u{7f}\u{feff}".chars()
        {
            let text = format!("a{hostile}b");
            assert_eq!(harmless(&text), "a\u{fffd}b", "{hostile:?}");
            assert_eq!(harmless_line(&text), "a\u{fffd}b", "{hostile:?}");
            let escaped = format!("\"a\\u{:04x}b\"", u32::from(hostile));
            assert_eq!(harmless_json(&format!("\"{text}\"")), escaped);
        }
        assert_eq!(
            harmless_indented("a\nintegrity: intact\r"),
            "a\n    integrity: intact\u{fffd}"
        );
        assert_eq!(harmless("Zażółć 株式 שלום"), "Zażółć 株式 שלום");
    }
}
