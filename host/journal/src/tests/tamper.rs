//! The table of tampering: every byte changed, every frame removed, repeated or moved, every
//! truncation. A journal's owner would see each of these named.

use alloc::{string::ToString, vec::Vec};
use core::num::NonZeroU64;

use super::{Journal, ORIGIN, journal, key, signer};
use crate::{
    audit::{AuditError, AuditSummary, AuditedFrame, Auditor},
    checkpoint::Checkpoint,
    entry::{BODY_BYTES_MAX, Chain, HEAD_BYTES},
    frame::{Frame, FrameError, FrameReader, MAGIC, write_checkpoint, write_entry},
    hash::Hash,
    salt::RecordSalt,
    span::{LeafSpan, LeafSpanError},
    tree::Tree,
};

/// Entries between checkpoints in the journals of this file.
const CADENCE: u64 = 5;

#[derive(Debug)]
enum Refused {
    Frame(FrameError),
    Audit(AuditError),
}

fn audit(bytes: &[u8]) -> Result<AuditSummary, Refused> {
    let (mut reader, mut auditor) = (FrameReader::new(), Auditor::new(key(ORIGIN, 1)));
    auditor.set_cadence(NonZeroU64::new(CADENCE).unwrap());
    let mut at = 0;
    loop {
        let parsed = reader.parse(&bytes[at..]).map_err(Refused::Frame)?;
        at += parsed.consumed;
        let Some(frame) = parsed.frame else { break };
        auditor.frame(frame).map_err(Refused::Audit)?;
    }
    Ok(auditor.finish((bytes.len() - at) as u64))
}

/// Audits what must not pass for a whole journal; what it was refused for.
#[track_caller]
fn caught(bytes: &[u8], what: &str) -> &'static str {
    match audit(bytes) {
        Err(Refused::Frame(FrameError::Magic)) => "magic",
        Err(Refused::Frame(_)) => "frame",
        Err(Refused::Audit(error)) => match error {
            AuditError::Entry(_) => "chain",
            AuditError::Checkpoint { .. } => "checkpoint",
            AuditError::Size { .. } => "size",
            AuditError::Root { .. } => "root",
            AuditError::Repeated { .. } => "repeated",
            AuditError::Missing { .. } => "missing",
            AuditError::Span(_) => "span",
        },
        Ok(summary) if summary.torn_bytes > 0 => "torn",
        Ok(summary) if summary.uncovered() > 0 => "uncovered",
        Ok(summary) => panic!("{what} was not seen: {} entries", summary.entries),
    }
}

fn whole() -> Journal {
    journal(20, 5)
}

/// The frames of a journal, each with its head.
fn frames(journal: &Journal) -> Vec<&[u8]> {
    journal
        .starts
        .windows(2)
        .map(|pair| &journal.bytes[pair[0]..pair[1]])
        .collect()
}

fn join(frames: &[&[u8]]) -> Vec<u8> {
    [MAGIC, &frames.concat()[..]].concat()
}

#[test]
fn an_untouched_journal_is_sealed_and_can_be_written_on() {
    let journal = whole();
    let summary = audit(&journal.bytes).unwrap();
    assert!(summary.is_sealed());
    assert_eq!(
        (summary.entries, summary.covered, summary.checkpoints),
        (20, 20, 4)
    );
    assert_eq!(
        summary.last.as_ref().map(|last| last.root),
        Some(summary.tree.root())
    );
    assert_eq!(summary.chain.last(), journal.leaves[19]);
    assert_eq!(audit(&[]).map(|s| s.is_sealed()).ok(), Some(false));
}

#[test]
fn every_changed_bit_is_caught() {
    let journal = whole();
    let mut seen = alloc::collections::BTreeMap::new();
    for at in 0..journal.bytes.len() {
        for bit in 0..8 {
            let mut bytes = journal.bytes.clone();
            bytes[at] ^= 1 << bit;
            let why = caught(&bytes, &std::format!("bit {bit} of byte {at}"));
            *seen.entry(why).or_insert(0) += 1;
        }
    }
    let named: Vec<_> = seen.keys().copied().collect();
    assert_eq!(
        named,
        [
            "chain",
            "checkpoint",
            "frame",
            "magic",
            "root",
            "size",
            "torn"
        ]
    );
    assert_eq!(seen["magic"], 16 * 8);
}

