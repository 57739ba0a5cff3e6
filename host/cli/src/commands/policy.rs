//! `policy`: what the gates allow, as code.

pub(crate) mod child;
pub(crate) mod eval;
mod folder;
mod verdicts;

use anyhow::Result;

use crate::args::PolicyCommand;
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;

pub(crate) fn run(cli: &CliContext, args: &PolicyCommand) -> Result<CommandAnswer> {
    match args {
        PolicyCommand::Init { folder } => folder::init(cli, folder),
        PolicyCommand::Show { folder } => folder::show(cli, folder.as_deref()),
        PolicyCommand::Test { folder } => folder::test(cli, folder),
        PolicyCommand::Set { folder } => folder::set(cli, folder),
        PolicyCommand::Eval(args) => eval::run(cli, args),
        PolicyCommand::Verdicts(filter) => verdicts::list(cli, filter),
        PolicyCommand::ReEvaluate(args) => verdicts::again(cli, args),
    }
}
