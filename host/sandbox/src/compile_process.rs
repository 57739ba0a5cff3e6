//! The compile process: compiles the component on its standard input, within limits that it sets on itself.

use std::io::Read;
use std::path::Path;

use counterfoil_os::child::{OwnLimits, lower_own_limits};
use counterfoil_os::confine::{NeededAccess, confine};

use crate::admission::COMPONENT_BYTES_MAX;
use crate::compile::compile_here;
use crate::compile_class::{CompileClass, EXIT_REFUSED, EXIT_SETUP};
use crate::cut::bounded;
use crate::engine::{Backend, Engine, EngineSettings, OptLevel};
use crate::fault::TRACE_BYTES_MAX;

/// The child's side: takes the class, the back end and the folder as arguments, lowers its own limits, and admits and
/// compiles the component in `input` into the folder. The caller writes the text to standard error and exits with the
/// code.
///
/// # Errors
///
/// Returns the exit code, [`EXIT_SETUP`] or [`EXIT_REFUSED`], and the reason.
pub fn compile_child_main(arguments: &[String], input: impl Read) -> Result<(), (u8, String)> {
    let setup = |what: &str, error: &dyn core::fmt::Display| {
        let reason = bounded(format!("{what}: {error}"), TRACE_BYTES_MAX);
        (EXIT_SETUP, reason)
    };
    let [class, backend, folder] = arguments else {
        return Err(setup("arguments", &"expected CLASS BACKEND FOLDER"));
    };
    let class = CompileClass::from_name(class).ok_or_else(|| setup("class", class))?;
    let (backend, opt) = backend_from_name(backend).ok_or_else(|| setup("back end", backend))?;
    let limits = class.limits();
    // Before the component is read: from here on the operating system bounds what its compilation can take.
    lower_own_limits(OwnLimits {
        memory_bytes: limits.memory_bytes,
        cpu_seconds: limits.cpu_seconds,
    })
    .map_err(|error| setup("limits", &error))?;
    // And confined: a component that breaks the compiler has a process that reaches this one folder of compiled code, whose
    // files the parent checks, no socket and no program.
    let needed = NeededAccess {
        write: vec![folder.into()],
        ..NeededAccess::default()
    };
    let _by = confine(&needed).map_err(|error| setup("confinement", &error))?;
    let mut bytes = Vec::new();
    // One byte more than is admitted, so that admission names the limit.
    let mut input = input.take(COMPONENT_BYTES_MAX.saturating_add(1));
    input
        .read_to_end(&mut bytes)
        .map_err(|error| setup("component", &error))?;
    let settings = EngineSettings {
        backend,
        opt,
        ..EngineSettings::default()
    };
    let engine = Engine::with_code(settings, Some(Path::new(folder)))
        .map_err(|error| setup("engine", &error))?;
    match compile_here(&engine, &bytes) {
        Ok(_) => Ok(()),
        Err(error) => {
            let cause = core::error::Error::source(&error)
                .map_or_else(String::new, |cause| format!(": {cause}"));
            Err((
                EXIT_REFUSED,
                bounded(format!("{error}{cause}"), TRACE_BYTES_MAX),
            ))
        }
    }
}

fn backend_from_name(name: &str) -> Option<(Backend, OptLevel)> {
    match name {
        "pulley" => Some((Backend::Pulley, OptLevel::Speed)),
        "cranelift-none" => Some((Backend::Cranelift, OptLevel::None)),
        "cranelift" => Some((Backend::Cranelift, OptLevel::Speed)),
        _ => None,
    }
}
