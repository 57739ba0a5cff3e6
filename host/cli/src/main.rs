//! The `counterfoil` program: arguments in, tables and exit codes out. It must never hold a
//! business rule: whatever decides something lives in the crates below.

mod args;
mod cli_context;
mod commands;
mod output;
mod people;
mod progress;
mod report;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use crate::args::{Args, Command};
use crate::output::CommandAnswer;

/// The question was answered and the answer is no: a run that is not intact, a difference, a fault.
const EXIT_NO: u8 = 1;
/// The question could not be answered.
const EXIT_COULD_NOT_TELL: u8 = 2;
/// The program was called wrongly (`EX_USAGE` of sysexits.h).
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    clap_complete::CompleteEnv::with_factory(Args::command).complete();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _to_closed_terminal = error.print();
            let asked = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            return if asked {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(EXIT_USAGE)
            };
        }
    };
    match run(args) {
        Ok(CommandAnswer::Yes) => ExitCode::SUCCESS,
        Ok(CommandAnswer::No) => ExitCode::from(EXIT_NO),
        Err(error) => {
            output::complain(&error);
            let code = if error.is::<output::CommandLineError>() {
                EXIT_USAGE
            } else {
                EXIT_COULD_NOT_TELL
            };
            ExitCode::from(code)
        }
    }
}

fn run(args: Args) -> anyhow::Result<CommandAnswer> {
    // The evaluating process knows no folder of anybody's.
    if matches!(args.command, Command::EvaluatePolicy) {
        return commands::policy::child::run();
    }
    let places = cli_context::CliContext::new(&args.global)?;
    match args.command {
        Command::Demo(demo) => commands::demo::run(&places, &demo),
        Command::New(new) => commands::new::run(&places, &new),
        Command::Build(build) => commands::build::run(&places, &build),
        Command::Ingest(ingest) => commands::ingest::run(&places, &ingest),
        Command::Data(data) => commands::data::run(&places, &data),
        Command::Snapshots => commands::snapshots::run(&places),
        Command::Backtest(backtest) => commands::backtest::run(&places, &backtest),
        Command::Sweep(sweep) => commands::sweep::run(&places, &sweep),
        Command::WalkForward(walk) => commands::walk_forward::run(&places, &walk),
        Command::MonteCarlo(args) => commands::monte_carlo::run(&places, &args),
        Command::Manifest(args) => commands::manifest::run(&places, &args),
        Command::Serve(args) => commands::serve::run(&places, &args),
        Command::Run(args) => commands::run::run(&places, &args),
        Command::Live(live) => commands::live::run(&places, &live),
        Command::Kill(kill) => commands::kill::run(&places, &kill),
        Command::Runs => commands::runs::run(&places),
        Command::Show(show) => commands::show::run(&places, &show),
        Command::Report(report) => commands::report::run(&places, &report),
        Command::Compare(compare) => commands::compare::run(&places, &compare),
        Command::Verify(verify) => commands::verify::run(&places, &verify),
        Command::Replay(replay) => commands::replay::run(&places, &replay),
        Command::Parity(parity) => commands::parity::run(&places, &parity),
        Command::Audit(audit) => commands::audit::run(&places, &audit),
        Command::Proof(proof) => commands::proof::run(&places, &proof),
        Command::Publish(publish) => commands::publish::run(&places, &publish),
        Command::Component(component) => commands::component::run(&places, &component),
        Command::Policy(policy) => commands::policy::run(&places, &policy),
        Command::Principal(principal) => commands::principal::run(&places, &principal),
        Command::Key(key) => commands::key::run(&places, &key),
        Command::Ledger(ledger) => commands::ledger::run(&places, &ledger),
        Command::Exception(exception) => commands::exception::run(&places, &exception),
        Command::Change(change) => commands::change::run(&places, &change),
        Command::Delegate(delegate) => commands::delegate::run(&places, &delegate),
        Command::BreakGlass(glass) => commands::break_glass::run(&places, &glass),
        Command::WhoApproved(args) => commands::who_approved::run(&places, &args),
        Command::Authorize(args) => commands::authorize::run(&places, &args),
        Command::Limits(args) => commands::limits::run(&places, &args),
        Command::Budget(args) => commands::budget::run(&places, &args),
        Command::Drift(args) => commands::drift::run(&places, &args),
        Command::AccessReview(args) => commands::access_review::run(&places, &args),
        Command::CompileComponent(compile) => commands::compile::run(&compile),
        Command::EvaluatePolicy => commands::policy::child::run(),
    }
}
