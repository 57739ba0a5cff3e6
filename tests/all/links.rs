//! A link in the data or key directory that leads out: every kind of file is refused, with the link's name, and nothing
//! outside is read or written.
//!
//! All but market data were reached by path once: who could write the data directory chose which file was read as a
//! journal, and which one outside was appended to, locked or replaced.

use core::error::Error;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use counterfoil_approval::gates::PolicyArchive;
use counterfoil_approval::ledger_client::open_to_write;
use counterfoil_approval::ledger_view::{self, LedgerView};
use counterfoil_base::digest::Digest;
use counterfoil_governance::id::Id;
use counterfoil_runner::orders::gateway::order_log;
use counterfoil_runner::orders::kill::{KillSwitch, KillTarget, set_switch};
use counterfoil_runner::orders::lease::Lease;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_runner::run::journal::JournalReader;
use counterfoil_runner::run::usage::run_usage;
use counterfoil_runner::store::data_dir::{DataDir, Execution};
use counterfoil_runner::store::keys::{KeyDir, PeopleKeys};
use counterfoil_runner::store::lock::RunLock;
use counterfoil_runner::store::run_log::{self, LogFilter};
use counterfoil_runner::study::evidence::EvidenceStore;
use counterfoil_server::supervisor::run_file::RunFile;
use counterfoil_tests::world::signer;

/// Digest of what the link leads to: files are named by it, so that only the link is wrong with them.
const CONTENT: &[u8] = b"{}";

struct Place {
    data: DataDir,
    keys: KeyDir,
    execution: Execution,
}

type Act = fn(&Place) -> Result<(), String>;

/// The error with its causes, in one line.
fn told<T, E: Error>(result: Result<T, E>) -> Result<(), String> {
    let Err(error) = result else { return Ok(()) };
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Err(text)
}

fn digest() -> Digest {
    Digest::of(CONTENT)
}

fn account() -> Id {
    Id::parse("desk").unwrap()
}

