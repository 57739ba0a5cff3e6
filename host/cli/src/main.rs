//! The `counterfoil` program: arguments in, tables and exit codes out. It must never hold a
//! business rule: whatever decides something lives in the crates below.

mod anchored;
mod args;
mod cli_context;
mod commands;
mod confinement;
mod order_sink;
mod output;
mod people;
mod progress;
mod report;
mod run_facts;
mod runs_seen;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ColorChoice, FromArgMatches as _, ValueEnum as _};
use counterfoil_base::text::harmless_line;
use counterfoil_os::clock::Stopwatch;
use counterfoil_os::folder_guard::close_new_files;

use crate::args::{CliArgs, Command};
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, CommandLineError, Verbosity};
use crate::people::outcome::print_if_denied;

/// The command worked and its answer is negative: not intact, different, a fault, refused.
const EXIT_NO: u8 = 1;
/// The command failed.
const EXIT_ERROR: u8 = 2;
/// The command line is wrong (`EX_USAGE` of sysexits.h).
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    if let Some(commit) = option_env!("COUNTERFOIL_COMMIT") {
        counterfoil_runner::build::set_commit(commit);
    }
    // Whatever the caller's shell allows: a journal or ledger that everybody may write is not evidence.
    close_new_files();
    clap_complete::CompleteEnv::with_factory(args::command).complete();
    // Before parsing, so that help and usage errors of an old spelling show today's.
    let (arguments, replaced) = args::modernize(std::env::args_os().collect());
    let color = color_choice(&arguments);
    let args = match parsed(&arguments, color) {
        Ok(args) => args,
        Err(error) => {
            // A usage error repeats what was typed, which a script may have from a file's name: with characters that
            // drive a terminal or forge a line of this program, it is said of the text without them.
            let harmless = harmless_arguments(&arguments);
            let harmless = harmless.and_then(|harmless| parsed(&harmless, color).err());
            return answer_usage(&harmless.unwrap_or(error), arguments.len());
        }
    };
    let verbosity = match (args.global.quiet, args.global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    };
    // Before the first line is printed: a note must not be written in spite of --quiet.
    output::set_style(args.global.color, verbosity);
    if let Some(replaced) = replaced
        && !args.global.json
    {
        output::note(&format!("note: {replaced}"));
    }
    let done = run(args);
    if let Some(reason) = output::lost_output()
        && done.is_ok()
    {
        output::print_error(&anyhow::anyhow!("cannot write the output: {reason}"));
        return ExitCode::from(EXIT_ERROR);
    }
    match done {
        Ok(CommandAnswer::Yes) => ExitCode::SUCCESS,
        Ok(CommandAnswer::No) => ExitCode::from(EXIT_NO),
        Err(error) => {
            output::print_error(&error);
            let code = if error.is::<CommandLineError>() {
                EXIT_USAGE
            } else {
                EXIT_ERROR
            };
            ExitCode::from(code)
        }
    }
}

fn parsed(arguments: &[OsString], color: ColorChoice) -> Result<CliArgs, clap::Error> {
    let command = args::command().color(color);
    CliArgs::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

/// The arguments with what drives a display replaced; `None` if there is nothing of that.
fn harmless_arguments(arguments: &[OsString]) -> Option<Vec<OsString>> {
    let texts = arguments.iter().map(|one| one.to_string_lossy());
    let harmless: Vec<OsString> = texts.map(|one| harmless_line(&one).into()).collect();
    (harmless != arguments).then_some(harmless)
}

/// The value of `--color`. Help and usage errors are coloured before the whole line is parsed.
fn color_choice(arguments: &[OsString]) -> ColorChoice {
    let texts: Vec<String> = arguments
        .iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let joined = texts.iter().find_map(|text| text.strip_prefix("--color="));
    let apart = || {
        let place = texts.iter().position(|text| text == "--color")?;
        texts.get(place.checked_add(1)?).map(String::as_str)
    };
    let value = joined.or_else(apart);
    value
        .and_then(|value| ColorChoice::from_str(value, false).ok())
        .unwrap_or(ColorChoice::Auto)
}

/// Prints help, the version or a usage error. The program's name alone asks for help.
fn answer_usage(error: &clap::Error, arguments: usize) -> ExitCode {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other kind is a usage error"
    )]
    match error.kind() {
        // The second, where the environment sets a global option: clap then counts an argument.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
            if arguments <= 1 =>
        {
            // Parsed as `--help`, so that both print the same.
            let asked = args::command().try_get_matches_from(["counterfoil", "--help"]);
            printed(
                asked.map_or_else(|help| help.print(), |_| Ok(())),
                ExitCode::SUCCESS,
            )
        }
        kind => {
            let code = match kind {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(EXIT_USAGE),
            };
            printed(error.print(), code)
        }
    }
}

