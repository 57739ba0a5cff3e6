//! The runner's process from outside: real servers, real HTTP, real kills.

#![expect(
    clippy::too_many_lines,
    reason = "each test is one table, or one journey, of a server that takes time to start"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use counterfoil_approval::ledger_client::LedgerActor;
use counterfoil_approval::ledger_seen::LedgerSeen;
use counterfoil_approval::permit::Records;
use counterfoil_governance::act::Act;
use counterfoil_guests::component;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
use counterfoil_runner::orders::venues::Venues;
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_server::client::{ApiClient, ClientError, ServerSentEvent};
use counterfoil_server::login::login_message;
use counterfoil_server::problem::Problem;
use counterfoil_server::serve::{ListenReach, ListeningSocket, Server, check_address};
use counterfoil_server::service_ledger::ServiceLedger;
use counterfoil_server::supervisor::inlet::EndCommand;
use counterfoil_server::supervisor::status::RunStatus;
use counterfoil_server::supervisor::{Supervisor, SupervisorConfig};
use counterfoil_server::types::{
    BarsReply, BarsRequest, FeedRequest, LoginChallenge, LoginReply, LoginRequest, PositionsReply,
    RunReply, RunsReply, StartRequest,
};
use counterfoil_tests::acts::id;
use counterfoil_tests::desk::{Desk, hand};
use counterfoil_tests::world::{World, code_cache, over_a_feed, signer};
use counterfoil_trading::gateway::OrderLogRecord;
use counterfoil_trading::manifest::Manifest;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::orders::log;
use crate::supervised::in_ledger;

/// Names the data directory to a child, which serves it.
const FOLDER: &str = "COUNTERFOIL_TESTS_SERVER_FOLDER";
/// Runs of one account at once, in these tests.
const PER_ACCOUNT: usize = 2;

fn supervisor(data: &DataDir, records: Arc<dyn Records>, venues: Arc<Venues>) -> Supervisor {
    Supervisor::new(SupervisorConfig {
        data: data.clone(),
        engine: EngineSettings {
            cache: Some(code_cache(data)),
            ..EngineSettings::default()
        },
        signers: Arc::new(signer),
        runs_per_account: PER_ACCOUNT,
        records,
        venues,
    })
}

/// The ledger as the service `robot` writes it.
pub(crate) fn service_ledger(data: &DataDir) -> ServiceLedger {
    let service = LedgerActor {
        id: id("robot"),
        signing_key: Box::new(hand("robot")),
    };
    let path = data.root().join("ledger/test.ledger");
    let ledger = ServiceLedger::new(path, id("test"), Arc::new(signer), service);
    let seen = LedgerSeen::new(data.root().join("seen.json"));
    ledger.with_seen(vec![seen])
}

fn server(data: &DataDir, venues: Arc<Venues>) -> (Server, Supervisor) {
    let ledger = Arc::new(service_ledger(data));
    let address = "127.0.0.1:0".parse().unwrap();
    let supervisor = supervisor(data, Arc::clone(&ledger) as Arc<dyn Records>, venues);
    let own = supervisor.clone();
    let listening = ListeningSocket::open(address, ListenReach::Loopback).unwrap();
    let server = Server::new(listening, supervisor, ledger).unwrap();
    (server, own)
}

/// A server in this process.
pub(crate) struct Here {
    pub(crate) base: String,
    pub(crate) supervisor: Supervisor,
    end: Option<oneshot::Sender<EndCommand>>,
    thread: Option<JoinHandle<Vec<RunStatus>>>,
}

impl Here {
    pub(crate) fn new(data: &DataDir) -> Self {
        Self::reaching(data, Arc::default())
    }

    /// One that reaches venues.
    pub(crate) fn reaching(data: &DataDir, venues: Arc<Venues>) -> Self {
        let (server, supervisor) = server(data, venues);
        server.take_over().unwrap();
        let base = format!("http://{}", server.address());
        let (end, ended) = oneshot::channel();
        let until = async { ended.await.unwrap_or(EndCommand::Kill) };
        let thread =
            std::thread::spawn(move || server.run(until, core::future::pending()).unwrap());
        Self {
            base,
            supervisor,
            end: Some(end),
            thread: Some(thread),
        }
    }

    /// Where it listens, without the scheme.
    pub(crate) fn host(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }

