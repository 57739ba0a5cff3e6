//! Pieces of evidence: attestations that a check of a component passed or failed, signed by the principal who ran
//! it. It must never know how a check is done.

use serde_json::{Map, Value};

use crate::act::EvidenceKind;
use crate::attest::{AttestError, DsseEnvelope, InTotoStatement, StatementSubject};
use crate::id::Id;
use crate::registry::RegisteredComponent;
use crate::state::LedgerState;
use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::time::UnixNanos;

/// What the type of every evidence predicate begins with; the kind and the version follow.
const TYPE_PREFIX: &str = "urn:counterfoil:evidence:";
/// The version of the predicates.
const TYPE_VERSION: &str = ":1";
/// The name of the component among a statement's subjects.
const SUBJECT: &str = "component";

/// Why an attestation is not valid evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Invalid envelope or statement.
    #[error(transparent)]
    Attest(#[from] AttestError),
    /// Unknown or malformed predicate.
    #[error("the statement is not evidence: {what}")]
    Predicate {
        /// What is wrong with it.
        what: &'static str,
    },
    /// It was made for another ledger, whose principals may be other people.
    #[error(
        "the evidence is for ledger {found:?}, not {expected:?}; run the check again for this ledger"
    )]
    Ledger {
        /// The ledger that it names.
        found: String,
        expected: String,
    },
}

/// A piece of evidence whose signature was verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EvidenceAttestation {
    /// What was checked.
    pub kind: EvidenceKind,
    pub component: Digest,
    /// Who ran the check.
    pub by: Id,
    /// The key that signed it.
    pub key: PublicKey,
    /// When it was made, by the checker's own clock.
    pub time: String,
    /// Why the check failed; empty if it passed.
    pub reasons: Vec<String>,
    /// What the check measured or found.
    pub facts: Value,
}

/// The statement that `by` checked a component with these facts and reasons.
#[must_use]
pub fn statement(
    ledger: &str,
    kind: EvidenceKind,
    component: Digest,
    by: &Id,
    time: &str,
    facts: Value,
    reasons: &[String],
) -> InTotoStatement {
    let mut predicate = Map::new();
    let mut put = |name: &str, value: Value| predicate.insert(name.to_owned(), value);
    put("by", by.as_str().into());
    put("facts", facts);
    put("ledger", ledger.into());
    put("passed", reasons.is_empty().into());
    put("reasons", reasons.into());
    put("time", time.into());
    let kind = format!("{TYPE_PREFIX}{}{TYPE_VERSION}", kind.name());
    let subjects = vec![StatementSubject::new(SUBJECT, component)];
    InTotoStatement::new(subjects, &kind, Value::Object(predicate))
}

impl EvidenceAttestation {
    /// Opens the piece of evidence in an envelope, if a present or former key of its maker signed it.
    ///
    /// # Errors
    ///
    /// Returns [`EvidenceError`] that names what is invalid.
    pub fn open(state: &LedgerState, bytes: &[u8]) -> Result<Self, EvidenceError> {
        let envelope = DsseEnvelope::parse(bytes)?;
        // Who made it is a claim until one of their keys is found to have signed it.
        let claimed = InTotoStatement::parse(&envelope.payload)?;
        let by = Id::parse(text(&claimed.predicate, "by")?);
        let by = by.map_err(|_| wrong("its field by is not a valid id"))?;
        // Keys that ended count here: evidence stays evidence when its maker's key expires. Whether it is
        // still good enough is judged by `objection`.
        let own = state.keys().iter().filter(|(_, key)| key.owner == by);
        let own: Vec<PublicKey> = own.map(|(key, _)| *key).collect();
        let (statement, signers) = envelope.verify(&own)?;
        let key = signers.into_iter().next();
        Self::parse(
            state.origin(),
            by,
            key.ok_or(wrong("it has no valid signature"))?,
            &statement,
        )
    }

