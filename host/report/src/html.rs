//! `report.html`: one page that needs nothing else. It must never let a text from outside be
//! anything but text.

mod charts;
mod orders;
mod proof;
mod summary;
mod tables;

use core::fmt::Write as _;

use crate::chart::SvgText;
use crate::render::{ReportError, RunReport};

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/copy.js");

/// SHA-256 of [`SCRIPT`] in base64: the only script the page lets run, whatever a strategy wrote
/// into its reasons. A test compares.
const SCRIPT_SHA256: &str = "EycSC1ifELQbECbV6ma3v4ump9TvMpUkPskGZbC5EAE=";

/// A page that is being written. Text from outside this program goes in by [`HtmlPage::text`] alone:
/// the other ways take texts that are fixed when the program is built, or pictures of ours.
#[derive(Debug, Default)]
pub(crate) struct HtmlPage(String);

impl HtmlPage {
    /// Markup of this program.
    pub(crate) fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Any text, as text.
    pub(crate) fn text(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' => self.0.push('\n'),
                // Control characters, and those that turn the direction of what follows: with them
                // a reason could make a loss read as a gain on the screen.
                letter if letter.is_control() || is_direction(letter) => self.0.push('\u{fffd}'),
                letter => self.0.push(letter),
            }
        }
    }

    /// A number.
    pub(crate) fn number(&mut self, number: usize) {
        let _infallible = write!(self.0, "{number}");
    }

    /// A picture.
    pub(crate) fn picture(&mut self, picture: &SvgText) {
        self.0.push_str(picture.as_str());
    }

    /// `<tag>text</tag>`.
    pub(crate) fn element(&mut self, open: &'static str, text: &str, close: &'static str) {
        self.raw(open);
        self.text(text);
        self.raw(close);
    }
}

fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The whole page.
pub(crate) fn page(render: &RunReport<'_>) -> Result<String, ReportError> {
    let mut page = HtmlPage::default();
    // The page is a file that people send to each other. It loads nothing and runs one script, so
    // that a text which got past the escaping would still do nothing.
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ");
    page.raw("style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src 'sha256-");
    page.raw(SCRIPT_SHA256);
    page.raw("'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    page.element(
        "<title>Run ",
        &render.subject.short,
        ": report</title>\n<style>\n",
    );
    page.raw(STYLE);
    page.raw("</style>\n</head>\n<body>\n<main>\n");
    // The verdict comes first: a reader who stops early must have seen it.
    summary::head(&mut page, render);
    charts::equity(&mut page, render)?;
    tables::months(&mut page, render);
    tables::figures(&mut page, render);
    charts::instruments(&mut page, render)?;
    tables::trades(&mut page, render)?;
    tables::costs(&mut page, render)?;
    orders::orders(&mut page, render);
    tables::fuel(&mut page, render);
    tables::data(&mut page, render);
    proof::what_ran(&mut page, render)?;
    proof::how_to_check(&mut page, render);
    page.raw("</main>\n<script>");
    page.raw(SCRIPT);
    page.raw("</script>\n</body>\n</html>\n");
    Ok(page.0)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_policy_lets_run_the_one_script_of_the_page() {
        let digest = Sha256::digest(SCRIPT.as_bytes());
        let text = base64::engine::general_purpose::STANDARD.encode(digest);
        assert_eq!(SCRIPT_SHA256, text);
    }

    #[test]
    fn a_text_from_outside_stays_text() {
        let table = [
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            ("\" onload='x", "&quot; onload=&#39;x"),
            ("a&b", "a&amp;b"),
            (
                "\u{1b}[2J\u{202e}evil\u{2066}",
                "\u{fffd}[2J\u{fffd}evil\u{fffd}",
            ),
            ("two\nlines", "two\nlines"),
        ];
        for (text, expect) in table {
            let mut page = HtmlPage::default();
            page.text(text);
            assert_eq!(page.0, expect);
        }
    }
}
