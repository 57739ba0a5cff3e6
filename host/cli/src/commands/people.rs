//! `people`: dispatches to the commands about principals, keys, classes and delegations.

use anyhow::Result;

use super::{access_review, delegate, key, principal};
use crate::args::{ClassCommand, PeopleCommand};
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;

pub(crate) fn run(cli: &CliContext, args: &PeopleCommand) -> Result<CommandAnswer> {
    match args {
        PeopleCommand::Add(args) => principal::add(cli, args),
        PeopleCommand::List(filter) => principal::list(cli, filter),
        PeopleCommand::Show(args) => principal::show(cli, args),
        PeopleCommand::Roles(args) => principal::roles(cli, args),
        PeopleCommand::Key(args) => key::run(cli, args),
        PeopleCommand::Class(ClassCommand::Set(args)) => principal::set_class(cli, args),
        PeopleCommand::Class(ClassCommand::List(filter)) => principal::list_classes(cli, filter),
        PeopleCommand::Delegation(args) => delegate::run(cli, args),
        PeopleCommand::AccessReview(args) => access_review::run(cli, args),
    }
}
