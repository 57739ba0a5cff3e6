//! Guests that mean harm. Each ends in its named fault, with the same fuel on both back ends and
//! at every optimisation level, in one process whose memory stays bounded.

use counterfoil_sandbox::engine::{Backend, Engine, EngineSettings, OptLevel};
use counterfoil_sandbox::guest::PANIC_BYTES_MAX;
use counterfoil_sandbox::watchdog::Watchdog;
use counterfoil_trading::limits::{FUEL_MAX, FUEL_PER_BAR_MAX, SandboxLimits};

use crate::support::{Outcome, component, engines, guest_text, on_a_bar_of, outcome};

/// The limits behind the fuel of one bar.
const FUEL_OF_A_BAR: &str =
    "limits.fuel-per-callback (1000000) or limits.fuel-per-bar (5000, for 1 bar)";

#[track_caller]
fn check(guest: &str, expect: &str) {
    let component = component(&guest_text(guest));
    let limits = SandboxLimits::default();
    let results: Vec<_> = engines()
        .iter()
        .map(|(_, engine)| outcome(engine, &component, &limits))
        .collect();
    for result in &results {
        match result {
            Outcome::Ended(text, _) => assert_eq!(text, expect, "{guest}"),
            Outcome::Requests(requests, _) => {
                assert_eq!(format!("{requests:?}"), expect, "{guest}");
            }
        }
    }
    assert!(
        results.windows(2).all(|pair| pair[0] == pair[1]),
        "{guest}: {results:?}"
    );
}

#[test]
fn an_endless_loop_ends_with_its_fuel_in_every_export() {
    let out_of_fuel = |guest, export, raise| {
        check(
            guest,
            &format!("fault in {export}: out-of-fuel: raise {raise}"),
        );
    };
    let init = "limits.fuel-init (1000000)";
    let init_of_one = "limits.fuel-init (1000000) or limits.fuel-per-bar (5000, for 1 instrument)";
    let report = "limits.fuel-per-callback (1000000)";
    out_of_fuel("loop-in-start", "instantiation", init);
    out_of_fuel("loop-in-describe", "describe", init);
    out_of_fuel("loop-in-init", "init", init_of_one);
    out_of_fuel("loop-in-on-bar", "on-bar", FUEL_OF_A_BAR);
    out_of_fuel("loop-in-on-fill", "on-fill", report);
    out_of_fuel("loop-in-on-order-event", "on-order-event", report);
    out_of_fuel("loop-in-on-corporate-action", "on-corporate-action", report);
    out_of_fuel("loop-in-post-return", "on-bar", FUEL_OF_A_BAR);
    out_of_fuel("loop-in-realloc", "init", init_of_one);
    out_of_fuel("host-calls-for-ever", "on-bar", FUEL_OF_A_BAR);
    // A log has no end of its own: what is beyond its limit is cut, and the fuel ends.
    out_of_fuel("log-flood", "on-bar", FUEL_OF_A_BAR);
    out_of_fuel("log-flood-of-nothing", "on-bar", FUEL_OF_A_BAR);
}

#[test]
fn a_guest_that_wants_too_much_ends_in_the_limit_it_hit() {
    let memory = |export, wants| {
        let raise = "raise limits.memory-bytes (16777216)";
        format!("fault in {export}: memory-limit: {raise}: the guest wants {wants}")
    };
    let table = |export, wants| {
        let raise = "raise limits.table-elements (10000)";
        format!("fault in {export}: table-limit: {raise}: the guest wants {wants}")
    };
    check("memory-bomb", &memory("on-bar", 16_842_752_u64));
    check("memory-bomb-at-once", &memory("init", 196_673_536));
    check(
        "memory-too-large-at-start",
        &memory("instantiation", 65_536_000),
    );
    check("memory-within-its-own-maximum", "[]");
    // The shell around every guest has five elements of its own.
    check("table-bomb", &table("on-bar", 10_006_u64));
    check("table-too-large-at-start", &table("instantiation", 20_005));
}

#[test]
fn the_fuel_ends_before_the_stack_does() {
    let on_bar = format!("fault in on-bar: out-of-fuel: raise {FUEL_OF_A_BAR}");
    check(
        "recursion-in-init",
        "fault in init: out-of-fuel: raise limits.fuel-init (1000000) or \
         limits.fuel-per-bar (5000, for 1 instrument)",
    );
    check("recursion-in-on-bar", &on_bar);
    check("recursion-with-wide-frames", &on_bar);
    check("recursion-with-constants", &on_bar);
}

#[test]
fn an_answer_is_bounded_before_the_host_makes_room_for_it() {
    let too_large = "fault in on-bar: answer-too-large: raise limits.answer-bytes (32768)";
    check("list-of-two-billion", "fault in on-bar: invalid-answer");
    check("aliased-strings", too_large);
    check("huge-error-sentence", too_large);
    check(
        "error-sentence",
        "fault in init: strategy-error: the fast average is not below the slow one",
    );
    check("log-of-a-megabyte", too_large);
}

