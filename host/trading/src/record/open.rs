//! What a journal begins with: the open record, and behind it the manifest and the promises about the data, in parts
//! that fit an entry however many instruments there are.

use alloc::string::String;
use alloc::vec::Vec;

use counterfoil_base::digest::Digest;
use sha2::{Digest as _, Sha256};

use super::RunStarter;
use super::{ITEMS_PER_RECORD_MAX, KIND_COMMITMENTS, KIND_MANIFEST, KIND_OPEN};
use crate::cbor::{self, CborError, CborReader};
use crate::time::UnixNanos;

/// The version of the record format.
const FORMAT: u64 = 2;

/// The most bytes of a manifest's text in one record.
const MANIFEST_PART_BYTES_MAX: usize = 60_000;

/// The most bytes of a manifest's text: ten thousand instruments take about one and a half million.
const MANIFEST_BYTES_MAX: usize = 16 << 20;

/// The most instruments that an open record can promise data of; a manifest may name fewer.
const COMMITMENTS_MAX: u64 = 1 << 17;

/// What a snapshot run promises about one instrument's bars and corporate actions, so that a
/// verifier can say "complete" without the snapshot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DataCommitment {
    /// The instrument's ticker.
    pub symbol: String,
    /// How many bars.
    pub bars: u64,
    /// Close time of the first bar; 0 without bars.
    pub first_close: UnixNanos,
    /// Close time of the last bar; 0 without bars.
    pub last_close: UnixNanos,
    /// SHA-256 over the bars in canonical form, one after the other.
    pub bars_sha256: Digest,
    /// How many corporate actions, up to the run's last close.
    pub actions: u64,
    /// SHA-256 over them in the form of [`super::deliveries::encode_action`], one after the other.
    pub actions_sha256: Digest,
}

/// The build of a host, as far as the host itself knows it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HostBuild {
    /// Name and version.
    pub version: String,
    /// The commit of its sources; `None` for a build from somewhere else than a repository.
    pub commit: Option<String>,
    /// SHA-256 of the lock file with the versions of everything that it was built from.
    pub lock_file: Option<Digest>,
    /// SHA-256 of the running program's file.
    pub binary: Option<Digest>,
}

/// The first record of a journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpenRecord {
    /// The run id: the SHA-256 of the manifest.
    pub run_id: Digest,
    /// How many bytes the manifest has, which follows in parts.
    pub manifest_bytes: u64,
    /// Which execution of the manifest this is, from 1.
    pub execution: u64,
    pub host: HostBuild,
    pub start: RunStarter,
    /// The promise of the commitments, which follow in parts; `None` for a feed.
    pub data: Option<CommitmentsDigest>,
}

/// How many commitments there are, and the digest over all of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CommitmentsDigest {
    pub count: u64,
    /// SHA-256 over each commitment as it stands in a commitments record.
    pub sha256: Digest,
}

/// A part of the manifest's text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ManifestPart {
    pub text: String,
}

/// Some of the commitments, in the sequence of the manifest's instruments.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommitmentsRecord {
    pub commitments: Vec<DataCommitment>,
}

/// Everything that a journal begins with, out of its first records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opening {
    /// The manifest as canonical JSON. Its SHA-256 is the run id.
    pub manifest: String,
    /// Which execution of the manifest this is, from 1.
    pub execution: u64,
    pub host: HostBuild,
    pub start: RunStarter,
    /// One commitment an instrument for a snapshot; `None` for a feed.
    pub commitments: Option<Vec<DataCommitment>>,
}

impl Opening {
    /// The open record.
    #[must_use]
    pub fn record(&self) -> OpenRecord {
        OpenRecord {
            run_id: Digest::of(self.manifest.as_bytes()),
            manifest_bytes: u64::try_from(self.manifest.len()).unwrap_or(u64::MAX),
            execution: self.execution,
            host: self.host.clone(),
            start: self.start.clone(),
            data: self.commitments.as_deref().map(CommitmentsDigest::of),
        }
    }

    /// The bodies of the records, in their sequence.
    #[must_use]
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        let mut bodies = Vec::new();
        let mut open = Vec::new();
        self.record().encode(&mut open);
        bodies.push(open);
        let mut rest = self.manifest.as_str();
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.floor_char_boundary(MANIFEST_PART_BYTES_MAX));
            let mut body = Vec::new();
            ManifestPart::encode(part, &mut body);
            bodies.push(body);
            rest = after;
        }
        let commitments = self.commitments.as_deref().unwrap_or_default();
        for part in commitments.chunks(ITEMS_PER_RECORD_MAX) {
            let mut body = Vec::new();
            CommitmentsRecord::encode(part, &mut body);
            bodies.push(body);
        }
        bodies
    }
}

