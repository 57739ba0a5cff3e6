//! `policy`: what the gates allow, as code.

pub(crate) mod child;
mod eval;
mod folder;
mod verdicts;

use anyhow::{Context as _, Result};
use counterfoil_governance::state::State;
use counterfoil_policy::bundle::Bundle;
use counterfoil_runner::gates::Archive;

use crate::args::Policy;
use crate::output::Answer;
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &Policy) -> Result<Answer> {
    match args {
        Policy::Init { folder } => folder::init(places, folder),
        Policy::Show { folder } => folder::show(places, folder.as_deref()),
        Policy::Test(args) => folder::test(places, &args.folder),
        Policy::Set(args) => folder::set(places, &args.folder),
        Policy::Eval(args) => eval::run(places, args),
        Policy::Verdicts(filter) => verdicts::list(places, filter),
        Policy::ReEvaluate(args) => verdicts::again(places, args),
    }
}

/// The policy in force, from the archive.
fn in_force(places: &Places, state: &State) -> Result<Bundle> {
    let digest = state.policy();
    let digest = digest.context("no policy is in force; see `counterfoil policy set`")?;
    let bytes = Archive::new(&places.data).get(&digest)?;
    Bundle::decode(&bytes).with_context(|| format!("the policy in force, {digest}"))
}
