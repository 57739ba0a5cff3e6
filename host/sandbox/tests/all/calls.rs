//! The door from inside: every value arrives as it was sent, the log is handed out, a fault says
//! where it was, and a dead guest stays dead.

use counterfoil_sandbox::compile::load;
use counterfoil_sandbox::engine::Engine;
use counterfoil_sandbox::guest::{Guest, LogLevel, LogLine, StartError};
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::strategy::{AccountView, CallbackError, Strategy as _};
use counterfoil_trading::time::UnixNanos;

use crate::support::{account, bar, component, dividend, engines, event, fill, guest_text, setup};

/// Starts the guest on a thread of its own and lets `look` see it.
fn with(name: &str, look: impl Fn(Guest, &AccountView<'_>) + Sync) {
    let component = component(&guest_text(name));
    for (_, engine) in engines() {
        let compiled = load(&engine, &component).unwrap();
        guest_thread(engine.settings().thread_stack_bytes(), || {
            let guest = Guest::start(&compiled, &SandboxLimits::default(), &setup()).unwrap();
            let account = account();
            let view = AccountView {
                account: &account,
                working: &[],
                revision: 1,
            };
            look(guest, &view);
        })
        .unwrap();
    }
}

#[test]
fn every_value_of_a_bar_a_fill_an_event_and_an_action_arrives_as_it_was_sent() {
    with("echoes-the-bar", |mut guest, view| {
        let mut bar = bar(7, 12_345);
        (bar.bars_in_slice, bar.warming_up) = (3, false);
        let mut requests = Vec::new();
        guest.on_bar(&bar, view, &mut requests).unwrap();
        let [first, second] = requests.as_slice() else {
            panic!("{requests:?}");
        };
        assert_eq!(
            format!("{first:?}"),
            "Request { intent: Submit(Order { instrument: InstrumentId(0), \
             client_order_id: ClientOrderId(7), side: Buy, quantity: Quantity(12345), \
             order_type: StopLimit { stop: Price(12345), limit: Price(12345) }, \
             time_in_force: Gtd(UnixNanos(480000000000)) }), reason: None }"
        );
        assert_eq!(
            format!("{second:?}"),
            "Request { intent: Replace { replaces: ClientOrderId(1), with: Order { \
             instrument: InstrumentId(3), client_order_id: ClientOrderId(420000000000), \
             side: Sell, quantity: Quantity(12345), order_type: Market, time_in_force: Fok } }, \
             reason: Some(\"why\") }"
        );
        guest.on_fill(&fill(), view).unwrap();
        guest.on_order_event(&event(), UnixNanos(60), view).unwrap();
        guest.on_corporate_action(&dividend(), view).unwrap();
        let line = LogLine {
            level: LogLevel::Warn,
            text: String::from("why"),
        };
        assert_eq!(guest.take_log(), (vec![line], 0));
        assert_eq!(guest.take_log(), (vec![], 0));
        assert!(guest.take_fuel() > 0);
        assert_eq!(guest.take_fuel(), 0);
    });
}

#[test]
fn a_fault_names_the_function_and_nothing_is_called_after_it() {
    with("panic", |mut guest, view| {
        let mut requests = Vec::new();
        let Err(CallbackError::Fault(fault)) = guest.on_bar(&bar(0, 1), view, &mut requests) else {
            panic!("no fault");
        };
        assert!(fault.trace.contains("the_panic_handler"), "{}", fault.trace);
        let after = guest.on_bar(&bar(1, 1), view, &mut requests);
        let text = String::from("the guest was called after its fault");
        assert_eq!(after, Err(CallbackError::Host(text)));
    });
}

#[test]
fn a_guest_starts_only_where_the_stack_is_large_enough() {
    let engine = Engine::new(counterfoil_sandbox::engine::EngineSettings::default()).unwrap();
    let compiled = load(&engine, &component("")).unwrap();
    let start = || Guest::start(&compiled, &SandboxLimits::default(), &setup()).map(drop);
    let needed = engine.settings().thread_stack_bytes();
    assert_eq!(start(), Err(StartError::Thread { needed, has: 0 }));
    let has = needed - 1;
    let small = guest_thread(has, start).unwrap();
    assert_eq!(small, Err(StartError::Thread { needed, has }));
    assert_eq!(guest_thread(needed, start).unwrap(), Ok(()));
}