/// Both ended the run, although neither a reason nor a number of requests is wrong in itself.
#[test]
fn a_long_reason_is_cut_and_requests_beyond_the_limit_are_handed_to_the_gate() {
    let limits = SandboxLimits::default();
    for (name, engine) in engines() {
        let requests = |guest: &str| match outcome(&engine, &component(&guest_text(guest)), &limits)
        {
            Outcome::Requests(requests, _) => requests,
            Outcome::Ended(text, _) => panic!("{name} {guest}: {text}"),
        };
        let one = requests("reason-too-long");
        let reason = format!("{}[cut]", "\0".repeat(195));
        assert_eq!(one[0].reason, Some(reason), "{name}");
        assert_eq!(requests("list-of-many").len(), 65, "{name}");
    }
}

/// The panic's text was nowhere but on the terminal, and the fault said `unreachable` alone.
#[test]
fn the_text_of_a_panic_is_the_message_of_its_fault() {
    let unreachable = |text: &str| format!("fault in on-bar: unreachable: {text}");
    check(
        "panic-with-text",
        &unreachable("panic at src/lib.rs:30: odd volume on the third bar"),
    );
    let long = format!("panic{}[cut]", "\u{20ac}".repeat(338));
    assert_eq!(long.len(), PANIC_BYTES_MAX);
    check("panic-after-a-full-log", &unreachable(&long));
    check("panic-of-another-callback", "fault in on-fill: unreachable");
}

/// More fuel than 256 MiB of stack hold: a slice of a thousand bars at the most that a manifest allows.
#[test]
fn above_the_fuel_that_bounds_it_a_stack_overflow_has_its_name() {
    let limits = SandboxLimits {
        fuel_per_bar: FUEL_PER_BAR_MAX,
        ..SandboxLimits::default()
    };
    let component = component(&guest_text("recursion-with-wide-frames"));
    for backend in [Backend::Cranelift, Backend::Pulley] {
        let settings = EngineSettings {
            backend,
            ..EngineSettings::default()
        };
        let engine = Engine::new(settings.for_limits(&limits, 1_000)).unwrap();
        let ended = on_a_bar_of(1_000, &engine, &component, &limits);
        let text = "stack-overflow: not portable: another back end may have more stack";
        assert_eq!(ended, text, "{backend:?}");
    }
}

#[test]
fn a_value_that_the_abi_does_not_allow_is_a_fault() {
    check("discriminant-unknown", "fault in on-bar: invalid-answer");
    check("side-unknown", "fault in on-bar: invalid-answer");
    check("result-unknown", "fault in on-bar: invalid-answer");
    check("utf-8-broken", "fault in on-bar: invalid-answer");
    check("pointer-misaligned", "fault in on-bar: invalid-answer");
    check("pointer-beyond-memory", "fault in on-bar: invalid-answer");
    check("list-misaligned", "fault in on-bar: invalid-answer");
    check("realloc-beyond-memory", "fault in init: invalid-answer");
    check("log-beyond-memory", "fault in on-bar: invalid-answer");
    check("log-level-unknown", "fault in on-bar: invalid-answer");
}

#[test]
fn a_trap_has_the_name_of_its_cause() {
    check("panic", "fault in on-bar: unreachable");
    check(
        "load-beyond-memory",
        "fault in on-bar: memory-out-of-bounds",
    );
    check("call-to-nothing", "fault in on-bar: bad-indirect-call");
    check("division-by-zero", "fault in on-bar: bad-arithmetic");
    check("nan-to-integer", "fault in on-bar: bad-arithmetic");
}

#[test]
fn a_deadline_is_the_hosts_error_and_no_fault() {
    let limits = SandboxLimits {
        fuel_per_callback: FUEL_MAX,
        deadline_ms: 1,
        ..SandboxLimits::default()
    };
    let settings = EngineSettings {
        backend: Backend::Pulley,
        opt: OptLevel::None,
        ..EngineSettings::default()
    };
    let engine = Engine::new(settings.for_limits(&limits, 1)).unwrap();
    let component = component(&guest_text("slow-for-its-fuel"));
    let watchdog = Watchdog::start(&engine).unwrap();
    let Outcome::Ended(text, _) = outcome(&engine, &component, &limits) else {
        panic!("it came to an end");
    };
    drop(watchdog);
    assert_eq!(text, "the callback ran into its wall-clock deadline");
}

#[test]
fn a_component_with_more_instances_than_the_limit_is_a_fault() {
    let limits = SandboxLimits {
        instances: 1,
        ..SandboxLimits::default()
    };
    for (name, engine) in engines() {
        let ended = outcome(&engine, &component(&guest_text("panic")), &limits);
        let text = "fault in instantiation: instance-limit: raise limits.instances (1)";
        assert_eq!(ended, Outcome::Ended(String::from(text), 0), "{name}");
    }
}

#[test]
fn hundreds_of_hostile_guests_leave_the_process_as_it_was() {
    let limits = SandboxLimits::default();
    let before = resident_bytes();
    let names = [
        "memory-bomb",
        "aliased-strings",
        "recursion-with-wide-frames",
        "table-bomb",
    ];
    for name in names {
        let component = component(&guest_text(name));
        for (_, engine) in engines() {
            for _ in 0..20 {
                let _ = outcome(&engine, &component, &limits);
            }
        }
    }
    let grown = resident_bytes().saturating_sub(before);
    // The other tests run in the same process; a leak would be 16 MiB in each of 240 guests.
    assert!(grown < 200 << 20, "{grown} bytes more");
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
