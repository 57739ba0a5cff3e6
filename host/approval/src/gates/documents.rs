//! The inputs of the policy's gates, built from the ledger's state and the evidence that it names. A fact must
//! never come from anything but a record or a signed attestation.

use std::collections::BTreeMap;

use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{DigestSet, EvidenceKind, ExceptionSubject, KillScope};
use counterfoil_governance::evidence::{EvidenceAttestation, EvidenceError as PieceError};
use counterfoil_governance::id::Id;
use counterfoil_governance::registry::RegisteredComponent;
use counterfoil_governance::rule::Denial;
use counterfoil_governance::state::LedgerState;
use counterfoil_policy::input::{
    self, AccountInput, AdmissionInput, AskedLimits, AuthorizationInput, DigestSetInput,
    ExceptionInput, KillInput, LimitsInput, LookAheadInput, OperatorsInput, PromotionInput,
    ReplayInput, RetrospectiveInput, ReviewersInput, SnapshotQualityInput, StartInput,
    ThresholdsInput, UnitTestsInput, UnixSeconds,
};
use counterfoil_trading::time::UnixNanos;
use serde_json::Value;

use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_runner::study::evidence::{EvidenceStore, EvidenceStoreError};

/// The largest number in an input: all JSON parsers agree on integers below 2^53.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Why the input of a gate cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The component is not registered.
    #[error("{}: {}", .0.rule, .0.why)]
    Unknown(Denial),
    /// The record is not an authorization.
    #[error(
        "record {entry} authorizes no start; `counterfoil account authorization list` has the records that do"
    )]
    Unauthorized {
        /// The record.
        entry: u64,
    },
    /// A recorded piece of evidence is missing or was changed.
    #[error(transparent)]
    Store(#[from] EvidenceStoreError),
    /// Invalid evidence.
    #[error("invalid evidence {digest}: {source}")]
    Piece { digest: Digest, source: PieceError },
}

/// The input of the promotion gate for a component under a digest set.
///
/// # Errors
///
/// Returns [`DocumentError`] if the component is not registered, or its evidence cannot be read.
pub fn promotion(
    data: &DataDir,
    state: &LedgerState,
    set: &DigestSet,
    now: UnixNanos,
) -> Result<PromotionInput, DocumentError> {
    let component = state.registry().component(&set.component);
    let component = component.map_err(DocumentError::Unknown)?;
    let pieces = pieces(data, state, &set.component, component, now)?;
    // The members whose votes these are, not the delegates who signed for them: a policy that counts approvers
    // counts people with a vote.
    let approved = component
        .approvals
        .iter()
        .filter(|approval| approval.set == *set);
    let reviewer = component.validated.as_ref();
    Ok(PromotionInput {
        time: UnixSeconds::before(now),
        set: set_of(set),
        component: input::ComponentInput {
            strategy: component.strategy.to_string(),
            source_commit: component.provenance.source_commit.clone(),
            toolchain: component.provenance.toolchain.clone(),
            wit_world: component.provenance.wit_world.clone(),
        },
        people: ReviewersInput {
            author: component.submitted.by.to_string(),
            reviewer: reviewer
                .map_or_else(String::new, |(_, record_ref)| record_ref.by.to_string()),
            approvers: approved.map(|approval| approval.vote.to_string()).collect(),
        },
        evidence: evidence(&pieces),
        exceptions: exceptions(state),
    })
}

/// The input of the start gate for the starts that the record `entry` authorizes.
///
/// # Errors
///
/// Returns [`DocumentError`] if the record is not an authorization, or its component is not registered.
pub fn start(state: &LedgerState, entry: u64, now: UnixNanos) -> Result<StartInput, DocumentError> {
    let authorized = state.authorizations().get(&entry);
    let authorized = authorized.ok_or(DocumentError::Unauthorized { entry })?;
    let (authorization, terms) = (&authorized.authorization, &authorized.authorization.terms);
    let component = state.registry().component(&terms.set.component);
    let component = component.map_err(DocumentError::Unknown)?;
    let mut promoted = component
        .promotions
        .iter()
        .rev()
        .map(|promotion| promotion.set);
    let last = promoted.clone().next();
    // The promotion of exactly this set. Without it the last one is shown, so that the policy sees and names
    // what differs.
    let approved = promoted.find(|set| *set == terms.set).or(last);
    let (parameters, limits) = (terms.parameters, terms.limits);
    Ok(StartInput {
        time: UnixSeconds::before(now),
        set: set_of(&terms.set),
        approved: approved.as_ref().map(set_of),
        stage: component.stage.name().to_owned(),
        owner: terms.owner.to_string(),
        account: terms.account.to_string(),
        market: terms.market.clone(),
        timeframe: terms.timeframe.clone(),
        parameters,
        limits,
        people: OperatorsInput {
            operator: authorized.record_ref.by.to_string(),
            log_holder: state
                .log_holder()
                .map_or_else(String::new, ToString::to_string),
        },
        authorization: Some(AuthorizationInput {
            entry,
            by: authorized.record_ref.by.to_string(),
            set: set_of(&terms.set),
            owner: terms.owner.to_string(),
            account: terms.account.to_string(),
            market: terms.market.clone(),
            timeframe: terms.timeframe.clone(),
            parameters,
            limits,
            not_before: UnixSeconds::after(authorization.not_before),
            not_after: UnixSeconds::before(authorization.not_after),
            withdrawn: authorized.withdrawn.is_some(),
        }),
        limits_in_force: state
            .limits()
            .get(&terms.account)
            .map(|record| record.limits),
        policy_in_force: state.policy(),
        retrospectives_owed: owed(state),
        kills: kills(state, &terms.account),
        exceptions: exceptions(state),
    })
}

