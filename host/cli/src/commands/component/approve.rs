//! `component approve`: an approver's signature over exactly four digests.

use crate::people::ledger_access::require;
use counterfoil_approval::host_checks::check_component_bytes;
use counterfoil_approval::host_checks::policy_in_force;
use counterfoil_approval::host_checks::validated_evidence;
use counterfoil_approval::ledger_client::ActOutcome;
use counterfoil_approval::ledger_client::LedgerClient;
use counterfoil_approval::record_json;
use std::collections::BTreeMap;
use std::path::Path;

use super::evidence;
use crate::args::ComponentApproveArgs;
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;
use crate::people;
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use anyhow::{Context as _, Result};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, ActName, DigestSet, EvidenceKind};
use counterfoil_governance::attest;
use counterfoil_governance::evidence::EvidenceAttestation;
use counterfoil_os::files::{read_whole, write_whole};
use counterfoil_trading::manifest::Manifest;

pub(super) fn run(cli: &CliContext, args: &ComponentApproveArgs) -> Result<CommandAnswer> {
    let mut client = ledger_access::open(cli)?;
    let component = people::component(client.state(), &args.component)?;
    let act = ActName::ComponentApprove;
    // The set is computed from the bytes on disk and in the archive, never from what the caller
    // types: a signature over digests that the signer did not open would approve whatever is put there later.
    let set = set_of(cli, &mut client, act, &component, args.manifest.as_deref())?;
    let outcome = sign(&mut client, set, args.output.as_deref())?;
    let what = format!(
        "{} approves {component} under limits {}, policy {} and evidence {}",
        client.actor(),
        set.limits,
        set.policy,
        set.evidence
    );
    Ok(print_outcome(cli, outcome, &what, record_json::set(&set)))
}

/// Signs the approval of a set, as an envelope and as an act.
fn sign(client: &mut LedgerClient, set: DigestSet, output: Option<&Path>) -> Result<ActOutcome> {
    let mut envelope = attest::approval(client.state().origin(), client.actor(), &set)?;
    // The envelope is for tools outside; its signature is also the act's. Both are over the same
    // four digests, so neither can be moved to another set.
    envelope.sign(client.signing_key())?;
    let signature = envelope
        .signatures
        .first()
        .map(|one| one.signature.as_slice());
    let signature = signature.and_then(|bytes| bytes.try_into().ok());
    let signature = signature.context("the signature has another length than Ed25519's")?;
    let outcome = client.act(Act::ComponentApprove { set, signature })?;
    // Written after the record. An envelope of an approval that the ledger denied would convince an
    // outside tool of something that never happened.
    if let (ActOutcome::Recorded { .. }, Some(path)) = (&outcome, output) {
        write_whole(path, &envelope.encode()?)?;
    }
    Ok(outcome)
}

/// The set that is approved or promoted now: the component, the limits that its evidence was found
/// under or that a manifest has, the policy in force, and the evidence; the bytes of all but the
/// limits are opened and held against their digests.
/// What keeps the set from being known is recorded as a refusal of the act.
pub(crate) fn set_of(
    cli: &CliContext,
    client: &mut LedgerClient,
    act: ActName,
    component: &Digest,
    manifest: Option<&Path>,
) -> Result<DigestSet> {
    let (data, subject) = (&cli.data, component.to_string());
    // Bytes first: limits, policy and evidence say nothing about a component file that was
    // replaced.
    let intact = check_component_bytes(data, client.state(), component);
    require(client, act, &*subject, intact)?;
    let pieces = validated_evidence(data, client.state(), component);
    let pieces = require(client, act, &*subject, pieces)?;
    // The policy in force now, not one of the caller's choice: an approval under an older policy
    // would bypass what was tightened since.
    let bundle = policy_in_force(data, client.state());
    let policy = Digest(require(client, act, &*subject, bundle)?.digest().0);
    let state = client.state();
    let registered = state.registry().components().get(component);
    let recorded = registered.and_then(|one| one.validated.as_ref());
    Ok(DigestSet {
        component: *component,
        limits: limits(&pieces, manifest)?,
        policy,
        // Of what was never validated; the ledger answers that the stage is not the right one.
        evidence: recorded.map_or(Digest([0; 32]), |(evidence, _)| evidence.digest()),
    })
}

fn limits(
    pieces: &BTreeMap<EvidenceKind, EvidenceAttestation>,
    manifest: Option<&Path>,
) -> Result<Digest> {
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