    pub(crate) fn client(&self, who: &str) -> ApiClient {
        self.client_with(who, &hand(who))
    }

    /// Signed in with a key of one's own choice.
    pub(crate) fn client_with(&self, who: &str, signer: &Ed25519Signer) -> ApiClient {
        let mut client = ApiClient::new(&self.base);
        client.sign_in(&id(who), signer).unwrap();
        client
    }

    /// Ends the server once none of its runs is under way.
    pub(crate) fn end_when_ended(self) -> Vec<RunStatus> {
        while self
            .supervisor
            .list()
            .iter()
            .any(|status| status.state.is_active())
        {
            std::thread::yield_now();
        }
        self.end(EndCommand::Suspend)
    }

    pub(crate) fn end(mut self, order: EndCommand) -> Vec<RunStatus> {
        self.end.take().unwrap().send(order).unwrap();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _gone = end.send(EndCommand::Kill);
        }
        if let Some(thread) = self.thread.take() {
            let _failed = thread.join();
        }
    }
}

pub(crate) fn small(world: &World, nonce: &str) -> Manifest {
    over_a_feed(&world.cross(&["AAA", "BBB"], 2, 3, 10), nonce)
}

pub(crate) fn desk_for(world: &World, manifest: &Manifest) -> Desk {
    Desk::with(world, &manifest.setup().unwrap().component)
}

pub(crate) fn bars(lines: &str) -> Vec<Value> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn asked(desk: &Desk, manifest: &Manifest, feed: FeedRequest) -> StartRequest {
    StartRequest {
        authorization: desk.authorize(manifest),
        manifest: serde_json::to_value(manifest).unwrap(),
        feed,
    }
}

pub(crate) fn start(client: &ApiClient, request: &StartRequest) -> Result<RunReply, ClientError> {
    client.post("/v1/runs", request)
}

pub(crate) fn push(client: &ApiClient, bars: &[Value]) -> BarsReply {
    let bars = bars.to_vec();
    client
        .post("/v1/feeds/test/bars", &BarsRequest { bars })
        .unwrap()
}

#[track_caller]
pub(crate) fn code<T: core::fmt::Debug>(done: Result<T, ClientError>) -> String {
    match done {
        Err(ClientError::Refused(problem)) => problem.code,
        other => panic!("not refused: {other:?}"),
    }
}

/// Waits, event by event, until the run is in this state.
pub(crate) fn until(client: &ApiClient, run: &str, state: &str) -> RunReply {
    let get = || -> RunReply { client.get(&format!("/v1/runs/{run}")).unwrap() };
    loop {
        let reply = get();
        if reply.state == state {
            return reply;
        }
        std::thread::yield_now();
    }
}

/// What the manifest's run decides without a server.
pub(crate) fn uninterrupted(manifest: &Manifest, lines: &str, days: u32) -> String {
    let world = World::small(days);
    let _put = world.cross(&["AAA"], 2, 3, 10);
    let close = world.live(manifest, lines).unwrap().close;
    close.decision_digest.hex()
}

