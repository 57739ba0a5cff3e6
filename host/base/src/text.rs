//! Text from guests, files and networks, made safe to print.

use alloc::string::String;

/// The text with control characters replaced, except line ends. Authors of components and journals choose names,
/// reasons and log lines, and must not be able to drive the reader's terminal.
#[must_use]
pub fn harmless(text: &str) -> String {
    let replace = |letter: char| match letter {
        '\n' => '\n',
        letter if letter.is_control() => char::REPLACEMENT_CHARACTER,
        letter => letter,
    };
    text.chars().map(replace).collect()
}

/// The same on one line, so that a name cannot begin a line that looks like a verdict.
#[must_use]
pub fn harmless_line(text: &str) -> String {
    // Line ends too: the caller prints one line, and a second one could pretend to be the program's own.
    text.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(harmless("a\u{1b}[2J\nb\r"), "a\u{fffd}[2J\nb\u{fffd}");
        assert_eq!(
            harmless_line("a\nintegrity: intact"),
            "a\u{fffd}integrity: intact"
        );
    }
}