/// Every break-glass without a retrospective, including those that are still open.
fn owed(state: &LedgerState) -> Vec<RetrospectiveInput> {
    let unsigned = state
        .broken()
        .iter()
        .filter(|(_, glass)| glass.retrospective.is_none());
    let inputs = unsigned.map(|(entry, glass)| RetrospectiveInput {
        entry: *entry,
        opened_by: glass.record_ref.by.to_string(),
    });
    inputs.collect()
}

/// The kill switches that stop every run of an account. A kill switch on a single run stops no other run.
fn kills(state: &LedgerState, account: &Id) -> Vec<KillInput> {
    let scope = |scope: &KillScope| match scope {
        KillScope::Run(_) => None,
        KillScope::Account(of) => (of == account).then_some("account"),
        KillScope::Installation => Some("installation"),
    };
    let on = state
        .kills()
        .iter()
        .filter(|(_, kill)| kill.lifted.is_none());
    let inputs = on.filter_map(|(entry, kill)| {
        Some(KillInput {
            entry: *entry,
            scope: scope(&kill.scope)?.to_owned(),
            reason: kill.reason.clone(),
        })
    });
    inputs.collect()
}

/// The input of the limits gate for an account.
#[must_use]
pub fn limits(
    state: &LedgerState,
    asked_by: &str,
    account: AccountInput,
    asked: AskedLimits,
    now: UnixNanos,
) -> LimitsInput {
    LimitsInput {
        time: UnixSeconds::before(now),
        asked_by: asked_by.to_owned(),
        account,
        asked,
        exceptions: exceptions(state),
    }
}

fn set_of(set: &DigestSet) -> DigestSetInput {
    DigestSetInput {
        component: set.component,
        limits: set.limits,
        policy: set.policy,
        evidence: set.evidence,
    }
}

/// Every exception of the ledger; an exception that was ended early has the time of that act as its end.
fn exceptions(state: &LedgerState) -> Vec<ExceptionInput> {
    let input = |(entry, granted): (&u64, &counterfoil_governance::state::ExceptionRecord)| {
        let exception = &granted.exception;
        let ended = granted
            .ended
            .as_ref()
            .map(|(_, record_ref)| record_ref.time);
        let until = ended.map_or(exception.until, |ended| ended.min(exception.until));
        let (component, account) = match &exception.subject {
            ExceptionSubject::Component(digest) => (Some(*digest), None),
            ExceptionSubject::Account(id) => (None, Some(id.to_string())),
            ExceptionSubject::Installation => (None, None),
        };
        ExceptionInput {
            entry: *entry,
            rule: exception.rule.clone(),
            component,
            account,
            reason: exception.reason.clone(),
            control: exception.control.clone(),
            owner: exception.owner.to_string(),
            approver: granted.record_ref.by.to_string(),
            until: UnixSeconds::before(until),
        }
    };
    state.exceptions().iter().map(input).collect()
}

/// A piece of evidence, and whether it is valid for this component now.
struct Counted {
    piece: EvidenceAttestation,
    passed: bool,
}

type Pieces = BTreeMap<EvidenceKind, Counted>;

