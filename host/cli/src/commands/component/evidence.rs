//! Evidence: making pieces, finding those that a reviewer can rest on, and the review itself.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use counterfoil_approval::host_checks::{check_component_bytes, open_piece};
use counterfoil_approval::ledger_client::{ActOutcome, LedgerActor};
use counterfoil_approval::ledger_view::LedgerView;
use counterfoil_approval::record_json;
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, ActName, EvidenceKind, EvidenceSet};
use counterfoil_governance::attest::DsseEnvelope;
use counterfoil_governance::evidence::{EvidenceAttestation, statement};
use counterfoil_governance::id::Id;
use counterfoil_governance::state::LedgerState;
use counterfoil_runner::clock::now;
use counterfoil_runner::store::keys::PeopleKeys;
use counterfoil_runner::study::evidence::{EvidenceCheck, EvidenceStore};
use counterfoil_runner::times::parse_time;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::args::ComponentArg;
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;
use crate::people;
use crate::people::ledger_access;
use crate::people::outcome::{print_denied, print_outcome};

/// A piece that was made: its kind, its digest, and why it is not good enough, if it is not.
pub(super) struct NewEvidence {
    pub(super) kind: EvidenceKind,
    pub(super) digest: Digest,
    pub(super) reasons: Vec<String>,
}

/// Checks a component, signs the finding, and keeps it.
pub(super) struct EvidenceSigner {
    origin: String,
    component: Digest,
    by: LedgerActor,
    store: EvidenceStore,
}

impl EvidenceSigner {
    pub(super) fn new(cli: &CliContext, view: &LedgerView, component: Digest) -> Result<Self> {
        let by = ledger_access::actor(cli)?;
        let people = PeopleKeys::open(&cli.keys, cli.data.root())?;
        Ok(Self {
            origin: view.state().origin().to_owned(),
            component,
            by: LedgerActor::with_best_key(&people, view.state(), by, now())?,
            store: EvidenceStore::new(&cli.data, &component),
        })
    }

    pub(super) const fn by(&self) -> &Id {
        &self.by.id
    }

    /// Signs a finding and keeps it, passed or not.
    pub(super) fn keep(&self, kind: EvidenceKind, found: &EvidenceCheck) -> Result<NewEvidence> {
        let time = now().date_or_time();
        let statement = statement(
            &self.origin,
            kind,
            self.component,
            &self.by.id,
            &time,
            found.facts.clone(),
            &found.reasons,
        );
        let mut envelope = DsseEnvelope::new(&statement)?;
        envelope.sign(self.by.signing_key.as_ref())?;
        let digest = self.store.put(&envelope.encode()?)?;
        Ok(NewEvidence {
            kind,
            digest,
            reasons: found.reasons.clone(),
        })
    }
}

/// What a reviewer can rest on, and why not on the rest.
struct ReviewableEvidence {
    evidence: EvidenceSet,
    objections: Vec<String>,
}

/// The newest good piece of each kind; those that rest on a run, all on the same one.
fn find(
    cli: &CliContext,
    state: &LedgerState,
    component: &Digest,
    now: UnixNanos,
) -> Result<ReviewableEvidence> {
    let store = EvidenceStore::new(&cli.data, component);
    let registered = state.registry().components().get(component);
    let mut newest: BTreeMap<EvidenceKind, (UnixNanos, Digest, EvidenceAttestation)> =
        BTreeMap::new();
    for digest in store.all()? {
        let piece = store.get(&digest).map_err(anyhow::Error::from);
        let piece = piece.and_then(|bytes| Ok(EvidenceAttestation::open(state, &bytes)?));
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                crate::output::note(&format!("passed over: {error:#}"));
                continue;
            }
        };
        let time = parse_time(&piece.time)
            .with_context(|| format!("the time of evidence {:?}", piece.time))?;
        if newest
            .get(&piece.kind)
            .is_none_or(|(last, ..)| *last < time)
        {
            newest.insert(piece.kind, (time, digest, piece));
        }
    }
    // The journal as well: pieces about two journals of one run would vouch for figures that no journal has.
    let run = |piece: &EvidenceAttestation| {
        let run = piece.facts.get("run-id").cloned()?;
        Some((run, piece.facts.get("journal").cloned()))
    };
    let of = newest
        .get(&EvidenceKind::Thresholds)
        .and_then(|(_, _, piece)| run(piece));
    let mut found = ReviewableEvidence {
        evidence: EvidenceSet::default(),
        objections: Vec::new(),
    };
    for kind in EvidenceKind::ALL {
        let Some((_, digest, piece)) = newest.get(&kind) else {
            found.objections.push(format!("{}: missing", kind.name()));
            continue;
        };
        let objection = registered.and_then(|one| piece.objection(state, component, one, now));
        let other = run(piece).filter(|run| Some(run) != of.as_ref());
        let other = other.map(|(run, journal)| {
            let size = journal
                .as_ref()
                .and_then(|journal| journal["size"].as_u64());
            let journal = size.map_or("no journal".to_owned(), |size| format!("{size} entries"));
            format!(
                "{} is about run {run} with {journal}, not the others' run or journal",
                kind.name()
            )
        });
        match objection.or(other) {
            Some(objection) => found.objections.push(objection),
            None => {
                found.evidence.0.insert(kind, *digest);
            }
        }
    }
    Ok(found)
}

