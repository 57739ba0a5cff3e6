//! Attestations: in-toto Statements in DSSE envelopes, signed with Ed25519, so that third-party tools can verify
//! them. What a statement is about must never be known here, except for approvals.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use counterfoil_journal::signer::{SignError, Signer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::act::DigestSet;
use crate::id::Id;
use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;

mod evidence;

pub use evidence::{EvidenceError, EvidenceFault, OpenedEvidence, open_evidence};

/// The type of an in-toto Statement.
///
/// Source: in-toto attestation specification v1, Statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of a payload that holds an in-toto Statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The type of an approval's predicate.
pub const APPROVAL_TYPE: &str = "urn:counterfoil:approval:1";
/// The largest envelope that is read, in bytes: a statement is a few thousand.
pub const ENVELOPE_BYTES_MAX: usize = 1 << 20;

/// Why an envelope or statement is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    /// The envelope is too large to be read.
    #[error("the envelope has {bytes} bytes, and at most {ENVELOPE_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Malformed JSON, or JSON without a required field.
    #[error("invalid {what}: {source}")]
    Json {
        /// The document that was expected.
        what: &'static str,
        source: serde_json::Error,
    },
    /// A field is not base64.
    #[error("the envelope's field {field} is not base64")]
    Base64 { field: &'static str },
    /// A field does not have the value that the specification requires.
    #[error("the {field} is {found:?}, not {expected:?}")]
    Field {
        field: &'static str,
        found: String,
        /// The required value.
        expected: String,
    },
    /// None of the known keys signed the envelope.
    #[error(
        "none of the envelope's {signatures} signatures verifies with a known key; sign it with a key that the \
         ledger has"
    )]
    Unsigned {
        /// The number of signatures.
        signatures: usize,
    },
    /// The signer did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// A subject of a statement.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StatementSubject {
    pub name: String,
    /// Its digests, by algorithm.
    pub digest: BTreeMap<String, String>,
}

impl StatementSubject {
    /// A subject with its SHA-256 digest.
    #[must_use]
    pub fn new(name: &str, digest: Digest) -> Self {
        let digest = BTreeMap::from([("sha256".to_owned(), hex::encode(digest.0))]);
        let name = name.to_owned();
        Self { name, digest }
    }
}

/// An in-toto Statement.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct InTotoStatement {
    #[serde(rename = "_type")]
    kind: String,
    pub subject: Vec<StatementSubject>,
    /// The type of the predicate.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// The claim about the subjects.
    pub predicate: Value,
}

impl InTotoStatement {
    /// A statement of this predicate about these subjects.
    #[must_use]
    pub fn new(subject: Vec<StatementSubject>, predicate_type: &str, predicate: Value) -> Self {
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// The statement as canonical JSON (RFC 8785).
    ///
    /// # Errors
    ///
    /// Returns [`AttestError::Json`] if the predicate has no canonical form.
    pub fn encode(&self) -> Result<Vec<u8>, AttestError> {
        serde_json_canonicalizer::to_vec(self).map_err(|source| AttestError::Json {
            what: "in-toto statement",
            source,
        })
    }

    /// The statement in a payload.
    ///
    /// # Errors
    ///
    /// Returns [`AttestError`] if it is malformed.
    pub fn parse(payload: &[u8]) -> Result<Self, AttestError> {
        let json = |source| AttestError::Json {
            what: "in-toto statement",
            source,
        };
        let statement: Self = serde_json::from_slice(payload).map_err(json)?;
        expect("statement's _type", &statement.kind, STATEMENT_TYPE)?;
        Ok(statement)
    }
}

fn expect(field: &'static str, found: &str, expected: &str) -> Result<(), AttestError> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (found.to_owned(), expected.to_owned());
    Err(AttestError::Field {
        field,
        found,
        expected,
    })
}

/// The bytes that a signature in an envelope covers.
///
/// Source: DSSE v1.0, PAE.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    // Each part has its length before it. Without them the border between type and payload could be moved, and
    // one signature would cover two documents.
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    let mut out = head.into_bytes();
    out.extend_from_slice(payload);
    out
}

/// A signature in an envelope.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EnvelopeSignature {
    /// The key that may have made it: a hint, which no check relies on.
    pub key_id: String,
    pub signature: Vec<u8>,
}

/// A payload with signatures over it and its type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DsseEnvelope {
    pub payload_type: String,
    pub payload: Vec<u8>,
    pub signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize, Serialize)]
struct EnvelopeJson {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<SignatureJson>,
}

