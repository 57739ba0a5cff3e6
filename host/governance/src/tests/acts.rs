//! The registry's way: each act in the wrong order, by the wrong role, by the wrong person.

use super::*;
use crate::registry::ComponentStage;

#[test]
fn a_component_walks_from_draft_to_archived_by_three_people_and_a_fourth_starts_it() {
    let mut desk = Desk::staffed();
    let set = desk.walk("one");
    desk.start("run", set).unwrap();
    desk.act("dan", archive("one")).unwrap();
    let denial = desk.not_started("again", set, Rule::StageOrder);
    assert!(
        denial.contains("can be replayed, never started"),
        "{denial}"
    );
    let registry = desk.ledger.state().registry();
    registry.may_replay(&digest("one")).unwrap();
    assert_eq!(
        registry.components()[&digest("one")].stage,
        ComponentStage::Archived
    );
    let runs: Vec<_> = registry.runs_of(&digest("one")).collect();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].record_ref.by, id("robot"));
    assert_eq!(registry.runs_of(&digest("two")).count(), 0);
    let approvals: Vec<_> = registry.who_approved(&digest("run")).collect();
    assert_eq!(
        (approvals.len(), &approvals[0].record_ref.by),
        (1, &id("dan"))
    );
    // What the approver signed stands in an envelope that others can check.
    let mut envelope = attest::approval("counterfoil/ledger/test", &id("dan"), &set).unwrap();
    envelope.signatures.push(attest::EnvelopeSignature {
        key_id: attest::key_id(&key(4)),
        signature: approvals[0].signature.into(),
    });
    envelope.verify(&[key(4)]).unwrap();
}

#[test]
fn every_transition_in_the_wrong_order_is_denied_and_names_the_stage() {
    // The acts that fit at each stage; all others are denied there.
    let approved = ["submit", "validate", "approve"];
    let stages: [(&[&str], &[&str]); 5] = [
        (&[], &["submit"]),
        (&["submit"], &["validate"]),
        (&["submit", "validate"], &["approve"]),
        (&approved, &["approve", "promote"]),
        (
            &["submit", "validate", "approve", "promote"],
            &["approve", "archive", "start"],
        ),
    ];
    for (done, fits) in stages {
        for name in [
            "submit", "validate", "approve", "promote", "archive", "start",
        ] {
            let mut desk = Desk::settled();
            desk.act("carol", pass(set("one"))).unwrap();
            let acts = BTreeMap::from([
                ("submit", ("bob", submit("one"))),
                ("validate", ("carol", validate("one"))),
                ("approve", ("dan", approve("dan", set("one"), 4))),
                ("promote", ("erin", promote(set("one")))),
                ("archive", ("dan", archive("one"))),
            ]);
            for one in done {
                let (who, act) = acts[one].clone();
                desk.act(who, act).unwrap();
            }
            let result = match acts.get(name).cloned() {
                Some((who, act)) => desk.act(who, act),
                None => desk.start("run", set("one")),
            };
            assert_eq!(
                result.is_ok(),
                fits.contains(&name),
                "{done:?} {name} {result:?}"
            );
            let rules = [
                Rule::ComponentUnknown,
                Rule::ComponentExists,
                Rule::StageOrder,
                Rule::ApprovalMissing,
                Rule::PromotionExists,
            ];
            if let Err(denial) = result {
                assert!(rules.contains(&denial.rule), "{denial}");
            }
        }
    }
    // From archived there is no way at all.
    let mut desk = Desk::staffed();
    let set = desk.walk("one");
    desk.act("erin", archive("one")).unwrap();
    for (who, act) in [
        ("carol", validate("one")),
        ("dan", approve("dan", set, 4)),
        ("dan", promote(set)),
        ("dan", archive("one")),
    ] {
        desk.denied(who, act, Rule::StageOrder);
    }
    desk.not_started("run", set, Rule::StageOrder);
}

