//! Two programs at once, and programs that are killed: the ledger is whole in the end.

use std::fs;
use std::process::Stdio;
use std::thread;

use crate::desk::Desk;

#[test]
fn two_programs_at_once_write_one_after_the_other() {
    let desk = Desk::new();
    let names: Vec<String> = (0..8).map(|one| format!("author-{one}")).collect();
    let add = |name: &String| {
        let key = desk.key(name);
        // One that finds the ledger taken waits for its turn.
        let add = ["people", "add", name, "--role", "author", "--key", &key];
        desk.json("ada", 0, &add);
    };
    thread::scope(|scope| {
        for half in names.chunks(4) {
            scope.spawn(|| half.iter().for_each(add));
        }
    });
    assert_eq!(desk.records(), 9);
    let all = desk.json("", 0, &["people", "list"]);
    assert_eq!(all.as_array().unwrap().len(), 9);
}

#[test]
fn a_program_killed_in_the_middle_of_an_act_leaves_a_ledger_that_opens() {
    let desk = Desk::new();
    let mut records = 1;
    for round in 0..12 {
        let name = format!("author-{round}");
        let key = desk.key(&name);
        let before = fs::metadata(desk.ledger()).unwrap().len();
        let mut child = desk
            .command(
                "ada",
                &["people", "add", &name, "--role", "author", "--key", &key],
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // At the first byte of the record, or some way before it.
        let wait = 200 * round;
        for _ in 0..wait {
            if fs::metadata(desk.ledger()).unwrap().len() > before {
                break;
            }
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever was cut off, the next act goes on behind what was whole.
        let next = format!("reviewer-{round}");
        let done = desk.hire(&next, "reviewer");
        let index = done["record"].as_u64().unwrap();
        assert!(
            index == records || index == records + 1,
            "{index} after {records}"
        );
        records = index + 1;
        assert_eq!(desk.records(), records);
    }
}
