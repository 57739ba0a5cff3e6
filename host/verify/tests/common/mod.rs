//! Small journals for tests and benches: a native strategy goes down the run's own path, and the
//! bodies that come out are chained, hashed and signed here, as a runner would do it.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test and bench uses the part that it needs, and may fail"
)]

use core::convert::Infallible;

use counterfoil_base::digest::Digest;
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::entry::Chain;
use counterfoil_journal::frame::{MAGIC, write_checkpoint, write_entry};
use counterfoil_journal::inclusion::inclusion_proof;
use counterfoil_journal::proof::TlogProof;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::RecordSalt;
use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
use counterfoil_journal::tree::Tree;
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::corporate::CorporateAction;
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::execution::{Fill, OrderEvent};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::journal::{Journal, RecordBytes, RecordSeal};
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::order::{
    ClientOrderId, Intent, Order, OrderType, Request, Side, TimeInForce,
};
use counterfoil_trading::record::deliveries::encode_action;
use counterfoil_trading::record::{
    DataCommitment, HostBuild, Opening, OpeningReader, RunRecord, RunStarter, record_kind,
    seal_of_kind,
};
use counterfoil_trading::run::{Run, RunClock, RunPorts, StepOutcome};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::{AccountView, BarView, CallbackError, Fault, Strategy};
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::{Price, Quantity, Volume};
use counterfoil_trading::venue::simulated::SimulatedVenue;
use sha2::{Digest as _, Sha256};

/// The log's signer in all of these.
pub fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed(&[42; 32])
}

/// Its public key.
pub fn key() -> PublicKey {
    PublicKey(signer().verifying_key())
}

/// A manifest for so many instruments.
pub fn manifest(instruments: usize, cadence: u32, data: &str) -> Manifest {
    let digest = "sha256:".to_owned() + &"ab".repeat(32);
    let instruments: Vec<String> = (0..instruments)
        .map(|place| {
            format!(
                r#"{{"symbol":"SYM{place}","price-scale":2,"tick-size":"0.01",
                "quantity-scale":0,"lot-size":"1","volume-scale":0}}"#
            )
        })
        .collect();
    let text = format!(
        r#"{{"format":"counterfoil-manifest/1","component":"{digest}",
        "world":"counterfoil:strategy@0.1.0","profile":"pure","engine":"{digest}",
        "data":{data},"timeframe":"1d","instruments":[{}],"parameters":{{}},"warm-up":1,
        "account":{{"name":"a","owner":"o","kind":"margin","currency":"USD","cash":"100000",
        "leverage":"4","maintenance-bps":"0","margin-call":"reduce"}},
        "costs":{{"fee-bps":"5","maker-fee-bps":"5","fee-per-share":"0","fee-fixed":"0",
        "fee-min":"0","fee-max":"off","slippage-bps":"2","slippage-ticks":0,
        "slippage-volume-bps":"0","volume-cap-bps":"1000","borrow-bps":"0"}},
        "matching":{{"latency-bars":0,"limit-trade-through":false}},
        "risk":{{"orders-per-bar-max":64,"working-orders-max":256,
        "order-notional-max":"1000000","position-notional-max":"1000000",
        "gross-exposure-max":"100000000","price-collar-bps":"5000","drawdown-max-bps":"10000"}},
        "limits":{{"fuel-init":1000000,"fuel-per-callback":1000000,"fuel-per-bar":5000,"memory-bytes":16777216,
        "table-elements":10000,"instances":8,"requests-per-bar":64,"answer-bytes":32768,
        "reason-bytes":200,"log-bytes-per-callback":4096,"deadline-ms":10000}},
        "on-fault":"cancel","seed":"7","cadence":{cadence}}}"#,
        instruments.join(",")
    );
    Manifest::parse(&text).unwrap()
}

