//! Lets a component in: admission, compilation in a child process, a place under its digest.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use counterfoil_base::digest::Digest;
use counterfoil_os::files::read_whole;
use counterfoil_runner::run::component::{CompiledComponent, compile_component};
use counterfoil_sandbox::admission;
use counterfoil_sandbox::child::{CompileLimits, compile_in_child};
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::digest;

use crate::places::Places;

/// The component that `text` means, a file or the digest of one used before; its digest and what
/// it says of itself.
pub(crate) fn component(
    places: &Places,
    text: &str,
    limits: &SandboxLimits,
    engine: &EngineSettings,
) -> Result<(Digest, CompiledComponent)> {
    let path = Path::new(text);
    let bytes = if path.is_file() {
        read_whole(path)?
    } else if let Ok(digest) = digest("component", text) {
        places.data.component(&Digest(digest))?
    } else {
        bail!("no component {text:?}: it is neither a file nor sha256: and 64 hex digits");
    };
    admission::check(&bytes).with_context(|| format!("{text} is not admitted"))?;
    let digest = places.data.put_component(&bytes)?;
    compile(places, &digest, engine).with_context(|| format!("{text} is not admitted"))?;
    let ready = compile_component(&bytes, limits, engine.clone())?;
    Ok((digest, ready))
}

/// Compiles in a process of its own, whose limits a compile bomb cannot get past. What it made
/// comes out of the cache afterwards.
fn compile(places: &Places, digest: &Digest, engine: &EngineSettings) -> Result<()> {
    let program = std::env::current_exe().context("this program's own path")?;
    let mut child = Command::new(program);
    child
        .arg("compile-component")
        .arg(places.data.component_path(digest));
    child
        .arg(places.data.compiled())
        .arg(super::compile::name_of(engine));
    child.arg(engine.fuel_max.to_string());
    Ok(compile_in_child(&mut child, CompileLimits::default())?)
}
