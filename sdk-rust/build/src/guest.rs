//! The cargo call that turns a strategy crate into a core module: one recipe for every author.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use crate::symbols::{stripped, symbols};
use crate::{BuildError, Toolchain, componentize, digest};

const TARGET: &str = "wasm32-unknown-unknown";

/// Off because the host's engine has them off; bulk memory stays on. The same list as in
/// tests/setup/guest-toolchain.
const TARGET_FEATURES: &str =
    "-multivalue,-simd128,-relaxed-simd,-tail-call,-extended-const,-reference-types";

/// Changes whenever the flags below change the bytes of a component.
const FLAGS_RECIPE: &str = "flags-1";

/// Cargo derives a crate's `metadata`, which decides the sequence of symbols, from the absolute
/// directory of a dependency outside the workspace, such as the SDK. This wrapper puts name and
/// version in its place, so that the same sources give the same bytes in any directory.
const WRAPPER: &str = r#"#!/bin/sh
# Written by counterfoil-build. Makes `-C metadata` independent of the directory.
rustc=$1
shift
case " $* " in
    *" --target wasm32-unknown-unknown "*) ;;
    *) exec "$rustc" "$@" ;;
esac
name= previous=
for argument; do
    [ "$previous" != --crate-name ] || name=$argument
    previous=$argument
done
left=$#
while [ "$left" -gt 0 ]; do
    argument=$1
    shift
    case $argument in
        metadata=*) argument="metadata=$name-$CARGO_PKG_VERSION" ;;
    esac
    set -- "$@" "$argument"
    left=$((left - 1))
done
exec "$rustc" "$@"
"#;

/// The profile of every guest; it overrides that of the crate's manifest.
const PROFILE: [(&str, &str); 7] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "2"),
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    // For the symbols file; what goes into the component is stripped here.
    ("CARGO_PROFILE_RELEASE_STRIP", "none"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only"),
    ("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true"),
];

/// Set in an author's shell, these would change the bytes.
const IGNORED_VARIABLES: [&str; 9] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_INCREMENTAL",
    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// What to build, and where.
#[derive(Clone, Debug)]
pub struct GuestCrate {
    /// The directory with the strategy's `Cargo.toml`.
    pub directory: PathBuf,
    /// Where cargo may put what it makes.
    pub target_directory: PathBuf,
    /// Whether cargo must take the lock file as it is.
    pub locked: bool,
}

/// A strategy that was built.
#[derive(Clone, Debug)]
pub struct BuiltGuest {
    /// The core module that cargo made.
    pub module_path: PathBuf,
    /// The component's bytes.
    pub component: Vec<u8>,
    /// The contents of its symbols file.
    pub symbols: String,
    /// The component digest, in lower-case hexadecimal.
    pub digest: String,
    /// The output of `rustc --version`.
    pub compiler_version: String,
    /// The recipe. The same compiler, recipe, sources and lock file give the same digest.
    pub recipe: String,
}

/// The name of the recipe: how the standard library was built, and the flags of the guest.
#[must_use]
pub fn recipe_id(toolchain: &Toolchain) -> String {
    // Without the wrapper the bytes depend on the directory, so the recipe has another name.
    let suffix = if cfg!(unix) { "" } else { "-unwrapped" };
    format!("{}+{FLAGS_RECIPE}{suffix}", toolchain.recipe)
}

/// The component of a strategy crate. Cargo's messages go to standard error.
///
/// # Errors
///
/// Returns a [`BuildError`] that names the crate, file or import at fault.
pub fn build(toolchain: &Toolchain, guest: &GuestCrate) -> Result<BuiltGuest, BuildError> {
    let module_path = build_module(toolchain, guest)?;
    let module = fs::read(&module_path).map_err(|source| BuildError::Io {
        action: "read",
        path: module_path.clone(),
        source,
    })?;
    let component = componentize(&stripped(&module)?)?;
    let digest = digest(&component);
    Ok(BuiltGuest {
        module_path,
        symbols: symbols(&module, &component, &digest)?,
        digest,
        component,
        compiler_version: toolchain.compiler_version.clone(),
        recipe: recipe_id(toolchain),
    })
}