    fn parse(
        origin: &str,
        by: Id,
        key: PublicKey,
        statement: &InTotoStatement,
    ) -> Result<Self, EvidenceError> {
        let kind = statement.predicate_type.strip_prefix(TYPE_PREFIX);
        let kind = kind.and_then(|rest| rest.strip_suffix(TYPE_VERSION));
        let kind = kind.and_then(EvidenceKind::parse);
        let predicate = &statement.predicate;
        let ledger = text(predicate, "ledger")?;
        // The same id can be another person in another ledger, such as that of a test installation.
        if ledger != origin {
            let (found, expected) = (ledger.to_owned(), origin.to_owned());
            return Err(EvidenceError::Ledger { found, expected });
        }
        let reasons = predicate.get("reasons").and_then(Value::as_array);
        let reasons = reasons.ok_or(wrong("its field reasons is not a list"))?;
        let reason = |value: &Value| value.as_str().map(str::to_owned);
        let reasons: Option<Vec<String>> = reasons.iter().map(reason).collect();
        let reasons = reasons.ok_or(wrong("a reason is not text"))?;
        // Stated twice, so that neither is read without the other.
        if predicate.get("passed") != Some(&Value::Bool(reasons.is_empty())) {
            return Err(wrong("its field passed contradicts its reasons"));
        }
        let facts = predicate
            .get("facts")
            .ok_or(wrong("it has no field facts"))?;
        Ok(Self {
            kind: kind.ok_or(wrong("its predicate type is unknown"))?,
            component: component(statement)?,
            time: text(predicate, "time")?.to_owned(),
            facts: facts.clone(),
            by,
            key,
            reasons,
        })
    }

    /// Why a reviewer must not accept this piece for a component now; `None` if they may.
    #[must_use]
    pub fn objection(
        &self,
        state: &LedgerState,
        digest: &Digest,
        component: &RegisteredComponent,
        now: UnixNanos,
    ) -> Option<String> {
        let (kind, by) = (self.kind.name(), &self.by);
        if self.component != *digest {
            return Some(format!(
                "{kind} is for another component, {}",
                self.component
            ));
        }
        // Valid now, not when it was signed: a key that was revoked since may have been in a thief's hands
        // before.
        if !state
            .keys()
            .get(&self.key)
            .is_some_and(|key| key.counts(now))
        {
            let key = self.key;
            return Some(format!(
                "{kind} is signed by key {key} of {by}, which is no longer valid"
            ));
        }
        // An author attests to their tests; everything else needs another principal.
        if self.kind != EvidenceKind::UnitTests && component.submitted.by == *by {
            return Some(format!("{kind} was checked by {by}, who is the author"));
        }
        let why = self.reasons.join("; ");
        (!self.reasons.is_empty()).then(|| format!("{kind} did not pass: {why}"))
    }
}

fn component(statement: &InTotoStatement) -> Result<Digest, EvidenceError> {
    // With a second subject one passed check would vouch for two components, and only one was checked.
    let [subject] = statement.subject.as_slice() else {
        return Err(wrong("it must have exactly one subject"));
    };
    let digits = subject
        .digest
        .get("sha256")
        .filter(|_| subject.name == SUBJECT);
    let mut digest = [0; 32];
    let decoded = digits.map(|digits| hex::decode_to_slice(digits, &mut digest));
    match decoded {
        Some(Ok(())) => Ok(Digest(digest)),
        Some(Err(_)) | None => Err(wrong(
            "its subject is not a component with a SHA-256 digest",
        )),
    }
}

fn text<'a>(predicate: &'a Value, field: &str) -> Result<&'a str, EvidenceError> {
    let found = predicate.get(field).and_then(Value::as_str);
    found.ok_or(wrong(
        "its predicate lacks a text; it needs by, ledger and time",
    ))
}

const fn wrong(what: &'static str) -> EvidenceError {
    EvidenceError::Predicate { what }
}