/// The exit code of help or a usage error, once it is written.
fn printed(written: std::io::Result<()>, code: ExitCode) -> ExitCode {
    output::keep_if_lost(written);
    output::lost_output().map_or(code, |_| ExitCode::from(EXIT_ERROR))
}

fn run(args: CliArgs) -> anyhow::Result<CommandAnswer> {
    // The evaluating, the compiling and the decoding process have no access to the user's directories, and may not fail for it.
    if matches!(args.command, Command::EvaluatePolicy) {
        return commands::policy::child::run();
    }
    if let Command::CompileComponent(args) = &args.command {
        return Ok(commands::compile::run(args));
    }
    if let Command::DecodeFile(args) = &args.command {
        return Ok(commands::decode::run(args));
    }
    // Neither of these reads a directory, so both work where none can be found.
    if matches!(args.command, Command::Version) {
        return Ok(commands::version::run(args.global.json));
    }
    // A folder that no command uses is an answer here.
    if matches!(args.command, Command::Doctor) {
        let opened = CliContext::new(&args.global);
        return Ok(commands::doctor::run(args.global.json, opened.as_ref()));
    }
    if let Command::Completions { shell } = args.command {
        return Ok(commands::completions::run(shell));
    }
    let watch = Stopwatch::start();
    let cli = CliContext::new(&args.global)?;
    // A denial ends a command early as its error; it is an answer, and is printed as one.
    let answer = print_if_denied(&cli, dispatch(&cli, args.command));
    output::print_detail(&format!("took {:.3} s", watch.elapsed().as_secs_f64()));
    answer
}

fn dispatch(cli: &CliContext, command: Command) -> anyhow::Result<CommandAnswer> {
    match command {
        Command::Demo(args) => commands::demo::run(cli, &args),
        Command::New(args) => commands::new::run(cli, &args),
        Command::Build(args) => commands::build::run(cli, &args),
        Command::Data(args) => commands::data::run(cli, &args),
        Command::Backtest(args) => commands::backtest::run(cli, &args),
        Command::Sweep(args) => commands::sweep::run(cli, &args),
        Command::WalkForward(args) => commands::walk_forward::run(cli, &args),
        Command::MonteCarlo(args) => commands::monte_carlo::run(cli, &args),
        Command::Report(args) => commands::report::run(cli, &args),
        Command::Run(args) => commands::run::run(cli, &args),
        Command::Live(args) => commands::live::run(cli, &args),
        Command::Serve(args) => commands::serve::run(cli, &args),
        Command::Kill(args) => commands::kill::run(cli, &args),
        Command::Verify(args) => commands::verify::run(cli, &args),
        Command::Replay(args) => commands::replay::run(cli, &args),
        Command::Proof(args) => commands::proof::run(cli, &args),
        Command::Audit(args) => commands::audit::run(cli, &args),
        Command::Component(args) => commands::component::run(cli, &args),
        Command::People(args) => commands::people::run(cli, &args),
        Command::Change(args) => commands::change::run(cli, &args),
        Command::Account(args) => commands::account::run(cli, &args),
        Command::Policy(args) => commands::policy::run(cli, &args),
        Command::Ledger(args) => commands::ledger::run(cli, &args),
        Command::Completions { shell } => Ok(commands::completions::run(shell)),
        Command::Doctor => Ok(commands::doctor::run(cli.json, Ok(cli))),
        Command::Version => Ok(commands::version::run(cli.json)),
        Command::CompileComponent(args) => Ok(commands::compile::run(&args)),
        Command::DecodeFile(args) => Ok(commands::decode::run(&args)),
        Command::EvaluatePolicy => commands::policy::child::run(),
    }
}
