//! The raw layer: every file unchanged, named by the SHA-256 of its bytes, with a
//! receipt for each arrival. It must never look into a file.
//!
//! ```text
//! raw/<hex>/file                   the bytes
//! raw/<hex>/receipt-<hex>.json     who sent it, when, and under which name
//! ```

use std::io::{self, Read, Write as _};

use cap_std::fs::{Dir, File};
use counterfoil_trading::time::UnixNanos;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::IngestError;
use crate::layout::RAW;
use crate::spool::staging::{StagingDir, sync, write_whole};
use crate::store::hashing::{HashingReader, too_many_bytes};
use crate::store::manifest::NOT_STATED;
use crate::store::read_error::ReadError;
use crate::store::text::{as_text, optional_nanos};
use counterfoil_base::digest::Digest;

/// The bytes.
const FILE: &str = "file";
/// The format of a receipt.
pub const RECEIPT_FORMAT: &str = "counterfoil-raw/1";
/// Bytes of one receipt: names are short.
const RECEIPT_BYTES_MAX: u64 = 65_536;
/// Bytes of a mapping, a calendar, a file of actions: a million actions.
const SMALL_FILE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of one fetched answer that are read at once: a month of bars of one second has 80 MB.
const FETCHED_BYTES_MAX: u64 = 512 << 20;

/// One arrival of a file: from whom, when, under which name. The same file may arrive more than once.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawReceipt {
    /// [`RECEIPT_FORMAT`].
    pub format: String,
    /// When it was ingested, as stated by the caller: this crate reads no clock.
    #[serde(with = "optional_nanos")]
    pub ingested_at: Option<UnixNanos>,
    /// Its name on arrival.
    pub name: String,
    /// The request that it answers, if it was fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<RawOrigin>,
    /// Its role: `bars`, `trades`, `actions`, `calendar`, `mapping` or `acceptance`; of what was fetched `page`,
    /// `checksum`, `refused-page` or `fetch`.
    pub role: String,
    /// The version of the vendor's schema, or [`NOT_STATED`].
    pub schema: String,
    /// SHA-256 of the file.
    #[serde(with = "as_text")]
    pub sha256: Digest,
    /// Who made the data, or [`NOT_STATED`].
    pub vendor: String,
}

/// The request that a file answers.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawOrigin {
    /// The HTTP status of the answer.
    pub status: u16,
    /// The address, without any secret.
    pub url: String,
}

/// A file in the layer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RawFile {
    pub(crate) sha256: Digest,
    pub(crate) bytes: u64,
}

/// A receipt for a file whose digest is not known yet.
#[derive(Clone, Debug)]
pub(crate) struct ReceiptDraft<'a> {
    pub(crate) name: &'a str,
    pub(crate) role: &'a str,
    pub(crate) vendor: Option<&'a str>,
    pub(crate) schema: Option<&'a str>,
    pub(crate) ingested_at: Option<UnixNanos>,
    pub(crate) origin: Option<RawOrigin>,
}

/// Copies a file into the layer, unless it is there, and adds a receipt.
pub(crate) fn add_file(
    data: &Dir,
    mut source: impl Read,
    bytes_max: u64,
    arrival: &ReceiptDraft<'_>,
) -> Result<RawFile, IngestError> {
    // The name is the digest, which is known only after the last byte: until then the file is in
    // a temporary directory, and a crash leaves nothing under a name of the layer.
    let staging = StagingDir::new(data, RAW)?;
    let mut file = staging.create(FILE)?;
    let mut hash = Sha256::new();
    let mut bytes: u64 = 0;
    let mut buffer = vec![0; 65_536];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(IngestError::source(arrival.name, 0)(error)),
        };
        let part = buffer
            .get(..count)
            .ok_or_else(|| IngestError::source(arrival.name, 0)(too_many_bytes()))?;
        bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        // Counted as they come: a source without an end, such as a pipe, must not fill the disk.
        if bytes > bytes_max {
            return Err(IngestError::TooLarge {
                file: arrival.name.to_owned(),
                line: 0,
                max: bytes_max,
                unit: "bytes",
            });
        }
        hash.update(part);
        file.write_all(part).map_err(IngestError::write(FILE))?;
    }
    // Durable before it is named. The other way round, a power failure could leave a name over a
    // file that was never written whole.
    sync(file, FILE)?;
    let sha256 = Digest::finish(hash);
    // `false` means that the same bytes are there already; the copy goes with its directory.
    staging.publish(&sha256)?;
    let receipt = RawReceipt {
        format: RECEIPT_FORMAT.to_owned(),
        ingested_at: arrival.ingested_at,
        name: arrival.name.to_owned(),
        origin: arrival.origin.clone(),
        role: arrival.role.to_owned(),
        schema: arrival.schema.unwrap_or(NOT_STATED).to_owned(),
        sha256,
        vendor: arrival.vendor.unwrap_or(NOT_STATED).to_owned(),
    };
    // A crash before this line leaves the file without a receipt of this arrival. The caller got no
    // answer and brings the file again, which adds the receipt.
    add_receipt(data, &receipt)?;
    Ok(RawFile { sha256, bytes })
}

