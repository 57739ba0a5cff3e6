//! The index of a fetch: which answers of a venue, in which sequence, are its bars. It has no time of arrival, so
//! that the same answers are the same source whenever they came.

use counterfoil_base::digest::Digest;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::source::venue_page::PageFormat;
use crate::store::text::{as_text, nanos};

/// The format of an index.
pub const FETCH_FORMAT: &str = "counterfoil-fetch/1";

/// The first bytes of every index: canonical JSON has the format first.
pub(crate) const INDEX_MAGIC: &[u8] = br#"{"format":"counterfoil-fetch/"#;

/// The most pages of one index: its text stays below what is read of a small file.
pub const INDEX_PAGES_MAX: usize = 100_000;

/// The answers of one fetch.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FetchIndex {
    /// [`FETCH_FORMAT`].
    pub format: String,
    /// The first open time that counts.
    #[serde(with = "nanos")]
    pub from: UnixNanos,
    pub pages: Vec<FetchIndexPage>,
    /// The venue's name.
    pub source: String,
    /// The length of every bar.
    #[serde(with = "as_text")]
    pub timeframe: Timeframe,
    /// The end of the open times that count, exclusive.
    #[serde(with = "nanos")]
    pub to: UnixNanos,
}

/// One answer, which the raw layer holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FetchIndexPage {
    /// The end of the open times that count, exclusive: a bar that still formed when the answer came is not used.
    #[serde(with = "nanos")]
    pub closed_to: UnixNanos,
    /// The form of its bytes.
    pub page_format: PageFormat,
    /// SHA-256 of its bytes.
    #[serde(with = "as_text")]
    pub sha256: Digest,
    pub symbol: String,
    pub url: String,
}

impl FetchIndex {
    /// The canonical bytes.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError::Encode`] if it cannot be encoded.
    pub fn canonical(&self) -> Result<Vec<u8>, IngestError> {
        serde_json_canonicalizer::to_vec(self).map_err(IngestError::encode("fetch index"))
    }

    /// Reads an index.
    pub(crate) fn parse(bytes: &[u8], name: &str) -> Result<Self, IngestError> {
        let unreadable = |reason: String| IngestError::Unreadable {
            file: name.to_owned(),
            format: "an index of fetched pages",
            reason,
        };
        let index: Self =
            serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        if index.format != FETCH_FORMAT {
            return Err(unreadable(format!(
                "its format is {:?}, and this program reads {FETCH_FORMAT:?}",
                index.format
            )));
        }
        // Counted before anything is opened: an index from elsewhere may name any number of pages.
        if index.pages.len() > INDEX_PAGES_MAX {
            return Err(unreadable(format!(
                "{} pages, more than {INDEX_PAGES_MAX}",
                index.pages.len()
            )));
        }
        Ok(index)
    }
}
