//! Keys: whose eyes they are for, where they may lie, and how long they count.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::desk::{Desk, text};

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_that_others_could_read_or_replace_signs_nothing() {
    let desk = Desk::new();
    let folder = desk.path("keys/people");
    let file = fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let act = ["people", "add", "bob", "--key", &"ab".repeat(32)];
    for (path, open, close, way_on) in [
        (&file, 0o644, 0o600, "chmod 600"),
        (&file, 0o620, 0o600, "chmod 600"),
        (&folder, 0o777, 0o700, "chmod go-w"),
        (&desk.path("keys"), 0o770, 0o700, "chmod go-w"),
    ] {
        mode(path, open);
        let said = desk.fails("ada", &act);
        assert!(said.contains(way_on), "{said}");
        mode(path, close);
    }
    assert_eq!(desk.records(), 1);
}

#[test]
fn keys_of_people_do_not_lie_in_the_data() {
    let desk = Desk::empty();
    let inside = desk.path("data/keys").display().to_string();
    let said = desk.fails("", &["people", "key", "new", "ada", "--key-dir", &inside]);
    assert!(
        said.contains("must be outside the data directory"),
        "{said}"
    );
    // Nor when the data directory is laid around them afterwards.
    desk.key("ada");
    desk.json("ada", 0, &["ledger", "init", "desk"]);
    let around = desk.path("").display().to_string();
    let said = desk.fails("ada", &["people", "key", "rotate", "--data-dir", &around]);
    assert!(
        said.contains("must be outside the data directory"),
        "{said}"
    );
}

/// An act of somebody who has the log's public key alone once made a new log key in its place, and
/// the intact ledger no longer verified.
#[test]
fn whoever_has_the_logs_public_key_alone_cannot_replace_it() {
    let desk = Desk::staffed();
    let secret = desk.path("keys/log-signing.key");
    let public = desk.path("keys/log-signing.pub");
    let (kept, own) = (fs::read(&public).unwrap(), fs::read(&secret).unwrap());
    fs::remove_file(&secret).unwrap();
    let acts: [&[&str]; 3] = [
        &["component", "approve", &"cd".repeat(32)],
        &["people", "key", "rotate"],
        &["ledger", "init", "other"],
    ];
    for act in acts {
        desk.fails("dan", act);
        assert!(!secret.exists(), "{act:?}");
        assert_eq!(fs::read(&public).unwrap(), kept, "{act:?}");
    }
    let said = desk.fails("dan", &["people", "key", "rotate"]);
    assert!(said.contains("verifies and does not sign"), "{said}");
    assert_eq!(desk.records(), 5, "it verifies still");
    // In a folder without either, beside a ledger that another key signed.
    fs::remove_file(&public).unwrap();
    let said = desk.fails("dan", &["people", "key", "rotate"]);
    assert!(said.contains("desk.ledger was signed by a key"), "{said}");
    assert!(!secret.exists() && !public.exists());
    fs::write(&secret, own).unwrap();
    mode(&secret, 0o600);
    desk.json("dan", 0, &["people", "key", "rotate"]);
    assert_eq!(desk.records(), 6);
}

#[test]
fn whoever_acts_says_who_they_are_and_holds_the_key() {
    let desk = Desk::staffed();
    let end = ["ledger", "end-setup"];
    let until = ["people", "key", "rotate", "--until", "tomorrow"];
    let add = ["people", "add", "two words", "--key", "ab"];
    let list = ["people", "key", "list", "--where", "principal"];
    for (who, call, named) in [
        ("", &end[..], "--as"),
        ("b\u{43e}b", &end, "--as"),
        ("bob", &until, "--until"),
        ("ada", &add, "two words"),
        ("", &list, "--where"),
    ] {
        let said = desk.misused(who, call);
        assert!(said.contains(named), "{said}");
    }
    let said = desk.fails("nobody-known", &["ledger", "end-setup"]);
    assert!(
        said.contains("counterfoil people key new nobody-known"),
        "{said}"
    );
    // A key of their own does not make a stranger a principal.
    desk.key("mallory");
    desk.denied("mallory", "principal.unknown", &["ledger", "end-setup"]);
    // Every form of the name is one name.
    let said = desk.json(" BOB", 1, &["ledger", "end-setup"]);
    assert!(
        text(&said, "why").contains("which bob does not have"),
        "{said}"
    );
}

#[test]
fn a_key_counts_from_its_record_to_its_end() {
    let desk = Desk::staffed();
    let archive = ["component", "archive", &"cd".repeat(32), "--reason", "r"];
    let bob = |field: &str| -> Vec<Value> {
        let all = desk.json(
            "",
            0,
            &["people", "key", "list", "--where", "principal=bob"],
        );
        all.as_array()
            .unwrap()
            .iter()
            .map(|key| key[field].clone())
            .collect()
    };
    // Rotated: the new key signs from here on, and nobody has to say which.
    desk.json("bob", 0, &["people", "key", "rotate"]);
    assert_eq!(bob("counts"), [json!(false), json!(true)]);
    desk.submit();
    // Revoked: what bob tries with it is denied, and on record.
    let last = bob("key")[1].as_str().unwrap().to_owned();
    desk.denied(
        "carol",
        "role.missing",
        &["people", "key", "revoke", &last, "--reason", "lost"],
    );
    desk.json(
        "ada",
        0,
        &["people", "key", "revoke", &last, "--reason", "lost"],
    );
    desk.denied("bob", "key.revoked", &archive);
    desk.denied(
        "ada",
        "key.revoked",
        &["people", "key", "revoke", &last, "--reason", "again"],
    );
    // A key made at home counts once an administrator has added it.
    for (name, next) in [("bob", "people key add bob"), ("new", "people add new")] {
        let output = desk.run("", &["people", "key", "new", name]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(&format!("counterfoil {next}")), "{said}");
    }
    let third = desk.key("bob");
    desk.denied("bob", "key.revoked", &archive);
    desk.json("ada", 0, &["people", "key", "add", "bob", "--key", &third]);
    desk.denied("bob", "role.missing", &archive);
    // Nor after its time.
    let late = desk.key("late");
    let add = [
        "people",
        "add",
        "late",
        "--role",
        "author",
        "--until",
        "2020-01-01",
        "--key",
    ];
    desk.json("ada", 0, &[add.as_slice(), &[&late]].concat());
    desk.denied("late", "key.expired", &archive);
    desk.denied(
        "ada",
        "key.taken",
        &["people", "add", "twin", "--key", &late],
    );
}

#[test]
fn an_access_review_names_what_somebody_should_look_at() {
    let desk = Desk::staffed();
    let key = desk.key("zoe");
    let soon = ["--until", "2020-01-01"];
    let add = [
        "people", "add", "zoe", "--role", "author", "--role", "approver", "--key", &key,
    ];
    desk.json("ada", 0, &[add.as_slice(), &soon].concat());
    let review = desk.json("", 0, &["people", "access-review"]);
    let found = review["findings"].as_array().unwrap();
    let about = |name: &str| -> Vec<&str> {
        let own = found.iter().filter(|one| one["principal"] == name);
        own.map(|one| text(one, "finding")).collect()
    };
    assert_eq!(about("zoe"), ["duties-together", "no-key", "never-acted"]);
    assert_eq!(about("ada"), Vec::<&str>::new());
    assert_eq!(about("bob"), ["never-acted"]);
}
