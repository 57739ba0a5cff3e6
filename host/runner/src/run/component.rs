//! A component prepared for a run: admitted, compiled, described, its parameters parsed. It must never know where
//! the bars come from.

use std::sync::Arc;

use counterfoil_base::digest::Digest;
use counterfoil_sandbox::arguments::{ArgumentError, parse_arguments};
use counterfoil_sandbox::compile::{CompileError, LoadedComponent, load};
use counterfoil_sandbox::describe::{DescribeError, Description, describe};
use counterfoil_sandbox::engine::{EngineSettings, settings_digest};
use counterfoil_sandbox::setup::GuestSetup;
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_sandbox::watchdog::Watchdog;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{Manifest, ManifestError, RunSetup};

use crate::run::mismatch::ManifestMismatch;
use crate::store::data_dir::{DataDir, DataDirError};

/// Why a component could not be prepared for a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Mismatch(#[from] ManifestMismatch),
    /// The strategy does not trade such bars, or so many instruments.
    #[error("{strategy} {wants}, the run has {has}")]
    Unsuited {
        strategy: String,
        wants: String,
        has: String,
    },
    /// The component was not admitted, or does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error(transparent)]
    Describe(#[from] DescribeError),
    /// The manifest's parameters are not the component's.
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
    #[error("cannot start a thread for the component: {0}")]
    Thread(std::io::Error),
}

/// A compiled component with its own description.
#[derive(Clone, Debug)]
pub struct CompiledComponent {
    pub compiled: LoadedComponent,
    pub description: Description,
}

/// Admits, compiles and describes a component, for runs with as much fuel a call as `settings` have room for.
///
/// # Errors
///
/// Returns [`ComponentError`] if the component is not admitted, or faults while it describes itself.
pub fn compile_component(
    bytes: &[u8],
    limits: &SandboxLimits,
    settings: EngineSettings,
) -> Result<CompiledComponent, ComponentError> {
    let compiled = load(settings, bytes)?;
    let stack = compiled.engine().settings().thread_stack_bytes();
    let description =
        guest_thread(stack, || describe(&compiled, limits)).map_err(ComponentError::Thread)??;
    Ok(CompiledComponent {
        compiled,
        description,
    })
}

/// Compiles the manifest's component, and the setup that its `init` receives.
///
/// # Errors
///
/// Returns [`ComponentError`] if the component is missing, was changed, or contradicts the manifest.
pub fn compile_for_manifest(
    data: &DataDir,
    manifest: &Manifest,
    setup: &RunSetup,
    settings: EngineSettings,
) -> Result<(CompiledComponent, GuestSetup), ComponentError> {
    let bytes = data.component(&setup.component)?;
    // The stack is the engine's, so the engine is made for the run's limits.
    let settings = settings.for_limits(&manifest.limits, setup.instruments.len());
    let ready = compile_component(&bytes, &manifest.limits, settings)?;
    let guest = guest_setup(&ready, manifest, setup)?;
    Ok((ready, guest))
}

/// The setup that the component's `init` receives.
///
/// # Errors
///
/// Returns [`ComponentError`] if the manifest names another component, or contradicts it.
pub fn guest_setup(
    ready: &CompiledComponent,
    manifest: &Manifest,
    setup: &RunSetup,
) -> Result<GuestSetup, ComponentError> {
    // The settings decide fuel and traps, so another engine could decide another way on the same bars. A run
    // never starts with a digest that its replay could not reproduce.
    let ours = settings_digest();
    if ours != setup.engine {
        return Err(ManifestMismatch {
            subject: "the engine-settings digest",
            place: "this host",
            found: ours.to_string(),
            stated: manifest.engine.clone(),
            hint: "use the host version that made the manifest, or make a new manifest",
        }
        .into());
    }
    // The cache of compiled components is looked up by name, and a caller may pass the wrong one: what runs is
    // the component that the manifest's digest names, or nothing.
    if ready.compiled.digest() != setup.component {
        return Err(ManifestMismatch {
            subject: "the component",
            place: "the compiled component",
            found: ready.compiled.digest().to_string(),
            stated: manifest.component.clone(),
            hint: "compile the component that the manifest names",
        }
        .into());
    }
    check_description(&ready.description, manifest, setup)?;
    Ok(GuestSetup {
        instruments: setup.instruments.clone(),
        arguments: parse_arguments(&ready.description, &manifest.parameters)?,
        seed: setup.seed,
    })
}

