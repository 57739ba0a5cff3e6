//! One record of a ledger proved from a `.tlog-proof` file: who signed what, when, and whether it was denied. Whether the
//! rules allowed it must never be claimed here: the whole ledger is needed for that.

use core::fmt;

use counterfoil_base::text::harmless_line;
use counterfoil_governance::record::LedgerRecord;
use counterfoil_journal::entry::{self, EntryError};
use counterfoil_journal::key::{VerifierKey, VerifierKeyError};
use counterfoil_journal::proof::{TlogProof, TlogProofError};
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::cbor::{CborError, CborReader};
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::cbor_text::diagnostic;
use crate::key_file::log_key;

/// What every ledger's origin begins with.
pub const LEDGER_ORIGIN: &str = "counterfoil/ledger/";

/// What a proof of one act cannot show.
const NOT_SHOWN: [&str; 2] = [
    "that the key was the actor's at that time, and that the rules give this outcome: verify the whole ledger",
    "that no later record takes it back, and when it was signed: the time is the actor's own",
];

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
    /// The log's key signed the tree, and the actor's key did not sign the act.
    #[error(
        "the key {key} in the record, said to be {actor}'s, did not sign this act at this place"
    )]
    Signature { actor: String, key: PublicKey },
    #[error("the act is signed by the key {found}, not by {given}")]
    OtherKey { found: PublicKey, given: PublicKey },
}

/// What a proof proves: this record is at this index of this ledger, and the key in it signed the act there.
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
    /// The key that signed, of which the record says that it is the actor's.
    pub key: PublicKey,
    /// The name of the act.
    pub act: String,
    /// The act with all its fields, in diagnostic notation; docs/reference/ledger.cddl names them.
    pub fields: String,
    /// The act as it was recorded: deterministic CBOR.
    pub bytes: Vec<u8>,
    /// Whether the caller knew the key from elsewhere.
    pub is_known_key: bool,
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
    let (previous, body) = entry::split(proved.entry, proved.index)?;
    // The whole record in its one form: an act of another shape, or with bytes behind it, must not be read as this one.
    let record = LedgerRecord::decode(previous, body)?;
    let signed = &record.signed;
    let actor = signed.actor.to_string();
    // The log's holder can put any act into the tree. Without this check it could have it "proved" of a person who never
    // signed it.
    if !signed
        .key
        .signed(&signed.message(origin), &signed.signature)
    {
        let key = signed.key;
        return Err(LedgerProofError::Signature { actor, key });
    }
    let mut act = Vec::new();
    signed.act.encode(&mut act);
    Ok(ProvedAct {
        ledger: origin.to_owned(),
        index: proved.index,
        tree_size: proved.cosigned.checkpoint.size,
        bytes: body.to_vec(),
        denied: record.denied.map(|rule| rule.code().to_owned()),
        time: signed.time,
        actor,
        key: signed.key,
        act: signed.act.act_name().as_str().to_owned(),
        fields: diagnostic(&mut CborReader::new(&act))?,
        is_known_key: false,
    })
}

impl ProvedAct {
    /// The same, if the key that signed is `given`, which the caller knows to be the actor's.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerProofError::OtherKey`] if it is another.
    pub fn signed_by(self, given: PublicKey) -> Result<Self, LedgerProofError> {
        let found = self.key;
        if found != given {
            return Err(LedgerProofError::OtherKey { found, given });
        }
        Ok(Self {
            is_known_key: true,
            ..self
        })
    }

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
            "key-given": self.is_known_key,
            "act": self.act,
            "fields": self.fields,
            "denied": self.denied,
            "cbor": hex::encode(&self.bytes),
            "not-shown": NOT_SHOWN,
        })
    }
}

impl fmt::Display for ProvedAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = self
            .denied
            .as_ref()
            .map_or_else(|| "done".to_owned(), |rule| format!("denied by {rule}"));
        let ledger = harmless_line(&self.ledger);
        writeln!(
            f,
            "proved    record {} of {} in {ledger}",
            self.index, self.tree_size
        )?;
        let actor = harmless_line(&self.actor);
        writeln!(f, "act       {} by {actor}: {outcome}", self.act)?;
        writeln!(f, "fields    {}", harmless_line(&self.fields))?;
        writeln!(f, "time      {}", self.time.rfc3339())?;
        let whose = if self.is_known_key {
            "the key given, signed the act"
        } else {
            "signed the act"
        };
        writeln!(f, "key       {} ({whose})", self.key)?;
        for line in NOT_SHOWN {
            writeln!(f, "not shown {line}")?;
        }
        Ok(())
    }
}
