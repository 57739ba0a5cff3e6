//! `who-approved`: the people behind a run or a component, in the order of their records. It must name
//! all that a run rests on, and nothing that it does not.

use anyhow::Result;
use counterfoil_approval::ledger_client::DeniedRequest;
use counterfoil_approval::record_json;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;
use counterfoil_governance::act::{Act, DigestSet, ExceptionSubject, RunTerms};
use counterfoil_governance::registry::{RecordRef, RegisteredComponent, RegisteredRun};
use counterfoil_governance::rule::AccessDenial;
use counterfoil_governance::rule::Rule;
use counterfoil_governance::state::{ChangeEnd, LedgerState};
use counterfoil_runner::store::data_dir::Execution;
use serde_json::{Value, json};

use crate::anchored;
use crate::args::WhoApprovedArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_json, print_line};
use crate::people::ledger_access;
use crate::people::{self, table};

pub(crate) fn run(cli: &CliContext, args: &WhoApprovedArgs) -> Result<CommandAnswer> {
    let view = match (anchored::view(cli)?, cli.data.find(&args.what)) {
        (Some(view), _) => view,
        // A run can be there without a ledger: then nobody authorized it, which is an answer.
        (None, Ok(execution)) => return Err(unknown(&execution).into()),
        (None, Err(_)) => ledger_access::view(cli)?,
    };
    let state = view.state();
    let registry = state.registry();
    let run = people::begins_with(&args.what, registry.runs().keys())?;
    let started = run.and_then(|run| Some((run, registry.runs().get(&run)?)));
    let mut chain = ApprovalLinks {
        state,
        links: Vec::new(),
    };
    let (what, approved) = if let Some((run, started)) = started {
        (format!("run {run}"), chain.of_run(started))
    } else if let Ok(execution) = cli.data.find(&args.what) {
        return Err(unknown(&execution).into());
    } else {
        let component = people::component_of(state, &args.what)?;
        let known =
            component.and_then(|digest| Some((digest, registry.components().get(&digest)?)));
        // No run and no component: an auditor may ask for a run of which only the id came.
        let Some((component, found)) = known else {
            return Err(unknown_to(state, &args.what).into());
        };
        let approved = chain.of_component(&component, found, None);
        (format!("component {component}"), approved)
    };
    if !approved {
        let hint = "an approver approves the component with its limits, policy and evidence";
        let why = format!("no approval of {what} is recorded");
        let denial = AccessDenial::new(Rule::ApprovalMissing, why, hint);
        return Err(DeniedRequest::from(denial).into());
    }
    let mut links = chain.links;
    // In the sequence of the records, whatever the sequence in which they were found: a reader must
    // see that the approval precedes the start.
    links.sort_by_key(|link| link["record"].as_u64());
    links.dedup();
    if cli.json {
        print_json(&json!({ "what": what, "chain": links }));
        return Ok(CommandAnswer::Yes);
    }
    print_line(&what);
    table::print(
        cli,
        links,
        &["record", "time", "act", "by", "key", "about"],
        "nobody",
    );
    Ok(CommandAnswer::Yes)
}

/// The answer for a run that no ledger started.
fn unknown(execution: &Execution) -> DeniedRequest {
    let why = format!(
        "no authorization is known for this run, {}",
        execution.short()
    );
    let hint = "backtests need none; a live run that people authorize is started by: counterfoil run start";
    AccessDenial::new(Rule::RunUnknown, why, hint).into()
}

/// The answer for what the ledger does not know, and the disk neither.
fn unknown_to(state: &LedgerState, what: &str) -> DeniedRequest {
    let ledger = state.origin();
    let why =
        format!("no authorization is known for {what:?}: {ledger} has no such run or component");
    let hint = "counterfoil run list and counterfoil component list show those that there are";
    AccessDenial::new(Rule::RunUnknown, why, hint).into()
}

/// The people involved, in the order found.
struct ApprovalLinks<'a> {
    state: &'a LedgerState,
    links: Vec<Value>,
}

