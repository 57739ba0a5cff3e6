//! `component promote`: what was approved, and passed by the policy, comes into use.

use anyhow::Result;
use counterfoil_governance::act::Act;

use super::approve::set_of;
use crate::args::ComponentPromoteArgs;
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;
use crate::people::desk::Desk;
use crate::people::refusal::tell;
use crate::people::{self, words};

pub(super) fn run(places: &CliContext, args: &ComponentPromoteArgs) -> Result<CommandAnswer> {
    let mut desk = Desk::open(places)?;
    let component = people::component(desk.state(), &args.component)?;
    let act = "component-promote";
    let set = match set_of(
        places,
        &mut desk,
        (act, &component),
        args.manifest.as_deref(),
    )? {
        Ok(set) => set,
        Err(refusal) => return Ok(refusal.tell(places, &[])),
    };
    let done = desk.act(Act::ComponentPromote { set })?;
    let what = format!(
        "{component} is approved: it may be started under limits {}",
        set.limits
    );
    Ok(tell(places, done, &what, words::set(&set)))
}
