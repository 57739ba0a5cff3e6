//! `people`: dispatches to the commands about principals, keys, classes and delegations.

use anyhow::Result;

use super::{access_review, delegate, key, principal};
use crate::args::{ClassCommand, PeopleCommand};
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;

pub(crate) fn run(context: &CliContext, args: &PeopleCommand) -> Result<CommandAnswer> {
    match args {
        PeopleCommand::Add(args) => principal::add(context, args),
        PeopleCommand::List(filter) => principal::list(context, filter),
        PeopleCommand::Show(args) => principal::show(context, args),
        PeopleCommand::Roles(args) => principal::roles(context, args),
        PeopleCommand::Key(args) => key::run(context, args),
        PeopleCommand::Class(ClassCommand::Set(args)) => principal::set_class(context, args),
        PeopleCommand::Class(ClassCommand::List(filter)) => {
            principal::list_classes(context, filter)
        }
        PeopleCommand::Delegation(args) => delegate::run(context, args),
        PeopleCommand::AccessReview(args) => access_review::run(context, args),
    }
}
