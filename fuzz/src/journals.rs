//! Journals: frames, whole files, and files of somebody who holds the key. It must never know a
//! strategy.

use std::io::Read;

use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::entry::{Chain, split};
use counterfoil_journal::frame::{Frame, FrameReader, MAGIC, write_checkpoint, write_entry};
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::RecordSalt;
use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
use counterfoil_journal::tree::Tree;
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::record::{CloseRecord, RunRecord, digested_part};
use counterfoil_verify::{
    AuditFileKind, Integrity, JournalSource, VerifyOptions, VerifyReport, verify_journal,
    verify_order_log,
};

use crate::records::encode;

/// The seed of the key that the corpora are signed with: the tests' own. It protects nothing.
pub const KEY_SEED: [u8; 32] = [7; 32];

pub(crate) fn public_key() -> PublicKey {
    let bytes = Ed25519Signer::from_seed(&KEY_SEED).verifying_key();
    PublicKey(bytes)
}

/// Frames that are read are written back as the same bytes, and come out the same when the input
/// arrives in two pieces.
pub fn frames(bytes: &[u8]) {
    let (whole, consumed) = all(bytes);
    if whole.is_empty() {
        return;
    }
    let mut written = MAGIC.to_vec();
    for frame in &whole {
        match frame {
            Frame::Entry(entry) => {
                write_entry(entry, &mut written).expect("an entry that was read")
            }
            Frame::Checkpoint(note) => {
                // A note need not be text to be framed; only text is ever written.
                let Ok(note) = core::str::from_utf8(note) else {
                    return;
                };
                write_checkpoint(note, &mut written).expect("a checkpoint that was read");
            }
        }
    }
    assert_eq!(written, bytes[..consumed], "written back otherwise");
    let cut = bytes.len() / 2;
    let (first, done) = all(&bytes[..cut]);
    let mut reader = FrameReader::new();
    let mut rest = bytes;
    let mut again = Vec::new();
    while again.len() < whole.len() {
        let parsed = reader.parse(rest).expect("it was read before");
        rest = &rest[parsed.consumed..];
        again.extend(parsed.frame);
    }
    assert_eq!(again, whole);
    assert!(done <= cut && whole.starts_with(&first));
}

/// All frames up to the first that is none, and how many bytes they take.
fn all(bytes: &[u8]) -> (Vec<Frame<'_>>, usize) {
    let mut reader = FrameReader::new();
    let mut frames = Vec::new();
    let mut at = 0;
    let mut whole = 0;
    while let Ok(parsed) = reader.parse(&bytes[at..]) {
        at += parsed.consumed;
        assert_eq!(reader.offset(), at as u64);
        let Some(frame) = parsed.frame else { break };
        whole = at;
        frames.push(frame);
    }
    (frames, whole)
}

/// Gives its bytes a few at a time, as a socket or a pipe would.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(buffer.len()).min(1 + self.0.len() % 97);
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

impl JournalSource for Slow<'_> {
    fn look_ahead<T>(
        &mut self,
        look: impl FnOnce(&mut dyn Read) -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        look(&mut Slow(self.0))
    }
}

/// The verifier says something of any bytes, the same however they arrive; with the records looked
/// at it never finds less than without.
pub fn journal(bytes: &[u8]) {
    let report = verified(bytes);
    let slowly = verify_journal(Slow(bytes), &public_key(), VerifyOptions::default());
    assert_eq!(report, slowly.expect("a slice can be read"));
    let only = VerifyOptions {
        integrity_only: true,
        ..VerifyOptions::default()
    };
    let integrity = verify_journal(bytes, &public_key(), only).expect("a slice can be read");
    if report.integrity == Integrity::Intact {
        assert_eq!(integrity.integrity, Integrity::Intact);
    }
    check(&report);
    // The same bytes as an order log: refused, and never more than a report.
    let orders = verify_order_log(bytes, &public_key(), None).expect("a slice can be read");
    assert!(!orders.is_good() || AuditFileKind::of(bytes) == AuditFileKind::OrderLog);
}

/// Whoever holds the key can chain and sign any records: the bytes' records, linked and signed
/// again. The verifier says something of that too.
pub fn forged(bytes: &[u8]) {
    let (frames, _) = all(bytes);
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    let mut places = Vec::new();
    for frame in frames {
        match frame {
            Frame::Entry(entry) => {
                bodies.push(split(entry, 0).map_or(entry, |(_, body)| body).to_vec())
            }
            Frame::Checkpoint(_) => places.push(bodies.len()),
        }
    }
    close_again(&mut bodies);
    let Some(origin) = origin(&bodies) else {
        return;
    };
    let signer = Ed25519Signer::from_seed(&KEY_SEED);
    let (mut chain, mut tree) = (Chain::new(), Tree::new());
    let mut file = MAGIC.to_vec();
    let mut entry = Vec::new();
    for (place, body) in (1..).zip(&bodies) {
        let Ok(leaf) = chain.link(RecordSalt::default(), body, &mut entry) else {
            return;
        };
        write_entry(&entry, &mut file).expect("an entry that was linked");
        tree.push(leaf);
        if places.contains(&place) {
            let checkpoint = Checkpoint {
                origin: origin.clone(),
                size: tree.size(),
                root: tree.root(),
            };
            let Ok(note) = checkpoint.sign(&signer) else {
                return;
            };
            write_checkpoint(&note, &mut file).expect("a note that was signed");
        }
    }
    check(&verified(&file));
}

fn verified(bytes: &[u8]) -> VerifyReport {
    verify_journal(bytes, &public_key(), VerifyOptions::default()).expect("a slice can be read")
}

fn check(report: &VerifyReport) {
    assert!(report.decisions <= report.entries && report.refused_inputs <= report.entries);
    if report.is_good() {
        assert!(
            report.findings.is_empty() && report.closed.is_some(),
            "{report:?}"
        );
        assert!(report.decision_digest.is_some() && report.last_checkpoint.is_some());
    }
}

/// The origin that the first record gives its log.
fn origin(bodies: &[Vec<u8>]) -> Option<String> {
    let Ok(RunRecord::Open(open)) = RunRecord::decode(bodies.first()?) else {
        return None;
    };
    Some(format!(
        "counterfoil/run/{}/{}",
        open.run_id.hex(),
        open.execution
    ))
}

/// Brings the decision digest in the closing record up to date, or nothing behind it is reached.
fn close_again(bodies: &mut [Vec<u8>]) {
    let mut digest = DecisionDigest::default();
    for body in bodies.iter() {
        if let Ok(Some(part)) = digested_part(body) {
            digest.add(part);
        }
    }
    for body in bodies {
        if let Ok(RunRecord::Close(close)) = RunRecord::decode(body) {
            *body = encode(&RunRecord::Close(CloseRecord {
                decision_digest: digest.value(),
                ..close
            }));
        }
    }
}
