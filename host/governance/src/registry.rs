//! Registered components and runs: stages, approvals and promotions. It must never change except by an act
//! that was judged.

use std::collections::BTreeMap;

use counterfoil_trading::time::UnixNanos;

use crate::act::{DigestSet, EvidenceSet, Provenance, RunAnchor, RunEnd, RunResume, RunStart};
use crate::id::Id;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;

/// The stage of a component; it only moves forward.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ComponentStage {
    /// Submitted.
    Draft,
    /// Its evidence is complete.
    Validated,
    /// It was promoted under an approved digest set.
    Approved,
    /// Out of use: it can be replayed, never started.
    Archived,
}

impl ComponentStage {
    /// The name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Validated => "validated",
            Self::Approved => "approved",
            Self::Archived => "archived",
        }
    }
}

/// Who did an act, with which key, when, and in which record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordRef {
    pub by: Id,
    pub key: PublicKey,
    pub time: UnixNanos,
    /// The record's index.
    pub index: u64,
}

/// An approval of one digest set as recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApprovalRecord {
    /// What was approved.
    pub set: DigestSet,
    /// The signature in the approval's envelope.
    pub signature: [u8; 64],
    /// The class member whose vote it is: the approver, or the member who delegated to them.
    pub vote: Id,
    /// Who approved it.
    pub record_ref: RecordRef,
}

/// A promotion of a component under one digest set as recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PromotionRecord {
    pub set: DigestSet,
    /// The record of the verdict that passed it.
    pub verdict: u64,
    /// Who promoted it.
    pub record_ref: RecordRef,
}

/// A registered component.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegisteredComponent {
    /// The strategy that it is a version of.
    pub strategy: Id,
    pub provenance: Provenance,
    /// Who submitted it: its author.
    pub submitted: RecordRef,
    pub stage: ComponentStage,
    pub validated: Option<(EvidenceSet, RecordRef)>,
    /// Its approvals, the oldest first.
    pub approvals: Vec<ApprovalRecord>,
    /// Its promotions, the oldest first.
    pub promotions: Vec<PromotionRecord>,
    /// Why and by whom it was taken out of use.
    pub archived: Option<(String, RecordRef)>,
}

/// A run that was started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegisteredRun {
    pub start: RunStart,
    /// Who started it.
    pub record_ref: RecordRef,
    /// Each time it went on, the oldest first.
    pub resumed: Vec<(RunResume, RecordRef)>,
    /// What its logs held, the oldest first.
    pub anchors: Vec<(RunAnchor, RecordRef)>,
    /// How it ended.
    pub ended: Option<(RunEnd, RecordRef)>,
}

impl RegisteredRun {
    /// Whether it ended before it wrote anything.
    #[must_use]
    pub fn has_no_logs(&self) -> bool {
        let end = self.ended.as_ref();
        end.is_some_and(|(end, _)| end.journal.size == 0)
    }
}

/// The components and runs of a ledger.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ComponentRegistry {
    pub(crate) components: BTreeMap<Digest, RegisteredComponent>,
    pub(crate) runs: BTreeMap<Digest, RegisteredRun>,
}

impl ComponentRegistry {
    /// Every component, by digest.
    #[must_use]
    pub const fn components(&self) -> &BTreeMap<Digest, RegisteredComponent> {
        &self.components
    }

    /// Every run that was started, by run id.
    #[must_use]
    pub const fn runs(&self) -> &BTreeMap<Digest, RegisteredRun> {
        &self.runs
    }

    /// The component with this digest.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] `component.unknown` if it is not registered.
    pub fn component(&self, digest: &Digest) -> Result<&RegisteredComponent, Denial> {
        self.components.get(digest).ok_or_else(|| {
            let why = format!("component {digest} is not registered");
            Denial::new(Rule::ComponentUnknown, why, "an author submits it first")
        })
    }

