//! Policies, verdicts and exceptions in the state, and which verdict opens a gate. It must never evaluate
//! a policy.

use counterfoil_trading::time::UnixNanos;

use super::LedgerState;
use crate::act::{DigestSet, ExceptionSubject, GateVerdict, PolicyException};
use crate::id::Id;
use crate::registry::RecordRef;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome};

/// An exception as recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExceptionRecord {
    /// What was granted.
    pub exception: PolicyException,
    /// Who granted it.
    pub record_ref: RecordRef,
    /// Why and by whom it was ended early.
    pub ended: Option<(String, RecordRef)>,
}

impl ExceptionRecord {
    /// Whether it is open at this time, at this point of the ledger.
    #[must_use]
    pub fn holds(&self, time: UnixNanos) -> bool {
        self.ended.is_none() && time < self.exception.until
    }
}

/// A verdict as recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerdictRecord {
    pub verdict: GateVerdict,
    /// The record, by the principal who asked.
    pub record_ref: RecordRef,
}

impl LedgerState {
    /// The policy bundle in force; none before the first one is set.
    #[must_use]
    pub fn policy(&self) -> Option<Digest> {
        self.policies.last().map(|(bundle, _)| *bundle)
    }

    /// Every policy bundle that was ever set, the oldest first.
    #[must_use]
    pub fn policies(&self) -> &[(Digest, RecordRef)] {
        &self.policies
    }

    /// Every verdict, by its record.
    #[must_use]
    pub const fn verdicts(&self) -> &std::collections::BTreeMap<u64, VerdictRecord> {
        &self.verdicts
    }

    /// Checks that the set was approved under the policy in force.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] that names the policy in force.
    pub fn check_policy(&self, set: &DigestSet) -> Result<(), Denial> {
        if self.policy() == Some(set.policy) {
            return Ok(());
        }
        Err(self.other_policy(set.policy))
    }

    /// The denial where another bundle than the one in force was used.
    pub(super) fn other_policy(&self, bundle: Digest) -> Denial {
        match self.policies.last() {
            None => {
                let why = "no policy is in force, and without one every gate is shut";
                let hint = "put a policy bundle in force first: counterfoil policy set";
                Denial::new(Rule::PolicyMissing, why, hint)
            }
            Some((now, record_ref)) => {
                let why = format!(
                    "policy was {bundle}, is {now} since record {} by {}",
                    record_ref.index, record_ref.by
                );
                let hint = "evaluate the policy in force, and have its subject approved again";
                Denial::new(Rule::PolicyChanged, why, hint)
            }
        }
    }

    /// Checks that every exception that was open at a verdict, for this component or account or for all,
    /// is still open: the verdict may rest on it.
    pub(super) fn check_excepted(
        &self,
        index: u64,
        time: UnixNanos,
        component: Option<&Digest>,
        account: Option<&Id>,
    ) -> Result<(), Denial> {
        let Some(verdict) = self.verdicts.get(&index) else {
            return Ok(());
        };
        let verdict_time = verdict.record_ref.time;
        let touches = |subject: &ExceptionSubject| match subject {
            ExceptionSubject::Component(digest) => Some(digest) == component,
            ExceptionSubject::Account(id) => Some(id) == account,
            ExceptionSubject::Installation => true,
        };
        // The verdict may have passed only because of the exception. Ending an exception must therefore end
        // what rests on it, not only what comes later.
        let over = self.exceptions.iter().find(|(granted, record)| {
            let ended = record
                .ended
                .as_ref()
                .map(|(_, record_ref)| record_ref.index);
            let held = **granted < index
                && verdict_time < record.exception.until
                && ended.is_none_or(|ended| ended > index);
            held && touches(&record.exception.subject) && !record.holds(time)
        });
        let Some((granted, record)) = over else {
            return Ok(());
        };
        let why = format!(
            "the exception of record {granted} to {} was open at the verdict of record {index}, and has ended",
            record.exception.rule
        );
        let hint = "evaluate the policy again and record its verdict";
        Err(Denial::new(Rule::VerdictStale, why, hint))
    }

    /// The verdict that opens a gate for a subject: the last one by the policy in force, which must pass.
    /// Verdicts that `not_by` recorded do not count.
    pub(super) fn check_verdict(
        &self,
        gate: Gate,
        subject: Digest,
        not_by: Option<&Id>,
    ) -> Result<(u64, &VerdictRecord), Denial> {
        let recorded = self.verdicts_of.get(&(gate, subject));
        // The newest first, also if it fails: an older pass must not open the gate after the policy has
        // refused the same subject.
        let all = recorded.into_iter().flatten().rev();
        let mut all = all.filter_map(|index| Some((*index, self.verdicts.get(index)?)));
        // The author's own verdicts are skipped rather than denied: they must neither open the gate nor hide
        // the verdict of another principal.
        let last = all.find(|(_, record)| {
            Some(record.verdict.bundle) == self.policy() && Some(&record.record_ref.by) != not_by
        });
        let ask = match gate {
            Gate::Promotion => "counterfoil policy eval promotion COMPONENT",
            Gate::Start => "counterfoil policy eval start RECORD",
            Gate::Limits => "counterfoil account limits set ACCOUNT",
        };
        let gate = gate.name();
        let Some((index, record)) = last else {
            let other = not_by.map_or_else(String::new, |id| {
                format!(" recorded by a principal other than {id}")
            });
            let why = format!(
                "the policy in force has no verdict at the gate {gate} for {subject}{other}"
            );
            let hint = format!("evaluate the policy and record its verdict first: {ask}");
            return Err(Denial::new(Rule::VerdictMissing, why, hint));
        };
        if record.verdict.outcome == GateOutcome::Pass {
            return Ok((index, record));
        }
        let reasons = record.verdict.reasons.iter();
        let reasons: Vec<_> = reasons
            .map(|reason| format!("{} ({})", reason.code, reason.text))
            .collect();
        let why = format!(
            "the policy failed it at the gate {gate} in record {index}: {}",
            reasons.join("; ")
        );
        let hint = format!("correct what it names and evaluate it again: {ask}");
        Err(Denial::new(Rule::VerdictFailed, why, hint))
    }
}
