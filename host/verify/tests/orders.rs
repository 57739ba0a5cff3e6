//! Order logs, alone and beside their journal; the times of both, and the manifest's limits.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod common;

use common::{
    FEED, Plan, RECEIVED_AFTER, bars, key, manifest, run, seal, seal_each, signer, snapshot,
};
use counterfoil_base::digest::Digest;
use counterfoil_journal::note::Note;
use counterfoil_trading::gateway::{
    EndedSubmission, OrderAuthorization, OrderLogRecord, SubmissionEnd, TokenRefusal, VenueOrderId,
};
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::{DecisionRecord, PlanNote, RunRecord, RunStarter};
use counterfoil_trading::time::UnixNanos;
use counterfoil_verify::{
    Integrity, OrderLogFacts, OrderLogReport, TimesVerdict, VerifyOptions, VerifyReport,
    verify_journal, verify_order_log,
};
use sha2::{Digest as _, Sha256};

const PLAN: Plan = Plan {
    every: 1,
    fails_at: None,
    burst: 0,
};

/// A live run of eight bars.
fn live() -> (Manifest, Vec<Vec<u8>>) {
    let manifest = manifest(1, 1, FEED);
    let bars = bars(1, 8);
    let bodies = run(&manifest, &bars, &bars, PLAN);
    (manifest, bodies)
}

fn origin(manifest: &Manifest) -> String {
    format!("counterfoil/orders/{}/3", manifest.run_id().unwrap().hex())
}

/// The digest of limits that tokens of the run name.
fn limits(manifest: &Manifest, account: Option<&[u8]>) -> Digest {
    let account = account.map_or(Digest([0; 32]), Digest::of);
    let both = Sha256::new()
        .chain_update(manifest.limits_digest().unwrap().bytes())
        .chain_update(account.bytes());
    Digest::finish(both)
}

/// Each plan of a run, with the time of its decision.
fn plans(bodies: &[Vec<u8>]) -> Vec<(PlanNote, UnixNanos)> {
    let mut plans = Vec::new();
    for body in bodies {
        if let Ok(RunRecord::Decision(decision)) = RunRecord::decode(body) {
            let (_, decided) = decision.circumstances.times.unwrap();
            plans.extend(
                decision
                    .circumstances
                    .plans
                    .iter()
                    .map(|note| (*note, decided)),
            );
        }
    }
    plans
}

/// A token for a plan, as a runner signs it.
fn spent(manifest: &Manifest, token: &OrderAuthorization, time: UnixNanos) -> OrderLogRecord {
    let mut bytes = Vec::new();
    token.encode(&mut bytes);
    let text = format!("counterfoil-token/1\n{}\n", token.digest().hex());
    let note = Note::sign(&text, &origin(manifest), &signer()).unwrap();
    let name = VenueOrderId::new(&token.run, token.execution, token.sequence);
    OrderLogRecord::Spent {
        token: bytes,
        signature: note.to_string(),
        venue_order: name.to_string(),
        time,
    }
}

fn token(manifest: &Manifest, note: &PlanNote, decided: UnixNanos) -> OrderAuthorization {
    OrderAuthorization {
        run: manifest.run_id().unwrap(),
        execution: 3,
        sequence: note.token,
        plan: note.plan,
        policy: Digest::of(b"policy"),
        limits: limits(manifest, None),
        approver: key().0,
        fencing_token: 5,
        not_after: UnixNanos(decided.0 + 60_000_000_000),
    }
}

/// The order log of a run, as its gateway writes it.
fn log(manifest: &Manifest, bodies: &[Vec<u8>]) -> Vec<OrderLogRecord> {
    let mut records = vec![
        OrderLogRecord::Open {
            run: manifest.run_id().unwrap(),
            execution: 3,
            account: "a".to_owned(),
            venue: "paper".to_owned(),
            approver: key().0,
        },
        OrderLogRecord::Process {
            fencing_token: 5,
            resumed_at: None,
            start: RunStarter::default(),
            time: UnixNanos(1),
        },
    ];
    for (note, decided) in plans(bodies) {
        let time = UnixNanos(decided.0 + 1);
        records.push(spent(manifest, &token(manifest, &note, decided), time));
        records.push(OrderLogRecord::Ended(EndedSubmission {
            sequence: note.token,
            attempt: 1,
            end: SubmissionEnd::Acknowledged,
            refusal: None,
            detail: String::new(),
            time,
        }));
    }
    records
}

