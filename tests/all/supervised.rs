//! What ends a run under supervision from outside it: kill switches, and the ledger that changes while
//! it runs. What it receives goes into its journal, and its end into the ledger.

#![expect(clippy::too_many_lines, reason = "two of these are tables")]

use std::path::PathBuf;

use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, KillScope};
use counterfoil_governance::registry::RegisteredRun;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::Signer as _;
use counterfoil_runner::orders::kill::{KillSwitch, KillTarget, is_set, lift, set_switch};
use counterfoil_runner::orders::lease::Lease;
use counterfoil_server::client::ApiClient;
use counterfoil_server::supervisor::inlet::EndCommand;
use counterfoil_server::types::{FeedRequest, KillRequest, RunReply, RunsReply};
use counterfoil_tests::acts::id;
use counterfoil_tests::desk::{Desk, hand};
use counterfoil_tests::journals::{records, verified};
use counterfoil_tests::world::World;
use counterfoil_trading::gateway::OrderLogRecord;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::{CloseReason, RunRecord, RunStop, StopCause};

use crate::orders::{log, spent};
use crate::server::{Here, asked, bars, code, desk_for, push, small, start, until};

/// A second, in nanoseconds.
const SECOND: i64 = 1_000_000_000;

fn killed_because(reason: &str) -> KillRequest {
    KillRequest {
        reason: reason.to_owned(),
    }
}

/// Starts a run that waits for bars on a feed that sends nothing.
fn silent(client: &ApiClient, desk: &Desk, manifest: &Manifest) -> String {
    let request = asked(desk, manifest, FeedRequest::Push {});
    let run = start(client, &request).unwrap().run;
    until(client, &run, "running").run
}

/// What the ledger knows of a run.
pub(crate) fn in_ledger(desk: &Desk, run: &str) -> RegisteredRun {
    let ledger = desk.open();
    let run = Digest::from_hex(run).unwrap();
    ledger.state().registry().runs()[&run].clone()
}

/// How many kill switches are thrown in the ledger, each by the runner on a principal's request.
fn thrown(desk: &Desk) -> usize {
    let ledger = desk.open();
    let kills = ledger.state().kills().values();
    let thrown: Vec<_> = kills.filter(|kill| kill.lifted.is_none()).collect();
    for kill in &thrown {
        assert_eq!(kill.record_ref.by, id("robot"));
        assert!(kill.reason.starts_with("erin asked"), "{kill:?}");
    }
    thrown.len()
}

fn lift_in_ledger(desk: &Desk) {
    let kills = desk.open().state().kills().clone();
    for (killed, kill) in kills {
        if kill.lifted.is_none() {
            let reason = "it is over".to_owned();
            desk.act("dan", Act::KillLift { killed, reason });
        }
    }
}

/// The stop that ended a run: its journal verifies, and the ledger has the same end.
#[track_caller]
fn stop_of(world: &World, desk: &Desk, reply: &RunReply) -> RunStop {
    let execution = world.data.find(&reply.run).unwrap();
    let bytes = std::fs::read(execution.journal()).unwrap();
    let report = verified(&bytes);
    assert!(report.is_good(), "{:?}", report.findings);
    let mut all = records(execution.journal().path(), &execution.origin());
    let Some(RunRecord::Close(close)) = all.pop() else {
        panic!("the journal is open: {reply:?}");
    };
    assert_eq!(close.reason, CloseReason::Stopped);
    let mut stops = all.iter().filter_map(|record| {
        if let RunRecord::Stop(stop) = record {
            return Some(stop);
        }
        None
    });
    let stop = stops.next().unwrap_or_else(|| panic!("no stop: {reply:?}"));
    let digest = close.decision_digest.hex();
    assert_eq!(reply.decision_digest, Some(digest));
    let reason = format!("{}: {}", stop.stop.cause.name(), stop.stop.message);
    assert_eq!(reply.reason.as_deref(), Some(reason.as_str()));
    let (end, record_ref) = in_ledger(desk, &reply.run).ended.unwrap();
    assert_eq!((end.reason, record_ref.by), (reason, id("robot")));
    assert_eq!(end.decisions, close.decision_digest);
    assert_eq!(end.journal.size, u64::try_from(all.len()).unwrap() + 1);
    stop.stop.clone()
}

