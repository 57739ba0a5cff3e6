//! An operator's day with the runner's process: real processes, their signals and their deaths.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use counterfoil_approval::permit::terms_of;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome};
use counterfoil_governance::act::{
    Act, DigestSet, EvidenceKind, EvidenceSet, GateVerdict, Provenance, RunEnd, StartAuthorization,
    account_digest,
};
use counterfoil_governance::attest;
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{Ledger, origin};
use counterfoil_governance::role::{PrincipalKind, Role};
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::Signer;
use counterfoil_os::file_path::FilePath;
use counterfoil_runner::clock::now;
use counterfoil_runner::store::keys::{KeyDir, PeopleKeys};
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::time::UnixNanos;
use serde_json::Value;

use crate::desk::{Desk, text};

const HOUR: i64 = 3_600_000_000_000;

fn id(name: &str) -> Id {
    Id::parse(name).unwrap()
}

/// A desk at which a component is approved.
struct Office {
    desk: Desk,
    manifest: Manifest,
    snapshot: String,
}

impl Office {
    fn new() -> Self {
        let desk = Desk::staffed();
        desk.hire("gus", "compliance");
        desk.hire("max", "approver");
        desk.hire("amy", "administrator");
        let path = desk.manifest();
        let manifest = Manifest::parse(&fs::read_to_string(path).unwrap()).unwrap();
        let DataSource::Snapshot { id: snapshot, .. } = &manifest.data else {
            panic!("the backtest had a snapshot");
        };
        let office = Self {
            snapshot: snapshot.clone(),
            manifest,
            desk,
        };
        let key = office.desk.key("robot");
        let mut bytes = [0; 32];
        hex::decode_to_slice(&key, &mut bytes).unwrap();
        let add = Act::PrincipalAdd {
            id: id("robot"),
            kind: PrincipalKind::Service,
            roles: core::iter::empty::<Role>().collect(),
            key: PublicKey(bytes),
            until: None,
        };
        office.act("ada", add);
        let bundle = Digest::of(b"policy");
        office.act("ada", Act::PolicySet { bundle });
        office.act("ada", Act::SetupEnd {});
        office.promote();
        office
    }

    fn ledger(&self) -> Ledger {
        let signer = KeyDir::new(self.desk.path("keys")).signer().unwrap();
        loop {
            let own = Box::new(signer.clone());
            match Ledger::open(&self.desk.ledger(), &id("desk"), own) {
                // The runner writes its own acts at any time.
                Err(error) if error.is_busy() => std::thread::yield_now(),
                opened => return opened.unwrap(),
            }
        }
    }

    fn hand(&self, who: &str) -> Box<dyn Signer + Send> {
        let keys = KeyDir::new(self.desk.path("keys"));
        let people = PeopleKeys::open(&keys, &FilePath::folder(self.desk.path("data"))).unwrap();
        let all = people.all().unwrap();
        let own = all.iter().find(|one| one.name == who).unwrap();
        people.signer(who, &own.public).unwrap()
    }

    fn act(&self, who: &str, act: Act) -> u64 {
        let hand = self.hand(who);
        let done = self.ledger().act(now(), &id(who), act, hand.as_ref());
        done.unwrap()
    }

    fn component(&self) -> Digest {
        self.manifest.setup().unwrap().component
    }

    fn set(&self) -> DigestSet {
        DigestSet {
            component: self.component(),
            limits: self.manifest.limits_digest().unwrap(),
            policy: Digest::of(b"policy"),
            evidence: evidence().digest(),
        }
    }

    /// Brings the component into use under a set.
    fn promote_under(&self, set: DigestSet) {
        let envelope = attest::approval(&origin(&id("desk")), &id("dan"), &set).unwrap();
        let signature = self.hand("dan").sign(&envelope.message()).unwrap();
        self.act("dan", Act::ComponentApprove { set, signature });
        self.act("carol", passed(Gate::Promotion, set.digest(), None));
        self.act("dan", Act::ComponentPromote { set });
    }

