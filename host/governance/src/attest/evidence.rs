//! Whether the pieces of evidence for a component are what their digests say: envelopes that known
//! keys signed, about this component, of the right kind. What an attestation says of the component
//! must never be judged here: that is the policy's.

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
    /// What is stored has another digest.
    Digest,
    /// What is stored is no DSSE envelope.
    Envelope,
    /// No known key signed it.
    Unsigned,
    /// Its payload is no in-toto Statement.
    Statement,
    /// It is not about this component, or about something else as well.
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

/// A piece of evidence that does not hold.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}: evidence {}: {why}", fault.code(), kind.name())]
pub struct EvidenceError {
    /// Which piece.
    pub kind: EvidenceKind,
    /// What is wrong.
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

/// One piece of evidence that holds, and who signed it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpenedEvidence {
    /// Which piece.
    pub kind: EvidenceKind,
    /// What it says.
    pub statement: InTotoStatement,
    /// The known keys that signed it.
    pub signers: BTreeSet<PublicKey>,
}

/// Opens every piece of evidence for a component and checks that it is what its digest says.
///
/// `open` gives the bytes stored under a digest, if any; `keys` are those that count now. The answer
/// is every kind in its order.
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
            Ok(one) => opened.push(one),
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
        return Err((EvidenceFault::Missing, "there is none".to_owned()));
    };
    let Some(bytes) = open(digest) else {
        let why = format!("nothing is stored under {digest}");
        return Err((EvidenceFault::Absent, why));
    };
    let found = Digest::of(&bytes);
    if found != *digest {
        let why = format!("what is stored under {digest} has the digest {found}");
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
            .map(|one| one.name.as_str())
            .collect();
        let why = format!("it is about {names:?}, not about {component} alone");
        return Err((EvidenceFault::Subject, why));
    }
    let expected = kind.predicate_type();
    if statement.predicate_type != expected {
        let why = format!(
            "its predicate is {:?}, not {expected:?}",
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
