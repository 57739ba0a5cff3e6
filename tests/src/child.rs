//! What a process does that a test starts and kills. It must never know why.

use std::path::Path;

use counterfoil_connect::broker::bridge::BrokerBridge;
use counterfoil_runner::run::feed::BarSource;
use counterfoil_runner::run::live::live;
use counterfoil_runner::run::resume::{ResumeAttempt, ResumeDeps, ResumeOutcome, open};
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_trading::manifest::Manifest;

use crate::world::{Ignore, code_cache, signer};

/// A data directory, the manifest in it, and the engine.
pub type Place = (DataDir, Manifest, EngineSettings);

/// The place of a child, of which this variable names the folder; `None` in the test's own process.
pub fn place(variable: &str, manifest: &str) -> Option<Place> {
    let folder = std::env::var_os(variable)?;
    let folder = Path::new(&folder);
    let data = DataDir::open(folder).unwrap();
    let manifest = std::fs::read_to_string(folder.join(manifest)).unwrap();
    let manifest = Manifest::parse(&manifest).unwrap();
    let engine = EngineSettings {
        cache: Some(code_cache(&data)),
        ..EngineSettings::default()
    };
    Some((data, manifest, engine))
}

/// Starts the live run of the manifest, or resumes it if it was started.
pub fn live_or_resume<B: BarSource>(place: Place, source: B, broker: Option<BrokerBridge>) {
    let (data, manifest, engine) = place;
    let run = manifest.run_id().unwrap();
    let Some(execution) = data.executions_of(&run).unwrap().pop() else {
        live(
            &data,
            &manifest,
            engine,
            signer(),
            source,
            broker,
            &mut Ignore,
        )
        .unwrap();
        return;
    };
    let ResumeAttempt::Ready(ready) = open(&data, &execution, signer()).unwrap() else {
        panic!("the journal does not hold");
    };
    let component = ready.prepare(&data, engine).unwrap();
    let around = ResumeDeps {
        data: &data,
        component: &component,
        observer: &mut Ignore,
        on_event: &mut |_| {},
    };
    let resumed = ready.live(source, broker, around).unwrap();
    assert!(matches!(resumed, ResumeOutcome::Ended { .. }));
}
