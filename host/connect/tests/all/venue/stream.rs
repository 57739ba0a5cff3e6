//! A WebSocket service that plays one script a connection.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// One thing a service does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends a text.
    Send(String),
    /// Sends bytes.
    Bytes(Vec<u8>),
    /// Sends bytes below the protocol.
    Raw(Vec<u8>),
    /// Waits for a text that holds this.
    Expect(&'static str),
    /// Closes with a code.
    Close(u16),
    /// Cuts the connection.
    Cut,
    /// Reads on and sends nothing.
    Hold,
    /// Stops reading and sends nothing.
    Freeze,
    /// Lets the rest of the test know how far it is.
    Mark(Arc<Mutex<u32>>),
}

/// What Alpaca sends and expects before the first bar of these instruments.
pub(crate) fn alpaca_opening(symbols: &[&str]) -> Vec<Act> {
    vec![
        Act::Send(r#"[{"T":"success","msg":"connected"}]"#.to_owned()),
        Act::Expect(r#"{"action":"auth","key":"KEY","secret":"SECRET"}"#),
        Act::Send(r#"[{"T":"success","msg":"authenticated"}]"#.to_owned()),
        Act::Expect(r#"{"action":"subscribe","bars":["#),
        Act::Send(format!(r#"[{{"T":"subscription","bars":{symbols:?}}}]"#)),
    ]
}

/// Starts a service. Connections play their scripts in turn; the last script serves all after it.
/// Returns the port and the targets that were asked for.
pub(crate) async fn serve(scripts: Vec<Vec<Act>>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let targets = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&targets);
    tokio::spawn(async move {
        let mut scripts = scripts.into_iter().peekable();
        let mut script = Vec::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Some(next) = scripts.next() {
                script = next;
            }
            tokio::spawn(play(stream, script.clone(), Arc::clone(&seen)));
        }
    });
    (port, targets)
}

async fn play(stream: TcpStream, script: Vec<Act>, targets: Arc<Mutex<Vec<String>>>) {
    stream.set_nodelay(true).unwrap();
    #[expect(
        clippy::result_large_err,
        reason = "the callback's type is the library's"
    )]
    let callback = |request: &Request, response: Response| {
        targets.lock().unwrap().push(request.uri().to_string());
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, callback).await else {
        return;
    };
    for act in script {
        let done = match act {
            Act::Send(text) => socket.send(Message::text(text)).await.is_ok(),
            Act::Bytes(bytes) => socket.send(Message::binary(bytes)).await.is_ok(),
            Act::Raw(bytes) => socket.get_mut().write_all(&bytes).await.is_ok(),
            Act::Expect(part) => expect(&mut socket, part).await,
            Act::Close(code) => {
                let frame = CloseFrame {
                    code: code.into(),
                    reason: "told to".into(),
                };
                let _gone = socket.close(Some(frame)).await;
                false
            }
            Act::Cut => false,
            Act::Freeze => core::future::pending().await,
            Act::Mark(mark) => {
                *mark.lock().unwrap() += 1;
                true
            }
            Act::Hold => {
                while let Some(Ok(_)) = socket.next().await {}
                false
            }
        };
        if !done {
            return;
        }
    }
    // A script that ends without more words holds the connection.
    while let Some(Ok(_)) = socket.next().await {}
}

/// Waits for a text with a part; false if the client goes before.
async fn expect(socket: &mut WebSocketStream<TcpStream>, part: &str) -> bool {
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(text) = message {
            assert!(text.contains(part), "{text} instead of {part}");
            return true;
        }
    }
    false
}
