//! What stands in a journal without a signature: counted, and neither run nor kept.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod common;

use common::{Plan, bars, key, manifest, run, seal, signer, snapshot};
use counterfoil_journal::entry::Chain;
use counterfoil_journal::frame::{Frame, FrameReader, MAGIC, write_checkpoint, write_entry};
use counterfoil_journal::salt::RecordSalt;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::{RunRecord, deliveries};
use counterfoil_verify::{
    Completeness, FindingCause, Integrity, JournalSource, Rerun, VerifyOptions, VerifyReport,
    verify_journal,
};

fn journal() -> (Manifest, Vec<Vec<u8>>) {
    let manifest = manifest(1, 5, &snapshot());
    let bars = bars(1, 40);
    let plan = Plan {
        every: 1,
        fails_at: None,
        burst: 0,
    };
    let bodies = run(&manifest, &bars, &bars, plan);
    (manifest, bodies)
}

/// The journal up to the checkpoint that covers more than half of its records, and the chain behind it.
fn cut(bytes: &[u8], records: u64) -> (Vec<u8>, Chain) {
    let (mut frames, mut rest, mut chain) = (FrameReader::new(), bytes, Chain::new());
    loop {
        let parsed = frames.parse(rest).unwrap();
        rest = &rest[parsed.consumed..];
        match parsed.frame.unwrap() {
            Frame::Entry(entry) => {
                chain.check(entry).unwrap();
            }
            Frame::Checkpoint(_) if chain.size() > records => break,
            Frame::Checkpoint(_) => {}
        }
    }
    let length = usize::try_from(frames.offset()).unwrap();
    (bytes[..length].to_vec(), chain)
}

fn verify<S: JournalSource>(source: S) -> VerifyReport {
    verify_journal(source, &key(), VerifyOptions::default()).unwrap()
}

/// Records that end no slice: fills of one close, which whoever can write to the file may append without end.
fn endless(bodies: &[Vec<u8>]) -> Vec<u8> {
    let found = bodies
        .iter()
        .find_map(|body| match RunRecord::decode(body) {
            Ok(RunRecord::Deliveries(record)) => Some(record),
            _ => None,
        });
    let record = found.unwrap();
    let (mut digested, mut body) = (Vec::new(), Vec::new());
    let last = bars(1, 60).last().unwrap().get().close_time;
    deliveries::encode_digested(last, &record.deliveries, &mut digested);
    deliveries::encode(&digested, 0, &mut body);
    body
}

/// Broke: every record was decoded, kept and run before it was known whether the log had signed it. An unsigned tail of
/// 2.3 MB took a minute, and one of 166 MB took 534 MB. Fixed by looking for the last checkpoint first.
#[test]
fn an_unsigned_tail_is_counted_and_not_run() {
    let (manifest, bodies) = journal();
    let bytes = seal(&bodies, &manifest, &signer());
    let (good, mut chain) = cut(&bytes, bodies.len() as u64 / 2);
    let signed = verify(&good[..]);
    let Completeness::Incomplete { why } = &signed.completeness else {
        unreachable!("{:?}", signed.completeness);
    };
    assert!(why[0].contains("no closing record"), "{why:?}");
    let mut attacked = good;
    let covered = chain.size();
    let body = endless(&bodies);
    for _ in 0..20_000 {
        let mut entry = Vec::new();
        chain
            .link(RecordSalt::default(), &body, &mut entry)
            .unwrap();
        write_entry(&entry, &mut attacked).unwrap();
    }
    let report = verify(&attacked[..]);
    let counted = Integrity::IntactUpTo {
        covered,
        uncovered: 20_000,
        torn_bytes: 0,
    };
    assert_eq!(report.integrity, counted, "{:?}", report.findings);
    // What is signed gives what it gave without the tail.
    assert_eq!(report.rerun, signed.rerun);
    assert_eq!(report.decision_digest, signed.decision_digest);
    assert_eq!(report.bars, signed.bars);
    assert!(!report.is_good());
}

/// A checkpoint that nobody signed is no way around it: the tail behind the last good one is not run.
#[test]
fn a_forged_checkpoint_does_not_have_the_tail_run() {
    let (manifest, bodies) = journal();
    let bytes = seal(&bodies, &manifest, &signer());
    let (mut attacked, mut chain) = cut(&bytes, bodies.len() as u64 / 2);
    let covered = chain.size();
    let mut entry = Vec::new();
    chain
        .link(RecordSalt::default(), &endless(&bodies), &mut entry)
        .unwrap();
    write_entry(&entry, &mut attacked).unwrap();
    write_checkpoint("counterfoil/run/x\n1\nAAAA\n\n", &mut attacked).unwrap();
    let report = verify(&attacked[..]);
    let Integrity::Broken(finding) = &report.integrity else {
        unreachable!("{:?}", report.integrity);
    };
    // A delivery has no checkpoint of its own, so the forged one is refused before its signature is.
    assert_eq!(finding.index, covered);
    assert!(finding.to_string().contains("checkpoint"), "{finding}");
    assert_eq!(report.findings.len(), 1);
}

/// A manifest that nobody signed has no length: its parts were joined in memory until the file ended.
#[test]
fn an_opening_that_nobody_signed_is_not_read() {
    let (manifest, bodies) = journal();
    let whole = seal(&bodies, &manifest, &signer());
    // The same records under a key that nobody gave the auditor.
    let other = counterfoil_journal::signer::Ed25519Signer::from_seed(&[1; 32]);
    let forged = seal(&bodies, &manifest, &other);
    let report = verify(&forged[..]);
    assert_eq!((report.run_id, report.manifest), (None, None));
    assert_eq!(report.findings[0].index, 2);
    // What a crash leaves of an opening is called that.
    let report = verify(&whole[..MAGIC.len() + 400]);
    assert_eq!(report.findings[0].cause, FindingCause::OpeningTorn);
    assert_eq!(report.rerun, Rerun::Stopped);
}
