//! docs/reference/POLICY.md and the Rust types say the same: the examples are what the types make, every
//! field of them has its row, and the starter bundle answers them as the page says.

use std::collections::BTreeSet;

use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;
use counterfoil_policy::child::EvaluationLimits;
use counterfoil_policy::input::{self, DigestSetInput, GateInput, UnixSeconds};
use counterfoil_policy::starter;
use counterfoil_policy::verdict::{PolicyRefusal, limits_digest};
use counterfoil_trading::time::UnixNanos;
use serde_json::Value;

use crate::world::evaluator;

const PAGE: &str = include_str!("../../../../docs/reference/POLICY.md");

/// The examples beside the page, by the heading of their table.
const EXAMPLES: [(&str, &str); 3] = [
    (
        "Promotion",
        include_str!("../../../../docs/reference/policy-promotion.json"),
    ),
    (
        "Start",
        include_str!("../../../../docs/reference/policy-start.json"),
    ),
    (
        "Limits",
        include_str!("../../../../docs/reference/policy-limits.json"),
    ),
];

fn section(heading: &str) -> &'static str {
    let (_, from) = PAGE.split_once(&format!("\n### {heading}\n")).unwrap();
    from.split("\n### ").next().unwrap()
}

fn example(heading: &str) -> Value {
    let found = EXAMPLES.iter().find(|(name, _)| *name == heading);
    serde_json::from_str(found.unwrap().1).unwrap()
}

/// The names before the colon of each item of the lists in a text.
fn rows(text: &str) -> BTreeSet<String> {
    let lines = text.replace("\n  ", " ");
    let items = lines.lines().filter_map(|line| line.strip_prefix("- "));
    let heads = items.filter_map(|item| item.split("`:").next());
    let fields = heads.flat_map(|head| head.split('`').skip(1).step_by(2));
    fields.map(str::to_owned).collect()
}

fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let dot = if path.is_empty() { "" } else { "." };
                fields(value, &format!("{path}{dot}{name}"), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                fields(item, &format!("{path}[]"), found);
            }
        }
        Value::Array(_) => {
            found.insert(format!("{path}[]"));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            found.insert(path.to_owned());
        }
    }
}

fn set() -> DigestSetInput {
    let digest = |byte| Digest([byte; 32]);
    DigestSetInput {
        component: digest(0x11),
        limits: digest(0x22),
        policy: digest(0x33),
        evidence: digest(0x44),
    }
}

fn at(seconds: i64) -> UnixSeconds {
    UnixSeconds::before(UnixNanos(seconds * 1_000_000_000))
}

const NOW: i64 = 1_767_225_600;

fn promotion() -> input::PromotionInput {
    input::PromotionInput {
        time: at(NOW),
        set: set(),
        component: input::ComponentInput {
            strategy: "moving-average-cross".into(),
            source_commit: "0897bcb".into(),
            toolchain: "rustc 1.95.0".into(),
            wit_world: "counterfoil:strategy@0.1.0".into(),
        },
        people: input::ReviewersInput {
            author: "ada".into(),
            reviewer: "ren".into(),
            approvers: vec!["pia".into()],
        },
        evidence: input::EvidenceInput {
            admission: Some(input::AdmissionInput { passed: true }),
            unit_tests: Some(input::UnitTestsInput {
                passed: true,
                by: "ada".into(),
            }),
            snapshot_quality: Some(input::SnapshotQualityInput {
                snapshot: Digest([0x55; 32]).to_string(),
                accepted: true,
                quarantined: 2,
            }),
            replay: Some(input::ReplayInput {
                run: Digest([0x66; 32]).to_string(),
                identical: true,
                back_ends: vec!["cranelift".into(), "pulley".into()],
            }),
            no_look_ahead: Some(input::LookAheadInput { passed: true }),
            thresholds: Some(input::ThresholdsInput {
                drawdown_bps: 3_120,
                slippage_loss_bps: 300,
                fuel_p99_bps: 200,
            }),
        },
        exceptions: vec![input::ExceptionInput {
            entry: 41,
            rule: "threshold.drawdown".into(),
            component: Some(Digest([0x11; 32])),
            account: None,
            reason: "the crash of 2008 is in the sample".into(),
            control: "half the order size until the next review".into(),
            owner: "olga".into(),
            approver: "pia".into(),
            until: at(1_769_904_000),
        }],
    }
}

fn start() -> input::StartInput {
    input::StartInput {
        time: at(NOW),
        set: set(),
        approved: Some(set()),
        stage: "approved".into(),
        owner: "fund".into(),
        account: "main".into(),
        market: "xnys".into(),
        timeframe: "1d".into(),
        parameters: Digest([0x77; 32]),
        limits: Digest([0x88; 32]),
        people: input::OperatorsInput {
            operator: "olga".into(),
            log_holder: "lars".into(),
        },
        authorization: Some(input::AuthorizationInput {
            entry: 57,
            by: "olga".into(),
            set: set(),
            owner: "fund".into(),
            account: "main".into(),
            market: "xnys".into(),
            timeframe: "1d".into(),
            parameters: Digest([0x77; 32]),
            limits: Digest([0x88; 32]),
            not_before: at(NOW - 3_600),
            not_after: at(NOW + 82_800),
            withdrawn: false,
        }),
        limits_in_force: Some(Digest([0x88; 32])),
        policy_in_force: Some(Digest([0x33; 32])),
        retrospectives_owed: vec![input::RetrospectiveInput {
            entry: 50,
            opened_by: "olga".into(),
        }],
        kills: vec![input::KillInput {
            entry: 55,
            scope: "account".into(),
            reason: "the broker's positions differ".into(),
        }],
        exceptions: Vec::new(),
    }
}

