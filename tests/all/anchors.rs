//! What the ledger anchors of a run, and who reads it: an exchanged journal is named by everything that gives a verdict.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::fs;
use std::path::Path;

use counterfoil_approval::anchors::compare_execution;
use counterfoil_approval::permit::Records as _;
use counterfoil_governance::act::NOT_STARTED;
use counterfoil_journal::hash::leaf_hash;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_runner::orders::gateway::order_log;
use counterfoil_runner::run::journal::JournalReader;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_server::client::ApiClient;
use counterfoil_server::supervisor::inlet::EndCommand;
use counterfoil_server::types::{FeedRequest, RunReply};
use counterfoil_tests::acts::id;
use counterfoil_tests::desk::{Desk, hand};
use counterfoil_tests::journals::verified;
use counterfoil_tests::world::{World, signer};
use counterfoil_trading::record::RunRecord;
use counterfoil_trading::time::UnixNanos;
use counterfoil_verify::{TimesVerdict, VerifyOptions, verify_journal};

use crate::server::{
    Here, asked, bars, desk_for, push, serve_apart, service_ledger, small, start, until,
};
use crate::supervised::in_ledger;
use crate::tamper::forge;

/// A run that was started, anchored once in the middle, and stopped.
fn anchored_run() -> (World, Desk, Execution) {
    let world = World::small(20);
    let manifest = small(&world, "anchored");
    let desk = desk_for(&world, &manifest);
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let run = start(&erin, &asked(&desk, &manifest, FeedRequest::Push {}));
    let run = run.unwrap().run;
    until(&erin, &run, "running");
    let all = bars(&world.lines(&manifest));
    push(&erin, &all[..14]);
    here.supervisor.anchor_runs();
    push(&erin, &all[14..]);
    erin.post::<RunReply>(&format!("/v1/runs/{run}/stop"), &())
        .unwrap();
    until(&erin, &run, "stopped");
    let execution = world.data.find(&run).unwrap();
    here.end(EndCommand::Suspend);
    (world, desk, execution)
}

/// What contradicts the ledger.
fn contradictions(desk: &Desk, execution: &Execution) -> Vec<String> {
    let report = compare_execution(desk.open().state(), execution).unwrap();
    assert!(report.with_orders);
    report.why
}

#[test]
fn a_start_names_entry_0_and_open_runs_and_ends_are_anchored() {
    let (_world, desk, execution) = anchored_run();
    let run = in_ledger(&desk, &execution.run.hex());
    let mut journal = JournalReader::open(&execution.journal()).unwrap();
    let first = journal.next_entry().unwrap().unwrap().to_vec();
    assert_eq!(run.start.entry_0, leaf_hash(&first));
    // The first one soon after its first decision, and the one that was asked for.
    let (anchor, record_ref) = run.anchors.last().unwrap();
    assert!(run.anchors.len() <= 2, "{:?}", run.anchors);
    assert_eq!(record_ref.by, id("robot"));
    let (end, _) = run.ended.as_ref().unwrap();
    assert!(anchor.journal.size > 1 && anchor.journal.size < end.journal.size);
    assert!(anchor.orders.size > 1 && anchor.orders.size <= end.orders.size);
    let report = compare_execution(desk.open().state(), &execution).unwrap();
    assert!(report.is_good(), "{:?}", report.why);
    assert_eq!(report.last, Some((record_ref.index, anchor.journal.size)));
}

/// Each hour a denial more, for every run that is open, would fill the ledger.
#[test]
fn logs_that_do_not_go_on_from_their_anchors_are_told_once_and_keep_no_other_run_from_its_anchor() {
    let world = World::small(20);
    let manifest = small(&world, "anchored");
    let desk = desk_for(&world, &manifest);
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let run = start(&erin, &asked(&desk, &manifest, FeedRequest::Push {}));
    let run = run.unwrap().run;
    until(&erin, &run, "running");
    push(&erin, &bars(&world.lines(&manifest))[..6]);
    here.supervisor.anchor_runs();
    here.end(EndCommand::Suspend);
    let known = in_ledger(&desk, &run);
    let (last, _) = known.anchors.last().unwrap();
    let (open, denials) = (known.anchors.len(), desk.open().state().denials());
    let mut longer = last.clone();
    longer.journal.size += 1;
    let mut shorter = last.clone();
    shorter.journal.size -= 1;
    let ledger = service_ledger(&world.data);
    for (anchor, is_ok, anchors, told) in [
        (&shorter, false, 0, 1),
        (&shorter, true, 0, 1),
        (&longer, true, 1, 1),
        (&last.clone(), true, 1, 1),
    ] {
        assert_eq!(ledger.anchor(vec![anchor.clone()]).is_ok(), is_ok);
        assert_eq!(in_ledger(&desk, &run).anchors.len(), open + anchors);
        assert_eq!(desk.open().state().denials(), denials + told);
    }
}

