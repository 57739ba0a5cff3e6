//! Every term of a manifest is read, and an error names its field.

use counterfoil_trading::costs::{CostModel, FeeCap, FeeSchedule, SlippageModel};
use counterfoil_trading::instrument::{InstrumentTraits, PriceRange, VolumeKind};
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{InstrumentEntry, Manifest, RiskEntry};
use counterfoil_trading::record::FaultAction;
use counterfoil_trading::risk::MarginCallPolicy;
use counterfoil_trading::venue::matching::{LimitFillRule, MatchingRules};

use crate::support::{bps, money};

fn manifest() -> String {
    let digest = format!("sha256:{}", "ab".repeat(32));
    format!(
        r#"{{"format":"counterfoil-manifest/1","component":"{digest}",
        "world":"counterfoil:strategy@0.1.0","profile":"pure","engine":"{digest}",
        "data":{{"feed":{{"name":"f","start-nonce":"n"}}}},"timeframe":"1d",
        "instruments":[{{"symbol":"A","price-scale":2,"tick-size":"0.01","quantity-scale":0,
        "lot-size":"1","volume-scale":0}}],"parameters":{{}},"warm-up":1,
        "account":{{"name":"a","owner":"o","kind":"margin","currency":"USD","cash":"100000",
        "leverage":"4","maintenance-bps":"2500","margin-call":"liquidate"}},
        "costs":{{"fee-bps":"5","maker-fee-bps":"1","fee-per-share":"0.005","fee-fixed":"0.5",
        "fee-min":"1","fee-max":"9","slippage-bps":"2","slippage-ticks":3,
        "slippage-volume-bps":"4","volume-cap-bps":"1000","borrow-bps":"50"}},
        "matching":{{"latency-bars":2,"limit-trade-through":true}},
        "risk":{{"orders-per-bar-max":64,"working-orders-max":256,
        "order-notional-max":"1000000","position-notional-max":"1000000",
        "gross-exposure-max":"100000000","price-collar-bps":"5000","drawdown-max-bps":"10000"}},
        "limits":{{"fuel-init":1000000,"fuel-per-callback":1000000,"fuel-per-bar":5000,"memory-bytes":16777216,
        "table-elements":10000,"instances":8,"requests-per-bar":64,"answer-bytes":32768,
        "reason-bytes":200,"log-bytes-per-callback":4096,"deadline-ms":10000}},
        "on-fault":"cancel-and-flatten","seed":"7","cadence":1}}"#
    )
}

