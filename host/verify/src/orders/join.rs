//! The join of a journal with its order log: each token is for a plan that a signed decision has, under the limits that the
//! manifest names. It must never know how an order ended.

use std::sync::Arc;

use counterfoil_base::digest::Digest;
use counterfoil_trading::record::{PlanNote, RunRecord};
use sha2::{Digest as _, Sha256};

use super::OrderLogFacts;
use super::ranges::NumberRanges;
use crate::opened::OpenedJournal;

/// The most sentences that are kept.
const SENTENCES_MAX: usize = 8;

/// What the comparison of a journal with its order log gave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OrdersJoin {
    /// Plans that the journal has.
    pub plans: u64,
    /// Plans for which a token was spent.
    pub spent: u64,
    /// What does not agree, one sentence each.
    pub why: Vec<String>,
    pub limits: LimitsJoin,
}

/// Which limits the tokens name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LimitsJoin {
    /// The digest of the manifest's limits, as approvals and authorizations name them.
    pub manifest: Digest,
    /// Whether tokens name them without limits of the account.
    pub alone: bool,
    /// The digests of the account's limits that tokens name beside them, of those that were given.
    pub accounts: Vec<Digest>,
    /// Whether tokens name limits of the account that were not given.
    pub is_open: bool,
}

/// The digest of limits that a token names: SHA-256 over the digest of the manifest's limits and that of the account's file,
/// or 32 zero bytes where there is none.
pub(crate) fn token_limits(manifest: &Digest, account: Option<&Digest>) -> Digest {
    let account = account.copied().unwrap_or(Digest([0; 32]));
    let both = Sha256::new()
        .chain_update(manifest.bytes())
        .chain_update(account.bytes());
    Digest::finish(both)
}

/// The comparison under way.
#[derive(Debug)]
pub(crate) struct JoinCheck {
    facts: Arc<OrderLogFacts>,
    accounts: Vec<Digest>,
    manifest: Digest,
    plans: u64,
    found: NumberRanges,
    why: Vec<String>,
}

impl JoinCheck {
    /// A comparison with no plan yet; `accounts` are the digests of files with an account's limits.
    pub(crate) fn new(
        opened: &OpenedJournal,
        facts: Arc<OrderLogFacts>,
        accounts: &[Digest],
    ) -> Self {
        let mut check = Self {
            accounts: accounts.to_vec(),
            // A manifest that was parsed has a canonical form.
            manifest: opened.manifest.limits_digest().unwrap_or(Digest([0; 32])),
            plans: 0,
            found: NumberRanges::default(),
            why: Vec::new(),
            facts,
        };
        let of = check.facts.of.as_ref();
        if of.map(|of| (of.run, of.execution)) != Some((opened.run_id, opened.open.execution)) {
            check.note("the order log is of another run or execution".to_owned());
        }
        check
    }

    /// Takes the next record.
    pub(crate) fn add(&mut self, index: u64, record: &RunRecord) {
        match record {
            RunRecord::Decision(decision) => self.plans(index, &decision.circumstances.plans),
            RunRecord::MarginCall(call) => self.plans(index, &call.plans),
            RunRecord::WindDown(part) => self.plans(index, &part.plans),
            RunRecord::Open(_)
            | RunRecord::Manifest(_)
            | RunRecord::Commitments(_)
            | RunRecord::Positions(_)
            | RunRecord::Deliveries(_)
            | RunRecord::Inputs(_)
            | RunRecord::Fault(_)
            | RunRecord::Stop(_)
            | RunRecord::Close(_)
            | RunRecord::Refused(_) => {}
        }
    }

    fn plans(&mut self, index: u64, plans: &[PlanNote]) {
        for note in plans {
            self.plans = self.plans.saturating_add(1);
            let Some(spent) = self.facts.spent.get(&note.token) else {
                continue;
            };
            // Another plan under the number: what was sent is not what was decided.
            if spent.plan != note.plan {
                self.note(format!(
                    "record {index}: token {} was spent for another plan than the one decided here",
                    note.token
                ));
            }
            if !self.found.contains(note.token) {
                self.found.add(note.token);
            }
        }
    }

    fn note(&mut self, why: String) {
        if self.why.len() < SENTENCES_MAX {
            self.why.push(why);
        }
    }

    /// What it gave.
    pub(crate) fn finish(mut self) -> OrdersJoin {
        let facts = Arc::clone(&self.facts);
        // An order that no signed decision explains was sent on nobody's decision.
        let stray = facts
            .spent
            .keys()
            .find(|number| !self.found.contains(**number));
        if let Some(number) = stray {
            self.note(format!(
                "the order log spends token {number}, and no signed record of the journal has its plan"
            ));
        }
        let mut limits = LimitsJoin {
            manifest: self.manifest,
            alone: false,
            accounts: Vec::new(),
            is_open: false,
        };
        for (named, index) in &facts.limits {
            if *named == token_limits(&self.manifest, None) {
                limits.alone = true;
                // Who gives the account's limits expects that the orders were sent under them.
                if !self.accounts.is_empty() {
                    self.note(format!(
                        "record {index} of the order log: the token names the manifest's limits alone, not the file given"
                    ));
                }
                continue;
            }
            let mut accounts = self.accounts.iter();
            match accounts.find(|account| *named == token_limits(&self.manifest, Some(account))) {
                Some(account) => limits.accounts.push(*account),
                None if self.accounts.is_empty() => limits.is_open = true,
                None => self.note(format!(
                    "record {index} of the order log: the token names other limits than the manifest's with those given"
                )),
            }
        }
        OrdersJoin {
            plans: self.plans,
            spent: u64::try_from(facts.spent.len()).unwrap_or(u64::MAX),
            why: self.why,
            limits,
        }
    }
}
