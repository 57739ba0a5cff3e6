//! The record of a person who accepts findings, with name and reason. It must never know which findings there are.

use counterfoil_trading::time::UnixNanos;
use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::store::text::optional_nanos;

/// The format of a record of acceptance.
pub const ACCEPTANCE_FORMAT: &str = "counterfoil-acceptance/1";

/// A person accepts findings of a rule. It is kept in the raw layer, named by its digest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FindingAcceptance {
    /// When, as stated by the caller.
    #[serde(with = "optional_nanos", default)]
    pub at: Option<UnixNanos>,
    /// Who.
    pub by: String,
    /// Findings of this UTC date alone, `YYYY-MM-DD`; none: of every date.
    #[serde(default)]
    pub date: Option<String>,
    /// Findings of this source alone, by its name; none: of every source.
    #[serde(default)]
    pub file: Option<String>,
    /// [`ACCEPTANCE_FORMAT`].
    pub format: String,
    /// Findings of this instrument alone; none: of every instrument.
    #[serde(default)]
    pub instrument: Option<String>,
    /// The finding of this line of a source alone.
    #[serde(default)]
    pub line: Option<u64>,
    /// Why.
    pub reason: String,
    /// The rule's stable name.
    pub rule: String,
}

impl FindingAcceptance {
    /// The canonical bytes of a valid acceptance.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError::Option`] if who, why or the rule is not stated.
    pub fn canonical(&self) -> Result<Vec<u8>, IngestError> {
        let error = |option, reason: &str| IngestError::Option {
            option,
            reason: reason.to_owned(),
        };
        for (option, text) in [
            ("by", &self.by),
            ("reason", &self.reason),
            ("rule", &self.rule),
        ] {
            // An acceptance is a statement of a person. It is worth nothing without a name and a reason.
            if text.trim().is_empty() {
                return Err(error(
                    option,
                    "must not be empty: an acceptance states who, why and which rule",
                ));
            }
        }
        if self.format != ACCEPTANCE_FORMAT {
            return Err(error("format", &format!("must be {ACCEPTANCE_FORMAT}")));
        }
        let date = self.date.as_deref();
        if date.is_some_and(|date| date.len() != 10 || date.parse::<jiff::civil::Date>().is_err()) {
            return Err(error("date", "must be YYYY-MM-DD"));
        }
        // A snapshot has several files, and line 7 of another one is another row.
        if self.line.is_some() && self.file.is_none() {
            return Err(error("line", "a line belongs to a file; name the file too"));
        }
        serde_json_canonicalizer::to_vec(self).map_err(IngestError::encode("acceptance"))
    }
}
