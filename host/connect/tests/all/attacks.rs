//! Venues that attack: floods of pings, peers that never read, garbage, frames without end. Each ends its
//! connection within a bound, and none of them the host.
//!
//! A venue that pinged without reading took 2.6 GB in nine seconds, and the process ended: answers to pings were
//! queued without a bound, and each ping counted as a sign of life.

use core::future::{Future, pending};
use core::time::Duration;

use counterfoil_connect::feed::event::FeedEvent;
use counterfoil_connect::feed::protocol::BarOrigin;
use counterfoil_connect::feed::task::{UNREADABLE_MAX, run_feed};
use counterfoil_connect::net::endpoint::{Endpoint, EndpointKind};
use counterfoil_connect::net::socket::WebSocket;
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;

use crate::feeds::binance;
use crate::venue::market::kline;
use crate::venue::stream::{Act, serve};
use crate::venue::{block_on, block_on_paused, dialer, settings};

/// A ping with the longest payload, unmasked, as a server sends it.
fn ping() -> Vec<u8> {
    [vec![0x89, 125], vec![b'p'; 125]].concat()
}

/// A piece of a message, the longest of its kind of head.
static PIECE: [u8; 4 + 0xffff] = {
    let mut piece = [b'x'; 4 + 0xffff];
    piece[0] = 0;
    piece[1] = 126;
    piece[2] = 0xff;
    piece[3] = 0xff;
    piece
};

/// A server whose connections are handed over as they were accepted.
async fn listen<F: Future<Output = ()> + Send + 'static>(
    talk: impl Fn(TcpStream) -> F + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    port
}

/// A server that agrees to a WebSocket first.
async fn upgraded<F: Future<Output = ()> + Send + 'static>(
    talk: impl Fn(WebSocketStream<TcpStream>) -> F + Send + Sync + Clone + 'static,
) -> u16 {
    listen(move |stream| {
        let talk = talk.clone();
        async move {
            talk(tokio_tungstenite::accept_async(stream).await.unwrap()).await;
        }
    })
    .await
}

async fn open(port: u16, silence: Duration) -> Result<WebSocket, String> {
    let endpoint = format!("ws://127.0.0.1:{port}");
    let endpoint = Endpoint::parse(&endpoint, EndpointKind::WebSocket).unwrap();
    let opened = WebSocket::open(&dialer(), &endpoint, "/", silence).await;
    opened.map_err(|error| error.to_string())
}

/// Longer than any of these takes by a real clock: where it passes, the connection was never ended.
const ENDS_MAX: Duration = Duration::from_mins(1);

/// As [`end_of`], by a real clock.
async fn soon_end_of(port: u16, silence: Duration) -> String {
    let end = tokio::time::timeout(ENDS_MAX, end_of(port, silence)).await;
    end.unwrap_or_else(|_| "it goes on".to_owned())
}

/// Why a connection ends that a client reads to its end.
async fn end_of(port: u16, silence: Duration) -> String {
    let mut socket = match open(port, silence).await {
        Ok(socket) => socket,
        Err(error) => return error,
    };
    loop {
        if let Err(error) = socket.next().await {
            return error.to_string();
        }
    }
}

#[test]
fn a_flood_of_pings_ends_its_connection() {
    let end = block_on(async {
        let port = upgraded(|mut socket| async move {
            while socket.get_mut().write_all(&ping()).await.is_ok() {}
        });
        soon_end_of(port.await, Duration::from_mins(1)).await
    });
    assert_eq!(end, "1001 pings and pongs came without data");
}

#[test]
fn a_venue_that_never_reads_is_gone_even_if_it_sends_data() {
    let end = block_on(async {
        let port = upgraded(|mut socket| async move {
            // With data between them, pings are no flood; their answers fill every buffer on the way.
            let both = [ping(), vec![0x81, 1, b'1']].concat();
            while socket.get_mut().write_all(&both).await.is_ok() {}
        });
        soon_end_of(port.await, Duration::from_millis(300)).await
    });
    assert_eq!(end, "the venue has read nothing for 300ms");
}

/// How a connection with a silence of a minute ends, and after what time.
async fn end_and_time(port: u16) -> (String, Duration) {
    let begun = tokio::time::Instant::now();
    let end = end_of(port, Duration::from_mins(1)).await;
    (end, begun.elapsed())
}

#[test]
fn pings_of_the_venue_are_no_sign_of_life() {
    let (end, took) = block_on_paused(async {
        let port = upgraded(|mut socket| async move {
            while socket.get_mut().write_all(&ping()).await.is_ok() {
                let ten = Duration::from_secs(10);
                let _over = tokio::time::timeout(ten, pending::<()>()).await;
            }
        });
        end_and_time(port.await).await
    });
    assert_eq!(end, "nothing came for 60s");
    assert!(took < Duration::from_mins(2), "{took:?}");
}

