//! `account`: dispatches to the commands about limits, budgets and authorizations.

use anyhow::Result;

use super::{authorize, budget, limits};
use crate::args::AccountCommand;
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;

pub(crate) fn run(context: &CliContext, args: &AccountCommand) -> Result<CommandAnswer> {
    match args {
        AccountCommand::Limits(args) => limits::run(context, args),
        AccountCommand::Budget(args) => budget::run(context, args),
        AccountCommand::Authorization(args) => authorize::run(context, args),
    }
}
