//! What the registry answers about components: history, list, one of them, its runs.

use anyhow::Result;
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, DigestSet};
use counterfoil_governance::registry::Component;
use counterfoil_runner::times::show_time;
use serde_json::{Value, json};

use super::evidence;
use crate::args::{Filter, OneComponent};
use crate::commands::ledger::tell_records;
use crate::output::{Answer, pairs, say, say_json};
use crate::people::refusal::Refusal;
use crate::people::view::View;
use crate::people::{self, rows, words};
use crate::places::Places;

/// Every record about a component, denied ones too.
pub(super) fn history(places: &Places, args: &OneComponent) -> Result<Answer> {
    let view = View::open(places)?;
    let component = people::component(view.state(), &args.component)?;
    let names = names(&view, &component);
    let mut found = view.rows();
    // What was refused before the ledger was asked, and drift, name it as their subject; verdicts name
    // the set or the authorization that they are on, and ends and uses the run.
    let fields = ["component", "subject", "run"];
    found.retain(|row| {
        let names_it = |field: &&str| row.get(*field).is_some_and(|is| names.contains(is));
        let within = row
            .get("proposes")
            .or_else(|| row.get("does"))
            .unwrap_or(row);
        fields.iter().any(names_it) || within.get("component") == names.first()
    });
    tell_records(places, found);
    Ok(Answer::Yes)
}

/// Every digest by which records speak of a component: its own first, then those of its sets, its
/// authorizations and its runs.
fn names(view: &View, component: &Digest) -> Vec<Value> {
    let mut names = vec![words::digest(component)];
    let of = |set: &DigestSet| (set.component == *component).then(|| words::digest(&set.digest()));
    for record in &view.verified.records {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "no other act has a set whose digest a verdict is on"
        )]
        let name = match &record.signed.act {
            Act::ComponentApprove { set, .. } | Act::ComponentPromote { set } => of(set),
            Act::StartAuthorize(one) => of(&one.terms.set).map(|_| words::digest(&one.digest())),
            Act::RunStart(one) => of(&one.terms.set).map(|_| words::digest(&one.run)),
            _ => None,
        };
        names.extend(name);
    }
    names
}

pub(super) fn list(places: &Places, filter: &Filter) -> Result<Answer> {
    let view = View::open(places)?;
    let all = view.state().registry().components().iter();
    let all = all.map(|(digest, one)| row(digest, one)).collect();
    let columns = [
        "component",
        "strategy",
        "stage",
        "author",
        "submitted",
        "approvals",
    ];
    rows::tell(places, rows::filter(all, filter)?, &columns, "no component");
    Ok(Answer::Yes)
}

fn row(digest: &Digest, one: &Component) -> Value {
    json!({
        "component": words::digest(digest),
        "strategy": one.strategy.as_str(),
        "stage": one.stage.name(),
        "author": one.submitted.by.as_str(),
        "submitted": show_time(one.submitted.time),
        "approvals": one.approvals.len(),
        "source-commit": one.provenance.source_commit,
        "lock-file": words::digest(&one.provenance.lock_file),
        "toolchain": one.provenance.toolchain,
        "wit-world": one.provenance.wit_world,
    })
}

pub(super) fn show(places: &Places, args: &OneComponent) -> Result<Answer> {
    let view = View::open(places)?;
    let state = view.state();
    let component = people::component(state, &args.component)?;
    let Some(one) = state.registry().components().get(&component) else {
        let why = format!("component {component} is not registered");
        let refusal = Refusal::answer("component.unknown", why, "an author submits it first");
        return Ok(refusal.tell(places, &[]));
    };
    let bytes = places.data.component(&component);
    let is = bytes.map_or_else(|error| error.to_string(), |_| "intact".to_owned());
    let (pieces, whole) = match &one.validated {
        Some((all, _)) => {
            let pieces = evidence::recorded(places, state, &component, all);
            let whole = pieces.iter().all(|piece| piece["is"] == json!("intact"));
            (pieces, whole)
        }
        // Nobody rests on a draft's evidence yet, passed or not.
        None => (evidence::on_disk(places, state, &component)?, true),
    };
    let good = is == "intact" && whole;
    let approvals = one.approvals.iter();
    let approval = |one: &counterfoil_governance::registry::Approval| {
        words::join(words::deed(&one.deed), words::set(&one.set))
    };
    let approvals: Vec<Value> = approvals.map(approval).collect();
    let back = state.registry().rollback(&component);
    let back = back.map(|approval| words::set(&approval.set));
    let answer = if good { Answer::Yes } else { Answer::No };
    let mut value = row(&component, one);
    value["bytes"] = json!(is);
    if places.json {
        value["submitted-by"] = words::deed(&one.submitted);
        value["validated-by"] = json!(one.validated.as_ref().map(|(_, deed)| words::deed(deed)));
        value["evidence"] = json!(pieces);
        value["approvals"] = json!(approvals);
        value["archived"] =
            json!(one.archived.as_ref().map(|(reason, deed)| {
                words::join(words::deed(deed), json!({ "reason": reason }))
            }));
        value["rollback"] = json!(back);
        say_json(&value);
        return Ok(answer);
    }
    let fields = value.as_object().into_iter().flatten();
    let fields: Vec<(&str, String)> = fields
        .map(|(name, field)| (name.as_str(), rows::plain(field)))
        .collect();
    pairs(&fields);
    say("");
    rows::tell(
        places,
        pieces,
        &["evidence", "digest", "by", "time", "is", "measured"],
        "no evidence yet",
    );
    say("");
    let columns = ["record", "by", "time", "limits", "policy", "evidence"];
    rows::tell(places, approvals, &columns, "no approval yet");
    if let Some(back) = back {
        say("");
        say(&format!("to go back: {}", rows::short(&back)));
    }
    Ok(answer)
}

/// Which runs used a component: those that the ledger started, and those in this data directory.
pub(super) fn runs(places: &Places, args: &OneComponent) -> Result<Answer> {
    let view = View::open(places)?;
    let component = people::component(view.state(), &args.component)?;
    let mut all = Vec::new();
    for one in view.state().registry().runs_of(&component) {
        let value = json!({ "started-by": one.deed.by.as_str(), "time": show_time(one.deed.time) });
        all.push(words::join(value, words::run(&one.start)));
    }
    let name = component.to_string();
    for one in places.data.executions()? {
        let manifest =
            counterfoil_trading::manifest::Manifest::parse(&places.data.manifest_text(&one)?)?;
        if manifest.component == name {
            let run = format!("sha256:{}", one.run);
            let account = manifest.account.name;
            all.push(json!({ "run": run, "execution": one.number, "account": account, "timeframe": manifest.timeframe }));
        }
    }
    let columns = [
        "run",
        "execution",
        "account",
        "timeframe",
        "started-by",
        "time",
    ];
    rows::tell(places, all, &columns, "no run used it");
    Ok(Answer::Yes)
}