/// A compiled component with the only watchdog of its engine: with two, every deadline would come twice as early.
/// Clones are cheap and may run at the same time.
#[derive(Clone, Debug)]
pub struct SharedComponent {
    ready: CompiledComponent,
    _watchdog: Arc<Watchdog>,
}

impl SharedComponent {
    /// Compiles the manifest's component.
    ///
    /// # Errors
    ///
    /// As [`compile_for_manifest`], and if the watchdog's thread could not be started.
    pub fn new(
        data: &DataDir,
        manifest: &Manifest,
        setup: &RunSetup,
        settings: EngineSettings,
    ) -> Result<Self, ComponentError> {
        let (ready, _setup) = compile_for_manifest(data, manifest, setup, settings)?;
        let watchdog = Watchdog::start(ready.compiled.engine()).map_err(ComponentError::Thread)?;
        Ok(Self {
            ready,
            _watchdog: Arc::new(watchdog),
        })
    }
}

/// A component compiled for the run of one manifest, with the setup that its `init` receives.
#[derive(Debug)]
pub struct PreparedComponent {
    run: Digest,
    shared: SharedComponent,
    pub(crate) setup: GuestSetup,
}

impl PreparedComponent {
    /// Compiles and prepares the component of a manifest.
    ///
    /// # Errors
    ///
    /// Returns [`ComponentError`] if it is missing, was changed, or contradicts the manifest.
    pub fn new(
        data: &DataDir,
        manifest: &Manifest,
        setup: &RunSetup,
        engine: EngineSettings,
    ) -> Result<Self, ComponentError> {
        let shared = SharedComponent::new(data, manifest, setup, engine)?;
        Self::share(&shared, manifest, setup)
    }

    /// Prepares a component that other runs may use at the same time for this manifest.
    ///
    /// # Errors
    ///
    /// Returns [`ComponentError`] if it contradicts the manifest.
    pub fn share(
        shared: &SharedComponent,
        manifest: &Manifest,
        setup: &RunSetup,
    ) -> Result<Self, ComponentError> {
        Ok(Self {
            run: manifest.run_id()?,
            setup: guest_setup(&shared.ready, manifest, setup)?,
            shared: shared.clone(),
        })
    }

    /// Checks that the component was prepared for `run`.
    pub(crate) fn check_run(&self, run: &Digest) -> Result<(), ManifestMismatch> {
        // Parameters are part of the prepared setup: another run's would be decided and journaled under this run's id.
        if self.run == *run {
            return Ok(());
        }
        Err(ManifestMismatch {
            subject: "the run",
            place: "the prepared component",
            found: self.run.hex(),
            stated: run.hex(),
            hint: "prepare the component for this run",
        })
    }

    /// The settings of the component's engine.
    #[must_use]
    pub fn engine(&self) -> &EngineSettings {
        self.shared.ready.compiled.engine().settings()
    }

    /// The compiled component.
    pub(crate) const fn compiled(&self) -> &LoadedComponent {
        &self.shared.ready.compiled
    }

    /// The id of the run that it is prepared for.
    #[must_use]
    pub const fn run(&self) -> &Digest {
        &self.run
    }
}

fn check_description(
    description: &Description,
    manifest: &Manifest,
    setup: &RunSetup,
) -> Result<(), ComponentError> {
    let wants = |wants: String, has: String| {
        Err(ComponentError::Unsuited {
            strategy: description.name.clone(),
            wants,
            has,
        })
    };
    // The manifest states the warm-up so that the run id covers it. Taken from the component at each start, a host bug
    // could let orders through earlier in a replay than in the run.
    if description.warm_up != manifest.warm_up {
        return Err(ManifestMismatch {
            subject: "the warm-up",
            place: "the component",
            found: description.warm_up.to_string(),
            stated: manifest.warm_up.to_string(),
            hint: "set warm-up to the component's value",
        }
        .into());
    }
    let count = u32::try_from(setup.instruments.len()).unwrap_or(u32::MAX);
    if count < description.instruments_min {
        let least = description.instruments_min;
        return wants(
            format!("needs at least {least} instruments"),
            count.to_string(),
        );
    }
    if let Some(most) = description.instruments_max.filter(|most| count > *most) {
        let hint = "choose with --instruments";
        return wants(
            format!("takes at most {most} instruments"),
            format!("{count}; {hint}"),
        );
    }
    match description
        .timeframe
        .filter(|timeframe| *timeframe != setup.timeframe)
    {
        Some(timeframe) => wants(
            format!("needs bars of {timeframe}"),
            format!("bars of {}", setup.timeframe),
        ),
        None => Ok(()),
    }
}
