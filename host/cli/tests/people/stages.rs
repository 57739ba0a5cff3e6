//! A component's way: every step in its order and by its role, and no other.

use std::fs;

use serde_json::{Value, json};

use crate::desk::{COMPONENT, Desk, project, submission, text};

#[test]
fn no_step_is_taken_out_of_order_or_by_somebody_else() {
    let desk = Desk::staffed();
    let component = project(COMPONENT);
    let one = component.as_str();
    let review = ["component", "review", one];
    let archive = ["component", "archive", one, "--reason", "r"];
    // Nothing is registered.
    desk.denied("carol", "component.unknown", &review);
    desk.denied("olga", "component.unknown", &archive);
    for who in ["ada", "carol", "dan", "olga"] {
        desk.denied(who, "role.missing", &submission());
    }
    desk.submit();
    desk.denied("bob", "component.exists", &submission());
    // A draft: without evidence nothing is validated, and not by just anybody.
    let said = desk.json("carol", 1, &review);
    assert_eq!(text(&said, "rule"), "evidence.missing");
    assert_eq!(said["reasons"].as_array().unwrap().len(), 6, "{said}");
    for who in ["ada", "bob", "dan", "olga"] {
        desk.denied(who, "role.missing", &review);
    }
    desk.denied("olga", "stage.order", &archive);
    desk.denied("bob", "role.missing", &archive);
    // No policy: every gate is shut.
    desk.refused("dan", "policy.missing", &["component", "approve", one]);
    desk.refused("dan", "policy.missing", &["component", "promote", one]);
    let shown = desk.json("", 0, &["component", "show", one]);
    assert_eq!(text(&shown, "stage"), "draft");
    // Denials are part of its history.
    let history = desk.json("", 0, &["component", "history", one]);
    let history = history.as_array().unwrap();
    let denied = history
        .iter()
        .filter(|one| !one["denied"].is_null())
        .count();
    assert_eq!((history.len(), denied), (17, 14));
    desk.answers_no("approval.missing", &["ledger", "who-approved", one]);
}

