//! Clients that attack the runner's API: connections left half-open, logins in a loop, streams that outlive their key,
//! and a ledger that was rolled back.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::channel;

use core::time::Duration;

use counterfoil_governance::act::Act;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::Signer as _;
use counterfoil_server::client::{ApiClient, ClientError};
use counterfoil_server::serve::CONNECTIONS_MAX;
use counterfoil_server::types::RunsReply;
use counterfoil_tests::acts::id;
use counterfoil_tests::desk::{Desk, hand};
use counterfoil_tests::world::World;

use crate::server::{Here, code, desk_for, small};

fn runs(client: &ApiClient) -> Result<RunsReply, ClientError> {
    client.get("/v1/runs")
}

fn revoke(desk: &Desk, who: &str) {
    let act = Act::KeyRevoke {
        id: id(who),
        key: PublicKey(hand(who).verifying_key()),
        reason: "lost".to_owned(),
    };
    desk.act(who, act);
}

fn connect(here: &Here, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(here.host()).unwrap();
    // The server may have closed it by now, for a newer one.
    let _cut_off = stream.write_all(request.as_bytes());
    stream
}

/// 520 connections of a stranger, each with a request that never became whole, shut out every operator for as long as
/// they were kept.
#[test]
fn requests_left_half_open_shut_nobody_out() {
    let world = World::small(3);
    let _desk = desk_for(&world, &small(&world, "half-open"));
    let here = Here::new(&world.data);
    let before = here.client("erin");
    let host = here.host();
    let half_open = [
        String::new(),
        "POST /v1/sessions HT".to_owned(),
        format!("POST /v1/sessions HTTP/1.1\r\nhost: {host}\r\n"),
        format!("POST /v1/sessions HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100\r\n\r\n"),
    ];
    let flood: Vec<TcpStream> = half_open
        .iter()
        .cycle()
        .take(CONNECTIONS_MAX + 200)
        .map(|request| connect(&here, request))
        .collect();
    runs(&before).unwrap();
    for who in ["erin", "bob"] {
        let client = here.client(who);
        runs(&client).unwrap();
    }
    drop(flood);
}

#[test]
fn a_body_of_a_stranger_is_bounded_before_it_is_read() {
    let world = World::small(3);
    let _desk = desk_for(&world, &small(&world, "bodies"));
    let here = Here::new(&world.data);
    let host = here.host();
    let request = format!(
        "POST /v1/sessions HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 1000000\r\n\r\n"
    );
    let mut stream = connect(&here, &request);
    let mut answer = String::new();
    // Nothing of the body is sent: its length alone is too much.
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

/// A key that was stolen and revoked went on reading every event of every run, for as long as its stream was open.
#[test]
fn an_event_stream_ends_with_its_key() {
    let world = World::small(3);
    let desk = desk_for(&world, &small(&world, "streams"));
    let here = Here::new(&world.data);
    let bob = here.client("bob");
    let (send, events) = channel();
    let watching = std::thread::spawn(move || {
        // The first event is the gap that an id of another process makes.
        let opened = send.clone();
        let watched = bob.watch(None, Some("0-0"), &mut |_| opened.send(()).is_ok());
        send.send(()).unwrap();
        watched
    });
    let limit = Duration::from_mins(1);
    events.recv_timeout(limit).expect("the stream is open");
    revoke(&desk, "bob");
    events.recv_timeout(limit).expect("the stream has ended");
    watching.join().unwrap().unwrap();
}

#[test]
fn one_reader_leaves_event_streams_to_the_others() {
    let world = World::small(3);
    let _desk = desk_for(&world, &small(&world, "watchers"));
    let here = Here::new(&world.data);
    let status = |who: &str| {
        let mut client = ApiClient::new(&here.base);
        let token = client.sign_in(&id(who), &hand(who)).unwrap().token;
        let mut stream = connect(
            &here,
            &format!(
                "GET /v1/events HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\r\n",
                here.host()
            ),
        );
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        (String::from_utf8(answer.to_vec()).unwrap(), stream)
    };
    let streams: Vec<_> = (0..9).map(|_| status("bob")).collect();
    let statuses: Vec<&str> = streams.iter().map(|(status, _)| status.as_str()).collect();
    assert_eq!(statuses[..8], ["HTTP/1.1 200"; 8]);
    assert_eq!(statuses[8], "HTTP/1.1 503");
    assert_eq!(status("erin").0, "HTTP/1.1 200");
}

/// An older copy of the ledger verifies by itself: put back, it revived every key that was revoked since.
#[test]
fn a_ledger_that_was_rolled_back_revives_no_key() {
    let world = World::small(3);
    let desk = desk_for(&world, &small(&world, "rolled-back"));
    let path = world.data.root().join("ledger/test.ledger");
    let here = Here::new(&world.data);
    let (bob, erin) = (here.client("bob"), here.client("erin"));
    runs(&bob).unwrap();
    let old = std::fs::read(&path).unwrap();
    revoke(&desk, "bob");
    assert_eq!(code(runs(&bob)), "token.expired");
    let new = std::fs::read(&path).unwrap();

    std::fs::write(&path, &old).unwrap();
    assert_eq!(code(runs(&bob)), "ledger.unusable");
    assert_eq!(code(runs(&erin)), "ledger.unusable");
    // Another process knows it as well.
    drop(here);
    let here = Here::new(&world.data);
    let mut client = ApiClient::new(&here.base);
    let login = client.sign_in(&id("bob"), &hand("bob"));
    assert_eq!(code(login), "ledger.unusable");
    std::fs::write(&path, &new).unwrap();
    assert_eq!(
        code(client.sign_in(&id("bob"), &hand("bob"))),
        "session.signature"
    );
    runs(&here.client("erin")).unwrap();
}
