//! One component over one input gives one answer on every engine, and the settings on which that
//! depends are pinned.

use counterfoil_sandbox::engine::{
    Backend, EngineSettings, OptLevel, WASMTIME_MAJOR, settings_digest, settings_text,
};
use counterfoil_trading::limits::SandboxLimits;

use crate::support::{Outcome, component, engines, guest_text, outcome};

#[test]
fn the_settings_digest_is_pinned() {
    let golden = include_str!("../settings.txt");
    let digest = settings_digest().hex();
    assert_eq!(format!("{}sha256 {digest}\n", settings_text()), golden);
    let lock = include_str!("../../../../Cargo.lock");
    let version = format!("name = \"wasmtime\"\nversion = \"{WASMTIME_MAJOR}.");
    assert!(
        lock.contains(&version),
        "the engine has another version than its digest says"
    );
}

#[test]
fn the_stack_holds_what_the_fuel_can_push() {
    let settings = |fuel_max| EngineSettings {
        backend: Backend::Pulley,
        opt: OptLevel::None,
        fuel_max,
        cache: None,
        child: None,
    };
    assert_eq!(settings(1_000_000).stack_bytes(), 64 << 20);
    assert_eq!(settings(100_000_000).stack_bytes(), 256 << 20);
    assert_eq!(settings(1_000).stack_bytes(), 512 << 10);
}

#[test]
fn the_bits_of_a_nan_are_the_same_on_every_engine() {
    let component = component(&guest_text("nan-bits"));
    for (name, engine) in engines() {
        let Outcome::Requests(requests, fuel) =
            outcome(&engine, &component, &SandboxLimits::default())
        else {
            panic!("{name}");
        };
        assert_eq!(
            format!("{requests:?} {fuel}"),
            include_str!("../nan-bits.txt").trim(),
            "{name}"
        );
    }
}

#[test]
fn a_guest_reads_the_account_and_the_host_reads_its_order() {
    let component = component(&guest_text("reads-the-account"));
    for (name, engine) in engines() {
        let Outcome::Requests(requests, _) =
            outcome(&engine, &component, &SandboxLimits::default())
        else {
            panic!("{name}");
        };
        // Cash 100,000; no position; two working orders.
        assert_eq!(
            format!("{requests:?}"),
            "[Request { intent: Submit(Order { instrument: InstrumentId(0), \
             client_order_id: ClientOrderId(2000), side: Buy, quantity: Quantity(100000), \
             order_type: Market, time_in_force: Gtc }), reason: None }]",
            "{name}"
        );
    }
}