#[test]
fn every_term_is_read() {
    let setup = Manifest::parse(&manifest()).unwrap().setup().unwrap();
    let costs = CostModel {
        fees: FeeSchedule {
            taker: bps("5"),
            maker: bps("1"),
            per_unit: money("0.005"),
            fixed: money("0.5"),
            min: money("1"),
            max: Some(FeeCap::Amount(money("9"))),
        },
        slippage: SlippageModel {
            rate: bps("2"),
            ticks: 3,
            volume_rate: bps("4"),
        },
        volume_cap: Some(bps("1000")),
        borrow: bps("50"),
    };
    assert_eq!(setup.costs, costs);
    let matching = MatchingRules {
        latency_bars: 2,
        limits: LimitFillRule::TradeThrough,
    };
    assert_eq!(setup.matching, matching);
    assert_eq!(setup.maintenance.rate, bps("2500"));
    assert_eq!(setup.maintenance.policy, MarginCallPolicy::Liquidate);
    assert_eq!(setup.on_fault, FaultAction::CancelAndFlatten);
    let off = manifest().replace(r#""fee-max":"9""#, r#""fee-max":"off""#);
    let setup = Manifest::parse(&off).unwrap().setup().unwrap();
    assert_eq!(setup.costs.fees.max, None);
    // A share may be below the minimum: of a small order it always is.
    let share = manifest().replace(r#""fee-max":"9""#, r#""fee-max":"0.25%""#);
    let setup = Manifest::parse(&share).unwrap().setup().unwrap();
    assert_eq!(setup.costs.fees.max, Some(FeeCap::Share(bps("25"))));
}

/// An instrument's facts are part of the manifest, and so of the run's id.
#[test]
fn the_traits_of_an_instrument_are_read_and_change_the_run() {
    let with = |field: &str| {
        let scale = r#""volume-scale":0"#;
        Manifest::parse(&manifest().replace(scale, &format!("{scale},{field}"))).unwrap()
    };
    let plain = Manifest::parse(&manifest()).unwrap();
    let setup = plain.setup().unwrap();
    assert_eq!(setup.instruments[0].traits(), InstrumentTraits::default());
    let below = with(r#""negative-prices":true"#);
    assert_ne!(below.run_id().unwrap(), plain.run_id().unwrap());
    let instrument = below.setup().unwrap().instruments[0].clone();
    assert_eq!(instrument.prices(), PriceRange::Any);
    assert_eq!(InstrumentEntry::from(&instrument), below.instruments[0]);
    let mut without = with(r#""volume":"none""#);
    let error = |manifest: &Manifest| manifest.setup().unwrap_err().to_string();
    assert!(error(&without).contains("A has no volume in any bar, and under a volume cap no order in it would ever fill; use --volume-cap off"), "{}", error(&without));
    without.costs.volume_cap_bps = "off".to_owned();
    assert!(
        error(&without).contains("costs.slippage-volume-bps 0"),
        "{}",
        error(&without)
    );
    without.costs.slippage_volume_bps = "0".to_owned();
    let instrument = without.setup().unwrap().instruments[0].clone();
    assert_eq!(instrument.traits().volume, VolumeKind::None);
    assert_eq!(InstrumentEntry::from(&instrument), without.instruments[0]);
    let other = error(&with(r#""volume":"some""#));
    assert!(other.contains("instruments.volume is \"some\""), "{other}");
}

/// The text in the manifest, its replacement, and the error.
const WRONG: [(&str, &str, &str); 16] = [
    (r#""fee-min":"1","#, "", "missing field `fee-min`"),
    (
        r#""borrow-bps":"50""#,
        r#""borrow":"50""#,
        "unknown field `borrow`",
    ),
    (r#""latency-bars":2,"#, "", "missing field `latency-bars`"),
    (
        r#""limit-trade-through":true"#,
        r#""limit-trade-through":"x""#,
        "invalid type",
    ),
    (
        r#""maker-fee-bps":"1""#,
        r#""maker-fee-bps":"-1""#,
        "costs.maker-fee-bps",
    ),
    (
        r#""fee-per-share":"0.005""#,
        r#""fee-per-share":"x""#,
        "costs.fee-per-share",
    ),
    (
        r#""fee-fixed":"0.5""#,
        r#""fee-fixed":"-1""#,
        "costs.fee-fixed",
    ),
    (
        r#""fee-min":"1""#,
        r#""fee-min":"0.0000000001""#,
        "costs.fee-min",
    ),
    (r#""fee-max":"9""#, r#""fee-max":"0.5""#, "costs.fee-max"),
    (
        r#""slippage-ticks":3"#,
        r#""slippage-ticks":2000000"#,
        "costs.slippage-ticks",
    ),
    (
        r#""slippage-volume-bps":"4""#,
        r#""slippage-volume-bps":"x""#,
        "costs.slippage-volume-bps",
    ),
    (
        r#""borrow-bps":"50""#,
        r#""borrow-bps":"20000""#,
        "costs.borrow-bps",
    ),
    (
        r#""latency-bars":2"#,
        r#""latency-bars":20000"#,
        "matching.latency-bars",
    ),
    (
        r#""maintenance-bps":"2500""#,
        r#""maintenance-bps":"x""#,
        "account.maintenance-bps",
    ),
    (
        r#""margin-call":"liquidate""#,
        r#""margin-call":"x""#,
        "account.margin-call",
    ),
    (
        r#""on-fault":"cancel-and-flatten""#,
        r#""on-fault":"x""#,
        "on-fault",
    ),
];

#[test]
fn an_error_names_its_field() {
    #[track_caller]
    fn check(from: &str, to: &str, expect: &str) {
        let text = manifest();
        assert!(text.contains(from), "{from}");
        let read = Manifest::parse(&text.replace(from, to)).and_then(|one| one.setup());
        let error = read.unwrap_err().to_string();
        assert!(error.contains(expect), "{from} as {to}: {error}");
    }
    for (from, to, expect) in WRONG {
        check(from, to, expect);
    }
    let one = r#"{"symbol":"A","price-scale":2,"tick-size":"0.01","quantity-scale":0,
        "lot-size":"1","volume-scale":0}"#;
    let many = vec![one; 10_001].join(",");
    check(one, &many, "1 to 10,000");
}

/// The answer of a strategy of 200 stocks was above every limit that a manifest could state.
#[test]
fn the_limits_of_an_answer_grow_with_the_universe() {
    //     instruments, default and most requests, default and most bytes
    let table = [
        (1, [64, 128, 32_768, 32_768]),
        (32, [64, 128, 32_768, 32_768]),
        (200, [400, 800, 102_400, 204_800]),
        (2_000, [4_000, 8_000, 1_024_000, 2_048_000]),
        (10_000, [20_000, 40_000, 5_120_000, 10_240_000]),
        (1_000_000, [20_000, 40_000, 5_120_000, 10_240_000]),
    ];
    for (instruments, [requests, requests_max, bytes, bytes_max]) in table {
        let limits = SandboxLimits::for_instruments(instruments);
        assert_eq!(
            (limits.requests_per_bar, limits.answer_bytes),
            (requests, bytes)
        );
        let check = |requests_per_bar, answer_bytes| {
            let limits = SandboxLimits {
                requests_per_bar,
                answer_bytes,
                ..limits.clone()
            };
            let checked = limits.check_ranges(instruments);
            checked.map_err(|error| error.to_string())
        };
        assert_eq!(check(requests_max, bytes_max), Ok(()));
        let error = check(requests_max + 1, bytes_max).unwrap_err();
        let range = format!("limits.requests-per-bar is {}; ", requests_max + 1);
        assert!(error.starts_with(&range), "{error}");
        check(requests_max, bytes_max + 1).unwrap_err();
    }
    let research = RiskEntry::research_for(2_000);
    assert_eq!(research.orders_per_bar_max, 4_000);
    assert_eq!(research.working_orders_max, 4_000);
    assert_eq!(RiskEntry::research_for(32), RiskEntry::research());
    assert!(RiskEntry::research_for(10_000).limits().is_ok());
}