#[test]
fn every_removed_repeated_or_moved_frame_is_caught() {
    let journal = whole();
    let frames = frames(&journal);
    assert_eq!(frames.len(), 24);
    assert_eq!(join(&frames), journal.bytes);
    let last = frames.len() - 1;
    for at in 0..frames.len() {
        let checkpoint = frames[at][0] == b'C';
        let mut changed = frames.clone();
        changed.remove(at);
        let why = caught(&join(&changed), &std::format!("frame {at} removed"));
        let expected = match (checkpoint, at == last, at + 1 < frames.len()) {
            (true, true, _) => "uncovered",
            (true, false, _) => "missing",
            // The entry before a checkpoint: the tree is one short.
            (false, _, true) if frames[at + 1][0] == b'C' => "size",
            (false, ..) => "chain",
        };
        assert_eq!(why, expected, "frame {at} removed");

        let mut changed = frames.clone();
        changed.insert(at, frames[at]);
        let why = caught(&join(&changed), &std::format!("frame {at} repeated"));
        let expected = if checkpoint { "repeated" } else { "chain" };
        assert_eq!(why, expected, "frame {at} repeated");

        if at < last {
            let mut changed = frames.clone();
            changed.swap(at, at + 1);
            let why = caught(&join(&changed), &std::format!("frame {at} moved down"));
            assert!(
                ["chain", "size", "missing"].contains(&why),
                "frame {at} moved: {why}"
            );
        }
    }
}

#[test]
fn every_truncation_is_reported() {
    let journal = whole();
    let whole_entries = |cut: usize| {
        let ends = journal.starts.iter().skip(1).zip(frames(&journal));
        ends.filter(|(end, frame)| **end <= cut && frame[0] == b'E')
            .count() as u64
    };
    for cut in 0..journal.bytes.len() {
        let summary = audit(&journal.bytes[..cut]).unwrap();
        assert_eq!(summary.entries, whole_entries(cut), "cut at {cut}");
        let at_checkpoint = summary.torn_bytes == 0 && summary.uncovered() == 0;
        // Cut right after a checkpoint a journal is whole by itself; what is missing then is
        // known from its entries (no closing record), from the ledger, or from a witness.
        let ends_in_checkpoint = journal
            .starts
            .windows(2)
            .any(|pair| pair[1] == cut && journal.bytes[pair[0]] == b'C');
        let empty = cut == 0 || cut == MAGIC.len();
        assert_eq!(at_checkpoint, ends_in_checkpoint || empty, "cut at {cut}");
        assert_eq!(summary.is_sealed(), ends_in_checkpoint, "cut at {cut}");
    }
}

