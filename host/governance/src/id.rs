//! Ids of principals, accounts, strategies and teams: one function parses all of them, in whatever form the
//! name is typed. It must never know what an id stands for.

use core::fmt;

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization as _;
use unicode_script::{Script, UnicodeScript as _};
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::{GeneralSecurityProfile as _, skeleton};
use uuid::Uuid;

/// The longest id, in bytes of UTF-8: room for an e-mail address (RFC 5321: 254).
pub const ID_BYTES_MAX: usize = 254;

/// The characters of an id beside the letters and digits that Unicode allows in identifiers.
const PUNCTUATION: &str = ".-_@+";

/// The id of a principal, account, strategy or team, in the form that is compared byte by byte.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Id(String);

/// Why a name is not a valid id.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The name is empty, or white space only.
    #[error("the name is empty; use letters, digits and {PUNCTUATION}")]
    Empty,
    /// The name is too long.
    #[error("the name has {bytes} bytes, and at most {ID_BYTES_MAX} are allowed; shorten it")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A character is not allowed in an id.
    #[error(
        "the name {name:?} contains {character:?} (U+{code:04X}); use only letters, digits and {PUNCTUATION}"
    )]
    Character {
        name: String,
        character: char,
        /// Its code point.
        code: u32,
    },
    /// Characters of scripts that no language writes together, so that the name can imitate another.
    #[error(
        "the name {name:?} mixes scripts and may look like another name ({scripts}); write it in one script"
    )]
    MixedScripts {
        name: String,
        /// Each character that has a script, with its code point and script.
        scripts: String,
    },
}

impl Id {
    /// Parses a name into its id.
    ///
    /// White space around the name is removed; a UUID in any textual form becomes the lower-case form with
    /// hyphens; any other name is case-folded and normalized to Unicode form NFKC.
    ///
    /// # Errors
    ///
    /// Returns [`IdError`] if the name is empty or too long, or if a character is not allowed or is of
    /// another script than the rest.
    ///
    /// Source: RFC 9562 section 4; UAX #15; UTS #39 sections 3.1 and 5.1.
    pub fn parse(name: &str) -> Result<Self, IdError> {
        // Before anything is computed: a name is never longer than four times its id.
        if name.len() > ID_BYTES_MAX.saturating_mul(4) {
            return Err(IdError::TooLong { bytes: name.len() });
        }
        // Nearly all names, several to each record of a ledger: ASCII is its own normal form and of one script, and the
        // tables of Unicode cost a fifth of what reading a ledger does.
        if name.bytes().all(is_plain) {
            return Self::of_folded(name.to_ascii_lowercase(), |_| Ok(()));
        }
        Self::parse_any(name)
    }

    /// As [`Id::parse`], for a name of any characters.
    fn parse_any(name: &str) -> Result<Self, IdError> {
        Self::of_folded(fold(name), |folded| check_characters(name, folded))
    }

