//! The ledger's file: what is found in it, proved of it, and what becomes of damage.

use std::fs;

use counterfoil_os::lock::FileLock;
use counterfoil_runner::clock::now;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use serde_json::Value;

use crate::desk::{Desk, text};

#[test]
fn a_data_directory_has_one_ledger_and_reading_it_needs_one() {
    let desk = Desk::empty();
    let said = desk.fails("", &["ledger", "tail"]);
    assert!(
        said.contains("public key") || said.contains("ledger init"),
        "{said}"
    );
    let said = desk.fails("ada", &["ledger", "init", "desk"]);
    assert!(said.contains("counterfoil people key new ada"), "{said}");
    desk.key("ada");
    desk.json("ada", 0, &["ledger", "init", "desk"]);
    let said = desk.fails("ada", &["ledger", "init", "other"]);
    assert!(said.contains("a data directory has one"), "{said}");
}

#[test]
fn records_are_found_by_anything_they_say() {
    let desk = Desk::staffed();
    desk.denied("bob", "role.missing", &["ledger", "end-setup"]);
    let count = |words: &[&str]| -> usize {
        let found = desk.json("", 0, &[&["ledger", "search"], words].concat());
        found.as_array().unwrap().len()
    };
    for (words, expected) in [
        (&[] as &[&str], 6),
        (&["--actor", "ADA"], 5),
        (&["--act", "principal-add"], 4),
        (&["--denied"], 1),
        (&["--rule", "role.missing"], 1),
        (&["--where", "principal=dan"], 1),
        (&["--where", "roles=reviewer", "--actor", "ada"], 1),
        (&["--where", "denied=none"], 5),
        (&["--from", "2020-01-01"], 6),
        (&["--to", "2020-01-01"], 0),
        (&["--where", "record=3"], 1),
        (&["--where", "principal="], 0),
        (&["--where", "time=20"], 6),
    ] {
        assert_eq!(count(words), expected, "{words:?}");
        assert_eq!(
            count(&[words, &["--no-index"]].concat()),
            expected,
            "{words:?}"
        );
    }
    the_index_is_never_missed(&desk);
    let last = desk.json("", 0, &["ledger", "tail", "-n", "1"]);
    assert_eq!(last[0]["record"], 7);
    assert!(
        desk.fails("", &["ledger", "show", "8"])
            .contains("no record 8")
    );
}

/// The same answers without the index, over garbage in it, behind a ledger that grew, and while
/// another process has it.
fn the_index_is_never_missed(desk: &Desk) {
    let search = |words: &[&str]| desk.json("", 0, &[&["ledger", "search"], words].concat());
    let asked: [&[&str]; 4] = [
        &[],
        &["--actor", "ada"],
        &["--denied"],
        &["--where", "roles=reviewer"],
    ];
    let same = || {
        for words in asked {
            let alone = search(&[words, &["--no-index"]].concat());
            assert_eq!(search(words), alone, "{words:?}");
        }
    };
    let indexed = || desk.json("", 0, &["ledger", "index"])["indexed"].clone();
    same();
    assert_eq!(indexed(), 6);
    let folder = desk.path("data/index/ledger");
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(indexed(), Value::Null);
    same();
    for file in ["db/db", "seal", "db/conf"] {
        fs::write(folder.join(file), "garbage").unwrap();
        same();
        assert_eq!(indexed(), 6, "{file}");
    }
    let lock = FileLock::try_take(&folder.join("lock")).unwrap().unwrap();
    same();
    let said = desk.fails("", &["ledger", "index", "--rebuild"]);
    assert!(said.contains("another process"), "{said}");
    drop(lock);
    assert_eq!(
        desk.json("", 0, &["ledger", "index", "--rebuild"])["indexed"],
        6
    );
    let before = search(&["--act", "key-rotate"]);
    desk.json("bob", 0, &["people", "key", "rotate"]);
    same();
    assert_eq!((before, indexed()), (Value::Array(vec![]), 7.into()));
    desk.submit();
    let found = search(&["--where", "stage=draft"]);
    assert_eq!(found.as_array().unwrap().len(), 1);
    same();
    // What was cut from the ledger is in no answer, though the index knew it. Here it is put back.
    let whole = fs::read(desk.ledger()).unwrap();
    fs::write(desk.ledger(), &whole[..whole.len() - 7]).unwrap();
    let said = desk.fails("", &["ledger", "search"]);
    assert!(said.contains("the 8 records that were seen here"), "{said}");
    desk.forget_seen();
    assert_eq!(search(&["--where", "stage=draft"]), Value::Array(vec![]));
    same();
    fs::write(desk.ledger(), whole).unwrap();
}

