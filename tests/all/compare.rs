//! Two runs compared: what their manifests have apart, where they first differ, and which costs
//! explain the difference in profit.

use counterfoil_runner::study::compare::{DifferenceAspect, RunComparison, compare};
use counterfoil_tests::world::World;
use counterfoil_trading::manifest::Manifest;

/// The comparison of the claim's run with one whose manifest was changed.
fn against(world: &World, change: impl FnOnce(&mut Manifest)) -> RunComparison {
    let mut other = world.claim();
    change(&mut other);
    let first = world.backtest(&world.claim(), world.engine()).unwrap();
    let second = world.backtest(&other, world.engine()).unwrap();
    compare(&world.data, [&first.execution, &second.execution]).unwrap()
}

fn names(found: &RunComparison) -> Vec<&str> {
    found
        .fields
        .iter()
        .map(|field| field.field.as_str())
        .collect()
}

#[test]
fn where_two_runs_differ_is_named() {
    type Change = fn(&mut Manifest);
    let world = World::real();
    //   the change, fields of the manifest, first differing decision, whether accounts differ
    let table: [(Change, &[&str], Option<DifferenceAspect>, bool); 5] = [
        (|_| {}, &[], None, false),
        (
            |manifest| manifest.seed = "7".to_owned(),
            &["seed"],
            None,
            false,
        ),
        (
            |manifest| "11".clone_into(&mut manifest.costs.fee_bps),
            &["costs.fee-bps"],
            None,
            true,
        ),
        (
            |manifest| {
                drop(
                    manifest
                        .parameters
                        .insert("fast".to_owned(), "11".to_owned()),
                );
            },
            &["parameters.fast"],
            Some(DifferenceAspect::Requests),
            true,
        ),
        (
            |manifest| manifest.risk.orders_per_bar_max = 0,
            &["risk.orders-per-bar-max"],
            Some(DifferenceAspect::Verdicts),
            true,
        ),
    ];
    for (change, fields, decision, account) in table {
        let found = against(&world, change);
        assert_eq!(names(&found), fields);
        let aspect = found.decision.as_ref().map(|site| site.aspect);
        assert_eq!(aspect, decision, "{fields:?}");
        assert_eq!(found.account.is_some(), account, "{fields:?}");
        assert_eq!(found.decisions, [12_154; 2]);
        for profit in found.profit.unwrap() {
            let explained = profit.price.0 - profit.fees.0 - profit.slippage.0 - profit.borrow.0;
            assert_eq!(profit.total.0, explained, "{fields:?}");
        }
    }
}

#[test]
fn a_bar_that_only_one_run_saw_is_named() {
    let world = World::small(20);
    let both = world.cross(&["AAA", "BBB"], 2, 4, 10);
    let single = world.cross(&["AAA"], 2, 4, 10);
    let both = world.backtest(&both, world.engine()).unwrap().execution;
    let single = world.backtest(&single, world.engine()).unwrap().execution;
    for (pair, aspect) in [
        ([&both, &single], DifferenceAspect::OnlyInFirst),
        ([&single, &both], DifferenceAspect::OnlyInSecond),
    ] {
        let found = compare(&world.data, pair).unwrap();
        let site = found.decision.unwrap();
        assert_eq!((site.aspect, site.symbol.as_str()), (aspect, "BBB"));
        let named = |field: &str| field.starts_with("instruments.BBB.");
        assert!(found.fields.iter().all(|field| named(&field.field)));
    }
}