    /// The id of a folded name, whose characters `check` takes.
    fn of_folded(
        folded: String,
        check: impl FnOnce(&str) -> Result<(), IdError>,
    ) -> Result<Self, IdError> {
        if folded.is_empty() {
            return Err(IdError::Empty);
        }
        // A UUID is written in several forms. Without this step one account or principal could be added twice,
        // with and without hyphens, and its limits or votes would count twice.
        if let Ok(uuid) = Uuid::try_parse(&folded) {
            return Ok(Self(uuid.hyphenated().to_string()));
        }
        // Measured after folding, which can lengthen a name: the bound holds for the id that is recorded.
        if folded.len() > ID_BYTES_MAX {
            let bytes = folded.len();
            return Err(IdError::TooLong { bytes });
        }
        check(&folded)?;
        Ok(Self(folded))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The look of the id, its confusable skeleton: two principals must not have ids of the same look.
    ///
    /// Source: UTS #39 section 4.
    #[must_use]
    pub fn look(&self) -> String {
        // Folded again, because the look of a letter may be a capital.
        fold(&skeleton(&self.0).collect::<String>())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses characters that no id has, and scripts that no language writes together.
fn check_characters(name: &str, folded: &str) -> Result<(), IdError> {
    let allowed =
        |c: char| PUNCTUATION.contains(c) || (c.identifier_allowed() && c.is_alphanumeric());
    // Marks are part of many scripts' letters, but no name begins with one.
    let mark = |c: char| c.identifier_allowed() && !c.is_ascii();
    let mut has_base = false;
    for character in folded.chars() {
        if !(allowed(character) || (has_base && mark(character))) {
            let (name, code) = (name.to_owned(), u32::from(character));
            return Err(IdError::Character {
                name,
                character,
                code,
            });
        }
        has_base = true;
    }
    // A Cyrillic letter in a Latin name reads like the Latin one in every list: an attacker could be added
    // under what looks like an approver's name.
    if AugmentedScriptSet::for_str(folded).is_empty() {
        let (name, scripts) = (name.to_owned(), scripts(folded));
        return Err(IdError::MixedScripts { name, scripts });
    }
    Ok(())
}

/// Whether a byte may stand in an id and means the same in every form of Unicode.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@' | b'+')
}

/// Folds and normalizes until neither changes anything: folding can undo NFKC, and NFKC can produce capitals.
/// Three rounds are known to be enough; the fourth is a margin.
fn fold(name: &str) -> String {
    let mapper = CaseMapper::new();
    let mut folded = name.nfkc().collect::<String>().trim().to_owned();
    for _ in 0..4 {
        let next: String = mapper.fold_string(&folded).nfkc().collect();
        let next = next.trim().to_owned();
        if next == folded {
            break;
        }
        folded = next;
    }
    folded
}

/// Every character that has a script of its own, with its code point.
fn scripts(name: &str) -> String {
    let has_script = |c: &char| {
        !matches!(
            c.script(),
            Script::Common | Script::Inherited | Script::Unknown
        )
    };
    let describe = |c: char| format!("{c} U+{:04X} {}", u32::from(c), c.script().full_name());
    let described: Vec<String> = name.chars().filter(has_script).map(describe).collect();
    described.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_uuid_in_any_form_is_one_id() {
        let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        for form in [
            id,
            "67E55044-10B1-426F-9247-BB680E5FE0C8",
            "67e5504410b1426f9247bb680e5fe0c8",
            "67E5504410B1426F9247BB680E5FE0C8",
            "urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8",
            "URN:UUID:67e55044-10b1-426f-9247-bb680e5fe0c8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
            "{67E55044-10B1-426F-9247-BB680E5FE0C8}",
            "  67e55044-10b1-426f-9247-bb680e5fe0c8\n",
            // Full-width digits and letters, as an East Asian keyboard writes them.
            "\u{ff16}\u{ff17}\u{ff25}55044-10b1-426f-9247-bb680e5fe0c8",
        ] {
            assert_eq!(Id::parse(form).unwrap().as_str(), id, "{form}");
        }
        let other = Id::parse("67e55044-10b1-426f-9247-bb680e5fe0c9").unwrap();
        assert_ne!(other.as_str(), id);
    }

    #[test]
    fn the_forms_of_one_name_are_one_id() {
        for (forms, id) in [
            (
                ["anna", "Anna", " ANNA\t", "\u{ff21}nna"].as_slice(),
                "anna",
            ),
            // Composed and decomposed.
            (&["Zo\u{eb}", "zoe\u{308}", "ZOE\u{308}"], "zo\u{eb}"),
            // Sharp s folds to two letters; so does the ligature.
            (&["Stra\u{df}e", "STRASSE", "strasse"], "strasse"),
            (&["\u{fb01}ona", "Fiona"], "fiona"),
            // Final sigma.
            (&["ΣΟΦΟΣ", "σοφος", "σοφοσ"], "σοφοσ"),
            (
                &["desk-7.eu@example.org", "DESK-7.EU@Example.Org"],
                "desk-7.eu@example.org",
            ),
            (&["Анна", "анна"], "анна"),
            (&["田中さん"], "田中さん"),
        ] {
            for form in forms {
                assert_eq!(Id::parse(form).unwrap().as_str(), id, "{form:?}");
            }
        }
    }

    #[test]
    fn look_alikes_of_mixed_scripts_are_refused_and_named() {
        // The second letter is Cyrillic.
        let error = Id::parse("p\u{430}ul").unwrap_err().to_string();
        assert!(error.contains("U+0430 Cyrillic"), "{error}");
        assert!(error.contains("p U+0070 Latin"), "{error}");
        // A Greek omicron, an Armenian o, a Greek nu.
        for name in ["b\u{3bf}b", "t\u{585}m", "\u{3bd}ic"] {
            let error = Id::parse(name).unwrap_err();
            assert!(matches!(error, IdError::MixedScripts { .. }), "{error}");
        }
        // All of one script: an id of its own, and its look gives it away.
        let latin = Id::parse("cop").unwrap();
        let cyrillic = Id::parse("\u{441}\u{43e}\u{440}").unwrap();
        assert_ne!(latin, cyrillic);
        assert_eq!(latin.look(), cyrillic.look());
    }

    #[test]
    fn what_cannot_be_seen_or_told_apart_is_refused() {
        assert_eq!(Id::parse(" \u{a0}\t").unwrap_err(), IdError::Empty);
        for (name, code) in [
            ("an\u{200b}na", "U+200B"),
            ("an\u{202e}na", "U+202E"),
            ("an\u{ad}na", "U+00AD"),
            ("an na", "U+0020"),
            ("an/na", "U+002F"),
            ("an\0na", "U+0000"),
            ("\u{308}anna", "U+0308"),
        ] {
            let Err(error) = Id::parse(name) else {
                panic!("{name:?} became an id");
            };
            assert!(error.to_string().contains(code), "{error}");
        }
        let long = "a".repeat(255);
        assert_eq!(
            Id::parse(&long).unwrap_err(),
            IdError::TooLong { bytes: 255 }
        );
    }

    proptest! {
        #[test]
        fn a_plain_name_has_the_id_that_any_name_would_have(name in "[A-Za-z0-9._@+-]{0,60}|[0-9a-fA-F-]{30,40}") {
            prop_assert_eq!(Id::parse(&name), Id::parse_any(&name));
        }

        #[test]
        fn an_id_is_the_id_of_itself(name in any::<String>()) {
            if let Ok(id) = Id::parse(&name) {
                prop_assert_eq!(&Id::parse(id.as_str()).unwrap(), &id);
            }
        }
    }
}
