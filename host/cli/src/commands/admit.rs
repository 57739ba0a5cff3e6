//! Admits a component: admission checks, compilation in a child process, storage by digest.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use counterfoil_base::digest::Digest;
use counterfoil_os::files::read_whole;
use counterfoil_runner::run::component::{CompiledComponent, compile_component};
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::digest;

use crate::cli_context::CliContext;

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
        read_whole(path)?
    } else if let Ok(digest) = digest("component", text) {
        cli.data.component(&digest)?
    } else {
        bail!("no component {text:?}: expected a file, or sha256: and 64 hex digits");
    };
    let ready = compile_component(&bytes, limits, engine.clone())
        .with_context(|| format!("cannot admit {text}"))?;
    // Stored under the digest of the bytes that were compiled, and only when they were: from here on the file that was
    // named may change without changing what runs, and what is refused leaves nothing behind.
    let digest = cli.data.put_component(&bytes)?;
    Ok((digest, ready))
}
