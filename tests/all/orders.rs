//! Orders on their way to a venue: the gateway, its log, the lease of the account, the kill switch and
//! the limits, with real files, processes and sockets.

use core::net::SocketAddr;
use core::time::Duration;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use counterfoil_governance::id::Id;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_runner::clock::{self, RecordClock};
use counterfoil_runner::orders::gateway::client::{
    ClearedIntent, VenueClient, VenueLookup, VenueReply,
};
use counterfoil_runner::orders::gateway::guard::RunGuard;
use counterfoil_runner::orders::gateway::token::SignedToken;
use counterfoil_runner::orders::gateway::{
    Gateway, GatewayConfig, GatewayError, PriorDecisions, ReconcileConfig, order_log,
};
use counterfoil_runner::orders::kill::{KillSwitch, KillTarget, lift, set_switch};
use counterfoil_runner::orders::lease::Lease;
use counterfoil_runner::orders::limits::{AccountLimits, LimitsRequirement, LimitsWatch};
use counterfoil_runner::run::component::PreparedComponent;
use counterfoil_runner::run::execute::{ExecuteError, ExecutionOutcome};
use counterfoil_runner::run::journal::SignedHead;
use counterfoil_runner::run::live::{live, live_context, live_in_context};
use counterfoil_runner::run::resume::{ResumeAttempt, ResumeDeps, ResumeOutcome, open};
use counterfoil_runner::store::data_dir::{DataDir, Execution};
use counterfoil_runner::store::keys::SharedSigner;
use counterfoil_tests::journals::{decisions, records, verified};
use counterfoil_tests::world::{Ignore, World, over_a_feed, signer};
use counterfoil_trading::execution::{Delivery, OrderCode};
use counterfoil_trading::gateway::{
    OrderAuthorization, OrderLogRecord, SubmissionEnd, TokenRefusal, VenueOrderId,
};
use counterfoil_trading::manifest::{Manifest, RiskEntry};
use counterfoil_trading::order::OrderStatus;
use counterfoil_trading::plan::Released;
use counterfoil_trading::record::{CloseReason, RunRecord, RunStarter, StopCause};
use counterfoil_trading::run::{NoClock, Run, RunPorts};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;
use counterfoil_trading::venue::{Venue, VenueError};
use counterfoil_verify::{
    OrderLogFacts, TimesVerdict, VerifyOptions, verify_journal, verify_order_log,
};

/// A live run of two instruments over 13 slices, with orders on many of them.
fn manifest(world: &World, nonce: &str) -> Manifest {
    let mut manifest = world.cross(&["AAA", "BBB"], 1, 2, 10);
    "cancel".clone_into(&mut manifest.on_fault);
    over_a_feed(&manifest, nonce)
}

pub(crate) fn key(execution: &Execution) -> VerifierKey {
    VerifierKey::new(&order_log::origin(execution), &signer().verifying_key()).unwrap()
}

pub(crate) fn log(execution: &Execution) -> Vec<OrderLogRecord> {
    check_by_auditor(execution);
    order_log::records(execution, &key(execution)).unwrap()
}

/// How each order ended, by the number of its plan, with the refusal of one that was not sent.
/// What a gateway writes, the auditor's program finds nothing in; nor between it and the journal, where there is one.
fn check_by_auditor(execution: &Execution) {
    let key = PublicKey(signer().verifying_key());
    let mut facts = OrderLogFacts::default();
    let file = File::open(order_log::path(execution)).unwrap();
    let log = verify_order_log(file, &key, Some(&mut facts)).unwrap();
    assert!(log.finding.is_none() && log.backward.is_none(), "{log}");
    let Ok(journal) = File::open(execution.journal()) else {
        return;
    };
    let options = VerifyOptions {
        orders: Some(facts),
        ..VerifyOptions::default()
    };
    let report = verify_journal(journal, &key, options).unwrap();
    assert!(report.findings.is_empty(), "{report}");
    let is_wrong = matches!(report.times, TimesVerdict::Wrong { .. });
    assert!(!is_wrong, "{report}");
    let join = report.orders.unwrap();
    assert!(join.why.is_empty(), "{join}");
}

fn ends(execution: &Execution) -> Vec<(u64, &'static str, Option<&'static str>)> {
    let all = log(execution).into_iter().filter_map(|record| {
        if let OrderLogRecord::Ended(ended) = record {
            Some((
                ended.sequence,
                ended.end.name(),
                ended.refusal.map(TokenRefusal::code),
            ))
        } else {
            None
        }
    });
    all.collect()
}

/// Every token that the log has as spent.
pub(crate) fn spent(execution: &Execution) -> Vec<(OrderAuthorization, SignedToken)> {
    let all = log(execution).into_iter().filter_map(|record| {
        let OrderLogRecord::Spent {
            token, signature, ..
        } = record
        else {
            return None;
        };
        let signed = SignedToken {
            bytes: token,
            note: signature,
        };
        Some((signed.open(&key(execution)).unwrap(), signed))
    });
    all.collect()
}

