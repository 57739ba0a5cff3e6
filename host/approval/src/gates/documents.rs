//! What a gate is told, from the ledger's state and the evidence that it names. Nothing here is
//! anybody's word but a record's or a signed attestation's.

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

/// The largest number of an input: readers of JSON agree on those below 2^53.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Why a gate cannot be told what it must know.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The ledger knows no such component.
    #[error("{}: {}", .0.rule, .0.why)]
    Unknown(Denial),
    /// The record authorizes nothing.
    #[error("record {entry} authorizes no start")]
    Unauthorized {
        /// The record.
        entry: u64,
    },
    /// A piece of evidence is not there as it was recorded.
    #[error(transparent)]
    Store(#[from] EvidenceStoreError),
    /// A piece of evidence does not hold.
    #[error("the evidence {digest} does not hold: {source}")]
    Piece { digest: Digest, source: PieceError },
}

/// What the gate of promotion is told of a component under a digest set.
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
    let approved = component.approvals.iter().filter(|one| one.set == *set);
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
            approvers: approved.map(|one| one.vote.to_string()).collect(),
        },
        evidence: evidence(&pieces),
        exceptions: exceptions(state),
    })
}

/// What the gate of starts is told of the starts that the record `entry` authorizes.
///
/// # Errors
///
/// Returns [`DocumentError`] if it authorizes none, or its component is not registered.
pub fn start(state: &LedgerState, entry: u64, now: UnixNanos) -> Result<StartInput, DocumentError> {
    let authorized = state.authorizations().get(&entry);
    let authorized = authorized.ok_or(DocumentError::Unauthorized { entry })?;
    let (authorization, terms) = (&authorized.authorization, &authorized.authorization.terms);
    let component = state.registry().component(&terms.set.component);
    let component = component.map_err(DocumentError::Unknown)?;
    let mut promoted = component.promotions.iter().rev().map(|one| one.set);
    let last = promoted.clone().next();
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
        limits_in_force: state.limits().get(&terms.account).map(|one| one.limits),
        policy_in_force: state.policy(),
        retrospectives_owed: owed(state),
        kills: kills(state, &terms.account),
        exceptions: exceptions(state),
    })
}

/// Every break-glass without a retrospective, those that are still open too.
fn owed(state: &LedgerState) -> Vec<RetrospectiveInput> {
    let unsigned = state
        .broken()
        .iter()
        .filter(|(_, one)| one.retrospective.is_none());
    let told = unsigned.map(|(entry, one)| RetrospectiveInput {
        entry: *entry,
        opened_by: one.record_ref.by.to_string(),
    });
    told.collect()
}

/// The kill switches that stop every run of an account. One on a single run stops no other.
fn kills(state: &LedgerState, account: &Id) -> Vec<KillInput> {
    let scope = |scope: &KillScope| match scope {
        KillScope::Run(_) => None,
        KillScope::Account(of) => (of == account).then_some("account"),
        KillScope::Installation => Some("installation"),
    };
    let on = state.kills().iter().filter(|(_, one)| one.lifted.is_none());
    let told = on.filter_map(|(entry, one)| {
        Some(KillInput {
            entry: *entry,
            scope: scope(&one.scope)?.to_owned(),
            reason: one.reason.clone(),
        })
    });
    told.collect()
}

/// What the gate of limits is told of an account.
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

/// Every exception of the ledger; one that was ended before its time ended then.
fn exceptions(state: &LedgerState) -> Vec<ExceptionInput> {
    let one = |(entry, granted): (&u64, &counterfoil_governance::state::ExceptionRecord)| {
        let exception = &granted.exception;
        let ended = granted
            .ended
            .as_ref()
            .map(|(_, record_ref)| record_ref.time);
        let until = ended.map_or(exception.until, |ended| ended.min(exception.until));
        let (component, account) = match &exception.subject {
            ExceptionSubject::Component(one) => (Some(*one), None),
            ExceptionSubject::Account(one) => (None, Some(one.to_string())),
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
    state.exceptions().iter().map(one).collect()
}

/// A piece of evidence, and whether it counts for this component now.
struct Counted {
    piece: EvidenceAttestation,
    passed: bool,
}

type Pieces = BTreeMap<EvidenceKind, Counted>;

/// The pieces that the component was validated by.
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
        let passed = objection.is_none() && piece.kind == *kind;
        found.insert(*kind, Counted { piece, passed });
    }
    Ok(found)
}

fn evidence(pieces: &Pieces) -> input::EvidenceInput {
    let get = |kind| pieces.get(&kind);
    input::EvidenceInput {
        admission: get(EvidenceKind::Admission).map(|one| AdmissionInput { passed: one.passed }),
        unit_tests: get(EvidenceKind::UnitTests).map(|one| UnitTestsInput {
            passed: one.passed,
            by: one.piece.by.to_string(),
        }),
        snapshot_quality: get(EvidenceKind::SnapshotQuality).map(|one| SnapshotQualityInput {
            snapshot: text(&one.piece.facts, "snapshot"),
            accepted: one.passed,
            quarantined: number(&one.piece.facts, "quarantined").unwrap_or(NUMBER_MAX),
        }),
        replay: get(EvidenceKind::Replay).map(|one| ReplayInput {
            run: text(&one.piece.facts, "run-id"),
            identical: one.passed,
            back_ends: back_ends(&one.piece.facts),
        }),
        no_look_ahead: get(EvidenceKind::NoLookAhead)
            .map(|one| LookAheadInput { passed: one.passed }),
        thresholds: get(EvidenceKind::Thresholds).and_then(thresholds),
    }
}

/// What was measured, whatever the checker's own thresholds were; nothing if it does not count.
fn thresholds(one: &Counted) -> Option<ThresholdsInput> {
    let facts = &one.piece.facts;
    one.passed.then_some(())?;
    Some(ThresholdsInput {
        drawdown_bps: number(facts, "drawdown-bps")?,
        slippage_loss_bps: number(facts, "slippage-loss-bps")?,
        fuel_p99_bps: number(facts, "fuel-p99-bps")?,
    })
}

/// The back ends on which the run came out as recorded.
fn back_ends(facts: &Value) -> Vec<String> {
    let all = facts.get("back-ends").and_then(Value::as_array);
    let identical = |one: &&Value| one.get("identical") == Some(&Value::Bool(true));
    let names = all.into_iter().flatten().filter(identical);
    names.map(|one| text(one, "back-end")).collect()
}

fn text(facts: &Value, field: &str) -> String {
    let found = facts.get(field).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

/// A number of the facts, which hold large ones as texts; one that is too large for an input is
/// the largest there is, and none below zero.
fn number(facts: &Value, field: &str) -> Option<u64> {
    let found = facts.get(field)?;
    let wide: i128 = match found {
        Value::Number(number) => number.as_u64()?.into(),
        Value::String(text) => text.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
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
