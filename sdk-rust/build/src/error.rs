//! Why a component could not be built.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a component could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    #[error("no guest toolchain is described in {}; run tests/setup/guest-toolchain once", path.display())]
    NoToolchain { path: PathBuf, source: io::Error },
    #[error("invalid guest toolchain description {}: {reason}; run tests/setup/guest-toolchain again", path.display())]
    Description { path: PathBuf, reason: String },
    #[error("{} is not a strategy crate: {reason}", path.display())]
    Crate { path: PathBuf, reason: String },
    #[error("the path {} contains a character that compiler flags cannot carry", path.display())]
    Path { path: PathBuf },
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cargo could not build the strategy ({status}); see its messages")]
    Cargo { status: ExitStatus },
    #[error("the module is not a strategy component: {reason}")]
    Component { reason: String },
    #[error("cannot make the component's symbols: {reason}")]
    Symbols { reason: String },
    #[error("the component imports `{import}`; it may import only {}", crate::ALLOWED_IMPORTS.join(", "))]
    Import { import: String },
}