#[test]
fn every_order_of_a_live_run_has_one_token_that_is_spent_and_one_end() {
    let world = World::small(13);
    let manifest = manifest(&world, "tokens");
    let outcome = world.live(&manifest, &world.lines(&manifest)).unwrap();
    let execution = &outcome.execution;
    let records = records(execution.journal().path(), &execution.origin());
    let notes = decisions(&records)
        .into_iter()
        .flat_map(|decision| decision.circumstances.plans.clone());
    let notes: Vec<_> = notes.map(|note| (note.token, note.plan)).collect();
    let tokens = spent(execution);
    let bound: Vec<_> = tokens
        .iter()
        .map(|(token, _)| (token.sequence, token.plan))
        .collect();
    assert!(notes.len() > 4, "{} orders", notes.len());
    assert_eq!(bound, notes, "a token for each plan that was decided");
    let run = manifest.run_id().unwrap();
    for (token, _) in &tokens {
        assert_eq!(
            (token.run, token.execution, token.fencing_token),
            (run, 1, 1)
        );
        assert_eq!(token.approver, signer().verifying_key());
    }
    let expect: Vec<_> = notes
        .iter()
        .map(|(token, _)| (*token, "acknowledged", None))
        .collect();
    assert_eq!(ends(execution), expect);
}

/// Keeps what is released.
#[derive(Default)]
struct Capture(Vec<Released>);

impl Venue for Capture {
    fn answers(&mut self, _: &mut Vec<Delivery>) {}

    fn executions(&mut self, _: &Slice, _: &mut Vec<Delivery>) -> Result<(), VenueError> {
        Ok(())
    }

    fn send(&mut self, released: Released) -> Result<(), VenueError> {
        self.0.push(released);
        Ok(())
    }
}

/// A journal that takes everything.
struct Takes;

impl counterfoil_trading::journal::Journal for Takes {
    type Error = core::convert::Infallible;

    fn accept(
        &mut self,
        _: counterfoil_trading::journal::RecordBytes<'_>,
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Buys one of the first instrument on each bar.
struct Buys(u64);

impl counterfoil_trading::strategy::Strategy for Buys {
    fn on_bar(
        &mut self,
        _: &counterfoil_trading::strategy::BarView,
        _: &counterfoil_trading::strategy::AccountView<'_>,
        requests: &mut Vec<counterfoil_trading::order::Request>,
    ) -> Result<(), counterfoil_trading::strategy::CallbackError> {
        use counterfoil_trading::order::{
            ClientOrderId, Intent, Order, OrderType, Request, Side, TimeInForce,
        };
        self.0 += 1;
        requests.push(Request {
            intent: Intent::Submit(Order {
                instrument: counterfoil_trading::instrument::InstrumentId(0),
                client_order_id: ClientOrderId(self.0),
                side: Side::Buy,
                quantity: counterfoil_trading::units::Quantity(1),
                order_type: OrderType::Market,
                time_in_force: TimeInForce::Gtc,
            }),
            reason: None,
        });
        Ok(())
    }

    fn on_fill(
        &mut self,
        _: &counterfoil_trading::execution::Fill,
        _: &counterfoil_trading::strategy::AccountView<'_>,
    ) -> Result<(), counterfoil_trading::strategy::CallbackError> {
        Ok(())
    }

    fn on_order_event(
        &mut self,
        _: &counterfoil_trading::execution::OrderEvent,
        _: UnixNanos,
        _: &counterfoil_trading::strategy::AccountView<'_>,
    ) -> Result<(), counterfoil_trading::strategy::CallbackError> {
        Ok(())
    }

    fn on_corporate_action(
        &mut self,
        _: &counterfoil_trading::corporate::CorporateAction,
        _: &counterfoil_trading::strategy::AccountView<'_>,
    ) -> Result<(), counterfoil_trading::strategy::CallbackError> {
        Ok(())
    }

    fn take_fuel(&mut self) -> u64 {
        0
    }
}

/// Releases of a run, the only way there is to have some.
fn released(world: &World, manifest: &Manifest) -> Vec<Released> {
    let setup = manifest.setup().unwrap();
    let symbols: Vec<String> = setup
        .instruments
        .iter()
        .map(|instrument| instrument.symbol().to_owned())
        .collect();
    let mut slices = world
        .opened()
        .select(&symbols, None, None)
        .unwrap()
        .slices();
    let (mut run, mut slice) = (Run::new(&setup), Slice::default());
    let mut venue = Capture::default();
    let mut strategy = Buys(0);
    while slices.next_into(&mut slice).unwrap() {
        let mut ports = RunPorts {
            strategy: &mut strategy,
            venue: &mut venue,
            journal: &mut Takes,
            clock: &mut NoClock,
        };
        let _running = run.step(&slice, &mut ports).unwrap();
    }
    venue.0
}

/// What a venue at the other end of a socket does wrong, once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    None,
    /// It takes the order and never answers.
    SilentAfterAcceptance,
    /// It closes the connection before it has read anything.
    ClosesBefore,
    /// It takes the order and closes the connection.
    ClosesAfter,
    /// It answers twice.
    AnswersTwice,
    /// It does not take the order.
    Refuses,
    /// It takes the order, never answers, and cannot be asked either.
    SilentAltogether,
    /// It takes nothing, and cannot be asked either.
    DeafAltogether,
}

/// A venue behind a socket: one line in, one line out, a connection each.
struct Server {
    address: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    orders: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            fault: Arc::new(Mutex::new(Fault::None)),
            orders: Arc::default(),
        };
        let (fault, orders) = (Arc::clone(&server.fault), Arc::clone(&server.orders));
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                // One that is never answered stays open.
                kept.extend(serve(stream, &fault, &orders));
            }
        });
        server
    }

    fn orders(&self) -> usize {
        self.orders.lock().unwrap().len()
    }

    fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