fn add_receipt(data: &Dir, receipt: &RawReceipt) -> Result<(), IngestError> {
    let bytes =
        serde_json_canonicalizer::to_vec(receipt).map_err(IngestError::encode("receipt"))?;
    let name = format!("receipt-{}.json", Digest::of(&bytes).hex());
    let place = place(&receipt.sha256);
    let dir = data.open_dir(&place).map_err(IngestError::write(&place))?;
    // Named by its own digest: the same arrival twice is one receipt, and another one never
    // overwrites it.
    if dir.exists(&name) {
        return Ok(());
    }
    write_whole(&dir, &name, &bytes).map_err(IngestError::write(&name))
}

/// The path of a file in the data directory, for messages too.
pub(crate) fn place(sha256: &Digest) -> String {
    format!("{RAW}/{}", sha256.hex())
}

/// Opens a file of the layer; its bytes are not checked yet.
fn open(data: &Dir, sha256: &Digest) -> Result<File, ReadError> {
    let name = format!("{}/{FILE}", place(sha256));
    data.open(&name).map_err(ReadError::io(&name))
}

/// Opens a file of the layer whose bytes were checked against its name.
pub(crate) fn open_checked(data: &Dir, sha256: &Digest) -> Result<File, ReadError> {
    let place = place(sha256);
    let (got, _) = HashingReader::new(open(data, sha256)?)
        .finish()
        .map_err(ReadError::io(&place))?;
    if got != *sha256 {
        return Err(ReadError::Digest {
            file: place,
            part: "the raw file".to_owned(),
            expected: *sha256,
            got,
        });
    }
    // Opened again rather than rewound, so that the reader begins with a clean handle. A process
    // that can write here between both could as well have written before: the layer's files are
    // trusted as far as the data directory's permissions go.
    open(data, sha256)
}

/// All of a small file of the layer, checked.
pub(crate) fn read_small(data: &Dir, sha256: &Digest) -> Result<Vec<u8>, ReadError> {
    read_bounded(data, sha256, SMALL_FILE_BYTES_MAX)
}

/// All of a fetched answer, checked.
pub(crate) fn read_whole(data: &Dir, sha256: &Digest) -> Result<Vec<u8>, ReadError> {
    read_bounded(data, sha256, FETCHED_BYTES_MAX)
}

fn read_bounded(data: &Dir, sha256: &Digest, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
    let name = format!("{}/{FILE}", place(sha256));
    let mut bytes = Vec::new();
    open(data, sha256)?
        // A larger file reads short, and its digest does not match: it is refused, not cut.
        .take(bytes_max)
        .read_to_end(&mut bytes)
        .map_err(ReadError::io(&name))?;
    let got = Digest::of(&bytes);
    if got == *sha256 {
        return Ok(bytes);
    }
    Err(ReadError::Digest {
        file: name,
        part: "the raw file".to_owned(),
        expected: *sha256,
        got,
    })
}

/// Every receipt of a file, oldest first.
pub(crate) fn receipts(data: &Dir, sha256: &Digest) -> Result<Vec<RawReceipt>, ReadError> {
    let place = place(sha256);
    let dir = data.open_dir(&place).map_err(ReadError::io(&place))?;
    let mut all = Vec::new();
    for entry in dir.entries().map_err(ReadError::io(&place))? {
        let name = entry.map_err(ReadError::io(&place))?.file_name();
        // Temporary files of a crashed process have other names; they are not receipts.
        let Some(hex) = name
            .to_str()
            .and_then(|name| name.strip_prefix("receipt-")?.strip_suffix(".json"))
        else {
            continue;
        };
        let file = format!("{place}/receipt-{hex}.json");
        let mut bytes = Vec::new();
        dir.open(&name)
            .and_then(|open| open.take(RECEIPT_BYTES_MAX).read_to_end(&mut bytes))
            .map_err(ReadError::io(&file))?;
        // Receipts say who vouched for the data, so one that was edited must not be shown.
        if Digest::of(&bytes).hex() != hex {
            return Err(ReadError::malformed(
                &file,
                "its name does not match its digest",
            ));
        }
        let receipt: RawReceipt = serde_json::from_slice(&bytes)
            .map_err(|error| ReadError::malformed(&file, error.to_string()))?;
        // A whole receipt that was copied here from another file's folder has a right name too.
        if receipt.sha256 != *sha256 {
            return Err(ReadError::malformed(
                &file,
                "it is the receipt of another file",
            ));
        }
        all.push(receipt);
    }
    all.sort_by(|a, b| (a.ingested_at, a).cmp(&(b.ingested_at, b)));
    Ok(all)
}