    /// The component, if it is in one of the stages.
    pub(crate) fn at(
        &self,
        digest: &Digest,
        stages: &[ComponentStage],
    ) -> Result<&RegisteredComponent, Denial> {
        let component = self.component(digest)?;
        if stages.contains(&component.stage) {
            return Ok(component);
        }
        let names: Vec<_> = stages.iter().map(|stage| stage.name()).collect();
        let (found, names) = (component.stage.name(), names.join(" or "));
        let why =
            format!("component {digest} is in stage {found}, and the act needs stage {names}");
        let hint = match component.stage {
            ComponentStage::Draft => "a reviewer validates it next: counterfoil component review",
            ComponentStage::Validated => {
                "it is approved next, and then promoted: counterfoil component approve"
            }
            ComponentStage::Approved => {
                "it is started or archived next: counterfoil account authorization grant, counterfoil component \
                 archive"
            }
            ComponentStage::Archived => {
                "an archived component stays archived: submit a new version"
            }
        };
        Err(Denial::new(Rule::StageOrder, why, hint))
    }

    /// The promotion under which this set may start.
    ///
    /// # Errors
    ///
    /// Returns a [`Denial`] if there is none. If another set was approved, it names the difference.
    pub fn may_start(&self, set: &DigestSet) -> Result<&PromotionRecord, Denial> {
        let component = self.component(&set.component)?;
        // The promotions of an archived component stay on record. Without this check it could start again
        // under the last of them.
        if component.stage == ComponentStage::Archived {
            let why = format!(
                "component {} is archived: it can be replayed, never started",
                set.component
            );
            let hint = "start an approved component of the same strategy";
            return Err(Denial::new(Rule::StageOrder, why, hint));
        }
        let Some(last) = component.promotions.last() else {
            let found = component.stage.name();
            let why = format!("component {} is {found}, not approved", set.component);
            let hint = "have this digest set approved and promoted first";
            return Err(Denial::new(Rule::ApprovalMissing, why, hint));
        };
        // Any promoted set may start, not only the last: a rollback under the same policy needs no new approval.
        let fits = |promotion: &&PromotionRecord| promotion.set == *set;
        component.promotions.iter().rev().find(fits).ok_or_else(|| {
            let why = format!("the approval is for another set: {}", last.set.changes(set));
            let hint = "start what was approved, or have this set approved and promoted";
            Denial::new(Rule::ApprovalChanged, why, hint)
        })
    }

    /// Checks that the component may be replayed: it must be registered, at any stage.
    ///
    /// # Errors
    ///
    /// Returns a [`Denial`] if it is not registered.
    pub fn may_replay(&self, component: &Digest) -> Result<(), Denial> {
        self.component(component).map(|_| ())
    }

    /// The runs that used this component, by run id.
    pub fn runs_of(&self, component: &Digest) -> impl Iterator<Item = &RegisteredRun> {
        let component = *component;
        let used = move |run: &&RegisteredRun| run.start.terms.set.component == component;
        self.runs.values().filter(used)
    }

    /// The runs that have not ended.
    pub fn open_runs(&self) -> impl Iterator<Item = &RegisteredRun> {
        self.runs.values().filter(|run| run.ended.is_none())
    }

    /// Who approved what this run was started with, the oldest approval first.
    pub fn who_approved(&self, run: &Digest) -> impl Iterator<Item = &ApprovalRecord> {
        let set = self.runs.get(run).map(|started| started.start.terms.set);
        let component = set.and_then(|set| self.components.get(&set.component));
        let all = component.map(|registered| registered.approvals.as_slice());
        let fits = move |approval: &&ApprovalRecord| Some(approval.set) == set;
        all.unwrap_or_default().iter().filter(fits)
    }

    /// What to roll back to from this component: the promotion before its first one, of another
    /// component of the same strategy that is still approved.
    #[must_use]
    pub fn rollback(&self, component: &Digest) -> Option<&PromotionRecord> {
        let from = self.components.get(component)?;
        // Its first promotion: a second one, say under new limits, must not make a later component its
        // predecessor.
        let first = from.promotions.first()?.record_ref.index;
        let others = self.components.iter().filter(|(digest, other)| {
            *digest != component
                && other.strategy == from.strategy
                && other.stage == ComponentStage::Approved
        });
        let promotions = others.flat_map(|(_, other)| &other.promotions);
        let before = promotions.filter(|promotion| promotion.record_ref.index < first);
        before.max_by_key(|promotion| promotion.record_ref.index)
    }
}
