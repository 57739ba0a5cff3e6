//! Access that no act of the ledger covers, decided in one place for the command line and the server. It must never
//! change the state.

use counterfoil_trading::time::UnixNanos;

use super::LedgerState;
use crate::act::ApprovalClass;
use crate::id::Id;
use crate::role::Role;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;

/// What a principal asks to do without an act that the ledger would judge.
#[derive(Clone, Copy, Debug)]
pub enum Access<'a> {
    /// Start, stop, resume and kill runs through the API.
    OperateRuns,
    /// Send bars to the feed of a run.
    SendBars,
    /// Run the automatic checks of this component and sign their findings.
    CheckComponent(&'a Digest),
    /// Lift a kill switch that the ledger has no record of.
    LiftUnrecordedKill,
}

impl LedgerState {
    /// Whether a principal may do this now.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] by the first rule that forbids it.
    pub fn check_access(&self, by: &Id, access: Access<'_>, time: UnixNanos) -> Result<(), Denial> {
        match access {
            Access::OperateRuns => {
                // Stopping needs the role as well: an auditor's token must not be able to end every run.
                if self.has_role(by, Role::Operator) {
                    return Ok(());
                }
                let why = format!("{by} has not the role operator");
                let hint = self.who(&[Role::Operator], time, &[by]);
                Err(Denial::new(Rule::RoleMissing, why, hint))
            }
            Access::SendBars => {
                // The sender of bars decides what strategies trade on: false bars do as much harm as false
                // orders.
                let roles = [Role::Operator, Role::DataEngineer];
                if roles.iter().any(|role| self.has_role(by, *role)) {
                    return Ok(());
                }
                let why = format!("{by} has neither the role operator nor data-engineer");
                let hint = self.who(&roles, time, &[by]);
                Err(Denial::new(Rule::RoleMissing, why, hint))
            }
            Access::CheckComponent(component) => {
                let found = self.registry.component(component)?;
                // An author's own key under the checks would make the evidence for a component as
                // good as its author's word.
                self.check_author(found, by, Role::Reviewer, time)
            }
            Access::LiftUnrecordedKill => {
                // The class that lifts recorded switches. Otherwise a switch whose record could not be written
                // would be easier to lift than one that was recorded.
                let class = ApprovalClass::Operations;
                if !self.votes(class, by, time).is_empty() {
                    return Ok(());
                }
                let why = format!(
                    "{by} does not belong to the approval class {}",
                    class.name()
                );
                Err(Denial::new(
                    Rule::RoleMissing,
                    why,
                    self.who_signs(class, time, &[by]),
                ))
            }
        }
    }

    /// The limits of an account.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] `limits.missing` if it has none.
    pub fn limits_of(&self, account: &Id) -> Result<&super::LimitsRecord, Denial> {
        self.limits.get(account).ok_or_else(|| {
            let why = format!("account {account} has no limits");
            let hint =
                "ask the policy for limits and put them in force: counterfoil account limits set";
            Denial::new(Rule::LimitsMissing, why, hint)
        })
    }

    /// A principal.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] `principal.unknown` if there is none with this id.
    pub fn principal(&self, id: &Id) -> Result<&super::PrincipalRecord, Denial> {
        self.principals.get(id).ok_or_else(|| {
            let why = format!("{id} is not a principal of this ledger");
            let hint = "an administrator adds principals: counterfoil people add";
            Denial::new(Rule::PrincipalUnknown, why, hint)
        })
    }
}
