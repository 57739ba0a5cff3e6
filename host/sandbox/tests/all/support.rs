//! Guests from text, engines, an account and bars: what the tests share.

pub(crate) use counterfoil_guests::{WIT, component, encode, module, module_text};
use counterfoil_sandbox::compile::{LoadedComponent, compile_here};
use counterfoil_sandbox::describe::describe;
use counterfoil_sandbox::engine::{Backend, Engine, EngineSettings, OptLevel};
use counterfoil_sandbox::guest::{Guest, PANIC_BYTES_MAX, StartError};
use counterfoil_sandbox::setup::GuestSetup;
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_trading::account::{Account, AccountKind};
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::costs::LiquiditySide;
use counterfoil_trading::execution::{Fill, OrderCode, OrderEvent};
use counterfoil_trading::instrument::{Instrument, InstrumentGrid, InstrumentId};
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::order::{ClientOrderId, OrderStatus, OrderType, Request, Side};
use counterfoil_trading::strategy::{
    AccountView, BarView, CallbackError, Strategy, StrategyFault, WorkingOrder,
};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Price, Quantity, Volume};

/// The text of a guest file.
pub(crate) fn guest_text(name: &str) -> String {
    let path = format!("{}/tests/guests/{name}.wat", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Both back ends, and both ways to compile.
pub(crate) fn engines() -> Vec<(&'static str, Engine)> {
    let table = [
        ("cranelift-speed", Backend::Cranelift, OptLevel::Speed),
        ("cranelift-none", Backend::Cranelift, OptLevel::None),
        ("pulley", Backend::Pulley, OptLevel::Speed),
    ];
    let engine = |(name, backend, opt)| {
        let settings = EngineSettings {
            backend,
            opt,
            ..EngineSettings::default()
        };
        (name, Engine::new(settings).unwrap())
    };
    table.map(engine).to_vec()
}

pub(crate) fn instrument() -> Instrument {
    Instrument::new(String::from("ABC"), InstrumentGrid::whole_units(2)).unwrap()
}

pub(crate) fn setup() -> GuestSetup {
    GuestSetup {
        instruments: vec![instrument()],
        arguments: Vec::new(),
        seed: 7,
    }
}

/// Bar number `index` with this close.
pub(crate) fn bar(index: u64, close: i64) -> BarView {
    let minute = i64::try_from(index).unwrap() * 60_000_000_000;
    let bar = ClosedBar::parse(RawBar {
        instrument: InstrumentId(0),
        open_time: UnixNanos(minute),
        close_time: UnixNanos(minute + 60_000_000_000),
        open: Price(close),
        high: Price(close),
        low: Price(close),
        close: Price(close),
        volume: Volume(1),
    });
    BarView {
        bar: bar.unwrap(),
        index,
        bars_in_slice: 1,
        last_in_slice: true,
        warming_up: false,
    }
}

/// The first bar of instrument `place` of so many, with this close, in a slice of all of them.
pub(crate) fn bar_of(place: u32, count: u32, close: i64) -> BarView {
    let one = bar(0, close);
    let raw = RawBar {
        instrument: InstrumentId(place),
        ..*one.bar.get()
    };
    BarView {
        bar: ClosedBar::parse(raw).unwrap(),
        bars_in_slice: count,
        last_in_slice: place + 1 == count,
        ..one
    }
}

pub(crate) fn account() -> Account {
    Account::new(AccountKind::Cash, Money::parse("100000").unwrap(), 1)
}

pub(crate) const WORKING: [WorkingOrder; 2] = [WorkingOrder {
    instrument: InstrumentId(0),
    client_order_id: ClientOrderId(5),
    side: Side::Sell,
    leaves_quantity: Quantity(3),
    order_type: OrderType::StopLimit {
        stop: Price(90),
        limit: Price(80),
    },
}; 2];

/// What the guest did with one bar, one fill and one order event: its requests and all its fuel,
/// or the first fault and where.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Ended(String, u64),
    Requests(Vec<Request>, u64),
}

/// Loads a component and runs it through all its calls on a guest thread.
pub(crate) fn outcome(engine: &Engine, component: &[u8], limits: &SandboxLimits) -> Outcome {
    let compiled = compile_here(engine, component).unwrap();
    let stack = engine.settings().thread_stack_bytes();
    guest_thread(stack, || run(&compiled, limits)).unwrap()
}

fn run(compiled: &LoadedComponent, limits: &SandboxLimits) -> Outcome {
    if let Err(error) = describe(compiled, limits) {
        return Outcome::Ended(error.to_string(), 0);
    }
    let mut guest = match Guest::start(compiled, limits, &setup()) {
        Ok(guest) => guest,
        Err(StartError::Thread { .. }) => panic!("no guest thread"),
        Err(error) => return Outcome::Ended(error.to_string(), 0),
    };
    let account = account();
    let view = AccountView {
        account: &account,
        working: &WORKING,
        revision: 1,
    };
    let mut requests = Vec::new();
    let calls = [
        ("on-bar", guest.on_bar(&bar(0, 100), &view, &mut requests)),
        ("on-fill", guest.on_fill(&fill(), &view)),
        (
            "on-order-event",
            guest.on_order_event(&event(), UnixNanos(60), &view),
        ),
        (
            "on-corporate-action",
            guest.on_corporate_action(&dividend(), &view),
        ),
    ];
    let fuel = guest.take_fuel();
    for (export, result) in calls {
        match result {
            Ok(()) => {}
            Err(CallbackError::Fault(fault)) => {
                let text = format!("fault in {export}: {}", named(&fault));
                assert!(fault.trace.len() <= 2048 && fault.message.len() <= PANIC_BYTES_MAX);
                // The guest's frames, never the host's. Fails only where RUST_BACKTRACE is set.
                assert!(!fault.trace.contains("Stack backtrace"), "{}", fault.trace);
                assert!(requests.is_empty());
                return Outcome::Ended(text, fuel);
            }
            Err(CallbackError::Host(reason)) => return Outcome::Ended(reason, fuel),
        }
    }
    Outcome::Requests(requests, fuel)
}

/// The fault's name and message.
fn named(fault: &StrategyFault) -> String {
    let name = fault.fault.name();
    match fault.message.as_str() {
        "" => name.to_owned(),
        message => format!("{name}: {message}"),
    }
}

/// The fault of a guest that ends on the first bar of a slice of so many.
pub(crate) fn on_a_bar_of(
    bars: u32,
    engine: &Engine,
    component: &[u8],
    limits: &SandboxLimits,
) -> String {
    let compiled = compile_here(engine, component).unwrap();
    let stack = engine.settings().thread_stack_bytes();
    let bar = BarView {
        bars_in_slice: bars,
        ..bar(0, 100)
    };
    guest_thread(stack, || {
        let mut guest = Guest::start(&compiled, limits, &setup()).unwrap();
        let view = AccountView {
            account: &account(),
            working: &[],
            revision: 1,
        };
        match guest.on_bar(&bar, &view, &mut Vec::new()) {
            Err(CallbackError::Fault(fault)) => named(&fault),
            other => panic!("{other:?}"),
        }
    })
    .unwrap()
}

pub(crate) fn fill() -> Fill {
    Fill {
        instrument: InstrumentId(0),
        client_order_id: ClientOrderId(1),
        side: Side::Buy,
        quantity: Quantity(10),
        leaves_quantity: Quantity(0),
        reference_price: Price(100),
        price: Price(101),
        clamped: false,
        fee: Money(-1_500_000_000),
        slippage: Money(10_000_000_000),
        liquidity: LiquiditySide::Taker,
        time: UnixNanos(60),
    }
}

pub(crate) fn dividend() -> CorporateAction {
    CorporateAction {
        instrument: InstrumentId(0),
        ex_time: UnixNanos(60),
        kind: CorporateActionKind::Dividend {
            per_unit: Money(1_500_000_000),
            special: false,
        },
    }
}

pub(crate) fn event() -> OrderEvent {
    OrderEvent {
        instrument: InstrumentId(0),
        client_order_id: ClientOrderId(1),
        status: OrderStatus::Refused,
        code: OrderCode::NoBuyingPower,
        leaves_quantity: Quantity(10),
    }
}
