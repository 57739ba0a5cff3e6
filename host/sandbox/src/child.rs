//! Compilation in a child process, because a component that takes for ever to compile is not
//! something a compiler defends against. The child limits itself, compiles into the folder that it
//! is given and exits; this side ends it on time-out.

use core::time::Duration;
use std::io;
use std::path::Path;
use std::process::Command;

use counterfoil_os::child::{ChildBounds, ChildEnd, ask_child};

use crate::compile_class::{
    CompileClass, CompileLimits, CompileProgram, EXIT_DONE, EXIT_REFUSED, EXIT_SETUP,
};
use crate::cut::bounded;
use crate::engine::EngineSettings;
use crate::fault::TRACE_BYTES_MAX;

/// The compiler panicked: what Rust's runtime exits with.
const EXIT_PANIC: u8 = 101;

/// Threads of an interpreter's compilation: each takes address space of its own, so their number is not the machine's.
const THREADS_MAX: &str = "4";

/// Why nothing was compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    #[error("cannot run the compile process")]
    Io(#[from] io::Error),
    #[error("the component did not compile within {wall_ms} ms, the limit for {class}")]
    TimedOut { wall_ms: u64, class: &'static str },
    #[error(
        "the component did not compile within {cpu_seconds} s of processor time and {mebibytes} MiB of memory, the \
         limits for {class} ({status})"
    )]
    Killed {
        cpu_seconds: u64,
        mebibytes: u64,
        class: &'static str,
        status: String,
    },
    #[error(
        "the compiler failed on this component, so it is refused; please report it with the component: {reason}"
    )]
    Panicked { reason: String },
    #[error("{reason}")]
    Refused { reason: String },
    #[error("the compile process could not start: {reason}")]
    Setup { reason: String },
}

/// Compiles a component in a child process into `folder`, and waits as long as the limits of its class allow.
///
/// # Errors
///
/// Returns [`ChildError`] if the component was not compiled.
pub fn compile_in_child(
    program: &CompileProgram,
    settings: &EngineSettings,
    class: CompileClass,
    folder: &Path,
    bytes: &[u8],
) -> Result<(), ChildError> {
    let limits = class.limits();
    let mut command = Command::new(&program.file);
    command
        .args(&program.arguments)
        .args([class.name(), settings.backend_name()])
        .arg(folder)
        // Nothing of the user's environment belongs to the compilation of a stranger's component.
        .env_clear();
    let threads = match class {
        CompileClass::Strategy => "1",
        CompileClass::Interpreter => THREADS_MAX,
    };
    command.env("RAYON_NUM_THREADS", threads);
    ask(&mut command, bytes, class, limits)
}

fn ask(
    command: &mut Command,
    bytes: &[u8],
    class: CompileClass,
    limits: CompileLimits,
) -> Result<(), ChildError> {
    let bounds = ChildBounds {
        wall_time: Duration::from_millis(limits.wall_ms),
        answer_bytes_max: TRACE_BYTES_MAX,
    };
    let class = class_text(class);
    let ChildEnd::Exited { status, answer } = ask_child(command, bytes, bounds)? else {
        let wall_ms = limits.wall_ms;
        return Err(ChildError::TimedOut { wall_ms, class });
    };
    let reason = bounded(
        String::from_utf8_lossy(&answer).trim().to_owned(),
        TRACE_BYTES_MAX,
    );
    match status.code().map(u8::try_from) {
        // The exit code decides, never the text: a component could make the compiler print what it likes.
        Some(Ok(EXIT_DONE)) => Ok(()),
        Some(Ok(EXIT_REFUSED)) => Err(ChildError::Refused { reason }),
        Some(Ok(EXIT_SETUP)) => Err(ChildError::Setup { reason }),
        Some(Ok(EXIT_PANIC)) => Err(ChildError::Panicked { reason }),
        _ => Err(ChildError::Killed {
            cpu_seconds: limits.cpu_seconds,
            mebibytes: limits.memory_bytes >> 20,
            class,
            status: status.to_string(),
        }),
    }
}

const fn class_text(class: CompileClass) -> &'static str {
    match class {
        CompileClass::Strategy => "a strategy",
        CompileClass::Interpreter => "an interpreter (over 1 MiB, or more than 8 core instances)",
    }
}