    fn promote(&self) {
        let component = self.component();
        let provenance = Provenance {
            source_commit: "0f1e2d".to_owned(),
            lock_file: Digest::of(b"lock"),
            toolchain: "rustc".to_owned(),
            wit_world: "counterfoil:strategy@0.1.0".to_owned(),
        };
        let strategy = id("cross");
        let submit = Act::ComponentSubmit {
            component,
            strategy,
            provenance,
        };
        self.act("bob", submit);
        let validate = Act::ComponentValidate {
            component,
            evidence: evidence(),
        };
        self.act("carol", validate);
        self.promote_under(self.set());
        // Under limits that no account here has; no run rests on it.
        let limits = Digest::of(b"other limits");
        self.promote_under(DigestSet {
            limits,
            ..self.set()
        });
    }

    /// A manifest of a live run as a file, and the entry that authorizes its start.
    fn authorized(&self, nonce: &str) -> (String, String) {
        let manifest = Manifest {
            data: DataSource::Feed {
                broker: None,
                name: "ticker".to_owned(),
                start_nonce: nonce.to_owned(),
            },
            cadence: 1,
            ..self.manifest.clone()
        };
        let path = self.desk.path(&format!("{nonce}.json"));
        fs::write(&path, manifest.canonical().unwrap()).unwrap();
        let terms = terms_of(&manifest, self.set()).unwrap();
        if !self.ledger().state().limits().contains_key(&terms.account) {
            let (account, limits) = (terms.account.clone(), terms.limits);
            let subject = account_digest(&account);
            let verdict = self.act("robot", passed(Gate::Limits, subject, Some(limits)));
            let act = Box::new(Act::LimitsSet {
                account,
                limits,
                verdict,
            });
            let proposed = self.act("olga", Act::ChangePropose { act });
            for name in ["dan", "gus"] {
                self.act(name, Act::ChangeApprove { proposed });
            }
        }
        let time = now();
        let asked = StartAuthorization {
            terms,
            not_before: time,
            not_after: UnixNanos(time.0 + HOUR),
        };
        let subject = asked.digest();
        let authorized = self.act("olga", Act::StartAuthorize(asked));
        self.act("robot", passed(Gate::Start, subject, None));
        (path.display().to_string(), authorized.to_string())
    }

    /// How the ledger says that a run ended.
    fn end_of(&self, run: &str) -> Option<RunEnd> {
        let mut digest = [0; 32];
        hex::decode_to_slice(run, &mut digest).unwrap();
        let ledger = self.ledger();
        let started = &ledger.state().registry().runs()[&Digest(digest)];
        started.ended.as_ref().map(|(end, _)| end.clone())
    }

