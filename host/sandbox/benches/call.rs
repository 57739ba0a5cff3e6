//! What a call of a guest costs: `cargo bench -p counterfoil-sandbox`.
//!
//! It needs the moving-average cross of `sdk-examples`; without it, it measures nothing.

use std::io::Write as _;

use counterfoil_sandbox::compile::{LoadedComponent, compile_here};
use counterfoil_sandbox::describe::describe;
use counterfoil_sandbox::engine::{Backend, Engine, EngineSettings};
use counterfoil_sandbox::guest::Guest;
use counterfoil_sandbox::setup::GuestSetup;
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_trading::account::{Account, AccountKind};
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::instrument::{Instrument, InstrumentGrid, InstrumentId};
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::strategy::{AccountView, BarView, Strategy as _};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Price, Volume};
use divan::{Bencher, counter::ItemsCount};

const GUEST: &str = "../../sdk-examples/components/moving-average-cross.wasm";

/// Calls in one sample, so that the clock's resolution does not matter.
const CALLS: u64 = 1_000;

fn main() {
    // Divan calls on the thread that it was called on.
    let stack = EngineSettings::default().thread_stack_bytes();
    if let Err(error) = guest_thread(stack, divan::main) {
        let _ = writeln!(std::io::stderr(), "no guest thread: {error}");
    }
}

fn compiled(backend: Backend) -> Option<LoadedComponent> {
    let path = format!("{}/{GUEST}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).ok()?;
    let settings = EngineSettings {
        backend,
        ..EngineSettings::default()
    };
    compile_here(&Engine::new(settings).ok()?, &bytes).ok()
}

fn start(compiled: &LoadedComponent) -> Option<Guest> {
    let limits = SandboxLimits::default();
    let description = describe(compiled, &limits).ok()?;
    let instrument = Instrument::new(String::from("ABC"), InstrumentGrid::whole_units(2)).ok()?;
    let texts = std::collections::BTreeMap::new();
    let arguments = counterfoil_sandbox::arguments::parse_arguments(&description, &texts).ok()?;
    let setup = GuestSetup {
        instruments: vec![instrument],
        arguments,
        seed: 1,
    };
    Guest::start(compiled, &limits, &setup).ok()
}

fn bar(index: u64) -> Option<BarView> {
    let time = i64::try_from(index).ok()?.checked_mul(60_000_000_000)?;
    let close = Price(10_000);
    let bar = ClosedBar::parse(RawBar {
        instrument: InstrumentId(0),
        open_time: UnixNanos(time),
        close_time: UnixNanos(time.checked_add(60_000_000_000)?),
        open: close,
        high: close,
        low: close,
        close,
        volume: Volume(1),
    });
    Some(BarView {
        bar: bar.ok()?,
        index,
        bars_in_slice: 1,
        last_in_slice: true,
        warming_up: false,
    })
}

fn calls(bencher: Bencher<'_, '_>, backend: Backend) {
    let Some(compiled) = compiled(backend) else {
        return;
    };
    let (Some(mut guest), Some(bar)) = (start(&compiled), bar(0)) else {
        return;
    };
    let account = Account::new(AccountKind::Cash, Money(0), 1);
    let mut requests = Vec::new();
    let mut revision = 0;
    bencher.counter(ItemsCount::new(CALLS)).bench_local(|| {
        for _ in 0..CALLS {
            revision += 1;
            let view = AccountView {
                account: &account,
                working: &[],
                revision,
            };
            requests.clear();
            let _ = guest.on_bar(&bar, &view, &mut requests);
        }
        guest.take_fuel()
    });
}

#[divan::bench]
fn on_bar_1000_cranelift(bencher: Bencher<'_, '_>) {
    calls(bencher, Backend::Cranelift);
}

#[divan::bench]
fn on_bar_1000_pulley(bencher: Bencher<'_, '_>) {
    calls(bencher, Backend::Pulley);
}

#[divan::bench]
fn describe_and_start(bencher: Bencher<'_, '_>) {
    let Some(compiled) = compiled(Backend::Cranelift) else {
        return;
    };
    bencher.bench_local(|| start(&compiled).is_some());
}
