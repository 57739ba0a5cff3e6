//! The token and the transitions, as tables.

use counterfoil_base::digest::Digest;
use counterfoil_trading::gateway::{
    ClockReport, DurableMark, EndedSubmission, LookupAnswer, OrderAuthorization, OrderLogRecord,
    ReconcileTrigger, Reconciliation, SubmissionEnd, SubmissionEvent, SubmissionPhase,
    SubmissionState, TokenContext, TokenRefusal, VenueAnswer, VenueDifference, VenueOrderId,
    check_token, recover_state,
};
use counterfoil_trading::plan::PlanDigest;
use counterfoil_trading::record::{LedgerEntry, RunStarter};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Quantity};

const TOKEN: OrderAuthorization = OrderAuthorization {
    run: Digest([1; 32]),
    execution: 1,
    sequence: 7,
    plan: PlanDigest(Digest([2; 32])),
    policy: Digest([3; 32]),
    limits: Digest([4; 32]),
    approver: [5; 32],
    fencing_token: 6,
    not_after: UnixNanos(1_000),
};

const STANDING: TokenContext = TokenContext {
    run: Digest([1; 32]),
    execution: 1,
    policy: Digest([3; 32]),
    limits: Digest([4; 32]),
    approver: [5; 32],
    fencing_token: 6,
    now: UnixNanos(1_000),
};

const PLAN: Option<PlanDigest> = Some(PlanDigest(Digest([2; 32])));

/// What is changed, the plan that was decided, and the refusal.
type Case<'a> = (
    &'a dyn Fn(&mut TokenContext),
    Option<PlanDigest>,
    Option<&'static str>,
);

