//! A desk: a data directory with a ledger, and people with keys of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The component that goes through the stages, and what it is called.
pub(crate) const COMPONENT: &str = "sdk-examples/components/moving-average-cross.wasm";

/// A data and a key directory, gone when dropped.
pub(crate) struct Desk(TempDir);

pub(crate) fn project(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(path).display().to_string()
}

pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {value}"))
}

impl Desk {
    /// No ledger yet.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A ledger that ada began.
    pub(crate) fn new() -> Self {
        let desk = Self::empty();
        desk.key("ada");
        desk.json("ada", 0, &["ledger", "init", "desk"]);
        desk
    }

    /// Ada, and one principal for each role on the way of a component.
    pub(crate) fn staffed() -> Self {
        let desk = Self::new();
        for (name, role) in [
            ("bob", "author"),
            ("carol", "reviewer"),
            ("dan", "approver"),
            ("olga", "operator"),
        ] {
            desk.hire(name, role);
        }
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.path("data/ledger/desk.ledger")
    }

    pub(crate) fn command(&self, who: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
        command
            .args(arguments)
            .env("COUNTERFOIL_DATA_DIR", self.path("data"))
            .env("COUNTERFOIL_KEY_DIR", self.path("keys"))
            .env_remove("COUNTERFOIL_AS")
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        if !who.is_empty() {
            command.env("COUNTERFOIL_AS", who);
        }
        command
    }

    pub(crate) fn run(&self, who: &str, arguments: &[&str]) -> Output {
        self.command(who, arguments).output().unwrap()
    }

    /// What the program prints as JSON, once its exit code is the expected one.
    #[track_caller]
    pub(crate) fn json(&self, who: &str, code: i32, arguments: &[&str]) -> Value {
        let output = self.run(who, &[&["--json"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{who} {arguments:?}: {said}{out}"
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Deletes what was seen of the ledger, as who restores an older copy by intention.
    pub(crate) fn forget_seen(&self) {
        std::fs::remove_dir_all(self.path("keys/seen")).unwrap();
    }

    /// What the program says on its way out, once its exit code is 2: it could not tell.
    #[track_caller]
    pub(crate) fn fails(&self, who: &str, arguments: &[&str]) -> String {
        self.ends(2, who, arguments)
    }

    /// The same, once its exit code is 64: it was called wrongly.
    #[track_caller]
    pub(crate) fn misused(&self, who: &str, arguments: &[&str]) -> String {
        self.ends(64, who, arguments)
    }

    #[track_caller]
    fn ends(&self, code: i32, who: &str, arguments: &[&str]) -> String {
        let output = self.run(who, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is = output.status.code();
        assert_eq!(is, Some(code), "{who} {arguments:?}: {said}");
        said
    }

    /// Asserts that a rule denies the act, that people are told which, why and who could do it,
    /// and that the denial is a record; its number is the answer.
    #[track_caller]
    pub(crate) fn denied(&self, who: &str, rule: &str, arguments: &[&str]) -> u64 {
        let said = self.json(who, 1, arguments);
        assert_eq!(text(&said, "rule"), rule, "{said}");
        assert!(!text(&said, "why").is_empty() && !text(&said, "hint").is_empty());
        let index = said["record"]
            .as_u64()
            .unwrap_or_else(|| panic!("no record: {said}"));
        let record = self.json("", 0, &["ledger", "show", &index.to_string()]);
        assert_eq!(text(&record, "denied"), rule);
        assert_eq!(text(&record, "actor"), who);
        index
    }

    /// Asserts that the program itself refuses, before anything is asked of the ledger, and that
    /// this is a record too.
    #[track_caller]
    pub(crate) fn refused(&self, who: &str, rule: &str, arguments: &[&str]) {
        let before = self.records();
        let said = self.json(who, 1, arguments);
        assert_eq!(text(&said, "rule"), rule, "{said}");
        assert_eq!(
            (self.records(), said["record"].as_u64()),
            (before + 1, Some(before))
        );
        let record = self.json("", 0, &["ledger", "show", &before.to_string()]);
        assert_eq!(text(&record, "act"), "refused");
        assert_eq!((text(&record, "rule"), text(&record, "actor")), (rule, who));
        let found = self.json("", 0, &["ledger", "search", "--denied", "--rule", rule]);
        let numbers = found.as_array().unwrap().iter().map(|one| &one["record"]);
        assert!(numbers.into_iter().any(|one| *one == before), "{found}");
    }

    /// Asserts that a question is answered by no, of which there is no record: nothing was asked to
    /// be done.
    #[track_caller]
    pub(crate) fn answers_no(&self, rule: &str, arguments: &[&str]) {
        let before = self.records();
        let said = self.json("", 1, arguments);
        assert_eq!(text(&said, "rule"), rule, "{said}");
        assert_eq!(self.records(), before);
    }

    pub(crate) fn key(&self, name: &str) -> String {
        let made = self.json("", 0, &["people", "key", "new", name]);
        text(&made, "key").to_owned()
    }

    pub(crate) fn hire(&self, name: &str, role: &str) -> Value {
        let key = self.key(name);
        self.json(
            "ada",
            0,
            &["people", "add", name, "--role", role, "--key", &key],
        )
    }

    /// How many records the ledger holds, every one of them checked.
    #[track_caller]
    pub(crate) fn records(&self) -> u64 {
        self.json("", 0, &["verify", "ledger"])["records"]
            .as_u64()
            .unwrap()
    }

    pub(crate) fn submit(&self) -> String {
        let made = self.json("bob", 0, &submission());
        text(&made, "component").to_owned()
    }

    /// A manifest of a backtest of the component over the real data, as a file.
    pub(crate) fn manifest(&self) -> String {
        let file = project("tests/data/us-equities-daily-2000-2013.csv.gz");
        let made = self.json("", 0, &["data", "ingest", &file]);
        let component = project(COMPONENT);
        let done = self.json(
            "",
            0,
            &[
                "backtest",
                "--component",
                &component,
                "--snapshot",
                text(&made, "snapshot"),
                "--risk",
                "research",
                "--param",
                "fast=10",
                "--param",
                "slow=30",
                "--param",
                "quantity=100",
                "--instruments",
                "IBM",
                "--from",
                "2010-01-01",
            ],
        );
        text(&done, "manifest").to_owned()
    }
}

/// The words that submit the component.
pub(crate) fn submission() -> [&'static str; 10] {
    static FILES: std::sync::OnceLock<(String, String)> = std::sync::OnceLock::new();
    let (component, lock) =
        FILES.get_or_init(|| (project(COMPONENT), project("sdk-examples/Cargo.lock")));
    [
        "component",
        "submit",
        component,
        "--strategy=cross",
        "--commit",
        "0f1e2d",
        "--lock-file",
        lock,
        "--toolchain",
        "rustc 1.95.0",
    ]
}