fn sealed(manifest: &Manifest, records: &[OrderLogRecord]) -> Vec<u8> {
    let bodies: Vec<Vec<u8>> = records
        .iter()
        .map(|record| {
            let mut body = Vec::new();
            record.encode(&mut body);
            body
        })
        .collect();
    seal_each(&bodies, &origin(manifest), &signer())
}

/// The report on a log, and on the journal beside it.
fn both(
    manifest: &Manifest,
    bodies: &[Vec<u8>],
    records: &[OrderLogRecord],
    account_limits: Vec<Digest>,
) -> (OrderLogReport, VerifyReport) {
    let mut facts = OrderLogFacts::default();
    let bytes = sealed(manifest, records);
    let of_log = verify_order_log(&bytes[..], &key(), Some(&mut facts)).unwrap();
    let options = VerifyOptions {
        orders: Some(facts),
        account_limits,
        ..VerifyOptions::default()
    };
    let journal = seal(bodies, manifest, &signer());
    let report = verify_journal(&journal[..], &key(), options).unwrap();
    (of_log, report)
}

#[test]
fn an_order_log_is_verified_alone_and_joined_to_its_journal() {
    let (manifest, bodies) = live();
    let records = log(&manifest, &bodies);
    let (of_log, report) = both(&manifest, &bodies, &records, Vec::new());
    assert_eq!((&of_log.finding, &of_log.backward), (&None, &None));
    assert!(of_log.is_good() && of_log.spent > 3);
    assert!(report.is_good(), "{report}");
    let in_order = TimesVerdict::InOrder {
        bound_nanos: 2_000_000_000,
        with_orders: true,
        with_ledger: false,
    };
    assert_eq!(report.times, in_order);
    let join = report.orders.unwrap();
    assert_eq!((join.spent, join.plans), (of_log.spent, of_log.spent));
    assert!(join.limits.alone && !join.limits.is_open);
    let bytes = sealed(&manifest, &records);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let report = verify_order_log(&changed[..], &key(), None).unwrap();
        assert!(!report.is_good(), "byte {at}");
    }
    // A crash leaves a record that nothing was sent on.
    let torn = verify_order_log(&bytes[..bytes.len() - 9], &key(), None).unwrap();
    assert_eq!((torn.unsigned, torn.finding.is_none()), (1, true));
    assert!(!torn.is_good());
}

/// A change to a log's records, of which the third and fourth are the first token and its order's end.
type ChangeLog = fn(&Manifest, &mut Vec<OrderLogRecord>);

/// The first token, signed again as `change` leaves it.
fn retoken(
    manifest: &Manifest,
    records: &mut [OrderLogRecord],
    change: impl Fn(&mut OrderAuthorization),
) {
    if let OrderLogRecord::Spent { token, time, .. } = &records[2] {
        let mut token = OrderAuthorization::decode(token).unwrap();
        change(&mut token);
        records[2] = spent(manifest, &token, *time);
    }
}