#[test]
fn an_answer_to_our_ping_keeps_a_quiet_connection_and_another_pong_does_not() {
    for (answers, expect) in [(true, None), (false, Some("nothing came for 60s"))] {
        let end = block_on_paused(async move {
            let port = upgraded(move |mut socket| async move {
                if answers {
                    while let Some(Ok(_)) = socket.next().await {}
                }
                loop {
                    // Raw reads: the library would answer.
                    let mut bytes = [0; 64];
                    if socket.get_mut().read(&mut bytes).await.unwrap_or(0) == 0 {
                        return;
                    }
                    socket.get_mut().write_all(&[0x8a, 1, b'?']).await.unwrap();
                }
            });
            let hour = Duration::from_hours(1);
            let end = end_of(port.await, Duration::from_mins(1));
            tokio::time::timeout(hour, end).await.ok()
        });
        assert_eq!(end.as_deref(), expect);
    }
}

#[test]
fn what_never_becomes_a_message_ends_in_its_time() {
    let head = b"HTTP/1.1 101 Switching Protocols\r\n";
    //     after the handshake, first, then for ever, expected
    let table: [(bool, &[u8], &[u8], &str); 5] = [
        // A frame that declares 2^40 bytes: refused by its head.
        (
            true,
            &[0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0],
            b"x",
            "the connection broke: Space limit",
        ),
        // Pieces of one message without end, each empty.
        (true, &[0x01, 0], &[0x00, 0], "nothing came for 400ms"),
        // Pieces of one message that is too long.
        (
            true,
            &[0x01, 1, b'x'],
            &PIECE,
            "the connection broke: Space limit",
        ),
        // A head of a response without end, and none at all.
        (false, head, b"x-a: b\r\n", "no WebSocket at 127.0.0.1:"),
        (false, b"", b"", "no WebSocket at 127.0.0.1:"),
    ];
    for (is_upgraded, first, again, expect) in table {
        let end = block_on(async move {
            let flood = move |mut stream: TcpStream| async move {
                let _ended = stream.write_all(first).await;
                while !again.is_empty() && stream.write_all(again).await.is_ok() {}
                pending::<()>().await;
            };
            let port = if is_upgraded {
                upgraded(move |socket| flood(socket.into_inner())).await
            } else {
                listen(flood).await
            };
            soon_end_of(port, Duration::from_millis(400)).await
        });
        assert!(end.starts_with(expect), "{first:?}: {end}");
    }
}

#[test]
fn a_frame_that_comes_by_the_byte_is_not_waited_for() {
    let (end, took) = block_on_paused(async {
        let port = upgraded(|mut socket| async move {
            socket
                .get_mut()
                .write_all(&[0x82, 126, 0xff, 0xff])
                .await
                .unwrap();
            while socket.get_mut().write_all(b"x").await.is_ok() {
                let second = Duration::from_secs(1);
                let _over = tokio::time::timeout(second, pending::<()>()).await;
            }
        });
        end_and_time(port.await).await
    });
    assert_eq!(end, "nothing came for 60s");
    assert!(took < Duration::from_mins(2), "{took:?}");
}

#[test]
fn a_venue_that_takes_no_message_is_given_up() {
    let error = block_on(async {
        let port = upgraded(|socket| async move {
            pending::<()>().await;
            drop(socket);
        });
        let mut socket = open(port.await, Duration::from_millis(200)).await.unwrap();
        loop {
            if let Err(error) = socket.send("x".repeat(1 << 20)).await {
                return error.to_string();
            }
        }
    });
    assert_eq!(error, "nothing came for 200ms");
}

/// One byte of garbage was a signed record of 198 bytes, without end.
#[test]
fn a_connection_that_sends_nothing_but_garbage_is_dropped() {
    let mut script = vec![Act::Send(kline(0, 0, true))];
    script.extend((0..3 * UNREADABLE_MAX).map(|_| Act::Send("1".to_owned())));
    let events = block_on(async {
        let (stream, _) = serve(vec![script, vec![Act::Send(kline(0, 1, true))]]).await;
        let (sender, mut receiver) = mpsc::channel(1);
        let protocol = binance(1, BarOrigin::Venue);
        let feed = tokio::spawn(run_feed(protocol, settings(stream, 1), dialer(), sender));
        let mut events = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout(ENDS_MAX, receiver.recv()).await {
            let is_end = matches!(event, FeedEvent::Reconnected { .. });
            events.push(event);
            if is_end {
                break;
            }
        }
        drop(receiver);
        feed.await.unwrap().unwrap();
        events
    });
    let unreadable = events
        .iter()
        .filter(|event| matches!(event, FeedEvent::Refused { .. }));
    assert_eq!(u32::try_from(unreadable.count()).unwrap(), UNREADABLE_MAX);
    let expect =
        "feed-disconnected: 1000 messages could not be read since the last bar; the last: ";
    let end = events[events.len() - 2].reason();
    assert!(end.starts_with(expect), "{end}");
}