#[test]
fn damage_is_named_and_a_torn_tail_is_cut_by_the_next_act() {
    let desk = Desk::staffed();
    let whole = fs::read(desk.ledger()).unwrap();
    let mut bad = whole.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(desk.ledger(), &bad).unwrap();
    assert_eq!(desk.json("", 1, &["verify", "ledger"])["good"], false);
    assert!(
        desk.fails("", &["ledger", "tail"])
            .contains("does not verify")
    );
    let key = desk.key("eve");
    let add = ["people", "add", "eve", "--role", "auditor", "--key", &key];
    desk.fails("ada", &add);
    assert_eq!(
        fs::read(desk.ledger()).unwrap(),
        bad,
        "nothing was written over it"
    );
    // The last record without its end, as a crash leaves it; and as an older copy that somebody put back looks.
    fs::write(desk.ledger(), &whole[..whole.len() - 7]).unwrap();
    let older = desk.json("", 1, &["verify", "ledger"]);
    assert!(
        text(&older, "older").contains("5 records that were seen"),
        "{older}"
    );
    for words in [&["people", "list"][..], &add, &add] {
        let said = desk.fails("ada", words);
        assert!(said.contains("the 5 records that were seen here"), "{said}");
    }
    desk.forget_seen();
    let said = desk.json("", 1, &["verify", "ledger"]);
    assert_eq!(
        (said["good"].clone(), said["records"].clone()),
        (Value::Bool(false), 4.into())
    );
    assert_eq!(
        desk.json("", 0, &["people", "list"])
            .as_array()
            .unwrap()
            .len(),
        4
    );
    let done = desk.json("ada", 0, &add);
    assert_eq!(done["record"], 4);
    assert_eq!(desk.records(), 5);
}

#[test]
fn one_record_is_proved_without_the_ledger() {
    let desk = Desk::staffed();
    let denied = desk.denied("bob", "role.missing", &["ledger", "end-setup"]);
    for (record, act, rule) in [
        (2, "principal-add", None),
        (denied, "setup-end", Some("role.missing")),
    ] {
        let file = desk.path("one.tlog-proof").display().to_string();
        desk.json(
            "",
            0,
            &["ledger", "proof", &record.to_string(), "--output", &file],
        );
        let proved = desk.json("", 0, &["verify", &file]);
        assert_eq!(proved["record"], record);
        assert_eq!(
            (text(&proved, "act"), proved["denied"].as_str()),
            (act, rule)
        );
        let mut proof = fs::read(&file).unwrap();
        let place = proof.len() / 4;
        proof[place] = if proof[place] == b'A' { b'B' } else { b'A' };
        fs::write(&file, proof).unwrap();
        assert_eq!(desk.json("", 1, &["verify", &file])["good"], false);
    }
    assert!(
        desk.fails("", &["ledger", "proof", "99"])
            .contains("no record 99")
    );
}

/// The words that grant an exception.
fn grant<'a>(owner: &'a str, until: &'a str) -> [&'a str; 15] {
    [
        "change",
        "exception",
        "grant",
        "--rule",
        "threshold.fuel",
        "--account",
        "main",
        "--reason",
        "a slow start",
        "--control",
        "watched daily",
        "--owner",
        owner,
        "--until",
        until,
    ]
}

#[test]
fn exceptions_end_and_can_be_listed_by_any_field() {
    let desk = Desk::staffed();
    let day = |days: i64| UnixNanos(now().0 + days * DAY_NANOS).date_or_time();
    let (soon, late) = (day(30), day(91));
    desk.denied("dan", "duty.exception", &grant("dan", &soon));
    desk.denied("bob", "role.missing", &grant("carol", &soon));
    desk.denied("dan", "exception.incomplete", &grant("bob", "2020-01-01"));
    desk.denied("dan", "exception.unfit", &grant("bob", &late));
    let mut ledgers = grant("bob", &soon);
    ledgers[4] = "duty.author";
    desk.denied("dan", "exception.unfit", &ledgers);
    let first = desk.json("dan", 0, &grant("bob", &soon))["record"].to_string();
    desk.json("dan", 0, &grant("carol", &soon));
    let count = |words: &[&str]| -> usize {
        let found = desk.json("", 0, &[&["change", "exception", "list"], words].concat());
        found.as_array().unwrap().len()
    };
    assert_eq!(count(&[]), 2);
    assert_eq!(
        count(&["--where", "owner=bob", "--where", "rule=threshold"]),
        1
    );
    assert_eq!(count(&["--where", "approver=carol"]), 0);
    desk.json(
        "dan",
        0,
        &["change", "exception", "end", &first, "--reason", "mended"],
    );
    desk.denied(
        "dan",
        "exception.unknown",
        &["change", "exception", "end", &first, "--reason", "again"],
    );
    assert_eq!((count(&[]), count(&["--all"])), (1, 2));
    // The policy in force says which of its rules give way at all.
    let folder = desk.path("policy").display().to_string();
    desk.json("", 0, &["policy", "init", &folder]);
    desk.json("ada", 0, &["policy", "set", &folder]);
    let mut unbending = grant("bob", &soon);
    unbending[4] = "no.such.rule";
    let said = desk.json("dan", 1, &unbending);
    assert_eq!(text(&said, "rule"), "exception.unfit");
    assert!(text(&said, "hint").contains("threshold.fuel"), "{said}");
    desk.json("dan", 0, &grant("bob", &soon));
    assert_eq!(count(&["--where", "subject=account main"]), 2);
}

