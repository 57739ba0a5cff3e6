//! A ledger that a process has verified before: what it finds out of the rest is what a full verification finds.

use std::fs;
use std::sync::Arc;

use super::*;

#[test]
fn the_rest_of_a_known_ledger_gives_what_the_whole_one_gives() {
    let mut desk = Desk::staffed();
    let mut known = vec![desk.ledger.known()];
    for component in ["one", "two"] {
        desk.walk(component);
        desk.denied("bob", validate("three"), Rule::RoleMissing);
        known.push(desk.ledger.known());
    }
    let whole = desk.verified();
    // The ledger is this process's: the others read it, and one opens it to write once it is free.
    for known in &known {
        let read = known.clone().read_on(&desk.path()).unwrap();
        assert_eq!(**read.state(), whole.state);
    }
    let of_verified = desk.verified().known().unwrap();
    let state = desk.ledger.known();
    assert_eq!(state.state(), of_verified.state());
    // Nothing new: not even a copy of the state is made.
    let same = state.clone().read_on(&desk.path()).unwrap();
    assert!(Arc::ptr_eq(same.state(), state.state()));
    let path = desk.path();
    for known in known {
        let Desk {
            folder,
            ledger,
            time,
            hands,
        } = desk;
        drop(ledger);
        let log = Box::new(log_key(LOG_SEED));
        desk = Desk {
            folder,
            ledger: Ledger::open_known(&path, &id("test"), log, known).unwrap(),
            time,
            hands,
        };
        assert_eq!(*desk.ledger.state(), desk.verified().state);
        // And goes on from there as any other.
        desk.denied("bob", validate("four"), Rule::RoleMissing);
        assert_eq!(*desk.ledger.state(), desk.verified().state);
    }
}

#[test]
fn a_file_that_does_not_go_on_from_what_is_known_is_refused() {
    let mut desk = Desk::staffed();
    let early = fs::read(desk.path()).unwrap();
    desk.walk("one");
    let known = desk.ledger.known();
    let middle = fs::read(desk.path()).unwrap();
    desk.walk("two");
    let whole = fs::read(desk.path()).unwrap();
    let mut changed = whole.clone();
    let place = middle.len() + 300;
    changed[place] ^= 1;
    let mut exchanged = middle.clone();
    let place = exchanged.len() - 1;
    exchanged[place] ^= 1;
    let torn = whole[..whole.len() - 3].to_vec();
    //  the file, whether it is read
    let table = [
        (&early, false),
        (&changed, false),
        (&exchanged, false),
        (&torn, true),
        (&whole, true),
        (&middle, true),
    ];
    for (place, (bytes, good)) in table.into_iter().enumerate() {
        fs::write(desk.path(), bytes).unwrap();
        let read = known.clone().read_on(&desk.path());
        assert_eq!(read.is_ok(), good, "{place}: {read:?}");
        let Ok(read) = read else { continue };
        let verified = ledger::verify(bytes, &Desk::log_key()).unwrap();
        assert_eq!(**read.state(), verified.state, "{place}");
    }
    // A torn record is cut off by whoever opens the ledger to write, as at a first opening.
    fs::write(desk.path(), &torn).unwrap();
    let path = desk.path();
    let Desk { folder, ledger, .. } = desk;
    drop(ledger);
    let log = Box::new(log_key(LOG_SEED));
    let opened = Ledger::open_known(&path, &id("test"), log, known).unwrap();
    assert!(opened.cut_bytes() > 0);
    drop(opened);
    let left = fs::read(&path).unwrap();
    assert_eq!(
        ledger::verify(&left, &Desk::log_key()).unwrap().torn_bytes,
        0
    );
    drop(folder);
}
