//! The policy commands: a policy's folder, in force, asked, asked again; and every way of there being
//! no answer is a refusal.

use std::fs;

use serde_json::Value;

use crate::desk::{Desk, text};

/// What is asked at the gate of limits, which needs no component.
const ASK: [&str; 6] = ["policy", "eval", "limits", "main", "--owner", "fund"];

impl Desk {
    /// The starter policy, in force.
    fn starter(&self) -> String {
        let folder = self.path("policy").display().to_string();
        self.json("", 0, &["policy", "init", &folder]);
        let done = self.json("ada", 0, &["policy", "set", &folder]);
        text(&done, "policy").to_owned()
    }

    /// A policy of one rule at the gate of limits, in force.
    fn of_rule(&self, name: &str, rule: &str) {
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        let limits = format!("package counterfoil.limits\n{rule}\n");
        fs::write(folder.join("limits.rego"), limits).unwrap();
        let test = "package counterfoil.limits_test\ntest_nothing if true\n";
        fs::write(folder.join("limits_test.rego"), test).unwrap();
        let folder = folder.display().to_string();
        self.json("ada", 0, &["policy", "set", &folder]);
    }

    fn codes(&self, who: &str, code: i32, words: &[&str]) -> Vec<String> {
        let said = self.json(who, code, words);
        let reasons = said["reasons"].as_array().unwrap().iter();
        reasons.map(|one| text(one, "code").to_owned()).collect()
    }
}

#[test]
fn a_policy_is_written_tested_and_put_in_force() {
    let desk = Desk::staffed();
    let folder = desk.path("policy").display().to_string();
    let said = desk.fails("", &["policy", "show"]);
    assert!(said.contains("policy.missing"), "{said}");
    let made = desk.json("", 0, &["policy", "init", &folder]);
    assert!(
        desk.fails("", &["policy", "init", &folder])
            .contains("exists already")
    );
    let tested = desk.json("", 0, &["policy", "test", &folder]);
    assert!(tested["cases"].as_array().unwrap().len() > 10, "{tested}");
    desk.denied("bob", "role.missing", &["policy", "set", &folder]);
    desk.json("ada", 0, &["policy", "set", &folder]);
    let shown = desk.json("", 0, &["policy", "show"]);
    assert_eq!(shown["digest"], made["digest"]);
    assert_eq!(
        desk.json("", 0, &["policy", "show", &folder])["digest"],
        made["digest"]
    );
    desk.denied("ada", "policy.repeated", &["policy", "set", &folder]);
    // Its numbers set: another policy, whose tests pass still.
    let data = desk.path("policy/data.json");
    let numbers = fs::read_to_string(&data).unwrap();
    fs::write(
        &data,
        numbers.replace("\"back_ends_min\": 2", "\"back_ends_min\": 9"),
    )
    .unwrap();
    let set = desk.json("ada", 0, &["policy", "set", &folder]);
    assert_ne!(set["policy"], made["digest"]);
    // A rule that holds no longer: its tests say so.
    let rules = desk.path("policy/promotion.rego");
    let text_of = fs::read_to_string(&rules).unwrap();
    fs::write(&rules, text_of.replace("passed == true", "passed != 1")).unwrap();
    let failed = desk.json("", 1, &["policy", "test", &folder]);
    assert_ne!(failed["cases"], tested["cases"]);
    desk.refused("ada", "policy.tests", &["policy", "set", &folder]);
    // What has no place in a policy is no policy: nothing can be said of it.
    fs::write(desk.path("policy/notes.txt"), "").unwrap();
    for words in [["policy", "show", &folder], ["policy", "test", &folder]] {
        desk.fails("", &words);
    }
    desk.fails("ada", &["policy", "set", &folder]);
    assert!(
        desk.fails("", &["policy", "show", "nowhere"])
            .contains("nowhere")
    );
}

