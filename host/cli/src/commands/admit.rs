//! Admits a component: admission checks, compilation in a child process, storage by digest.

use std::fs::Metadata;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use counterfoil_base::digest::Digest;
use counterfoil_os::files::read_plain;
use counterfoil_runner::run::component::{CompiledComponent, compile_component};
use counterfoil_runner::store::symbols::{ComponentSymbols, SYMBOLS_BYTES_MAX};
use counterfoil_sandbox::admission::COMPONENT_BYTES_MAX;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{Manifest, digest};

use crate::cli_context::CliContext;
use crate::output::warn;

/// Admits the component that `text` names, a file or the digest of one used before; returns its digest
/// and its description.
pub(crate) fn component(
    cli: &CliContext,
    text: &str,
    limits: &SandboxLimits,
    engine: &EngineSettings,
) -> Result<(Digest, CompiledComponent)> {
    let path = Path::new(text);
    let bytes = if path.is_file() {
        read_plain(path, COMPONENT_BYTES_MAX.saturating_add(1))?
    } else if let Ok(digest) = digest("component", text) {
        cli.data.component(&digest)?
    } else {
        bail!("no component {text:?}: expected a file, or sha256: and 64 hex digits");
    };
    admit(cli, path, &bytes, limits, engine)
}

/// Admits the component of a manifest from its file.
pub(crate) fn of_manifest(cli: &CliContext, manifest: &Manifest, file: &str) -> Result<()> {
    let path = Path::new(file);
    let bytes = read_plain(path, COMPONENT_BYTES_MAX.saturating_add(1))?;
    let digest = Digest::of(&bytes).to_string();
    // The manifest is the run's identity. Running other bytes under it would give a journal whose component cannot be
    // found.
    if digest != manifest.component {
        bail!(
            "{file} is {digest}, but the manifest names {}; give the component that it names",
            manifest.component
        );
    }
    let engine = cli.engine("cranelift")?;
    admit(cli, path, &bytes, &manifest.limits, &engine).map(|_| ())
}

/// Compiles a component and stores it.
fn admit(
    cli: &CliContext,
    path: &Path,
    bytes: &[u8],
    limits: &SandboxLimits,
    engine: &EngineSettings,
) -> Result<(Digest, CompiledComponent)> {
    let ready = compile_component(bytes, limits, engine.clone())
        .with_context(|| format!("cannot admit {}", path.display()))?;
    // Stored under the digest of the bytes that were compiled, and only when they were: from here on the file that was
    // named may change without changing what runs, and what is refused leaves nothing behind.
    let digest = cli.data.put_component(bytes)?;
    keep_symbols(cli, path, &digest);
    Ok((digest, ready))
}

/// Keeps the symbols file beside a component's file, if there is one and it is this component's. They are only shown,
/// so a run does not fail for them.
fn keep_symbols(cli: &CliContext, component: &Path, digest: &Digest) {
    if let Err(error) = try_keep_symbols(cli, component, digest) {
        warn(&format!("its symbols are not kept: {error:#}"));
    }
}

fn try_keep_symbols(cli: &CliContext, component: &Path, digest: &Digest) -> Result<()> {
    let path = component.with_extension("symbols");
    let Some(length) = path.metadata().ok().filter(Metadata::is_file) else {
        return Ok(());
    };
    let name = path.display();
    if length.len() > SYMBOLS_BYTES_MAX {
        warn(&format!(
            "{name} has more than {SYMBOLS_BYTES_MAX} bytes, and is not used"
        ));
        return Ok(());
    }
    let text = String::from_utf8_lossy(&read_plain(&path, SYMBOLS_BYTES_MAX)?).into_owned();
    match ComponentSymbols::parse(&text, digest) {
        Ok(_) => cli.data.put_symbols(digest, &text)?,
        Err(error) => warn(&format!("{name} is not used: {error}")),
    }
    Ok(())
}
