//! Component bytes to something that can be started. It must never see a component that was not
//! admitted.

use core::fmt;
use std::path::Path;

use counterfoil_base::digest::Digest;
use wasmtime::component::Component;

use crate::admission::{self, AdmissionError};
use crate::child::{ChildError, compile_in_child};
use crate::code_cache::{CodeCacheError, has_code};
use crate::compile_class::CompileClass;
use crate::engine::{Engine, EngineError, EngineSettings};
use crate::imports;
use crate::state::GuestState;
use crate::wit;

/// Why there is nothing to start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    #[error("the component is not admitted")]
    NotAdmitted(#[from] AdmissionError),
    #[error("the component does not compile: {reason}")]
    Refused { reason: String },
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error(transparent)]
    Cache(#[from] CodeCacheError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(
        "the compiled code in {path} is gone or incomplete: is its disk full? Run the command again"
    )]
    NotThere { path: String },
    #[error("cannot make a folder for compiled code")]
    Folder(std::io::Error),
}

/// A compiled component, bound to its engine. Cloning is cheap.
#[derive(Clone)]
pub struct LoadedComponent {
    engine: Engine,
    digest: Digest,
    pre: wit::StrategyPre<GuestState>,
}

impl fmt::Debug for LoadedComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedComponent")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl LoadedComponent {
    /// What it was compiled from.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What it was compiled for.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn pre(&self) -> &wit::StrategyPre<GuestState> {
        &self.pre
    }
}

/// Admits and compiles a component from anybody: in the settings' child process, into the settings' cache, or takes the
/// authenticated code that is there.
///
/// # Errors
///
/// Returns [`CompileError`] if the component is not admitted, or does not compile within the limits of its class.
pub fn load(settings: EngineSettings, bytes: &[u8]) -> Result<LoadedComponent, CompileError> {
    // Never skipped, also where the code is there: the cache outlives the rules of the host that filled it.
    let class = admission::check(bytes)?;
    let digest = Digest::of(bytes);
    let compile = |folder: &Path| compile_into(&settings, class, folder, bytes);
    if let Some(cache) = &settings.cache {
        let folder = cache.code_of(&digest, &settings.code_digest(), compile)?;
        return load_compiled(settings, &folder, bytes);
    }
    if settings.child.is_none() {
        return link(&Engine::new(settings)?, bytes);
    }
    let folder = tempfile::tempdir().map_err(CompileError::Folder)?;
    compile(folder.path())?;
    // The folder goes away at the end of this function: the code is in memory by then.
    load_compiled(settings, folder.path(), bytes)
}

/// Takes the code that is in the folder. wasmtime would compile what it does not find there, in this process and without
/// a limit.
fn load_compiled(
    settings: EngineSettings,
    folder: &Path,
    bytes: &[u8],
) -> Result<LoadedComponent, CompileError> {
    let not_there = || CompileError::NotThere {
        path: folder.display().to_string(),
    };
    if !has_code(folder)? {
        return Err(not_there());
    }
    let engine = Engine::with_code(settings, Some(folder))?;
    let loaded = link(&engine, bytes)?;
    // Removed between the two looks, by another process that makes room: rare, and what was compiled had been
    // compiled within the limits before. It is refused so that no other way in stays unseen.
    if !engine.found_code() {
        return Err(not_there());
    }
    Ok(loaded)
}

/// Compiles into a folder, in a child process where the settings name its program.
fn compile_into(
    settings: &EngineSettings,
    class: CompileClass,
    folder: &Path,
    bytes: &[u8],
) -> Result<(), CompileError> {
    if let Some(program) = &settings.child {
        return Ok(compile_in_child(program, settings, class, folder, bytes)?);
    }
    let engine = Engine::with_code(settings.clone(), Some(folder))?;
    link(&engine, bytes).map(|_| ())
}

/// Admits and compiles a component in this process, without a limit of time or memory: for the compile process
/// itself, and for components of one's own in tests. [`load`] is for bytes from anybody else.
///
/// # Errors
///
/// Returns [`CompileError`] if the component is not admitted or does not compile.
pub fn compile_here(engine: &Engine, bytes: &[u8]) -> Result<LoadedComponent, CompileError> {
    admission::check(bytes)?;
    link(engine, bytes)
}

/// Compiles an admitted component, or takes its code from the engine's folder, and resolves its imports.
fn link(engine: &Engine, bytes: &[u8]) -> Result<LoadedComponent, CompileError> {
    let refused = |error: wasmtime::Error| CompileError::Refused {
        reason: crate::cut::bounded(format!("{error:#}"), crate::fault::TRACE_BYTES_MAX),
    };
    let component = Component::from_binary(engine.inner(), bytes).map_err(refused)?;
    let linker = imports::linker(engine.inner()).map_err(refused)?;
    // Every import is resolved now, from a linker that knows the contract only: nothing is looked up at run time.
    let pre = linker.instantiate_pre(&component).map_err(refused)?;
    Ok(LoadedComponent {
        engine: engine.clone(),
        digest: Digest::of(bytes),
        pre: wit::StrategyPre::new(pre).map_err(refused)?,
    })
}