fn build_module(toolchain: &Toolchain, guest: &GuestCrate) -> Result<PathBuf, BuildError> {
    // One name for the directory: a link in it would give another path to remap, and other bytes.
    let directory = canonical(&guest.directory)?;
    let name = library_name(&directory)?;
    // Before the flags: it fetches the dependencies, so that their directories can be named.
    let sources = path_dependencies(toolchain, guest, &directory)?;
    let flags = flags(toolchain, &sources)?;

    // The variables of the profile win over the manifest: an author who sets another profile must not get
    // another digest for the same sources.
    let status = cargo(toolchain, guest, &directory)?
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .envs(PROFILE)
        .args(["build", "--release", "--lib", "--target", TARGET])
        .args(guest.locked.then_some("--locked"))
        .stdout(Stdio::null())
        .status()
        .map_err(|source| cannot_run(toolchain, source))?;
    if !status.success() {
        return Err(BuildError::Cargo { status });
    }
    let file = format!("{}.wasm", name.replace('-', "_"));
    Ok(absolute(&guest.target_directory)?
        .join(TARGET)
        .join("release")
        .join(file))
}

/// A call of cargo in the crate's directory that an author's shell does not influence.
fn cargo(
    toolchain: &Toolchain,
    guest: &GuestCrate,
    directory: &Path,
) -> Result<Command, BuildError> {
    let mut cargo = Command::new(&toolchain.cargo);
    for variable in IGNORED_VARIABLES {
        // Removed before the recipe sets its own: a wrapper or linker of the author's shell would build
        // other bytes.
        cargo.env_remove(variable);
    }
    cargo
        .current_dir(directory)
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_TARGET_DIR", absolute(&guest.target_directory)?);
    if cfg!(unix) {
        cargo.env("RUSTC_WRAPPER", wrapper(&guest.target_directory)?);
    }
    Ok(cargo)
}

/// Puts the wrapper into the target directory, once.
fn wrapper(target_directory: &Path) -> Result<PathBuf, BuildError> {
    let directory = absolute(target_directory)?;
    let path = directory.join("counterfoil-rustc");
    // Compared by content: a wrapper of an earlier version would build other bytes under the name of this
    // recipe.
    if fs::read_to_string(&path).is_ok_and(|text| text == WRAPPER) {
        return Ok(path);
    }
    // Renamed into place: another build may be starting it at this moment.
    let new = directory.join(format!("counterfoil-rustc.{}", std::process::id()));
    fs::create_dir_all(&directory)
        .and_then(|()| fs::write(&new, WRAPPER))
        .and_then(|()| make_executable(&new))
        .and_then(|()| fs::rename(&new, &path))
        .map_err(|source| BuildError::Io {
            action: "write",
            path: path.clone(),
            source,
        })?;
    Ok(path)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

fn cannot_run(toolchain: &Toolchain, source: io::Error) -> BuildError {
    BuildError::Io {
        action: "run",
        path: toolchain.cargo.clone(),
        source,
    }
}

/// The name and directory of the crate and of each dependency in a directory of this machine.
fn path_dependencies(
    toolchain: &Toolchain,
    guest: &GuestCrate,
    directory: &Path,
) -> Result<Vec<(String, PathBuf)>, BuildError> {
    let output = cargo(toolchain, guest, directory)?
        .args([
            "tree",
            "--quiet",
            "--prefix=none",
            "--edges=normal,build",
            "--format={p}",
        ])
        .args(["--target", TARGET])
        .args(guest.locked.then_some("--locked"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| cannot_run(toolchain, source))?;
    if !output.status.success() {
        return Err(BuildError::Cargo {
            status: output.status,
        });
    }
    let tree = String::from_utf8_lossy(&output.stdout);
    Ok(tree.lines().filter_map(path_dependency).collect())
}

/// The name and directory in a line such as `counterfoil-sdk v0.1.0 (/home/me/sdk-rust)`.
fn path_dependency(line: &str) -> Option<(String, PathBuf)> {
    let (name, rest) = line.split_once(' ')?;
    let (_, path) = rest.split_once(" (")?;
    let (path, _) = path.rsplit_once(')')?;
    // A registry or a repository has a URL here, a repeated line `(*)`.
    let path = Path::new(path.split(") (").next()?);
    path.is_absolute()
        .then(|| (name.to_owned(), path.to_owned()))
}

/// The compiler's flags in cargo's encoding: a unit separator between two flags.
fn flags(toolchain: &Toolchain, sources: &[(String, PathBuf)]) -> Result<OsString, BuildError> {
    let mut flags = vec![format!("-Ctarget-feature={TARGET_FEATURES}")];
    // The standard library that the setup built, for a compiler that has none for the target.
    if let Some(sysroot) = &toolchain.sysroot {
        flags.push(format!("--sysroot={}", text(sysroot)?));
    }
    if let Some(linker) = &toolchain.linker {
        flags.push(format!("-Clinker={}", text(linker)?));
        // The compiler guesses the flavor from the file name, which differs between machines.
        flags.push("-Clinker-flavor=wasm-ld".to_owned());
    }
    // Panic locations hold source paths. The last remap that fits wins, so the widest is first.
    let mut remaps: Vec<(PathBuf, String)> = sources
        .iter()
        .map(|(name, path)| (path.clone(), format!("/s/{name}")))
        .collect();
    // Sources of dependencies are under the home of cargo, which holds a user name: in a component it
    // would differ for every author, and reveal who built it.
    let home = env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        PathBuf::from,
    );
    let home = absolute(&home)?;
    remaps.push((home.clone(), "/cargo".to_owned()));
    for root in [home.join("registry/src"), home.join("git/checkouts")] {
        // The directory below is named after the registry, which differs between machines.
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            remaps.push((entry.path(), "/r".to_owned()));
        }
    }
    for (from, to) in remaps {
        flags.push(format!("--remap-path-prefix={}={to}", text(&from)?));
    }
    Ok(flags.join("\u{1f}").into())
}

