//! Contents of acts on runs: terms, authorizations, starts, ends, kill switches and budgets. Whether a run
//! may start must never be known here.

use std::collections::BTreeSet;

use counterfoil_trading::time::UnixNanos;

use super::codec::CborItem as _;
use super::registry::DigestSet;
use crate::id::Id;
use counterfoil_base::digest::Digest;
use counterfoil_journal::consistency::TreeHead;
use counterfoil_journal::hash::Hash;

/// The terms of a run: what runs, for whom, on which account and market, under which limits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunTerms {
    /// The owner, whose budget the run's usage counts against.
    pub owner: Id,
    /// The component, and the digests it was approved under.
    pub set: DigestSet,
    pub account: Id,
    pub market: String,
    pub timeframe: String,
    pub parameters: Digest,
    /// The account's limits.
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
        let texts = changed.map(|((name, old), (_, new))| format!("{name} was {old}, is {new}"));
        let set = Some(self.set.changes(&other.set)).filter(|text| !text.is_empty());
        texts.chain(set).collect::<Vec<_>>().join("; ")
    }
}

/// Authorizes runs on these terms to start within a window of time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StartAuthorization {
    pub terms: RunTerms,
    /// Start of the window, inclusive.
    pub not_before: UnixNanos,
    /// End of the window, exclusive.
    pub not_after: UnixNanos,
}

impl StartAuthorization {
    /// The digest over its CBOR form: the subject of a verdict on starts under it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // The window is part of it: a verdict on a start this week does not pass the same terms next week.
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
    /// The record that authorizes it.
    pub authorized: u64,
    /// Its terms, as the runner derived them from the manifest.
    pub terms: RunTerms,
    /// The leaf hash of its journal's entry 0, which is made before this act and written after it: a journal that
    /// begins with anything else is not this run's.
    pub entry_0: Hash,
}

/// What the logs of an open run hold at this time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunAnchor {
    /// The run id.
    pub run: Digest,
    pub execution: u64,
    /// The signed entries of its journal.
    pub journal: TreeHead,
    /// The signed entries of its order log.
    pub orders: TreeHead,
}

/// The reason of an end before entry 0 was written.
pub const NOT_STARTED: &str = "not-started";

/// Runs in one `runs-anchor`: so many fit into an entry of 65,535 bytes.
pub const ANCHORS_MAX: usize = 400;

/// A process goes on with a run after the one before it ended without a closing record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunResume {
    /// The run id.
    pub run: Digest,
    pub execution: u64,
    /// The signed entries of its journal.
    pub journal: TreeHead,
    /// The signed entries of its order log.
    pub orders: TreeHead,
    /// Who asked; `None` where a process resumed what it found open at its start.
    pub asked_by: Option<Id>,
}

/// The end of one run, and what its logs hold: no entry can be added to or removed from them without
/// contradicting the ledger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunEnd {
    /// The run id.
    pub run: Digest,
    pub execution: u64,
    /// All entries of its journal; none where the run did not start.
    pub journal: TreeHead,
    /// All entries of its order log.
    pub orders: TreeHead,
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

/// The owner or team that a budget applies to.
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

/// A budget. Days are days of UTC.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsageBudget {
    /// Whom it applies to.
    pub of: BudgetHolder,
    /// Fuel a day.
    pub fuel: u64,
    /// Concurrent runs.
    pub runs: u64,
    /// Stored bytes.
    pub bytes: u64,
    /// Wall time a day, in nanoseconds.
    pub wall_nanos: u64,
}

/// What a run used since its previous usage record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Usage {
    /// The run id.
    pub run: Digest,
    /// The run's owner.
    pub owner: Id,
    /// Tags that reports group by.
    pub tags: BTreeSet<String>,
    /// Fuel since the previous record.
    pub fuel: u64,
    /// Wall time since the previous record, in nanoseconds.
    pub wall_nanos: u64,
    /// Bytes that it stores now.
    pub bytes: u64,
}
