//! Drift: each kind of difference is planted, found, and no longer found once it is repaired.

use counterfoil_base::gate::{Gate, GateOutcome};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use counterfoil_approval::drift::{KINDS, hint, look};
use counterfoil_approval::gates::PolicyArchive;
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, EvidenceKind, GateVerdict, RunStart, account_digest};
use counterfoil_governance::ledger::{self, VerifiedLedger};
use counterfoil_journal::hash::Hash;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::Signer as _;
use counterfoil_runner::clock::now;
use counterfoil_runner::run::opening;
use counterfoil_runner::run::run_end::run_end;
use counterfoil_runner::store::data_dir::journal_origin;
use counterfoil_runner::store::keys::{KeyDir, PeopleKeys};
use counterfoil_runner::store::lock::RunLock;
use counterfoil_runner::study::evidence::EvidenceStore;
use counterfoil_tests::acts::id;
use counterfoil_tests::desk::{Desk, hand};
use counterfoil_tests::world::{World, over_a_feed, signer};
use counterfoil_trading::manifest::{Manifest, canonical_json};
use counterfoil_trading::record::RunStarter;
use counterfoil_trading::time::UnixNanos;
use serde_json::json;

/// A world with a ledger, in which everything that the ledger declares is there.
struct Place {
    world: World,
    desk: Desk,
    manifest: Manifest,
    keys: KeyDir,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let world = World::small(8);
        let manifest = over_a_feed(&world.cross(&["AAA", "BBB"], 2, 3, 10), "first");
        let component = manifest.setup().unwrap().component;
        let desk = Desk::with(&world, &component);
        let evidence = EvidenceStore::new(&world.data, &component);
        for kind in EvidenceKind::ALL {
            evidence.put(kind.name().as_bytes()).unwrap();
        }
        let archive = PolicyArchive::new(&world.data);
        for text in ["policy", "input"] {
            archive.put(text.as_bytes()).unwrap();
        }
        let risk = canonical_json(&json!(manifest.risk)).unwrap();
        archive.put(risk.as_bytes()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let public = hex::encode(signer().verifying_key());
        fs::write(folder.path().join("log-signing.pub"), public).unwrap();
        let keys = KeyDir::new(folder.path().to_path_buf());
        Self {
            world,
            desk,
            manifest,
            keys,
            _folder: folder,
        }
    }

    fn ledger(&self) -> VerifiedLedger {
        let key = signer().verifying_key();
        let key = VerifierKey::new(&ledger::origin(&id("test")), &key).unwrap();
        ledger::read(&self.desk.path, &key).unwrap()
    }

    fn at(&self, time: UnixNanos) -> BTreeSet<(String, String)> {
        let state = self.ledger().state;
        let found = look(&self.world.data, &self.keys, &state, time).unwrap();
        let findings = found.into_iter().map(|finding| {
            assert_ne!(finding.declared, finding.found);
            assert_ne!(
                hint(&finding.rule),
                "compare the two and correct one",
                "{}",
                finding.rule
            );
            (finding.rule, finding.found)
        });
        findings.collect()
    }

    /// Asserts that exactly this is found now.
    #[track_caller]
    fn finds(&self, expected: &[(&str, &str)]) {
        let expected: BTreeSet<(String, String)> = expected
            .iter()
            .map(|(rule, found)| ((*rule).to_owned(), (*found).to_owned()))
            .collect();
        assert_eq!(self.at(now()), expected);
    }

    /// Takes a file away, changes it, and puts it back; each is found.
    #[track_caller]
    fn loses(&self, rule: &str, path: &Path) {
        let good = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        self.finds(&[(rule, "missing")]);
        fs::write(path, "other").unwrap();
        self.finds(&[(rule, &Digest::of(b"other").to_string())]);
        fs::write(path, good).unwrap();
        self.finds(&[]);
    }

