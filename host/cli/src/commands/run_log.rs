//! `run log`: prints what a run's strategy logged.

use anyhow::Result;
use counterfoil_base::text::harmless_line;
use counterfoil_runner::store::run_log::{KeptLogLine, LogFilter, read};
use counterfoil_sandbox::guest::LogLevel;
use serde_json::json;

use crate::args::{LogLevelArg, RunLogArgs};
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, note, print_json, print_line, print_table};

pub(crate) fn run(cli: &CliContext, args: &RunLogArgs) -> Result<CommandAnswer> {
    let execution = cli.data.find(&args.run)?;
    let filter = LogFilter {
        least: Some(match args.level {
            LogLevelArg::Debug => LogLevel::Debug,
            LogLevelArg::Info => LogLevel::Info,
            LogLevelArg::Warn => LogLevel::Warn,
            LogLevelArg::Error => LogLevel::Error,
        }),
        instrument: args.instrument.clone(),
    };
    let found = read(&execution, &filter)?;
    if found.damaged > 0 {
        note(&format!(
            "{} lines of the log are damaged and left out; `counterfoil run show {} --decisions` shows what was decided",
            found.damaged,
            execution.short()
        ));
    }
    if cli.json {
        print_json(&json!({
            "run": execution.run.hex(),
            "execution": execution.number,
            "damaged": found.damaged,
            "lines": found.lines,
        }));
    } else if found.lines.is_empty() {
        print_line("no log line matches; without --level and --instrument all are shown");
    } else {
        print_table(&rows(&found.lines));
    }
    Ok(CommandAnswer::Yes)
}

fn rows(lines: &[KeptLogLine]) -> Vec<Vec<String>> {
    let head = ["time", "instrument", "bar", "callback", "level", "text"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(lines.iter().map(|line| {
        vec![
            line.time.clone().unwrap_or_default(),
            line.instrument.clone().unwrap_or_default(),
            line.bar.map(|bar| bar.to_string()).unwrap_or_default(),
            line.callback.clone(),
            line.level.clone(),
            // On one line: a line break in it could look like a row of the host.
            harmless_line(&line.text),
        ]
    }));
    rows
}