#[track_caller]
fn named(bytes: &[u8], message: &str) {
    let shown = match audit(bytes) {
        Err(Refused::Audit(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(shown.contains(message), "{shown}");
}

/// A journal whose entries are those of `bodies`, with one checkpoint at its end.
fn rewritten(bodies: &[&[u8]], seed: u8, origin: &str) -> Vec<u8> {
    let (mut chain, mut tree, mut bytes) = (Chain::new(), Tree::new(), MAGIC.to_vec());
    for body in bodies {
        let mut entry = Vec::new();
        tree.push(chain.link(RecordSalt::default(), body, &mut entry).unwrap());
        write_entry(&entry, &mut bytes).unwrap();
    }
    let checkpoint = Checkpoint {
        origin: origin.into(),
        size: chain.size(),
        root: tree.root(),
    };
    write_checkpoint(&checkpoint.sign(&signer(seed)).unwrap(), &mut bytes).unwrap();
    bytes
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let journal = whole();
    let all = frames(&journal);
    // Entry 6 is frame 7.
    let without = |at: usize| {
        let mut some = all.clone();
        some.remove(at);
        join(&some)
    };
    named(&without(7), "entry 6 does not follow the entry before it");
    named(&without(4), "the checkpoint after 4 entries covers 5");
    named(
        &without(5),
        "a checkpoint is missing: entry 5 is the 6th since the last one",
    );
    let mut changed = journal.bytes.clone();
    changed[journal.starts[7] + 5 + 32] ^= 1;
    named(&changed, "entry 7 does not follow the entry before it");
    let mut changed = journal.bytes.clone();
    changed[journal.starts[10] + 5 + 32] ^= 1;
    named(
        &changed,
        "after 10 entries signs another tree: one of the entries from 5 on was changed",
    );

    // Everything hashed anew: only the signature tells.
    rewritten_passes_only_with_the_key_and_origin();
    // An older checkpoint in place of a newer one, and one of a fork.
    let rolled_back = [&all[..11], &[all[5]], &all[12..]].concat();
    named(
        &join(&rolled_back),
        "the checkpoint after 10 entries covers 5",
    );
    let fork = rewritten(&[b"a", b"b"], 1, ORIGIN);
    let own = rewritten(&[b"a", b"c"], 1, ORIGIN);
    let note = |bytes: &[u8]| bytes[MAGIC.len() + 2 * (5 + HEAD_BYTES + 1)..].to_vec();
    let entries = own[..MAGIC.len() + 2 * (5 + HEAD_BYTES + 1)].to_vec();
    audit(&[&entries[..], &note(&own)].concat()).unwrap();
    named(&[&entries[..], &note(&fork)].concat(), "signs another tree");
}

fn rewritten_passes_only_with_the_key_and_origin() {
    assert!(
        audit(&rewritten(&[b"a", b"b"], 1, ORIGIN))
            .unwrap()
            .is_sealed()
    );
    named(
        &rewritten(&[b"a", b"b"], 2, ORIGIN),
        "invalid checkpoint after 2 entries",
    );
    named(
        &rewritten(&[b"a", b"b"], 1, "counterfoil.example/run/2"),
        "no known key signed",
    );
    assert!(audit(&rewritten(&[&alloc::vec![1; BODY_BYTES_MAX]], 1, ORIGIN)).is_ok());
}

#[test]
fn spans_checked_apart_join_to_the_same_journal() {
    let journal = journal(1024 + 10, 1024);
    let entries: Vec<&[u8]> = journal.entries.iter().map(Vec::as_slice).collect();
    let spans: Vec<LeafSpan> = entries
        .chunks_exact(256)
        .zip(0..)
        .map(|(span, n)| LeafSpan::check(span, n * 256).unwrap())
        .collect();
    let auditor = Auditor::new(key(ORIGIN, 1));
    let mut joined = auditor.clone();
    for span in &spans {
        joined.span(span).unwrap();
    }
    assert_eq!(joined.covered(), 0);
    joined
        .frame(Frame::Checkpoint(journal.notes[0].as_bytes()))
        .unwrap();
    for entry in &entries[1024..] {
        joined.frame(Frame::Entry(entry)).unwrap();
    }
    let summary = joined.clone().finish(0);
    let root: Tree = journal.leaves.iter().copied().collect();
    assert_eq!(
        (summary.tree, summary.chain.last()),
        (root, journal.leaves[1033])
    );
    assert_eq!((summary.entries, summary.covered), (1034, 1024));

    // In the wrong sequence, off the boundary, past the cadence, with a broken link inside.
    let mut wrong = auditor.clone();
    wrong.span(&spans[0]).unwrap();
    let error = wrong.span(&spans[2]).unwrap_err().to_string();
    assert!(error.contains("entry 256 does not follow"), "{error}");
    let off = LeafSpan::check(&entries[10..266], 10).unwrap();
    let mut wrong = auditor.clone();
    for entry in &entries[..10] {
        let audited = wrong.frame(Frame::Entry(entry)).unwrap();
        assert!(matches!(audited, AuditedFrame::Entry { .. }));
    }
    assert!(matches!(wrong.span(&off), Err(AuditError::Span(_))));
    assert_eq!(wrong.entries(), 10);
    let mut wrong = auditor;
    wrong.set_cadence(NonZeroU64::new(300).unwrap());
    wrong.span(&spans[0]).unwrap();
    let missing = AuditError::Missing {
        index: 300,
        uncovered: 301,
    };
    assert_eq!(wrong.span(&spans[1]), Err(missing));
    let mut moved = entries[..256].to_vec();
    moved.swap(100, 101);
    let error = LeafSpan::check(&moved, 0).unwrap_err().to_string();
    assert!(error.contains("entry 100 does not follow"), "{error}");
    assert_eq!(
        LeafSpan::check(&entries[..255], 0),
        Err(LeafSpanError::Count { entries: 255 })
    );
    assert_ne!(spans[0].root(), Hash::default());
}
