//! `build`: a strategy crate becomes a component.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use counterfoil_build::Toolchain;
use counterfoil_build::{BuiltGuest, GuestCrate, build};
use counterfoil_os::files::write_whole;
use counterfoil_sandbox::admission;
use serde_json::json;

use crate::args::Build;
use crate::output::{Answer, pairs, say, say_json};
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &Build) -> Result<Answer> {
    let folder = args.folder.canonicalize();
    let folder = folder.with_context(|| format!("no folder {}", args.folder.display()))?;
    let toolchain = Toolchain::detect()?;
    let target = folder.join("target");
    let guest = GuestCrate {
        directory: folder.clone(),
        target_directory: target,
        locked: false,
    };
    let built = build(&toolchain, &guest)?;
    // The author hears the host's verdict before anybody else does.
    admission::check(&built.component)?;
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| folder.join(file_name(&built.module_path)));
    write_whole(&path, &built.component)?;
    print(places, &path, &built);
    Ok(Answer::Yes)
}

fn file_name(module: &Path) -> PathBuf {
    let stem = module
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .replace('_', "-");
    PathBuf::from(format!("{stem}.wasm"))
}

fn print(places: &Places, path: &Path, built: &BuiltGuest) {
    let digest = format!("sha256:{}", built.digest);
    if places.json {
        say_json(&json!({ "component": path, "digest": digest, "bytes": built.component.len() }));
        return;
    }
    pairs(&[
        ("component", path.display().to_string()),
        ("digest", digest),
        ("size", format!("{} bytes", built.component.len())),
    ]);
    say("");
    let path = path.display();
    say(&format!(
        "next: counterfoil backtest --component {path} --snapshot ID --risk research"
    ));
}