/// Changes a file, sees what the comparison says, and puts it back.
#[track_caller]
fn changed(desk: &Desk, execution: &Execution, path: &Path, change: impl FnOnce(), says: &str) {
    let good = fs::read(path).unwrap();
    change();
    let found = contradictions(desk, execution);
    assert!(
        found.iter().any(|why| why.contains(says)),
        "{says}: {found:?}"
    );
    fs::write(path, good).unwrap();
    assert_eq!(contradictions(desk, execution), [""; 0]);
}

#[test]
fn a_log_that_was_cut_exchanged_or_taken_away_contradicts_the_ledger() {
    let (_world, desk, execution) = anchored_run();
    let (journal, orders) = (execution.journal(), order_log::path(&execution));
    let bytes = |path: &Path| fs::read(path).unwrap();
    let (whole, of_orders) = (bytes(journal.path()), bytes(orders.path()));
    let half = |all: &[u8]| all[..all.len() / 2].to_vec();
    changed(
        &desk,
        &execution,
        journal.path(),
        || fs::write(&journal, half(&whole)).unwrap(),
        "records, and had",
    );
    changed(
        &desk,
        &execution,
        journal.path(),
        || fs::remove_file(&journal).unwrap(),
        "the journal is empty",
    );
    changed(
        &desk,
        &execution,
        orders.path(),
        || fs::remove_file(&orders).unwrap(),
        "the order log is missing",
    );
    changed(
        &desk,
        &execution,
        orders.path(),
        || fs::write(&orders, half(&of_orders)).unwrap(),
        "the order log has",
    );
    // Sealed again with the log's own key, every decision an hour later: the chain, the signatures and the decisions
    // hold, and only the ledger knows better.
    let hour_later = || {
        forge(&execution, 1, |_, body| {
            let Ok(RunRecord::Decision(mut decision)) = RunRecord::decode(&body) else {
                return body;
            };
            let later = |time: UnixNanos| UnixNanos(time.0 + 3_600 * 1_000_000_000);
            let times = decision.circumstances.times.unwrap();
            decision.circumstances.times = Some((later(times.0), later(times.1)));
            let (mut digested, mut out) = (Vec::new(), Vec::new());
            decision.encode_digested(&mut digested);
            decision.encode(&digested, &mut out);
            out
        });
        let report = verified(&bytes(journal.path()));
        assert!(report.is_good(), "{:?}", report.findings);
        let ledger = desk.open();
        let options = VerifyOptions {
            ledger: Some(ledger.state()),
            ..VerifyOptions::default()
        };
        let key = PublicKey(signer().verifying_key());
        let file = fs::File::open(&journal).unwrap();
        let TimesVerdict::Wrong { why, .. } = verify_journal(file, &key, options).unwrap().times
        else {
            panic!("an hour after the ledger's end");
        };
        assert!(why[0].contains("of the ledger held it at"), "{why:?}");
    };
    changed(
        &desk,
        &execution,
        journal.path(),
        hour_later,
        "have the root",
    );
}

#[test]
fn a_start_without_a_journal_is_ended_as_not_started_by_the_next_process() {
    let world = World::small(20);
    let manifest = small(&world, "not started");
    let desk = desk_for(&world, &manifest);
    let (mut child, base) = serve_apart(&world);
    let mut erin = ApiClient::new(&base);
    erin.sign_in(&id("erin"), &hand("erin")).unwrap();
    let request = asked(&desk, &manifest, FeedRequest::Push {});
    let run = start(&erin, &request).unwrap().run;
    let execution = loop {
        match world.data.find(&run) {
            Ok(execution) if execution.journal().path().exists() => break execution,
            _ => std::thread::yield_now(),
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    // As after a crash between the record of the start and the journal.
    fs::remove_file(execution.journal()).unwrap();
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let (end, _) = in_ledger(&desk, &run).ended.unwrap();
    assert_eq!((end.reason.as_str(), end.journal.size), (NOT_STARTED, 0));
    assert!(end.orders.size > 0);
    let again = erin.post::<RunReply>(&format!("/v1/runs/{run}/resume"), &());
    assert!(again.is_err(), "{again:?}");
    here.end(EndCommand::Suspend);
    assert_eq!(contradictions(&desk, &execution), [""; 0]);
}
