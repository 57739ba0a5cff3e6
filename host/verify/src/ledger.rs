//! One record of a ledger proved from a `.tlog-proof` file: who did what, when, and whether it was
//! denied. What the rules say of it must never be known here: the whole ledger is needed for that.

use core::fmt;

use counterfoil_journal::entry::{self, EntryError};
use counterfoil_journal::key::{VerifierKey, VerifierKeyError};
use counterfoil_journal::proof::{TlogProof, TlogProofError};
use counterfoil_trading::cbor::{CborError, CborReader};
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::key_file::log_key;
use counterfoil_journal::public_key::PublicKey;

/// What every ledger's origin begins with.
pub const LEDGER_ORIGIN: &str = "counterfoil/ledger/";
/// The version of the records that can be read.
const VERSION: u64 = 1;

/// Why a proof proves no record of a ledger.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerProofError {
    #[error("invalid proof: {0}")]
    Proof(#[from] TlogProofError),
    #[error("the checkpoint's origin is {found:?}, not {LEDGER_ORIGIN}<name>")]
    Origin { found: String },
    #[error("invalid origin: {0}")]
    Key(#[from] VerifierKeyError),
    #[error("the proved entry is not a ledger entry: {0}")]
    Entry(#[from] EntryError),
    #[error("invalid record in the proved entry: {0}")]
    Record(#[from] CborError),
    #[error("unsupported record version {found}: this program reads version {VERSION}")]
    Version { found: u64 },
}

/// What a proof proves: this record is at this index of this ledger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProvedAct {
    /// The ledger's origin.
    pub ledger: String,
    /// The record's index.
    pub index: u64,
    /// How many records the signed checkpoint covers.
    pub tree_size: u64,
    /// The rule that denied it; nothing if it was done.
    pub denied: Option<String>,
    /// When, as the actor signed it.
    pub time: UnixNanos,
    pub actor: String,
    /// The actor's public key.
    pub key: PublicKey,
    /// The name of the act.
    pub act: String,
    /// The act as it was recorded: deterministic CBOR.
    pub bytes: Vec<u8>,
}

/// Whether the bytes of a proof claim to be of a ledger; nothing vouches for that yet.
#[must_use]
pub fn is_of_ledger(bytes: &[u8]) -> bool {
    let proof = TlogProof::parse(bytes).ok();
    proof.is_some_and(|proof| proof.checkpoint.starts_with(LEDGER_ORIGIN))
}

/// What `bytes`, a `.tlog-proof` file of a ledger, proves under the log's key.
///
/// # Errors
///
/// Returns [`LedgerProofError`] that names what does not hold.
pub fn verify_ledger_proof(bytes: &[u8], key: &PublicKey) -> Result<ProvedAct, LedgerProofError> {
    let proof = TlogProof::parse(bytes)?;
    // The origin is only a claim until the signature under it holds.
    let origin = proof.checkpoint.lines().next().unwrap_or_default();
    if !origin.starts_with(LEDGER_ORIGIN) {
        let found = origin.to_owned();
        return Err(LedgerProofError::Origin { found });
    }
    let log: VerifierKey = log_key(key, origin)?;
    let proved = proof.verify(&[log], &[])?;
    let (_, body) = entry::split(proved.entry, proved.index)?;
    let mut reader = CborReader::new(body);
    // The signature covers the bytes, not their meaning: a record of another shape must not be read as this one.
    reader.array_of(7, "a record of seven items")?;
    let found = reader.u64()?;
    // A later format may put other items in these places; read by position, one would pass for another.
    if found != VERSION {
        return Err(LedgerProofError::Version { found });
    }
    let denied = if reader.null() {
        None
    } else {
        Some(reader.text()?)
    };
    let time = UnixNanos(reader.i64()?);
    let (actor, key) = (reader.text()?, PublicKey(reader.bytes_32()?));
    reader.array()?;
    let act = reader.text()?;
    Ok(ProvedAct {
        ledger: origin.to_owned(),
        index: proved.index,
        tree_size: proved.cosigned.checkpoint.size,
        bytes: body.to_vec(),
        denied,
        time,
        actor,
        key,
        act,
    })
}

impl ProvedAct {
    /// The same in JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "good": true,
            "ledger": self.ledger,
            "record": self.index,
            "records": self.tree_size,
            "time": self.time.rfc3339(),
            "actor": self.actor,
            "key": hex::encode(self.key.0),
            "act": self.act,
            "denied": self.denied,
            "cbor": hex::encode(&self.bytes),
        })
    }
}

impl fmt::Display for ProvedAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = self
            .denied
            .as_ref()
            .map_or_else(|| "done".to_owned(), |rule| format!("denied by {rule}"));
        writeln!(
            f,
            "proved    record {} of {} in {}",
            self.index, self.tree_size, self.ledger
        )?;
        writeln!(f, "act       {} by {}: {outcome}", self.act, self.actor)?;
        writeln!(f, "time      {}", self.time.rfc3339())?;
        writeln!(f, "key       {}", hex::encode(self.key.0))
    }
}