#[test]
fn a_run_is_started_fed_watched_and_stopped_and_decides_as_alone() {
    let world = World::small(20);
    let manifest = small(&world, "one");
    let desk = desk_for(&world, &manifest);
    let here = Here::new(&world.data);
    let (erin, bob) = (here.client("erin"), here.client("bob"));
    let request = asked(&desk, &manifest, FeedRequest::Push {});
    let run = start(&erin, &request).unwrap().run;
    assert_eq!(code(start(&erin, &request)), "run.exists");

    let lines = world.lines(&manifest);
    let all = bars(&lines);
    let reply = push(&erin, &all);
    assert!(reply.treatments.iter().all(|bar| bar.treatment == "taken"));
    assert_eq!(reply.treatments.len(), all.len());
    // Sent again they are late, and a bar without a run is reported.
    let again = push(
        &erin,
        &[all[0].clone(), json!({"symbol": "ZZZ"}), json!({"bad": 1})],
    );
    let treatments: Vec<_> = again
        .treatments
        .iter()
        .map(|bar| bar.treatment.as_str())
        .collect();
    assert_eq!(treatments, ["refused", "no-run", "refused"]);

    let mut seen: Vec<ServerSentEvent> = Vec::new();
    bob.watch(Some(&run), Some("0-0"), &mut |message| {
        seen.push(message);
        seen.len() < 6
    })
    .unwrap();
    assert_eq!(
        (seen[0].kind.as_str(), seen[0].data.as_str()),
        ("lost", r#"{"lost":null}"#)
    );
    let mut again: Vec<ServerSentEvent> = Vec::new();
    bob.watch(Some(&run), Some(&seen[2].id), &mut |message| {
        again.push(message);
        again.len() < 3
    })
    .unwrap();
    assert_eq!(
        again,
        seen[3..],
        "a stream continues after the id it is given"
    );

    let held: PositionsReply = bob.get(&format!("/v1/runs/{run}/positions")).unwrap();
    assert_eq!(held.positions.len(), 2);
    // It waits for a bar: the stop reaches it all the same.
    erin.post::<RunReply>(&format!("/v1/runs/{run}/stop"), &())
        .unwrap();
    let done = until(&bob, &run, "stopped");
    assert_eq!(
        done.decision_digest,
        Some(uninterrupted(&manifest, &lines, 20))
    );
    assert_eq!(done.inputs_refused, 2);
    assert_eq!(
        code(erin.post::<RunReply>(&format!("/v1/runs/{run}/stop"), &())),
        "run.state"
    );
    assert_eq!(
        code(erin.post::<RunReply>(&format!("/v1/runs/{run}/kill"), &())),
        "run.state"
    );
    let metrics = text(&here.base, "/metrics");
    assert!(
        metrics.contains("counterfoil_runs{state=\"stopped\"} 1"),
        "{metrics}"
    );
    assert!(
        !metrics.contains("erin") && !metrics.contains(&run),
        "{metrics}"
    );
}

fn text(base: &str, path: &str) -> String {
    let mut response = ureq::get(format!("{base}{path}")).call().unwrap();
    response.body_mut().read_to_string().unwrap()
}

#[test]
fn a_replay_decides_as_its_lines_do() {
    let world = World::small(12);
    let manifest = small(&world, "replayed");
    let desk = desk_for(&world, &manifest);
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let feed = FeedRequest::Replay {
        snapshot: world.snapshot.to_string(),
        speed: Some(u32::MAX),
    };
    let run = start(&erin, &asked(&desk, &manifest, feed)).unwrap().run;
    let done = until(&erin, &run, "stopped");
    let lines = world.lines(&manifest);
    assert_eq!(
        done.decision_digest,
        Some(uninterrupted(&manifest, &lines, 12))
    );
}

#[test]
fn nobody_starts_what_the_ledger_does_not_let_start() {
    let world = World::small(5);
    let manifest = small(&world, "gate");
    let desk = desk_for(&world, &manifest);
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let good = asked(&desk, &manifest, FeedRequest::Push {});
    let changed = |change: &dyn Fn(&mut Manifest)| {
        let mut other = manifest.clone();
        change(&mut other);
        serde_json::to_value(&other).unwrap()
    };
    //     what, request, code
    let table = [
        (
            "no authorization",
            StartRequest {
                authorization: 1,
                ..good.clone()
            },
            "start.unknown",
        ),
        (
            "other parameters",
            StartRequest {
                manifest: changed(&|manifest| {
                    manifest
                        .parameters
                        .insert("fast".to_owned(), "1".to_owned());
                }),
                ..good.clone()
            },
            "start.changed",
        ),
        (
            "other limits",
            StartRequest {
                manifest: changed(&|manifest| manifest.risk.orders_per_bar_max = 63),
                ..good.clone()
            },
            "start.changed",
        ),
        (
            "another account",
            StartRequest {
                manifest: changed(&|manifest| "other".clone_into(&mut manifest.account.name)),
                ..good.clone()
            },
            "start.changed",
        ),
        (
            "another component",
            StartRequest {
                manifest: changed(&|manifest| {
                    manifest.component = format!("sha256:{}", "00".repeat(32));
                }),
                ..good.clone()
            },
            "start.changed",
        ),
        (
            "no manifest",
            StartRequest {
                manifest: json!({}),
                ..good.clone()
            },
            "run.invalid",
        ),
        (
            "a feed from elsewhere",
            StartRequest {
                feed: FeedRequest::Tcp {
                    address: "10.0.0.1:1".to_owned(),
                },
                ..good.clone()
            },
            "feed.invalid",
        ),
    ];
    for (what, request, expected) in table {
        assert_eq!(code(start(&erin, &request)), expected, "{what}");
    }
    for who in ["ada", "bob", "carol", "dan", "gus", "robot"] {
        assert_eq!(
            code(start(&here.client(who), &good)),
            "role.missing",
            "{who}"
        );
    }
    let authorized = good.authorization;
    let reason = "changed our minds".to_owned();
    desk.act("erin", Act::StartWithdraw { authorized, reason });
    assert_eq!(code(start(&erin, &good)), "start.withdrawn");
    let list: RunsReply = erin.get("/v1/runs").unwrap();
    assert!(
        list.runs.is_empty(),
        "a refused start leaves nothing behind"
    );
    // Each refusal of the gate is a record: five of another start, six people, one withdrawn.
    let key = signer().verifying_key();
    let key = counterfoil_journal::key::VerifierKey::new("counterfoil/ledger/test", &key).unwrap();
    let held = counterfoil_governance::ledger::read(&desk.path, &key).unwrap();
    let bytes = std::fs::read(&desk.path).unwrap();
    let records = held.places.records(&bytes, 0).map(Result::unwrap);
    let acts = records.map(|(_, record)| record.signed);
    let refused: Vec<_> = acts
        .filter(|signed| matches!(signed.act, Act::Refused(_)))
        .collect();
    assert_eq!(refused.len(), 12);
    assert!(refused.iter().all(|signed| signed.actor == id("robot")));
    // Without a ledger no principal exists.
    std::fs::rename(&desk.path, desk.path.with_extension("away")).unwrap();
    assert_eq!(code(start(&erin, &good)), "ledger.unusable");
}

#[test]
fn an_account_has_so_many_runs_and_a_kill_leaves_the_others_alone() {
    let world = World::small(8);
    let first = small(&world, "first");
    // Spins until its fuel is used up.
    let spins = component(
        r#"(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32)
          (result i32) (loop $l (br $l)) (unreachable))"#,
    );
    let spinning = over_a_feed(&world.manifest(&spins, &["AAA", "BBB"]), "spins");
    let desk = desk_for(&world, &first);
    desk.promote(spinning.setup().unwrap().component);
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let run = start(&erin, &asked(&desk, &first, FeedRequest::Push {}))
        .unwrap()
        .run;
    let slow = start(&erin, &asked(&desk, &spinning, FeedRequest::Push {}))
        .unwrap()
        .run;
    let third = asked(&desk, &small(&world, "third"), FeedRequest::Push {});
    assert_eq!(code(start(&erin, &third)), "account.runs");

    let lines = world.lines(&first);
    let reply = push(&erin, &bars(&lines));
    let own = reply
        .treatments
        .iter()
        .filter(|bar| bar.run.as_deref() == Some(&run));
    assert!(own.clone().count() == 16 && own.clone().all(|bar| bar.treatment == "taken"));
    let fault = until(&erin, &slow, "faulted");
    assert_eq!(
        fault.bars, 2,
        "the bars of the slice are recorded: {fault:?}"
    );
    // The place is free again.
    let third = start(&erin, &third).unwrap().run;
    until(&erin, &third, "running");
    let killed: RunReply = erin.post(&format!("/v1/runs/{third}/kill"), &()).unwrap();
    assert!(
        ["stopping", "killed"].contains(&killed.state.as_str()),
        "{killed:?}"
    );
    until(&erin, &third, "killed");
    erin.post::<RunReply>(&format!("/v1/runs/{run}/stop"), &())
        .unwrap();
    let done = until(&erin, &run, "stopped");
    assert_eq!(done.decision_digest, Some(uninterrupted(&first, &lines, 8)));
    // A killed run has closed its journal: it cannot be resumed, now or later.
    drop(here);
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let killed = until(&erin, &third, "killed");
    assert!(killed.decision_digest.is_some(), "{killed:?}");
    let resumed = erin.post::<RunReply>(&format!("/v1/runs/{third}/resume"), &());
    // The ledger knows its end too.
    assert_eq!(code(resumed), "run.ended");
    let fourth = asked(&desk, &small(&world, "fourth"), FeedRequest::Push {});
    let fourth = start(&erin, &fourth).unwrap().run;
    let standing = here.end(EndCommand::Suspend);
    let left = standing
        .iter()
        .find(|status| status.run.hex() == fourth)
        .unwrap();
    assert_eq!(left.state.name(), "suspended");
}