#[derive(Deserialize, Serialize)]
struct SignatureJson {
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// The hint for a key: the SHA-256 of its 32 bytes, in hex.
#[must_use]
pub fn key_id(key: &PublicKey) -> String {
    hex::encode(Digest::of(&key.0).0)
}

impl DsseEnvelope {
    /// A statement in an envelope without signatures.
    ///
    /// # Errors
    ///
    /// Returns [`AttestError`] if the statement has no canonical form.
    pub fn new(statement: &InTotoStatement) -> Result<Self, AttestError> {
        Ok(Self {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: statement.encode()?,
            signatures: Vec::new(),
        })
    }

    /// The bytes that each signature covers.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }

    /// Signs the payload and its type, and adds the signature.
    ///
    /// # Errors
    ///
    /// Returns [`AttestError::Sign`] if the signer did not sign.
    pub fn sign<S: Signer + ?Sized>(&mut self, signer: &S) -> Result<(), AttestError> {
        let signature = signer.sign(&self.message())?.to_vec();
        let key_id = key_id(&PublicKey(signer.verifying_key()));
        self.signatures
            .push(EnvelopeSignature { key_id, signature });
        Ok(())
    }

    /// The envelope as canonical JSON.
    ///
    /// # Errors
    ///
    /// Returns [`AttestError::Json`] if it has no canonical form.
    pub fn encode(&self) -> Result<Vec<u8>, AttestError> {
        let signature = |signed: &EnvelopeSignature| SignatureJson {
            keyid: signed.key_id.clone(),
            sig: STANDARD.encode(&signed.signature),
        };
        let json = EnvelopeJson {
            payload: STANDARD.encode(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: self.signatures.iter().map(signature).collect(),
        };
        serde_json_canonicalizer::to_vec(&json).map_err(|source| AttestError::Json {
            what: "DSSE envelope",
            source,
        })
    }

    /// Parses an envelope from JSON, which need not be canonical: third-party tools write it too.
    ///
    /// # Errors
    ///
    /// Returns [`AttestError`] if it is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, AttestError> {
        // Before the JSON parser runs: envelopes are read from folders that other processes can write.
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(AttestError::TooLong { bytes: bytes.len() });
        }
        let json = |source| AttestError::Json {
            what: "DSSE envelope",
            source,
        };
        let json: EnvelopeJson = serde_json::from_slice(bytes).map_err(json)?;
        let signature = |signed: SignatureJson| {
            Ok(EnvelopeSignature {
                key_id: signed.keyid,
                signature: decode("sig", &signed.sig)?,
            })
        };
        Ok(Self {
            payload: decode("payload", &json.payload)?,
            payload_type: json.payload_type,
            signatures: json
                .signatures
                .into_iter()
                .map(signature)
                .collect::<Result<_, AttestError>>()?,
        })
    }

    /// The statement in the envelope, and which of `keys` signed it.
    ///
    /// # Errors
    ///
    /// Returns [`AttestError`] if none of them did, or if the payload is not an in-toto statement.
    pub fn verify(
        &self,
        keys: &[PublicKey],
    ) -> Result<(InTotoStatement, BTreeSet<PublicKey>), AttestError> {
        let message = self.message();
        // Each key is tried, whatever the key ids say: the writer of an envelope can put any key id there.
        let by = |key: &&PublicKey| {
            let verifies = |signed: &EnvelopeSignature| {
                <&[u8; 64]>::try_from(signed.signature.as_slice())
                    .is_ok_and(|signature| key.signed(&message, signature))
            };
            self.signatures.iter().any(verifies)
        };
        let signers: BTreeSet<PublicKey> = keys.iter().filter(by).copied().collect();
        if signers.is_empty() {
            let signatures = self.signatures.len();
            return Err(AttestError::Unsigned { signatures });
        }
        // The signature covers the type: what a key signed as another kind of document must not pass as a
        // statement.
        expect("payloadType", &self.payload_type, PAYLOAD_TYPE)?;
        Ok((InTotoStatement::parse(&self.payload)?, signers))
    }
}

/// Base64 as DSSE allows it: the standard alphabet or the one for URLs.
fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, AttestError> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .map_err(|_| AttestError::Base64 { field })
}

/// The envelope of an approval, without signatures: `approver` approves exactly this set in the
/// ledger `origin`.
///
/// # Errors
///
/// Returns [`AttestError`] if it has no canonical form.
pub fn approval(origin: &str, approver: &Id, set: &DigestSet) -> Result<DsseEnvelope, AttestError> {
    let subjects = set
        .named()
        .map(|(name, digest)| StatementSubject::new(name, digest));
    // The ledger's origin is signed as well: an approval from a test ledger with the same ids is no approval
    // here.
    let predicate = json!({ "approver": approver.as_str(), "ledger": origin });
    DsseEnvelope::new(&InTotoStatement::new(
        subjects.into(),
        APPROVAL_TYPE,
        predicate,
    ))
}