/// Data sources for [`manifest`].
pub fn snapshot() -> String {
    let id = "cd".repeat(32);
    format!(r#"{{"snapshot":{{"id":"sha256:{id}","from":null,"to":null}}}}"#)
}

/// A feed.
pub const FEED: &str = r#"{"feed":{"name":"f","start-nonce":"n"}}"#;

/// One bar: a price that wanders, the same on every machine.
pub fn bar(instrument: u32, day: u64) -> ClosedBar {
    let mix = |n: u64| {
        let n = n.wrapping_add(u64::from(instrument) << 32);
        let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        i64::try_from((n ^ (n >> 27)) % 401).unwrap() - 200
    };
    let level = |n: u64| 10_000 + i64::try_from(n % 1_000).unwrap() + mix(n);
    let (open, close) = (level(day), level(day + 1));
    let start = i64::try_from(day).unwrap() * DAY_NANOS;
    ClosedBar::parse(RawBar {
        instrument: InstrumentId(instrument),
        open_time: UnixNanos(start),
        close_time: UnixNanos(start + DAY_NANOS),
        open: Price(open),
        high: Price(open.max(close) + 25),
        low: Price(open.min(close) - 25),
        close: Price(close),
        volume: Volume(5_000 + mix(day + 7)),
    })
    .unwrap()
}

/// All bars: so many days of each instrument.
pub fn bars(instruments: u32, days: u64) -> Vec<ClosedBar> {
    (0..days)
        .flat_map(|day| (0..instruments).map(move |id| bar(id, day)))
        .collect()
}

/// What the native strategy does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// Bars between two rounds of orders; 0: never.
    pub every: u64,
    /// Cancels of an unknown order beside each of them.
    pub burst: usize,
    /// The call, counted over all callbacks from 1, in which it fails.
    pub fails_at: Option<(Fails, u64)>,
}

/// Where the strategy fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fails {
    /// On a bar.
    Bar,
    /// On a fill.
    Fill,
    /// On an order event.
    Event,
    /// On a corporate action.
    Action,
}

/// A strategy in Rust: markets, limits, cancels, replacements and refused orders in turn.
#[derive(Debug, Default)]
pub struct Native {
    pub plan: Plan,
    next_id: u64,
    calls: [u64; 4],
    fuel: u64,
}

impl Native {
    fn call(&mut self, which: Fails) -> Result<(), CallbackError> {
        self.fuel += 100;
        let place = which as usize;
        self.calls[place] += 1;
        if self.plan.fails_at == Some((which, self.calls[place])) {
            return Err(Fault::Unreachable.into());
        }
        Ok(())
    }

    fn order(&mut self, bar: &RawBar, side: Side, order_type: OrderType) -> Order {
        self.next_id += 1;
        Order {
            instrument: bar.instrument,
            client_order_id: ClientOrderId(self.next_id),
            side,
            quantity: Quantity(10),
            order_type,
            time_in_force: TimeInForce::Gtc,
        }
    }
}

impl Strategy for Native {
    fn on_bar(
        &mut self,
        view: &BarView,
        account: &AccountView<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), CallbackError> {
        self.call(Fails::Bar)?;
        let bar = *view.bar.get();
        if self.plan.every == 0 || !view.index.is_multiple_of(self.plan.every) {
            return Ok(());
        }
        let limit = OrderType::Limit(Price(bar.close.0 - 60));
        let intent = match view.index / self.plan.every % 6 {
            0 | 1 => Intent::Submit(self.order(&bar, Side::Buy, OrderType::Market)),
            2 => Intent::Submit(self.order(&bar, Side::Buy, limit)),
            3 => match account.working.first() {
                Some(one) => Intent::Cancel(one.client_order_id),
                None => Intent::Cancel(ClientOrderId(999_999)),
            },
            4 => Intent::Submit(Order {
                quantity: Quantity(0),
                ..self.order(&bar, Side::Sell, OrderType::Market)
            }),
            _ => Intent::Submit(self.order(&bar, Side::Sell, OrderType::Market)),
        };
        let reason = view
            .index
            .is_multiple_of(2)
            .then(|| format!("bar {}", view.index));
        requests.push(Request { intent, reason });
        let cancel = Request {
            intent: Intent::Cancel(ClientOrderId(999_999)),
            reason: None,
        };
        requests.extend(core::iter::repeat_n(cancel, self.plan.burst));
        Ok(())
    }

    fn on_fill(&mut self, _: &Fill, _: &AccountView<'_>) -> Result<(), CallbackError> {
        self.call(Fails::Fill)
    }

    fn on_order_event(
        &mut self,
        _: &OrderEvent,
        _: UnixNanos,
        _: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        self.call(Fails::Event)
    }

    fn on_corporate_action(
        &mut self,
        _: &CorporateAction,
        _: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        self.call(Fails::Action)
    }

    fn take_fuel(&mut self) -> u64 {
        core::mem::take(&mut self.fuel)
    }
}