/// The holder of the key can sign any order log. What it says must still be what a gateway may do.
#[test]
fn an_order_log_that_its_key_forges_is_named() {
    let (manifest, bodies) = live();
    let table: [(&str, ChangeLog); 11] = [
        ("with attempt 7, and 1 tokens", |_, log| {
            if let OrderLogRecord::Ended(ended) = &mut log[3] {
                ended.attempt = 7;
            }
        }),
        ("second opening", |_, log| log.insert(1, log[0].clone())),
        ("fencing token 4", |_, log| {
            let mut again = log[1].clone();
            if let OrderLogRecord::Process { fencing_token, .. } = &mut again {
                *fencing_token = 4;
            }
            log.insert(2, again);
        }),
        ("another run, execution", |of, log| {
            retoken(of, log, |token| token.execution = 4);
        }),
        ("under the lease 6", |of, log| {
            retoken(of, log, |token| token.fencing_token = 6);
        }),
        ("it held until", |of, log| {
            retoken(of, log, |token| token.not_after = UnixNanos(1));
        }),
        ("another name at the venue", |_, log| {
            if let OrderLogRecord::Spent { venue_order, .. } = &mut log[2] {
                *venue_order = "cf00".to_owned();
            }
        }),
        ("signature is not over this token", |_, log| {
            if let OrderLogRecord::Spent { token, .. } = &mut log[2] {
                let mut other = OrderAuthorization::decode(token).unwrap();
                other.policy = Digest::of(b"other");
                token.clear();
                other.encode(token);
            }
        }),
        ("which has ended", |_, log| log.insert(4, log[2].clone())),
        ("ends a second time", |_, log| {
            let mut again = log[3].clone();
            if let OrderLogRecord::Ended(ended) = &mut again {
                ended.attempt = 0;
            }
            log.insert(4, again);
        }),
        ("no token was spent for it", |_, log| {
            log.remove(2);
            if let OrderLogRecord::Ended(ended) = &mut log[2] {
                ended.attempt = 0;
            }
        }),
    ];
    for (expect, change) in table {
        let mut records = log(&manifest, &bodies);
        change(&manifest, &mut records);
        let report = verify_order_log(&sealed(&manifest, &records)[..], &key(), None).unwrap();
        let finding = report.finding.unwrap_or_else(|| unreachable!("{expect}"));
        assert!(finding.why.contains(expect), "{expect}: {finding}");
    }
}

#[test]
fn an_order_that_was_withheld_or_sent_again_is_no_finding() {
    let (manifest, bodies) = live();
    // Not sent, and not a finding: the gateway withheld it.
    let mut records = log(&manifest, &bodies);
    records.remove(2);
    if let OrderLogRecord::Ended(ended) = &mut records[2] {
        (ended.attempt, ended.end) = (0, SubmissionEnd::NotSent);
        ended.refusal = Some(TokenRefusal::Expired);
    }
    let (of_log, report) = both(&manifest, &bodies, &records, Vec::new());
    assert!(of_log.is_good() && report.is_good(), "{of_log}{report}");
    // Twice without an end in between: sent again after a look-up that found nothing.
    let mut records = log(&manifest, &bodies);
    records.insert(3, records[2].clone());
    if let OrderLogRecord::Ended(ended) = &mut records[4] {
        ended.attempt = 2;
    }
    let (of_log, report) = both(&manifest, &bodies, &records, Vec::new());
    assert!(of_log.is_good() && report.is_good(), "{of_log}{report}");
}

#[test]
fn an_order_log_of_other_plans_than_the_journals_differs() {
    #[track_caller]
    fn check(expect: &str, change: ChangeLog) {
        let (manifest, bodies) = live();
        let mut records = log(&manifest, &bodies);
        change(&manifest, &mut records);
        let (of_log, report) = both(&manifest, &bodies, &records, Vec::new());
        assert!(of_log.finding.is_none(), "{of_log}");
        assert!(!report.is_good(), "{expect}");
        let why = &report.orders.unwrap().why;
        assert!(why.iter().any(|why| why.contains(expect)), "{why:?}");
    }
    check("for another plan than the one decided", |of, log| {
        retoken(of, log, |token| token.plan.0 = Digest::of(b"other"));
    });
    check("no signed record of the journal has its plan", |of, log| {
        retoken(of, log, |token| token.sequence = 900);
        log.remove(3);
    });
    check("of another run or execution", |_, log| {
        log.truncate(1);
        if let OrderLogRecord::Open { execution, .. } = &mut log[0] {
            *execution = 3;
        }
        log.clear();
    });
}