/// Serves one connection; gives it back if it is to stay silent.
fn serve(
    stream: TcpStream,
    fault: &Mutex<Fault>,
    orders: &Mutex<Vec<String>>,
) -> Option<TcpStream> {
    let mut fault = fault.lock().unwrap();
    if *fault == Fault::ClosesBefore {
        *fault = Fault::None;
        return None;
    }
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).ok()?;
    let (verb, id) = line.trim().split_once(' ')?;
    let mut orders = orders.lock().unwrap();
    if verb == "lookup" {
        if matches!(*fault, Fault::SilentAltogether | Fault::DeafAltogether) {
            return Some(stream);
        }
        let has = orders.iter().any(|name| name == id);
        let answer = if has { "working" } else { "not-found" };
        writeln!(&stream, "{answer}").ok()?;
        return None;
    }
    let takes = !matches!(*fault, Fault::Refuses | Fault::DeafAltogether);
    if takes {
        // It makes no difference between a new order and one sent again: the gateway must.
        orders.push(id.to_owned());
    }
    let answer = match *fault {
        Fault::SilentAfterAcceptance => {
            *fault = Fault::None;
            return Some(stream);
        }
        Fault::SilentAltogether | Fault::DeafAltogether => return Some(stream),
        Fault::ClosesAfter => {
            *fault = Fault::None;
            return None;
        }
        Fault::Refuses => "refused no such thing",
        Fault::AnswersTwice => "known\nknown",
        Fault::None | Fault::ClosesBefore => "known",
    };
    writeln!(&stream, "{answer}").ok()?;
    None
}

/// The other end.
struct Client(SocketAddr);

impl Client {
    fn ask(&self, verb: &str, id: &VenueOrderId) -> std::io::Result<String> {
        let stream = TcpStream::connect(self.0)?;
        stream.set_read_timeout(Some(Duration::from_millis(150)))?;
        writeln!(&stream, "{verb} {id}")?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    fn send(&self, order: &ClearedIntent<'_>) -> VenueReply {
        match self.ask("send", order.id()) {
            Ok(answer) if answer == "known" => VenueReply::Known,
            Ok(answer) if answer.starts_with("refused") => VenueReply::Refused(answer),
            Ok(answer) => VenueReply::Unknown(format!("unexpected answer {answer:?}")),
            Err(error) => VenueReply::Unknown(error.to_string()),
        }
    }
}

impl VenueClient for Client {
    fn name(&self) -> &'static str {
        "socket"
    }

    fn submit(&mut self, order: &ClearedIntent<'_>) -> VenueReply {
        self.send(order)
    }

    fn cancel(&mut self, cancel: &ClearedIntent<'_>) -> VenueReply {
        self.send(cancel)
    }

    fn replace(&mut self, order: &ClearedIntent<'_>) -> VenueReply {
        self.send(order)
    }

    fn lookup(&mut self, id: &VenueOrderId) -> VenueLookup {
        // Connections are served one after the other, so nothing is under way when this is read.
        match self.ask("lookup", id) {
            Ok(answer) if answer == "working" => VenueLookup::Working,
            Ok(answer) if answer == "not-found" => VenueLookup::NotFound,
            Ok(answer) => VenueLookup::Unknown(format!("unexpected answer {answer:?}")),
            Err(error) => VenueLookup::Unknown(error.to_string()),
        }
    }
}