#[test]
fn a_kill_reaches_a_run_that_waits_for_a_silent_feed() {
    type Act = fn(&ApiClient, &World, &str);
    //     who kills, what it is recorded as
    let table: [(Act, StopCause, &str); 5] = [
        (
            |erin, _, run| {
                let path = format!("/v1/runs/{run}/kill");
                let reply: RunReply = erin.post(&path, &killed_because("enough")).unwrap();
                assert!(["stopping", "killed"].contains(&reply.state.as_str()));
            },
            StopCause::RunKilled,
            "by erin: enough",
        ),
        (
            |erin, _, run| {
                let path = "/v1/accounts/Test/kill";
                let reply: RunsReply = erin.post(path, &killed_because("audit")).unwrap();
                assert_eq!(reply.runs[0].run, run);
            },
            StopCause::AccountKilled,
            "by erin: audit",
        ),
        (
            |erin, _, _| {
                erin.post::<RunsReply>("/v1/kill", &()).unwrap();
            },
            StopCause::InstallationKilled,
            "by erin",
        ),
        // As another process does: by the file alone.
        (
            |_, world, run| {
                let target = KillTarget::Run(world.data.find(run).unwrap());
                set_switch(&world.data, &target, "from elsewhere").unwrap();
            },
            StopCause::RunKilled,
            "from elsewhere",
        ),
        (
            |_, world, _| set_switch(&world.data, &KillTarget::Installation, "fire").unwrap(),
            StopCause::InstallationKilled,
            "fire",
        ),
    ];
    for (act, cause, message) in table {
        let world = World::small(8);
        let manifest = small(&world, "silent");
        let desk = desk_for(&world, &manifest);
        let here = Here::new(&world.data);
        let erin = here.client("erin");
        let run = silent(&erin, &desk, &manifest);
        push(&erin, &bars(&world.lines(&manifest))[..5]);
        act(&erin, &world, &run);
        let done = until(&erin, &run, "killed");
        let stop = stop_of(&world, &desk, &done);
        assert_eq!((stop.cause, stop.message.as_str()), (cause, message));
        // It holds for the next process, and a killed run cannot be resumed.
        here.end(EndCommand::Suspend);
        let here = Here::new(&world.data);
        let erin = here.client("erin");
        assert_eq!(
            until(&erin, &run, "killed").decision_digest,
            done.decision_digest
        );
        let next = asked(&desk, &small(&world, "next"), FeedRequest::Push {});
        let target = match cause {
            StopCause::AccountKilled => KillTarget::Account(id("test")),
            StopCause::InstallationKilled => KillTarget::Installation,
            StopCause::RunKilled
            | StopCause::LimitsMissing
            | StopCause::LimitsUnreadable
            | StopCause::LimitsStale
            | StopCause::LimitsInconsistent
            | StopCause::LeaseLost
            | StopCause::NotPermitted
            | StopCause::ClockOff
            | StopCause::VenueDiffers
            | StopCause::VenueUnclear
            | StopCause::LeaseUnclear
            | StopCause::FeedEnded => continue,
        };
        let by_the_api = message.starts_with("by erin");
        assert_eq!(thrown(&desk), usize::from(by_the_api));
        if by_the_api {
            // The runner recorded who asked; another principal lifts it there as well.
            assert_eq!(code(start(&erin, &next)), "kill.on");
            lift_in_ledger(&desk);
        }
        assert_eq!(code(start(&erin, &next)), "run.stopped");
        assert!(lift(&world.data, &target).unwrap());
        start(&erin, &next).unwrap();
    }
}

#[test]
fn a_kill_of_one_account_leaves_another_alone() {
    let world = World::small(8);
    let first = small(&world, "one");
    let mut other = small(&world, "other");
    "second".clone_into(&mut other.account.name);
    let desk = desk_for(&world, &first);
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let (first, other) = (silent(&erin, &desk, &first), silent(&erin, &desk, &other));
    let hit: RunsReply = erin.post("/v1/accounts/second/kill", &()).unwrap();
    let hit: Vec<_> = hit.runs.iter().map(|run| &run.run).collect();
    assert_eq!(hit, [&other]);
    until(&erin, &other, "killed");
    assert_eq!(until(&erin, &first, "running").run, first);
    assert_eq!(
        code(erin.post::<RunsReply>("/v1/accounts/%20/kill", &())),
        "body.malformed"
    );
    let bob = here.client("bob");
    assert_eq!(code(bob.post::<RunsReply>("/v1/kill", &())), "role.missing");
}

