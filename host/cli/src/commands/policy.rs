//! `policy`: what the gates allow, as code.

pub(crate) mod child;
pub(crate) mod eval;
mod folder;
mod verdicts;

use anyhow::Result;
use counterfoil_governance::state::State;
use counterfoil_policy::bundle::Bundle;
use counterfoil_runner::gates::{Archive, ArchiveError};

use crate::args::PolicyCommand;
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;

pub(crate) fn run(places: &CliContext, args: &PolicyCommand) -> Result<CommandAnswer> {
    match args {
        PolicyCommand::Init { folder } => folder::init(places, folder),
        PolicyCommand::Show { folder } => folder::show(places, folder.as_deref()),
        PolicyCommand::Test { folder } => folder::test(places, folder),
        PolicyCommand::Set { folder } => folder::set(places, folder),
        PolicyCommand::Eval(args) => eval::run(places, args),
        PolicyCommand::Verdicts(filter) => verdicts::list(places, filter),
        PolicyCommand::ReEvaluate(args) => verdicts::again(places, args),
    }
}

/// Why every gate is shut.
#[derive(Debug)]
pub(crate) struct Shut {
    pub(crate) rule: &'static str,
    pub(crate) why: String,
    pub(crate) way_on: &'static str,
}

impl core::fmt::Display for Shut {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}; {}", self.rule, self.why, self.way_on)
    }
}

impl core::error::Error for Shut {}

/// The policy in force, from the archive; or why there is none that could be asked.
pub(crate) fn in_force(places: &CliContext, state: &State) -> Result<Result<Bundle, Shut>> {
    let Some(digest) = state.policy() else {
        return Ok(Err(Shut {
            rule: "policy.missing",
            why: "no policy is in force, and without one every gate is shut".to_owned(),
            way_on: "put one in force first: counterfoil policy set",
        }));
    };
    let unreadable = |why: String| Shut {
        rule: "policy.unreadable",
        why,
        way_on: "restore the policy's file from a copy; counterfoil ledger drift names it",
    };
    let bytes = match Archive::new(&places.data).get(&digest) {
        Ok(bytes) => bytes,
        Err(ArchiveError::File(error)) => return Err(error.into()),
        Err(error) => return Ok(Err(unreadable(error.to_string()))),
    };
    let bundle = Bundle::decode(&bytes);
    Ok(bundle.map_err(|error| unreadable(format!("the policy in force, {digest}: {error}"))))
}