/// A gateway over the socket for the manifest's first execution.
fn gateway(world: &World, manifest: &Manifest, server: &Server) -> (Gateway<Client>, Execution) {
    let account = Id::parse(&manifest.account.name).unwrap();
    let lease = Lease::acquire(&world.data, &account).unwrap();
    let (need, now) = (LimitsRequirement::IfThere, UnixNanos(0));
    let limits = LimitsWatch::start(&world.data, &account, manifest, need, now).unwrap();
    let run = manifest.run_id().unwrap();
    let text = manifest.canonical().unwrap();
    let execution = world.data.executions_of(&run).unwrap().pop();
    let execution =
        execution.unwrap_or_else(|| world.data.new_execution(&run, &text, true).unwrap());
    let kill = KillSwitch::new(&world.data, &account, Some(&execution));
    let guard = Arc::new(RunGuard::new(
        kill,
        limits,
        lease.admit_run(1).unwrap(),
        None,
    ));
    let terms = GatewayConfig {
        signer: SharedSigner::new(signer()),
        guard,
        policy: run,
        books: ReconcileConfig {
            instruments: Vec::new(),
            cash: Money::ZERO,
            cash_tolerance: Money::ZERO,
            interval_nanos: i64::MAX,
        },
        start: RunStarter::default(),
        resumed_at: None,
        clock: RecordClock::default(),
        head: SignedHead::default(),
    };
    let client = Client(server.address);
    let gateway = Gateway::open(client, &execution, terms, PriorDecisions::new());
    (gateway.unwrap(), execution)
}

#[test]
fn whatever_a_venue_does_wrong_there_is_one_order_and_one_end() {
    let table = [
        (Fault::None, SubmissionEnd::Acknowledged, 1, 1),
        (
            Fault::SilentAfterAcceptance,
            SubmissionEnd::Acknowledged,
            1,
            1,
        ),
        (Fault::ClosesAfter, SubmissionEnd::Acknowledged, 1, 1),
        (Fault::AnswersTwice, SubmissionEnd::Acknowledged, 1, 1),
        // Sent again, with another token, because the venue is sure not to have it.
        (Fault::ClosesBefore, SubmissionEnd::Acknowledged, 1, 2),
        (Fault::Refuses, SubmissionEnd::Rejected, 0, 1),
    ];
    for (fault, end, orders, tokens) in table {
        let world = World::small(3);
        let manifest = manifest(&world, "faults");
        let server = Server::start();
        let (mut gateway, execution) = gateway(&world, &manifest, &server);
        let all = released(&world, &manifest);
        server.set(fault);
        assert_eq!(gateway.carry(&all[0]).unwrap(), end, "{fault:?}");
        assert_eq!(server.orders(), orders, "{fault:?}");
        assert_eq!(spent(&execution).len(), tokens, "{fault:?}");
        assert_eq!(ends(&execution).len(), 1, "{fault:?}");
    }
}

#[test]
fn what_is_not_known_stops_the_run_and_is_asked_for_by_the_next_process() {
    //   what the venue does, whether the account is stopped meanwhile, how it ends, orders there
    let table = [
        (Fault::SilentAltogether, false, "acknowledged", None, 1),
        (Fault::SilentAltogether, true, "acknowledged", None, 1),
        (Fault::DeafAltogether, false, "acknowledged", None, 1),
        (
            Fault::DeafAltogether,
            true,
            "not-sent",
            Some("token.stopped"),
            0,
        ),
    ];
    for (fault, stopped, end, refusal, orders) in table {
        let world = World::small(3);
        let manifest = manifest(&world, "unknown");
        let server = Server::start();
        let all = released(&world, &manifest);
        let (mut first, execution) = gateway(&world, &manifest, &server);
        server.set(fault);
        let error = first.carry(&all[0]).unwrap_err();
        assert!(matches!(error, GatewayError::Unresolved { .. }), "{error}");
        assert!(error.to_string().starts_with("order.unknown"), "{error}");
        assert_eq!(ends(&execution), []);
        drop(first);
        server.set(Fault::None);
        if stopped {
            let account = KillTarget::Account(Id::parse("test").unwrap());
            set_switch(&world.data, &account, "a drill").unwrap();
        }
        let (mut second, _) = gateway(&world, &manifest, &server);
        second.carry(&all[0]).unwrap();
        let place = format!("{fault:?}, stopped: {stopped}");
        assert_eq!(ends(&execution), [(0, end, refusal)], "{place}");
        assert_eq!(server.orders(), orders, "{place}");
    }
}

