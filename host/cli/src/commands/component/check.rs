//! `component validate`: every automatic check, each signed and kept, passed or not.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{EvidenceKind, Refused};
use counterfoil_os::files::read_whole;
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::study::evidence::{
    self, EvidenceCheck, RunThresholds, with_added_slippage,
};
use counterfoil_trading::manifest::Manifest;
use serde_json::{Value, json};

use super::evidence::{Made, Maker, bytes_amiss};
use crate::args::ComponentValidate;
use crate::commands::{admit, backtest};
use crate::output::{Answer, say, say_json};
use crate::people::desk::Desk;
use crate::people::refusal::Refusal;
use crate::people::view::View;
use crate::people::{self, rows, words};
use crate::places::Places;
use crate::progress::bar;

/// What is to be checked, and against what.
struct Check<'a> {
    manifest: &'a Manifest,
    thresholds: RunThresholds,
}

pub(super) fn run(places: &Places, args: &ComponentValidate) -> Result<Answer> {
    let view = View::open(places)?;
    let component = people::component(view.state(), &args.component)?;
    let text = String::from_utf8(read_whole(&args.manifest)?)?;
    let manifest = Manifest::parse(&text).with_context(|| args.manifest.display().to_string())?;
    let check = Check {
        manifest: &manifest,
        thresholds: thresholds(&args.thresholds)?,
    };
    match check.make(places, &view, component)? {
        Ok(all) => Ok(tell(places, &component, &all, "review")),
        Err(refusal) => Ok(refusal.tell(places, &[])),
    }
}

fn thresholds(text: &str) -> Result<RunThresholds> {
    if text == "research" {
        return Ok(RunThresholds::research());
    }
    let bytes = read_whole(Path::new(text))?;
    serde_json::from_slice(&bytes).with_context(|| format!("thresholds in {text}"))
}

impl Check<'_> {
    /// Makes every piece but the tests', which are the author's to attest.
    fn make(
        &self,
        places: &Places,
        view: &View,
        component: Digest,
    ) -> Result<Result<Vec<Made>, Refusal>> {
        let maker = Maker::new(places, view, component)?;
        let refused = |rule: &str, why: String| Refused {
            act: "component-validate".to_owned(),
            subject: component.to_string(),
            rule: rule.to_owned(),
            why,
        };
        let Some(registered) = view.state().registry().components().get(&component) else {
            let why = format!("component {component} is not registered");
            let (refused, way) = (
                refused("component.unknown", why),
                "an author submits it first",
            );
            return Desk::open(places)?.refuse(&refused, way).map(Err);
        };
        if registered.submitted.by == *maker.by() {
            let why = format!(
                "{} is the author, and nobody judges what they authored",
                maker.by()
            );
            let way = "have somebody else, or a service, run the checks";
            let refused = refused("duty.author", why);
            return Desk::open(places)?.refuse(&refused, way).map(Err);
        }
        if self.manifest.component != component.to_string() {
            let named = &self.manifest.component;
            bail!("the manifest names {named}, not {component}: give a manifest of this component");
        }
        if let Some(amiss) = bytes_amiss(places, view.state(), &component)? {
            let refused = refused(amiss.rule, amiss.why);
            return Desk::open(places)?.refuse(&refused, amiss.way_on).map(Err);
        }
        let mut all = Vec::new();
        let bytes = places.data.component(&component)?;
        let engine = places
            .engine("cranelift")?
            .for_limits(&self.manifest.limits);
        // In a process of its own first, as for every component: a bomb ends there.
        admit::component(
            places,
            &component.to_string(),
            &self.manifest.limits,
            &engine,
        )?;
        let found = evidence::check_admission(&bytes, &self.manifest.limits, engine);
        all.push(maker.keep(EvidenceKind::Admission, &found)?);
        let found = evidence::check_quality(&places.data, self.manifest)?;
        all.push(maker.keep(EvidenceKind::SnapshotQuality, &found)?);
        let outcome = backtest::execute(places, self.manifest, "cranelift")?;
        for (kind, found) in self.decided_again(places, &outcome)? {
            all.push(maker.keep(kind, &found)?);
        }
        Ok(Ok(all))
    }

    /// What is found by running the component again.
    fn decided_again(
        &self,
        places: &Places,
        outcome: &ExecutionOutcome,
    ) -> Result<Vec<(EvidenceKind, EvidenceCheck)>> {
        let bar = bar("deciding again", 0);
        let mut progress = |decisions: u64| {
            if decisions.is_multiple_of(1024) {
                bar.set_position(decisions);
            }
        };
        let (data, run) = (&places.data, &outcome.execution);
        let names = ["cranelift", "pulley"];
        let engines = names.map(|name| Ok((name, places.engine(name)?)));
        let engines = engines.into_iter().collect::<Result<Vec<_>>>()?;
        let replay = evidence::check_replays(data, run, engines, &mut progress)?;
        let engine = places.engine("cranelift")?;
        let ahead = evidence::check_look_ahead(data, run, engine, &mut progress)?;
        let dearer = with_added_slippage(self.manifest, &self.thresholds)?;
        let dearer = backtest::execute(places, &dearer, "cranelift")?;
        let within = evidence::check_thresholds(data, run, &dearer.execution, &self.thresholds)?;
        bar.finish_and_clear();
        Ok(vec![
            (EvidenceKind::Replay, replay),
            (EvidenceKind::NoLookAhead, ahead),
            (EvidenceKind::Thresholds, within),
        ])
    }
}

/// Tells the pieces that were made.
pub(super) fn tell(places: &Places, component: &Digest, all: &[Made], next: &str) -> Answer {
    let row = |one: &Made| {
        json!({
            "evidence": one.kind.name(),
            "passed": one.reasons.is_empty(),
            "digest": words::digest(&one.digest),
            "reasons": one.reasons,
        })
    };
    let found: Vec<Value> = all.iter().map(row).collect();
    let passed = all.iter().all(|one| one.reasons.is_empty());
    if places.json {
        let component = words::digest(component);
        say_json(&json!({ "component": component, "passed": passed, "evidence": found }));
    } else {
        rows::tell(
            places,
            found,
            &["evidence", "passed", "digest", "reasons"],
            "nothing",
        );
        if passed {
            say(&format!(
                "next: counterfoil component {next} {component} --as REVIEWER"
            ));
        }
    }
    if passed { Answer::Yes } else { Answer::No }
}
