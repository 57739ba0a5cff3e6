//! `component validate`: every automatic check, each signed and kept, passed or not.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use counterfoil_approval::host_checks::{HostCheckError, check_component_bytes};
use counterfoil_approval::ledger_view::LedgerView;
use counterfoil_approval::record_json;
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{ActName, EvidenceKind};
use counterfoil_governance::rule::AccessDenial;
use counterfoil_governance::state::Access;
use counterfoil_os::files::read_whole;
use counterfoil_runner::clock::now;
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::study::evidence::{
    self, EvidenceCheck, RunThresholds, with_added_slippage,
};
use counterfoil_trading::manifest::Manifest;
use serde_json::{Value, json};

use super::evidence::{EvidenceSigner, NewEvidence};
use crate::args::ComponentValidateArgs;
use crate::cli_context::CliContext;
use crate::commands::{admit, backtest};
use crate::output::{CommandAnswer, print_json, print_line};
use crate::people::ledger_access;
use crate::people::{self, table};
use crate::progress::bar;

/// What is to be checked, and against what.
struct ComponentChecks<'a> {
    manifest: &'a Manifest,
    thresholds: RunThresholds,
}

pub(super) fn run(cli: &CliContext, args: &ComponentValidateArgs) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let component = people::component(view.state(), &args.component)?;
    let text = String::from_utf8(read_whole(&args.manifest)?)?;
    let manifest = Manifest::parse(&text).with_context(|| args.manifest.display().to_string())?;
    let check = ComponentChecks {
        manifest: &manifest,
        thresholds: thresholds(&args.thresholds)?,
    };
    let all = check.make(cli, &view, component)?;
    Ok(tell(cli, &component, &all, "review"))
}

fn thresholds(text: &str) -> Result<RunThresholds> {
    if text == "research" {
        return Ok(RunThresholds::research());
    }
    let bytes = read_whole(Path::new(text))?;
    serde_json::from_slice(&bytes).with_context(|| format!("thresholds in {text}"))
}

impl ComponentChecks<'_> {
    /// Makes every piece but the tests', which are the author's to attest.
    fn make(
        &self,
        cli: &CliContext,
        view: &LedgerView,
        component: Digest,
    ) -> Result<Vec<NewEvidence>> {
        let maker = EvidenceSigner::new(cli, view, component)?;
        let access = Access::CheckComponent(&component);
        // Before anything runs: an author who validates their own component would only waste hours
        // of computing and be denied at the end.
        let allowed = view.state().check_access(maker.by(), access, now());
        refuse_unless(cli, component, allowed.map_err(AccessDenial::from))?;
        // Evidence is about the component of its manifest. Without this check the good figures of
        // one component could be signed as those of another.
        if self.manifest.component != component.to_string() {
            let named = &self.manifest.component;
            bail!("the manifest names {named}, not {component}: give a manifest of this component");
        }
        // Read and hashed once more: what is checked must be what the ledger registered, not what
        // the file was replaced by.
        let intact = check_component_bytes(&cli.data, view.state(), &component);
        refuse_unless(cli, component, intact)?;
        let mut all = Vec::new();
        let bytes = cli.data.component(&component)?;
        let limits = &self.manifest.limits;
        let instruments = self.manifest.instruments.len();
        let engine = cli.engine("cranelift")?.for_limits(limits, instruments);
        // In a process of its own first, as for every component: a bomb ends there.
        admit::component(cli, &component.to_string(), &self.manifest.limits, &engine)?;
        let found = evidence::check_admission(&bytes, &self.manifest.limits, engine);
        all.push(maker.keep(EvidenceKind::Admission, &found)?);
        let found = evidence::check_quality(&cli.data, self.manifest)?;
        all.push(maker.keep(EvidenceKind::SnapshotQuality, &found)?);
        // Each finding is signed and stored as soon as it exists. A crash in a later check keeps
        // the earlier ones, and a failed check is kept as well: a checker cannot run until it
        // passes and show only that.
        let (outcome, _) = backtest::execute(cli, self.manifest, "cranelift")?;
        for (kind, found) in self.decided_again(cli, &outcome)? {
            all.push(maker.keep(kind, &found)?);
        }
        Ok(all)
    }

    /// What is found by running the component again.
    fn decided_again(
        &self,
        cli: &CliContext,
        outcome: &ExecutionOutcome,
    ) -> Result<Vec<(EvidenceKind, EvidenceCheck)>> {
        let bar = bar("deciding again", 0);
        let mut progress = |decisions: u64| {
            if decisions.is_multiple_of(1024) {
                bar.set_position(decisions);
            }
        };
        let (data, run) = (&cli.data, &outcome.execution);
        // Two back ends that share no code generator: a decision that depends on undefined or host
        // behaviour differs between them.
        let names = ["cranelift", "pulley"];
        let engines = names.map(|name| Ok((name, cli.engine(name)?)));
        let engines = engines.into_iter().collect::<Result<Vec<_>>>()?;
        let replay = evidence::check_replays(data, run, engines, &mut progress)?;
        let engine = cli.engine("cranelift")?;
        let ahead = evidence::check_look_ahead(data, run, engine, &mut progress)?;
        let dearer = with_added_slippage(self.manifest, &self.thresholds)?;
        let (dearer, _) = backtest::execute(cli, &dearer, "cranelift")?;
        let within = evidence::check_thresholds(data, run, &dearer.execution, &self.thresholds)?;
        bar.finish_and_clear();
        Ok(vec![
            (EvidenceKind::Replay, replay),
            (EvidenceKind::NoLookAhead, ahead),
            (EvidenceKind::Thresholds, within),
        ])
    }
}

/// Records what a check denies; the ledger is opened to write for that only, so that it is not locked
/// while the component runs.
fn refuse_unless<E: Into<HostCheckError>>(
    cli: &CliContext,
    component: Digest,
    checked: Result<(), E>,
) -> Result<()> {
    if checked.is_ok() {
        return Ok(());
    }
    let mut client = ledger_access::open(cli)?;
    let act = ActName::ComponentValidate;
    ledger_access::require(&mut client, act, component.to_string(), checked)
}

/// Tells the pieces that were made.
pub(super) fn tell(
    cli: &CliContext,
    component: &Digest,
    all: &[NewEvidence],
    next: &str,
) -> CommandAnswer {
    let row = |one: &NewEvidence| {
        json!({
            "evidence": one.kind.name(),
            "passed": one.reasons.is_empty(),
            "digest": record_json::digest(&one.digest),
            "reasons": one.reasons,
        })
    };
    let found: Vec<Value> = all.iter().map(row).collect();
    let passed = all.iter().all(|one| one.reasons.is_empty());
    if cli.json {
        let component = record_json::digest(component);
        print_json(&json!({ "component": component, "passed": passed, "evidence": found }));
    } else {
        table::print(
            cli,
            found,
            &["evidence", "passed", "digest", "reasons"],
            "nothing",
        );
        if passed {
            print_line(&format!(
                "next: counterfoil component {next} {component} --as REVIEWER"
            ));
        }
    }
    CommandAnswer::yes_if(passed)
}
