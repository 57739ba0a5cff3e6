//! `build`: builds a strategy crate into a component.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use counterfoil_build::Toolchain;
use counterfoil_build::{BuiltGuest, GuestCrate, build};
use counterfoil_os::files::write_whole;
use counterfoil_sandbox::admission;
use serde_json::json;

use crate::args::BuildArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_fields, print_json, print_line};

pub(crate) fn run(cli: &CliContext, args: &BuildArgs) -> Result<CommandAnswer> {
    let folder = args
        .folder
        .canonicalize()
        .with_context(|| format!("cannot open the directory {}", args.folder.display()))?;
    let toolchain = Toolchain::detect()?;
    let target = folder.join("target");
    let guest = GuestCrate {
        directory: folder.clone(),
        target_directory: target,
        locked: false,
    };
    let built = build(&toolchain, &guest)?;
    // Admission rejects what no host would run, so the author learns of it here and not from a
    // reviewer.
    admission::check(&built.component)?;
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| folder.join(file_name(&built.module_path)));
    write_whole(&path, &built.component)?;
    let symbols = path.with_extension("symbols");
    write_whole(&symbols, built.symbols.as_bytes())?;
    print(cli, &path, &symbols, &built);
    Ok(CommandAnswer::Yes)
}

fn file_name(module: &Path) -> PathBuf {
    let stem = module
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .replace('_', "-");
    PathBuf::from(format!("{stem}.wasm"))
}

fn print(cli: &CliContext, path: &Path, symbols: &Path, built: &BuiltGuest) {
    let digest = format!("sha256:{}", built.digest);
    if cli.json {
        print_json(&json!({
            "component": path,
            "digest": digest,
            "bytes": built.component.len(),
            "symbols": symbols,
        }));
        return;
    }
    print_fields(&[
        ("component", path.display().to_string()),
        ("digest", digest),
        ("size", format!("{} bytes", built.component.len())),
        ("symbols", symbols.display().to_string()),
    ]);
    print_line("");
    let path = path.display();
    print_line(&format!(
        "next: counterfoil backtest --component {path} --snapshot ID --risk research"
    ));
}