/// What is in a folder, with the bytes of its files.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            all.extend(contents(&path));
            all.push((name, Vec::new()));
        } else {
            all.push((name, fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

/// Files of runs: a link's place in the data, and what is done there.
fn of_runs() -> Vec<(String, Act)> {
    let run = digest().hex();
    let in_run = |name: &str| format!("runs/{run}/1/{name}");
    vec![
        (in_run("journal"), |at| {
            told(JournalReader::open(&at.execution.journal()))
        }),
        (in_run("lock"), |at| told(RunLock::acquire(&at.execution))),
        (in_run("orders"), |at| {
            told(order_log::orders_head(
                &at.execution,
                &signer().verifying_key(),
            ))
        }),
        (in_run("log"), |at| {
            told(run_log::read(&at.execution, &LogFilter::default()))
        }),
        (in_run("manifest.json"), |at| {
            told(at.data.manifest_text(&at.execution))
        }),
        (format!("runs/{run}"), |at| told(at.data.executions())),
        (format!("runs/{run}/1"), |at| {
            told(run_usage(core::slice::from_ref(&at.execution)))
        }),
        (format!("runs/{run}"), |at| {
            told(at.data.new_execution(&digest(), "{}", false))
        }),
        (format!("components/{run}.wasm"), |at| {
            told(at.data.component(&digest()))
        }),
    ]
}

/// Files of everything else.
fn of_the_rest() -> Vec<(String, Act)> {
    let run = digest().hex();
    vec![
        ("ledger/desk.ledger".to_owned(), |at| {
            told(LedgerView::open(&at.data, &at.keys))
        }),
        ("ledger/desk.ledger".to_owned(), |at| {
            let path = ledger_view::path_of(&at.data, &account());
            told(open_to_write(&path, &account(), &signer, None, None))
        }),
        ("ledger".to_owned(), |at| told(ledger_view::find(&at.data))),
        ("policy".to_owned(), |at| {
            told(PolicyArchive::new(&at.data).put(CONTENT))
        }),
        (format!("policy/{run}"), |at| {
            told(PolicyArchive::new(&at.data).get(&digest()))
        }),
        (format!("evidence/{run}"), |at| {
            told(EvidenceStore::new(&at.data, &digest()).put(CONTENT))
        }),
        (format!("evidence/{run}/{run}.json"), |at| {
            told(EvidenceStore::new(&at.data, &digest()).get(&digest()))
        }),
        ("kill".to_owned(), |at| {
            told(set_switch(&at.data, &KillTarget::Installation, "stop"))
        }),
        ("kill/installation".to_owned(), |at| {
            let stop = KillSwitch::new(&at.data, &account(), None).active_stop();
            stop.map_or(Ok(()), |stop| Err(stop.message))
        }),
        ("leases".to_owned(), |at| {
            told(Lease::acquire(&at.data, &account()))
        }),
        ("leases/desk.lock".to_owned(), |at| {
            told(Lease::acquire(&at.data, &account()))
        }),
        ("leases/desk.lease".to_owned(), |at| {
            told(Lease::acquire(&at.data, &account()))
        }),
        ("supervised".to_owned(), |at| told(RunFile::all(&at.data))),
        (format!("supervised/{run}.json"), |at| {
            told(RunFile::all(&at.data))
        }),
        ("settings".to_owned(), |at| {
            told(DataDir::open(at.data.root().path()))
        }),
    ]
}

#[test]
fn no_link_in_the_data_leads_out_of_it() {
    let run = digest().hex();
    for (link, act) in of_runs().into_iter().chain(of_the_rest()) {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let outside = folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        let is_file = link.contains('.') || link.ends_with("/journal") || {
            let name = link.rsplit('/').next().unwrap();
            ["lock", "orders", "log", "installation"].contains(&name)
                || link == format!("policy/{run}")
        };
        let target = outside.join("target");
        if is_file {
            fs::write(&target, CONTENT).unwrap();
        } else {
            fs::create_dir(&target).unwrap();
            fs::create_dir(target.join("1")).unwrap();
        }
        let at = place.data.root().path().join(&link);
        // What the test made itself gives way to the link.
        let _is_free = fs::remove_file(&at).or_else(|_| fs::remove_dir_all(&at));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(&target, &at).unwrap();
        let before = contents(&outside);
        let refused = act(&place).expect_err(&link);
        let named = format!("{} is a link that leads out of", at.display());
        assert!(refused.contains(&named), "{link}: {refused}");
        assert_eq!(contents(&outside), before, "{link}");
    }
}

fn place(folder: &Path) -> Place {
    let data = DataDir::open(&folder.join("data")).unwrap();
    let keys = KeyDir::new(folder.join("keys"));
    keys.signer().unwrap();
    let execution = data.new_execution(&digest(), "{}", false).unwrap();
    fs::write(execution.journal(), b"").unwrap();
    Place {
        data,
        keys,
        execution,
    }
}

#[test]
fn no_link_among_the_keys_leads_out_of_them() {
    let cases: [(&str, Act); 5] = [
        ("log-signing.key", |at| told(at.keys.clone().signer())),
        ("log-salt.key", |at| told(at.keys.clone().signer())),
        ("log-signing.pub", |at| told(at.keys.public_key())),
        ("people", |at| {
            told(PeopleKeys::open(&at.keys, at.data.root()))
        }),
        ("people/bob.key", |at| {
            let people = PeopleKeys::open(&at.keys, at.data.root()).unwrap();
            let public = people.make("bob").unwrap();
            let path = people.path("bob", &public).unwrap();
            let moved = at.data.root().path().with_file_name("moved.key");
            fs::rename(&path, &moved).unwrap();
            symlink(&moved, &path).unwrap();
            told(people.signer("bob", &public).map(drop))
        }),
    ];
    for (link, act) in cases {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let outside = folder.path().join("outside");
        let at = folder.path().join("keys").join(link);
        if at.exists() {
            fs::rename(&at, &outside).unwrap();
        } else {
            fs::create_dir(&outside).unwrap();
        }
        if !link.contains('/') {
            symlink(&outside, &at).unwrap();
        }
        let refused = act(&place).expect_err(link);
        assert!(
            refused.contains("is a link that leads out of"),
            "{link}: {refused}"
        );
    }
}

/// The directory itself may be a link, and links within it are followed.
#[test]
fn a_link_to_the_data_and_one_that_stays_in_it_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("disk")).unwrap();
    symlink("disk", folder.path().join("data")).unwrap();
    let place = place(folder.path());
    fs::rename(
        folder.path().join("disk/runs"),
        folder.path().join("disk/more"),
    )
    .unwrap();
    symlink("more", folder.path().join("disk/runs")).unwrap();
    assert_eq!(place.data.executions().unwrap().len(), 1);
    assert!(snapshot_store(&place.data).is_ok());
}