/// Nanoseconds from a bar's close to its receipt, and from there to the decision.
pub const RECEIVED_AFTER: i64 = 1_000_000_000;

/// The clock of a live run; of a backtest it has no time.
#[derive(Debug)]
pub struct TestClock {
    is_live: bool,
    received: i64,
}

impl RunClock for TestClock {
    fn times(&mut self) -> Option<(UnixNanos, UnixNanos)> {
        let decided = self.received + RECEIVED_AFTER;
        self.is_live
            .then_some((UnixNanos(self.received), UnixNanos(decided)))
    }
}

/// Takes bodies.
#[derive(Default)]
pub struct Bodies {
    pub bodies: Vec<Vec<u8>>,
    pub digest: DecisionDigest,
}

impl Journal for Bodies {
    type Error = Infallible;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), Infallible> {
        self.bodies.push(record.body.to_vec());
        if let Some(part) = record.digested {
            self.digest.add(part);
        }
        Ok(())
    }
}

/// The commitments to some bars.
pub fn commitments(
    manifest: &Manifest,
    bars: &[ClosedBar],
    actions: &[CorporateAction],
) -> Option<Vec<DataCommitment>> {
    let json = manifest.canonical().unwrap();
    if !json.contains("snapshot") {
        return None;
    }
    let of = |(place, symbol): (u32, &str)| {
        let own: Vec<&ClosedBar> = bars
            .iter()
            .filter(|bar| bar.get().instrument.0 == place)
            .collect();
        let mut own_actions: Vec<_> = actions.iter().collect();
        own_actions.retain(|action| action.instrument.0 == place);
        own_actions.sort();
        let mut encoded = Vec::new();
        for action in &own_actions {
            encode_action(action, &mut encoded);
        }
        let mut sha = Sha256::new();
        for bar in &own {
            sha.update(bar.canonical());
        }
        DataCommitment {
            symbol: symbol.to_owned(),
            bars: own.len() as u64,
            first_close: own
                .first()
                .map(|bar| bar.get().close_time)
                .unwrap_or_default(),
            last_close: own
                .last()
                .map(|bar| bar.get().close_time)
                .unwrap_or_default(),
            bars_sha256: Digest::finish(sha),
            actions: own_actions.len() as u64,
            actions_sha256: Digest::of(&encoded),
        }
    };
    let symbols = manifest.instruments.iter().map(|one| one.symbol.as_str());
    Some((0..).zip(symbols).map(of).collect())
}

/// The bodies of a run over `decided`, whose open record promises `promised`.
pub fn run(
    manifest: &Manifest,
    promised: &[ClosedBar],
    decided: &[ClosedBar],
    plan: Plan,
) -> Vec<Vec<u8>> {
    run_with(manifest, promised, decided, &[], plan)
}

/// The same, with corporate actions.
pub fn run_with(
    manifest: &Manifest,
    promised: &[ClosedBar],
    decided: &[ClosedBar],
    actions: &[CorporateAction],
    plan: Plan,
) -> Vec<Vec<u8>> {
    let setup = manifest.setup().unwrap();
    let opening = Opening {
        manifest: manifest.canonical().unwrap(),
        execution: 3,
        host: HostBuild {
            version: "test".to_owned(),
            ..HostBuild::default()
        },
        start: RunStarter::default(),
        commitments: commitments(manifest, promised, actions),
    };
    let mut journal = Bodies {
        bodies: opening.bodies(),
        ..Bodies::default()
    };
    let mut strategy = Native {
        plan,
        ..Native::default()
    };
    let mut venue = SimulatedVenue::new(&setup);
    let mut run = Run::new(&setup);
    let mut slice = Slice::default();
    let mut clock = TestClock {
        is_live: matches!(manifest.data, DataSource::Feed { .. }),
        received: 0,
    };
    let mut rest = decided;
    while let Some(first) = rest.first() {
        slice.clear();
        let time = first.get().close_time;
        let length = rest
            .iter()
            .take_while(|bar| bar.get().close_time == time)
            .count();
        let (now, later) = rest.split_at(length);
        rest = later;
        for bar in now {
            slice.add(*bar).unwrap();
        }
        clock.received = time.0 + RECEIVED_AFTER;
        let start = first.get().open_time;
        for action in actions
            .iter()
            .filter(|one| start <= one.ex_time && one.ex_time < time)
        {
            slice.add_action(action.clone()).unwrap();
        }
        let mut ports = RunPorts {
            strategy: &mut strategy,
            venue: &mut venue,
            journal: &mut journal,
            clock: &mut clock,
        };
        if run.step(&slice, &mut ports).unwrap() == StepOutcome::Faulted {
            break;
        }
    }
    let digest = journal.digest.clone();
    run.close(&digest, &mut journal).unwrap();
    journal.bodies
}

