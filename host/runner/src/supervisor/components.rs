//! Components that are ready, so that a thousand runs of one strategy compile it once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_trading::manifest::{Manifest, RunSetup};

use crate::run::component::{ComponentError, SharedComponent};
use crate::store::data_dir::DataDir;

/// Components kept ready: each may be many MiB of code.
const READY_MAX: usize = 64;

/// What one is called by: its digest, and the most fuel of a call, which its engine is made for.
type Name = ([u8; 32], u64);

/// Components that are ready.
#[derive(Debug, Default)]
pub(super) struct Components {
    ready: Mutex<BTreeMap<Name, SharedComponent>>,
}

impl Components {
    /// The manifest's component, made ready if it is not. Whoever starts a run waits for another
    /// start's compilation here; no run that is under way does.
    pub(super) fn get(
        &self,
        data: &DataDir,
        manifest: &Manifest,
        setup: &RunSetup,
        engine: &EngineSettings,
    ) -> Result<SharedComponent, ComponentError> {
        let fuel = engine.clone().for_limits(&manifest.limits).fuel_max;
        let name = (setup.component, fuel);
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = ready.get(&name) {
            return Ok(found.clone());
        }
        let made = SharedComponent::new(data, manifest, setup, engine.clone())?;
        if ready.len() >= READY_MAX {
            ready.pop_first();
        }
        ready.insert(name, made.clone());
        Ok(made)
    }
}
