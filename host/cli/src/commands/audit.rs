//! `audit`: what a backtest must not do.

use anyhow::Result;
use counterfoil_runner::run::replay::Replay;
use counterfoil_runner::study::lookahead;

use super::replay;
use crate::args::Audit;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, say};

pub(crate) fn run(places: &CliContext, args: &Audit) -> Result<CommandAnswer> {
    let Audit::Lookahead(args) = args;
    let found = lookahead(places, &args.run, &args.backend)?;
    let answer = replay::show(places, &args.run, "look-ahead audit", &found)?;
    if !places.json && answer == CommandAnswer::Yes {
        say("every decision was made again without a bar beyond it: no look-ahead");
    }
    Ok(answer)
}

pub(super) fn lookahead(places: &CliContext, run: &str, backend: &str) -> Result<Replay> {
    replay::decide_again(
        places,
        run,
        backend,
        "deciding over garbage",
        lookahead::audit,
    )
}
