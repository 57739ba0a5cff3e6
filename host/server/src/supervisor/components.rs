//! Compiled components, shared so that a thousand runs of one strategy compile it once. It must never keep more of
//! them than its bound.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use counterfoil_base::digest::Digest;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_trading::manifest::{Manifest, RunSetup};

use counterfoil_runner::run::component::{ComponentError, SharedComponent};
use counterfoil_runner::store::data_dir::DataDir;

/// Components kept: each may be many MiB of code.
const READY_MAX: usize = 64;

/// Digest of the component and the bytes of stack that its engine is made for.
type ComponentKey = (Digest, usize);

/// The compiled components.
#[derive(Debug, Default)]
pub(super) struct ComponentCache {
    ready: Mutex<BTreeMap<ComponentKey, SharedComponent>>,
}

impl ComponentCache {
    /// The compiled component of a manifest. A start waits here for the compilation of another; no
    /// run in progress does.
    pub(super) fn get(
        &self,
        data: &DataDir,
        manifest: &Manifest,
        setup: &RunSetup,
        engine: &EngineSettings,
    ) -> Result<SharedComponent, ComponentError> {
        let settings = engine.clone();
        let settings = settings.for_limits(&manifest.limits, setup.instruments.len());
        let name = (setup.component, settings.stack_bytes());
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = ready.get(&name) {
            return Ok(found.clone());
        }
        let made = SharedComponent::new(data, manifest, setup, engine.clone())?;
        // The first by digest, not the oldest: runs that use it keep their own reference, and the
        // bound is all that matters here.
        if ready.len() >= READY_MAX {
            ready.pop_first();
        }
        ready.insert(name, made.clone());
        Ok(made)
    }
}
