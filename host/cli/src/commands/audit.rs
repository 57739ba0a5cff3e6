//! `audit`: look-ahead, parity, publication. The checks themselves are the runner's.

use anyhow::Result;
use counterfoil_runner::run::replay::ReplayReport;
use counterfoil_runner::study::lookahead;

use super::{parity, publish, replay};
use crate::args::{AuditCommand, ReplayArgs};
use crate::cli_context::CliContext;
use crate::confinement;
use crate::output::{CommandAnswer, print_line};

pub(crate) fn run(cli: &CliContext, args: &AuditCommand) -> Result<CommandAnswer> {
    match args {
        AuditCommand::Lookahead(args) => probe(cli, args),
        AuditCommand::Parity(args) => parity::run(cli, args),
        AuditCommand::Publish(args) => publish::run(cli, args),
    }
}

fn probe(cli: &CliContext, args: &ReplayArgs) -> Result<CommandAnswer> {
    let _opened = cli.engine(&args.backend)?;
    confinement::to_reading(cli)?;
    let found = lookahead(cli, &args.run, &args.backend)?;
    let answer = replay::show(cli, &args.run, "look-ahead test", &found)?;
    // Stated only for a whole journal that replayed: silence about a difference would read as
    // success.
    if !cli.json && answer == CommandAnswer::Yes {
        print_line("no look-ahead: every decision is the same without the bars after it");
    }
    Ok(answer)
}

pub(super) fn lookahead(cli: &CliContext, run: &str, backend: &str) -> Result<ReplayReport> {
    replay::replay_with(
        cli,
        run,
        backend,
        "testing for look-ahead",
        lookahead::audit,
    )
}