fn limits() -> input::LimitsInput {
    input::LimitsInput {
        time: at(NOW),
        asked_by: "olga".into(),
        account: input::AccountInput {
            name: "main".into(),
            owner: "fund".into(),
            kind: "cash".into(),
            currency: "USD".into(),
        },
        asked: input::AskedLimits {
            orders_per_bar: Some(4),
            order_notional: Some(20_000),
            price_collar_bps: Some(200),
            ..input::AskedLimits::default()
        },
        exceptions: Vec::new(),
    }
}

#[test]
fn the_examples_are_what_the_types_make_and_every_field_has_a_row() {
    let common = rows(PAGE.split("\n### ").next().unwrap());
    let documents = [
        ("Promotion", promotion().document().unwrap()),
        ("Start", start().document().unwrap()),
        ("Limits", limits().document().unwrap()),
    ];
    for (heading, document) in documents {
        assert_eq!(example(heading), document, "{heading}");
        let mut found = BTreeSet::new();
        fields(&document, "", &mut found);
        let mut table = rows(section(heading));
        // A row about a whole piece is not a field of the example.
        table.remove("evidence.admission");
        let rows: BTreeSet<String> = table.iter().chain(&common).cloned().collect();
        let without: Vec<_> = found.difference(&rows).collect();
        assert!(without.is_empty(), "{heading}: no row for {without:?}");
        let unknown: Vec<_> = table.difference(&found).collect();
        assert!(unknown.is_empty(), "{heading}: no field for {unknown:?}");
    }
}

#[test]
fn the_starter_bundle_answers_the_examples() {
    let bundle = starter::bundle().unwrap();
    let ask = |gate, heading| {
        evaluator(EvaluationLimits::default()).evaluate(Ok(&bundle), gate, &example(heading))
    };
    let promotion = ask(Gate::Promotion, "Promotion");
    assert!(promotion.passes(), "{:?}", promotion.reasons);
    assert_eq!(promotion.reasons.len(), 1);
    assert!(promotion.reasons[0].text.contains("exception in entry 41"));
    let start = ask(Gate::Start, "Start");
    let codes: Vec<_> = start.reasons.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(codes, ["start.break-glass", "start.killed"]);
    let limits = ask(Gate::Limits, "Limits");
    assert!(limits.passes(), "{:?}", limits.reasons);
    let value = limits.limits.unwrap();
    assert_eq!(
        (value.orders_per_bar_max, value.working_orders_max),
        (4, 50)
    );
    assert_eq!(value.order_notional_max, "20000");
    assert_eq!(value.price_collar_bps, "200");
    // A live run does not start without any of these.
    let daily = (value.orders_per_day_max, value.net_exposure_max.as_deref());
    assert_eq!(daily, (Some(200), Some("100000")));
    assert_eq!(value.daily_loss_max.as_deref(), Some("10000"));
    assert_ne!(limits_digest(&value).unwrap(), Digest([0; 32]));
}

#[test]
fn a_start_without_what_the_example_complains_of_passes() {
    let mut start = start();
    start.kills.clear();
    start.retrospectives_owed.clear();
    let bundle = starter::bundle().unwrap();
    let ask = |start: &input::StartInput| {
        evaluator(EvaluationLimits::default()).evaluate(
            Ok(&bundle),
            Gate::Start,
            &start.document().unwrap(),
        )
    };
    assert!(ask(&start).passes());
    start.authorization = None;
    start.approved = None;
    start.limits_in_force = None;
    start.policy_in_force = None;
    assert!(!ask(&start).passes());
}

#[test]
fn a_promotion_without_evidence_fails_for_each_piece() {
    let mut promotion = promotion();
    promotion.evidence = input::EvidenceInput {
        admission: None,
        unit_tests: None,
        snapshot_quality: None,
        replay: None,
        no_look_ahead: None,
        thresholds: None,
    };
    let bundle = starter::bundle().unwrap();
    let document = promotion.document().unwrap();
    let verdict =
        evaluator(EvaluationLimits::default()).evaluate(Ok(&bundle), Gate::Promotion, &document);
    assert!(!verdict.passes());
    assert_eq!(verdict.reasons.len(), 8, "{:?}", verdict.reasons);
}

#[test]
fn every_code_of_the_host_has_a_row() {
    let rows = rows(PAGE);
    for refusal in PolicyRefusal::ALL {
        assert!(rows.contains(refusal.code()), "{}", refusal.code());
    }
}

#[test]
fn seconds_never_count_too_long() {
    let half = UnixNanos(1_500_000_000);
    assert_eq!(serde_json::to_value(UnixSeconds::before(half)).unwrap(), 1);
    assert_eq!(serde_json::to_value(UnixSeconds::after(half)).unwrap(), 2);
    assert_eq!(
        UnixSeconds::after(UnixNanos(1_000_000_000)),
        UnixSeconds::before(half)
    );
    assert_eq!(
        serde_json::to_value(UnixSeconds::before(UnixNanos(-1))).unwrap(),
        0
    );
}