#[test]
fn a_token_holds_only_where_everything_it_binds_does() {
    let refused = |change: &dyn Fn(&mut TokenContext), decided| {
        let mut standing = STANDING;
        change(&mut standing);
        check_token(&TOKEN, &standing, decided)
            .err()
            .map(TokenRefusal::code)
    };
    let other = Some(PlanDigest(Digest([9; 32])));
    let table: [Case<'_>; 12] = [
        (&|_| {}, PLAN, None),
        (
            &|one| one.run = Digest([9; 32]),
            PLAN,
            Some("token.foreign"),
        ),
        (&|one| one.execution = 2, PLAN, Some("token.foreign")),
        (&|one| one.approver = [9; 32], PLAN, Some("token.foreign")),
        (&|_| {}, None, Some("token.no-verdict")),
        (&|_| {}, other, Some("token.altered")),
        (
            &|one| one.fencing_token = 7,
            PLAN,
            Some("token.stale-lease"),
        ),
        (
            &|one| one.fencing_token = 5,
            PLAN,
            Some("token.stale-lease"),
        ),
        (
            &|one| one.policy = Digest([9; 32]),
            PLAN,
            Some("token.other-policy"),
        ),
        (
            &|one| one.limits = Digest([9; 32]),
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
    assert_eq!(OrderAuthorization::decode(&bytes), Ok(TOKEN));
    let changes: [&dyn Fn(&mut OrderAuthorization); 9] = [
        &|one| one.run.0[31] ^= 1,
        &|one| one.execution += 1,
        &|one| one.sequence += 1,
        &|one| one.plan.0.0[0] ^= 1,
        &|one| one.policy.0[0] ^= 1,
        &|one| one.limits.0[0] ^= 1,
        &|one| one.approver[0] ^= 1,
        &|one| one.fencing_token += 1,
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
        assert!(
            OrderAuthorization::decode(&bytes[..length]).is_err(),
            "{length}"
        );
    }
}

#[test]
fn the_venues_name_for_an_order_follows_from_its_place_alone() {
    let name = VenueOrderId::new(&Digest([1; 32]), 1, 7);
    assert_eq!(name, VenueOrderId::new(&Digest([1; 32]), 1, 7));
    assert_eq!(name.as_str().len(), 34);
    for other in [
        VenueOrderId::new(&Digest([2; 32]), 1, 7),
        VenueOrderId::new(&Digest([1; 32]), 2, 7),
        VenueOrderId::new(&Digest([1; 32]), 1, 8),
    ] {
        assert_ne!(name, other);
    }
}

fn at(phase: SubmissionPhase) -> SubmissionState {
    SubmissionState { phase, attempt: 2 }
}

#[test]
fn every_state_answers_every_event() {
    use SubmissionPhase::{Absent, Decided, Ended, Issued, Sent, Spent, Unknown};
    let ended = Ended(SubmissionEnd::Acknowledged);
    let rejected = Ended(SubmissionEnd::Rejected);
    let not_sent = Ended(SubmissionEnd::NotSent);
    let all = [Decided, Issued, Spent, Sent, Unknown, Absent, ended];
    let row = |event: SubmissionEvent| {
        all.map(|phase| match at(phase).apply(event) {
            Ok(life) => Ok(life.phase),
            Err(refusal) => Err(refusal.code()),
        })
    };
    let (spent, foreign) = (Err("token.spent"), Err("token.foreign"));
    let (early, open) = (Err("token.not-spent"), Err("token.not-resolved"));
    let same = all.map(Ok::<_, &str>);
    // The columns are those of `all`.
    assert_eq!(
        row(SubmissionEvent::Issue),
        [Ok(Issued), spent, spent, spent, spent, Ok(Issued), spent]
    );
    assert_eq!(
        row(SubmissionEvent::Spend),
        [foreign, Ok(Spent), spent, spent, spent, foreign, spent]
    );
    assert_eq!(
        row(SubmissionEvent::Send),
        [early, early, Ok(Sent), spent, open, early, spent]
    );
    assert_eq!(
        row(SubmissionEvent::Withhold),
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
        (VenueAnswer::Known, ended),
        (VenueAnswer::Refused, rejected),
        (VenueAnswer::Unknown, Unknown),
    ];
    for (answer, to) in answers {
        assert_eq!(row(SubmissionEvent::Answer(2, answer)), changed([3, 4], to));
        assert_eq!(
            row(SubmissionEvent::Answer(1, answer)),
            same,
            "of an attempt before"
        );
    }
    let lookups = [
        (LookupAnswer::Found, ended),
        (LookupAnswer::Refused, rejected),
        (LookupAnswer::NotFound, Absent),
        (LookupAnswer::Unknown, Unknown),
    ];
    for (said, to) in lookups {
        assert_eq!(row(SubmissionEvent::Lookup(said)), changed([4, 4], to));
    }
}

#[test]
fn what_the_log_holds_says_where_an_order_stands() {
    let end = DurableMark::Ended(SubmissionEnd::Rejected);
    let table: [(&[DurableMark], SubmissionPhase, u32); 5] = [
        (&[], SubmissionPhase::Decided, 0),
        (&[DurableMark::Spent], SubmissionPhase::Unknown, 1),
        (
            &[DurableMark::Spent, DurableMark::Spent],
            SubmissionPhase::Unknown,
            2,
        ),
        (
            &[DurableMark::Spent, end],
            SubmissionPhase::Ended(SubmissionEnd::Rejected),
            1,
        ),
        (
            &[DurableMark::Ended(SubmissionEnd::NotSent)],
            SubmissionPhase::Ended(SubmissionEnd::NotSent),
            0,
        ),
    ];
    for (marks, phase, attempt) in table {
        let life = recover_state(marks.iter().copied());
        assert_eq!(life, SubmissionState { phase, attempt }, "{marks:?}");
    }
}

#[track_caller]
fn reads_back(record: &OrderLogRecord) {
    let mut body = Vec::new();
    record.encode(&mut body);
    assert_eq!(OrderLogRecord::decode(&body).as_ref(), Ok(record));
    for length in 0..body.len() {
        assert!(
            OrderLogRecord::decode(&body[..length]).is_err(),
            "{record:?}"
        );
    }
}

#[test]
fn what_a_venues_books_held_and_each_difference_read_back() {
    let time = UnixNanos(5);
    let table = [
        OrderLogRecord::Reconciled(Reconciliation {
            trigger: ReconcileTrigger::ForeignOrder,
            cash: Money(-1 << 70),
            positions: vec![Quantity(-3), Quantity(0)],
            open_orders: 2,
            time,
        }),
        OrderLogRecord::Difference(VenueDifference {
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
fn what_a_process_of_a_run_records_of_itself_and_of_its_clock_reads_back() {
    let time = UnixNanos(5);
    let of_a_ledger = RunStarter {
        starter: Some("erin".to_owned()),
        authorization: Some(LedgerEntry {
            ledger: "counterfoil/ledger/desk".to_owned(),
            index: 12,
        }),
    };
    for (resumed_at, start) in [(None, RunStarter::default()), (Some(70_000), of_a_ledger)] {
        reads_back(&OrderLogRecord::Process {
            fencing_token: 3,
            resumed_at,
            start,
            time,
        });
    }
    reads_back(&OrderLogRecord::ClockStep {
        clock: UnixNanos(-1),
        time,
    });
}

#[test]
fn a_record_of_the_order_log_reads_back_and_keeps_little_from_outside() {
    let time = UnixNanos(5);
    let long = "\u{e9}".repeat(2_000);
    let outcome = |detail: &str, refusal| {
        OrderLogRecord::Ended(EndedSubmission {
            sequence: 1,
            attempt: 2,
            end: SubmissionEnd::NotSent,
            refusal,
            detail: detail.to_owned(),
            time,
        })
    };
    let unknown = |detail: &str| OrderLogRecord::Unknown {
        sequence: 1,
        attempt: 2,
        detail: detail.to_owned(),
        time,
    };
    let refused = |token: Vec<u8>| OrderLogRecord::Refused {
        refusal: TokenRefusal::StaleLease,
        token,
        time,
    };
    let kept = &long[..1_024];
    let table = [
        OrderLogRecord::Open {
            run: Digest([1; 32]),
            execution: 1,
            account: "desk-1".to_owned(),
            venue: "paper".to_owned(),
            approver: [2; 32],
        },
        OrderLogRecord::Spent {
            token: vec![1, 2],
            signature: "note".to_owned(),
            venue_order: "cf00".to_owned(),
            time,
        },
        outcome("", Some(TokenRefusal::Expired)),
        outcome(kept, None),
        unknown(kept),
        refused(vec![0; 1_024]),
        OrderLogRecord::Clock { report: None, time },
        OrderLogRecord::Clock {
            report: Some(ClockReport {
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
        assert_eq!(OrderLogRecord::decode(&body), Ok(kept));
    }
}
