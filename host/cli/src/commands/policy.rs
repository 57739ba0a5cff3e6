//! `policy`: what the gates allow, as code.

pub(crate) mod child;
pub(crate) mod eval;
mod folder;
mod verdicts;

use anyhow::Result;

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
