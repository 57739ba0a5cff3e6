//! The guest toolchain as tests/setup/guest-toolchain described it. Never sets one up itself.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::BuildError;

/// Names another description file than the one in the cache directory.
pub const DESCRIPTION_VARIABLE: &str = "COUNTERFOIL_GUEST_TOOLCHAIN";

/// A compiler for `wasm32-unknown-unknown` and how it is to be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Toolchain {
    /// The compiler.
    pub rustc: PathBuf,
    /// The cargo that goes with it.
    pub cargo: PathBuf,
    /// A sysroot with the target's standard library; none: the compiler's own.
    pub sysroot: Option<PathBuf>,
    /// The linker; none: the compiler's own.
    pub linker: Option<PathBuf>,
    /// The output of `rustc --version`.
    pub compiler_version: String,
    /// How the standard library was built. Two recipes give different bytes.
    pub recipe: String,
}

impl Toolchain {
    /// Where the description is looked for.
    #[must_use]
    pub fn description_path() -> PathBuf {
        if let Some(path) = env::var_os(DESCRIPTION_VARIABLE) {
            return path.into();
        }
        let cache = env::var_os("XDG_CACHE_HOME")
            // Empty counts as unset (XDG base directories): joined, it would be a path relative to
            // wherever the build was started.
            .filter(|v| !v.is_empty())
            .map_or_else(
                || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache"),
                PathBuf::from,
            );
        cache.join("counterfoil").join("guest-toolchain.env")
    }

    /// The toolchain that is described at [`Toolchain::description_path`].
    ///
    /// # Errors
    ///
    /// Returns [`BuildError::NoToolchain`] if nothing was set up, or [`BuildError::Description`]
    /// if the description lacks a value or names a file that is gone.
    pub fn detect() -> Result<Self, BuildError> {
        Self::read(&Self::description_path())
    }

    /// The toolchain that a description file names.
    ///
    /// # Errors
    ///
    /// As [`Toolchain::detect`].
    pub fn read(path: &Path) -> Result<Self, BuildError> {
        let text = fs::read_to_string(path).map_err(|source| BuildError::NoToolchain {
            path: path.to_owned(),
            source,
        })?;
        let toolchain = Self::parse(&text).map_err(|reason| BuildError::Description {
            path: path.to_owned(),
            reason,
        })?;
        let files = [
            Some(&toolchain.rustc),
            Some(&toolchain.cargo),
            toolchain.sysroot.as_ref(),
            toolchain.linker.as_ref(),
        ];
        for file in files.into_iter().flatten() {
            // Checked here: cargo would report a missing linker or sysroot deep inside a build, and as an
            // error of the crate.
            if !file.exists() {
                let reason = format!("{} does not exist", file.display());
                return Err(BuildError::Description {
                    path: path.to_owned(),
                    reason,
                });
            }
        }
        Ok(toolchain)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .ok_or_else(|| format!("no {key}"))
        };
        let filled = |key: &str| match value(key)? {
            // A half-written description must not choose a compiler from the search path.
            "" => Err(format!("{key} is empty")),
            text => Ok(text.to_owned()),
        };
        let optional = |key: &str| {
            value(key).map(|text| Some(text).filter(|t| !t.is_empty()).map(PathBuf::from))
        };
        Ok(Self {
            rustc: filled("RUSTC")?.into(),
            cargo: filled("CARGO")?.into(),
            sysroot: optional("SYSROOT")?,
            linker: optional("LINKER")?,
            compiler_version: filled("COMPILER_VERSION")?,
            recipe: filled("RECIPE")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_whole_or_refused_by_the_missing_key() {
        let text = "RUSTC=/a b/rustc\nCARGO=/c\nSYSROOT=\nLINKER=\nCOMPILER_VERSION=rustc 1 (x)\nRECIPE=r-1\n";
        let toolchain = Toolchain::parse(text).unwrap();
        assert_eq!(toolchain.rustc, Path::new("/a b/rustc"));
        assert_eq!(toolchain.sysroot, None);
        assert_eq!(toolchain.compiler_version, "rustc 1 (x)");
        for line in text.lines() {
            let without = text.replace(&format!("{line}\n"), "");
            let key = line.split('=').next().unwrap();
            assert_eq!(Toolchain::parse(&without).unwrap_err(), format!("no {key}"));
        }
    }
}
