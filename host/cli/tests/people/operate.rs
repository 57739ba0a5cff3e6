//! The second gate: limits for an account, an authorization for a start, budgets; each in its order
//! and by its role.

use std::fs;

use counterfoil_base::digest::Digest;
use counterfoil_runner::clock::now;
use counterfoil_trading::manifest::{DataSource, Manifest, RiskEntry, canonical_json};
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::desk::{COMPONENT, Desk, project, text};

/// The time so many seconds from now, as it is typed.
fn soon(seconds: i64) -> String {
    UnixNanos(now().0 + seconds * 1_000_000_000).date_or_time()
}

impl Desk {
    /// A desk on which the component is approved; the manifest of its backtest.
    fn approved() -> (Self, Manifest) {
        let desk = Self::staffed();
        desk.hire("abe", "administrator");
        desk.hire("eve", "compliance");
        desk.json("ada", 0, &["ledger", "end-setup"]);
        let folder = desk.path("policy").display().to_string();
        desk.json("", 0, &["policy", "init", &folder]);
        desk.two(&["policy", "set", &folder], "dan", &["eve"]);
        desk.submit();
        let (file, component) = (desk.manifest(), project(COMPONENT));
        let one = component.as_str();
        let source = project("sdk-examples");
        let attest = [
            "component",
            "attest-tests",
            one,
            "--source",
            &source,
            "--",
            "true",
        ];
        desk.json("bob", 0, &attest);
        let validate = [
            "component",
            "validate",
            one,
            "--manifest",
            &file,
            "--thresholds",
            "research",
        ];
        desk.json("carol", 0, &validate);
        desk.json("carol", 0, &["component", "review", one]);
        desk.json("dan", 0, &["component", "approve", one]);
        desk.json("dan", 0, &["policy", "eval", "promotion", one]);
        desk.json("olga", 0, &["component", "promote", one]);
        let manifest = Manifest::parse(&fs::read_to_string(file).unwrap()).unwrap();
        (desk, manifest)
    }

    /// Proposes what takes two, and has others sign it.
    fn two(&self, words: &[&str], first: &str, others: &[&str]) {
        let asked = self.json(first, 0, words);
        let record = asked["record"].to_string();
        self.told(&record);
        for other in others {
            self.json(other, 0, &["change", "approve", &record]);
        }
    }

    /// Whoever is asked to sign sees what would change, field by field and file by file.
    fn told(&self, record: &str) {
        let shown = self.json("", 0, &["change", "show", record]);
        let proposes = shown["proposes"].as_array().unwrap();
        let named = |name: &str| proposes.iter().find(|one| one["what"] == name);
        let (name, now, then) = match text(&shown, "act") {
            "policy-set" => ("promotion.rego", Value::Null, None),
            "limits-set" => ("order-notional-max", Value::Null, Some(json!("25000"))),
            act => panic!("{act}"),
        };
        let one = named(name).unwrap_or_else(|| panic!("{shown}"));
        assert_eq!(one["now"], now);
        assert!(then.is_none_or(|then| one["then"] == then), "{shown}");
        let listed = self.json("", 0, &["change", "list"]);
        assert_eq!(listed[0]["proposes"], shown["proposes"]);
    }

    /// Approves the component under the limits of a manifest, and brings it into use.
    fn promote_under(&self, manifest: &str) {
        let component = project(COMPONENT);
        let under = [component.as_str(), "--manifest", manifest];
        for (who, words) in [
            ("dan", &["component", "approve"][..]),
            ("dan", &["policy", "eval", "promotion"]),
            ("olga", &["component", "promote"]),
        ] {
            self.json(who, 0, &[words, &under].concat());
        }
    }

