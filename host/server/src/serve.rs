//! The process around the routes: its address, bounds on connections and slow clients, and its shutdown.
//! It must never know what a route does.

use core::convert::Infallible;
use core::future::Future;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io::{self, Write};
use std::net::TcpListener as StdTcpListener;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use counterfoil_approval::permit::may_continue;
use counterfoil_base::text::harmless_line;
use counterfoil_runner::clock;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Socket, Type};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use crate::accept_errors::AcceptErrors;
use crate::app::ApiState;
use crate::places::{Place, Places};
use crate::problem::Problem;
use crate::router::router;
use crate::service_ledger::ServiceLedger;
use crate::supervisor::inlet::EndCommand;
use crate::supervisor::run_file::RestartIntent;
use crate::supervisor::status::RunStatus;
use crate::supervisor::{PriorRun, SuperviseError, Supervisor};
use crate::timed_writes::{TimedWrites, UNREAD_MAX};

/// Concurrent connections: every watcher, and each operator's tools many times over.
pub const CONNECTIONS_MAX: usize = 512;
/// Connections that are being refused.
const REFUSALS_MAX: usize = 64;
/// Tasks of connections, with those that end because another has taken their place.
const TASKS_MAX: usize = 2 * CONNECTIONS_MAX;
/// Connections that the kernel holds until they are accepted.
const UNACCEPTED_MAX: i32 = 1024;
/// Bytes of a request's head: a token and a few headers take less than one KiB.
pub const HEAD_BYTES_MAX: usize = 32 << 10;
/// Headers of a request.
pub const HEADERS_MAX: usize = 64;
/// The time limit for the head of a request, and for an idle connection.
pub const HEAD_MAX: Duration = Duration::from_secs(10);
/// How long connections may take to end at shutdown.
const CONNECTIONS_END_MAX: Duration = Duration::from_secs(5);
/// How long runs may take to end at shutdown: the longest deadline of a guest, several times over.
const RUNS_END_MAX: Duration = Duration::from_mins(1);

/// The head of the response to a connection beyond the limit, sent before anything of it is read.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
connection: close\r\ncontent-length: 160\r\n\r\n";

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Other machines can reach the address.
    #[error(
        "{address} can be reached from other machines, and this API is not encrypted: a token could be \
         read in transit and used to start or stop runs; put a TLS proxy in front of a loopback \
         address, or pass --allow-remote if every machine on the network is trusted"
    )]
    Remote { address: SocketAddr },
    /// The address cannot be listened to.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    /// The runtime or the listener failed.
    #[error("cannot serve: {0}")]
    Process(#[from] io::Error),
    /// The shared state could not be created.
    #[error(transparent)]
    ApiState(#[from] Problem),
    /// The runs that an earlier process left could not be read.
    #[error(transparent)]
    Left(#[from] SuperviseError),
}

/// Which machines may reach the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListenReach {
    /// This machine only.
    Loopback,
    /// Any machine that can reach the address.
    AnyHost,
}

/// A socket that listens, opened before the process confines itself: behind the second wall none can be.
#[derive(Debug)]
pub struct ListeningSocket {
    socket: StdTcpListener,
    address: SocketAddr,
    reach: ListenReach,
}

/// A server that listens but does not serve yet.
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<ApiState>,
    ending: watch::Sender<bool>,
}

/// A run that an earlier process left, and whether it resumed.
#[derive(Debug)]
pub struct TakenOverRun {
    /// The run.
    pub left: PriorRun,
    /// Why it was not resumed; `None` if it was.
    pub refused: Option<Problem>,
}

/// Checks that other machines cannot reach the address, unless that is allowed.
///
/// # Errors
///
/// Returns [`ServeError::Remote`].
pub fn check_address(address: SocketAddr, reach: ListenReach) -> Result<(), ServeError> {
    let is_here = match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    if is_here || reach == ListenReach::AnyHost {
        return Ok(());
    }
    Err(ServeError::Remote { address })
}

impl ListeningSocket {
    /// Listens at `address`; port 0 takes a free port. No thread is started.
    ///
    /// # Errors
    ///
    /// Returns [`ServeError`] if the address is not allowed, or cannot be listened at.
    pub fn open(address: SocketAddr, reach: ListenReach) -> Result<Self, ServeError> {
        check_address(address, reach)?;
        let listen = || {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            // Connections that a process before this one closed keep nobody from its port.
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            socket.listen(UNACCEPTED_MAX)?;
            socket.set_nonblocking(true)?;
            let socket = StdTcpListener::from(socket);
            let address = socket.local_addr()?;
            Ok(Self {
                socket,
                address,
                reach,
            })
        };
        listen().map_err(|source| ServeError::Listen { address, source })
    }
}

