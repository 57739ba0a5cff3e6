//! A run at a broker, slice by slice: the test sends a slice, the run decides it, and then the test
//! controls the broker.

use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use counterfoil_journal::key::VerifierKey;
use counterfoil_runner::orders::gateway::broker::BrokerBridge;
use counterfoil_runner::orders::gateway::order_log;
use counterfoil_runner::orders::venues::Venues;
use counterfoil_runner::run::execute::{ExecuteError, ExecutionOutcome};
use counterfoil_runner::run::feed::{LineRead, LineSource};
use counterfoil_runner::run::live::live;
use counterfoil_runner::run::resume::{self, ResumeAttempt, ResumeDeps, ResumeOutcome};
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_tests::world::{Ignore, World, over_a_feed, signer};
use counterfoil_trading::gateway::OrderLogRecord;
use counterfoil_trading::manifest::{BrokerEntry, DataSource, Manifest};
use serde_json::json;

use super::venue::exchange::{Exchange, Order};

/// Longer than anything in these tests is old.
pub(crate) const YEARS_MS: u64 = 315_360_000_000;

/// A broker, and the run that trades there.
pub(crate) struct Desk {
    pub(crate) exchange: Exchange,
    pub(crate) manifest: Manifest,
    key: PathBuf,
}

/// The moving-average cross over a broker.
pub(crate) fn over_a_broker(world: &World, tolerance: &str) -> Manifest {
    at_a_broker(&world.cross(&["AAA", "BBB"], 2, 4, 10), tolerance)
}

/// The same manifest over a feed, with its orders at a broker.
pub(crate) fn at_a_broker(manifest: &Manifest, tolerance: &str) -> Manifest {
    let mut manifest = over_a_feed(manifest, "broker");
    // The bars are years old.
    manifest.risk.bar_age_max_ms = Some(YEARS_MS);
    if let DataSource::Feed { broker, .. } = &mut manifest.data {
        *broker = Some(BrokerEntry {
            name: "alpaca".to_owned(),
            environment: "paper".to_owned(),
            cash_tolerance: tolerance.to_owned(),
        });
    }
    manifest
}

/// Orders that can still fill, with their leaves quantity.
pub(crate) fn open_orders(exchange: &Exchange) -> Vec<(usize, i64)> {
    let can = |status| ["new", "partially_filled", "pending_cancel"].contains(&status);
    exchange.with(|state| {
        let all = state.orders.iter().enumerate();
        let open = all.filter(|(_, order)| can(order.status));
        open.map(|(place, order)| (place, order.quantity - order.filled))
            .collect()
    })
}

impl Desk {
    /// An account that holds more cash than the run begins with.
    pub(crate) fn start(world: &World, tolerance: &str) -> Self {
        Self::of(world, over_a_broker(world, tolerance))
    }

    /// The same with a run of this manifest.
    pub(crate) fn of(world: &World, manifest: Manifest) -> Self {
        let key = world.path().join("key.json");
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.create(true).truncate(true).write(true).open(&key);
        let text = br#"{"key": "KEY", "secret": "SECRET"}"#;
        std::io::Write::write_all(&mut file.unwrap(), text).unwrap();
        Self {
            exchange: Exchange::start(200_000_000),
            manifest,
            key,
        }
    }

    fn bridge(&self) -> BrokerBridge {
        let venues = json!({"alpaca": {
            "credentials": self.key,
            "orders": format!("http://127.0.0.1:{}", self.exchange.requests),
            "order-updates": format!("ws://127.0.0.1:{}", self.exchange.stream),
        }});
        let venues: Venues = serde_json::from_value(venues).unwrap();
        let setup = self.manifest.setup().unwrap();
        venues.broker(&self.manifest, &setup).unwrap().unwrap()
    }

    /// Orders that can still fill, with their leaves quantity.
    pub(crate) fn open_orders(&self) -> Vec<(usize, i64)> {
        open_orders(&self.exchange)
    }

    /// An order that another program sent.
    pub(crate) fn foreign_order(&self, name: &str) {
        let asked = json!({
            "client_order_id": name, "symbol": "AAA", "side": "buy", "qty": "1", "type": "market",
            "time_in_force": "day",
        });
        self.exchange.with(|state| {
            state.orders.push(Order {
                name: name.to_owned(),
                asked,
                quantity: 1,
                filled: 0,
                status: "new",
            });
        });
    }

    /// A run to its end.
    pub(crate) fn run(&self, world: &World, act: impl FnOnce(&mut Steps)) -> ExecutionOutcome {
        self.run_until(world, usize::MAX, act).unwrap()
    }