/// What is changed in a challenge before it is signed.
type Change = fn(&mut LoginChallenge);

#[test]
fn a_session_is_opened_by_a_key_that_counts_and_by_nothing_else() {
    let world = World::small(3);
    let desk = desk_for(&world, &small(&world, "sessions"));
    let here = Here::new(&world.data);
    let client = ApiClient::new(&here.base);
    let signed = |who: &str, key: &Ed25519Signer, change: &dyn Fn(&mut LoginChallenge)| {
        let mut asked: LoginChallenge = client.post("/v1/challenges", &()).unwrap();
        let challenge = asked.challenge.clone();
        change(&mut asked);
        let public = key.verifying_key();
        let LoginChallenge {
            audience,
            ledger,
            challenge: given,
            ..
        } = asked;
        let message = login_message(&ledger, &audience, &given, &id(who), &public);
        LoginRequest {
            principal: who.to_owned(),
            key: hex::encode(public),
            challenge,
            signature: hex::encode(key.sign(&message).unwrap()),
        }
    };
    let same = |_: &mut LoginChallenge| {};
    let open = |request: &LoginRequest| client.post::<LoginReply>("/v1/sessions", request);
    let good = signed("erin", &hand("erin"), &same);
    assert_eq!(open(&good).unwrap().roles, ["operator"]);
    assert_eq!(code(open(&good)), "challenge.invalid", "answered twice");
    let table: [(&str, &str, &str, Change); 6] = [
        ("a stranger", "mallory", "mallory", |_| {}),
        ("another's key", "erin", "bob", |_| {}),
        ("an unknown key", "erin", "mallory", |_| {}),
        ("for another server", "erin", "erin", |request| {
            request.audience.push('0');
        }),
        ("for another ledger", "erin", "erin", |request| {
            request.ledger.push('0');
        }),
        ("another challenge", "erin", "erin", |request| {
            request.challenge.push('0');
        }),
    ];
    for (what, who, key, change) in table {
        let request = signed(who, &hand(key), &change);
        assert_eq!(code(open(&request)), "session.signature", "{what}");
    }
    let foreign = LoginRequest {
        challenge: "00".repeat(56),
        ..signed("erin", &hand("erin"), &|request| {
            request.challenge = "00".repeat(56);
        })
    };
    assert_eq!(code(open(&foreign)), "challenge.invalid");

    let mut erin = here.client("erin");
    assert!(erin.get::<RunsReply>("/v1/runs").is_ok());
    erin.set_token(Some("00".repeat(32)));
    assert_eq!(code(erin.get::<RunsReply>("/v1/runs")), "token.expired");
    erin.set_token(None);
    assert_eq!(code(erin.get::<RunsReply>("/v1/runs")), "token.missing");
    // A revoked key ends the session that it opened.
    let bob = here.client("bob");
    assert!(bob.get::<RunsReply>("/v1/runs").is_ok());
    let key = PublicKey(hand("bob").verifying_key());
    let reason = "lost".to_owned();
    desk.act(
        "bob",
        Act::KeyRevoke {
            id: id("bob"),
            key,
            reason,
        },
    );
    assert_eq!(code(bob.get::<RunsReply>("/v1/runs")), "token.expired");
    // A client does not sign for a server that names another.
    let other = here.base.replace("127.0.0.1", "localhost");
    let signed_in = ApiClient::new(&other).sign_in(&id("erin"), &hand("erin"));
    assert!(
        matches!(signed_in, Err(ClientError::Audience { .. })),
        "{signed_in:?}"
    );
}

