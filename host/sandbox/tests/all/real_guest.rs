//! The moving-average cross of `sdk-examples`, where it is built: described, set up, fed, and
//! with the same orders for the same fuel on every engine.

use std::collections::BTreeMap;

use counterfoil_sandbox::arguments::parse_arguments;
use counterfoil_sandbox::compile::compile_here;
use counterfoil_sandbox::describe::describe;
use counterfoil_sandbox::engine::{Engine, EngineSettings};
use counterfoil_sandbox::guest::Guest;
use counterfoil_sandbox::setup::GuestSetup;
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_trading::execution::Fill;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::strategy::{AccountView, Strategy as _};

use crate::support::{account, bar, bar_of, engines, fill, instrument};

/// An example of the SDK, where it is built.
fn example(name: &str) -> Option<Vec<u8>> {
    let folder = env!("CARGO_MANIFEST_DIR");
    std::fs::read(format!(
        "{folder}/../../sdk-examples/components/{name}.wasm"
    ))
    .ok()
}

#[test]
fn the_moving_average_cross_orders_alike_on_every_engine() {
    let Some(bytes) = example("moving-average-cross") else {
        return;
    };
    let mut seen = Vec::new();
    for (_, engine) in engines() {
        let compiled = compile_here(&engine, &bytes).unwrap();
        let stack = engine.settings().thread_stack_bytes();
        seen.push(guest_thread(stack, || run(&compiled)).unwrap());
    }
    assert!(seen[0].1.len() == 4, "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
}

fn run(compiled: &counterfoil_sandbox::compile::LoadedComponent) -> (Vec<u64>, Vec<String>) {
    let limits = SandboxLimits::default();
    let description = describe(compiled, &limits).unwrap();
    assert_eq!(description.name, "moving-average-cross");
    let texts = [("fast", "3"), ("slow", "5"), ("quantity", "10")]
        .map(|(name, text)| (name.to_owned(), text.to_owned()));
    let setup = GuestSetup {
        instruments: vec![instrument()],
        arguments: parse_arguments(&description, &BTreeMap::from(texts)).unwrap(),
        seed: 1,
    };
    let mut guest = Guest::start(compiled, &limits, &setup).unwrap();
    let mut account = account();
    let (mut orders, mut fuel) = (Vec::new(), vec![guest.take_fuel()]);
    for index in 0..60_u64 {
        // A triangle wave: the averages cross twice in each of its twenty bars.
        let step = i64::try_from(index % 20).unwrap();
        let view = AccountView {
            account: &account,
            working: &[],
            revision: index,
        };
        let mut requests = Vec::new();
        let bar = bar(index, 100 + 10 - (step - 10).abs());
        guest.on_bar(&bar, &view, &mut requests).unwrap();
        fuel.push(guest.take_fuel());
        for request in &requests {
            let order = request.intent.order().unwrap();
            let filled = Fill {
                side: order.side,
                ..fill()
            };
            account.book(&instrument(), &filled).unwrap();
            account.settle().unwrap();
        }
        orders.extend(
            requests
                .iter()
                .map(|request| format!("{index}: {request:?}")),
        );
    }
    (fuel, orders)
}

/// A portfolio strategy looks at every instrument on the last bar of a slice: with 2,000 of them it needed
/// more than one bar's fuel, and the run ended.
#[test]
fn the_rebalancer_has_fuel_for_a_slice_of_two_thousand_bars() {
    const COUNT: u32 = 2_000;
    let Some(bytes) = example("rebalancer") else {
        return;
    };
    let limits = SandboxLimits::default();
    let settings = EngineSettings::default().for_limits(&limits, 2_000);
    let engine = Engine::new(settings).unwrap();
    let compiled = compile_here(&engine, &bytes).unwrap();
    let stack = engine.settings().thread_stack_bytes();
    let (init, most) = guest_thread(stack, || {
        let description = describe(&compiled, &limits).unwrap();
        let setup = GuestSetup {
            instruments: vec![instrument(); 2_000],
            arguments: parse_arguments(&description, &BTreeMap::new()).unwrap(),
            seed: 1,
        };
        let mut guest = Guest::start(&compiled, &limits, &setup).unwrap();
        let init = guest.take_fuel();
        let account = account();
        let view = AccountView {
            account: &account,
            working: &[],
            revision: 1,
        };
        let mut most = 0;
        for place in 0..COUNT {
            // A price at which the equity buys no lot: an answer of 2,000 orders is larger than one may be.
            let mut requests = Vec::new();
            let bar = bar_of(place, COUNT, 10_000);
            guest.on_bar(&bar, &view, &mut requests).unwrap();
            most = most.max(guest.take_fuel());
        }
        (init, most)
    })
    .unwrap();
    assert!(init < limits.fuel_of_init(COUNT.into()) / 10, "{init}");
    // More than a slice of one bar gets; of what this one gets three quarters are left for the orders.
    assert!(most > limits.fuel_of_bar(1), "{most}");
    assert!(most < limits.fuel_of_bar(COUNT.into()) / 4, "{most}");
}