/// The digest in a token joins two: the manifest's limits, which approvals name, and the account's file.
#[test]
fn tokens_limits_are_joined_to_the_manifests_and_the_accounts() {
    let (manifest, bodies) = live();
    let file = b"{\"format\":\"counterfoil-limits/1\"}";
    let mut records = log(&manifest, &bodies);
    for record in &mut records {
        if let OrderLogRecord::Spent { token, time, .. } = record {
            let mut with = OrderAuthorization::decode(token).unwrap();
            with.limits = limits(&manifest, Some(file));
            *record = spent(&manifest, &with, *time);
        }
    }
    let account = Digest::of(file);
    let join = |given| both(&manifest, &bodies, &records, given).1.orders.unwrap();
    let open = join(Vec::new());
    assert!(open.limits.is_open && open.why.is_empty(), "{open}");
    let joined = join(vec![Digest::of(b"older"), account]);
    assert_eq!(joined.limits.accounts, [account]);
    assert_eq!(joined.limits.manifest, manifest.limits_digest().unwrap());
    assert!(joined.why.is_empty() && !joined.limits.is_open, "{joined}");
    let other = join(vec![Digest::of(b"other")]);
    assert!(other.why[0].contains("names other limits"), "{other}");
}

/// The body of a decision, as `change` leaves it.
fn redecided(body: &[u8], change: &dyn Fn(&mut DecisionRecord)) -> Option<Vec<u8>> {
    let Ok(RunRecord::Decision(mut decision)) = RunRecord::decode(body) else {
        return None;
    };
    change(&mut decision);
    let (mut digested, mut out) = (Vec::new(), Vec::new());
    decision.encode_digested(&mut digested);
    decision.encode(&digested, &mut out);
    Some(out)
}

/// A journal whose fifth decision is changed and signed with the log's own key.
fn changed(
    manifest: &Manifest,
    mut bodies: Vec<Vec<u8>>,
    change: &dyn Fn(&mut DecisionRecord),
) -> VerifyReport {
    let decisions = bodies
        .iter_mut()
        .filter(|body| matches!(RunRecord::decode(body), Ok(RunRecord::Decision(_))));
    let body = decisions.into_iter().nth(4).unwrap();
    *body = redecided(body, change).unwrap();
    let bytes = seal(&bodies, manifest, &signer());
    verify_journal(&bytes[..], &key(), VerifyOptions::default()).unwrap()
}

/// Broke: times were printed and never judged: a decision of 1969, or one before its bar closed, was part of an intact and
/// complete journal.
#[test]
fn times_that_no_right_clock_gives_are_wrong() {
    #[track_caller]
    fn check(expect: &str, change: impl Fn(UnixNanos, i64) -> Option<(i64, i64)>) {
        let (manifest, bodies) = live();
        let report = changed(&manifest, bodies, &|one| {
            let (received, _) = one.circumstances.times.unwrap();
            let times = change(one.bar.get().close_time, received.0);
            one.circumstances.times = times.map(|(a, b)| (UnixNanos(a), UnixNanos(b)));
        });
        // The records are as they were signed, and follow from the rules.
        assert_eq!(report.integrity, Integrity::Intact, "{report}");
        if expect.is_empty() {
            assert!(report.is_good(), "{report}");
            return;
        }
        assert!(!report.is_good(), "{expect}");
        let TimesVerdict::Wrong { why, .. } = &report.times else {
            unreachable!("{expect}: {report}");
        };
        assert!(why.iter().any(|why| why.contains(expect)), "{why:?}");
        assert!(report.to_string().contains("times:        WRONG"));
    }
    let second = RECEIVED_AFTER;
    check("", |_, received| Some((received, received)));
    // Within the clock's bound: two seconds where the manifest sets none.
    check("", move |close, _| Some((close.0 - 2 * second, close.0)));
    check("before its bar closed", move |close, _| {
        Some((close.0 - 2 * second - 1, close.0))
    });
    check("before 1970", |_, received| Some((-1, received)));
    check("before it was received", |_, received| {
        Some((received, received - 1))
    });
    check("before the record in front of it", |_, _| Some((0, 0)));
    check("before the record in front of it", |_, received| {
        Some((received * 9, received * 9))
    });
    check("without its times", |_, _| None);
}

#[test]
fn the_manifests_bound_on_the_clock_is_the_one_that_counts() {
    let mut manifest = manifest(1, 1, FEED);
    manifest.risk.clock_offset_max_ms = Some(100);
    let bars = bars(1, 8);
    let bodies = run(&manifest, &bars, &bars, PLAN);
    let at = |nanos: i64| {
        changed(&manifest, bodies.clone(), &|one| {
            let close = one.bar.get().close_time;
            one.circumstances.times = Some((UnixNanos(close.0 - nanos), close));
        })
    };
    assert!(at(100_000_000).is_good());
    assert!(!at(100_000_001).is_good());
}