/// What a journal begins with, if it is whole, and how many of the bodies that takes.
pub fn opening(bodies: &[Vec<u8>]) -> (Option<Opening>, u64) {
    let all = bodies.len() as u64;
    let Some(Ok(RunRecord::Open(open))) = bodies.first().map(|body| RunRecord::decode(body)) else {
        return (None, all);
    };
    let mut reader = OpeningReader::new(*open);
    for (body, parts) in bodies.iter().skip(1).zip(2..) {
        if reader.add(body).is_err() {
            break;
        }
        if reader.is_whole() {
            return (reader.finish(), parts);
        }
    }
    (None, all)
}

/// Bodies under an origin with a checkpoint after each, as an order log and a ledger have it.
pub fn seal_each(bodies: &[Vec<u8>], origin: &str, signer: &Ed25519Signer) -> Vec<u8> {
    let (mut chain, mut tree) = (Chain::new(), Tree::new());
    let (mut bytes, mut entry) = (MAGIC.to_vec(), Vec::new());
    for body in bodies {
        entry.clear();
        tree.push(chain.link(RecordSalt::default(), body, &mut entry).unwrap());
        write_entry(&entry, &mut bytes).unwrap();
        let checkpoint = Checkpoint {
            origin: origin.to_owned(),
            size: tree.size(),
            root: tree.root(),
        };
        write_checkpoint(&checkpoint.sign(signer).unwrap(), &mut bytes).unwrap();
    }
    bytes
}

/// A proof of one of some bodies under an origin.
pub fn prove(bodies: &[Vec<u8>], origin: &str, index: usize) -> String {
    let (mut chain, mut leaves, mut entries) = (Chain::new(), Vec::new(), Vec::new());
    for body in bodies {
        let mut entry = Vec::new();
        leaves.push(chain.link(RecordSalt::default(), body, &mut entry).unwrap());
        entries.push(entry);
    }
    let size = leaves.len() as u64;
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        size,
        root: leaves.iter().copied().collect::<Tree>().root(),
    };
    TlogProof {
        extra: Some(entries.swap_remove(index)),
        index: index as u64,
        hashes: inclusion_proof(&leaves, index as u64, size).unwrap(),
        checkpoint: checkpoint.sign(&signer()).unwrap(),
    }
    .to_string()
}

/// The bodies, chained, hashed, signed and framed as a runner would.
pub fn seal(bodies: &[Vec<u8>], manifest: &Manifest, signer: &Ed25519Signer) -> Vec<u8> {
    seal_as(bodies, manifest, signer, manifest.cadence)
}

/// The same under a cadence of one's own.
pub fn seal_as(
    bodies: &[Vec<u8>],
    manifest: &Manifest,
    signer: &Ed25519Signer,
    cadence: u32,
) -> Vec<u8> {
    let run = manifest.run_id().unwrap().hex();
    let origin = format!("counterfoil/run/{run}/3");
    let (mut chain, mut tree) = (Chain::new(), Tree::new());
    let (mut bytes, mut entry) = (MAGIC.to_vec(), Vec::new());
    let mut decisions = 0_u32;
    let (_, opening) = opening(bodies);
    for body in bodies {
        entry.clear();
        tree.push(chain.link(RecordSalt::default(), body, &mut entry).unwrap());
        write_entry(&entry, &mut bytes).unwrap();
        let due = match seal_of_kind(record_kind(body).unwrap()) {
            RecordSeal::AtCadence => {
                decisions += 1;
                decisions.is_multiple_of(cadence)
            }
            RecordSeal::Now => true,
            RecordSeal::Later => chain.size() == opening,
        };
        if due {
            let checkpoint = Checkpoint {
                origin: origin.clone(),
                size: tree.size(),
                root: tree.root(),
            };
            write_checkpoint(&checkpoint.sign(signer).unwrap(), &mut bytes).unwrap();
        }
    }
    bytes
}
