//! Zones that stand as text in a time pattern: such a text is only compared, and the time would be taken for UTC. It
//! must never guess which zone an abbreviation names.

use crate::source::times::directives;
use crate::source::zone::named_zone;

/// Abbreviations that files write after a time. Several zones have each of most of them.
const ABBREVIATIONS: [&str; 34] = [
    "ADT", "AEDT", "AEST", "AST", "BRT", "BST", "CDT", "CEST", "CET", "CST", "CT", "EDT", "EEST",
    "EET", "EST", "ET", "HKT", "HST", "IST", "JST", "KST", "MDT", "MSK", "MST", "MT", "NZDT",
    "NZST", "PDT", "PST", "PT", "SAST", "SGT", "WEST", "WET",
];

/// Names of the one zone that a time without one is in anyway.
const UTC_NAMES: [&str; 5] = ["GMT", "UCT", "UTC", "Z", "Zulu"];

/// What is wrong with zones that a pattern has as text; `zone` is the one that is stated beside the pattern.
pub(crate) fn check_pattern_zone(pattern: &str, zone: Option<&str>) -> Result<(), String> {
    let mut letters = directives(pattern);
    // An offset or a name that is read decides, and `GMT%z` is one offset.
    if zone.is_some() || letters.any(|letter| matches!(letter, 'z' | 'Q')) {
        return Ok(());
    }
    let found = literals(pattern)
        .into_iter()
        .find(|text| is_other_zone(text));
    let Some(found) = found else {
        return Ok(());
    };
    Err(format!(
        "time.format: {found} is text of the pattern, and no zone is read from it: state the zone as time.zone or with \
         --zone, such as America/New_York or +02:00"
    ))
}

/// The words of a pattern between its directives.
fn literals(pattern: &str) -> Vec<String> {
    let mut text = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        // The directive itself, with its flags and width.
        let _directive = letters.by_ref().find(char::is_ascii_alphabetic);
        text.push(' ');
    }
    let is_end = |letter: char| letter.is_whitespace() || "()[]{},;".contains(letter);
    text.split(is_end)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a word names a zone other than UTC.
fn is_other_zone(word: &str) -> bool {
    if UTC_NAMES.contains(&word) || !word.starts_with(|first: char| first.is_ascii_uppercase()) {
        return false;
    }
    let name = word.split(['+', '-']).next().unwrap_or(word);
    let has_offset = name.len() < word.len();
    ABBREVIATIONS.contains(&name)
        || (UTC_NAMES.contains(&name) && has_offset)
        || (word.len() > 2 && named_zone(word).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_is_text_of_a_pattern_must_be_stated() {
        for (pattern, zone, is_refused) in [
            ("%Y-%m-%d %H:%M:%S US/Eastern", None, true),
            ("%Y-%m-%d %H:%M:%S EST", None, true),
            ("%Y-%m-%d %H:%M:%S (EDT)", None, true),
            ("%Y-%m-%d %H:%M GMT+2", None, true),
            ("%Y-%m-%d %H:%M Japan", None, true),
            ("%Y-%m-%d %H:%MEST", None, true),
            ("%Y-%m-%d %H:%M:%S EST", Some("America/New_York"), false),
            ("%Y-%m-%dT%H:%M:%SZ", None, false),
            ("%Y-%m-%d %H:%M:%S UTC", None, false),
            ("%d.%m.%Y %H:%M:%S%.f GMT%z", None, false),
            ("%Y-%m-%d %H:%M %Q", None, false),
            ("%d %b %Y at %H:%M", None, false),
        ] {
            let refused = check_pattern_zone(pattern, zone).is_err();
            assert_eq!(refused, is_refused, "{pattern}");
        }
    }
}
