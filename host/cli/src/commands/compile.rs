//! `compile-component FILE CACHE BACKEND FUEL`: the child process that compiles a component.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use counterfoil_sandbox::child::{CompileLimits, compile_child_main};
use counterfoil_sandbox::engine::{Backend, EngineSettings, OptLevel};

use crate::args::CompileComponentArgs;
use crate::output::{CommandAnswer, note};

/// The back end's name in this command's arguments.
pub(crate) fn name_of(engine: &EngineSettings) -> &'static str {
    match (engine.backend, engine.opt) {
        (Backend::Pulley, _) => "pulley",
        (Backend::Cranelift, OptLevel::None) => "cranelift-none",
        (Backend::Cranelift, OptLevel::Speed) => "cranelift",
    }
}

pub(crate) fn run(args: &CompileComponentArgs) -> Result<CommandAnswer> {
    let [file, cache, backend, fuel] = args.rest.as_slice() else {
        bail!("compile-component takes FILE CACHE BACKEND FUEL");
    };
    let (backend, opt) = match backend.as_str() {
        "pulley" => (Backend::Pulley, OptLevel::Speed),
        "cranelift-none" => (Backend::Cranelift, OptLevel::None),
        _ => (Backend::Cranelift, OptLevel::Speed),
    };
    let settings = EngineSettings {
        backend,
        opt,
        fuel_max: fuel.parse().context("FUEL")?,
        cache: Some(PathBuf::from(cache)),
    };
    // Limits are set by the child on itself before it reads the component, so that the file's first
    // byte is already under them.
    match compile_child_main(Path::new(file), settings, CompileLimits::default()) {
        Ok(()) => Ok(CommandAnswer::Yes),
        Err((code, reason)) => {
            note(&reason);
            // The code reports to the parent which limit was reached; a plain error would lose
            // that.
            std::process::exit(i32::from(code))
        }
    }
}
