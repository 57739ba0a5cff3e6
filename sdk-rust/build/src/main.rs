//! Builds one strategy crate: `counterfoil-build [--locked] CRATE-DIR TARGET-DIR [COMPONENT]`.
//! Prints the module's path, or digest, size and recipe of the component it wrote.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use counterfoil_build::{BuildError, GuestCrate, Toolchain, build};

fn main() -> ExitCode {
    let mut arguments: Vec<_> = env::args_os().skip(1).collect();
    let locked = arguments.first().is_some_and(|first| first == "--locked");
    if locked {
        arguments.remove(0);
    }
    let mut paths = arguments.into_iter().map(PathBuf::from);
    let (Some(directory), Some(target_directory)) = (paths.next(), paths.next()) else {
        let _ = writeln!(
            io::stderr(),
            "usage: counterfoil-build [--locked] CRATE-DIR TARGET-DIR [COMPONENT]"
        );
        return ExitCode::from(2);
    };
    let guest = GuestCrate {
        directory,
        target_directory,
        locked,
    };
    match run(&guest, paths.next()) {
        Ok(report) => {
            let _ = writeln!(io::stdout(), "{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            // The whole chain, a line each: the last cause names the file or the system error.
            let mut cause: Option<&dyn core::error::Error> = Some(&error);
            while let Some(error) = cause {
                let _ = writeln!(io::stderr(), "counterfoil-build: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(guest: &GuestCrate, output: Option<PathBuf>) -> Result<String, BuildError> {
    let built = build(&Toolchain::detect()?, guest)?;
    let Some(path) = output else {
        return Ok(built.module_path.display().to_string());
    };
    // Only after the import check inside `build`: a component that no host admits is never written.
    fs::write(&path, &built.component).map_err(|source| BuildError::Io {
        action: "write",
        path,
        source,
    })?;
    Ok(format!(
        "digest={}\nsize={}\ncompiler={}\nrecipe={}",
        built.digest,
        built.component.len(),
        built.compiler_version,
        built.recipe
    ))
}
