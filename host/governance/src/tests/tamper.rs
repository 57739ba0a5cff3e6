//! A ledger that somebody changed: records removed, reordered, back-dated, made up; by somebody
//! who holds the log's key, too.

use std::fs;

use super::*;
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::entry::{Chain, split};
use counterfoil_journal::frame::{Frame, FrameReader, MAGIC, write_checkpoint, write_entry};
use counterfoil_journal::salt::LogSigner as _;
use counterfoil_journal::tree::Tree;

use crate::ledger::{CLOCK_AHEAD_MAX, MachineClock};
use crate::state::CLOCK_STEP_MAX;

/// The bodies of a ledger's entries, and each entry with the bytes of its frame and checkpoint.
fn parts(bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut frames, mut rest) = (FrameReader::new(), bytes);
    let (mut bodies, mut pairs) = (Vec::new(), Vec::new());
    loop {
        let parsed = frames.parse(rest).unwrap();
        let raw = &rest[..parsed.consumed];
        match parsed.frame {
            None => return (bodies, pairs),
            Some(Frame::Entry(entry)) => {
                let raw = raw.strip_prefix(MAGIC.as_slice()).unwrap_or(raw);
                pairs.push(raw.to_vec());
                bodies.push(split(entry, 0).unwrap().1.to_vec());
            }
            Some(Frame::Checkpoint(_)) => pairs.last_mut().unwrap().extend_from_slice(raw),
        }
        rest = &rest[parsed.consumed..];
    }
}

fn join(pairs: &[Vec<u8>]) -> Vec<u8> {
    [MAGIC.to_vec(), pairs.concat()].concat()
}

/// The bodies sealed again with the log's own key: a fork that only actors' signatures betray.
fn reseal(bodies: &[Vec<u8>]) -> Vec<u8> {
    let salts = log_key(LOG_SEED).salts("counterfoil/ledger/test");
    let (mut chain, mut tree, mut out) = (Chain::new(), Tree::new(), MAGIC.to_vec());
    for body in bodies {
        let mut entry = Vec::new();
        tree.push(
            chain
                .link(salts.at(chain.size()), body, &mut entry)
                .unwrap(),
        );
        write_entry(&entry, &mut out).unwrap();
        let checkpoint = Checkpoint {
            origin: "counterfoil/ledger/test".into(),
            size: tree.size(),
            root: tree.root(),
        };
        write_checkpoint(&checkpoint.sign(&signing_key(LOG_SEED)).unwrap(), &mut out).unwrap();
    }
    out
}

fn refused(bytes: &[u8]) -> String {
    ledger::verify(bytes, &Desk::log_key())
        .unwrap_err()
        .to_string()
}

fn walked() -> Desk {
    let mut desk = Desk::staffed();
    let set = desk.walk("one");
    desk.start("run", set).unwrap();
    desk.denied("bob", promote(set), Rule::RoleMissing);
    desk
}

#[test]
fn a_removed_or_moved_record_breaks_the_chain() {
    let bytes = fs::read(walked().path()).unwrap();
    let (_, pairs) = parts(&bytes);
    assert_eq!(join(&pairs), bytes);
    for at in 0..pairs.len() - 1 {
        let mut removed = pairs.clone();
        removed.remove(at);
        let text = refused(&join(&removed));
        assert!(text.contains("removed"), "{at}: {text}");
        let mut moved = pairs.clone();
        moved.swap(at, at + 1);
        let text = refused(&join(&moved));
        assert!(text.contains("moved"), "{at}: {text}");
    }
}

#[test]
fn even_with_the_logs_key_no_record_can_be_removed_moved_or_made_up() {
    let bytes = fs::read(walked().path()).unwrap();
    let (bodies, _) = parts(&bytes);
    assert_eq!(reseal(&bodies), bytes);
    for at in 0..bodies.len() - 1 {
        let mut removed = bodies.clone();
        removed.remove(at);
        let text = refused(&reseal(&removed));
        assert!(
            text.contains(&format!("record {at} is recorded as")),
            "{at}: {text}"
        );
        let mut moved = bodies.clone();
        moved.swap(at, at + 1);
        let text = refused(&reseal(&moved));
        let back_dated = format!("record {} is back-dated", at + 1);
        let says = format!("record {at} is recorded as");
        assert!(
            text.contains(&says) || text.contains(&back_dated),
            "{at}: {text}"
        );
    }
    // A denial is turned into an act, and an act into a denial.
    let last = bodies.len() - 1;
    let decode = |at: usize| LedgerRecord::decode(Chain::new().last(), &bodies[at]).unwrap();
    for (at, denied) in [
        (last, None),
        (last, Some(Rule::RunExists)),
        (last - 1, Some(Rule::RoleMissing)),
    ] {
        let mut changed = bodies[..=at].to_vec();
        let mut record = decode(at);
        record.denied = denied;
        changed[at] = record.encode();
        let text = refused(&reseal(&changed));
        assert!(
            text.contains(&format!("record {at} is recorded as")),
            "{text}"
        );
    }
}

/// Two machines' clocks differ, and a clock is set right: neither may keep a kill from being recorded.
#[test]
fn a_clock_that_is_a_little_behind_acts_at_the_time_of_the_last_record() {
    let mut desk = walked();
    let last = desk.time;
    let time_of = |ledger: &Ledger, now| ledger.time_of_act(untrusted(now)).unwrap().0;
    let table = [
        (last + 1, last + 1),
        (last, last),
        (last - 1, last),
        (last - CLOCK_STEP_MAX, last),
        (last - CLOCK_STEP_MAX - 1, last - CLOCK_STEP_MAX - 1),
        (i64::MIN, i64::MIN),
    ];
    for (now, time) in table {
        assert_eq!(time_of(&desk.ledger, now), time, "{now}");
    }
    let time = desk.ledger.time_of_act(untrusted(last - 1)).unwrap();
    let bob = id("bob");
    let index = desk.ledger.act(time, &bob, submit("two"), &signing_key(2));
    index.unwrap();
}

