//! Principals and their keys: who counts, and until when.

use super::*;

fn revoke(name: &str, seed: u8) -> Act {
    Act::KeyRevoke {
        id: id(name),
        key: key(seed),
        reason: "lost".to_owned(),
    }
}

#[test]
fn a_signature_counts_if_its_key_counted_at_that_point() {
    let mut desk = Desk::staffed();
    desk.act("bob", submit("before")).unwrap();
    desk.act("ada", revoke("bob", 2)).unwrap();
    let text = desk.denied("bob", submit("after"), Rule::KeyRevoked);
    assert!(text.contains("by record 10"), "{text}");
    // What was done before stands.
    assert!(
        desk.ledger
            .state()
            .registry()
            .component(&digest("before"))
            .is_ok()
    );
    let act = Act::KeyAdd {
        id: id("bob"),
        key: key(20),
        until: Some(UnixNanos(desk.time + 3)),
    };
    desk.act("ada", act).unwrap();
    desk.act_with("bob", submit("after"), 20).unwrap();
    let denial = desk.act_with("bob", submit("late"), 20).unwrap_err();
    assert_eq!(denial.rule, Rule::KeyExpired);
}

#[test]
fn a_rotated_key_is_over_and_the_new_one_counts() {
    let mut desk = Desk::staffed();
    let rotate = |seed, until| Act::KeyRotate {
        key: key(seed),
        until,
    };
    desk.denied("bob", rotate(3, None), Rule::KeyTaken);
    desk.denied("bob", rotate(21, Some(UnixNanos(0))), Rule::KeyExpired);
    desk.act("bob", rotate(21, None)).unwrap();
    desk.denied("bob", submit("one"), Rule::KeyRevoked);
    desk.act_with("bob", submit("one"), 21).unwrap();
    // A key never comes back, not even to its owner.
    let denial = desk.act_with("bob", rotate(2, None), 21).unwrap_err();
    assert_eq!(denial.rule, Rule::KeyTaken);
}

#[test]
fn nobody_acts_in_anothers_name_or_with_anothers_key() {
    let mut desk = Desk::staffed();
    let denial = desk.act_with("bob", submit("one"), 3).unwrap_err();
    assert_eq!(denial.rule, Rule::KeyUnknown);
    desk.denied("nobody", submit("one"), Rule::PrincipalUnknown);
    // The operator of the log's key makes up an act in bob's name.
    let (origin, previous) = desk.ledger.place();
    let mut forged = SignedAct::sign(
        origin,
        previous,
        UnixNanos(desk.time),
        id("bob"),
        submit("one"),
        &signing_key(LOG_SEED),
    )
    .unwrap();
    forged.key = key(2);
    let error = desk.ledger.append(forged).unwrap_err();
    assert!(error.to_string().contains("signature.invalid"), "{error}");
    assert_eq!(&desk.verified().state, desk.ledger.state());
    // A key of small order, under which anything would be signed.
    let act = Act::KeyAdd {
        id: id("bob"),
        key: PublicKey([0; 32]),
        until: None,
    };
    desk.denied("ada", act, Rule::KeyUnusable);
    // The log's own key is nobody's.
    desk.denied("ada", add("eve", &[Role::Author], LOG_SEED), Rule::KeyTaken);
    desk.denied("bob", revoke("carol", 3), Rule::RoleMissing);
    desk.denied("ada", revoke("carol", 2), Rule::KeyUnknown);
    desk.act("bob", revoke("bob", 2)).unwrap();
}

#[test]
fn a_name_in_any_form_is_one_principal_and_a_look_alike_is_none() {
    let mut desk = Desk::staffed();
    desk.denied("ada", add(" BOB ", &[], 30), Rule::PrincipalExists);
    desk.act("ada", add("cop", &[], 30)).unwrap();
    let text = desk.denied(
        "ada",
        add("\u{441}\u{43e}\u{440}", &[], 31),
        Rule::PrincipalLook,
    );
    assert!(text.contains("looks like the principal cop"), "{text}");
    let uuid = "67E5504410B1426F9247BB680E5FE0C8";
    desk.act("ada", add(uuid, &[], 32)).unwrap();
    let other = "{67e55044-10b1-426f-9247-bb680e5fe0c8}";
    desk.denied("ada", add(other, &[], 33), Rule::PrincipalExists);
}

#[test]
fn an_administrator_is_always_left_and_changes_no_roles_of_its_own() {
    let mut desk = Desk::new();
    desk.denied("ada", revoke("ada", 1), Rule::AdministratorLast);
    let mine = roles("ada", &[Role::Administrator, Role::Approver]);
    desk.denied("ada", mine, Rule::RolesOwn);
    desk.add("amy", &[Role::Administrator], 40).unwrap();
    desk.act("ada", revoke("ada", 1)).unwrap();
    // ada is still one by role, and has no key: amy is the last.
    desk.denied("amy", revoke("amy", 40), Rule::AdministratorLast);
}

#[test]
fn a_ledger_begins_once_and_with_a_first_record_that_holds() {
    let mut desk = Desk::new();
    let again = Act::Genesis {
        administrators: vec![(id("ada"), key(1))],
        log_key: key(LOG_SEED),
        log_holder: id("host"),
    };
    desk.denied("ada", again, Rule::GenesisRepeated);
    let begin = |administrators: Vec<(Id, PublicKey)>, log_seed, actor_seed| {
        let folder = tempfile::tempdir().unwrap();
        let act = Act::Genesis {
            administrators,
            log_key: key(log_seed),
            log_holder: id("host"),
        };
        let previous = counterfoil_journal::entry::GENESIS;
        let place = ("counterfoil/ledger/test", previous);
        let signed = SignedAct::sign(
            place.0,
            place.1,
            UnixNanos(0),
            id("ada"),
            act,
            &signing_key(actor_seed),
        )
        .unwrap();
        let path = folder.path().join("ledger");
        let result = Ledger::create(&path, &id("test"), Box::new(log_key(LOG_SEED)), &signed);
        let made = path.exists();
        match result {
            Err(LedgerError::Genesis(denial)) if !made => denial.rule,
            other => panic!("{other:?}"),
        }
    };
    let ada = (id("ada"), key(1));
    assert_eq!(begin(vec![ada.clone()], 7, 1), Rule::KeyUnknown);
    assert_eq!(
        begin(vec![ada.clone()], LOG_SEED, 2),
        Rule::PrincipalUnknown
    );
    assert_eq!(begin(vec![], LOG_SEED, 1), Rule::PrincipalUnknown);
    let two = vec![ada.clone(), (id("amy"), key(1))];
    assert_eq!(begin(two, LOG_SEED, 1), Rule::KeyTaken);
    let log = vec![(id("ada"), key(LOG_SEED))];
    assert_eq!(begin(log, LOG_SEED, LOG_SEED), Rule::KeyTaken);
    let same = vec![ada.clone(), (id("ada"), key(3))];
    assert_eq!(begin(same, LOG_SEED, 1), Rule::PrincipalLook);
}