#[test]
fn a_draft_is_validated_on_evidence_that_every_read_opens_again() {
    let desk = Desk::staffed();
    let component = desk.submit();
    let one = component.as_str();
    let manifest = desk.manifest();
    fs::copy(&manifest, desk.path("manifest.json")).unwrap();
    let validate = [
        "component",
        "validate",
        one,
        "--thresholds",
        "research",
        "--manifest",
        &manifest,
    ];
    desk.refused("bob", "duty.author", &validate);
    let found = desk.json("carol", 0, &validate);
    assert_eq!(found["passed"], true);
    assert_eq!(found["evidence"].as_array().unwrap().len(), 5);
    // The sixth is the author's to attest; a test that fails is kept as a test that fails.
    let source = project("sdk-examples");
    let attest = |command: &str| {
        [
            "component",
            "attest-tests",
            one,
            "--source",
            &source,
            "--",
            command,
        ]
        .map(str::to_owned)
    };
    let attest = |code: i32, command: &str| {
        let words = attest(command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        desk.json("bob", code, &words)
    };
    attest(1, "false");
    // Whoever reviews it sees what is there, and what was measured.
    let shown = desk.json("", 0, &["component", "show", one]);
    let of = |kind: &str| {
        let mut all = shown["evidence"].as_array().unwrap().iter();
        all.find(|one| one["evidence"] == kind).unwrap().clone()
    };
    assert_eq!(shown["evidence"].as_array().unwrap().len(), 6);
    assert!(text(&of("unit-tests"), "is").starts_with("not passed: "));
    let thresholds = of("thresholds");
    assert_eq!(text(&thresholds, "is"), "passed");
    for measured in ["drawdown-bps", "slippage-loss-bps", "fuel-p99-bps"] {
        assert!(!thresholds["measured"][measured].is_null(), "{thresholds}");
    }
    let said = desk.json("carol", 1, &["component", "review", one]);
    assert_eq!(text(&said, "rule"), "evidence.missing");
    assert!(
        said["reasons"][0]
            .as_str()
            .unwrap()
            .contains("unit-tests did not pass"),
        "{said}"
    );
    attest(0, "true");
    let done = desk.json("carol", 0, &["component", "review", one]);
    assert_eq!(done["evidence"].as_object().unwrap().len(), 6);
    desk.denied("carol", "stage.order", &["component", "review", one]);
    let replay = text(&done["evidence"], "replay");
    every_read_opens_it_again(&desk, one, replay.trim_start_matches("sha256:"));
    a_journal_that_evidence_is_about_is_compared(&desk);
}

/// Evidence names size and root of its backtest's journal: one that was cut or taken away is drift.
fn a_journal_that_evidence_is_about_is_compared(desk: &Desk) {
    desk.json("", 0, &["ledger", "drift"]);
    let folders = fs::read_dir(desk.path("data/runs")).unwrap();
    let executions = folders.flat_map(|one| fs::read_dir(one.unwrap().path()).unwrap());
    let journals = executions.map(|one| one.unwrap().path().join("journal"));
    let mut named = 0;
    for journal in journals {
        let whole = fs::read(&journal).unwrap();
        for left in [Some(&whole[..whole.len() / 2]), None] {
            match left {
                Some(left) => fs::write(&journal, left).unwrap(),
                None => fs::remove_file(&journal).unwrap(),
            }
            let output = desk.run("", &["--json", "ledger", "drift"]);
            let said: Value = serde_json::from_slice(&output.stdout).unwrap();
            for one in said["drift"].as_array().unwrap() {
                assert_eq!(text(one, "rule"), "evidence.journal");
                named += 1;
            }
        }
        fs::write(&journal, whole).unwrap();
    }
    // Cut and gone, of one run at least.
    assert!(named >= 2, "{named}");
    desk.json("", 0, &["ledger", "drift"]);
}

fn every_read_opens_it_again(desk: &Desk, one: &str, digest: &str) {
    let shown = desk.json("", 0, &["component", "show", one]);
    assert_eq!(
        (text(&shown, "stage"), text(&shown, "bytes")),
        ("validated", "intact")
    );
    // One bit of one piece.
    let bare = one.trim_start_matches("sha256:");
    let piece = desk.path(&format!("data/evidence/{bare}/{digest}.json"));
    let good = fs::read(&piece).unwrap();
    let mut bad = good.clone();
    bad[100] ^= 1;
    fs::write(&piece, bad).unwrap();
    let is = |shown: &Value| -> Vec<Value> {
        let all = shown["evidence"].as_array().unwrap().iter();
        all.filter(|one| one["evidence"] == "replay")
            .map(|one| one["is"].clone())
            .collect()
    };
    let shown = desk.json("", 1, &["component", "show", one]);
    assert!(
        is(&shown)[0].as_str().unwrap().contains("was changed"),
        "{shown}"
    );
    desk.refused("dan", "evidence.changed", &["component", "approve", one]);
    fs::remove_file(&piece).unwrap();
    let shown = desk.json("", 1, &["component", "show", one]);
    assert!(
        is(&shown)[0].as_str().unwrap().contains("is not in"),
        "{shown}"
    );
    fs::write(&piece, good).unwrap();
    let shown = desk.json("", 0, &["component", "show", one]);
    assert_eq!(is(&shown), [json!("intact")]);
    every_gate_opens_the_component(desk, one);
}

/// A byte behind the component once passed every gate: only `show` read it.
fn every_gate_opens_the_component(desk: &Desk, one: &str) {
    let bare = one.trim_start_matches("sha256:");
    let file = desk.path(&format!("data/components/{bare}.wasm"));
    let good = fs::read(&file).unwrap();
    let manifest = desk.path("manifest.json").display().to_string();
    let validate = ["component", "validate", one, "--thresholds", "research"];
    let validate = [&validate[..], &["--manifest", &manifest]].concat();
    let gates: [(&str, &[&str]); 5] = [
        ("carol", &validate),
        ("carol", &["component", "review", one]),
        ("dan", &["component", "approve", one]),
        ("dan", &["policy", "eval", "promotion", one]),
        ("olga", &["component", "promote", one]),
    ];
    fs::write(&file, [&good[..], b"\0"].concat()).unwrap();
    for (who, gate) in gates {
        desk.refused(who, "component.changed", gate);
    }
    let shown = desk.json("", 1, &["component", "show", one]);
    assert!(text(&shown, "bytes").contains("was changed"), "{shown}");
    fs::remove_file(&file).unwrap();
    for (who, gate) in gates {
        desk.refused(who, "component.missing", gate);
    }
    fs::write(&file, good).unwrap();
    every_gate_opens_the_policy(desk, one);
}

/// So does the policy that is approved and asked.
fn every_gate_opens_the_policy(desk: &Desk, one: &str) {
    let folder = desk.path("policy").display().to_string();
    desk.json("", 0, &["policy", "init", &folder]);
    let set = desk.json("ada", 0, &["policy", "set", &folder]);
    let policy = text(&set, "policy").trim_start_matches("sha256:");
    let file = desk.path(&format!("data/policy/{policy}"));
    let good = fs::read(&file).unwrap();
    let gates: [(&str, &[&str]); 3] = [
        ("dan", &["component", "approve", one]),
        ("dan", &["policy", "eval", "promotion", one]),
        ("olga", &["component", "promote", one]),
    ];
    fs::write(&file, [&good[..], b"\n"].concat()).unwrap();
    for (who, gate) in gates {
        desk.refused(who, "policy.unreadable", gate);
    }
    fs::write(&file, good).unwrap();
    desk.json("dan", 0, &["component", "approve", one]);
}