#[test]
fn a_run_stops_when_what_it_was_authorized_on_changes() {
    type Change = fn(&Desk, u64, &Manifest);
    //     what, how, the reason's beginning
    let table: [(&str, Change, &str); 6] = [
        (
            "the authorization is withdrawn",
            |desk, authorized, _| {
                let reason = "second thoughts".to_owned();
                desk.act("dan", Act::StartWithdraw { authorized, reason });
            },
            "not-permitted: start.withdrawn: dan",
        ),
        (
            "the component is archived",
            |desk, _, manifest| {
                let component = manifest.setup().unwrap().component;
                let reason = "a fault was found".to_owned();
                desk.act("dan", Act::ComponentArchive { component, reason });
            },
            "not-permitted: stage.order: component",
        ),
        (
            "the key that authorized it is revoked",
            |desk, _, _| {
                let key = PublicKey(hand("erin").verifying_key());
                let reason = "stolen".to_owned();
                desk.act(
                    "ada",
                    Act::KeyRevoke {
                        id: id("erin"),
                        key,
                        reason,
                    },
                );
            },
            "not-permitted: key.revoked: key",
        ),
        (
            "the account's limits are set again",
            |desk, _, _| desk.set_limits(&id("test"), Digest::of(b"other limits")),
            "not-permitted: limits.changed: the limits of account test",
        ),
        (
            "another policy is in force",
            |desk, _, _| {
                let bundle = Digest::of(b"another policy");
                let act = Box::new(Act::PolicySet { bundle });
                let proposed = desk.act("ada", Act::ChangePropose { act });
                for name in ["dan", "gus"] {
                    desk.act(name, Act::ChangeApprove { proposed });
                }
            },
            "not-permitted: policy.changed: policy was",
        ),
        (
            "an operator sets the switch in the ledger",
            |desk, _, _| {
                let reason = "too loud".to_owned();
                let scope = KillScope::Account(id("test"));
                desk.act("gus", Act::Kill { scope, reason });
            },
            "account-killed: gus threw the kill switch",
        ),
    ];
    for (what, change, expected) in table {
        let world = World::small(8);
        let manifest = small(&world, "changed");
        let desk = desk_for(&world, &manifest);
        let here = Here::new(&world.data);
        let (erin, bob) = (here.client("erin"), here.client("bob"));
        let request = asked(&desk, &manifest, FeedRequest::Push {});
        let run = start(&erin, &request).unwrap().run;
        push(&erin, &bars(&world.lines(&manifest))[..5]);
        change(&desk, request.authorization, &manifest);
        let is_kill = expected.starts_with("account-killed");
        let done = until(&bob, &run, if is_kill { "killed" } else { "stopped" });
        stop_of(&world, &desk, &done);
        let reason = done.reason.unwrap();
        assert!(reason.starts_with(expected), "{what}: {reason}");
    }
}

#[test]
fn a_run_goes_on_when_the_ledger_changes_and_nothing_that_it_rests_on() {
    let world = World::small(8);
    let manifest = small(&world, "unchanged");
    let desk = desk_for(&world, &manifest);
    let here = Here::new(&world.data);
    let (erin, bob) = (here.client("erin"), here.client("bob"));
    let run = silent(&erin, &desk, &manifest);
    let all = bars(&world.lines(&manifest));
    push(&erin, &all[..5]);
    // A key that was rotated signed while it counted.
    let key = PublicKey(hand("nobody").verifying_key());
    desk.act("erin", Act::KeyRotate { key, until: None });
    let erin = here.client_with("erin", &hand("nobody"));
    push(&erin, &all[5..]);
    erin.post::<RunReply>(&format!("/v1/runs/{run}/stop"), &())
        .unwrap();
    let done = until(&bob, &run, "stopped");
    assert_eq!(done.bars, 16);
    let end = in_ledger(&desk, &run).ended.unwrap().0;
    assert_eq!(end.reason, "end-of-data");
}

#[test]
fn a_run_stops_without_a_ledger_that_holds_and_the_next_process_records_its_end() {
    type Spoil = fn(Vec<u8>) -> Option<Vec<u8>>;
    let table: [(&str, Spoil); 2] = [
        ("it is gone", |_| None),
        ("it does not hold", |mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            Some(bytes)
        }),
    ];
    for (what, spoil) in table {
        let world = World::small(8);
        let manifest = small(&world, "spoilt");
        let desk = desk_for(&world, &manifest);
        let here = Here::new(&world.data);
        let erin = here.client("erin");
        let run = silent(&erin, &desk, &manifest);
        push(&erin, &bars(&world.lines(&manifest))[..5]);
        let good = std::fs::read(&desk.path).unwrap();
        std::fs::rename(&desk.path, away(&desk)).unwrap();
        if let Some(bytes) = spoil(good) {
            std::fs::write(&desk.path, bytes).unwrap();
        }
        // Without a ledger no principal can ask; the journal records it all the same.
        let standing = here.end_when_ended();
        let reason = standing[0].reason.clone().unwrap();
        let expected = "not-permitted: ledger.unusable: ";
        assert!(reason.starts_with(expected), "{what}: {reason}");
        assert!(
            reason.contains("the end is not recorded in the ledger"),
            "{what}: {reason}"
        );
        std::fs::rename(away(&desk), &desk.path).unwrap();
        assert!(in_ledger(&desk, &run).ended.is_none(), "{what}");
        let here = Here::new(&world.data);
        let done = until(&here.client("bob"), &run, "stopped");
        let end = in_ledger(&desk, &run).ended.unwrap().0;
        assert!(end.reason.starts_with(expected), "{what}: {}", end.reason);
        let digest = standing[0].decision_digest;
        assert_eq!(Some(end.decisions), digest, "{what}");
        assert_eq!(
            done.decision_digest,
            digest.map(|digest| digest.hex()),
            "{what}"
        );
    }
}

