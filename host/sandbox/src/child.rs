//! Compilation in a child process, because a component that takes for ever to compile is not
//! something a compiler defends against. The child limits itself, compiles into the engine's
//! cache and exits; the parent ends it on time-out and loads from that cache.

use core::time::Duration;
use std::io;
use std::path::Path;
use std::process::Command;

use counterfoil_os::child::{ChildBounds, ChildEnd, OwnLimits, ask_child, lower_own_limits};

use crate::compile::load;
use crate::cut::bounded;
use crate::engine::{Engine, EngineSettings};
use crate::fault::TRACE_BYTES_MAX;

/// The child compiled the component into the cache.
pub const EXIT_DONE: u8 = 0;
/// The child could not read the file, make the engine or lower its limits.
pub const EXIT_SETUP: u8 = 20;
/// The component is not admitted or does not compile.
pub const EXIT_REFUSED: u8 = 21;

/// What one compilation may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CompileLimits {
    /// Wall-clock milliseconds, kept by the parent.
    pub wall_ms: u64,
    /// Processor seconds of all threads together, kept by the operating system.
    pub cpu_seconds: u64,
    /// Bytes of address space, kept by the operating system.
    pub memory_bytes: u64,
}

impl Default for CompileLimits {
    /// A Python guest of 18 MB takes 21 processor seconds and 1 GiB.
    fn default() -> Self {
        Self {
            wall_ms: 60_000,
            cpu_seconds: 60,
            memory_bytes: 4 << 30,
        }
    }
}

/// Why nothing was compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    #[error("cannot run the compile process")]
    Io(#[from] io::Error),
    #[error("the component did not compile within {wall_ms} ms")]
    TimedOut { wall_ms: u64 },
    #[error(
        "the component did not compile within its limits of processor time and memory ({status})"
    )]
    Killed { status: String },
    #[error("{reason}")]
    Refused { reason: String },
    #[error("the compile process could not start: {reason}")]
    Setup { reason: String },
}

/// Runs `command`, which must end in [`compile_child_main`], and waits for it as long as the
/// limits allow.
///
/// # Errors
///
/// Returns [`ChildError`] if the component was not compiled; then the cache has no code of it.
pub fn compile_in_child(command: &mut Command, limits: CompileLimits) -> Result<(), ChildError> {
    let bounds = ChildBounds {
        wall_time: Duration::from_millis(limits.wall_ms),
        answer_bytes_max: TRACE_BYTES_MAX,
    };
    let ChildEnd::Exited { status, answer } = ask_child(command, &[], bounds)? else {
        let wall_ms = limits.wall_ms;
        return Err(ChildError::TimedOut { wall_ms });
    };
    let reason = String::from_utf8_lossy(&answer).trim().to_owned();
    match status.code().map(u8::try_from) {
        // The exit code decides, never the text: a component could make the compiler print what it likes.
        Some(Ok(EXIT_DONE)) => Ok(()),
        Some(Ok(EXIT_REFUSED)) => Err(ChildError::Refused { reason }),
        Some(Ok(EXIT_SETUP)) => Err(ChildError::Setup { reason }),
        _ => Err(ChildError::Killed {
            status: status.to_string(),
        }),
    }
}

/// The child's side: lowers its own limits, admits and compiles the file into the cache of
/// `settings`. The caller writes the text to standard error and exits with the code.
///
/// # Errors
///
/// Returns the exit code, [`EXIT_SETUP`] or [`EXIT_REFUSED`], and the reason.
pub fn compile_child_main(
    component: &Path,
    settings: EngineSettings,
    limits: CompileLimits,
) -> Result<(), (u8, String)> {
    let setup = |what: &str, error: &dyn core::fmt::Display| {
        (
            EXIT_SETUP,
            bounded(format!("{what}: {error}"), TRACE_BYTES_MAX),
        )
    };
    // The compiled code reaches the parent through the cache only. Without one, the work would be thrown away.
    if settings.cache.is_none() {
        return Err((EXIT_SETUP, String::from("no cache to compile into")));
    }
    // Before the file is read: from here on the operating system bounds what its compilation can take.
    lower_own_limits(OwnLimits {
        memory_bytes: limits.memory_bytes,
        cpu_seconds: limits.cpu_seconds,
    })
    .map_err(|error| setup("limits", &error))?;
    let bytes = std::fs::read(component).map_err(|error| setup("component", &error))?;
    let engine = Engine::new(settings).map_err(|error| setup("engine", &error))?;
    match load(&engine, &bytes) {
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
