//! `compile-component CLASS BACKEND FOLDER`: the child process that compiles the component on its standard input.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use counterfoil_sandbox::compile_class::CompileProgram;
use counterfoil_sandbox::compile_process::compile_child_main;

use crate::args::CompileComponentArgs;
use crate::output::{CommandAnswer, note};

/// This program as the compile process.
pub(crate) fn program() -> Result<CompileProgram> {
    Ok(CompileProgram {
        file: own_file()?,
        arguments: vec!["compile-component".to_owned()],
    })
}

/// The file of this program.
pub(crate) fn own_file() -> Result<PathBuf> {
    // The running program itself, which Linux gives by this name: an upgrade may have put another one at its path since.
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() {
        Ok(running)
    } else {
        std::env::current_exe().context("cannot find this program's own file")
    }
}

pub(crate) fn run(args: &CompileComponentArgs) -> CommandAnswer {
    match compile_child_main(&args.rest, std::io::stdin()) {
        Ok(()) => CommandAnswer::Yes,
        Err((code, reason)) => {
            note(&reason);
            // The code reports to the parent which limit was reached; a plain error would lose
            // that.
            std::process::exit(i32::from(code))
        }
    }
}
