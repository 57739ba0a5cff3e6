//! Answers of venues in the raw layer, and a note for each final one, so that a fetch that was cut off goes on where
//! it was. It must never know a protocol.
//!
//! ```text
//! fetches/<hex>.json       the answer to one request; <hex> is the SHA-256 of its URL
//! ```

use std::io::{self, Read as _};

use cap_std::fs::Dir;
use counterfoil_base::digest::Digest;
use counterfoil_trading::time::UnixNanos;
use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::layers::fetch_index::FetchIndex;
use crate::layers::raw::{self, RawOrigin, ReceiptDraft};
use crate::layout::FETCHES;
use crate::source::options::IngestLimits;
use crate::spool::staging::write_whole;
use crate::store::read_error::ReadError;
use crate::store::text::{as_text, nanos};

/// The format of a note.
const NOTE_FORMAT: &str = "counterfoil-fetched/1";

/// Bytes of one note: a URL, a digest and a time.
const NOTE_BYTES_MAX: u64 = 65_536;

/// The role of an answer in its receipt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FetchedRole {
    /// Bars.
    Page,
    /// The digest of an archive's file.
    Checksum,
    /// An answer that was refused, kept as evidence. It is never used.
    Refused,
}

/// Whether a later request can have another answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FetchedState {
    /// The bars are all closed: the request need not be sent again.
    Final,
    /// More bars will come.
    Open,
}

/// An answer that arrived.
#[derive(Clone, Copy, Debug)]
pub struct FetchedArrival<'a> {
    /// The request's URL, without any secret.
    pub url: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// When it arrived, as stated by the caller.
    pub at: UnixNanos,
    /// The venue.
    pub vendor: &'a str,
    pub role: FetchedRole,
    pub state: FetchedState,
}

/// An answer that the raw layer holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FetchedBody {
    pub sha256: Digest,
    pub bytes: Vec<u8>,
    /// When it arrived.
    pub at: UnixNanos,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FetchedNote {
    #[serde(with = "nanos")]
    at: UnixNanos,
    format: String,
    #[serde(with = "as_text")]
    sha256: Digest,
    url: String,
}

impl FetchedRole {
    const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Checksum => "checksum",
            Self::Refused => "refused-page",
        }
    }
}

fn note_place(url: &str) -> String {
    format!("{}.json", Digest::of(url.as_bytes()).hex())
}

/// Keeps an answer in the raw layer.
pub(crate) fn keep(
    data: &Dir,
    arrival: &FetchedArrival<'_>,
    body: &[u8],
) -> Result<Digest, IngestError> {
    let path = arrival.url.split('?').next().unwrap_or_default();
    let draft = ReceiptDraft {
        name: path.rsplit('/').next().unwrap_or_default(),
        role: arrival.role.name(),
        vendor: Some(arrival.vendor),
        schema: None,
        ingested_at: Some(arrival.at),
        origin: Some(RawOrigin {
            status: arrival.status,
            url: arrival.url.to_owned(),
        }),
    };
    let raw = raw::add_file(data, body, IngestLimits::default().bytes_max, &draft)?;
    if arrival.state == FetchedState::Final {
        let note = FetchedNote {
            at: arrival.at,
            format: NOTE_FORMAT.to_owned(),
            sha256: raw.sha256,
            url: arrival.url.to_owned(),
        };
        let bytes =
            serde_json_canonicalizer::to_vec(&note).map_err(IngestError::encode("fetch note"))?;
        data.create_dir_all(FETCHES)
            .map_err(IngestError::write(FETCHES))?;
        let dir = data
            .open_dir(FETCHES)
            .map_err(IngestError::write(FETCHES))?;
        // After the raw file: killed between the two, the next fetch asks again, and the same bytes are one file.
        write_whole(&dir, &note_place(arrival.url), &bytes).map_err(IngestError::write(FETCHES))?;
    }
    Ok(raw.sha256)
}

/// Keeps the index of a fetch in the raw layer.
pub(crate) fn keep_index(
    data: &Dir,
    index: &FetchIndex,
    name: &str,
    at: UnixNanos,
) -> Result<Digest, IngestError> {
    let draft = ReceiptDraft {
        name,
        role: "fetch",
        vendor: Some(&index.source),
        schema: None,
        ingested_at: Some(at),
        origin: None,
    };
    let bytes = index.canonical()?;
    let raw = raw::add_file(
        data,
        bytes.as_slice(),
        IngestLimits::default().bytes_max,
        &draft,
    )?;
    Ok(raw.sha256)
}

/// The final answer to a request that was sent before.
pub(crate) fn find(data: &Dir, url: &str) -> Result<Option<FetchedBody>, ReadError> {
    let place = format!("{FETCHES}/{}", note_place(url));
    let file = match data.open(&place) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ReadError::io(&place)(error)),
    };
    let mut bytes = Vec::new();
    file.take(NOTE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(ReadError::io(&place))?;
    let note: FetchedNote = serde_json::from_slice(&bytes)
        .map_err(|error| ReadError::malformed(&place, error.to_string()))?;
    // A note that was copied to another name would pass off one month as another.
    if note.url != url || note.format != NOTE_FORMAT {
        return Err(ReadError::malformed(
            &place,
            "it is the note of another request; remove it",
        ));
    }
    // Raw files may be moved to an archive: then the answer is fetched again.
    if !data.exists(raw::place(&note.sha256)) {
        return Ok(None);
    }
    Ok(Some(FetchedBody {
        bytes: raw::read_whole(data, &note.sha256)?,
        sha256: note.sha256,
        at: note.at,
    }))
}