#[test]
fn tokens_that_are_spent_altered_foreign_or_stale_are_refused_and_written_down() {
    let world = World::small(3);
    let manifest = manifest(&world, "presented");
    let server = Server::start();
    let all = released(&world, &manifest);
    let (mut gateway, execution) = gateway(&world, &manifest, &server);
    gateway.carry(&all[0]).unwrap();
    let (token, signed) = spent(&execution).remove(0);
    let origin = order_log::origin(&execution);
    let changed = |change: &dyn Fn(&mut OrderAuthorization)| {
        let mut other = token;
        change(&mut other);
        SignedToken::sign(&other, &origin, signer().as_ref()).unwrap()
    };
    let mut flipped = signed.clone();
    *flipped.bytes.last_mut().unwrap() ^= 1;
    let note = changed(&|token| token.fencing_token += 1).note;
    let swapped = SignedToken {
        note,
        ..signed.clone()
    };
    let table = [
        (signed.clone(), "token.spent"),
        (flipped, "token.altered"),
        (swapped, "token.altered"),
        (changed(&|token| token.plan.0.0[0] ^= 1), "token.altered"),
        (changed(&|token| token.run.0[0] ^= 1), "token.foreign"),
        (changed(&|token| token.execution += 1), "token.foreign"),
        (changed(&|token| token.approver[0] ^= 1), "token.foreign"),
        (
            changed(&|token| token.fencing_token += 1),
            "token.stale-lease",
        ),
        (
            changed(&|token| token.policy.0[0] ^= 1),
            "token.other-policy",
        ),
        (
            changed(&|token| token.limits.0[0] ^= 1),
            "token.other-limits",
        ),
        (changed(&|token| token.not_after.0 = 0), "token.expired"),
        (changed(&|token| token.sequence = 9), "token.no-verdict"),
    ];
    let before = server.orders();
    let mut expect = Vec::new();
    for (token, code) in table {
        let refusal = gateway.present(&token).unwrap();
        assert_eq!(refusal.code(), code);
        expect.push(code);
    }
    assert_eq!(server.orders(), before, "the venue receives none");
    let refused = log(&execution).into_iter().filter_map(|record| {
        if let OrderLogRecord::Refused { refusal, .. } = record {
            Some(refusal.code())
        } else {
            None
        }
    });
    assert_eq!(refused.collect::<Vec<_>>(), expect);
}

#[test]
fn an_order_log_with_any_byte_changed_is_not_gone_on_with() {
    let world = World::small(3);
    let manifest = manifest(&world, "changed");
    let server = Server::start();
    let all = released(&world, &manifest);
    let (mut first, execution) = gateway(&world, &manifest, &server);
    first.carry(&all[0]).unwrap();
    drop(first);
    let path = order_log::path(&execution);
    let whole = std::fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let own = signer();
        let opened =
            order_log::OrderLog::resume(&execution, own, &key(&execution), SignedHead::default());
        let last = whole.len() - 350;
        // A byte of the last checkpoint that makes it none leaves a tail as a kill does.
        assert!(opened.is_err() || place > last, "byte {place}");
    }
}

/// Calls something once after so many bytes were read.
struct Then<'a> {
    bytes: &'a [u8],
    after: usize,
    act: Option<Box<dyn FnOnce() + Send + 'a>>,
}

impl Read for Then<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.after == 0
            && let Some(act) = self.act.take()
        {
            act();
        }
        // One line at a time.
        let line = self.bytes.iter().position(|byte| *byte == b'\n');
        let most = line.map_or(self.bytes.len(), |end| end + 1);
        let read = (&self.bytes[..most]).read(buffer)?;
        self.bytes = &self.bytes[read..];
        self.after = self.after.saturating_sub(1);
        Ok(read)
    }
}

/// Runs live over the world's bars, and does something once 11 of 26 lines were read.
fn live_then<'a>(
    world: &'a World,
    manifest: &Manifest,
    act: impl FnOnce() + Send + 'a,
) -> Result<ExecutionOutcome, Box<ExecuteError>> {
    let lines = world.lines(manifest);
    let source = Then {
        bytes: lines.as_bytes(),
        after: 11,
        act: Some(Box::new(act)),
    };
    let source = BufReader::new(source);
    live(
        &world.data,
        manifest,
        world.engine(),
        signer(),
        source,
        None,
        &mut Ignore,
    )
    .map_err(Box::new)
}

/// The stop record of a run, which must verify and replay.
#[track_caller]
fn stopped(world: &World, outcome: &ExecutionOutcome) -> (StopCause, String) {
    assert_eq!(outcome.close.reason, CloseReason::Stopped);
    let execution = &outcome.execution;
    let report = verified(&std::fs::read(execution.journal()).unwrap());
    assert!(report.is_good(), "{:?}", report.findings);
    let replay = world.replay(outcome).unwrap();
    assert!(replay.difference.is_none(), "{:?}", replay.difference);
    let records = records(execution.journal().path(), &execution.origin());
    let stop = records.into_iter().find_map(|record| {
        if let RunRecord::Stop(stop) = record {
            Some(stop.stop)
        } else {
            None
        }
    });
    let stop = stop.unwrap();
    (stop.cause, stop.message)
}

#[test]
fn a_kill_ends_the_run_before_the_next_slice_and_keeps_it_from_starting() {
    type Choose = fn(&World, &Manifest) -> KillTarget;
    let table: [(Choose, StopCause); 3] = [
        (
            |world, manifest| {
                let run = manifest.run_id().unwrap().hex();
                KillTarget::Run(world.data.find(&run).unwrap())
            },
            StopCause::RunKilled,
        ),
        (
            |_, _| KillTarget::Account(Id::parse(" TEST").unwrap()),
            StopCause::AccountKilled,
        ),
        (
            |_, _| KillTarget::Installation,
            StopCause::InstallationKilled,
        ),
    ];
    for (choose, cause) in table {
        let world = World::small(13);
        let manifest = manifest(&world, "killed");
        let outcome = live_then(&world, &manifest, || {
            set_switch(&world.data, &choose(&world, &manifest), "enough").unwrap();
        });
        let outcome = outcome.unwrap();
        assert_eq!(stopped(&world, &outcome), (cause, "enough".to_owned()));
        assert_eq!(outcome.close.decisions, 10, "five slices of two bars");
        let target = choose(&world, &manifest);
        let next = self::manifest(&world, "next");
        let started = world.live(&next, "");
        if cause != StopCause::RunKilled {
            let error = started.unwrap_err().to_string();
            assert!(error.starts_with(cause.name()), "{error}");
            assert!(lift(&world.data, &target).unwrap());
            world.live(&next, "").unwrap();
        }
        assert!(!lift(&world.data, &KillTarget::Installation).unwrap());
    }
}