#[test]
fn every_act_by_the_wrong_role_is_denied_and_names_who_could_do_it() {
    let mut desk = Desk::staffed();
    let set = desk.walk("one");
    let people = ["ada", "bob", "carol", "dan", "erin", "amy", "gus"];
    let acts: [(Act, &[&str]); 10] = [
        (submit("two"), &["bob"]),
        (validate("one"), &["carol"]),
        (approve("dan", set, 4), &["dan"]),
        (promote(set), &["dan", "erin"]),
        (policy("other"), &["ada", "amy", "dan", "gus"]),
        (archive("one"), &["dan", "erin"]),
        (Act::StartAuthorize(authorization(set, 0, 9)), &["erin"]),
        (add("fay", &[], 9), &["ada", "amy"]),
        (roles("bob", &[]), &["ada", "amy"]),
        (Act::LogHolder { id: id("fay") }, &["ada", "amy"]),
    ];
    for (act, may) in acts {
        for who in people.iter().filter(|who| !may.contains(who)) {
            let text = desk.denied(who, act.clone(), Rule::RoleMissing);
            assert!(text.contains(&format!("): {}", may.join(", "))), "{text}");
        }
    }
    assert_eq!(desk.ledger.state().denials(), 4 * 6 + 5 * 5 + 3);
}

#[test]
fn nobody_approves_what_they_authored_or_validated() {
    let mut desk = Desk::staffed();
    let all = [Role::Author, Role::Reviewer, Role::Approver];
    desk.add("max", &all, 10).unwrap();
    desk.act("max", submit("own")).unwrap();
    let text = desk.denied("max", validate("own"), Rule::DutyAuthor);
    assert!(
        text.ends_with("who could do it (reviewer): carol"),
        "{text}"
    );
    desk.act("carol", validate("own")).unwrap();
    let act = desk.approve("max", set("own"));
    let text = desk.denied("max", act, Rule::DutyAuthor);
    assert!(text.ends_with("who could do it (promotion): dan"), "{text}");
    desk.act("bob", submit("other")).unwrap();
    desk.act("max", validate("other")).unwrap();
    let act = desk.approve("max", set("other"));
    desk.denied("max", act, Rule::DutyReviewer);
}

#[test]
fn nobody_brings_what_they_wrote_into_use() {
    let mut desk = Desk::staffed();
    desk.add("max", &[Role::Author, Role::Approver], 12)
        .unwrap();
    desk.act("ada", Act::SetupEnd {}).unwrap();
    desk.act("max", submit("own")).unwrap();
    let text = desk.denied("dan", promote(set("own")), Rule::StageOrder);
    assert!(text.contains("counterfoil component review"), "{text}");
    desk.act("carol", validate("own")).unwrap();
    desk.act("dan", desk.approve("dan", set("own"))).unwrap();
    desk.act("carol", pass(set("own"))).unwrap();
    desk.denied("max", promote(set("own")), Rule::DutyAuthor);
    desk.act("dan", promote(set("own"))).unwrap();
}

#[test]
fn nobody_starts_runs_and_holds_the_logs_key() {
    let mut desk = Desk::staffed();
    desk.denied("ada", add("host", &[Role::Operator], 11), Rule::DutyLogKey);
    desk.act("ada", add("host", &[Role::Auditor], 11)).unwrap();
    desk.denied("ada", roles("host", &[Role::Operator]), Rule::DutyLogKey);
    desk.denied("ada", Act::LogHolder { id: id("erin") }, Rule::DutyLogKey);
    desk.act("ada", Act::LogHolder { id: id("vault") }).unwrap();
    desk.act("ada", roles("host", &[Role::Operator])).unwrap();
}