fn away(desk: &Desk) -> PathBuf {
    desk.path.with_extension("away")
}

#[test]
fn a_run_stops_when_its_window_ends() {
    let world = World::small(8);
    let manifest = small(&world, "window");
    let desk = desk_for(&world, &manifest);
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let request = counterfoil_server::types::StartRequest {
        authorization: desk.authorize_for(&manifest, 3 * SECOND),
        manifest: serde_json::to_value(&manifest).unwrap(),
        feed: FeedRequest::Push {},
    };
    let run = start(&erin, &request).unwrap().run;
    let done = until(&erin, &run, "stopped");
    let stop = stop_of(&world, &desk, &done);
    assert_eq!(stop.cause, StopCause::NotPermitted);
    assert!(
        stop.message.starts_with("start.window: "),
        "{}",
        stop.message
    );
}

#[test]
fn an_account_that_another_process_trades_is_refused_by_its_own_code() {
    let world = World::small(8);
    let manifest = small(&world, "held");
    let desk = desk_for(&world, &manifest);
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let request = asked(&desk, &manifest, FeedRequest::Push {});
    let theirs = Lease::acquire(&world.data, &id("test")).unwrap();
    assert_eq!(code(start(&erin, &request)), "lease.held");
    // A refused start leaves nothing behind, neither here nor in the ledger.
    assert!(erin.get::<RunsReply>("/v1/runs").unwrap().runs.is_empty());
    let token_before = theirs.fencing_token();
    drop(theirs);
    let run = start(&erin, &request).unwrap().run;
    push(&erin, &bars(&world.lines(&manifest)));
    erin.post::<RunReply>(&format!("/v1/runs/{run}/stop"), &())
        .unwrap();
    until(&erin, &run, "stopped");
    // Its tokens carry a later fencing token and the policy that the start was authorized on.
    let execution = world.data.find(&run).unwrap();
    let tokens = spent(&execution);
    assert!(!tokens.is_empty());
    for (token, _) in tokens {
        assert!(token.fencing_token > token_before);
        assert_eq!(token.policy, Digest::of(b"policy"));
    }
    let leases = log(&execution)
        .into_iter()
        .filter(|record| matches!(record, OrderLogRecord::Process { .. }));
    assert_eq!(leases.count(), 1);
}

/// A run that waited for what a pipe gives could not be stopped any more, and a link that leads nowhere is no permission.
#[test]
fn whatever_is_in_a_switchs_place_stops() {
    type Put = fn(&std::path::Path);
    let table: [(&str, Put); 3] = [
        ("a pipe", |path| {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.unwrap().success());
        }),
        ("a link that leads nowhere", |path| {
            std::os::unix::fs::symlink("nowhere", path).unwrap();
        }),
        ("a folder", |path| std::fs::create_dir(path).unwrap()),
    ];
    for (what, put) in table {
        let world = World::small(8);
        let target = KillTarget::Installation;
        let switch = KillSwitch::new(&world.data, &id("test"), None);
        assert!(switch.active_stop().is_none() && !is_set(&world.data, &target));
        set_switch(&world.data, &target, "a drill").unwrap();
        let folder = world.data.root().join("kill");
        let path = std::fs::read_dir(folder).unwrap().next().unwrap();
        let path = path.unwrap().path();
        std::fs::remove_file(&path).unwrap();
        put(&path);
        let stop = switch.active_stop();
        let stop = stop.unwrap_or_else(|| panic!("{what} does not stop"));
        assert_eq!(stop.cause, StopCause::InstallationKilled, "{what}");
        assert!(stop.message.contains("cannot be read"), "{what}: {stop:?}");
        assert!(is_set(&world.data, &target), "{what}");
    }
}
