//! The kill switch by hand: it stops whatever the ledger says, and is lifted only by whoever may.

use std::fs;

use crate::desk::{Desk, text};

const KILL: [&str; 3] = ["kill", "--account", "main"];
const LIFT: [&str; 4] = ["kill", "--account", "main", "--lift"];

impl Desk {
    fn is_stopped(&self) -> bool {
        self.path("data/kill/account-main").exists()
    }

    /// Takes the stop away as whoever can write the folder could.
    fn let_go(&self) {
        fs::remove_file(self.path("data/kill/account-main")).unwrap();
    }
}

#[test]
fn a_stop_needs_no_ledger_no_key_and_no_role_and_says_what_it_lacks() {
    let desk = Desk::staffed();
    //     who, what the record lacks
    for (who, lacks) in [
        ("", "who acts?"),
        ("nobody", "no key of nobody"),
        ("bob", "role.missing"),
    ] {
        let said = desk.json(who, 0, &KILL);
        assert!(said["record"].is_null(), "{said}");
        assert!(text(&said, "unrecorded").contains(lacks), "{said}");
        assert!(desk.is_stopped(), "{who}");
        desk.let_go();
    }
    let good = fs::read(desk.ledger()).unwrap();
    fs::write(desk.ledger(), "no ledger").unwrap();
    let said = desk.json("olga", 0, &KILL);
    assert!(said["record"].is_null() && desk.is_stopped(), "{said}");
    // What cannot be asked lifts nothing.
    desk.fails("dan", &LIFT);
    assert!(desk.is_stopped());
    fs::write(desk.ledger(), good).unwrap();
    // An account of which nothing is known is stopped all the same, with a word about it.
    let output = desk.run("olga", &["kill", "--account", "mian"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("no run or limits for account mian; check the name"),
        "{said}"
    );
    assert!(desk.path("data/kill/account-mian").exists());
}

#[test]
fn a_stop_is_a_record_and_lifted_by_somebody_else_who_may() {
    let desk = Desk::staffed();
    desk.hire("max", "approver");
    let said = desk.json("dan", 0, &[&KILL[..], &["--reason", "a drill"]].concat());
    let killed = said["record"].to_string();
    let record = desk.json("", 0, &["ledger", "show", &killed]);
    assert_eq!(
        (text(&record, "act"), text(&record, "actor")),
        ("kill", "dan")
    );
    assert_eq!(text(&record, "reason"), "a drill");
    desk.misused("", &LIFT);
    desk.fails("nobody", &LIFT);
    desk.denied("bob", "role.missing", &LIFT);
    desk.denied("dan", "duty.kill", &LIFT);
    assert!(desk.is_stopped());
    let said = desk.json("max", 0, &LIFT);
    let record = desk.json("", 0, &["ledger", "show", &said["record"].to_string()]);
    assert_eq!(text(&record, "act"), "kill-lift");
    assert!(!desk.is_stopped());
    assert_eq!(desk.json("max", 1, &LIFT)["changed"], false);
    // One that is in no record is lifted by those who may lift the others.
    desk.json("", 0, &KILL);
    desk.refused("bob", "role.missing", &LIFT);
    assert!(desk.is_stopped());
    desk.json("dan", 0, &LIFT);
    assert!(!desk.is_stopped());
}
