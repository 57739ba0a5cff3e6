//! One record proved from a `.tlog-proof` file of a run, without the journal. The record is described
//! in words; whether the rules give it cannot be decided from one record.

use core::fmt;

use counterfoil_base::digest::Digest;
use counterfoil_base::text::harmless_line;
use counterfoil_journal::entry::{self, EntryError};
use counterfoil_journal::hash::Hash;
use counterfoil_journal::proof::{TlogProof, TlogProofError};
use counterfoil_trading::cbor::CborError;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::{Manifest, ManifestError};
use counterfoil_trading::record::RunRecord;
use serde_json::{Value, json};

use crate::describe::{RecordDescriber, kind_name};
use crate::key_file::log_key;
use crate::opened;
use counterfoil_journal::public_key::PublicKey;

/// What every run's origin begins with.
const ORIGIN_PREFIX: &str = "counterfoil/run/";

/// What a proof of one record cannot show.
const NOT_SHOWN: &str =
    "that the rules give this record, and that no other is missing: verify the whole journal";

/// Why a proof proves nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordProofError {
    #[error("invalid proof: {0}")]
    Proof(#[from] TlogProofError),
    #[error("the checkpoint's origin is {found:?}, not counterfoil/run/<run id>/<execution>")]
    Origin { found: String },
    #[error("invalid origin: {0}")]
    Key(#[from] counterfoil_journal::key::VerifierKeyError),
    #[error("the proved entry is not a journal entry: {0}")]
    Entry(#[from] EntryError),
    #[error("invalid record in the proved entry: {0}")]
    Record(#[from] CborError),
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    #[error("the manifest belongs to another run")]
    OtherManifest,
}

/// What a proof proves: this record is at this index of this run's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProvedRecord {
    pub run_id: Digest,
    pub execution: u64,
    /// The record's index.
    pub index: u64,
    /// How many records the signed checkpoint covers.
    pub tree_size: u64,
    /// The root that was signed.
    pub root: Hash,
    /// The name of the record's kind.
    pub kind: &'static str,
    pub record: RunRecord,
    /// The record in plain words; scaled and named if the manifest was handed in.
    pub text: String,
}

/// What `bytes`, a `.tlog-proof` file of a run, proves under the log's key.
///
/// The run's manifest is not needed; with it (its JSON text, in any layout) prices and
/// instruments are shown as people write them.
///
/// # Errors
///
/// Returns [`RecordProofError`] that names what does not hold.
pub fn verify_proof(
    bytes: &[u8],
    key: &PublicKey,
    manifest: Option<&str>,
) -> Result<ProvedRecord, RecordProofError> {
    let proof = TlogProof::parse(bytes)?;
    // The origin is only a claim until the signature under it holds.
    let origin = proof.checkpoint.lines().next().unwrap_or_default();
    let (run_id, execution) = parse_origin(origin).ok_or_else(|| RecordProofError::Origin {
        found: origin.to_owned(),
    })?;
    // From here on the entry is what the log signed; before, not even the origin was more than a claim.
    let proved = proof.verify(&[log_key(key, origin)?], &[])?;
    let (_, body) = entry::split(proved.entry, proved.index)?;
    let record = RunRecord::decode(body)?;
    let instruments = manifest.map_or_else(|| Ok(Vec::new()), |text| instruments(text, &run_id))?;
    let checkpoint = &proved.cosigned.checkpoint;
    Ok(ProvedRecord {
        run_id,
        execution,
        index: proved.index,
        tree_size: checkpoint.size,
        root: checkpoint.root,
        kind: kind_name(&record),
        text: RecordDescriber::new(&instruments).record(&record),
        record,
    })
}

impl fmt::Display for ProvedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "run:    {}, execution {}", self.run_id, self.execution)?;
        writeln!(
            f,
            "proved: record {} of {} that the signed checkpoint covers, a {} record",
            self.index, self.tree_size, self.kind
        )?;
        writeln!(f, "record: {}", harmless_line(&self.text))?;
        writeln!(f, "not shown: {NOT_SHOWN}")
    }
}

impl ProvedRecord {
    /// What was proved as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "good": true,
            "run": self.run_id,
            "execution": self.execution,
            "index": self.index,
            "checkpoint": {"size": self.tree_size, "root": hex::encode(self.root.0)},
            "kind": self.kind,
            "text": self.text,
            "not-shown": [NOT_SHOWN],
        })
    }
}

fn parse_origin(origin: &str) -> Option<(Digest, u64)> {
    let (run, execution) = origin.strip_prefix(ORIGIN_PREFIX)?.split_once('/')?;
    let mut run_id = [0; 32];
    hex::decode_to_slice(run, &mut run_id).ok()?;
    let run_id = Digest(run_id);
    let execution = execution.parse().ok()?;
    // Only the one spelling: the origin is what is signed.
    (opened::origin(&run_id, execution) == origin).then_some((run_id, execution))
}

fn instruments(manifest: &str, run_id: &Digest) -> Result<Vec<Instrument>, RecordProofError> {
    let manifest = Manifest::parse(manifest)?;
    // Another run's manifest would show the right record with the wrong names and scales.
    if manifest.run_id()? != *run_id {
        return Err(RecordProofError::OtherManifest);
    }
    Ok(manifest.setup()?.instruments)
}