#[test]
fn one_changed_bit_ends_the_approval_and_the_message_names_what_changed() {
    let mut desk = Desk::staffed();
    let good = desk.walk("one");
    desk.act("bob", submit("unseen")).unwrap();
    let flip = |digest: Digest| {
        let mut bytes = digest.0;
        bytes[31] ^= 1;
        Digest(bytes)
    };
    let mut limits = good;
    limits.limits = flip(good.limits);
    let mut policy = good;
    policy.policy = flip(good.policy);
    let mut evidence = good;
    evidence.evidence = flip(good.evidence);
    for (name, changed) in [
        ("limits", limits),
        ("policy", policy),
        ("evidence", evidence),
    ] {
        let text = desk.not_started("run", changed, Rule::ApprovalChanged);
        let [(_, old), ..] = good
            .named()
            .into_iter()
            .filter(|(n, _)| *n == name)
            .collect::<Vec<_>>()[..]
        else {
            panic!()
        };
        assert!(
            text.contains(&format!("{name} was {old}, is sha256:")),
            "{text}"
        );
        for other in ["component", "limits", "policy", "evidence"] {
            assert_eq!(
                text.contains(&format!("{other} was")),
                other == name,
                "{text}"
            );
        }
    }
    let mut component = good;
    component.component = digest("unseen");
    desk.not_started("run", component, Rule::ApprovalMissing);
    // Other evidence than was validated cannot be approved at all.
    let act = desk.approve("dan", evidence);
    let text = desk.denied("dan", act, Rule::ApprovalChanged);
    assert!(text.contains("evidence was"), "{text}");
    // New limits take a new approval; the old one goes on to apply.
    let act = desk.approve("dan", limits);
    desk.act("dan", act).unwrap();
    desk.not_started("run", limits, Rule::ApprovalChanged);
    desk.act("carol", pass(limits)).unwrap();
    desk.act("dan", promote(limits)).unwrap();
    // And apply to accounts that have them alone.
    let text = desk.not_started("run", limits, Rule::LimitsUnapproved);
    let (approved, account) = (limits.limits, good.limits);
    let both = format!("under limits {approved}, and account desk-7 has {account};");
    assert!(text.contains(&both), "{text}");
    desk.start("run", good).unwrap();
    desk.act("robot", end("run")).unwrap();
    desk.not_started("run", good, Rule::RunExists);
}

#[test]
fn an_approval_is_signed_over_the_digest_set_itself() {
    let mut desk = Desk::staffed();
    desk.act("bob", submit("one")).unwrap();
    desk.act("carol", validate("one")).unwrap();
    let mut other = set("one");
    other.limits = digest("other limits");
    let Act::ComponentApprove { signature, .. } = desk.approve("dan", other) else {
        panic!()
    };
    let act = Act::ComponentApprove {
        set: set("one"),
        signature,
    };
    desk.denied("dan", act, Rule::ApprovalSignature);
    // Nor does one person's signature stand for another's.
    let act = approve("bob", set("one"), 2);
    desk.denied("dan", act, Rule::ApprovalSignature);
}

#[test]
fn every_piece_of_evidence_is_needed_and_named() {
    let mut desk = Desk::staffed();
    desk.act("bob", submit("one")).unwrap();
    for kind in EvidenceKind::ALL {
        let mut evidence = evidence();
        evidence.0.remove(&kind);
        let act = Act::ComponentValidate {
            component: digest("one"),
            evidence,
        };
        let text = desk.denied("carol", act, Rule::EvidenceMissing);
        assert!(
            text.contains(&format!("missing: {};", kind.name())),
            "{text}"
        );
    }
}

#[test]
fn rollback_goes_to_the_approval_before_that_is_still_in_use() {
    let mut desk = Desk::staffed();
    for name in ["one", "two", "three"] {
        desk.walk(name);
    }
    let back = |desk: &Desk, name| {
        let registry = desk.ledger.state().registry();
        let found = registry.rollback(&digest(name));
        found.map(|approval| approval.set.component)
    };
    assert_eq!(back(&desk, "three"), Some(digest("two")));
    assert_eq!(back(&desk, "one"), None);
    desk.act("dan", archive("two")).unwrap();
    assert_eq!(back(&desk, "three"), Some(digest("one")));
}
