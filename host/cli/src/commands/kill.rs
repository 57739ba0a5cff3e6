//! `kill`: stops a run, an account's runs or all of them, or lifts such a stop. Stopping must need
//! nothing but the data directory: the ledger records it afterwards. Lifting needs the ledger first.

use anyhow::{Context as _, Result};
use counterfoil_approval::ledger_client::ActOutcome;
use counterfoil_approval::ledger_view;
use counterfoil_governance::act::{Act, ActName, KillScope};
use counterfoil_governance::id::Id;
use counterfoil_governance::rule::AccessDenial;
use counterfoil_governance::state::{Access, LedgerState};
use counterfoil_os::files::is_folder;
use counterfoil_runner::orders::kill::{KillTarget, is_set, lift, set_switch};
use counterfoil_runner::store::data_dir::{DataDirError, Execution};
use counterfoil_trading::manifest::Manifest;
use serde_json::json;

use super::run;
use crate::args::KillArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, note, print_json, print_line, warn};
use crate::people::outcome::print_outcome;
use crate::people::{self, ledger_access};

/// The recorded reason where the operator gives none; the ledger takes no empty one.
const NO_REASON: &str = "no reason was given";

/// What is stopped, for the data directory and for the ledger.
struct KillPlan {
    target: KillTarget,
    /// The same in the ledger's terms.
    scope: KillScope,
    name: String,
}

/// A stop that the ledger has recorded.
struct RecordedKill {
    index: u64,
    /// Whether the ledger knows limits of the account.
    has_limits: bool,
}

pub(crate) fn run(cli: &CliContext, args: &KillArgs) -> Result<CommandAnswer> {
    if let Some(address) = &args.runner {
        return run::kill(cli, address.as_deref(), args);
    }
    let aim = KillPlan::new(cli, args)?;
    let reason = match args.reason.trim() {
        "" => NO_REASON,
        reason => reason,
    };
    if args.lift {
        return aim.lift(cli, reason);
    }
    let set = set_switch(&cli.data, &aim.target, &args.reason);
    let recorded = aim.record(cli, reason);
    // The file stops runs within a slice, whether or not the ledger can be written, so it comes first.
    // Its own error is returned after the record: where no file can be made, as on a full disk, the
    // record in the ledger may still stop the run.
    set.with_context(|| format!("{} may not be stopped", aim.name))?;
    if !aim.is_known(cli, recorded.as_ref().ok())? {
        // A mistyped name stops nothing that exists, so this must be seen even with --quiet.
        warn(&format!(
            "no run or limits for {}; check the name",
            aim.name
        ));
    }
    let (record, why) = match recorded {
        Ok(recorded) => (Some(recorded.index), None),
        Err(why) => (None, Some(format!("{why:#}"))),
    };
    if cli.json {
        print_json(&json!({
            "target": aim.name, "stopped": true, "changed": true, "record": record,
            "unrecorded": why,
        }));
        return Ok(CommandAnswer::Yes);
    }
    print_line(&format!(
        "{} is stopped: its runs end before their next slice and none starts; --lift lifts the stop",
        aim.name
    ));
    match (record, why) {
        (Some(record), _) => print_line(&format!("recorded in ledger record {record}")),
        (None, why) => warn(&format!(
            "stopped, but not recorded in the ledger: {}",
            why.unwrap_or_default()
        )),
    }
    Ok(CommandAnswer::Yes)
}

impl KillPlan {
    fn new(cli: &CliContext, args: &KillArgs) -> Result<Self> {
        if let Some(run) = &args.run {
            let execution = execution(cli, run)?;
            return Ok(Self {
                name: format!("run {}", execution.short()),
                scope: KillScope::Run(execution.run),
                target: KillTarget::Run(execution),
            });
        }
        if let Some(account) = &args.account {
            let id = people::id("--account", account)?;
            return Ok(Self {
                name: format!("account {id}"),
                scope: KillScope::Account(id.clone()),
                target: KillTarget::Account(id),
            });
        }
        Ok(Self {
            target: KillTarget::Installation,
            scope: KillScope::Installation,
            name: "the installation".to_owned(),
        })
    }

    /// Records the stop in the name of the acting principal.
    fn record(&self, cli: &CliContext, reason: &str) -> Result<RecordedKill> {
        let mut client = ledger_access::open(cli)?;
        let act = Act::Kill {
            scope: self.scope.clone(),
            reason: reason.to_owned(),
        };
        let index = client.act(act)?.index()?;
        let has_limits = self.has_limits(client.state());
        Ok(RecordedKill { index, has_limits })
    }