#[test]
fn a_gate_is_asked_its_answer_is_recorded_and_can_be_asked_for_again() {
    let desk = Desk::staffed();
    desk.starter();
    let input = desk.json("olga", 0, &[&ASK[..], &["--print-input"]].concat());
    assert_eq!(
        (text(&input, "gate"), text(&input, "asked_by")),
        ("limits", "olga")
    );
    let before = desk.records();
    let file = desk.path("input.json");
    fs::write(&file, input.to_string()).unwrap();
    let trial = [
        "policy",
        "eval",
        "input",
        "limits",
        &file.display().to_string(),
    ];
    assert_eq!(desk.json("", 0, &trial)["record"], Value::Null);
    assert_eq!(desk.records(), before, "a trial is no record");
    let said = desk.json("olga", 0, &ASK);
    let passed = said["record"].as_u64().unwrap();
    assert_eq!(said["limits"]["orders-per-bar-max"], 10);
    let more = [&ASK[..], &["--order-notional", "25001"]].concat();
    assert_eq!(desk.codes("olga", 1, &more), ["cap.order-notional"]);
    let all = desk.json("", 0, &["policy", "verdicts"]);
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(
        (&all[0]["record"], text(&all[1], "outcome")),
        (&passed.into(), "fail")
    );
    let again = desk.json("", 0, &["policy", "re-evaluate", "--all"]);
    for one in again.as_array().unwrap() {
        assert_eq!(one["identical"], true, "{one}");
    }
    assert!(
        desk.fails("", &["policy", "re-evaluate", "0"])
            .contains("is not a verdict")
    );
    // Whoever is no principal asks nothing; that is recorded as well.
    desk.key("mallory");
    desk.denied("mallory", "principal.unknown", &ASK);
    // Without the bytes that it rested on nothing can be said of an old verdict.
    let input = text(&all[0], "input").trim_start_matches("sha256:");
    let archived = desk.path(&format!("data/policy/{input}"));
    fs::write(&archived, "{}").unwrap();
    let said = desk.fails("", &["policy", "re-evaluate", &passed.to_string()]);
    assert!(said.contains("was changed"), "{said}");
}

#[test]
fn no_policy_and_one_that_cannot_be_read_are_refusals_on_record() {
    let desk = Desk::staffed();
    desk.refused("olga", "policy.missing", &ASK);
    let policy = desk.starter();
    let bare = policy.trim_start_matches("sha256:");
    let archived = desk.path(&format!("data/policy/{bare}"));
    let good = fs::read(&archived).unwrap();
    fs::write(&archived, "changed").unwrap();
    desk.refused("olga", "policy.unreadable", &ASK);
    fs::remove_file(&archived).unwrap();
    desk.refused("olga", "policy.unreadable", &ASK);
    assert!(
        desk.fails("", &["policy", "show"])
            .contains("policy.unreadable")
    );
    fs::write(&archived, good).unwrap();
    desk.json("olga", 0, &ASK);
}

#[test]
fn an_error_a_time_out_and_an_answer_that_is_none_are_verdicts_that_fail() {
    let desk = Desk::staffed();
    let table = [
        (
            "error",
            r#"verdict := {"outcome": "pass", "reasons": [], "n": to_number("x")}"#,
            "policy.error",
        ),
        (
            "endless",
            "verdict := {\"outcome\": \"pass\", \"reasons\": []} if count([1 | some a in n; some b in \
             n; some c in n; a + b + c < 0]) == 0\nn := numbers.range(1, 1000)",
            "policy.time-out",
        ),
        ("nothing", "other := 1", "policy.undefined"),
        ("shapeless", "verdict := true", "policy.shape"),
    ];
    for (name, rule, code) in table {
        desk.of_rule(name, rule);
        let before = desk.records();
        assert_eq!(desk.codes("olga", 1, &ASK), [code], "{name}");
        assert_eq!(desk.records(), before + 1, "{name}");
        let said = desk.json("", 0, &["ledger", "show", &before.to_string()]);
        assert_eq!(
            (text(&said, "act"), text(&said, "outcome")),
            ("verdict", "fail")
        );
    }
    // And each says the same again.
    let again = desk.json("", 0, &["policy", "re-evaluate", "--all"]);
    assert_eq!(again.as_array().unwrap().len(), 4);
}
