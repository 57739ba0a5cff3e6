//! Changes that take more than one signature: proposed by one principal, signed by others, and applied by
//! the last signature needed. It must never count a signature whose key or role is gone.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::time::UnixNanos;

use super::LedgerState;
use crate::act::{Act, ApprovalClass, BudgetHolder};
use crate::id::Id;
use crate::registry::RecordRef;
use crate::rule::{Denial, Rule};

/// How long a proposal waits for signatures, in nanoseconds: 14 days, so that a forgotten proposal is not
/// completed by mistake.
pub const CHANGE_NANOS_MAX: i64 = 14 * 86_400 * 1_000_000_000;

/// How a proposal ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChangeEnd {
    /// The last signature needed applied it.
    Done,
    /// It was withdrawn, for this reason.
    Withdrawn(String),
}

/// A proposed change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProposedChange {
    pub act: Act,
    /// Who proposed it.
    pub record_ref: RecordRef,
    /// Who signed it, and the member whose vote it was.
    pub signed: BTreeMap<Id, (Id, RecordRef)>,
    pub ended: Option<(ChangeEnd, RecordRef)>,
    /// The ledger's clock when it was proposed.
    pub clock: Option<UnixNanos>,
}

impl ProposedChange {
    /// When the proposal expires.
    #[must_use]
    pub const fn until(&self) -> UnixNanos {
        UnixNanos(self.record_ref.time.0.saturating_add(CHANGE_NANOS_MAX))
    }

    /// Whether it waits for signatures at this time, at this point of the ledger.
    #[must_use]
    pub fn waits(&self, time: UnixNanos) -> bool {
        self.ended.is_none() && time < self.until()
    }
}

impl LedgerState {
    /// The principals whom an act is about, who may not vote on it.
    pub(super) fn about<'a>(&'a self, act: &'a Act) -> Vec<&'a Id> {
        // No wildcard: a new act must name the principals whom it is about, or its beneficiary could sign it.
        let payer = match act {
            Act::RolesSet { id, .. } => return vec![id],
            Act::ExceptionGrant(exception) => return vec![&exception.owner],
            Act::KillLift { killed, .. } => {
                let killed = self.kills.get(killed);
                return killed.map(|kill| &kill.record_ref.by).into_iter().collect();
            }
            Act::BudgetSet(budget) => &budget.of,
            Act::BudgetExcess { of, .. } => of,
            Act::Genesis { .. }
            | Act::PrincipalAdd { .. }
            | Act::KeyAdd { .. }
            | Act::KeyRotate { .. }
            | Act::KeyRevoke { .. }
            | Act::LogHolder { .. }
            | Act::LogRotate { .. }
            | Act::SetupEnd {}
            | Act::ClockReset { .. }
            | Act::ClassSet(_)
            | Act::Delegate(_)
            | Act::DelegateEnd { .. }
            | Act::ChangePropose { .. }
            | Act::ChangeApprove { .. }
            | Act::ChangeWithdraw { .. }
            | Act::ComponentSubmit { .. }
            | Act::ComponentValidate { .. }
            | Act::ComponentApprove { .. }
            | Act::ComponentPromote { .. }
            | Act::ComponentArchive { .. }
            | Act::LimitsSet { .. }
            | Act::StartAuthorize(_)
            | Act::StartWithdraw { .. }
            | Act::RunStart(_)
            | Act::RunResume(_)
            | Act::RunsAnchor { .. }
            | Act::RunEnd(_)
            | Act::Kill { .. }
            | Act::TeamSet { .. }
            | Act::Usage(_)
            | Act::PolicySet { .. }
            | Act::Verdict(_)
            | Act::ExceptionEnd { .. }
            | Act::BreakGlassOpen(_)
            | Act::Emergency { .. }
            | Act::BreakGlassClose { .. }
            | Act::Retrospective { .. }
            | Act::Drift(_)
            | Act::DriftEnd { .. }
            | Act::Refused(_) => return Vec::new(),
        };
        match payer {
            BudgetHolder::Owner(owner) => vec![owner],
            BudgetHolder::Team(team) => self.books.teams.get(team).into_iter().flatten().collect(),
        }
    }

    /// Every proposed change, by its record.
    #[must_use]
    pub const fn changes(&self) -> &BTreeMap<u64, ProposedChange> {
        &self.changes
    }

    /// The change of this record, if it still waits for signatures.
    pub(super) fn waiting(
        &self,
        proposed: u64,
        time: UnixNanos,
    ) -> Result<&ProposedChange, Denial> {
        let Some(change) = self.changes.get(&proposed) else {
            let why = format!("record {proposed} is not a proposed change");
            let hint = "counterfoil change list shows the open ones";
            return Err(Denial::new(Rule::ChangeUnknown, why, hint));
        };
        if change.waits(time) {
            return Ok(change);
        }
        let what = match &change.ended {
            Some((ChangeEnd::Done, record_ref)) => {
                format!("was done in record {}", record_ref.index)
            }
            Some((ChangeEnd::Withdrawn(why), record_ref)) => {
                format!("was withdrawn by {} ({why})", record_ref.by)
            }
            None => "expired".to_owned(),
        };
        let why = format!("the change of record {proposed} {what}");
        Err(Denial::new(Rule::ChangeOver, why, "propose it again"))
    }

    /// The votes for a change that count now: the signer's key is still valid, and the member still
    /// belongs to the class.
    pub(super) fn tally(
        &self,
        change: &ProposedChange,
        class: ApprovalClass,
        time: UnixNanos,
    ) -> BTreeSet<Id> {
        // Both as of now: a vote whose member has left the class, or whose key was revoked, must not help to
        // complete the change.
        let counts = |(vote, record_ref): &&(Id, RecordRef)| {
            let key = self.keys.get(&record_ref.key);
            self.belongs(class, vote) && key.is_some_and(|key| key.counts(time))
        };
        let all = change.signed.values().filter(counts);
        all.map(|(vote, _)| vote.clone()).collect()
    }

    /// The member whose vote a signature under a change is, and whether it completes the change.
    pub(super) fn sign_change(
        &self,
        change: &ProposedChange,
        id: &Id,
        time: UnixNanos,
    ) -> Result<(Id, bool), Denial> {
        let name = change.act.name();
        let Some(class) = change.act.class() else {
            let why = format!("{name} does not take signatures by others");
            let hint = "do it directly, without a proposal";
            return Err(Denial::new(Rule::ChangeKind, why, hint));
        };
        // Counted at every signature: a vote whose key was revoked while the proposal waited is gone, and its
        // member may vote again with a new key.
        let used = self.tally(change, class, time);
        let mut excluded = vec![&change.record_ref.by];
        excluded.extend(self.about(&change.act));
        let own = change.signed.get(id);
        if own.is_some_and(|(vote, _)| used.contains(vote)) {
            let why = format!("{id} has already signed this change");
            excluded.push(id);
            let who = self.who_signs(class, time, &excluded);
            return Err(Denial::new(Rule::ChangeRepeated, why, who));
        }
        let vote = self.vote(class, time, id, &excluded, &used)?;
        let votes = u64::try_from(used.len()).unwrap_or(u64::MAX);
        // The number that the class takes now: if the class was set to more signatures since the proposal,
        // more are needed.
        let complete = votes.saturating_add(1) >= self.class(class).approvals;
        Ok((vote, complete))
    }
}
