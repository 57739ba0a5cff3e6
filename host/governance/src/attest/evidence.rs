//! Checks that the pieces of evidence for a component match their digests: envelopes signed by known keys, about
//! this component, of the right kind. What an attestation claims must never be judged here: the policy does that.

use std::collections::BTreeSet;

use super::{AttestError, DsseEnvelope, InTotoStatement, StatementSubject};
use crate::act::{EvidenceKind, EvidenceSet};
use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;

/// What is wrong with a piece of evidence. The codes are stable.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum EvidenceFault {
    /// The evidence has no piece of this kind.
    Missing,
    /// Nothing is stored under the digest.
    Absent,
    /// The stored bytes have another digest.
    Digest,
    /// The stored bytes are not a DSSE envelope.
    Envelope,
    /// No known key signed it.
    Unsigned,
    /// Its payload is not an in-toto Statement.
    Statement,
    /// Its subject is not this component alone.
    Subject,
    /// It is evidence of another kind.
    Predicate,
}

impl EvidenceFault {
    /// Every fault.
    pub const ALL: [Self; 8] = [
        Self::Missing,
        Self::Absent,
        Self::Digest,
        Self::Envelope,
        Self::Unsigned,
        Self::Statement,
        Self::Subject,
        Self::Predicate,
    ];

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "evidence.missing",
            Self::Absent => "evidence.absent",
            Self::Digest => "evidence.digest",
            Self::Envelope => "evidence.envelope",
            Self::Unsigned => "evidence.unsigned",
            Self::Statement => "evidence.statement",
            Self::Subject => "evidence.subject",
            Self::Predicate => "evidence.predicate",
        }
    }
}

/// An invalid piece of evidence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}: evidence {}: {why}", fault.code(), kind.name())]
pub struct EvidenceError {
    /// Which piece.
    pub kind: EvidenceKind,
    /// Its fault.
    pub fault: EvidenceFault,
    /// The facts.
    pub why: String,
}

impl EvidenceKind {
    /// The type of the predicate of such evidence.
    #[must_use]
    pub fn predicate_type(self) -> String {
        format!("urn:counterfoil:evidence:{}:1", self.name())
    }
}

/// A valid piece of evidence, and the keys that signed it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpenedEvidence {
    /// Which piece.
    pub kind: EvidenceKind,
    /// Its verified content.
    pub statement: InTotoStatement,
    /// The known keys that signed it.
    pub signers: BTreeSet<PublicKey>,
}

/// Opens every piece of evidence for a component and checks it against its digest.
///
/// `open` returns the bytes stored under a digest, if any; `keys` are the keys that are valid now. The result has
/// every kind, in order.
///
/// # Errors
///
/// Returns every [`EvidenceError`], not only the first.
pub fn open_evidence(
    component: &Digest,
    evidence: &EvidenceSet,
    keys: &[PublicKey],
    mut open: impl FnMut(&Digest) -> Option<Vec<u8>>,
) -> Result<Vec<OpenedEvidence>, Vec<EvidenceError>> {
    let (mut opened, mut errors) = (Vec::new(), Vec::new());
    for kind in EvidenceKind::ALL {
        match open_piece(component, kind, evidence.0.get(&kind), keys, &mut open) {
            Ok(piece) => opened.push(piece),
            Err((fault, why)) => errors.push(EvidenceError { kind, fault, why }),
        }
    }
    if errors.is_empty() {
        Ok(opened)
    } else {
        Err(errors)
    }
}

fn open_piece(
    component: &Digest,
    kind: EvidenceKind,
    digest: Option<&Digest>,
    keys: &[PublicKey],
    open: &mut impl FnMut(&Digest) -> Option<Vec<u8>>,
) -> Result<OpenedEvidence, (EvidenceFault, String)> {
    let Some(digest) = digest else {
        let why = "the evidence set has no digest of this kind".to_owned();
        return Err((EvidenceFault::Missing, why));
    };
    let Some(bytes) = open(digest) else {
        let why = format!("no bytes are stored under {digest}; restore them from a copy");
        return Err((EvidenceFault::Absent, why));
    };
    let found = Digest::of(&bytes);
    // The folder is not trusted: the digest in the ledger decides, not the name of the file.
    if found != *digest {
        let why = format!(
            "the bytes stored under {digest} have digest {found}; restore them from a copy"
        );
        return Err((EvidenceFault::Digest, why));
    }
    let envelope = DsseEnvelope::parse(&bytes);
    let envelope = envelope.map_err(|error| (EvidenceFault::Envelope, error.to_string()))?;
    let (statement, signers) = envelope.verify(keys).map_err(|error| {
        let unsigned = matches!(error, AttestError::Unsigned { .. });
        let fault = if unsigned {
            EvidenceFault::Unsigned
        } else {
            EvidenceFault::Statement
        };
        (fault, error.to_string())
    })?;
    // By digest alone: a name is for people.
    let expected = StatementSubject::new("component", *component).digest;
    let about = |subject: &StatementSubject| subject.digest.get("sha256") == expected.get("sha256");
    if statement.subject.len() != 1 || !statement.subject.iter().all(about) {
        let names: Vec<_> = statement
            .subject
            .iter()
            .map(|subject| subject.name.as_str())
            .collect();
        let why =
            format!("its subjects are {names:?}, and the only one must be component {component}");
        return Err((EvidenceFault::Subject, why));
    }
    let expected = kind.predicate_type();
    if statement.predicate_type != expected {
        let why = format!(
            "its predicate type is {:?}, not {expected:?}",
            statement.predicate_type
        );
        return Err((EvidenceFault::Predicate, why));
    }
    Ok(OpenedEvidence {
        kind,
        statement,
        signers,
    })
}
