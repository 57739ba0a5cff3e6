//! What `strategies` offers to deploy runs as its own manifest states: over the real data, verified
//! and replayed. It must never change a manifest to make it run.

use std::fs;

use counterfoil_sandbox::engine::settings_digest;
use counterfoil_tests::journals::verified;
use counterfoil_tests::world::{World, project};
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::CloseReason;

#[test]
fn a_strategy_runs_by_its_manifest_and_decides_the_same_again() {
    let world = World::real();
    let folder = project().join("strategies");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let source = entry.unwrap().path();
        let Ok(text) = fs::read_to_string(source.join("manifest.json")) else {
            assert!(
                !source.join("Cargo.toml").exists(),
                "{source:?}: no manifest"
            );
            continue;
        };
        let name = source.file_name().unwrap().to_str().unwrap();
        let component = fs::read(folder.join(format!("components/{name}.wasm"))).unwrap();
        let digest = world.data.put_component(&component).unwrap();
        let manifest = Manifest::parse(&text).unwrap();
        // Each of these changes with something else in the repository: say what to write.
        let engine = settings_digest().to_string();
        assert_eq!(manifest.engine, engine, "{name}: engine in manifest.json");
        let digest = digest.to_string();
        assert_eq!(
            manifest.component, digest,
            "{name}: component in manifest.json"
        );
        let snapshot = serde_json::json!({ "snapshot":
            { "id": world.snapshot.to_string(), "from": null, "to": null } });
        let data = serde_json::to_value(&manifest.data).unwrap();
        assert_eq!(data, snapshot, "{name}: data in manifest.json");

        let outcome = world.backtest(&manifest, world.engine()).unwrap();
        assert_eq!(outcome.close.reason, CloseReason::EndOfData, "{name}");
        assert_eq!(outcome.close.decisions, 12_154, "{name}: every bar");
        assert!(outcome.close.fills > 100, "{name}: {:?}", outcome.close);
        let report = verified(&fs::read(outcome.execution.journal()).unwrap());
        assert!(report.is_good(), "{name}: {:?}", report.findings);
        let again = world.replay(&outcome).unwrap();
        assert!(again.is_identical(), "{name}: {:?}", again.difference);
        seen += 1;
    }
    assert!(seen > 0, "no strategy has a manifest");
}