    /// A run whose feed breaks after so many slices.
    pub(crate) fn run_until(
        &self,
        world: &World,
        slices: usize,
        act: impl FnOnce(&mut Steps),
    ) -> Result<ExecutionOutcome, Box<ExecuteError>> {
        let bridge = self.bridge();
        stepped(world, &self.manifest, slices, act, |lines| {
            let engine = world.engine();
            live(
                &world.data,
                &self.manifest,
                engine,
                signer(),
                lines,
                Some(bridge),
                &mut Ignore,
            )
            .map_err(Box::new)
        })
    }

    /// Resumes the run, over all bars again.
    pub(crate) fn resume(&self, world: &World, act: impl FnOnce(&mut Steps)) -> ExecutionOutcome {
        let run = self.manifest.run_id().unwrap();
        let execution = world.data.executions_of(&run).unwrap().pop().unwrap();
        let bridge = self.bridge();
        stepped(world, &self.manifest, usize::MAX, act, |lines| {
            let ResumeAttempt::Ready(ready) =
                resume::open(&world.data, &execution, signer()).unwrap()
            else {
                panic!("the journal does not hold");
            };
            let component = ready.prepare(&world.data, world.engine()).unwrap();
            let around = ResumeDeps {
                data: &world.data,
                component: &component,
                observer: &mut Ignore,
                on_event: &mut |_| {},
            };
            match ready.live(lines, Some(bridge), around).unwrap() {
                ResumeOutcome::Ended { outcome, .. } => *outcome,
                ResumeOutcome::Blocked(halt) => panic!("{halt}"),
            }
        })
    }

    /// Why a manifest does not start.
    pub(crate) fn refusal(&self, world: &World, manifest: &Manifest) -> String {
        let done = live(
            &world.data,
            manifest,
            world.engine(),
            signer(),
            &b""[..],
            Some(self.bridge()),
            &mut Ignore,
        );
        done.unwrap_err().to_string()
    }
}

/// Every record of an execution's order log.
pub(crate) fn log(execution: &Execution) -> Vec<OrderLogRecord> {
    let key = VerifierKey::new(&order_log::origin(execution), &signer().verifying_key());
    order_log::records(execution, &key.unwrap()).unwrap()
}

/// The feed's end that the run reads.
pub(crate) struct Lines {
    sent: Receiver<Option<String>>,
    asked: Sender<()>,
    is_broken: bool,
}

impl LineSource for Lines {
    fn next_line(&mut self, line: &mut Vec<u8>) -> std::io::Result<LineRead> {
        // The test that drives it may have ended.
        let _nobody_waits = self.asked.send(());
        match self.sent.recv() {
            Ok(Some(text)) => {
                line.extend_from_slice(text.as_bytes());
                Ok(LineRead::Line)
            }
            Err(_) if self.is_broken => Err(Error::from(ErrorKind::ConnectionReset)),
            Ok(None) | Err(_) => Ok(LineRead::End),
        }
    }
}

/// The feed's end that a test drives.
pub(crate) struct Steps {
    slices: std::vec::IntoIter<Vec<String>>,
    send: Sender<Option<String>>,
    asked: Receiver<()>,
}

impl Steps {
    /// Whether more slices come: what fills after the last one is in no record.
    pub(crate) fn goes_on(&self) -> bool {
        self.slices.len() > 0
    }

    /// Sends a slice and waits until it is decided; false if there is no slice left, or the run has ended.
    pub(crate) fn slice(&mut self) -> bool {
        let Some(lines) = self.slices.next() else {
            return false;
        };
        for line in lines {
            if self.send.send(Some(line)).is_err() {
                return false;
            }
            // It asks for the next line once it is done with this one.
            if self.asked.recv().is_err() {
                return false;
            }
        }
        true
    }
}

/// Lets `run` read what `act` sends.
fn stepped<T: Send>(
    world: &World,
    manifest: &Manifest,
    slices: usize,
    act: impl FnOnce(&mut Steps),
    run: impl FnOnce(Lines) -> T + Send,
) -> T {
    let lines = world.lines(manifest);
    let lines: Vec<String> = lines.lines().map(|line| format!("{line}\n")).collect();
    let whole: Vec<Vec<String>> = lines.chunks(2).map(<[String]>::to_vec).collect();
    let is_broken = slices < whole.len();
    let some: Vec<Vec<String>> = whole.into_iter().take(slices).collect();
    let (send, receive) = channel();
    let (tell, asked) = channel();
    let source = Lines {
        sent: receive,
        asked: tell,
        is_broken,
    };
    thread::scope(|scope| {
        let running = scope.spawn(move || run(source));
        let mut steps = Steps {
            slices: some.into_iter(),
            send,
            asked,
        };
        // The first question comes before the first line.
        if steps.asked.recv().is_ok() {
            act(&mut steps);
        }
        drop(steps);
        running.join().unwrap()
    })
}