    /// The manifest over a feed, with these limits, as a file.
    fn fed(&self, manifest: &Manifest, name: &str, risk: &Value) -> String {
        let risk: RiskEntry = serde_json::from_value(risk.clone()).unwrap();
        let fed = Manifest {
            data: DataSource::Feed {
                broker: None,
                name: "test".to_owned(),
                start_nonce: name.to_owned(),
            },
            cadence: 1,
            risk,
            ..manifest.clone()
        };
        let path = self.path(name);
        fs::write(&path, fed.canonical().unwrap()).unwrap();
        path.display().to_string()
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one walk through the second gate")]
fn a_start_is_authorized_under_the_limits_that_the_policy_gave() {
    let (desk, manifest) = Desk::approved();
    let account = manifest.account.name.as_str();
    let until = soon(3_600);
    let research = json!(manifest.risk);
    let wide = desk.fed(&manifest, "wide", &research);
    let start = |file: &str| {
        ["account", "authorization", "grant", file, "--until", &until].map(str::to_owned)
    };
    let words = |all: &[String; 6]| -> Vec<String> { all.to_vec() };
    let call = |who: &str, code: i32, file: &str| {
        let all = words(&start(file));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        desk.json(who, code, &all)
    };
    let rule = |who: &str, file: &str| text(&call(who, 1, file), "rule").to_owned();
    assert_eq!(rule("olga", &wide), "limits.missing");
    assert_eq!(rule("dan", &wide), "role.missing");
    let own = desk.path("own.json").display().to_string();
    let tried = manifest.run_id().unwrap().hex();
    let fed = ["run", "manifest", &tried, "--feed", "test", "-o", &own];
    desk.answers_no("limits.missing", &fed);
    // A snapshot's manifest is nobody's to authorize; the refusal is a record.
    let file = desk.path("snapshot");
    fs::write(&file, manifest.canonical().unwrap()).unwrap();
    let snapshot = file.display().to_string();
    let said = call("olga", 1, &snapshot);
    assert_eq!(text(&said, "rule"), "manifest.invalid");
    assert!(said["record"].is_u64(), "{said}");
    // Limits: what the policy does not give is not proposed.
    let owner = manifest.account.owner.as_str();
    let set = ["account", "limits", "set", account, "--owner", owner];
    let greedy = [&set[..], &["--order-notional", "9000000000"]].concat();
    assert_eq!(text(&desk.json("olga", 1, &greedy), "outcome"), "fail");
    desk.denied("bob", "role.missing", &set);
    desk.two(&set, "olga", &["dan", "eve"]);
    let listed = desk.json("", 0, &["account", "limits", "list"]);
    assert_eq!(text(&listed[0], "account"), account);
    let given = desk.json("", 0, &["account", "limits", "show", account]);
    assert_eq!(given["orders-per-bar-max"], 10);
    desk.answers_no("limits.missing", &["account", "limits", "show", "nobody"]);
    assert_eq!(rule("olga", &wide), "limits.changed");

    let file = desk.fed(&manifest, "given", &given);
    // What was approved are the limits of the evidence; the account's are others.
    let said = call("olga", 1, &file);
    assert_eq!(text(&said, "rule"), "limits.unapproved");
    for risk in [&research, &given] {
        let digest = Digest::of(canonical_json(risk).unwrap().as_bytes());
        assert!(text(&said, "why").contains(&digest.to_string()), "{said}");
    }
    desk.promote_under(&file);
    let said = call("olga", 0, &file);
    assert_eq!(text(&said["verdict"], "outcome"), "pass", "{said}");
    assert_eq!((text(&said, "is"), text(&said, "by")), ("open", "olga"));
    // The same as the program writes it: what was tried out, under the limits in force.
    let same = [&fed[..], &["--start-nonce", "given"]].concat();
    desk.json("", 0, &same);
    assert_eq!(fs::read(&own).unwrap(), fs::read(&file).unwrap());
    let wrong = desk.fails("", &[&fed[..], &["--instruments", "AAA"]].concat());
    assert!(wrong.contains("--instruments AAA"), "{wrong}");
    let record = said["record"].to_string();
    let later = [
        "account",
        "authorization",
        "grant",
        &file,
        "--from",
        &soon(3_600),
        "--until",
        &soon(7_200),
    ];
    assert_eq!(text(&desk.json("olga", 0, &later), "is"), "to come");
    let over = [
        "account",
        "authorization",
        "grant",
        &file,
        "--until",
        "2020-01-01",
    ];
    desk.denied("olga", "start.window", &over);
    let long = [
        "account",
        "authorization",
        "grant",
        &file,
        "--until",
        "2100-01-01",
    ];
    desk.denied("olga", "start.window", &long);
    let count = |words: &[&str]| {
        let found = desk.json(
            "",
            0,
            &[&["account", "authorization", "list"], words].concat(),
        );
        found.as_array().unwrap().len()
    };
    assert_eq!(count(&[]), 2);
    let withdraw = [
        "account",
        "authorization",
        "withdraw",
        &record,
        "--reason",
        "changed our minds",
    ];
    desk.denied("bob", "role.missing", &withdraw);
    desk.json("eve", 0, &withdraw);
    desk.denied("eve", "start.withdrawn", &withdraw);
    assert_eq!((count(&[]), count(&["--all"])), (1, 2));
    assert_eq!(count(&["--all", "--where", "is=withdrawn"]), 1);
    // What the policy fails is authorized and starts nothing.
    let glass = [
        "change",
        "break-glass",
        "open",
        "--act",
        "key-add",
        "--until",
        &until,
        "--reason",
        "nobody is here",
    ];
    desk.json("olga", 0, &glass);
    let said = call("olga", 1, &file);
    assert_eq!(text(&said["verdict"], "outcome"), "fail", "{said}");
    assert_eq!(
        desk.json("", 0, &["ledger", "drift"])["drift"],
        Value::Array(vec![])
    );
    changes(&desk, &set);
    budgets(&desk, &until);
}

/// What is in force stands beside what would be, and what cannot be read is told.
fn changes(desk: &Desk, set: &[&str]) {
    let less = [set, &["--order-notional", "24000"]].concat();
    let proposed = desk.json("olga", 0, &less);
    let record = proposed["record"].to_string();
    let shown = desk.json("", 0, &["change", "show", &record]);
    let differs = json!([
        { "what": "limits", "now": shown["proposes"][0]["now"], "then": proposed["limits"] },
        { "what": "order-notional-max", "now": "25000", "then": "24000" },
    ]);
    assert_eq!(shown["proposes"], differs);
    let then = text(&proposed, "limits").trim_start_matches("sha256:");
    fs::remove_file(desk.path(&format!("data/policy/{then}"))).unwrap();
    let shown = desk.json("", 0, &["change", "show", &record]);
    assert_eq!(shown["proposes"][0]["what"], "unreadable", "{shown}");
    assert!(
        desk.fails("", &["change", "show", "0"])
            .contains("change list")
    );
}

fn budgets(desk: &Desk, until: &str) {
    let set = |of: [&'static str; 2], runs: &'static str| {
        let budget = [
            "--fuel", "10", "--bytes", "10", "--wall", "10", "--runs", runs,
        ];
        [&["account", "budget", "set"], &of[..], &budget].concat()
    };
    desk.denied("olga", "role.missing", &set(["--owner", "fund"], "1"));
    desk.denied("dan", "duty.budget", &set(["--owner", "dan"], "1"));
    let excess = [
        "account",
        "budget",
        "excess",
        "--owner",
        "fund",
        "--until",
        until,
        "--reason",
        "the quarter ends",
    ];
    desk.denied("dan", "budget.unfit", &excess);
    // One of the class does what takes one signature; nobody proposes it.
    desk.denied("ada", "role.missing", &set(["--owner", "fund"], "1"));
    desk.json("dan", 0, &set(["--owner", "fund"], "1"));
    assert_eq!(
        desk.json("", 0, &["account", "budget", "list"])[0]["over"],
        false
    );
    // Nothing at once: it is used up as it stands.
    desk.json("dan", 0, &set(["--owner", "fund"], "0"));
    assert_eq!(
        desk.json("", 1, &["account", "budget", "list"])[0]["runs"],
        "0 of 0"
    );
    desk.json("dan", 0, &excess);
    let row = desk.json("", 1, &["account", "budget", "list"])[0].clone();
    assert!(row["excess-until"].is_string(), "{row}");
    desk.json(
        "dan",
        0,
        &["account", "budget", "team", "desk", "--member", "fund"],
    );
    desk.json("dan", 0, &set(["--team", "desk"], "5"));
    let listed = desk.json(
        "",
        0,
        &["account", "budget", "list", "--where", "team=desk"],
    );
    assert_eq!(listed.as_array().unwrap().len(), 1);
    used(desk);
    let report = desk.json(
        "",
        0,
        &["account", "budget", "report", "--day", "2026-01-02"],
    );
    assert_eq!(
        (text(&report, "day"), &report["used"]),
        ("2026-01-02", &json!([]))
    );
    let output = desk.run("dan", &["account", "budget", "set", "--fuel", "1"]);
    assert_eq!(output.status.code(), Some(64), "whose budget?");
}

/// What a run used is recorded once, however often it is asked for, and counts under its tags.
fn used(desk: &Desk) {
    let run = text(&desk.json("", 0, &["run", "list"])[0], "run").to_owned();
    let tagged = [
        "account", "budget", "use", &run, "--tag", "research", "--tag", "trend",
    ];
    desk.denied("bob", "role.missing", &tagged);
    let said = desk.json("olga", 0, &tagged);
    let (fuel, bytes) = (
        said["fuel"].as_u64().unwrap(),
        said["bytes"].as_u64().unwrap(),
    );
    assert!(fuel > 0 && bytes > 0, "{said}");
    let before = desk.records();
    assert_eq!(desk.json("olga", 0, &tagged)["record"], Value::Null);
    assert_eq!(desk.records(), before);
    let report = desk.json("", 0, &["account", "budget", "report"]);
    let rows = report["used"].as_array().unwrap();
    let of = |kind: &str| rows.iter().filter(|row| row["of"] == kind).count();
    assert_eq!((of("owner"), of("tag")), (1, 2), "{report}");
    for row in rows {
        assert_eq!(
            (&row["runs"], &row["fuel"]),
            (&json!(1), &json!(fuel)),
            "{row}"
        );
        assert_eq!(row["bytes"], bytes);
    }
}
