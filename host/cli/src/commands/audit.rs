//! `audit`: what a backtest must not do.

use anyhow::Result;
use counterfoil_runner::run::replay::ReplayReport;
use counterfoil_runner::study::lookahead;

use super::replay;
use crate::args::Audit;
use crate::output::{Answer, say};
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &Audit) -> Result<Answer> {
    let Audit::Lookahead(args) = args;
    let found = lookahead(places, &args.run, &args.backend)?;
    let answer = replay::show(places, &args.run, "look-ahead audit", &found)?;
    if !places.json && answer == Answer::Yes {
        say("every decision was made again without a bar beyond it: no look-ahead");
    }
    Ok(answer)
}

pub(super) fn lookahead(places: &Places, run: &str, backend: &str) -> Result<ReplayReport> {
    replay::decide_again(
        places,
        run,
        backend,
        "deciding over garbage",
        lookahead::audit,
    )
}
