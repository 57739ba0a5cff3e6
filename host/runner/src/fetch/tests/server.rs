//! An HTTP server that sends exactly the bytes of a script, right ones and wrong ones.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is answered.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// These bytes; the connection stays open.
    Whole(Vec<u8>),
    /// These bytes, and then the connection is closed.
    Cut(Vec<u8>),
}

impl Reply {
    pub(super) fn of(status: u16, headers: &str, body: &[u8]) -> Self {
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        Self::Whole([head.as_bytes(), body].concat())
    }

    pub(super) fn json(body: &str) -> Self {
        Self::of(200, "content-type: application/json\r\n", body.as_bytes())
    }
}

type Script = Arc<dyn Fn(&str, usize) -> Reply + Send + Sync>;

/// The server, until the test ends.
pub(super) struct TestServer {
    port: u16,
    /// The requests so far: their whole heads.
    asked: Arc<Mutex<Vec<String>>>,
}

impl TestServer {
    /// `answer` gets the target and the number of the request, from 0.
    pub(super) fn start(answer: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, asked) = (Arc::clone(&answer), Arc::clone(&shared));
                let stream = stream.unwrap();
                std::thread::spawn(move || serve(stream, &answer, &asked));
            }
        });
        Self { port, asked }
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The targets of the requests since the last call.
    pub(super) fn take_targets(&self) -> Vec<String> {
        let heads = core::mem::take(&mut *self.asked.lock().unwrap());
        let target = |head: &String| head.split(' ').nth(1).unwrap().to_owned();
        heads.iter().map(target).collect()
    }
}

fn serve(mut stream: TcpStream, answer: &Script, asked: &Mutex<Vec<String>>) {
    loop {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let number = {
            let mut asked = asked.lock().unwrap();
            asked.push(head);
            asked.len() - 1
        };
        match answer(&target, number) {
            // A client that has gone away has its reasons.
            Reply::Whole(bytes) => drop(stream.write_all(&bytes)),
            Reply::Cut(bytes) => {
                drop(stream.write_all(&bytes));
                return;
            }
        }
    }
}