    fn serve(&self) -> Served {
        let mut child = self
            .desk
            .command("robot", &["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let base = line_with(&mut said, "the runner listens at ");
        // A second one on the same data would resume the runs that this one drives.
        let mut second = self
            .desk
            .command("robot", &["serve", "--listen", "127.0.0.1:0"]);
        let second = second.output().unwrap();
        let refused = String::from_utf8_lossy(&second.stderr);
        assert_eq!(second.status.code(), Some(2), "{refused}");
        assert!(refused.contains("another serve process"), "{refused}");
        // The second wall is around every thread.
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        for task in tasks {
            let status = task.unwrap().path().join("status");
            let status = fs::read_to_string(status).unwrap_or_default();
            assert!(
                status.is_empty() || status.contains("Seccomp:\t2"),
                "{status}"
            );
        }
        Served { child, said, base }
    }

    /// What `counterfoil run` answers to olga.
    #[track_caller]
    fn ask(&self, served: &Served, code: i32, arguments: &[&str]) -> Value {
        let first = ["run", "--runner", &served.base];
        self.desk.json("olga", code, &[&first, arguments].concat())
    }

    /// Starts a run whose bars are pushed, and none is.
    #[track_caller]
    fn start(&self, served: &Served, code: i32, nonce: &str) -> Value {
        let (manifest, authorized) = self.authorized(nonce);
        let start = ["start", &manifest, "--authorization", &authorized, "--push"];
        self.ask(served, code, &start)
    }

    /// Watches a run; what happened before is told too.
    fn watch(&self, served: &Served, run: &str) -> Child {
        let first = ["--json", "run", "--runner", &served.base];
        let then = ["watch", run, "--after", "0-0"];
        let mut command = self.desk.command("olga", &[first, then].concat());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Who let a run start: all that it rests on, and nothing under another set.
    fn let_by(&self, run: &str) {
        let who = self.desk.json("", 0, &["ledger", "who-approved", run]);
        let chain = who["chain"].as_array().unwrap().iter();
        let chain: Vec<_> = chain
            .map(|one| (text(one, "act"), text(one, "by")))
            .collect();
        let expected = [
            ("component-submit", "bob"),
            ("component-validate", "carol"),
            ("component-approve", "dan"),
            ("verdict", "carol"),
            ("component-promote", "dan"),
            ("change-propose", "olga"),
            ("change-approve", "dan"),
            ("change-approve", "gus"),
            ("start-authorize", "olga"),
            ("verdict", "robot"),
            ("run-start", "robot"),
        ];
        assert_eq!(chain, expected);
        let component = self.component().to_string();
        let history = self.desk.json("", 0, &["component", "history", &component]);
        let history = history.as_array().unwrap().iter();
        let acts: Vec<_> = history.map(|one| text(one, "act")).collect();
        for act in ["verdict", "start-authorize", "run-start", "run-end"] {
            assert!(acts.contains(&act), "{acts:?}");
        }
    }

    /// Every verdict on a run compares it with the ledger: by the data directory, by files, and by the auditor's program.
    fn reads_anchors(&self, run: &str) {
        let desk = &self.desk;
        let good = |code, who: &[&str]| desk.json("", code, who);
        assert_eq!(good(0, &["verify", run])["anchored"]["verdict"], "agrees");
        assert_eq!(good(0, &["verify", run])["times"]["with-ledger"], true);
        assert_eq!(good(0, &["replay", run])["anchored"]["verdict"], "agrees");
        assert_eq!(
            good(0, &["audit", "parity", run])["anchored"]["verdict"],
            "agrees"
        );
        let runs = desk.path("data/runs").join(run);
        let folder = runs.join("1");
        let (place, ledger) = (
            folder.display().to_string(),
            desk.ledger().display().to_string(),
        );
        let by_files = ["verify", &place, "--ledger", &ledger];
        let found = good(0, &by_files);
        assert_eq!(found["anchored"]["with-orders"], true, "{found}");

        let orders = folder.join("orders");
        let whole = fs::read(&orders).unwrap();
        fs::remove_file(&orders).unwrap();
        for asked in [
            &["verify", run][..],
            &["replay", run],
            &["audit", "parity", run],
            &by_files,
        ] {
            let found = good(1, asked);
            assert_eq!(
                found["anchored"]["verdict"], "contradicts",
                "{asked:?}: {found}"
            );
            let why = found["anchored"]["why"][0].as_str().unwrap();
            assert!(why.starts_with("the order log is missing"), "{why}");
        }
        let health = desk.json("", 1, &["ledger", "health"]);
        assert_eq!(health["runs-contradicted"].as_array().unwrap().len(), 1);
        fs::write(&orders, whole).unwrap();
        // Another run's journal is good, and no answer about this run.
        let list = desk.json("", 0, &["run", "list"]);
        let mut others = list.as_array().unwrap().iter().map(|one| text(one, "run"));
        let other = others.find(|other| *other != run).unwrap();
        let other = desk.path("data/runs").join(other);
        let journal = folder.join("journal");
        let own = fs::read(&journal).unwrap();
        fs::copy(other.join("1/journal"), &journal).unwrap();
        for asked in [&["verify", run][..], &["replay", run]] {
            let error = desk.fails("", asked);
            assert!(error.contains("is that of run"), "{asked:?}: {error}");
        }
        fs::write(&journal, own).unwrap();
        // A run that the ledger knows and whose folder is gone.
        let kept = desk.path("kept");
        fs::rename(&runs, &kept).unwrap();
        let error = desk.fails("", &["verify", run]);
        assert!(
            error.contains("of the ledger, and its folder is gone"),
            "{error}"
        );
        fs::rename(&kept, &runs).unwrap();
    }

    /// Has a stop lifted that keeps others from starting: by whoever may, and by nobody else.
    #[track_caller]
    fn lifted(&self, served: &Served, place: usize, stop: &[&str]) -> bool {
        //     why nothing starts, who may not lift it and why not
        let (code, who, rule) = match place {
            1 => ("kill.on", "gus", "role.missing"),
            3 => ("run.stopped", "olga", "role.missing"),
            4 => ("kill.on", "dan", "duty.kill"),
            _ => return false,
        };
        let lift = [stop, &["--lift"]].concat();
        let refused = self.start(served, 1, &format!("before-{place}"));
        assert_eq!(refused["refused"]["code"], code);
        let said = self.desk.json(who, 1, &lift);
        assert_eq!(text(&said, "rule"), rule, "{said}");
        assert!(said["record"].is_u64(), "{said}");
        let refused = self.start(served, 1, &format!("still-{place}"));
        assert_eq!(refused["refused"]["code"], code);
        let lifted = self.desk.json("max", 0, &lift);
        assert_eq!(lifted["record"].is_u64(), code == "kill.on", "{lifted}");
        true
    }

    /// Asks until the run stands there, with that many bars decided.
    fn until(&self, served: &Served, run: &str, state: &str, bars: u64) -> Value {
        loop {
            let reply = self.ask(served, 0, &["status", run]);
            if reply["state"] == state && reply["bars"].as_u64() >= Some(bars) {
                return reply;
            }
            let over = ["halted", "faulted"].contains(&text(&reply, "state"));
            assert!(!over, "{reply}");
        }
    }
}

fn evidence() -> EvidenceSet {
    let all = EvidenceKind::ALL;
    EvidenceSet(
        all.map(|kind| (kind, Digest::of(kind.name().as_bytes())))
            .into(),
    )
}

fn passed(gate: Gate, subject: Digest, limits: Option<Digest>) -> Act {
    Act::Verdict(GateVerdict {
        gate,
        subject,
        bundle: Digest::of(b"policy"),
        input: Digest::of(b"input"),
        outcome: GateOutcome::Pass,
        reasons: vec![],
        limits,
    })
}

/// The runner's process.
struct Served {
    child: Child,
    said: BufReader<ChildStderr>,
    base: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// What follows `before` in the first line that begins with it.
#[track_caller]
fn line_with(said: &mut BufReader<ChildStderr>, before: &str) -> String {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        let read = said.read_line(&mut line).unwrap();
        assert!(read > 0, "it never said {before:?}: {all}");
        if let Some(rest) = line.trim_end().strip_prefix(before) {
            return rest.to_owned();
        }
        all.push_str(&line);
    }
}

impl Served {
    /// As a service manager ends a process; what it said on its way out.
    fn terminate(mut self) -> String {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(told.success());
        let mut out = String::new();
        let stdout = self.child.stdout.as_mut().unwrap();
        std::io::Read::read_to_string(stdout, &mut out).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{out}");
        out
    }
}

#[test]
fn a_run_survives_the_death_of_its_process_and_its_end_is_in_the_ledger() {
    let office = Office::new();
    let (manifest, authorized) = office.authorized("day");
    let mut served = office.serve();
    let start = [
        "start",
        &manifest,
        "--authorization",
        &authorized,
        "--replay",
        &office.snapshot,
        // Twenty bars of a day a second.
        "--speed",
        "1728000",
    ];
    // A port that was not named when the runner started is closed to it.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let from_other = [&start[..4], &["--tcp", &address]].concat();
    let refused = office.ask(&served, 1, &from_other)["refused"].to_string();
    assert!(refused.contains("--feed-port"), "{refused}");
    let begun = office.ask(&served, 0, &start);
    let run = text(&begun, "run").to_owned();
    assert_eq!(
        office.ask(&served, 1, &start)["refused"]["code"],
        "run.exists"
    );
    let listed = office.ask(&served, 0, &["list"]);
    assert_eq!(text(&listed["runs"][0], "run"), run);
    office.until(&served, &run, "running", 3);

    // Killed as by the kernel, and started again.
    served.child.kill().unwrap();
    served.child.wait().unwrap();
    let mut served = office.serve();
    let told = line_with(&mut served.said, "run ");
    assert!(told.ends_with(" resumed"), "{told}");
    office.until(&served, &run, "running", 10);

    // Ended as by a service manager, and started again.
    let out = served.terminate();
    assert!(out.contains("suspended: journal left open"), "{out}");
    let served = office.serve();
    office.until(&served, &run, "running", 15);
    office.ask(&served, 0, &["stop", &run]);
    let done = office.until(&served, &run, "stopped", 15);
    let end = office.end_of(&run).unwrap();
    assert_eq!(end.reason, "end-of-data");
    office.let_by(&run);
    assert_eq!(text(&done, "decision-digest"), hex::encode(end.decisions.0));
    let verified = office.desk.json("", 0, &["verify", &run]);
    assert!(verified.to_string().contains(&end.journal.size.to_string()));
    office.reads_anchors(&run);
}

#[test]
fn a_kill_by_any_way_ends_a_run_and_whoever_watches_hears_of_it() {
    let office = Office::new();
    let served = office.serve();
    //     the kill, who throws it by hand (none: it is asked of the runner), how the reason begins
    let table: [(&[&str], Option<&str>, &str); 5] = [
        (
            &["kill", "RUN", "--reason", "a drill"],
            None,
            "run-killed: by olga: a drill",
        ),
        (
            &["kill", "--account", "paper"],
            None,
            "account-killed: by olga",
        ),
        (
            &["kill", "RUN", "--reason", "by hand"],
            Some(""),
            "run-killed: by hand",
        ),
        (&["kill", "--all"], Some(""), "installation-killed: "),
        // Without the ledger the file stops it; with it, the file or the record, whichever it sees.
        (
            &["kill", "--account", "paper"],
            Some("dan"),
            "account-killed: ",
        ),
    ];
    for (place, (arguments, by_hand, reason)) in table.into_iter().enumerate() {
        let begun = office.start(&served, 0, &format!("kill-{place}"));
        let run = text(&begun, "run").to_owned();
        office.until(&served, &run, "running", 0);
        let mut watching = office.watch(&served, &run);
        let arguments: Vec<_> = arguments
            .iter()
            .map(|one| if *one == "RUN" { run.as_str() } else { one })
            .collect();
        // The feed of the run says nothing all the while.
        match by_hand {
            None => {
                office.ask(&served, 0, &arguments);
            }
            Some(who) => {
                let said = office.desk.json(who, 0, &arguments);
                assert_eq!(said["record"].is_u64(), !who.is_empty(), "{said}");
            }
        }
        let done = office.until(&served, &run, "killed", 0);
        assert!(text(&done, "reason").starts_with(reason), "{done}");
        let end = office.end_of(&run).unwrap();
        assert!(end.reason.starts_with(reason), "{end:?}");
        let events = BufReader::new(watching.stdout.take().unwrap()).lines();
        let mut events = events.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        events
            .find(|event| event["data"]["state"] == "killed")
            .expect("whoever watches hears of it");
        watching.kill().unwrap();
        watching.wait().unwrap();
        let again = office.ask(&served, 1, &["resume", &run]);
        assert_eq!(again["refused"]["code"], "run.ended");
        if office.lifted(&served, place, &arguments) {
            let begun = office.start(&served, 0, &format!("after-{place}"));
            office.ask(&served, 0, &["stop", text(&begun, "run")]);
        }
    }
}
