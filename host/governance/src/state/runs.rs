//! Limits, authorizations and kill switches in the state. It must never stop a run itself: the runner queries
//! the state and stops its runs.

use std::collections::BTreeMap;

use super::LedgerState;
use crate::act::{KillScope, RunTerms, StartAuthorization};
use crate::id::Id;
use crate::registry::RecordRef;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;

/// The limits of an account as recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LimitsRecord {
    /// Their digest.
    pub limits: Digest,
    /// The record of the verdict that gave them.
    pub verdict: u64,
    /// Who set them.
    pub record_ref: RecordRef,
}

/// An authorization of starts as recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthorizationRecord {
    pub authorization: StartAuthorization,
    /// Who authorized it.
    pub record_ref: RecordRef,
    /// Why and by whom it was withdrawn.
    pub withdrawn: Option<(String, RecordRef)>,
}

/// A thrown kill switch as recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KillRecord {
    /// What it stops.
    pub scope: KillScope,
    pub reason: String,
    /// Who threw it.
    pub record_ref: RecordRef,
    /// Why and by whom it was lifted.
    pub lifted: Option<(String, RecordRef)>,
}

impl LedgerState {
    /// The limits of each account that has any.
    #[must_use]
    pub const fn limits(&self) -> &BTreeMap<Id, LimitsRecord> {
        &self.limits
    }

    /// Every authorization of starts, by its record.
    #[must_use]
    pub const fn authorizations(&self) -> &BTreeMap<u64, AuthorizationRecord> {
        &self.authorizations
    }

    /// Every thrown kill switch, by its record.
    #[must_use]
    pub const fn kills(&self) -> &BTreeMap<u64, KillRecord> {
        &self.kills
    }

    /// The kill switch that stops this run of this account, if one does. A runner asks before every start
    /// and keeps asking while the run is open.
    #[must_use]
    pub fn killed(&self, run: &Digest, account: &Id) -> Option<(u64, &KillRecord)> {
        let stops = |kill: &KillRecord| {
            kill.lifted.is_none()
                && match &kill.scope {
                    KillScope::Run(of) => of == run,
                    KillScope::Account(of) => of == account,
                    KillScope::Installation => true,
                }
        };
        let mut all = self.kills.iter();
        // One open switch is enough. The oldest is named, so that the reason of a stop does not change when
        // another is thrown.
        let found = all.find(|(_, kill)| stops(kill));
        found.map(|(index, kill)| (*index, kill))
    }

    /// Checks that no kill switch stops this run of this account.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] `kill.on` that names who threw the switch, and why.
    pub fn check_killed(&self, run: &Digest, account: &Id) -> Result<(), Denial> {
        let Some((index, killed)) = self.killed(run, account) else {
            return Ok(());
        };
        let (by, reason) = (&killed.record_ref.by, &killed.reason);
        let why = format!("{by} threw the kill switch in record {index}: {reason}");
        let hint = "a member of the class operations who did not throw it can lift it: \
                   counterfoil kill --lift";
        Err(Denial::new(Rule::KillOn, why, hint))
    }

    /// Checks that the account's limits are these.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] that names those in force.
    pub fn check_limits(&self, account: &Id, limits: Digest) -> Result<(), Denial> {
        let found = self.limits_of(account)?;
        if found.limits == limits {
            return Ok(());
        }
        let why = format!(
            "the limits of account {account} were {limits}, are {} since record {}",
            found.limits, found.record_ref.index
        );
        let hint = "authorize the start under the limits in force";
        Err(Denial::new(Rule::LimitsChanged, why, hint))
    }

    /// Checks that the account's limits are those in force and those that the component was approved
    /// under.
    ///
    /// # Errors
    ///
    /// Returns a [`Denial`] that names both.
    pub fn check_limits_of(&self, terms: &RunTerms) -> Result<(), Denial> {
        // Two comparisons: limits that were lowered since the authorization end it, and a component that was
        // approved under wider limits may not trade under these.
        self.check_limits(&terms.account, terms.limits)?;
        if terms.set.limits == terms.limits {
            return Ok(());
        }
        let why = format!(
            "component {} was approved under limits {}, and account {} has {}",
            terms.set.component, terms.set.limits, terms.account, terms.limits
        );
        let hint = "approve and promote it under the account's limits: \
                   counterfoil component approve COMPONENT --manifest MANIFEST";
        Err(Denial::new(Rule::LimitsUnapproved, why, hint))
    }

    /// The authorization of this record, unless it was withdrawn.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] `start.unknown` or `start.withdrawn`.
    pub fn authorized(&self, index: u64) -> Result<&AuthorizationRecord, Denial> {
        let Some(found) = self.authorizations.get(&index) else {
            let why = format!("record {index} authorizes no start");
            let hint = "an operator authorizes it: counterfoil account authorization grant";
            return Err(Denial::new(Rule::StartUnknown, why, hint));
        };
        let Some((reason, record_ref)) = &found.withdrawn else {
            return Ok(found);
        };
        let why = format!("{} withdrew the authorization: {reason}", record_ref.by);
        let hint = "an operator authorizes it again";
        Err(Denial::new(Rule::StartWithdrawn, why, hint))
    }
}