#[test]
fn a_backtest_has_no_times() {
    let manifest = manifest(1, 1, &snapshot());
    let bars = bars(1, 8);
    let bodies = run(&manifest, &bars, &bars, PLAN);
    let report = changed(&manifest, bodies, &|one| {
        one.circumstances.times = Some((UnixNanos(1), UnixNanos(2)));
    });
    assert!(
        matches!(report.times, TimesVerdict::Wrong { .. }),
        "{report}"
    );
}

/// The journal's times against the order log's.
#[test]
fn times_agree_with_the_order_logs() {
    #[track_caller]
    fn check(expect: &str, change: ChangeLog) {
        let (manifest, bodies) = live();
        let mut records = log(&manifest, &bodies);
        change(&manifest, &mut records);
        let (of_log, report) = both(&manifest, &bodies, &records, Vec::new());
        assert!(of_log.finding.is_none(), "{of_log}");
        let TimesVerdict::Wrong { why, .. } = &report.times else {
            unreachable!("{expect}: {report}");
        };
        assert!(why.iter().any(|why| why.contains(expect)), "{why:?}");
    }
    check("before the decision", |of, log| {
        if let OrderLogRecord::Spent { token, time, .. } = log[2].clone() {
            let token = OrderAuthorization::decode(&token).unwrap();
            log[2] = spent(of, &token, UnixNanos(time.0 - 2));
        }
    });
    check("does not fit the order log", |_, log| {
        if let OrderLogRecord::Process { time, .. } = &mut log[1] {
            *time = UnixNanos(i64::MAX / 2);
        }
        log.truncate(2);
    });
    check("does not fit the order log", |_, log| {
        let mut again = log[1].clone();
        if let OrderLogRecord::Process {
            resumed_at, time, ..
        } = &mut again
        {
            (*resumed_at, *time) = (Some(12), UnixNanos(1));
        }
        log.truncate(2);
        log.push(again);
    });
    let (manifest, bodies) = live();
    let mut records = log(&manifest, &bodies);
    if let OrderLogRecord::Ended(ended) = &mut records[3] {
        ended.time = UnixNanos(2);
    }
    let (of_log, _) = both(&manifest, &bodies, &records, Vec::new());
    assert_eq!(of_log.backward.as_ref().unwrap().index, 3);
    assert!(!of_log.is_good());
}

/// Broke: the manifest's limits on the guest were the host's word. A record with any fuel, or a reason of any length, was
/// part of an intact journal.
#[test]
fn answers_beyond_the_manifests_limits_are_named() {
    #[track_caller]
    fn check(expect: &str, change: impl Fn(&mut DecisionRecord)) {
        let manifest = manifest(1, 1, &snapshot());
        let bars = bars(1, 8);
        let bodies = run(&manifest, &bars, &bars, PLAN);
        let report = changed(&manifest, bodies, &change);
        if expect.is_empty() {
            assert!(report.findings.is_empty(), "{report}");
            return;
        }
        let Integrity::Broken(finding) = &report.integrity else {
            unreachable!("{expect}: {report}");
        };
        assert_eq!(finding.kind, Some("decision"));
        let all: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|one| one.contains(expect)), "{all:?}");
    }
    // A million for the callback, five thousand for its one bar.
    check("", |one| one.circumstances.fuel = 1_005_000);
    check("1005001 fuel of on-bar", |one| {
        one.circumstances.fuel = 1_005_001;
    });
    let with_reason = |bytes: usize| {
        move |one: &mut DecisionRecord| {
            if let Some(request) = one.requests.as_mut().unwrap().first_mut() {
                request.reason = Some("r".repeat(bytes));
            }
        }
    };
    check("201 bytes of a reason", with_reason(201));
    check("bytes of an answer, at the least", |one| {
        let requests = one.requests.as_mut().unwrap();
        let first = requests[0].clone();
        requests.resize(32_768 / 64 + 1, first);
    });
}
