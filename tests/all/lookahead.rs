//! No strategy sees what is to come, and a host that lets one see it is caught, also by a replay
//! on that same host.

use counterfoil_guests::component;
use counterfoil_journal::salt::LogSigner;
use counterfoil_runner::build::host_build;
use counterfoil_runner::run::component::compile_for_manifest;
use counterfoil_runner::run::drive::append_opening;
use counterfoil_runner::run::drive::drive;
use counterfoil_runner::run::feed::{FeedError, FeedItem, SliceFeed};
use counterfoil_runner::run::inputs::{inputs_of, selection_of};
use counterfoil_runner::run::journal::{AnyJournal, JournalFile, RunJournal as _, Sealer, Sealing};
use counterfoil_runner::run::replay::ReplayReport;
use counterfoil_runner::run::replay::probe::LookAheadProbe;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_runner::study::lookahead::{FutureView, audit, audit_host};
use counterfoil_sandbox::guest::Guest;
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_sandbox::watchdog::Watchdog;
use counterfoil_tests::journals::verified;
use counterfoil_tests::world::{Ignore, World, signer};
use counterfoil_trading::corporate::CorporateAction;
use counterfoil_trading::execution::{Fill, OrderEvent};
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::order::Request;
use counterfoil_trading::record::{Opening, RunRecord, RunStart};
use counterfoil_trading::run::{NoClock, Run, RunPorts};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::{AccountView, BarView, CallbackError, Strategy};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Volume;
use counterfoil_trading::venue::simulated::SimulatedVenue;

/// A guest in league with the hole: it buys when the volume is 1, which no bar of the tests has.
const BUYS_ON_A_SIGN: &str = r#"(func (export "on-bar")
  (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (i64.store (i32.const 16) (i64.const 0))
  (i64.store (i32.const 24) (i64.const 0))
  (if (i64.eq (local.get 8) (i64.const 1)) (then
    (i64.store (i32.const 4112) (local.get 1))
    (i64.store (i32.const 4128) (i64.const 5))
    (i32.store (i32.const 20) (i32.const 4096)) (i32.store (i32.const 24) (i32.const 1))))
  (i32.const 16))"#;

/// The hole: a host part that looks ahead and reveals to the guest by the bar's volume whether
/// the next close is higher.
struct Hole {
    guest: Guest,
    tape: LookAheadProbe,
}

impl Strategy for Hole {
    fn on_bar(
        &mut self,
        view: &BarView,
        account: &AccountView<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), CallbackError> {
        let mut raw = *view.bar.get();
        let next = self.tape.ahead(1);
        let next = next.as_ref().and_then(|next| next.bar_of(raw.instrument));
        let rises = next.is_some_and(|next| next.get().close > raw.close);
        raw.volume = Volume(if rises { 1 } else { 2 });
        let revealed = BarView {
            bar: counterfoil_trading::bar::ClosedBar::parse(raw).unwrap(),
            ..*view
        };
        self.guest.on_bar(&revealed, account, requests)
    }

    fn on_fill(&mut self, fill: &Fill, account: &AccountView<'_>) -> Result<(), CallbackError> {
        self.guest.on_fill(fill, account)
    }

    fn on_order_event(
        &mut self,
        event: &OrderEvent,
        time: UnixNanos,
        account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        self.guest.on_order_event(event, time, account)
    }

    fn on_corporate_action(
        &mut self,
        action: &CorporateAction,
        account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        self.guest.on_corporate_action(action, account)
    }

    fn take_fuel(&mut self) -> u64 {
        self.guest.take_fuel()
    }
}

/// A feed that reads everything first, and leaves what is to come on the tape.
struct ReadsAhead {
    slices: std::vec::IntoIter<Slice>,
    tape: LookAheadProbe,
}

impl SliceFeed for ReadsAhead {
    fn next(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
        let Some(next) = self.slices.next() else {
            return Ok(FeedItem::End);
        };
        *slice = next;
        self.tape.show_truth(self.slices.as_slice().iter());
        Ok(FeedItem::Slice)
    }
}

