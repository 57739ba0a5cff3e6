//! The token and the transitions, as tables.

use counterfoil_trading::gateway::{
    Answer, Authorization, ClockWord, Difference, End, Event, Life, LogRecord, Lookup, Mark,
    Occasion, Outcome, Phase, Reconciled, Refusal, Standing, VenueOrderId, check, recovered,
};
use counterfoil_trading::plan::PlanDigest;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Quantity};

const TOKEN: Authorization = Authorization {
    run: [1; 32],
    execution: 1,
    sequence: 7,
    plan: [2; 32],
    policy: [3; 32],
    limits: [4; 32],
    approver: [5; 32],
    epoch: 6,
    not_after: UnixNanos(1_000),
};

const STANDING: Standing = Standing {
    run: [1; 32],
    execution: 1,
    policy: [3; 32],
    limits: [4; 32],
    approver: [5; 32],
    epoch: 6,
    now: UnixNanos(1_000),
};

const PLAN: Option<PlanDigest> = Some(PlanDigest([2; 32]));

/// What is changed, the plan that was decided, and the refusal.
type Case<'a> = (
    &'a dyn Fn(&mut Standing),
    Option<PlanDigest>,
    Option<&'static str>,
);

#[test]
fn a_token_holds_only_where_everything_it_binds_does() {
    let refused = |change: &dyn Fn(&mut Standing), decided| {
        let mut standing = STANDING;
        change(&mut standing);
        check(&TOKEN, &standing, decided).err().map(Refusal::code)
    };
    let other = Some(PlanDigest([9; 32]));
    let table: [Case<'_>; 12] = [
        (&|_| {}, PLAN, None),
        (&|one| one.run = [9; 32], PLAN, Some("token.foreign")),
        (&|one| one.execution = 2, PLAN, Some("token.foreign")),
        (&|one| one.approver = [9; 32], PLAN, Some("token.foreign")),
        (&|_| {}, None, Some("token.no-verdict")),
        (&|_| {}, other, Some("token.altered")),
        (&|one| one.epoch = 7, PLAN, Some("token.stale-lease")),
        (&|one| one.epoch = 5, PLAN, Some("token.stale-lease")),
        (
            &|one| one.policy = [9; 32],
            PLAN,
            Some("token.other-policy"),
        ),
        (
            &|one| one.limits = [9; 32],
            PLAN,
            Some("token.other-limits"),
        ),
        (
            &|one| one.now = UnixNanos(1_001),
            PLAN,
            Some("token.expired"),
        ),
        // A clock that jumps back makes no token invalid: it can only be spent once anyway.
        (&|one| one.now = UnixNanos(-5), PLAN, None),
    ];
    for (place, (change, decided, expect)) in table.into_iter().enumerate() {
        assert_eq!(refused(change, decided), expect, "row {place}");
    }
}

