//! `who-approved`: the people behind a run or a component.

use anyhow::Result;
use counterfoil_governance::digest::Digest;
use counterfoil_governance::registry::Approval;
use serde_json::{Value, json};

use crate::args::WhoApproved;
use crate::output::{Answer, say, say_json};
use crate::people::refusal::Refusal;
use crate::people::view::View;
use crate::people::{self, rows, words};
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &WhoApproved) -> Result<Answer> {
    let view = View::open(places)?;
    let registry = view.state().registry();
    let run = people::begins_with(&args.what, registry.runs().keys())?;
    let (what, component, approvals): (_, Digest, Vec<&Approval>) = if let Some(run) = run {
        let started = registry.runs().get(&run);
        let component = started.map_or(run, |one| one.start.terms.set.component);
        (
            format!("run {run}"),
            component,
            registry.who_approved(&run).collect(),
        )
    } else {
        let component = people::component(view.state(), &args.what)?;
        let found = registry.components().get(&component);
        let approvals = found.map(|one| one.approvals.iter().collect());
        (
            format!("component {component}"),
            component,
            approvals.unwrap_or_default(),
        )
    };
    if approvals.is_empty() {
        let way = "an approver approves the component with its limits, policy and evidence";
        let refusal = Refusal::answer("approval.missing", format!("nobody approved {what}"), way);
        return Ok(refusal.tell(places, &[]));
    }
    let chain = chain(&view, &component, &approvals);
    if places.json {
        say_json(&json!({ "what": what, "chain": chain }));
        return Ok(Answer::Yes);
    }
    say(&what);
    rows::tell(
        places,
        chain,
        &["record", "time", "act", "by", "key", "about"],
        "nobody",
    );
    Ok(Answer::Yes)
}

/// Everybody who had a hand in it: who submitted, validated, approved, and brought it into use.
fn chain(view: &View, component: &Digest, approvals: &[&Approval]) -> Vec<Value> {
    let found = view.state().registry().components().get(component);
    let link = |act: &str, deed, about: Value| {
        words::join(words::deed(deed), json!({ "act": act, "about": about }))
    };
    let mut chain = Vec::new();
    if let Some(one) = found {
        let about = format!("{} at {}", one.strategy, one.provenance.source_commit);
        chain.push(link("component-submit", &one.submitted, json!(about)));
        if let Some((evidence, deed)) = &one.validated {
            let about = json!({ "evidence": words::digest(&evidence.digest()) });
            chain.push(link("component-validate", deed, about));
        }
    }
    for approval in approvals {
        chain.push(link(
            "component-approve",
            &approval.deed,
            words::set(&approval.set),
        ));
    }
    for promotion in found.into_iter().flat_map(|one| &one.promotions) {
        let about = words::set(&promotion.set);
        chain.push(link("component-promote", &promotion.deed, about));
    }
    chain
}