    /// Whether the ledger knows limits of the account that is stopped.
    fn has_limits(&self, state: &LedgerState) -> bool {
        match &self.target {
            KillTarget::Account(account) => state.limits().contains_key(account),
            KillTarget::Run(_) | KillTarget::Installation => false,
        }
    }

    /// Whether there is a run, or an account with limits, of that name.
    fn is_known(&self, cli: &CliContext, recorded: Option<&RecordedKill>) -> Result<bool> {
        let account = match &self.target {
            KillTarget::Installation => return Ok(true),
            KillTarget::Run(execution) => {
                return Ok(is_folder(&execution.folder)?);
            }
            KillTarget::Account(account) => account,
        };
        let has_limits = match recorded {
            Some(recorded) => recorded.has_limits,
            // An unreadable ledger is not an error here: this only catches a mistyped name.
            None => ledger_access::view(cli).is_ok_and(|view| self.has_limits(view.state())),
        };
        if has_limits {
            return Ok(true);
        }
        let is_its = |execution: &Execution| {
            let text = cli.data.manifest_text(execution).ok()?;
            let name = Manifest::parse(&text).ok()?.account.name;
            (Id::parse(&name).ok()? == *account).then_some(())
        };
        Ok(cli
            .data
            .executions()?
            .iter()
            .any(|candidate| is_its(candidate).is_some()))
    }

    /// Lifts the stop: first in the ledger, then in the data directory. In the other sequence a crash
    /// between the two, or a denial, would let runs start that no principal was allowed to release.
    fn lift(&self, cli: &CliContext, reason: &str) -> Result<CommandAnswer> {
        let was_set = is_set(&cli.data, &self.target);
        if ledger_view::all(&ledger_view::folder(&cli.data))?.is_empty() {
            note("there is no ledger, so the lifting is not recorded");
            return self.lifted(cli, was_set, None);
        }
        let mut client = ledger_access::open(cli)?;
        let kills = client.state().kills().iter();
        let thrown: Vec<u64> = kills
            .filter(|(_, thrown_kill)| {
                thrown_kill.lifted.is_none() && thrown_kill.scope == self.scope
            })
            .map(|(index, _)| *index)
            .collect();
        if thrown.is_empty() && was_set {
            let allowed = client.state().check_access(
                client.actor(),
                Access::LiftUnrecordedKill,
                client.time(),
            );
            let allowed = allowed.map_err(AccessDenial::from);
            ledger_access::require(&mut client, ActName::KillLift, &*self.name, allowed)?;
            note("the ledger has no record of this stop, so its lifting is not recorded");
        }
        let mut record = None;
        for killed in &thrown {
            let (killed, reason) = (*killed, reason.to_owned());
            match client.act(Act::KillLift { killed, reason })? {
                ActOutcome::Recorded { index } => record = Some(index),
                // Denied, or another signature is needed: the file stays, so that no run starts meanwhile.
                outcome @ (ActOutcome::Proposed { .. } | ActOutcome::Denied(_)) => {
                    let what = format!("the stop of record {killed} is lifted");
                    let facts = json!({ "target": self.name, "stopped": true, "changed": false });
                    return Ok(print_outcome(cli, outcome, &what, facts));
                }
            }
        }
        self.lifted(cli, was_set || !thrown.is_empty(), record)
    }

    /// Removes the file and prints whether anything was stopped.
    fn lifted(
        &self,
        cli: &CliContext,
        was_set: bool,
        record: Option<u64>,
    ) -> Result<CommandAnswer> {
        lift(&cli.data, &self.target)?;
        if cli.json {
            print_json(&json!({
                "target": self.name, "stopped": false, "changed": was_set, "record": record,
            }));
        } else if was_set {
            print_line(&format!("{} is no longer stopped", self.name));
            if let Some(record) = record {
                print_line(&format!("recorded in ledger record {record}"));
            }
        } else {
            print_line(&format!("{} was not stopped", self.name));
        }
        Ok(CommandAnswer::yes_if(was_set))
    }
}

/// The named execution. One that does not exist yet can be stopped by its whole id.
fn execution(cli: &CliContext, name: &str) -> Result<Execution> {
    match cli.data.find(name) {
        Ok(found) => Ok(found),
        Err(error @ DataDirError::NoRun { .. }) => {
            let run = people::digest(name).ok_or(error)?;
            Ok(cli.data.first_execution(&run))
        }
        Err(error) => Err(error.into()),
    }
}
