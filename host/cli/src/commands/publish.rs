//! `audit publish`: writes a journal as a static tiled log.

use std::path::PathBuf;

use anyhow::Result;
use counterfoil_runner::study::publish::publish;
use serde_json::json;

use crate::args::PublishArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_json, print_line};
use crate::progress::bar;

pub(crate) fn run(cli: &CliContext, args: &PublishArgs) -> Result<CommandAnswer> {
    let execution = cli.data.find(&args.run)?;
    // A slash separates run and execution, and would make the name a path.
    let name = format!("{}-log", execution.short().replace('/', "-"));
    let folder = args.output.clone().unwrap_or_else(|| PathBuf::from(name));
    let bar = bar("publishing", 0);
    let done = publish(&execution, &folder, &mut |entries| {
        bar.set_position(entries);
    });
    bar.finish_and_clear();
    let done = done?;
    if cli.json {
        print_json(&json!({
            "folder": folder,
            "entries": done.entries,
            "files": done.files,
            "origin": execution.origin(),
        }));
    } else {
        print_line(&format!(
            "wrote {}: {} entries in {} files, readable by any tlog-tiles client",
            folder.display(),
            done.entries,
            done.files
        ));
    }
    Ok(CommandAnswer::Yes)
}