/// A backtest on a host with the hole in it.
fn with_the_hole(world: &World, manifest: &Manifest) -> Execution {
    let setup = manifest.setup().unwrap();
    let selection = selection_of(&world.data, manifest, &setup).unwrap();
    let (ready, guest) =
        compile_for_manifest(&world.data, manifest, &setup, world.engine()).unwrap();
    let canonical = manifest.canonical().unwrap();
    let run = manifest.run_id().unwrap();
    let execution = world.data.new_execution(&run, &canonical, false).unwrap();
    let opening = Opening {
        manifest: canonical,
        execution: execution.number,
        host: host_build(),
        start: RunStart::default(),
        commitments: Some(inputs_of(&selection).unwrap().commitments),
    };
    let file = JournalFile::create(&execution.journal()).unwrap();
    let signer: Box<dyn LogSigner + Send> = signer();
    let sealer = Sealer::new(file, signer, execution.origin(), setup.cadence);
    let mut journal = AnyJournal::start(sealer, setup.cadence, Sealing::RunThread).unwrap();
    append_opening(&opening, &mut journal).unwrap();
    let mut slices = Vec::new();
    let mut feed = selection.slices();
    let mut slice = Slice::default();
    while feed.next_into(&mut slice).unwrap() {
        slices.push(slice.clone());
    }
    let _watchdog = Watchdog::start(ready.compiled.engine()).unwrap();
    let stack = ready.compiled.engine().settings().thread_stack_bytes();
    guest_thread(stack, || {
        let tape = LookAheadProbe::default();
        let mut feed = ReadsAhead {
            slices: slices.into_iter(),
            tape: tape.clone(),
        };
        let guest = Guest::start(&ready.compiled, &manifest.limits, &guest).unwrap();
        let mut run = Run::new(&setup);
        let mut ports = RunPorts {
            strategy: &mut Hole { guest, tape },
            venue: &mut SimulatedVenue::new(&setup),
            journal: &mut journal,
            clock: &mut NoClock,
        };
        let mut ignore = Ignore;
        drive(&mut feed, &mut run, &mut ports, &mut ignore).unwrap()
    })
    .unwrap();
    journal.finish().unwrap();
    execution
}

fn audited(world: &World, execution: &Execution) -> ReplayReport {
    audit(&world.data, execution, world.engine(), &mut |_| {}).unwrap()
}

#[test]
fn a_run_decides_the_same_while_everything_beyond_is_garbage() {
    let world = World::real();
    let outcome = world.backtest(&world.claim(), world.engine()).unwrap();
    let found = audited(&world, &outcome.execution);
    assert!(found.is_identical(), "{:?}", found.difference);
    assert_eq!(found.decisions, 12_154);
    assert_eq!(found.decision_digest, Some(outcome.close.decision_digest));
}

#[test]
fn a_host_that_lets_a_strategy_see_the_next_bar_is_caught() {
    let world = World::small(28);
    let manifest = world.manifest(&component(BUYS_ON_A_SIGN), &["AAA", "BBB"]);
    let honest = world.backtest(&manifest, world.engine()).unwrap();
    assert_eq!(honest.close.fills, 0, "without the hole nothing shows");
    assert!(audited(&world, &honest.execution).is_identical());

    let execution = with_the_hole(&world, &manifest);
    let report = verified(&std::fs::read(execution.journal()).unwrap());
    assert!(report.is_good(), "nothing in the journal gives it away");
    assert!(report.fills > Some(10), "{:?}", report.fills);

    let tape = LookAheadProbe::default();
    let on_that_host = |sight| {
        let seen = tape.clone();
        let host = move |guest| Hole { guest, tape: seen };
        let engine = world.engine();
        let data = &world.data;
        audit_host(data, &execution, engine, sight, host, &mut |_| {}).unwrap()
    };
    let replayed = on_that_host(FutureView::Truth(&tape));
    assert!(
        replayed.is_identical(),
        "the hole is there in a replay too, which finds nothing: {:?}",
        replayed.difference
    );
    let found = on_that_host(FutureView::Garbage(&tape));
    let difference = found.difference.expect("the audit finds it");
    assert!(matches!(
        difference.recorded.as_deref(),
        Some(RunRecord::Decision(_))
    ));
    let clean = audited(&world, &execution).difference;
    assert!(clean.is_some(), "so does an audit on a host without a hole");
}
