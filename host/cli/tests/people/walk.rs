//! The walk in docs/start/APPROVE.md, command by command, as it stands there.

use std::fs;
use std::process::{Command, Output};

use crate::desk::{Desk, project, text};

/// The lines of the blocks that are marked as the walk.
fn lines() -> Vec<String> {
    let document = fs::read_to_string(project("docs/start/APPROVE.md")).unwrap();
    let blocks = document.split("<!-- walk -->\n```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    lines.map(str::to_owned).collect()
}

fn run(desk: &Desk, line: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_counterfoil");
    let line = line
        .replace("counterfoil ", &format!("{program} "))
        // What the author runs is the author's business; that suite has a place of its own.
        .replace("-- cargo test --locked", "-- git --version")
        .replace(" strategies/", &format!(" {}/strategies/", project("")))
        .replace(" tests/data/", &format!(" {}/tests/data/", project("")));
    Command::new("sh")
        .args(["-c", &line])
        .env("COUNTERFOIL_DATA_DIR", desk.path("data"))
        .env("COUNTERFOIL_KEY_DIR", desk.path("keys"))
        .env_remove("COUNTERFOIL_AS")
        .current_dir(desk.path(""))
        .output()
        .unwrap()
}

#[test]
fn the_walk_in_the_document_leads_from_draft_to_approved() {
    let desk = Desk::empty();
    let lines = lines();
    assert!(lines.len() > 20, "{lines:?}");
    let mut refused = Vec::new();
    for line in &lines {
        let output = run(&desk, line);
        let code = i32::from(line.ends_with("# denied"));
        let said = String::from_utf8_lossy(&output.stderr);
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{line}\n{out}{said}");
        if code == 1 {
            refused.push(out.into_owned());
        }
    }
    let [own, policy] = refused.as_slice() else {
        panic!("{refused:?}");
    };
    assert!(
        own.contains("duty.author") && own.contains(": dan"),
        "{own}"
    );
    assert!(policy.contains("threshold.slippage"), "{policy}");
    let component = project("strategies/components/trend.wasm");
    let one = component.as_str();
    let shown = desk.json("", 0, &["component", "show", one]);
    assert_eq!(text(&shown, "stage"), "approved");
    by_whom(&desk, one);
    // In use now: it can be archived, and then never promoted again.
    let promote = ["component", "promote", one];
    desk.denied("olga", "promotion.exists", &promote);
    let archive = [
        "component",
        "archive",
        one,
        "--reason",
        "the end of the walk",
    ];
    desk.json("olga", 0, &archive);
    desk.denied("olga", "stage.order", &promote);
    let approve = ["component", "approve", one];
    desk.denied("dan", "stage.order", &approve);
}

/// Who brought the component into use, and what the policy said of it.
fn by_whom(desk: &Desk, one: &str) {
    let who = desk.json("", 0, &["ledger", "who-approved", one]);
    let chain = who["chain"].as_array().unwrap().iter();
    let chain: Vec<(&str, &str)> = chain
        .map(|one| (text(one, "act"), text(one, "by")))
        .collect();
    assert_eq!(
        chain,
        [
            ("component-submit", "bob"),
            ("component-validate", "carol"),
            ("component-approve", "dan"),
            ("exception-grant", "dan"),
            ("verdict", "dan"),
            ("component-promote", "olga"),
        ]
    );
    let keys: std::collections::BTreeSet<&str> = who["chain"]
        .as_array()
        .unwrap()
        .iter()
        .take(3)
        .map(|one| text(one, "key"))
        .collect();
    assert_eq!(keys.len(), 3, "three steps, three keys");
    // The verdict that failed and the one that passed are part of its history.
    let history = desk.json("", 0, &["component", "history", one]);
    let history = history.as_array().unwrap().iter();
    let verdicts: Vec<&str> = history
        .filter(|one| one["act"] == "verdict")
        .map(|one| text(one, "outcome"))
        .collect();
    assert_eq!(verdicts, ["fail", "pass"]);
}