impl ApprovalLinks<'_> {
    fn add(&mut self, act: &str, record_ref: &RecordRef, about: &Value) {
        let link = record_json::join(
            record_json::record_ref(record_ref),
            json!({ "act": act, "about": about }),
        );
        self.links.push(link);
    }

    /// Who brought a component into use: under any set, or under exactly this one before this record.
    /// The answer is whether anybody approved it.
    fn of_component(
        &mut self,
        digest: &Digest,
        found: &RegisteredComponent,
        under: Option<(DigestSet, u64)>,
    ) -> bool {
        let about = format!("{} at {}", found.strategy, found.provenance.source_commit);
        self.add("component-submit", &found.submitted, &json!(about));
        if let Some((evidence, record_ref)) = &found.validated {
            let about = json!({ "evidence": record_json::digest(&evidence.digest()) });
            self.add("component-validate", record_ref, &about);
        }
        let counts = |set: &DigestSet, record: u64| {
            // Only acts before the start count: an approval that came later cannot have allowed it,
            // and one of another set never applies.
            under.is_none_or(|(only, before)| *set == only && record < before)
        };
        let approvals = found.approvals.iter();
        let mut approved = false;
        for one in approvals.filter(|one| counts(&one.set, one.record_ref.index)) {
            self.add(
                "component-approve",
                &one.record_ref,
                &record_json::set(&one.set),
            );
            approved = true;
        }
        let promotions = found.promotions.iter();
        let promotions = promotions.filter(|one| counts(&one.set, one.record_ref.index));
        // A run rests on the last promotion of its set.
        let from = under.map_or(usize::MAX, |_| 1);
        for one in promotions.rev().take(from) {
            self.verdict(one.verdict, Some(digest), None);
            self.add(
                "component-promote",
                &one.record_ref,
                &record_json::set(&one.set),
            );
        }
        approved
    }

    /// All that let a run start.
    fn of_run(&mut self, started: &RegisteredRun) -> bool {
        let (terms, record_ref) = (&started.start.terms, &started.record_ref);
        let component = terms.set.component;
        let found = self.state.registry().components().get(&component);
        let under = Some((terms.set, record_ref.index));
        let approved = found.is_some_and(|found| self.of_component(&component, found, under));
        self.limits(terms, record_ref.index);
        let authorized = started.start.authorized;
        if let Some(one) = self.state.authorizations().get(&authorized) {
            self.add(
                "start-authorize",
                &one.record_ref,
                &record_json::terms(terms),
            );
            let subject = one.authorization.digest();
            let said = self.state.verdicts().iter().rev();
            let mut said = said.filter(|(index, said)| {
                **index < record_ref.index
                    && said.verdict.gate == Gate::Start
                    && said.verdict.subject == subject
            });
            if let Some((index, _)) = said.next() {
                self.verdict(*index, Some(&component), Some(terms));
            }
        }
        self.add("run-start", record_ref, &record_json::run(&started.start));
        approved
    }

    /// A verdict, and the exceptions that it names among its reasons.
    fn verdict(&mut self, index: u64, component: Option<&Digest>, terms: Option<&RunTerms>) {
        let Some(said) = self.state.verdicts().get(&index) else {
            return;
        };
        let (gate, outcome) = (said.verdict.gate.name(), said.verdict.outcome.name());
        let about = json!({ "gate": gate, "outcome": outcome });
        self.add("verdict", &said.record_ref, &about);
        for (granted, one) in self.state.exceptions() {
            let ended = one.ended.as_ref().map(|(_, record_ref)| record_ref.index);
            // An exception counts only if it was in force when the verdict was given, not now: it
            // may have been granted or ended since.
            let held = *granted < index
                && said.record_ref.time < one.exception.until
                && ended.is_none_or(|ended| ended > index);
            let touches = match &one.exception.subject {
                ExceptionSubject::Component(of) => Some(of) == component,
                ExceptionSubject::Account(of) => terms.is_some_and(|terms| terms.account == *of),
                ExceptionSubject::Installation => true,
            };
            let mut codes = said.verdict.reasons.iter().map(|reason| &reason.code);
            if held && touches && codes.any(|code| *code == one.exception.rule) {
                let about = record_json::exception(&one.exception);
                self.add("exception-grant", &one.record_ref, &about);
            }
        }
    }

    /// Who put the account's limits in force: who proposed them, and everybody who signed.
    fn limits(&mut self, terms: &RunTerms, before: u64) {
        let changes = self.state.changes().values().rev();
        let mut set = changes.filter(|one| {
            let is_it = matches!(&one.act, Act::LimitsSet { account, limits, .. }
                if *account == terms.account && *limits == terms.limits);
            let done = matches!(&one.ended, Some((ChangeEnd::Done, record_ref)) if record_ref.index < before);
            is_it && done
        });
        let Some(change) = set.next() else {
            return;
        };
        let about = record_json::whole(&change.act);
        self.add("change-propose", &change.record_ref, &about);
        for (_, record_ref) in change.signed.values() {
            if record_ref.index != change.record_ref.index {
                self.add("change-approve", record_ref, &about);
            }
        }
    }
}