#[test]
fn a_token_has_one_form_and_every_field_is_in_its_digest() {
    let mut bytes = Vec::new();
    TOKEN.encode(&mut bytes);
    assert_eq!(Authorization::decode(&bytes), Ok(TOKEN));
    let changes: [&dyn Fn(&mut Authorization); 9] = [
        &|one| one.run[31] ^= 1,
        &|one| one.execution += 1,
        &|one| one.sequence += 1,
        &|one| one.plan[0] ^= 1,
        &|one| one.policy[0] ^= 1,
        &|one| one.limits[0] ^= 1,
        &|one| one.approver[0] ^= 1,
        &|one| one.epoch += 1,
        &|one| one.not_after.0 += 1,
    ];
    let mut digests = vec![TOKEN.digest()];
    for change in changes {
        let mut other = TOKEN;
        change(&mut other);
        digests.push(other.digest());
    }
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 10);
    for length in 0..bytes.len() {
        assert!(Authorization::decode(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn the_venues_name_for_an_order_follows_from_its_place_alone() {
    let name = VenueOrderId::new(&[1; 32], 1, 7);
    assert_eq!(name, VenueOrderId::new(&[1; 32], 1, 7));
    assert_eq!(name.as_str().len(), 34);
    for other in [
        VenueOrderId::new(&[2; 32], 1, 7),
        VenueOrderId::new(&[1; 32], 2, 7),
        VenueOrderId::new(&[1; 32], 1, 8),
    ] {
        assert_ne!(name, other);
    }
}

fn at(phase: Phase) -> Life {
    Life { phase, attempt: 2 }
}

#[test]
fn every_state_answers_every_event() {
    use Phase::{Absent, Decided, Ended, Issued, Sent, Spent, Unknown};
    let ended = Ended(End::Acknowledged);
    let rejected = Ended(End::Rejected);
    let not_sent = Ended(End::NotSent);
    let all = [Decided, Issued, Spent, Sent, Unknown, Absent, ended];
    let row = |event: Event| {
        all.map(|phase| match at(phase).after(event) {
            Ok(life) => Ok(life.phase),
            Err(refusal) => Err(refusal.code()),
        })
    };
    let (spent, foreign) = (Err("token.spent"), Err("token.foreign"));
    let (early, open) = (Err("token.not-spent"), Err("token.not-resolved"));
    let same = all.map(Ok::<_, &str>);
    // The columns are those of `all`.
    assert_eq!(
        row(Event::Issue),
        [Ok(Issued), spent, spent, spent, spent, Ok(Issued), spent]
    );
    assert_eq!(
        row(Event::Spend),
        [foreign, Ok(Spent), spent, spent, spent, foreign, spent]
    );
    assert_eq!(
        row(Event::Send),
        [early, early, Ok(Sent), spent, open, early, spent]
    );
    assert_eq!(
        row(Event::Withhold),
        [
            Ok(not_sent),
            Ok(not_sent),
            Ok(not_sent),
            open,
            open,
            Ok(not_sent),
            spent
        ]
    );
    let changed = |places: [usize; 2], to| {
        let mut row = same;
        for place in places {
            row[place] = Ok(to);
        }
        row
    };
    let answers = [
        (Answer::Known, ended),
        (Answer::Refused, rejected),
        (Answer::Unknown, Unknown),
    ];
    for (answer, to) in answers {
        assert_eq!(row(Event::Answer(2, answer)), changed([3, 4], to));
        assert_eq!(row(Event::Answer(1, answer)), same, "of an attempt before");
    }
    let lookups = [
        (Lookup::Found, ended),
        (Lookup::Refused, rejected),
        (Lookup::NotFound, Absent),
        (Lookup::Unknown, Unknown),
    ];
    for (said, to) in lookups {
        assert_eq!(row(Event::Lookup(said)), changed([4, 4], to));
    }
}

#[test]
fn what_the_log_holds_says_where_an_order_stands() {
    let end = Mark::Ended(End::Rejected);
    let table: [(&[Mark], Phase, u32); 5] = [
        (&[], Phase::Decided, 0),
        (&[Mark::Spent], Phase::Unknown, 1),
        (&[Mark::Spent, Mark::Spent], Phase::Unknown, 2),
        (&[Mark::Spent, end], Phase::Ended(End::Rejected), 1),
        (&[Mark::Ended(End::NotSent)], Phase::Ended(End::NotSent), 0),
    ];
    for (marks, phase, attempt) in table {
        let life = recovered(marks.iter().copied());
        assert_eq!(life, Life { phase, attempt }, "{marks:?}");
    }
}

#[track_caller]
fn reads_back(record: &LogRecord) {
    let mut body = Vec::new();
    record.encode(&mut body);
    assert_eq!(LogRecord::decode(&body).as_ref(), Ok(record));
    for length in 0..body.len() {
        assert!(LogRecord::decode(&body[..length]).is_err(), "{record:?}");
    }
}

#[test]
fn what_a_venues_books_held_and_each_difference_read_back() {
    let time = UnixNanos(5);
    let table = [
        LogRecord::Reconciled(Reconciled {
            occasion: Occasion::ForeignOrder,
            cash: Money(-1 << 70),
            positions: vec![Quantity(-3), Quantity(0)],
            open_orders: 2,
            time,
        }),
        LogRecord::Difference(Difference {
            what: "cash".to_owned(),
            ours: "1".to_owned(),
            theirs: "2".to_owned(),
            explanation: String::new(),
            tolerance: "0.5".to_owned(),
            time,
        }),
    ];
    for record in table {
        reads_back(&record);
    }
}

#[test]
fn a_record_of_the_order_log_reads_back_and_keeps_little_from_outside() {
    let time = UnixNanos(5);
    let long = "\u{e9}".repeat(2_000);
    let outcome = |detail: &str, refusal| {
        LogRecord::Ended(Outcome {
            sequence: 1,
            attempt: 2,
            end: End::NotSent,
            refusal,
            detail: detail.to_owned(),
            time,
        })
    };
    let unknown = |detail: &str| LogRecord::Unknown {
        sequence: 1,
        attempt: 2,
        detail: detail.to_owned(),
        time,
    };
    let refused = |token: Vec<u8>| LogRecord::Refused {
        refusal: Refusal::StaleLease,
        token,
        time,
    };
    let kept = &long[..1_024];
    let table = [
        LogRecord::Open {
            run: [1; 32],
            execution: 1,
            account: "desk-1".to_owned(),
            venue: "paper".to_owned(),
            approver: [2; 32],
        },
        LogRecord::Lease { epoch: 3, time },
        LogRecord::Spent {
            token: vec![1, 2],
            signature: "note".to_owned(),
            venue_order: "cf00".to_owned(),
            time,
        },
        outcome("", Some(Refusal::Expired)),
        outcome(kept, None),
        unknown(kept),
        refused(vec![0; 1_024]),
        LogRecord::Clock { word: None, time },
        LogRecord::Clock {
            word: Some(ClockWord {
                is_synchronized: true,
                offset_max_nanos: 1_500_000,
                offset_estimate_nanos: -3,
            }),
            time,
        },
    ];
    for record in table {
        reads_back(&record);
    }
    for (given, kept) in [
        (outcome(&long, None), outcome(kept, None)),
        (unknown(&long), unknown(kept)),
        (refused(vec![0; 5_000]), refused(vec![0; 1_024])),
    ] {
        let mut body = Vec::new();
        given.encode(&mut body);
        assert_eq!(LogRecord::decode(&body), Ok(kept));
    }
}