/// What a server answers to these bytes: status and code.
fn raw(base: &str, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).unwrap();
    // A server that refuses a body may stop reading it.
    let _cut_off = stream.write_all(request);
    let mut answer = Vec::new();
    let _cut_off = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).unwrap_or("0").parse().unwrap();
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    let problem: Option<Problem> = serde_json::from_str(body).ok();
    (
        status,
        problem.map(|problem| problem.code).unwrap_or_default(),
    )
}

#[test]
fn every_route_refuses_strangers_and_what_is_malformed_by_its_code() {
    let world = World::small(3);
    let _desk = desk_for(&world, &small(&world, "routes"));
    let here = Here::new(&world.data);
    let host = here.base.strip_prefix("http://").unwrap().to_owned();
    let erin = {
        let mut client = ApiClient::new(&here.base);
        client.sign_in(&id("erin"), &hand("erin")).unwrap().token
    };
    let ask = |method: &str, path: &str, head: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{head}content-length: {length}\r\n\r\n{body}"
        );
        raw(&here.base, request.as_bytes())
    };
    let token = format!("authorization: Bearer {erin}\r\n");
    let json_token = format!("{token}content-type: application/json\r\n");
    let document: Value = serde_json::from_str(&text(&here.base, "/openapi.json")).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let (mut routes, open) = (0, ["/healthz", "/metrics", "/openapi.json"]);
    for (path, methods) in document["paths"].as_object().unwrap() {
        let real = path
            .replace("{run}", "ab")
            .replace("{name}", "x")
            .replace("{account}", "x");
        for method in methods.as_object().unwrap().keys() {
            routes += 1;
            let method = method.to_uppercase();
            let expected = match path.as_str() {
                path if open.contains(&path) => (200, String::new()),
                "/v1/challenges" => (200, String::new()),
                "/v1/sessions" => (400, "body.malformed".to_owned()),
                _ => (401, "token.missing".to_owned()),
            };
            assert_eq!(ask(&method, &real, "", ""), expected, "{method} {path}");
        }
        let (status, code) = ask("DELETE", &real, "", "");
        assert_eq!((status, code.as_str()), (405, "method.unknown"), "{path}");
    }
    assert_eq!(routes, 16, "each route is in the document");
    let huge = format!("{{\"bars\":[\"{}\"]}}", "x".repeat(2 << 20));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let long = format!("{token}x: {}\r\n", "y".repeat(64 << 10));
    let many: Vec<String> = (0..100)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect();
    let many = many.concat();
    let path = "/v1/feeds/x/bars";
    let table: [(&str, &str, &str, &str, u16, &str); 15] = [
        ("POST", "/v1/kill", &json_token, "{", 400, "body.malformed"),
        (
            "POST",
            "/v1/accounts/x/kill",
            &json_token,
            "{\"reason\":1}",
            400,
            "body.malformed",
        ),
        ("POST", path, &json_token, "", 400, "body.malformed"),
        ("POST", path, &json_token, "{", 400, "body.malformed"),
        (
            "POST",
            path,
            &json_token,
            "{\"bars\":1}",
            400,
            "body.malformed",
        ),
        (
            "POST",
            path,
            &json_token,
            "{\"bars\":[],\"more\":1}",
            400,
            "body.malformed",
        ),
        ("POST", path, &json_token, &deep, 400, "body.malformed"),
        ("POST", path, &token, "{\"bars\":[]}", 400, "body.malformed"),
        ("POST", path, &json_token, &huge, 413, "body.too-large"),
        (
            "POST",
            path,
            &json_token,
            "{\"bars\":[]}",
            404,
            "feed.unknown",
        ),
        ("GET", "/v1/runs/ab", &token, "", 404, "run.unknown"),
        ("GET", "/v1/nothing", &token, "", 404, "route.unknown"),
        (
            "GET",
            "/v1/events?after=x",
            &token,
            "",
            400,
            "body.malformed",
        ),
        ("GET", "/v1/runs", &long, "", 431, ""),
        ("GET", "/v1/runs", &many, "", 431, ""),
    ];
    for (method, path, head, body, status, expected) in table {
        let (found, code) = ask(method, path, head, body);
        let short: String = body.chars().take(40).collect();
        assert_eq!(
            (found, code.as_str()),
            (status, expected),
            "{method} {path} {short}"
        );
    }
    let foreign = format!("{token}origin: http://evil.example\r\n");
    assert_eq!(
        ask("GET", "/v1/runs", &foreign, ""),
        (403, "origin.foreign".to_owned())
    );
    let rebound = "GET /healthz HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert_eq!(
        raw(&here.base, rebound.as_bytes()),
        (403, "origin.foreign".to_owned())
    );
    // A client that holds connections keeps nobody out: the newest takes the place of its oldest.
    let address = host.as_str();
    let held: Vec<_> = (0..600)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let get = format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    assert_eq!(raw(&here.base, get.as_bytes()).0, 200);
    drop(held);
}