/// `component review`: the reviewer's act names what holds. If a piece is missing the ledger says
/// no by its own rule, and records that; why it is missing is told beside it.
pub(super) fn review(cli: &CliContext, args: &ComponentArg) -> Result<CommandAnswer> {
    let mut client = ledger_access::open(cli)?;
    let component = people::component(client.state(), &args.component)?;
    let (act, subject) = (ActName::ComponentValidate, component.to_string());
    let intact = check_component_bytes(&cli.data, client.state(), &component);
    ledger_access::require(&mut client, act, subject, intact)?;
    let found = find(cli, client.state(), &component, client.time())?;
    let evidence = found.evidence;
    let facts = json!({
        "component": record_json::digest(&component),
        "stage": "validated",
        "evidence": record_json::evidence(&evidence),
        "evidence-digest": record_json::digest(&evidence.digest()),
    });
    let outcome = client.act(Act::ComponentValidate {
        component,
        evidence,
    })?;
    if let ActOutcome::Denied(denied) = &outcome {
        return Ok(print_denied(cli, denied, &found.objections));
    }
    let what = format!("{component} is validated on six pieces of evidence");
    Ok(print_outcome(cli, outcome, &what, facts))
}

/// Every recorded piece of a component, with whether it can still be opened.
pub(super) fn recorded(
    cli: &CliContext,
    state: &LedgerState,
    component: &Digest,
    evidence: &EvidenceSet,
) -> Vec<Value> {
    let row = |(kind, digest): (&EvidenceKind, &Digest)| {
        let piece = open_piece(&cli.data, state, component, digest);
        let piece = piece.map(|piece| (piece, "intact".to_owned()));
        told(Some(*kind), digest, piece.map_err(anyhow::Error::from))
    };
    evidence.0.iter().map(row).collect()
}

/// Every piece of a draft that is on disk, passed or not: what a reviewer could rest on.
pub(super) fn on_disk(
    cli: &CliContext,
    state: &LedgerState,
    component: &Digest,
) -> Result<Vec<Value>> {
    let store = EvidenceStore::new(&cli.data, component);
    let row = |digest: Digest| {
        let piece = open_piece(&cli.data, state, component, &digest);
        let piece = piece.map(|piece| {
            let is = match piece.reasons.as_slice() {
                [] => "passed".to_owned(),
                reasons => format!("not passed: {}", reasons.join("; ")),
            };
            (piece, is)
        });
        told(None, &digest, piece.map_err(anyhow::Error::from))
    };
    let mut all: Vec<Value> = store.all()?.into_iter().map(row).collect();
    all.sort_by_key(|one| (one["evidence"].to_string(), one["time"].to_string()));
    Ok(all)
}

/// A piece with what was measured, or why it cannot be opened.
fn told(
    kind: Option<EvidenceKind>,
    digest: &Digest,
    piece: Result<(EvidenceAttestation, String)>,
) -> Value {
    let (kind, by, time, is, measured) = match piece {
        Ok((piece, is)) => (
            Some(piece.kind),
            json!(piece.by.as_str()),
            json!(piece.time),
            is,
            measured(&piece.facts),
        ),
        Err(error) => (
            kind,
            Value::Null,
            Value::Null,
            format!("{error:#}"),
            Value::Null,
        ),
    };
    json!({
        "evidence": kind.map(EvidenceKind::name), "digest": record_json::digest(digest), "by": by,
        "time": time, "is": is, "measured": measured,
    })
}

/// The numbers among a piece's facts.
fn measured(facts: &Value) -> Value {
    let is_number = |one: &Value| match one {
        Value::Number(_) => true,
        Value::String(text) => text.parse::<i128>().is_ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    };
    let all = facts.as_object().into_iter().flatten();
    let numbers = all.filter(|(_, one)| is_number(one));
    let numbers = numbers.map(|(name, one)| (name.clone(), one.clone()));
    Value::Object(numbers.collect())
}

/// A text among a piece's facts.
pub(super) fn fact<'a>(piece: &'a EvidenceAttestation, name: &str) -> Result<&'a str> {
    let found = piece.facts.get(name).and_then(Value::as_str);
    found.with_context(|| format!("the evidence {} says nothing of {name}", piece.kind.name()))
}