/// The pieces of evidence that the component was validated on.
fn pieces(
    data: &DataDir,
    state: &LedgerState,
    digest: &Digest,
    component: &RegisteredComponent,
    now: UnixNanos,
) -> Result<Pieces, DocumentError> {
    let mut found = Pieces::new();
    let Some((evidence, _)) = &component.validated else {
        return Ok(found);
    };
    let store = EvidenceStore::new(data, digest);
    for (kind, digest_of_piece) in &evidence.0 {
        let bytes = store.get(digest_of_piece)?;
        let piece =
            EvidenceAttestation::open(state, &bytes).map_err(|source| DocumentError::Piece {
                digest: *digest_of_piece,
                source,
            })?;
        let objection = piece.objection(state, digest, component, now);
        // A piece whose key was revoked since the review is passed on as failed, and so is one that was
        // recorded under another kind. Left out, it would look as if the check had not been run.
        let passed = objection.is_none() && piece.kind == *kind;
        found.insert(*kind, Counted { piece, passed });
    }
    Ok(found)
}

fn evidence(pieces: &Pieces) -> input::EvidenceInput {
    let get = |kind| pieces.get(&kind);
    input::EvidenceInput {
        admission: get(EvidenceKind::Admission).map(|counted| AdmissionInput {
            passed: counted.passed,
        }),
        unit_tests: get(EvidenceKind::UnitTests).map(|counted| UnitTestsInput {
            passed: counted.passed,
            by: counted.piece.by.to_string(),
        }),
        snapshot_quality: get(EvidenceKind::SnapshotQuality).map(|counted| SnapshotQualityInput {
            snapshot: text(&counted.piece.facts, "snapshot"),
            accepted: counted.passed,
            // Unknown counts as the most: a missing fact must not stay under a policy's bound.
            quarantined: number(&counted.piece.facts, "quarantined").unwrap_or(NUMBER_MAX),
        }),
        replay: get(EvidenceKind::Replay).map(|counted| ReplayInput {
            run: text(&counted.piece.facts, "run-id"),
            identical: counted.passed,
            back_ends: back_ends(&counted.piece.facts),
        }),
        no_look_ahead: get(EvidenceKind::NoLookAhead).map(|counted| LookAheadInput {
            passed: counted.passed,
        }),
        thresholds: get(EvidenceKind::Thresholds).and_then(thresholds),
    }
}

/// The measured values, whatever the checker's own thresholds were; `None` if the evidence is not valid.
fn thresholds(counted: &Counted) -> Option<ThresholdsInput> {
    let facts = &counted.piece.facts;
    counted.passed.then_some(())?;
    Some(ThresholdsInput {
        drawdown_bps: number(facts, "drawdown-bps")?,
        slippage_loss_bps: number(facts, "slippage-loss-bps")?,
        fuel_p99_bps: number(facts, "fuel-p99-bps")?,
    })
}

/// The back ends on which the replay matched the journal.
fn back_ends(facts: &Value) -> Vec<String> {
    let all = facts.get("back-ends").and_then(Value::as_array);
    let identical = |back_end: &&Value| back_end.get("identical") == Some(&Value::Bool(true));
    let names = all.into_iter().flatten().filter(identical);
    names.map(|back_end| text(back_end, "back-end")).collect()
}

fn text(facts: &Value, field: &str) -> String {
    let found = facts.get(field).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

/// A number in the facts, where large numbers are texts. A number too large for an input becomes [`NUMBER_MAX`]; a
/// negative number is missing.
fn number(facts: &Value, field: &str) -> Option<u64> {
    let found = facts.get(field)?;
    let wide: i128 = match found {
        Value::Number(number) => number.as_u64()?.into(),
        Value::String(text) => text.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    // Too large becomes the maximum, never a smaller number: a policy's upper bound must fail on it.
    u64::try_from(wide).ok().map_or_else(
        || (wide > 0).then_some(NUMBER_MAX),
        |number| Some(number.min(NUMBER_MAX)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fact_is_a_number_or_not_there() {
        for (value, expected) in [
            (json!(5), Some(5)),
            (json!("5"), Some(5)),
            (json!(i128::MAX.to_string()), Some(NUMBER_MAX)),
            (json!(u64::MAX), Some(NUMBER_MAX)),
            (json!("-1"), None),
            (json!(-1), None),
            (json!(0.5), None),
            (json!("five"), None),
            (json!(null), None),
        ] {
            assert_eq!(number(&json!({ "x": value }), "x"), expected, "{value}");
        }
        assert_eq!(number(&json!({}), "x"), None);
    }

    #[test]
    fn only_back_ends_that_agree_count() {
        let facts = json!({ "back-ends": [
            { "back-end": "cranelift", "identical": true },
            { "back-end": "pulley", "identical": false },
        ]});
        assert_eq!(back_ends(&facts), ["cranelift"]);
        assert_eq!(back_ends(&json!({})), Vec::<String>::new());
    }
}