#[test]
fn an_address_that_others_can_reach_is_refused_unless_it_is_wanted() {
    let table = [
        ("127.0.0.1:7878", true),
        ("[::1]:7878", true),
        ("0.0.0.0:7878", false),
        ("[::]:7878", false),
        ("192.168.1.1:7878", false),
    ];
    for (text, good) in table {
        let address = text.parse().unwrap();
        assert_eq!(
            check_address(address, ListenReach::Loopback).is_ok(),
            good,
            "{text}"
        );
        assert!(
            check_address(address, ListenReach::AnyHost).is_ok(),
            "{text}"
        );
    }
}

/// No test of its own: the process that the test below starts and kills.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let data = DataDir::open(Path::new(&folder)).unwrap();
    let (server, _) = server(&data, Arc::default());
    let taken = server.take_over().unwrap();
    assert!(
        taken.iter().all(|taken_over| taken_over.refused.is_none()),
        "{taken:?}"
    );
    let address = Path::new(&folder).join("address");
    std::fs::write(address, format!("http://{}\n", server.address())).unwrap();
    server
        .run(core::future::pending(), core::future::pending())
        .unwrap();
}

pub(crate) fn serve_apart(world: &World) -> (Child, String) {
    let address = world.path().join("address");
    let _was_none = std::fs::remove_file(&address);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["server::child", "--exact"])
        .env(FOLDER, world.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    loop {
        assert!(child.try_wait().unwrap().is_none(), "the child ended early");
        match std::fs::read_to_string(&address) {
            Ok(text) if text.ends_with('\n') => return (child, text.trim_end().to_owned()),
            _ => std::thread::yield_now(),
        }
    }
}

