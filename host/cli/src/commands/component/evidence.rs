//! Evidence: making pieces, finding those that a reviewer can rest on, and the review itself.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, Evidence, EvidenceKind, Refused};
use counterfoil_governance::attest::Envelope;
use counterfoil_governance::evidence::{Piece, statement};
use counterfoil_governance::id::Id;
use counterfoil_governance::state::State;
use counterfoil_journal::signer::Signer;
use counterfoil_runner::clock::now;
use counterfoil_runner::store::data_dir::DataDirError;
use counterfoil_runner::store::keys::PeopleKeys;
use counterfoil_runner::study::evidence::{EvidenceCheck, EvidenceStore};
use counterfoil_runner::times::{parse_time, show_time};
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::args::OneComponent;
use crate::output::Answer;
use crate::people::desk::{self, Desk};
use crate::people::refusal::tell;
use crate::people::view::View;
use crate::people::{self, words};
use crate::places::Places;

/// A piece that was made: its kind, its digest, and why it is not good enough, if it is not.
pub(super) struct Made {
    pub(super) kind: EvidenceKind,
    pub(super) digest: Digest,
    pub(super) reasons: Vec<String>,
}

/// Whoever checks a component, signs what was found, and keeps it.
pub(super) struct Maker {
    origin: String,
    component: Digest,
    by: Id,
    hand: Box<dyn Signer + Send>,
    store: EvidenceStore,
}

impl Maker {
    pub(super) fn new(places: &Places, view: &View, component: Digest) -> Result<Self> {
        let by = desk::actor(places)?;
        let people = PeopleKeys::open(&places.keys, places.data.root())?;
        Ok(Self {
            origin: view.state().origin().to_owned(),
            component,
            hand: desk::hand(&people, view.state(), &by, now())?,
            by,
            store: EvidenceStore::new(&places.data, &component),
        })
    }

    pub(super) const fn by(&self) -> &Id {
        &self.by
    }

    /// Signs a finding and keeps it, passed or not.
    pub(super) fn keep(&self, kind: EvidenceKind, found: &EvidenceCheck) -> Result<Made> {
        let time = show_time(now());
        let facts = (found.facts.clone(), found.reasons.as_slice());
        let statement = statement(
            &self.origin,
            (kind, self.component),
            (&self.by, &time),
            facts,
        );
        let mut envelope = Envelope::new(&statement)?;
        envelope.sign(self.hand.as_ref())?;
        let digest = self.store.put(&envelope.encode()?)?;
        Ok(Made {
            kind,
            digest,
            reasons: found.reasons.clone(),
        })
    }
}

/// A piece of evidence that is recorded, opened and checked now.
pub(super) fn opened(
    places: &Places,
    state: &State,
    component: &Digest,
    digest: &Digest,
) -> Result<Piece> {
    let store = EvidenceStore::new(&places.data, component);
    Ok(Piece::open(state, &store.get(digest)?)?)
}

/// What a reviewer can rest on, and why not on the rest.
struct Found {
    evidence: Evidence,
    objections: Vec<String>,
}

