//! Drift as the program tells and records it: once while it stands, and its end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::desk::{Desk, text};

fn rules(said: &Value) -> Vec<&str> {
    let all = said["drift"].as_array().unwrap().iter();
    all.map(|one| text(one, "rule")).collect()
}

#[test]
fn drift_is_recorded_once_while_it_stands_and_so_is_its_end() {
    let desk = Desk::staffed();
    let component = desk.submit();
    assert_eq!(rules(&desk.json("", 0, &["ledger", "drift"])), [""; 0]);
    let bare = component.trim_start_matches("sha256:");
    let file = desk.path(&format!("data/components/{bare}.wasm"));
    let good = fs::read(&file).unwrap();
    fs::write(&file, b"other").unwrap();
    // Looking records nothing.
    let before = desk.records();
    let said = desk.json("", 1, &["ledger", "drift"]);
    assert_eq!(rules(&said), ["component.bytes"]);
    assert_eq!(said["drift"][0]["record"], Value::Null);
    assert_eq!(desk.records(), before);
    // Who does not watch does not record; that is a denial.
    desk.denied("bob", "role.missing", &["ledger", "drift", "--record"]);
    let said = desk.json("olga", 1, &["ledger", "drift", "--record"]);
    let record = said["recorded"][0].as_u64().unwrap();
    assert_eq!(said["drift"][0]["record"], record);
    let shown = desk.json("", 0, &["ledger", "show", &record.to_string()]);
    assert_eq!(
        (text(&shown, "act"), text(&shown, "declared")),
        ("drift", component.as_str())
    );
    let said = desk.json("dan", 1, &["ledger", "drift", "--record"]);
    assert_eq!(said["recorded"], Value::Array(vec![]), "it stands recorded");
    // Changed otherwise: the old difference has ended, another has begun.
    fs::remove_file(&file).unwrap();
    let said = desk.json("dan", 1, &["ledger", "drift", "--record"]);
    assert_eq!(said["ended"][0], record);
    let second = said["recorded"][0].as_u64().unwrap();
    fs::write(&file, good).unwrap();
    let said = desk.json("dan", 0, &["ledger", "drift", "--record"]);
    assert_eq!(
        (said["ended"][0].as_u64(), rules(&said)),
        (Some(second), vec![])
    );
    desk.json("", 0, &["ledger", "drift"]);
    desk.json("", 0, &["verify", "ledger"]);
}

#[test]
fn drift_that_keeps_the_record_from_being_made_is_told_all_the_same() {
    let desk = Desk::staffed();
    let people = desk.path("keys/people");
    fs::set_permissions(&people, fs::Permissions::from_mode(0o777)).unwrap();
    let output = desk.run("olga", &["--json", "drift", "--record"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("not recorded"), "{said}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rules(&told), ["key.folder-open"]);
    fs::set_permissions(&people, fs::Permissions::from_mode(0o700)).unwrap();
    // A public key that somebody put there does not hide the ledger's own.
    let public = desk.path("keys/log-signing.pub");
    fs::write(&public, "ab".repeat(32)).unwrap();
    assert_eq!(rules(&desk.json("", 1, &["ledger", "drift"])), ["log.key"]);
    // Without a ledger, or with one that does not hold, nothing can be told.
    let ledger = fs::read(desk.ledger()).unwrap();
    fs::write(desk.ledger(), &ledger[..100]).unwrap();
    desk.fails("", &["ledger", "drift"]);
    desk.fails("olga", &["ledger", "drift", "--record"]);
    fs::remove_file(desk.ledger()).unwrap();
    desk.fails("", &["ledger", "drift"]);
}

#[test]
fn what_is_seen_in_one_key_folder_is_not_ended_from_another() {
    let desk = Desk::staffed();
    let spare = desk.key("bob");
    assert_eq!(
        rules(&desk.json("", 1, &["ledger", "drift"])),
        ["key.undeclared"]
    );
    let said = desk.json("olga", 1, &["ledger", "drift", "--record"]);
    assert_eq!(said["recorded"].as_array().unwrap().len(), 1);
    // The same people with their keys elsewhere: nothing is there, and nothing has ended.
    let other = desk.path("other");
    let status = std::process::Command::new("cp")
        .args(["-a", &desk.path("keys").display().to_string()])
        .arg(&other)
        .status();
    assert!(status.unwrap().success());
    fs::remove_file(other.join(format!("people/bob.{}.key", hex_of(&spare)))).unwrap();
    let other = other.display().to_string();
    let said = desk.json(
        "olga",
        0,
        &["ledger", "drift", "--record", "--key-dir", &other],
    );
    assert_eq!(said["ended"], Value::Array(vec![]));
}

fn hex_of(key: &str) -> &str {
    key.rsplit(':').next().unwrap()
}
