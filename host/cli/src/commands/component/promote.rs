//! `component promote`: what was approved, and passed by the policy, comes into use.

use anyhow::Result;
use counterfoil_approval::record_json;
use counterfoil_governance::act::{Act, ActName};

use super::approve::set_of;
use crate::args::ComponentPromoteArgs;
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;
use crate::people;
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;

pub(super) fn run(cli: &CliContext, args: &ComponentPromoteArgs) -> Result<CommandAnswer> {
    let mut client = ledger_access::open(cli)?;
    let component = people::component(client.state(), &args.component)?;
    let act = ActName::ComponentPromote;
    let set = set_of(cli, &mut client, act, &component, args.manifest.as_deref())?;
    let outcome = client.act(Act::ComponentPromote { set })?;
    let what = format!(
        "{component} is promoted: runs may be authorized under limits {}",
        set.limits
    );
    Ok(print_outcome(cli, outcome, &what, record_json::set(&set)))
}
