//! The door from inside: every value arrives as it was sent, the log is handed out, a fault says
//! where it was, and a dead guest stays dead.

use counterfoil_sandbox::compile::compile_here;
use counterfoil_sandbox::engine::Engine;
use counterfoil_sandbox::guest::{
    Guest, LOG_BYTES_KEPT_MAX, LogLevel, LogLine, LogPlace, StartError, TextLosses,
};
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::record::Callback;
use counterfoil_trading::strategy::{AccountView, CallbackError, Strategy as _};
use counterfoil_trading::time::UnixNanos;

use crate::support::{account, bar, component, dividend, engines, event, fill, guest_text, setup};

/// Starts the guest on a thread of its own and lets `look` see it.
fn with(name: &str, look: impl Fn(Guest, &AccountView<'_>) + Sync) {
    let component = component(&guest_text(name));
    for (_, engine) in engines() {
        let compiled = compile_here(&engine, &component).unwrap();
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
            place: LogPlace {
                callback: Callback::OnBar,
                time: Some(bar.bar.get().close_time),
                instrument: Some(InstrumentId(0)),
                bar: Some(7),
            },
        };
        let nothing = TextLosses::default();
        assert_eq!(guest.take_log(), (vec![line], nothing));
        assert_eq!(guest.take_log(), (vec![], nothing));
        assert!(guest.take_fuel() > 0);
        assert_eq!(guest.take_fuel(), 0);
    });
}

/// A log beyond its limit ended the run, although the contract says that a log never influences it.
#[test]
fn a_log_beyond_its_limit_is_cut_marked_and_counted_and_the_run_goes_on() {
    with("log-beyond-its-limit", |mut guest, view| {
        for index in 0..2 {
            let mut requests = Vec::new();
            guest.on_bar(&bar(index, 1), view, &mut requests).unwrap();
            let (lines, losses) = guest.take_log();
            let texts: Vec<String> = lines.into_iter().map(|line| line.text).collect();
            // 4,096 bytes: 4,000 and one, then 94 with the mark, and one.
            let cut = format!("{}[cut]", "\0".repeat(89));
            assert_eq!(texts, ["\0".repeat(4000), cut]);
            let expect = "cut to its limits (log: 418 bytes, whole lines: 1; reasons: 0)";
            assert_eq!(losses.to_string(), expect);
        }
    });
    with("reason-too-long", |mut guest, view| {
        guest.on_bar(&bar(0, 1), view, &mut Vec::new()).unwrap();
        assert_eq!(guest.take_log().1.reasons, 1);
    });
}

/// A guest that logs for long between two looks fills no memory: what is kept has a bound of its own.
#[test]
fn a_log_that_is_not_taken_is_kept_up_to_a_bound() {
    with("log-beyond-its-limit", |mut guest, view| {
        for index in 0..300 {
            guest.on_bar(&bar(index, 1), view, &mut Vec::new()).unwrap();
        }
        let (lines, losses) = guest.take_log();
        let kept: usize = lines.iter().map(|line| line.text.len() + 1).sum();
        assert!(
            kept <= LOG_BYTES_KEPT_MAX && kept > LOG_BYTES_KEPT_MAX - 4096,
            "{kept}"
        );
        assert!(losses.lines > 300, "{losses}");
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
    let compiled = compile_here(&engine, &component("")).unwrap();
    let start = || Guest::start(&compiled, &SandboxLimits::default(), &setup()).map(drop);
    let needed = engine.settings().thread_stack_bytes();
    assert_eq!(start(), Err(StartError::Thread { needed, has: 0 }));
    let has = needed - 1;
    let small = guest_thread(has, start).unwrap();
    assert_eq!(small, Err(StartError::Thread { needed, has }));
    assert_eq!(guest_thread(needed, start).unwrap(), Ok(()));
}