#[test]
fn a_killed_server_goes_on_with_its_runs_to_the_same_decisions() {
    let world = World::small(20);
    let manifest = small(&world, "killed");
    let desk = desk_for(&world, &manifest);
    let lines = world.lines(&manifest);
    let all = bars(&lines);
    let (mut child, base) = serve_apart(&world);
    let mut erin = ApiClient::new(&base);
    erin.sign_in(&id("erin"), &hand("erin")).unwrap();
    let run = start(&erin, &asked(&desk, &manifest, FeedRequest::Push {}))
        .unwrap()
        .run;
    // In the middle of a slice, twice.
    for sent in [15, 29] {
        push(&erin, &all[..sent]);
        child.kill().unwrap();
        child.wait().unwrap();
        let base;
        (child, base) = serve_apart(&world);
        erin = ApiClient::new(&base);
        erin.sign_in(&id("erin"), &hand("erin")).unwrap();
        until(&erin, &run, "running");
    }
    let reply = push(&erin, &all);
    let known = reply
        .treatments
        .iter()
        .filter(|bar| bar.treatment == "known")
        .count();
    assert!(known >= 14, "{known} bars were decided before the kill");
    erin.post::<RunReply>(&format!("/v1/runs/{run}/stop"), &())
        .unwrap();
    let done = until(&erin, &run, "stopped");
    assert_eq!(
        done.decision_digest,
        Some(uninterrupted(&manifest, &lines, 20))
    );
    // Ledger and order log have both resumptions, and they agree.
    let resumed = in_ledger(&desk, &run).resumed;
    let in_ledger: Vec<_> = resumed
        .iter()
        .map(|(one, _)| (one.asked_by.clone(), Some(one.journal.size)))
        .collect();
    let execution = world.data.find(&run).unwrap();
    let (mut starters, mut processes) = (Vec::new(), Vec::new());
    for record in log(&execution) {
        if let OrderLogRecord::Process {
            resumed_at, start, ..
        } = record
        {
            starters.push(start.starter.unwrap());
            processes.push((None, resumed_at));
        }
    }
    // The runner resumes by itself what it finds open.
    assert_eq!(starters, ["erin", "robot", "robot"]);
    assert_eq!(processes.remove(0), (None, None));
    assert_eq!(processes, in_ledger);
    assert!(processes.len() == 2 && processes[0].1 < processes[1].1);
    child.kill().unwrap();
    child.wait().unwrap();
}