impl Server {
    /// A server at a socket, with its threads.
    ///
    /// # Errors
    ///
    /// Returns [`ServeError`] if the runtime or the shared state cannot be made.
    pub fn new(
        listening: ListeningSocket,
        supervisor: Supervisor,
        ledger: Arc<ServiceLedger>,
    ) -> Result<Self, ServeError> {
        let ListeningSocket {
            socket,
            address,
            reach,
        } = listening;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _registers_there = runtime.enter();
            TcpListener::from_std(socket)?
        };
        let (ending, ended) = watch::channel(false);
        // On loopback the server has only these names: a request under any other may be DNS rebinding. A
        // remote listener has whatever name the operator gave it.
        let hosts = match reach {
            ListenReach::AnyHost => None,
            ListenReach::Loopback => Some(vec![
                address.to_string(),
                format!("localhost:{}", address.port()),
            ]),
        };
        let audience = format!("http://{address}");
        let app = ApiState::new(supervisor, ledger, audience, hosts, ended)?;
        Ok(Self {
            runtime,
            listener,
            address,
            app: Arc::new(app),
            ending,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resumes every run that an earlier process left running and that the ledger still permits.
    ///
    /// # Errors
    ///
    /// Returns [`ServeError`] if the runs that were left cannot be read.
    pub fn take_over(&self) -> Result<Vec<TakenOverRun>, ServeError> {
        let supervisor = &self.app.supervisor;
        let mut all = Vec::new();
        for left in supervisor.prior_runs()? {
            // Its end before its resumption: a run that closed its journal must not trade again, even if the
            // crash came before its run file said so.
            let has_ended = supervisor.recover_end(&left);
            if matches!(has_ended, Ok(true)) {
                tracing::info!(run = left.run.hex(), "run had ended; its end is recorded");
                continue;
            }
            if left.intent != RestartIntent::Running {
                if let Err(error) = has_ended {
                    tracing::warn!(run = left.run.hex(), %error, "the run's end could not be recorded in the ledger");
                }
                continue;
            }
            let refused = match has_ended {
                Err(error) => Some(error.into()),
                Ok(_) => self.resume(&left).err(),
            };
            if let Some(problem) = &refused {
                tracing::warn!(run = left.run.hex(), %problem, "run not resumed");
            } else {
                tracing::info!(run = left.run.hex(), "run resumed");
            }
            all.push(TakenOverRun { left, refused });
        }
        Ok(all)
    }

    fn resume(&self, left: &PriorRun) -> Result<(), Problem> {
        let state = self.app.ledger.state()?;
        let grant = may_continue(&state, &left.manifest, clock::now())?;
        let _begun = self.app.supervisor.resume(&grant, &left.run.hex(), None)?;
        Ok(())
    }

    /// Serves until `until` returns a command, passes it to every run, waits for them, and returns their status. A
    /// command from `again` ends the waiting.
    ///
    /// # Errors
    ///
    /// Returns [`ServeError`] if the process cannot serve.
    pub fn run(
        self,
        until: impl Future<Output = EndCommand>,
        again: impl Future<Output = EndCommand>,
    ) -> Result<Vec<RunStatus>, ServeError> {
        let Self {
            runtime,
            listener,
            app,
            ending,
            ..
        } = self;
        let supervisor = app.supervisor.clone();
        let anchored = supervisor.clone();
        // It ends with the runs, by `end_all`.
        let _anchoring = std::thread::Builder::new()
            .name("anchors".to_owned())
            .spawn(move || anchored.anchor_until_ended())?;
        runtime.block_on(async {
            let room = Arc::new(Semaphore::new(TASKS_MAX));
            let command = accept(&listener, &app, &room, until).await;
            // No new connections from here on. Requests on open ones may still start a run; it gets the
            // command below or is refused.
            drop(listener);
            tracing::info!(?command, "shutting down");
            ending.send_replace(true);
            let waiting = supervisor.clone();
            waiting.end_all(command);
            let ended = tokio::task::spawn_blocking(move || waiting.wait(RUNS_END_MAX));
            tokio::select! {
                biased;
                _ = again => tracing::warn!("second signal: shutting down without waiting for every run"),
                ended = ended => {
                    if !ended.unwrap_or(false) {
                        tracing::warn!("not every run ended in time");
                    }
                    // While the process is down nobody else can say what a suspended run held.
                    let last = supervisor.clone();
                    let _anchored = tokio::task::spawn_blocking(move || last.anchor_runs()).await;
                }
            }
            // Every served connection holds a permit, so all permits are free when the last response was sent.
            let all = u32::try_from(TASKS_MAX).unwrap_or(u32::MAX);
            let _some_are_slow =
                tokio::time::timeout(CONNECTIONS_END_MAX, room.acquire_many(all)).await;
        });
        let statuses = supervisor.list();
        // Not waited for: a request that hangs in a blocking call must not keep the process from exiting.
        runtime.shutdown_background();
        Ok(statuses)
    }
}

async fn accept(
    listener: &TcpListener,
    app: &Arc<ApiState>,
    room: &Arc<Semaphore>,
    until: impl Future<Output = EndCommand>,
) -> EndCommand {
    let routes = router(Arc::clone(app));
    let places = Places::new(CONNECTIONS_MAX);
    // Refused connections are open until their answer is sent. Beyond the bound they are closed without one.
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let mut errors = AcceptErrors::default();
    let mut until = core::pin::pin!(until);
    loop {
        let stream = tokio::select! {
            biased;
            command = &mut until => return command,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    errors.end();
                    stream
                }
                // The connection broke, or no file descriptor is left. Open connections keep working, and
                // their end frees descriptors; ending the server here would let anyone who opens many
                // sockets stop every run's API. It waits before the next attempt: at once, a process
                // without descriptors wrote 48 MB of log a second.
                Err(error) => {
                    let pause = errors.pause(&error);
                    if let Ok(command) = tokio::time::timeout(pause, until.as_mut()).await {
                        return command;
                    }
                    continue;
                }
            },
        };
        let permit = Arc::clone(room).try_acquire_owned().ok();
        let Some((permit, place)) = permit.and_then(|permit| Some((permit, places.take()?))) else {
            app.metrics.connections_refused.inc();
            if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                tokio::spawn(async move {
                    refuse(stream).await;
                    drop(permit);
                });
            }
            continue;
        };
        let (routes, ending) = (routes.clone(), app.ending.clone());
        tokio::spawn(async move {
            talk(stream, routes, ending, Arc::new(place)).await;
            drop(permit);
        });
    }
}

