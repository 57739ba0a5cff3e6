//! `account`: dispatches to the commands about limits, budgets and authorizations.

use anyhow::Result;

use super::{authorize, budget, limits};
use crate::args::AccountCommand;
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;

pub(crate) fn run(cli: &CliContext, args: &AccountCommand) -> Result<CommandAnswer> {
    match args {
        AccountCommand::Limits(args) => limits::run(cli, args),
        AccountCommand::Budget(args) => budget::run(cli, args),
        AccountCommand::Authorization(args) => authorize::run(cli, args),
    }
}