impl CommitmentsDigest {
    fn of(commitments: &[DataCommitment]) -> Self {
        let mut hash = Sha256::new();
        let mut encoded = Vec::new();
        for commitment in commitments {
            encoded.clear();
            put_commitment(&mut encoded, commitment);
            hash.update(&encoded);
        }
        Self {
            count: u64::try_from(commitments.len()).unwrap_or(u64::MAX),
            sha256: Digest::finish(hash),
        }
    }
}

/// Puts an [`Opening`] together from the first records of a journal.
///
/// It takes one record after the other and never more of them than the open record promises.
#[derive(Clone, Debug)]
pub struct OpeningReader {
    open: OpenRecord,
    manifest: String,
    commitments: Vec<DataCommitment>,
}

impl OpeningReader {
    /// A reader that has taken the open record.
    #[must_use]
    pub const fn new(open: OpenRecord) -> Self {
        Self {
            open,
            manifest: String::new(),
            commitments: Vec::new(),
        }
    }

    /// Takes the next record.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if it is not the part that must come next, has another size than the writer's, or the
    /// whole does not have the promised digest.
    pub fn add(&mut self, body: &[u8]) -> Result<(), CborError> {
        if self.is_manifest_read() {
            let part = CommitmentsRecord::decode(body)?;
            let left = self.commitments_left();
            // One spelling: the writer fills each record but the last.
            if part.commitments.len() != left.min(ITEMS_PER_RECORD_MAX) {
                return Err(wrong(
                    "a record with the next 256 commitments, or all that are left",
                ));
            }
            self.commitments.extend(part.commitments);
        } else {
            let part = ManifestPart::decode(body)?;
            self.manifest.push_str(&part.text);
            if self.manifest.len() > self.promised_bytes() {
                return Err(wrong("a manifest of the promised length"));
            }
            // Once, with its last part: a long list of commitments would hash it again with each record.
            if self.is_manifest_read() && Digest::of(self.manifest.as_bytes()) != self.open.run_id {
                return Err(wrong("the manifest whose digest the open record holds"));
            }
        }
        self.check_commitments()
    }

    /// Whether nothing is left to come.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_manifest_read() && self.commitments_left() == 0
    }

    /// The open record.
    #[must_use]
    pub const fn open(&self) -> &OpenRecord {
        &self.open
    }

    /// What the journal begins with, once it is whole.
    #[must_use]
    pub fn finish(self) -> Option<Opening> {
        if !self.is_whole() {
            return None;
        }
        Some(Opening {
            manifest: self.manifest,
            execution: self.open.execution,
            host: self.open.host,
            start: self.open.start,
            commitments: self.open.data.map(|_| self.commitments),
        })
    }

    /// Once the last part was read: whether the commitments are those that the open record names.
    fn check_commitments(&self) -> Result<(), CborError> {
        let Some(data) = self.open.data.filter(|_| self.is_whole()) else {
            return Ok(());
        };
        if CommitmentsDigest::of(&self.commitments) != data {
            return Err(wrong("the commitments whose digest the open record holds"));
        }
        Ok(())
    }

    fn promised_bytes(&self) -> usize {
        usize::try_from(self.open.manifest_bytes).unwrap_or(usize::MAX)
    }

    fn is_manifest_read(&self) -> bool {
        self.manifest.len() == self.promised_bytes()
    }

    fn commitments_left(&self) -> usize {
        let all = self.open.data.map_or(0, |data| data.count);
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        all.saturating_sub(self.commitments.len())
    }
}

const fn wrong(expected: &'static str) -> CborError {
    CborError {
        offset: 0,
        expected,
    }
}