/// The limits of the tests' account from one time to another.
fn set_limits(world: &World, times: (&str, &str), risk: RiskEntry) {
    let limits = AccountLimits {
        format: "counterfoil-limits/1".to_owned(),
        account: "test".to_owned(),
        not_before: times.0.to_owned(),
        not_after: times.1.to_owned(),
        risk,
    };
    write_limits(world, &serde_json::to_vec(&limits).unwrap());
}

fn write_limits(world: &World, bytes: &[u8]) {
    let folder = world.path().join("limits");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("test.json"), bytes).unwrap();
}

const ALWAYS: (&str, &str) = ("2000-01-01", "2200-01-01");

#[test]
fn a_run_without_certain_limits_does_not_start_and_does_not_go_on() {
    type Set = fn(&World);
    let at_start: [(Set, &str); 4] = [
        (|world| write_limits(world, b"{}"), "limits-unreadable"),
        (
            |world| set_limits(world, ("2000-01-01", "2000-01-02"), RiskEntry::research()),
            "limits-stale",
        ),
        (
            |world| set_limits(world, ("2190-01-01", "2200-01-02"), RiskEntry::research()),
            "limits-stale",
        ),
        (
            |world| {
                let risk = RiskEntry {
                    order_notional_max: "5".to_owned(),
                    ..RiskEntry::research()
                };
                set_limits(world, ALWAYS, risk);
            },
            "limits-inconsistent",
        ),
    ];
    let world = World::small(13);
    for (place, (set, code)) in at_start.into_iter().enumerate() {
        set(&world);
        let manifest = manifest(&world, &format!("start {place}"));
        let error = world.live(&manifest, "").unwrap_err().to_string();
        assert!(error.starts_with(code), "{error}");
    }
    let mut short = manifest(&world, "short");
    short.risk.daily_loss_max = None;
    set_limits(&world, ALWAYS, RiskEntry::research());
    let error = world.live(&short, "").unwrap_err().to_string();
    assert!(error.starts_with("limits-missing"), "{error}");

    let later: [(Set, StopCause); 3] = [
        (
            |world| std::fs::remove_file(world.path().join("limits/test.json")).unwrap(),
            StopCause::LimitsMissing,
        ),
        (
            |world| write_limits(world, b"not json"),
            StopCause::LimitsUnreadable,
        ),
        (
            |world| {
                let risk = RiskEntry {
                    orders_per_day_max: Some(999_999),
                    ..RiskEntry::research()
                };
                set_limits(world, ALWAYS, risk);
            },
            StopCause::LimitsInconsistent,
        ),
    ];
    for (place, (set, cause)) in later.into_iter().enumerate() {
        set_limits(&world, ALWAYS, RiskEntry::research());
        let manifest = manifest(&world, &format!("later {place}"));
        let outcome = live_then(&world, &manifest, || set(&world));
        assert_eq!(stopped(&world, &outcome.unwrap()).0, cause);
    }
}

#[test]
fn a_clock_that_may_be_too_far_off_starts_nothing_and_what_the_kernel_says_is_on_record() {
    let world = World::small(13);
    let mut exact = manifest(&world, "exact");
    // No clock is exact, so no machine starts this.
    exact.risk.clock_offset_max_ms = Some(0);
    let error = world.live(&exact, "").unwrap_err().to_string();
    assert!(error.starts_with("clock-off"), "{error}");
    let usual = manifest(&world, "usual");
    let execution = world.live(&usual, &world.lines(&usual)).unwrap().execution;
    let records = log(&execution);
    let clocks = records
        .iter()
        .filter(|record| matches!(record, OrderLogRecord::Clock { .. }));
    assert_eq!(clocks.count(), 1, "the run took less than a minute");
}