async fn refuse(mut stream: TcpStream) {
    let mut text = FULL.to_vec();
    let body = r#"{"type":"urn:counterfoil:problem:server.busy","status":503,"code":"server.busy","detail":"too many connections","hint":"close one, or wait"}"#;
    text.extend(format!("{body:<160}").into_bytes());
    // A peer that does not read this is dropped when the time is over.
    let _sent = tokio::time::timeout(HEAD_MAX, stream.write_all(&text)).await;
}

async fn talk(
    stream: TcpStream,
    routes: Router,
    mut ending: watch::Receiver<bool>,
    place: Arc<Place>,
) {
    // Small events must not wait for more of them (Nagle's algorithm).
    let _best_effort = stream.set_nodelay(true);
    let own_place = Arc::clone(&place);
    let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
        let routes = routes.clone();
        // The check of the login keeps the place.
        request.extensions_mut().insert(Arc::clone(&own_place));
        async move { Ok::<Response<Body>, Infallible>(answer(routes, request).await) }
    });
    // A client that sends its head slowly, or without end, would otherwise keep one of the permits for good.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(TimedWrites::new(stream, UNREAD_MAX)), service);
    let mut connection = core::pin::pin!(connection);
    let ends = async {
        let _sender_is_gone = ending.wait_for(|is_ending| *is_ending).await;
    };
    let done = tokio::select! {
        biased;
        // Closed as it is: a stranger's request was not whole, or it was answered.
        () = place.evicted() => return,
        done = connection.as_mut() => done,
        () = ends => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = done {
        tracing::debug!(%error, "connection ended");
    }
}

async fn answer(routes: Router, request: Request<hyper::body::Incoming>) -> Response<Body> {
    use tower_service::Service as _;
    let mut routes = routes;
    match routes.call(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogForm {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Writes each record of the log as one line without characters that drive a terminal: reasons of kills, texts of venues
/// and names come from outside, and could otherwise forge the lines that an operator reads after an incident.
struct LogWriter<W>(W);

impl<W: Write> Write for LogWriter<W> {
    /// Takes a whole record, as the library writes it.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(record);
        let line = harmless_line(text.strip_suffix('\n').unwrap_or(&text));
        self.0.write_all(format!("{line}\n").as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Starts logging to standard error. The log is not evidence; journals and the ledger are.
pub fn log(form: LogForm) {
    let lines = tracing_subscriber::fmt()
        .with_writer(|| LogWriter(io::stderr()))
        .with_ansi(false);
    // A second call, as in tests, changes nothing.
    let _first = match form {
        LogForm::Text => lines.try_init(),
        LogForm::Json => lines.json().try_init(),
    };
}

/// Waits for SIGTERM or SIGINT, and returns `command`. It never returns if the handlers cannot be installed.
pub async fn signal(command: EndCommand) -> EndCommand {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        // Without signal handlers the process can only be killed, which its runs survive like a crash.
        tracing::error!("cannot install signal handlers; the process can only be killed");
        return core::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kill's reason with a line end wrote a line of its own into the runner's log.
    #[test]
    fn a_text_from_outside_forges_no_line_of_the_log() {
        let mut out = Vec::new();
        let record = "INFO kill why=x\nINFO run resumed\u{1b}[2K\u{202e}\n";
        LogWriter(&mut out).write_all(record.as_bytes()).unwrap();
        let expect = "INFO kill why=x\u{fffd}INFO run resumed\u{fffd}[2K\u{fffd}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }
}
