//! `new`: creates a strategy crate that builds and passes its test.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::args::NewArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_json, print_line};

/// How deep the template's directories may be.
const DEPTH_MAX: usize = 4;

pub(crate) fn run(cli: &CliContext, args: &NewArgs) -> Result<CommandAnswer> {
    check_name(&args.name)?;
    let sdk = args
        .sdk
        .clone()
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../sdk-rust"));
    let sdk = sdk
        .canonicalize()
        .with_context(|| format!("no SDK at {}; give its directory with --sdk", sdk.display()))?;
    let folder = env::current_dir()?.join(&args.name);
    if folder.exists() {
        bail!(
            "{} exists already; choose another name or move it away",
            folder.display()
        );
    }
    // Written under another name and renamed last: a crash leaves a hidden folder, never half a crate
    // under the name that the author asked for.
    let temp = env::current_dir()?.join(format!(".tmp-{}", args.name));
    let made = copy(
        &sdk.join("template"),
        &temp,
        &|text| {
            text.replace("{{name}}", &args.name)
                .replace("{{name_snake}}", &args.name.replace('-', "_"))
                .replace("{{sdk_path}}", &sdk.display().to_string())
        },
        DEPTH_MAX,
    );
    let renamed = made.and_then(|()| {
        fs::rename(&temp, &folder).with_context(|| format!("cannot rename {}", temp.display()))
    });
    if let Err(error) = renamed {
        let _best_effort = fs::remove_dir_all(&temp);
        return Err(error);
    }
    if cli.json {
        print_json(&json!({ "name": args.name, "folder": folder }));
    } else {
        let name = &args.name;
        print_line(&format!("created {}", folder.display()));
        print_line(&format!(
            "next: cd {name} && cargo test && counterfoil build"
        ));
    }
    Ok(CommandAnswer::Yes)
}

fn check_name(name: &str) -> Result<()> {
    let word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    // The name becomes a directory, a crate and part of a path in generated code, so nothing else
    // is let through.
    if name.len() > 64 || !name.split('-').all(word) {
        bail!("invalid strategy name {name:?}: expected kebab-case, such as my-strategy");
    }
    Ok(())
}

/// Copies a directory, filling in texts and dropping the ending `.in` of file names.
fn copy(from: &Path, to: &Path, fill: &dyn Fn(&str) -> String, depth: usize) -> Result<()> {
    fs::create_dir(to).with_context(|| format!("cannot create {}", to.display()))?;
    let entries =
        fs::read_dir(from).with_context(|| format!("no template at {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if depth > 0 {
                copy(&entry.path(), &to.join(name), fill, depth.saturating_sub(1))?;
            }
            continue;
        }
        // Files of the template end in .in, so that cargo takes none of them for a package of the
        // SDK's workspace.
        let text = fs::read_to_string(entry.path())?;
        let name = name.strip_suffix(".in").unwrap_or(&name);
        fs::write(to.join(name), fill(&text))?;
    }
    Ok(())
}