#[test]
fn a_clock_that_was_set_back_gives_no_earlier_time_and_the_step_is_on_record() {
    let world = World::small(13);
    let manifest = manifest(&world, "set back");
    let setup = manifest.setup().unwrap();
    let context = live_context(&world.data, &manifest, 1).unwrap();
    // As if the clock had been 50 seconds ahead when it was last read.
    let last = UnixNanos(clock::now().0 + 50_000_000_000);
    context.clock.not_before(last);
    let component = PreparedComponent::new(&world.data, &manifest, &setup, world.engine());
    let outcome = live_in_context(
        &world.data,
        context,
        &manifest,
        &component.unwrap(),
        signer(),
        world.lines(&manifest).as_bytes(),
        &mut Ignore,
    )
    .unwrap();
    let execution = &outcome.execution;
    let of_orders = log(execution);
    let mut steps = Vec::new();
    for record in &of_orders {
        if let OrderLogRecord::ClockStep { clock, time } = record {
            steps.push((*clock < last, *time));
        }
    }
    // Each slice takes what was seen since the one before.
    assert!(!steps.is_empty() && steps.iter().all(|step| *step == (true, last)));
    let mut times = of_orders.iter().filter_map(OrderLogRecord::time);
    assert!(times.all(|time| time == last));
    for decision in decisions(&records(execution.journal().path(), &execution.origin())) {
        assert_eq!(decision.circumstances.times, Some((last, last)));
    }
    // Further behind than any correction is, the run does not go on.
    let far = UnixNanos(clock::now().0 + 3_600_000_000_000);
    let manifest = self::manifest(&world, "far behind");
    let context = live_context(&world.data, &manifest, 1).unwrap();
    context.clock.not_before(far);
    let stopped = live_in_context(
        &world.data,
        context,
        &manifest,
        &PreparedComponent::new(&world.data, &manifest, &setup, world.engine()).unwrap(),
        signer(),
        world.lines(&manifest).as_bytes(),
        &mut Ignore,
    );
    let error = stopped.unwrap_err().to_string();
    assert!(error.contains("clock.behind: the clock says "), "{error}");
}

/// Names the data directory to a child, which takes the lease of the account and waits.
const FOLDER: &str = "COUNTERFOIL_TESTS_LEASE_FOLDER";

/// No test of its own: the process that the test below starts and kills.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let data = DataDir::open(Path::new(&folder)).unwrap();
    let lease = Lease::acquire(&data, &Id::parse("Test").unwrap()).unwrap();
    std::fs::write(data.root().join("taken"), lease.fencing_token().to_string()).unwrap();
    let mut never = String::new();
    std::io::stdin().read_line(&mut never).unwrap();
}

#[test]
fn two_processes_never_have_one_account_and_every_holder_has_a_new_epoch() {
    let world = World::small(3);
    let account = Id::parse("test").unwrap();
    let taken = world.path().join("taken");
    for expect in ["1", "3", "5"] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["orders::child", "--exact"])
            .env(FOLDER, world.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while std::fs::read_to_string(&taken).ok().as_deref() != Some(expect) {
            assert_eq!(child.try_wait().unwrap(), None, "the child ended early");
            thread::yield_now();
        }
        let error = Lease::acquire(&world.data, &account).unwrap_err();
        assert_eq!(error.code(), "lease.held");
        let manifest = manifest(&world, "held");
        let error = world.live(&manifest, "").unwrap_err().to_string();
        assert!(error.starts_with("lease.held"), "{error}");
        child.kill().unwrap();
        child.wait().unwrap();
        let lease = Lease::acquire(&world.data, &account).unwrap();
        assert_eq!(
            lease.fencing_token().to_string(),
            expect
                .parse::<u64>()
                .map(|number| number + 1)
                .unwrap()
                .to_string()
        );
    }
}

#[test]
fn an_account_takes_so_many_runs_and_notices_that_it_was_taken_away() {
    let world = World::small(3);
    let account = Id::parse("test").unwrap();
    let lease = Lease::acquire(&world.data, &account).unwrap();
    let first = lease.admit_run(2).unwrap();
    let _second = lease.admit_run(2).unwrap();
    assert_eq!(lease.admit_run(2).unwrap_err().code(), "account.runs");
    drop(first);
    let _third = lease.admit_run(2).unwrap();
    lease.check().unwrap();
    // The lock file is deleted, and another process takes the account.
    let lock = world.path().join("leases/test.lock");
    std::fs::remove_file(&lock).unwrap();
    let other = Lease::acquire(&world.data, &account).unwrap();
    assert_eq!((lease.fencing_token(), other.fencing_token()), (1, 2));
    assert_eq!(lease.check().unwrap_err().code(), "lease.lost");
    other.check().unwrap();
    drop(other);
    // No run starts over from a lease that cannot be read.
    std::fs::write(world.path().join("leases/test.lease"), "{}").unwrap();
    let error = Lease::acquire(&world.data, &account).unwrap_err();
    assert_eq!(error.code(), "lease.unreadable");
}

#[test]
fn a_run_whose_account_was_taken_away_sends_nothing_more() {
    let world = World::small(13);
    let manifest = manifest(&world, "taken");
    let outcome = live_then(&world, &manifest, || {
        std::fs::remove_file(world.path().join("leases/test.lock")).unwrap();
        drop(Lease::acquire(&world.data, &Id::parse("test").unwrap()).unwrap());
    });
    let outcome = outcome.unwrap();
    let (cause, message) = stopped(&world, &outcome);
    assert_eq!(cause, StopCause::LeaseLost);
    assert!(message.starts_with("lease.lost"), "{message}");
    assert_eq!(outcome.close.decisions, 10);
}

