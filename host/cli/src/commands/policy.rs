//! `policy`: what the gates allow, as code.

pub(crate) mod child;
pub(crate) mod eval;
mod folder;
mod verdicts;

use anyhow::Result;

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
