//! What can be shown of a component by running it: each check gives facts, and whether they are
//! good enough. It must never know who asks, nor sign anything.

mod store;
mod thresholds;

use counterfoil_sandbox::admission;
use counterfoil_sandbox::engine::{EngineSettings, settings_digest};
use counterfoil_snapshot::quality::findings::Severity;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{DataSource, Manifest, WORLD};
use serde_json::{Value, json};

use crate::run::component::compile_component;
use crate::run::inputs::{InputsError, snapshot_store};
use crate::run::replay::{ReplayError, ReplayReport, replay};
use crate::store::data_dir::{DataDir, Execution};
use crate::study::lookahead;

pub use store::{EvidenceStore, EvidenceStoreError};
pub use thresholds::{RunThresholds, ThresholdsError, check_thresholds, with_added_slippage};

/// What a check found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EvidenceCheck {
    /// Why it is not good enough, one sentence each; empty if it is.
    pub reasons: Vec<String>,
    /// What was found, as a JSON object.
    pub facts: Value,
}

impl EvidenceCheck {
    /// Whether it is good enough.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Hears the number of decisions made again.
pub type ProgressCallback<'a> = &'a mut (dyn FnMut(u64) + Send);

/// Whether a component is admitted, compiles, and describes itself.
#[must_use]
pub fn check_admission(
    bytes: &[u8],
    limits: &SandboxLimits,
    engine: EngineSettings,
) -> EvidenceCheck {
    let found = admission::check(bytes)
        .map_err(|error| error.to_string())
        .and_then(|()| compile_component(bytes, limits, engine).map_err(|error| error.to_string()));
    let mut facts = json!({
        "bytes": bytes.len(),
        "world": WORLD,
        "engine": format!("sha256:{}", hex::encode(settings_digest())),
        "limits": limits,
    });
    match found {
        Ok(ready) => {
            let said = ready.description;
            facts["name"] = json!(said.name);
            facts["version"] = json!(said.version);
            facts["author"] = json!(said.author);
            facts["warm-up"] = json!(said.warm_up);
            let reasons = Vec::new();
            EvidenceCheck { reasons, facts }
        }
        Err(reason) => {
            let reasons = vec![format!("not admitted: {reason}")];
            EvidenceCheck { reasons, facts }
        }
    }
}

/// Whether every file of the manifest's snapshot is as it was written, and no error that the
/// checks found in it is open.
///
/// # Errors
///
/// Returns [`InputsError`] if it cannot be read, or was changed.
pub fn check_quality(data: &DataDir, manifest: &Manifest) -> Result<EvidenceCheck, InputsError> {
    let DataSource::Snapshot { id, .. } = &manifest.data else {
        let reasons = vec!["the manifest names a feed, not a snapshot".to_owned()];
        let facts = json!({ "snapshot": null });
        return Ok(EvidenceCheck { reasons, facts });
    };
    let store = snapshot_store(data)?;
    let snapshot = store.load(&store.resolve(id)?)?;
    let read = snapshot.verify_all()?;
    let findings = snapshot.manifest().findings.as_ref();
    let open = findings.map(|data| data.open(Severity::Error));
    let reasons = match open {
        Some(0) => Vec::new(),
        Some(open) => vec![format!(
            "{open} errors of the snapshot are open: counterfoil data report {}",
            snapshot.id()
        )],
        None => vec!["the snapshot was never checked".to_owned()],
    };
    let facts = json!({
        "snapshot": snapshot.id().to_string(),
        "bars": read.bars,
        "quarantined": read.quarantined,
        "open-errors": open,
        "rules": findings.map(|data| &data.rules),
    });
    Ok(EvidenceCheck { reasons, facts })
}

/// Whether a run comes out as recorded on every one of these back ends, which are two or more.
///
/// # Errors
///
/// Returns [`ReplayError`] if it could not be told.
pub fn check_replays(
    data: &DataDir,
    execution: &Execution,
    engines: Vec<(&str, EngineSettings)>,
    progress: ProgressCallback<'_>,
) -> Result<EvidenceCheck, ReplayError> {
    let (mut reasons, mut all) = (Vec::new(), Vec::new());
    if engines.len() < 2 {
        reasons.push("one back end cannot be compared with another".to_owned());
    }
    let mut facts = run_facts(execution);
    for (name, engine) in engines {
        let found = replay(data, execution, engine, progress)?;
        let good = judge(&found, &format!("on {name}"), &mut reasons);
        all.push(json!({
            "back-end": name,
            "identical": good,
            "decisions": found.decisions,
            "decision-digest": digest(&found),
        }));
    }
    facts["back-ends"] = Value::Array(all);
    Ok(EvidenceCheck { reasons, facts })
}

/// Whether every decision comes out as recorded while what lies beyond the bar at hand is garbage.
///
/// # Errors
///
/// Returns [`ReplayError`] if it could not be told.
pub fn check_look_ahead(
    data: &DataDir,
    execution: &Execution,
    engine: EngineSettings,
    progress: ProgressCallback<'_>,
) -> Result<EvidenceCheck, ReplayError> {
    let mut reasons = Vec::new();
    let found = lookahead::audit(data, execution, engine, progress)?;
    judge(&found, "over garbage", &mut reasons);
    let mut facts = run_facts(execution);
    facts["decisions"] = json!(found.decisions);
    facts["decision-digest"] = digest(&found);
    Ok(EvidenceCheck { reasons, facts })
}

fn run_facts(execution: &Execution) -> Value {
    json!({
        "run-id": format!("sha256:{}", execution.run),
        "execution": execution.number,
    })
}

fn digest(found: &ReplayReport) -> Value {
    let digest = found.decision_digest.map(hex::encode);
    json!(digest.map(|digits| format!("sha256:{digits}")))
}

fn judge(found: &ReplayReport, how: &str, reasons: &mut Vec<String>) -> bool {
    let before = reasons.len();
    if let Some(difference) = &found.difference {
        let index = difference.index;
        reasons.push(format!("decided again {how}, entry {index} differs"));
    } else if found.foreign_slice.is_some() {
        reasons.push(format!(
            "decided again {how}, the journal's bars are not the snapshot's"
        ));
    } else if !found.closed {
        reasons.push("the run was not closed".to_owned());
    }
    reasons.len() == before
}