/// Cuts a log to its first `entries` entries, each with its checkpoint.
fn first_entries(log: &[u8], entries: usize) -> Vec<u8> {
    use counterfoil_journal::frame::{Frame, FrameReader};
    let (mut reader, mut end, mut seen) = (FrameReader::new(), 0, 0);
    while seen < entries {
        let parsed = reader.parse(&log[end..]).unwrap();
        end += parsed.consumed;
        if let Some(Frame::Checkpoint(_)) = parsed.frame {
            seen += 1;
        }
    }
    log[..end].to_vec()
}

/// Resumes an execution over the same lines.
fn resume(world: &World, execution: &Execution, lines: &str) -> ExecutionOutcome {
    let ResumeAttempt::Ready(ready) = open(&world.data, execution, signer()).unwrap() else {
        panic!("the journal does not hold");
    };
    let component = ready.prepare(&world.data, world.engine()).unwrap();
    let around = ResumeDeps {
        data: &world.data,
        component: &component,
        observer: &mut Ignore,
        on_event: &mut |_| {},
    };
    match ready.live(lines.as_bytes(), None, around).unwrap() {
        ResumeOutcome::Ended { outcome, .. } => *outcome,
        ResumeOutcome::Blocked(halt) => panic!("{halt}"),
    }
}

/// The journal up to the decision that authorizes the plan of this number, its checkpoint included.
fn until_plan(journal: &[u8], number: u64) -> Vec<u8> {
    for entries in 1.. {
        let bytes = first_entries(journal, entries);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(&path, &bytes).unwrap();
        let mut reader = counterfoil_runner::run::journal::JournalReader::open(&path).unwrap();
        while let Some(body) = reader.next_body().unwrap() {
            if let RunRecord::Decision(decision) = RunRecord::decode(body).unwrap()
                && decision
                    .circumstances
                    .plans
                    .iter()
                    .any(|plan| plan.token == number)
            {
                return bytes;
            }
        }
    }
    unreachable!("the plan is in the journal")
}

/// What a crash leaves around the third order: nothing in the order log, its spent token, or its end.
/// Whether it may still be sent depends on which process has had the account since.
#[test]
fn an_order_that_a_crash_cut_off_is_sent_once_or_told_as_not_sent() {
    //   records kept after the second order's end, whether another process had the account, whether
    //   the third order is reported as not sent
    let table = [
        (0, false, None),
        (1, false, None),
        (2, false, None),
        (0, true, Some("token.stale-lease")),
        (1, true, Some("token.stale-lease")),
        (2, true, None),
    ];
    for (kept, taken, refusal) in table {
        let place = format!("{kept} records, taken: {taken}");
        let world = World::small(13);
        let manifest = manifest(&world, "cut off");
        let lines = world.lines(&manifest);
        let whole = world.live(&manifest, &lines).unwrap();
        let execution = whole.execution.clone();
        let journal = std::fs::read(execution.journal()).unwrap();
        let orders = std::fs::read(order_log::path(&execution)).unwrap();
        std::fs::write(execution.journal(), until_plan(&journal, 2)).unwrap();
        // Open, lease and clock, then a spent token and an end for each order.
        let part = first_entries(&orders, 3 + 2 * 2 + kept);
        std::fs::write(order_log::path(&execution), part).unwrap();
        if taken {
            drop(Lease::acquire(&world.data, &Id::parse("test").unwrap()).unwrap());
        }
        let outcome = resume(&world, &execution, &lines);
        let all = ends(&execution);
        let numbers: Vec<u64> = all.iter().map(|(number, ..)| *number).collect();
        let expect: Vec<u64> = (0..numbers.len() as u64).collect();
        assert_eq!(numbers, expect, "{place}: each order has one end");
        assert_eq!(all[2].2, refusal, "{place}");
        let report = verified(&std::fs::read(execution.journal()).unwrap());
        assert!(report.is_good(), "{place}: {:?}", report.findings);
        let replay = world.replay(&outcome).unwrap();
        assert!(
            replay.difference.is_none(),
            "{place}: {:?}",
            replay.difference
        );
        let same = outcome.close.decision_digest == whole.close.decision_digest;
        assert_eq!(same, refusal.is_none(), "{place}");
        let records = records(execution.journal().path(), &execution.origin());
        let is_reported = records.iter().any(|record| {
            let RunRecord::Deliveries(record) = record else {
                return false;
            };
            record.deliveries.iter().any(|delivery| {
                matches!(delivery, Delivery::Event(event)
                    if event.code == OrderCode::NotSent && event.status == OrderStatus::Rejected)
            })
        });
        assert_eq!(is_reported, refusal.is_some(), "{place}");
    }
}