fn untrusted(now: i64) -> MachineClock {
    MachineClock {
        now: UnixNanos(now),
        is_trusted: false,
    }
}

#[test]
fn a_clock_that_nothing_vouches_for_is_at_most_a_month_ahead() {
    let desk = walked();
    let far = untrusted(desk.time + CLOCK_AHEAD_MAX);
    assert_eq!(desk.ledger.time_of_act(far).unwrap(), far.now);
    let ahead = untrusted(far.now.0 + 1);
    let error = desk.ledger.time_of_act(ahead).unwrap_err().to_string();
    assert!(error.contains("is not synchronised"), "{error}");
    let vouched = MachineClock {
        is_trusted: true,
        ..ahead
    };
    assert_eq!(desk.ledger.time_of_act(vouched).unwrap(), ahead.now);
}

#[test]
fn a_back_dated_record_is_refused_when_written_and_when_read() {
    let mut desk = walked();
    let error = desk
        .ledger
        .act(
            UnixNanos(desk.time - 1),
            &id("bob"),
            submit("two"),
            &signing_key(2),
        )
        .unwrap_err();
    assert!(error.to_string().contains("is back-dated"), "{error}");
    // Nothing was recorded, and the ledger goes on.
    desk.act("bob", submit("two")).unwrap();
    // With the help of the log's key and bob's own.
    let (mut bodies, _) = parts(&fs::read(desk.path()).unwrap());
    let at = bodies.len();
    let previous = desk.ledger.place();
    let time = UnixNanos(desk.time - 1);
    let signed = SignedAct::sign(
        previous.0,
        previous.1,
        time,
        id("bob"),
        submit("three"),
        &signing_key(2),
    )
    .unwrap();
    bodies.push(
        LedgerRecord {
            signed,
            denied: None,
        }
        .encode(),
    );
    let text = refused(&reseal(&bodies));
    assert!(
        text.contains(&format!("record {at} is back-dated")),
        "{text}"
    );
}

#[test]
fn every_flipped_byte_is_found() {
    let mut desk = Desk::new();
    desk.add("bob", &[Role::Author], 2).unwrap();
    let bytes = fs::read(desk.path()).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(desk.folder.path().join("changed"), &changed).unwrap();
        let found = ledger::read(&desk.folder.path().join("changed"), &Desk::log_key());
        assert!(found.is_err(), "byte {at}");
    }
}

#[test]
fn a_crash_at_any_byte_of_an_append_leaves_the_record_or_none() {
    let mut desk = Desk::new();
    let before = fs::read(desk.path()).unwrap();
    desk.add("bob", &[Role::Author], 2).unwrap();
    let after = fs::read(desk.path()).unwrap();
    let state = desk.ledger.state().clone();
    let path = desk.folder.path().join("torn");
    for length in before.len()..=after.len() {
        fs::write(&path, &after[..length]).unwrap();
        let torn = ledger::read(&path, &Desk::log_key());
        let whole = length == after.len() || length == before.len();
        assert_eq!(torn.is_ok(), whole, "{length}");
        let ledger = Ledger::open(&path, &id("test"), Box::new(log_key(LOG_SEED))).unwrap();
        let cut = if length == after.len() {
            0
        } else {
            length - before.len()
        };
        assert_eq!(ledger.cut_bytes(), cut as u64);
        assert_eq!(ledger.state() == &state, length == after.len());
        drop(ledger);
        ledger::read(&path, &Desk::log_key()).unwrap();
    }
}

#[test]
fn a_ledger_has_one_writer_and_goes_on_after_it_was_closed() {
    let desk = walked();
    let open = |desk: &Desk| Ledger::open(&desk.path(), &id("test"), Box::new(log_key(LOG_SEED)));
    let error = open(&desk).unwrap_err().to_string();
    assert!(error.contains("another process writes it"), "{error}");
    let Desk {
        folder,
        ledger,
        time,
        hands,
    } = desk;
    let state = ledger.state().clone();
    let before = ledger.place().1;
    drop(ledger);
    let path = folder.path().join("ledger");
    let ledger = Ledger::open(&path, &id("test"), Box::new(log_key(LOG_SEED))).unwrap();
    assert_eq!(ledger.state(), &state);
    let mut desk = Desk {
        folder,
        ledger,
        time,
        hands,
    };
    desk.act("bob", submit("two")).unwrap();
    // An act that was signed before another record came is not taken for one signed now.
    let place = ("counterfoil/ledger/test", before);
    let signed = SignedAct::sign(
        place.0,
        place.1,
        UnixNanos(99),
        id("bob"),
        submit("three"),
        &signing_key(2),
    )
    .unwrap();
    let error = desk.ledger.append(signed).unwrap_err();
    assert!(matches!(error, LedgerError::Stale { .. }), "{error}");
    // The log of another name, or of another key, is not this one.
    drop(desk.ledger);
    assert!(Ledger::open(&path, &id("other"), Box::new(log_key(LOG_SEED))).is_err());
    assert!(Ledger::open(&path, &id("test"), Box::new(log_key(LOG_SEED - 1))).is_err());
}
