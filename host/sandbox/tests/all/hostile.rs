//! Guests that mean harm. Each ends in its named fault, with the same fuel on both back ends and
//! at every optimisation level, in one process whose memory stays bounded.

use counterfoil_sandbox::engine::{Backend, Engine, EngineSettings, OptLevel};
use counterfoil_sandbox::watchdog::Watchdog;
use counterfoil_trading::limits::{FUEL_MAX, SandboxLimits};

use crate::support::{Outcome, component, engines, guest_text, outcome};

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
    check("loop-in-start", "fault in instantiation: out-of-fuel");
    check("loop-in-describe", "fault in describe: out-of-fuel");
    check("loop-in-init", "fault in init: out-of-fuel");
    check("loop-in-on-bar", "fault in on-bar: out-of-fuel");
    check("loop-in-on-fill", "fault in on-fill: out-of-fuel");
    check(
        "loop-in-on-order-event",
        "fault in on-order-event: out-of-fuel",
    );
    check(
        "loop-in-on-corporate-action",
        "fault in on-corporate-action: out-of-fuel",
    );
    check("loop-in-post-return", "fault in on-bar: out-of-fuel");
    check("loop-in-realloc", "fault in init: out-of-fuel");
    check("host-calls-for-ever", "fault in on-bar: out-of-fuel");
}

#[test]
fn a_guest_that_wants_too_much_ends_in_the_limit_it_hit() {
    check("memory-bomb", "fault in on-bar: memory-limit");
    check("memory-bomb-at-once", "fault in init: memory-limit");
    check(
        "memory-too-large-at-start",
        "fault in instantiation: memory-limit",
    );
    check("memory-within-its-own-maximum", "[]");
    check("table-bomb", "fault in on-bar: table-limit");
    check(
        "table-too-large-at-start",
        "fault in instantiation: table-limit",
    );
}

#[test]
fn the_fuel_ends_before_the_stack_does() {
    check("recursion-in-init", "fault in init: out-of-fuel");
    check("recursion-in-on-bar", "fault in on-bar: out-of-fuel");
    check("recursion-with-wide-frames", "fault in on-bar: out-of-fuel");
    check("recursion-with-constants", "fault in on-bar: out-of-fuel");
}

#[test]
fn an_answer_is_bounded_before_the_host_makes_room_for_it() {
    check("list-of-two-billion", "fault in on-bar: invalid-answer");
    check("list-of-many", "fault in on-bar: too-many-requests");
    check("aliased-strings", "fault in on-bar: answer-too-large");
    check("reason-too-long", "fault in on-bar: reason-too-long");
    check("huge-error-sentence", "fault in on-bar: answer-too-large");
    check(
        "error-sentence",
        "fault in init: strategy-error: the fast average is not below the slow one",
    );
    check("log-flood", "fault in on-bar: log-limit");
    check("log-flood-of-nothing", "fault in on-bar: log-limit");
    check("log-of-a-megabyte", "fault in on-bar: answer-too-large");
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
    let engine = Engine::new(settings.for_limits(&limits)).unwrap();
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
        let text = "fault in instantiation: instance-limit";
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
