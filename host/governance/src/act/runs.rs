//! What acts on runs speak of: what may be started, what was started, what stops it, and what it
//! uses. Whether a run may start must never be known here.

use std::collections::BTreeSet;

use counterfoil_trading::time::UnixNanos;

use super::codec::CborItem as _;
use super::registry::DigestSet;
use crate::id::Id;
use counterfoil_base::digest::Digest;

/// What runs, for whom, where, and under what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunTerms {
    /// Whose run it is: its use counts against their budget.
    pub owner: Id,
    /// What it runs, under what.
    pub set: DigestSet,
    pub account: Id,
    pub market: String,
    pub timeframe: String,
    pub parameters: Digest,
    /// The limits of the account.
    pub limits: Digest,
}

impl RunTerms {
    fn named(&self) -> [(&'static str, String); 6] {
        [
            ("owner", self.owner.to_string()),
            ("account", self.account.to_string()),
            ("market", self.market.clone()),
            ("timeframe", self.timeframe.clone()),
            ("parameters", self.parameters.to_string()),
            ("account's limits", self.limits.to_string()),
        ]
    }

    /// What differs from `other`, with both values; empty if nothing does.
    #[must_use]
    pub fn changes(&self, other: &Self) -> String {
        let pairs = self.named().into_iter().zip(other.named());
        let changed = pairs.filter(|((_, old), (_, new))| old != new);
        let told = changed.map(|((name, old), (_, new))| format!("{name} was {old}, is {new}"));
        let set = Some(self.set.changes(&other.set)).filter(|told| !told.is_empty());
        told.chain(set).collect::<Vec<_>>().join("; ")
    }
}

/// That runs on these terms may start within a window of time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StartAuthorization {
    pub terms: RunTerms,
    /// From when on.
    pub not_before: UnixNanos,
    /// Until when, exclusive.
    pub not_after: UnixNanos,
}

impl StartAuthorization {
    /// The digest over its CBOR form: the subject of a verdict on starts under it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut out = Vec::new();
        self.put(&mut out);
        Digest::of(&out)
    }
}

/// The digest of an account's id: the subject of a verdict on its limits.
#[must_use]
pub fn account_digest(account: &Id) -> Digest {
    Digest::of(account.as_str().as_bytes())
}

/// The start of one run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunStart {
    /// The run id.
    pub run: Digest,
    /// The entry that authorizes it.
    pub authorized: u64,
    /// Its terms, as the runner found them.
    pub terms: RunTerms,
}

/// The end of one run, and the last checkpoint of its journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunEnd {
    /// The run id.
    pub run: Digest,
    pub execution: u64,
    /// How many entries the journal holds.
    pub tree_size: u64,
    /// Its root hash.
    pub root: Digest,
    pub decisions: Digest,
    /// Why it ended.
    pub reason: String,
}

/// What a kill switch stops.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KillScope {
    Run(Digest),
    /// Every run of an account.
    Account(Id),
    /// Every run.
    Installation,
}

/// Whom a budget is for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum BudgetHolder {
    Owner(Id),
    /// All owners of a team together.
    Team(Id),
}

impl core::fmt::Display for BudgetHolder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Owner(id) => write!(f, "owner {id}"),
            Self::Team(id) => write!(f, "team {id}"),
        }
    }
}

/// What somebody may use. A day is one of UTC.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsageBudget {
    /// Whose budget it is.
    pub of: BudgetHolder,
    /// Fuel a day.
    pub fuel: u64,
    /// How many runs at once.
    pub runs: u64,
    /// How many bytes may be stored.
    pub bytes: u64,
    /// Wall time a day, in nanoseconds.
    pub wall_nanos: u64,
}

/// What a run used since its last record of use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Usage {
    /// The run id.
    pub run: Digest,
    /// Whose run it is.
    pub owner: Id,
    /// What it is counted under.
    pub tags: BTreeSet<String>,
    /// Fuel since then.
    pub fuel: u64,
    /// Wall time since then, in nanoseconds.
    pub wall_nanos: u64,
    /// How many bytes it holds in storage now.
    pub bytes: u64,
}
