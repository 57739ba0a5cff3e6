//! Evidence about a component that is gained by running it: each check gives facts, and the reasons why they are not good
//! enough. It must never know who asks, and never sign.

mod store;
mod thresholds;

use counterfoil_journal::consistency::TreeHead;
use counterfoil_sandbox::admission;
use counterfoil_sandbox::engine::{EngineSettings, settings_digest};
use counterfoil_snapshot::quality::findings::Severity;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{DataSource, Manifest, WORLD};
use serde_json::{Value, json};

use crate::run::component::compile_component;
use crate::run::inputs::{InputsError, snapshot_store};
use crate::run::journal::{ReadJournalError, journal_head};
use crate::run::replay::{ReplayError, ReplayReport, replay};
use crate::store::data_dir::{DataDir, Execution};
use crate::study::lookahead;

pub use store::{EvidenceStore, EvidenceStoreError};
pub use thresholds::{RunThresholds, ThresholdsError, check_thresholds, with_added_slippage};

/// Outcome of a check.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EvidenceCheck {
    /// Why the check failed, one sentence each; empty if it passed.
    pub reasons: Vec<String>,
    /// The facts, as a JSON object.
    pub facts: Value,
}

impl EvidenceCheck {
    /// Whether every check passed.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Receives the number of replayed decisions.
pub type ProgressCallback<'a> = &'a mut (dyn FnMut(u64) + Send);

/// Checks that a component is admitted, compiles, and describes itself.
#[must_use]
pub fn check_admission(
    bytes: &[u8],
    limits: &SandboxLimits,
    engine: EngineSettings,
) -> EvidenceCheck {
    let admitted = admission::check(bytes);
    let class = admitted.as_ref().ok().map(|class| class.name());
    let found = admitted
        .map_err(|error| error.to_string())
        .and_then(|_| compile_component(bytes, limits, engine).map_err(|error| error.to_string()));
    let mut facts = json!({
        "bytes": bytes.len(),
        "compile-class": class,
        "world": WORLD,
        "engine": settings_digest(),
        "limits": limits,
    });
    match found {
        Ok(ready) => {
            let description = ready.description;
            facts["name"] = json!(description.name);
            facts["version"] = json!(description.version);
            facts["author"] = json!(description.author);
            facts["warm-up"] = json!(description.warm_up);
            let reasons = Vec::new();
            EvidenceCheck { reasons, facts }
        }
        Err(reason) => {
            let reasons = vec![format!("not admitted: {reason}")];
            EvidenceCheck { reasons, facts }
        }
    }
}

/// Checks that every file of the manifest's snapshot is as it was written, and that no error of its quality checks is
/// open.
///
/// # Errors
///
/// Returns [`InputsError`] if the snapshot cannot be read, or was changed.
pub fn check_quality(data: &DataDir, manifest: &Manifest) -> Result<EvidenceCheck, InputsError> {
    let DataSource::Snapshot { id, .. } = &manifest.data else {
        let reasons = vec!["the manifest names a feed, not a snapshot".to_owned()];
        let facts = json!({ "snapshot": null });
        return Ok(EvidenceCheck { reasons, facts });
    };
    let store = snapshot_store(data)?;
    let snapshot = store.load(&store.resolve(id)?)?;
    // Every file is read. The snapshot's manifest alone would vouch for bars that were edited after their checks.
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

/// Checks that a run replays as recorded on each of these back ends, of which there must be two or more.
///
/// # Errors
///
/// Returns [`ReplayError`] if the run could not be replayed.
pub fn check_replays(
    data: &DataDir,
    execution: &Execution,
    engines: Vec<(&str, EngineSettings)>,
    progress: ProgressCallback<'_>,
) -> Result<EvidenceCheck, ReplayError> {
    let (mut reasons, mut all) = (Vec::new(), Vec::new());
    // One back end would agree with itself: a miscompiled component replays as recorded on the compiler that made it.
    if engines.len() < 2 {
        reasons.push("one back end cannot be compared with another".to_owned());
    }
    let mut facts = run_facts(execution)?;
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

/// Checks that every decision replays as recorded while every later slice is garbage.
///
/// # Errors
///
/// Returns [`ReplayError`] if the run could not be replayed.
pub fn check_look_ahead(
    data: &DataDir,
    execution: &Execution,
    engine: EngineSettings,
    progress: ProgressCallback<'_>,
) -> Result<EvidenceCheck, ReplayError> {
    let mut reasons = Vec::new();
    let found = lookahead::audit(data, execution, engine, progress)?;
    judge(&found, "over garbage", &mut reasons);
    let mut facts = run_facts(execution)?;
    facts["decisions"] = json!(found.decisions);
    facts["decision-digest"] = digest(&found);
    Ok(EvidenceCheck { reasons, facts })
}

/// Which run was looked at, and what its journal held: another one of the same run id is not what was attested.
fn run_facts(execution: &Execution) -> Result<Value, ReadJournalError> {
    Ok(json!({
        "run-id": execution.run,
        "execution": execution.number,
        "journal": head_facts(&journal_head(&execution.journal())?),
    }))
}

/// A journal's head in a statement.
pub(crate) fn head_facts(head: &TreeHead) -> Value {
    json!({ "size": head.size, "root": hex::encode(head.root.0) })
}

fn digest(found: &ReplayReport) -> Value {
    json!(found.decision_digest)
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
    // An open run agrees with its replay up to the crash. As evidence it would show only the part that went well.
    } else if !found.closed {
        reasons.push("the run was not closed".to_owned());
    }
    reasons.len() == before
}
