//! What the registry knows of components and runs: stages, approvals, and the answers that follow
//! from them. It must never change anything but by an act that was judged.

use std::collections::BTreeMap;

use counterfoil_trading::time::UnixNanos;

use crate::act::{DigestSet, Evidence, Provenance, RunEnd, RunStart};
use crate::id::Id;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;

/// Where a component stands on its only way.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// Submitted.
    Draft,
    /// The evidence is complete.
    Validated,
    /// It was promoted under a digest set that was approved.
    Approved,
    /// Out of use: it can be replayed, never started.
    Archived,
}

impl Stage {
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

/// Who did something, when, and which record says so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deed {
    /// Who.
    pub by: Id,
    /// With which key.
    pub key: PublicKey,
    /// When.
    pub time: UnixNanos,
    /// The ledger's entry.
    pub index: u64,
}

/// An approval of one digest set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Approval {
    /// What was approved.
    pub set: DigestSet,
    /// The signature in the approval's envelope.
    pub signature: [u8; 64],
    /// For whom: who approved it, or whoever delegated to them.
    pub voice: Id,
    /// Who approved it.
    pub deed: Deed,
}

/// That a component became approved under one digest set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Promotion {
    /// Under which.
    pub set: DigestSet,
    /// The entry with the verdict that passed it.
    pub verdict: u64,
    /// Who promoted it.
    pub deed: Deed,
}

/// A registered component.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Component {
    /// The strategy that it is a version of.
    pub strategy: Id,
    /// What it was made from.
    pub provenance: Provenance,
    /// Who submitted it: its author.
    pub submitted: Deed,
    /// Where it stands.
    pub stage: Stage,
    /// Its evidence, and who validated it.
    pub validated: Option<(Evidence, Deed)>,
    /// Its approvals, the oldest first.
    pub approvals: Vec<Approval>,
    /// The sets under which it was promoted, the oldest first.
    pub promotions: Vec<Promotion>,
    /// Who took it out of use, and why.
    pub archived: Option<(String, Deed)>,
}

/// A run that was started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Started {
    /// What was started.
    pub start: RunStart,
    /// Who started it.
    pub deed: Deed,
    /// How it ended, and who says so.
    pub ended: Option<(RunEnd, Deed)>,
}

/// Components and runs, as the records of the ledger say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Registry {
    pub(crate) components: BTreeMap<Digest, Component>,
    pub(crate) runs: BTreeMap<Digest, Started>,
}

impl Registry {
    /// Every component, by digest.
    #[must_use]
    pub const fn components(&self) -> &BTreeMap<Digest, Component> {
        &self.components
    }

    /// Every run that was started, by run id.
    #[must_use]
    pub const fn runs(&self) -> &BTreeMap<Digest, Started> {
        &self.runs
    }

    /// The component with this digest.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] of whoever needs it.
    pub fn component(&self, digest: &Digest) -> Result<&Component, Denial> {
        self.components.get(digest).ok_or_else(|| {
            let why = format!("component {digest} is not registered");
            Denial::new(Rule::ComponentUnknown, why, "an author submits it first")
        })
    }

    /// The component, if it stands at `stage`.
    pub(crate) fn at(&self, digest: &Digest, stages: &[Stage]) -> Result<&Component, Denial> {
        let component = self.component(digest)?;
        if stages.contains(&component.stage) {
            return Ok(component);
        }
        let names: Vec<_> = stages.iter().map(|stage| stage.name()).collect();
        let (found, names) = (component.stage.name(), names.join(" or "));
        let why = format!("component {digest} is {found}, and the act needs it to be {names}");
        let way = match component.stage {
            Stage::Draft => "a reviewer validates it next: counterfoil component review",
            Stage::Validated => {
                "it is approved next, and then promoted: counterfoil component approve"
            }
            Stage::Approved => {
                "it is started or archived next: counterfoil account authorization grant, counterfoil component \
                 archive"
            }
            Stage::Archived => "nothing comes after that: submit a new version",
        };
        Err(Denial::new(Rule::StageOrder, why, way))
    }

    /// The promotion under which this set may start.
    ///
    /// # Errors
    ///
    /// Returns a [`Denial`] if there is none; if another set was approved, it names what changed.
    pub fn may_start(&self, set: &DigestSet) -> Result<&Promotion, Denial> {
        let component = self.component(&set.component)?;
        if component.stage == Stage::Archived {
            let why = format!(
                "component {} is archived: it can be replayed, never started",
                set.component
            );
            let way = "start an approved component of the same strategy";
            return Err(Denial::new(Rule::StageOrder, why, way));
        }
        let Some(last) = component.promotions.last() else {
            let found = component.stage.name();
            let why = format!("component {} is {found}, not approved", set.component);
            let way = "this digest set is approved and promoted first";
            return Err(Denial::new(Rule::ApprovalMissing, why, way));
        };
        let fits = |one: &&Promotion| one.set == *set;
        component.promotions.iter().rev().find(fits).ok_or_else(|| {
            let why = format!("the approval is for another set: {}", last.set.changes(set));
            let way = "start what was approved, or have this set approved and promoted";
            Denial::new(Rule::ApprovalChanged, why, way)
        })
    }

    /// Whether the component may be replayed: whatever is registered may, whatever its stage.
    ///
    /// # Errors
    ///
    /// Returns a [`Denial`] if it is not registered.
    pub fn may_replay(&self, component: &Digest) -> Result<(), Denial> {
        self.component(component).map(|_| ())
    }

    /// Which runs used this component, by run id.
    pub fn runs_of(&self, component: &Digest) -> impl Iterator<Item = &Started> {
        let component = *component;
        let used = move |one: &&Started| one.start.terms.set.component == component;
        self.runs.values().filter(used)
    }

    /// The runs that have not ended.
    pub fn open_runs(&self) -> impl Iterator<Item = &Started> {
        self.runs.values().filter(|one| one.ended.is_none())
    }

    /// Who approved what this run was started with, the oldest approval first.
    pub fn who_approved(&self, run: &Digest) -> impl Iterator<Item = &Approval> {
        let set = self.runs.get(run).map(|started| started.start.terms.set);
        let component = set.and_then(|set| self.components.get(&set.component));
        let all = component.map(|one| one.approvals.as_slice());
        let fits = move |one: &&Approval| Some(one.set) == set;
        all.unwrap_or_default().iter().filter(fits)
    }

    /// What to go back to from this component: the promotion before its first one, of another
    /// component of the same strategy that is still approved.
    #[must_use]
    pub fn rollback(&self, component: &Digest) -> Option<&Promotion> {
        let from = self.components.get(component)?;
        let first = from.promotions.first()?.deed.index;
        let others = self.components.iter().filter(|(digest, other)| {
            *digest != component
                && other.strategy == from.strategy
                && other.stage == Stage::Approved
        });
        let promotions = others.flat_map(|(_, other)| &other.promotions);
        let before = promotions.filter(|promotion| promotion.deed.index < first);
        before.max_by_key(|promotion| promotion.deed.index)
    }
}
