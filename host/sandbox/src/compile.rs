//! Component bytes to something that can be started. It must never see a component that was not
//! admitted.

use core::fmt;

use counterfoil_base::digest::Digest;
use wasmtime::component::Component;

use crate::admission::{self, AdmissionError};
use crate::engine::Engine;
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

/// Admits and compiles a component, or takes the compiled code from the engine's cache.
///
/// Compilation has no limit of its own here. For bytes from outside call
/// [`crate::child::compile_in_child`] first: then the code is in the cache.
///
/// # Errors
///
/// Returns [`CompileError`] if the component is not admitted or does not compile.
pub fn load(engine: &Engine, bytes: &[u8]) -> Result<LoadedComponent, CompileError> {
    // Never skipped, also where the cache has the code: the cache is a folder, and its owner may have changed the rules since.
    admission::check(bytes)?;
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
