//! What the registry answers about components: history, list, one of them, its runs.

use anyhow::Result;
use counterfoil_approval::ledger_client::DeniedRequest;
use counterfoil_approval::ledger_view::LedgerView;
use counterfoil_approval::{record_json, value_text};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, DigestSet};
use counterfoil_governance::registry::RegisteredComponent;
use serde_json::{Value, json};

use super::evidence;
use crate::args::{ComponentArg, RowFilter};
use crate::cli_context::CliContext;
use crate::commands::ledger::tell_records;
use crate::output::{CommandAnswer, print_fields, print_json, print_line};
use crate::people::ledger_access;
use crate::people::{self, table};

/// Every record about a component, denied ones too.
pub(super) fn history(cli: &CliContext, args: &ComponentArg) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let component = people::component(view.state(), &args.component)?;
    let names = names(&view, &component)?;
    let mut found = record_json::all(&view)?;
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
    tell_records(cli, found);
    Ok(CommandAnswer::Yes)
}

/// Every digest by which records speak of a component: its own first, then those of its sets, its
/// authorizations and its runs.
fn names(view: &LedgerView, component: &Digest) -> Result<Vec<Value>> {
    let mut names = vec![record_json::digest(component)];
    let of =
        |set: &DigestSet| (set.component == *component).then(|| record_json::digest(&set.digest()));
    for record in view.records(0) {
        let (_, record) = record?;
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "no other act has a set whose digest a verdict is on"
        )]
        let name = match &record.signed.act {
            Act::ComponentApprove { set, .. } | Act::ComponentPromote { set } => of(set),
            Act::StartAuthorize(one) => {
                of(&one.terms.set).map(|_| record_json::digest(&one.digest()))
            }
            Act::RunStart(one) => of(&one.terms.set).map(|_| record_json::digest(&one.run)),
            _ => None,
        };
        names.extend(name);
    }
    Ok(names)
}

pub(super) fn list(cli: &CliContext, filter: &RowFilter) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
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
    table::print(cli, table::filter(all, filter)?, &columns, "no components");
    Ok(CommandAnswer::Yes)
}

fn row(digest: &Digest, one: &RegisteredComponent) -> Value {
    json!({
        "component": record_json::digest(digest),
        "strategy": one.strategy.as_str(),
        "stage": one.stage.name(),
        "author": one.submitted.by.as_str(),
        "submitted": one.submitted.time.date_or_time(),
        "approvals": one.approvals.len(),
        "source-commit": one.provenance.source_commit,
        "lock-file": record_json::digest(&one.provenance.lock_file),
        "toolchain": one.provenance.toolchain,
        "wit-world": one.provenance.wit_world,
    })
}

pub(super) fn show(cli: &CliContext, args: &ComponentArg) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let state = view.state();
    let component = people::component(state, &args.component)?;
    let one = state
        .registry()
        .component(&component)
        .map_err(DeniedRequest::from)?;
    let bytes = cli.data.component(&component);
    let is = bytes.map_or_else(|error| error.to_string(), |_| "intact".to_owned());
    let (pieces, whole) = match &one.validated {
        Some((all, _)) => {
            let pieces = evidence::recorded(cli, state, &component, all);
            let whole = pieces.iter().all(|piece| piece["is"] == json!("intact"));
            (pieces, whole)
        }
        // Nothing depends on a draft's evidence yet, passed or not.
        None => (evidence::on_disk(cli, state, &component)?, true),
    };
    let answer = CommandAnswer::yes_if(is == "intact" && whole);
    let approvals = one.approvals.iter();
    let approval = |one: &counterfoil_governance::registry::ApprovalRecord| {
        record_json::join(
            record_json::record_ref(&one.record_ref),
            record_json::set(&one.set),
        )
    };
    let approvals: Vec<Value> = approvals.map(approval).collect();
    let back = state.registry().rollback(&component);
    let back = back.map(|approval| record_json::set(&approval.set));
    let mut value = row(&component, one);
    value["bytes"] = json!(is);
    if cli.json {
        value["submitted-by"] = record_json::record_ref(&one.submitted);
        value["validated-by"] = json!(
            one.validated
                .as_ref()
                .map(|(_, record_ref)| record_json::record_ref(record_ref))
        );
        value["evidence"] = json!(pieces);
        value["approvals"] = json!(approvals);
        value["archived"] = json!(one.archived.as_ref().map(|(reason, record_ref)| {
            record_json::join(
                record_json::record_ref(record_ref),
                json!({ "reason": reason }),
            )
        }));
        value["rollback"] = json!(back);
        print_json(&value);
        return Ok(answer);
    }
    let fields = value.as_object().into_iter().flatten();
    let fields: Vec<(&str, String)> = fields
        .map(|(name, field)| (name.as_str(), value_text::plain(field)))
        .collect();
    print_fields(&fields);
    print_line("");
    table::print(
        cli,
        pieces,
        &["evidence", "digest", "by", "time", "is", "measured"],
        "no evidence",
    );
    print_line("");
    let columns = ["record", "by", "time", "limits", "policy", "evidence"];
    table::print(cli, approvals, &columns, "no approvals");
    if let Some(back) = back {
        print_line("");
        let back = value_text::short(&back);
        print_line(&format!("last approved before: {back}"));
    }
    Ok(answer)
}

/// Which runs used a component: those that the ledger started, and those in this data directory.
pub(super) fn runs(cli: &CliContext, args: &ComponentArg) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let component = people::component(view.state(), &args.component)?;
    let mut all = Vec::new();
    for one in view.state().registry().runs_of(&component) {
        let value = json!({ "started-by": one.record_ref.by.as_str(), "time": one.record_ref.time.date_or_time() });
        all.push(record_json::join(value, record_json::run(&one.start)));
    }
    let name = component.to_string();
    for one in cli.data.executions()? {
        let manifest =
            counterfoil_trading::manifest::Manifest::parse(&cli.data.manifest_text(&one)?)?;
        if manifest.component == name {
            let account = manifest.account.name;
            all.push(json!({ "run": one.run, "execution": one.number, "account": account, "timeframe": manifest.timeframe }));
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
    table::print(cli, all, &columns, "no runs");
    Ok(CommandAnswer::Yes)
}
