//! Lines for the author. They are bounded per bar and never influence the run.

use crate::LogLevel;

#[cfg(target_arch = "wasm32")]
use crate::bindings::counterfoil::strategy::log as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::harness::host;

/// Writes one line.
pub fn write(level: LogLevel, message: &str) {
    host::write(level, message);
}

/// A line for the author alone.
pub fn debug(message: &str) {
    write(LogLevel::Debug, message);
}

/// A line worth knowing.
pub fn info(message: &str) {
    write(LogLevel::Info, message);
}

/// A line worth a look.
pub fn warn(message: &str) {
    write(LogLevel::Warn, message);
}

/// Something went wrong.
pub fn error(message: &str) {
    write(LogLevel::Error, message);
}
