//! A component made ready: admitted, compiled, and its parameters understood.

use counterfoil_sandbox::arguments::parse_arguments;
use std::sync::Arc;

use counterfoil_sandbox::compile::{CompiledComponent, load};
use counterfoil_sandbox::describe::{Description, describe};
use counterfoil_sandbox::engine::{Engine, EngineSettings, settings_digest};
use counterfoil_sandbox::setup::GuestSetup;
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_sandbox::watchdog::Watchdog;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{Manifest, RunSetup};

use crate::error::RunnerError;
use crate::store::data_dir::DataDir;

/// A component, compiled, with what it says of itself.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The compiled component.
    pub compiled: CompiledComponent,
    /// What it says of itself.
    pub description: Description,
}

/// Admits, compiles and describes a component.
///
/// # Errors
///
/// Returns [`RunnerError`] if the component is refused or is at fault already.
pub fn ready(
    bytes: &[u8],
    limits: &SandboxLimits,
    settings: EngineSettings,
) -> Result<Ready, RunnerError> {
    let engine = Engine::new(settings.for_limits(limits))?;
    let compiled = load(&engine, bytes)?;
    let stack = engine.settings().thread_stack_bytes();
    let description =
        guest_thread(stack, || describe(&compiled, limits)).map_err(RunnerError::Thread)??;
    Ok(Ready {
        compiled,
        description,
    })
}

/// Makes the manifest's component ready, and what its `init` will be told.
///
/// # Errors
///
/// Returns [`RunnerError`] if the manifest and the component do not agree.
pub fn ready_for(
    data: &DataDir,
    manifest: &Manifest,
    setup: &RunSetup,
    settings: EngineSettings,
) -> Result<(Ready, GuestSetup), RunnerError> {
    let bytes = data.component(&setup.component)?;
    let ready = ready(&bytes, &manifest.limits, settings)?;
    let guest = setup_for(&ready, manifest, setup)?;
    Ok((ready, guest))
}

/// What the `init` of a component that is ready will be told.
///
/// # Errors
///
/// Returns [`RunnerError`] if the manifest names another component, or they do not agree.
pub fn setup_for(
    ready: &Ready,
    manifest: &Manifest,
    setup: &RunSetup,
) -> Result<GuestSetup, RunnerError> {
    let ours = settings_digest();
    if ours != setup.engine {
        return Err(RunnerError::Disagrees {
            what: "the engine-settings digest",
            place: "this host",
            found: format!("sha256:{}", hex::encode(ours)),
            stated: manifest.engine.clone(),
            way_on: "use the host version that made the manifest, or make a new manifest",
        });
    }
    if ready.compiled.digest().0 != setup.component {
        return Err(RunnerError::Disagrees {
            what: "the component",
            place: "what was made ready",
            found: format!("sha256:{}", ready.compiled.digest()),
            stated: manifest.component.clone(),
            way_on: "make the manifest's own component ready",
        });
    }
    check_description(&ready.description, manifest, setup)?;
    Ok(GuestSetup {
        instruments: setup.instruments.clone(),
        arguments: parse_arguments(&ready.description, &manifest.parameters)?,
        seed: setup.seed,
    })
}

/// A component that is ready, with the one watchdog of its engine: two of them would make every
/// deadline come twice as early. Cloning is cheap, and the clones may run at the same time.
#[derive(Clone, Debug)]
pub struct Shared {
    pub(crate) ready: Ready,
    _watchdog: Arc<Watchdog>,
}

impl Shared {
    /// Makes the manifest's component ready.
    ///
    /// # Errors
    ///
    /// As [`ready_for`], and if there is no thread to be had.
    pub fn new(
        data: &DataDir,
        manifest: &Manifest,
        setup: &RunSetup,
        settings: EngineSettings,
    ) -> Result<Self, RunnerError> {
        let (ready, _told) = ready_for(data, manifest, setup, settings)?;
        let watchdog = Watchdog::start(ready.compiled.engine()).map_err(RunnerError::Thread)?;
        Ok(Self {
            ready,
            _watchdog: Arc::new(watchdog),
        })
    }
}

fn check_description(
    description: &Description,
    manifest: &Manifest,
    setup: &RunSetup,
) -> Result<(), RunnerError> {
    let wants = |wants: String, has: String| {
        Err(RunnerError::BarsWanted {
            strategy: description.name.clone(),
            wants,
            has,
        })
    };
    if description.warm_up != manifest.warm_up {
        return Err(RunnerError::Disagrees {
            what: "the warm-up",
            place: "the component",
            found: description.warm_up.to_string(),
            stated: manifest.warm_up.to_string(),
            way_on: "set warm-up to the component's value",
        });
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
        let way_on = "choose with --instruments";
        return wants(
            format!("takes at most {most} instruments"),
            format!("{count}; {way_on}"),
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