    fn start(&self, manifest: &Manifest) -> (Digest, u64) {
        let authorized = self.desk.authorize(manifest);
        let state = self.ledger().state;
        let terms = state.authorizations()[&authorized]
            .authorization
            .terms
            .clone();
        let run = manifest.run_id().unwrap();
        let start = RunStart {
            run,
            authorized,
            terms,
            entry_0: entry_0(manifest),
        };
        self.desk.act("robot", Act::RunStart(start));
        (run, authorized)
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn bytes_that_are_gone_or_changed_are_found() {
    let place = Place::new();
    place.finds(&[]);
    let (data, root) = (place.world.data.clone(), place.world.path().to_path_buf());
    let component = place.manifest.setup().unwrap().component;
    place.loses("component.bytes", data.component_path(&component).path());
    let evidence = root.join("evidence").join(component.hex());
    let piece = Digest::of(EvidenceKind::Replay.name().as_bytes());
    place.loses(
        "evidence.bytes",
        &evidence.join(format!("{}.json", piece.hex())),
    );
    let archived = |bytes: &[u8]| root.join("policy").join(Digest::of(bytes).hex());
    place.loses("policy.bytes", &archived(b"policy"));
    place.loses("verdict.bytes", &archived(b"input"));
    place.desk.authorize(&place.manifest);
    let risk = canonical_json(&json!(place.manifest.risk)).unwrap();
    place.loses("limits.bytes", &archived(risk.as_bytes()));
}

#[test]
fn runs_that_the_ledger_did_not_start_or_cannot_let_go_on_are_found() {
    let place = Place::new();
    let lines = place.world.lines(&place.manifest);
    let outcome = place.world.live(&place.manifest, &lines).unwrap();
    let account = format!("a run of account {}", place.manifest.account.name);
    place.finds(&[("run.unauthorized", &account)]);
    fs::remove_dir_all(outcome.execution.folder.parent().unwrap()).unwrap();
    // A run over a snapshot needs no authorization.
    let backtest = place.world.cross(&["AAA"], 1, 2, 10);
    place
        .world
        .backtest(&backtest, place.world.engine())
        .unwrap();
    place.finds(&[]);

    let (run, authorized) = place.start(&place.manifest);
    place.finds(&[("run.missing", "no journal")]);
    let outcome = place.world.live(&place.manifest, &lines).unwrap();
    place.finds(&[]);
    let copy = outcome.execution.folder.join("manifest.json");
    let good = fs::read(&copy).unwrap();
    fs::write(&copy, "{}").unwrap();
    place.finds(&[("run.manifest", "other bytes")]);
    fs::write(&copy, good).unwrap();

    // A process continues the run after the ledger ended it.
    let reason = "the venue answers twice".to_owned();
    place
        .desk
        .act("erin", Act::StartWithdraw { authorized, reason });
    place.finds(&[]);
    let held = RunLock::acquire(&outcome.execution).unwrap();
    place.finds(&[("run.going-on", "a process appends to its journal")]);
    drop(held);
    place.finds(&[]);

    let other = Digest::of(b"input");
    limit(&place, other);
    let keeps = place.ledger().state.registry().runs()[&run]
        .start
        .terms
        .limits
        .to_string();
    place.finds(&[("run.limits", &keeps)]);
    let key = signer().verifying_key();
    let end = run_end(&place.world.data, &run, &key).unwrap().unwrap();
    place.desk.act("robot", Act::RunEnd(end));
    place.finds(&[]);
    // What was anchored is not what is there.
    let orders = outcome.execution.folder.join("orders");
    fs::remove_file(orders).unwrap();
    let found = place.at(now());
    let [(rule, why)] = found.iter().collect::<Vec<_>>()[..] else {
        panic!("{found:?}");
    };
    assert_eq!(rule, "run.anchors");
    assert!(why.starts_with("the order log is missing"), "{why}");
}

/// The leaf hash of what a run of this manifest begins its journal with.
fn entry_0(manifest: &Manifest) -> Hash {
    let run = manifest.run_id().unwrap();
    let opening = opening::of_feed(manifest, RunStarter::default()).unwrap();
    opening::entry_0(&opening, &journal_origin(&run, 1), signer().as_ref()).unwrap()
}

/// Puts other limits of the account in force.
fn limit(place: &Place, limits: Digest) {
    let account = id(&place.manifest.account.name);
    let verdict = Act::Verdict(GateVerdict {
        gate: Gate::Limits,
        subject: account_digest(&account),
        bundle: Digest::of(b"policy"),
        input: Digest::of(b"input"),
        outcome: GateOutcome::Pass,
        reasons: vec![],
        limits: Some(limits),
    });
    let verdict = place.desk.act("robot", verdict);
    let act = Box::new(Act::LimitsSet {
        account,
        limits,
        verdict,
    });
    let proposed = place.desk.act("erin", Act::ChangePropose { act });
    for name in ["dan", "gus"] {
        place.desk.act(name, Act::ChangeApprove { proposed });
    }
}

#[test]
fn a_run_of_a_component_that_nobody_approved_is_found() {
    let place = Place::new();
    let stranger = counterfoil_guests::component("");
    let manifest = over_a_feed(&place.world.manifest(&stranger, &["AAA"]), "stranger");
    let lines = place.world.lines(&manifest);
    place.world.live(&manifest, &lines).unwrap();
    let found = format!("{} is not registered", manifest.component);
    let account = format!("a run of account {}", manifest.account.name);
    place.finds(&[("run.component", &found), ("run.unauthorized", &account)]);
}

#[test]
fn keys_that_are_open_foreign_or_over_are_found() {
    let place = Place::new();
    let people = PeopleKeys::open(
        &place.keys,
        &counterfoil_os::file_path::FilePath::folder(place.world.path()),
    )
    .unwrap();
    let public = people.make("kim").unwrap();
    let path = place.keys.path().join("people");
    let key = path.join(format!("kim.{}.key", hex::encode(public)));
    let undeclared = format!("key {} of kim", PublicKey(public));
    place.finds(&[("key.undeclared", &undeclared)]);
    mode(key.path(), 0o644);
    place.finds(&[("key.open", "mode 644")]);
    mode(key.path(), 0o600);
    fs::write(&key, "none").unwrap();
    let content = ("key.content".to_owned(), "no key, or another".to_owned());
    assert!(place.at(now()).contains(&content));
    fs::remove_file(&key).unwrap();
    place.finds(&[]);
    mode(path.path(), 0o770);
    place.finds(&[("key.folder-open", "mode 770")]);
    mode(path.path(), 0o700);
    place.finds(&[]);
    // The log's own key.
    let public = place.keys.path().join("log-signing.pub");
    fs::write(&public, "none").unwrap();
    place.finds(&[("log.key", "no key")]);
    fs::remove_file(&public).unwrap();
    place.finds(&[("log.key", "missing")]);
    // A signer that is made now is another key than the ledger's, and mends the public file.
    place.keys.signer().unwrap();
    let found = place.at(now());
    let rules: Vec<&str> = found.iter().map(|(rule, _)| rule.as_str()).collect();
    assert_eq!(rules, ["log.key"]);
    mode(place.keys.path().join("log-signing.key").path(), 0o640);
    assert!(
        place
            .at(now())
            .contains(&("log.open".to_owned(), "mode 640".to_owned()))
    );
    // Keys in the data directory go wherever a copy of the data goes.
    let state = place.ledger().state;
    let inside = KeyDir::new(place.world.path().join("keys"));
    fs::create_dir_all(inside.path().join("people")).unwrap();
    mode(inside.path().path(), 0o700);
    let found = look(&place.world.data, &inside, &state, now()).unwrap();
    assert!(found.iter().any(|finding| finding.rule == "key.in-data"));
}

#[test]
fn roles_and_classes_that_nobody_can_act_in_are_found() {
    let place = Place::new();
    let revoke = |name: &str| {
        let state = place.ledger().state;
        let owned =
            |key_record: &&counterfoil_governance::state::KeyRecord| key_record.owner == id(name);
        let key = state
            .keys()
            .iter()
            .find(|(_, key_record)| owned(key_record))
            .unwrap()
            .0;
        let (key, reason) = (*key, "lost".to_owned());
        place.desk.act(
            "ada",
            Act::KeyRevoke {
                id: id(name),
                key,
                reason,
            },
        );
    };
    // Erin's key is in the folder, and is valid.
    let people = place.keys.path().join("people");
    fs::create_dir_all(&people).unwrap();
    mode(people.path(), 0o700);
    let public = hex::encode(hand("erin").verifying_key());
    let file = people.join(format!("erin.{public}.key"));
    fs::write(&file, hex::encode([105; 32])).unwrap();
    mode(file.path(), 0o600);
    place.finds(&[]);
    revoke("erin");
    place.finds(&[
        ("role.keyless", "no key that counts"),
        ("key.ended", "its file is there"),
    ]);
    fs::remove_file(&file).unwrap();
    place.finds(&[("role.keyless", "no key that counts")]);
    // A revocation may leave a class short, and the operator must learn of it.
    revoke("gus");
    place.finds(&[
        ("role.keyless", "no key that counts"),
        ("class.short", "1 can"),
    ]);
}

#[test]
fn every_kind_of_drift_is_in_the_document() {
    let page = include_str!("../../docs/reference/GOVERNANCE.md");
    for (code, _) in KINDS {
        assert!(page.contains(&format!("\n- `{code}`: ")), "{code}");
    }
}
