//! The open record: the manifest, and a commitment to the bars and corporate actions of the run.

use alloc::string::String;
use alloc::vec::Vec;

use counterfoil_base::digest::Digest;

use super::KIND_OPEN;
use crate::cbor::{self, CborError, CborReader};
use crate::time::UnixNanos;

/// The version of the record format.
const FORMAT: u64 = 1;

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

/// The first record of a journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpenRecord {
    /// The manifest as canonical JSON. Its SHA-256 is the run id.
    pub manifest: String,
    /// Which execution of the manifest this is, from 1.
    pub execution: u64,
    /// The build of the host, for people.
    pub host: String,
    /// One commitment an instrument for a snapshot; `None` for a feed.
    pub commitments: Option<Vec<DataCommitment>>,
}

impl OpenRecord {
    /// Appends the record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 6);
        cbor::put_u64(out, KIND_OPEN);
        cbor::put_u64(out, FORMAT);
        cbor::put_text(out, &self.manifest);
        cbor::put_u64(out, self.execution);
        cbor::put_text(out, &self.host);
        let Some(commitments) = &self.commitments else {
            // Null and not an empty list: a feed promises nothing, and a verifier must not read that as a
            // promise of no bars.
            return cbor::put_null(out);
        };
        cbor::put_array(out, commitments.len());
        for commitment in commitments {
            cbor::put_array(out, 7);
            cbor::put_text(out, &commitment.symbol);
            cbor::put_u64(out, commitment.bars);
            cbor::put_i64(out, commitment.first_close.0);
            cbor::put_i64(out, commitment.last_close.0);
            cbor::put_bytes(out, commitment.bars_sha256.bytes());
            cbor::put_u64(out, commitment.actions);
            cbor::put_bytes(out, commitment.actions_sha256.bytes());
        }
    }

    /// The open record in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`OpenRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut reader = CborReader::new(body);
        reader.array_of(6, "an open record of 6 items")?;
        // Before anything else: a later format may have other items in the same places.
        if reader.u64()? != KIND_OPEN || reader.u64()? != FORMAT {
            return Err(CborError {
                offset: 1,
                expected: "an open record of format 1",
            });
        }
        let manifest = reader.text()?;
        let execution = reader.u64()?;
        let host = reader.text()?;
        let commitments = if reader.null() {
            None
        } else {
            let items = reader.array()?;
            Some(
                (0..items)
                    .map(|_| read_commitment(&mut reader))
                    .collect::<Result<_, _>>()?,
            )
        };
        reader.end()?;
        Ok(Self {
            manifest,
            execution,
            host,
            commitments,
        })
    }
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