#[test]
fn what_takes_two_waits_for_the_second() {
    let desk = Desk::staffed();
    let said = desk.json("ada", 1, &["ledger", "end-setup"]);
    assert_eq!(text(&said, "rule"), "setup.incomplete");
    desk.hire("abe", "administrator");
    desk.hire("eve", "compliance");
    desk.json("ada", 0, &["ledger", "end-setup"]);
    let key = desk.key("zed");
    let add = ["people", "add", "zed", "--role", "auditor", "--key", &key];
    let asked = desk.json("ada", 0, &add);
    assert_eq!(text(&asked, "proposed-to"), "administration");
    let record = asked["record"].to_string();
    assert!(
        desk.json("", 0, &["people", "list", "--where", "principal=zed"]) == Value::Array(vec![])
    );
    desk.denied("ada", "duty.proposer", &["change", "approve", &record]);
    desk.denied("dan", "role.missing", &["change", "approve", &record]);
    assert_eq!(desk.json("", 0, &["change", "list"])[0]["signed"][0], "ada");
    let done = desk.json("abe", 0, &["change", "approve", &record]);
    assert_eq!(done["took-effect"], true);
    assert_eq!(
        desk.json("", 0, &["people", "show", "zed"])["roles"][0],
        "auditor"
    );
    assert_eq!(desk.json("", 0, &["change", "list"]), Value::Array(vec![]));
    desk.denied(
        "abe",
        "change.over",
        &["change", "withdraw", &record, "--reason", "late"],
    );
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one break-glass from opening to review"
)]
fn broken_glass_is_owed_a_retrospective_by_somebody_else() {
    let desk = Desk::staffed();
    desk.hire("abe", "administrator");
    desk.hire("eve", "compliance");
    desk.json("ada", 0, &["ledger", "end-setup"]);
    let key = desk.key("bob");
    let add = ["people", "key", "add", "bob", "--key", &key];
    let open = |until: &'static str| {
        [
            "change",
            "break-glass",
            "open",
            "--act",
            "key-add",
            "--until",
            until,
            "--reason",
            "abe is away",
        ]
    };
    desk.denied("ada", "break-glass.unfit", &open("2100-01-01"));
    let soon = UnixNanos(now().0 + 3_600_000_000_000).date_or_time();
    let open = [
        "change",
        "break-glass",
        "open",
        "--act",
        "key-add",
        "--until",
        &soon,
        "--reason",
        "abe is away",
    ];
    let opened = desk.json("ada", 0, &open)["record"].to_string();
    desk.denied(
        "ada",
        "break-glass.scope",
        &["--emergency", &opened, "principal", "roles", "bob"],
    );
    desk.json(
        "ada",
        0,
        &[add.as_slice(), &["--emergency", &opened]].concat(),
    );
    let row = &desk.json("", 0, &["change", "break-glass", "list"])[0];
    assert_eq!(
        (&row["open"], &row["owed"]),
        (&Value::Bool(true), &Value::Bool(true))
    );
    desk.json(
        "ada",
        0,
        &[
            "change",
            "break-glass",
            "close",
            &opened,
            "--reason",
            "done",
        ],
    );
    desk.denied("ada", "break-glass.owed", &open);
    let report = desk.path("report.txt");
    fs::write(&report, "what was done, and why").unwrap();
    let report = report.display().to_string();
    let review = [
        "change",
        "break-glass",
        "review",
        &opened,
        &report,
        "--findings",
        "it was needed",
    ];
    desk.denied("ada", "role.missing", &review);
    desk.json("eve", 0, &review);
    assert_eq!(
        desk.json("", 0, &["change", "break-glass", "list"])[0]["owed"],
        false
    );
}

#[test]
fn what_is_open_is_listed_and_classes_and_the_logs_holder_can_be_set() {
    let desk = Desk::staffed();
    assert_eq!(desk.json("", 0, &["ledger", "health"])["open-items"], 0);
    let soon = UnixNanos(now().0 + DAY_NANOS).date_or_time();
    let granted = desk.json("dan", 0, &grant("bob", &soon))["record"].clone();
    let killed = desk.json("olga", 0, &["kill", "--all"])["record"].clone();
    let health = desk.json("", 1, &["ledger", "health"]);
    assert_eq!(health["open-items"], 2, "{health}");
    assert_eq!(health["exceptions"][0], granted);
    assert_eq!(health["kills"][0], killed);
    let class = |approvals| {
        let set = [
            "people", "class", "set", "risk", "--role", "approver", "--member", "carol",
        ];
        [&set[..], &["--approvals", approvals]].concat()
    };
    desk.denied("dan", "role.missing", &class("2"));
    desk.denied("ada", "class.unfit", &class("1"));
    desk.json("ada", 0, &class("2"));
    let risk = desk.json("", 0, &["people", "class", "list", "--where", "class=risk"]);
    assert_eq!(
        (&risk[0]["approvals"], &risk[0]["members"][0]),
        (&2.into(), &"carol".into())
    );
    desk.denied("ada", "duty.log-key", &["ledger", "holder", "olga"]);
    desk.json("ada", 0, &["ledger", "holder", "vault"]);
}
