//! Why a component could not be built.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a component could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No guest toolchain was set up on this machine.
    #[error("no guest toolchain is described in {}; run tests/setup/guest-toolchain once", path.display())]
    NoToolchain {
        /// The file that was looked for.
        path: PathBuf,
        /// Why it could not be read.
        source: io::Error,
    },
    /// The description of the guest toolchain is of no use.
    #[error("the guest toolchain's description {} does not hold: {reason}; run tests/setup/guest-toolchain again", path.display())]
    Description {
        /// The description.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The crate's directory or its manifest cannot be used.
    #[error("{} is not a strategy crate: {reason}", path.display())]
    Crate {
        /// The crate's directory.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A path that cannot stand in the compiler's flags.
    #[error("the path {} holds a character that compiler flags cannot carry", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// A file or program could not be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The compiler said no. Its messages went to standard error.
    #[error("cargo could not build the strategy ({status}); its messages say why")]
    Cargo {
        /// How cargo ended.
        status: ExitStatus,
    },
    /// The module is not one that the contract's world fits.
    #[error("the module is not a strategy component: {reason}")]
    Component {
        /// The chain of reasons that the encoder gave.
        reason: String,
    },
    /// The component imports something that the contract does not offer.
    #[error("the component imports `{import}`, which is none of {}", crate::ALLOWED_IMPORTS.join(", "))]
    Import {
        /// The import.
        import: String,
    },
}