/// The newest good piece of each kind; those that rest on a run, all on the same one.
fn find(places: &Places, state: &State, component: &Digest, now: UnixNanos) -> Result<Found> {
    let store = EvidenceStore::new(&places.data, component);
    let registered = state.registry().components().get(component);
    let mut newest: BTreeMap<EvidenceKind, (UnixNanos, Digest, Piece)> = BTreeMap::new();
    for digest in store.all()? {
        let piece = store.get(&digest).map_err(anyhow::Error::from);
        let piece = piece.and_then(|bytes| Ok(Piece::open(state, &bytes)?));
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
    let run = |piece: &Piece| piece.facts.get("run-id").cloned();
    let of = newest
        .get(&EvidenceKind::Thresholds)
        .and_then(|(_, _, piece)| run(piece));
    let mut found = Found {
        evidence: Evidence::default(),
        objections: Vec::new(),
    };
    for kind in EvidenceKind::ALL {
        let Some((_, digest, piece)) = newest.get(&kind) else {
            found
                .objections
                .push(format!("{}: there is none", kind.name()));
            continue;
        };
        let objection = registered.and_then(|one| piece.objection(state, (component, one), now));
        let other = run(piece).filter(|run| Some(run) != of.as_ref());
        let other =
            other.map(|run| format!("{} is about run {run}, not the others' run", kind.name()));
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
pub(super) fn review(places: &Places, args: &OneComponent) -> Result<Answer> {
    let mut desk = Desk::open(places)?;
    let component = people::component(desk.state(), &args.component)?;
    if let Some(amiss) = bytes_amiss(places, desk.state(), &component)? {
        let refused = Refused {
            act: "component-validate".to_owned(),
            subject: component.to_string(),
            rule: amiss.rule.to_owned(),
            why: amiss.why,
        };
        let refusal = desk.refuse(&refused, amiss.way_on)?;
        return Ok(refusal.tell(places, &[]));
    }
    let found = find(places, desk.state(), &component, desk.now)?;
    let evidence = found.evidence;
    let facts = json!({
        "component": words::digest(&component),
        "stage": "validated",
        "evidence": words::evidence(&evidence),
        "evidence-digest": words::digest(&evidence.digest()),
    });
    let done = desk.act(Act::ComponentValidate {
        component,
        evidence,
    })?;
    if let Err(refusal) = &done {
        return Ok(refusal.tell(places, &found.objections));
    }
    let what = format!("{component} is validated on six pieces of evidence");
    Ok(tell(places, done, &what, facts))
}

/// Every recorded piece of a component, with whether it can still be opened.
pub(super) fn recorded(
    places: &Places,
    state: &State,
    component: &Digest,
    evidence: &Evidence,
) -> Vec<Value> {
    let row = |(kind, digest): (&EvidenceKind, &Digest)| {
        let piece = opened(places, state, component, digest);
        let piece = piece.map(|piece| (piece, "intact".to_owned()));
        told(Some(*kind), digest, piece)
    };
    evidence.0.iter().map(row).collect()
}

/// Every piece of a draft that is on disk, passed or not: what a reviewer could rest on.
pub(super) fn on_disk(places: &Places, state: &State, component: &Digest) -> Result<Vec<Value>> {
    let store = EvidenceStore::new(&places.data, component);
    let row = |digest: Digest| {
        let piece = opened(places, state, component, &digest);
        let piece = piece.map(|piece| {
            let is = match piece.reasons.as_slice() {
                [] => "passed".to_owned(),
                reasons => format!("not passed: {}", reasons.join("; ")),
            };
            (piece, is)
        });
        told(None, &digest, piece)
    };
    let mut all: Vec<Value> = store.all()?.into_iter().map(row).collect();
    all.sort_by_key(|one| (one["evidence"].to_string(), one["time"].to_string()));
    Ok(all)
}

/// A piece with what was measured, or why it cannot be opened.
fn told(kind: Option<EvidenceKind>, digest: &Digest, piece: Result<(Piece, String)>) -> Value {
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
        "evidence": kind.map(EvidenceKind::name), "digest": words::digest(digest), "by": by,
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

/// The evidence that a component was validated on, every piece opened and checked; or the first
/// that does not hold.
pub(super) fn whole(
    places: &Places,
    state: &State,
    component: &Digest,
) -> Result<BTreeMap<EvidenceKind, Piece>, String> {
    let registered = state.registry().components().get(component);
    let recorded = registered.and_then(|one| one.validated.as_ref());
    let pieces = recorded.into_iter().flat_map(|(evidence, _)| &evidence.0);
    let open = |(kind, digest): (&EvidenceKind, &Digest)| {
        let piece = opened(places, state, component, digest);
        let piece = piece.map_err(|error| format!("{}: {error:#}", kind.name()))?;
        Ok((*kind, piece))
    };
    pieces.map(open).collect()
}

/// Bytes that are not what the ledger has the digest of.
pub(super) struct Amiss {
    pub(super) rule: &'static str,
    pub(super) why: String,
    pub(super) way_on: &'static str,
}

/// What is wrong with the bytes of a registered component, which are read and hashed; nobody signs
/// for what they cannot read. Of one that is not registered the ledger says so by its own rule.
pub(super) fn bytes_amiss(
    places: &Places,
    state: &State,
    component: &Digest,
) -> Result<Option<Amiss>> {
    if !state.registry().components().contains_key(component) {
        return Ok(None);
    }
    let Err(error) = places.data.component(component) else {
        return Ok(None);
    };
    let rule = if matches!(error, DataDirError::NoComponent { .. }) {
        "component.missing"
    } else if matches!(error, DataDirError::ComponentChanged { .. }) {
        "component.changed"
    } else {
        return Err(error.into());
    };
    let why = error.to_string();
    let way_on = "restore the file from where it came from; counterfoil drift names it";
    Ok(Some(Amiss { rule, why, way_on }))
}

/// A text among a piece's facts.
pub(super) fn fact<'a>(piece: &'a Piece, name: &str) -> Result<&'a str> {
    let found = piece.facts.get(name).and_then(Value::as_str);
    found.with_context(|| format!("the evidence {} says nothing of {name}", piece.kind.name()))
}