impl OpenRecord {
    /// Appends the record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 8);
        cbor::put_u64(out, KIND_OPEN);
        cbor::put_u64(out, FORMAT);
        cbor::put_bytes(out, self.run_id.bytes());
        cbor::put_u64(out, self.manifest_bytes);
        cbor::put_u64(out, self.execution);
        cbor::put_array(out, 4);
        cbor::put_text(out, &self.host.version);
        cbor::put_text_or_null(out, self.host.commit.as_deref());
        put_digest_or_null(out, self.host.lock_file);
        put_digest_or_null(out, self.host.binary);
        self.start.encode(out);
        let Some(data) = &self.data else {
            // Null and not a count of 0: a feed promises nothing, and a verifier must not read that as a promise of
            // no bars.
            return cbor::put_null(out);
        };
        cbor::put_array(out, 2);
        cbor::put_u64(out, data.count);
        cbor::put_bytes(out, data.sha256.bytes());
    }

    /// The open record in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`OpenRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut reader = CborReader::new(body);
        let items = reader.array()?;
        // Before anything else: another format may have other items in the same places.
        if reader.u64()? != KIND_OPEN || reader.u64()? != FORMAT || items != 8 {
            return Err(CborError {
                offset: 1,
                expected: "an open record of format 2",
            });
        }
        let run_id = reader.digest()?;
        let manifest_bytes = reader.u64()?;
        // A reader gathers so much: a forged length must not decide how much memory that is.
        if manifest_bytes == 0 || manifest_bytes > u64::try_from(MANIFEST_BYTES_MAX).unwrap_or(0) {
            return Err(wrong("a manifest of 1 byte to 16 MiB"));
        }
        let execution = reader.u64()?;
        reader.array_of(4, "a host's build of 4 items")?;
        let host = HostBuild {
            version: reader.text()?,
            commit: reader.text_or_null()?,
            lock_file: read_digest_or_null(&mut reader)?,
            binary: read_digest_or_null(&mut reader)?,
        };
        let start = RunStarter::read(&mut reader)?;
        let data = if reader.null() {
            None
        } else {
            reader.array_of(2, "a count and a digest of commitments")?;
            let count = reader.u64()?;
            if count > COMMITMENTS_MAX {
                return Err(wrong("a count of commitments up to 131,072"));
            }
            let sha256 = reader.digest()?;
            Some(CommitmentsDigest { count, sha256 })
        };
        reader.end()?;
        Ok(Self {
            run_id,
            manifest_bytes,
            execution,
            host,
            start,
            data,
        })
    }
}

impl ManifestPart {
    /// Appends the record.
    pub fn encode(text: &str, out: &mut Vec<u8>) {
        cbor::put_array(out, 2);
        cbor::put_u64(out, KIND_MANIFEST);
        cbor::put_text(out, text);
    }

    /// The part in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`ManifestPart::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut reader = CborReader::new(body);
        reader.array_of(2, "a part of a manifest of 2 items")?;
        if reader.u64()? != KIND_MANIFEST {
            return Err(CborError {
                offset: 1,
                expected: "a part of the manifest",
            });
        }
        let text = reader.text()?;
        reader.end()?;
        // An empty part would add nothing and could be repeated without an end.
        if text.is_empty() || text.len() > MANIFEST_PART_BYTES_MAX {
            return Err(wrong("a part of 1 to 60,000 bytes"));
        }
        Ok(Self { text })
    }
}

impl CommitmentsRecord {
    /// Appends the record.
    pub fn encode(commitments: &[DataCommitment], out: &mut Vec<u8>) {
        cbor::put_array(out, 2);
        cbor::put_u64(out, KIND_COMMITMENTS);
        cbor::put_array(out, commitments.len());
        for commitment in commitments {
            put_commitment(out, commitment);
        }
    }

    /// The commitments in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`CommitmentsRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut reader = CborReader::new(body);
        reader.array_of(2, "commitments of 2 items")?;
        if reader.u64()? != KIND_COMMITMENTS {
            return Err(CborError {
                offset: 1,
                expected: "commitments",
            });
        }
        let items = reader.array()?;
        if items == 0 || items > ITEMS_PER_RECORD_MAX {
            return Err(wrong("1 to 256 commitments"));
        }
        let commitments = (0..items)
            .map(|_| read_commitment(&mut reader))
            .collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { commitments })
    }
}

fn put_digest_or_null(out: &mut Vec<u8>, digest: Option<Digest>) {
    match digest {
        None => cbor::put_null(out),
        Some(digest) => cbor::put_bytes(out, digest.bytes()),
    }
}

fn read_digest_or_null(reader: &mut CborReader<'_>) -> Result<Option<Digest>, CborError> {
    if reader.null() {
        return Ok(None);
    }
    reader.digest().map(Some)
}

fn put_commitment(out: &mut Vec<u8>, commitment: &DataCommitment) {
    cbor::put_array(out, 7);
    cbor::put_text(out, &commitment.symbol);
    cbor::put_u64(out, commitment.bars);
    cbor::put_i64(out, commitment.first_close.0);
    cbor::put_i64(out, commitment.last_close.0);
    cbor::put_bytes(out, commitment.bars_sha256.bytes());
    cbor::put_u64(out, commitment.actions);
    cbor::put_bytes(out, commitment.actions_sha256.bytes());
}

fn read_commitment(reader: &mut CborReader<'_>) -> Result<DataCommitment, CborError> {
    reader.array_of(7, "a commitment of 7 items")?;
    Ok(DataCommitment {
        symbol: reader.text()?,
        bars: reader.u64()?,
        first_close: UnixNanos(reader.i64()?),
        last_close: UnixNanos(reader.i64()?),
        bars_sha256: reader.digest()?,
        actions: reader.u64()?,
        actions_sha256: reader.digest()?,
    })
}