fn text(path: &Path) -> Result<&str, BuildError> {
    path.to_str()
        // The separator of cargo's encoding inside a path would begin a flag of its own.
        .filter(|text| !text.contains('\u{1f}'))
        .ok_or_else(|| BuildError::Path {
            path: path.to_owned(),
        })
}

fn canonical(path: &Path) -> Result<PathBuf, BuildError> {
    fs::canonicalize(path).map_err(|source| BuildError::Io {
        action: "find",
        path: path.to_owned(),
        source,
    })
}

fn absolute(path: &Path) -> Result<PathBuf, BuildError> {
    std::path::absolute(path).map_err(|source| BuildError::Io {
        action: "find",
        path: path.to_owned(),
        source,
    })
}

/// The name of the crate's library, from the `name` of `[lib]` or else of `[package]`.
fn library_name(directory: &Path) -> Result<String, BuildError> {
    let refuse = |reason: &str| BuildError::Crate {
        path: directory.to_owned(),
        reason: reason.to_owned(),
    };
    let manifest = fs::read_to_string(directory.join("Cargo.toml"))
        .map_err(|error| refuse(&format!("its Cargo.toml cannot be read: {error}")))?;
    // Cargo builds an rlib without complaint and leaves no module; the missing file would be reported as
    // an error of this tool.
    if !manifest.contains("cdylib") {
        return Err(refuse(
            "its Cargo.toml has no crate-type = [\"cdylib\", \"rlib\"]",
        ));
    }
    name_in(&manifest, "[lib]")
        .or_else(|| name_in(&manifest, "[package]"))
        .ok_or_else(|| refuse("its Cargo.toml names no package"))
}

fn name_in(manifest: &str, section: &str) -> Option<String> {
    manifest
        .lines()
        .map(str::trim)
        // Read by lines and not by a TOML parser: only two names are needed, and cargo has checked the
        // rest.
        .skip_while(|line| *line != section)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix("name")?.trim_start().strip_prefix('='))
        .map(|value| value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_directory_of_this_machine_is_a_path_dependency() {
        let found = path_dependency("a-b v0.1.0 (/x y/sdk)");
        assert_eq!(found, Some(("a-b".to_owned(), "/x y/sdk".into())));
        let macros = path_dependency("m v0.1.0 (proc-macro) (/x)");
        assert_eq!(macros, None);
        let again = path_dependency("a-b v0.1.0 (/x) (*)");
        assert_eq!(again, Some(("a-b".to_owned(), "/x".into())));
        for line in [
            "wit-bindgen v0.63.0",
            "",
            "w v1.0.0 (*)",
            "g v1.0.0 (https://h/g#1)",
        ] {
            assert_eq!(path_dependency(line), None, "{line}");
        }
    }

    #[test]
    fn a_library_is_named_after_its_own_section_first() {
        let package = "[package]\nname = \"a-b\"\n[lib]\ncrate-type = []\n[x]\nname = \"no\"\n";
        assert_eq!(name_in(package, "[lib]"), None);
        assert_eq!(name_in(package, "[package]").as_deref(), Some("a-b"));
        assert_eq!(name_in("[lib]\nname=\"c\"", "[lib]").as_deref(), Some("c"));
    }
}
