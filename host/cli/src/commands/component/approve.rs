//! `component approve`: an approver's signature over exactly four digests.

use std::collections::BTreeMap;
use std::path::Path;

use super::evidence;
use crate::args::ComponentApprove;
use crate::commands::policy;
use crate::output::Answer;
use crate::people::desk::{Desk, Done};
use crate::people::refusal::{Refusal, tell};
use crate::people::{self, words};
use crate::places::Places;
use anyhow::{Context as _, Result};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, DigestSet, EvidenceKind, Refused};
use counterfoil_governance::attest;
use counterfoil_governance::evidence::Piece;
use counterfoil_os::files::{read_whole, write_whole};
use counterfoil_trading::manifest::Manifest;

pub(super) fn run(places: &Places, args: &ComponentApprove) -> Result<Answer> {
    let mut desk = Desk::open(places)?;
    let component = people::component(desk.state(), &args.component)?;
    let act = "component-approve";
    let set = match set_of(
        places,
        &mut desk,
        (act, &component),
        args.manifest.as_deref(),
    )? {
        Ok(set) => set,
        Err(refusal) => return Ok(refusal.tell(places, &[])),
    };
    let done = sign(&mut desk, set, args.output.as_deref())?;
    let what = format!(
        "{} approves {component} under limits {}, policy {} and evidence {}",
        desk.actor, set.limits, set.policy, set.evidence
    );
    Ok(tell(places, done, &what, words::set(&set)))
}

/// Signs the approval of a set, as an envelope and as an act.
fn sign(desk: &mut Desk, set: DigestSet, output: Option<&Path>) -> Result<Result<Done, Refusal>> {
    let mut envelope = attest::approval(desk.state().origin(), &desk.actor, &set)?;
    envelope.sign(desk.hand.as_ref())?;
    let signature = envelope
        .signatures
        .first()
        .map(|one| one.signature.as_slice());
    let signature = signature.and_then(|bytes| bytes.try_into().ok());
    let signature = signature.context("the signature has another length than Ed25519's")?;
    let done = desk.act(Act::ComponentApprove { set, signature })?;
    if let (Ok(_), Some(path)) = (&done, output) {
        write_whole(path, &envelope.encode()?)?;
    }
    Ok(done)
}

/// The set that is approved or promoted now: the component, the limits that its evidence was found
/// under or that a manifest has, the policy in force, and the evidence; the bytes of all but the
/// limits are opened and held against their digests.
/// What keeps it from being known is a refusal of the act, and recorded.
pub(crate) fn set_of(
    places: &Places,
    desk: &mut Desk,
    (act, component): (&str, &Digest),
    manifest: Option<&Path>,
) -> Result<Result<DigestSet, Refusal>> {
    let refused = |rule: &str, why: String| Refused {
        act: act.to_owned(),
        subject: component.to_string(),
        rule: rule.to_owned(),
        why,
    };
    if let Some(changed) = evidence::bytes_amiss(places, desk.state(), component)? {
        let refused = refused(changed.rule, changed.why);
        return desk.refuse(&refused, changed.way_on).map(Err);
    }
    let pieces = match evidence::whole(places, desk.state(), component) {
        Ok(pieces) => pieces,
        Err(why) => {
            let way = "restore the file; whoever approves must be able to read what they rest on";
            let refused = refused("evidence.changed", why);
            return desk.refuse(&refused, way).map(Err);
        }
    };
    let policy = match policy::in_force(places, desk.state())? {
        Ok(bundle) => Digest(bundle.digest().0),
        Err(shut) => {
            let refused = refused(shut.rule, shut.why);
            return desk.refuse(&refused, shut.way_on).map(Err);
        }
    };
    let state = desk.state();
    let registered = state.registry().components().get(component);
    let recorded = registered.and_then(|one| one.validated.as_ref());
    Ok(Ok(DigestSet {
        component: *component,
        limits: limits(&pieces, manifest)?,
        policy,
        // Of what was never validated; the ledger answers that the stage is not the right one.
        evidence: recorded.map_or(Digest([0; 32]), |(evidence, _)| evidence.digest()),
    }))
}

fn limits(pieces: &BTreeMap<EvidenceKind, Piece>, manifest: Option<&Path>) -> Result<Digest> {
    if let Some(path) = manifest {
        let text = String::from_utf8(read_whole(path)?)?;
        let manifest = Manifest::parse(&text).with_context(|| path.display().to_string())?;
        return Ok(manifest.limits_digest()?);
    }
    let Some(piece) = pieces.get(&EvidenceKind::Thresholds) else {
        return Ok(Digest([0; 32]));
    };
    let text = evidence::fact(piece, "limits")?;
    people::digest(text)
        .with_context(|| format!("the limits in the evidence, {text:?}, are no digest"))
}
