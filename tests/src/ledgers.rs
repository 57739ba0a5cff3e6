//! A small ledger with one act of almost every kind. It must never be taken for an example of how
//! to run an installation.

use std::collections::BTreeSet;
use std::path::Path;

use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome, GateReason};
use counterfoil_fuzz::{LEDGER_KEYS, LEDGER_ORIGIN};
use counterfoil_governance::act::{
    Act, ApprovalClass, BreakGlass, BudgetHolder, Delegation, DigestSet, DriftFinding,
    ExceptionSubject, GateVerdict, HostRefusal, KillScope, PolicyException, RunAnchor, RunEnd,
    RunStart, RunTerms, StartAuthorization, Usage, UsageBudget, account_digest,
};
use counterfoil_governance::ledger::{Ledger, LedgerError, LedgerFounder};
use counterfoil_governance::role::Role;
use counterfoil_journal::consistency::TreeHead;
use counterfoil_journal::hash::Hash;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::LogKey;
use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
use counterfoil_trading::time::UnixNanos;

use crate::acts::{approval, digest, digest_set, evidence, id, principal, provenance, verdict};

/// Who acts, in the order of their keys; the last key is the log's.
const PEOPLE: [(&str, &[Role]); 8] = [
    ("ada", &[Role::Administrator]),
    ("amy", &[Role::Administrator]),
    ("bob", &[Role::Author]),
    ("carol", &[Role::Reviewer]),
    ("dan", &[Role::Approver]),
    ("gus", &[Role::Compliance, Role::Approver]),
    ("erin", &[Role::Operator]),
    ("robot", &[]),
];

fn hand(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[seed; 32])
}

fn key(seed: u8) -> PublicKey {
    PublicKey(hand(seed).verifying_key())
}

/// A ledger that is being written.
struct Desk {
    ledger: Ledger,
    time: i64,
}

impl Desk {
    /// Acts, and gives the entry; a denial is recorded and has one too.
    fn act(&mut self, who: &str, act: Act) -> u64 {
        self.time += 1;
        let place = PEOPLE.iter().position(|(name, _)| *name == who).unwrap();
        let hand = hand(u8::try_from(place).unwrap() + 1);
        match self.ledger.act(UnixNanos(self.time), &id(who), act, &hand) {
            Ok(index) | Err(LedgerError::Denied { index, .. }) => index,
            Err(error) => panic!("{error}"),
        }
    }

    fn change(&mut self, act: Act) {
        let act = Box::new(act);
        let proposed = self.act("dan", Act::ChangePropose { act });
        self.act("gus", Act::ChangeApprove { proposed });
    }

    fn passed(&mut self, gate: Gate, subject: Digest, limits: Option<Digest>) -> u64 {
        let verdict = reasoned(gate, subject, GateOutcome::Pass);
        self.act("robot", Act::Verdict(GateVerdict { limits, ..verdict }))
    }
}

/// A verdict with a reason.
fn reasoned(gate: Gate, subject: Digest, outcome: GateOutcome) -> GateVerdict {
    let reason = GateReason {
        code: "drawdown.max".to_owned(),
        text: "more than it may be".to_owned(),
    };
    GateVerdict {
        reasons: vec![reason],
        ..verdict(gate, subject, outcome)
    }
}

/// Writes the ledger to `path`, which must not exist.
///
/// # Panics
///
/// As a test would, if a file cannot be written.
pub fn write(path: &Path) {
    let name = id(LEDGER_ORIGIN.rsplit('/').next().unwrap());
    let founder = LedgerFounder {
        administrator: id("ada"),
        log_holder: id("host"),
        time: UnixNanos(0),
    };
    let log = Box::new(LogKey::new(hand(LEDGER_KEYS), [LEDGER_KEYS; 32]));
    let ledger = Ledger::begin(path, &name, log, founder, &hand(1)).unwrap();
    let mut desk = Desk { ledger, time: 0 };
    for ((name, roles), seed) in PEOPLE.iter().zip(1..).skip(1) {
        desk.act("ada", principal(name, roles, key(seed)));
    }
    let bundle = digest("policy");
    desk.act("ada", Act::PolicySet { bundle });
    desk.act("ada", Act::ClassSet(ApprovalClass::Risk.first()));
    desk.act("ada", Act::SetupEnd {});
    let set = component(&mut desk);
    run(&mut desk, set);
    drift(&mut desk, set);
    people(&mut desk);
    let component = set.component;
    let reason = "a better one is there".to_owned();
    desk.act("dan", Act::ComponentArchive { component, reason });
}

/// A component walks to approved.
fn component(desk: &mut Desk) -> DigestSet {
    let component = digest("component");
    desk.act(
        "bob",
        Act::ComponentSubmit {
            component,
            strategy: id("trend"),
            provenance: provenance("strategy"),
        },
    );
    let set = digest_set(component, digest("account limits"));
    let act = Act::ComponentValidate {
        component,
        evidence: evidence(),
    };
    desk.act("bob", act.clone());
    desk.act("carol", act);
    desk.act("dan", approval(LEDGER_ORIGIN, set, &hand(5)));
    let failed = reasoned(Gate::Promotion, set.digest(), GateOutcome::Fail);
    desk.act("carol", Act::Verdict(failed));
    desk.act("dan", Act::ComponentPromote { set });
    desk.passed(Gate::Promotion, set.digest(), None);
    desk.act("dan", Act::ComponentPromote { set });
    set
}

/// A run is authorized and started; it ends, and others are stopped.
fn run(desk: &mut Desk, set: DigestSet) {
    let (account, limits) = (id("desk-7"), digest("account limits"));
    let verdict = desk.passed(Gate::Limits, account_digest(&account), Some(limits));
    desk.change(Act::LimitsSet {
        account: account.clone(),
        limits,
        verdict,
    });
    let terms = RunTerms {
        owner: id("bob"),
        set,
        account,
        market: "BTC-USD".to_owned(),
        timeframe: "1h".to_owned(),
        parameters: digest("parameters"),
        limits,
    };
    let asked = StartAuthorization {
        terms: terms.clone(),
        not_before: UnixNanos(0),
        not_after: UnixNanos(1_000),
    };
    let subject = asked.digest();
    let authorized = desk.act("erin", Act::StartAuthorize(asked));
    desk.passed(Gate::Start, subject, None);
    let run = digest("run");
    let start = RunStart {
        run,
        authorized,
        terms,
        entry_0: head(1).root,
    };
    desk.act("robot", Act::RunStart(start));
    let runs = vec![RunAnchor {
        run,
        execution: 1,
        journal: head(2),
        orders: head(3),
    }];
    desk.act("robot", Act::RunsAnchor { runs });
    spend(desk, run);
    stop(desk, run);
    let reason = "the venue answers twice".to_owned();
    desk.act("erin", Act::StartWithdraw { authorized, reason });
}

/// A log of so many entries.
fn head(size: u64) -> TreeHead {
    let root = Hash(digest("root").0);
    TreeHead { size, root }
}

/// A run is counted against a budget, and ends.
fn spend(desk: &mut Desk, run: Digest) {
    let of = BudgetHolder::Owner(id("bob"));
    let budget = UsageBudget {
        of: of.clone(),
        fuel: 10,
        runs: 1,
        bytes: 10,
        wall_nanos: 10,
    };
    desk.act("dan", Act::BudgetSet(budget));
    let (team, members) = (id("desk"), BTreeSet::from([id("bob")]));
    desk.act("dan", Act::TeamSet { team, members });
    let (until, reason) = (UnixNanos(500), "the quarter ends".to_owned());
    desk.act("dan", Act::BudgetExcess { of, until, reason });
    let usage = Usage {
        run,
        owner: id("bob"),
        tags: ["trend".to_owned()].into(),
        fuel: 11,
        wall_nanos: 12,
        bytes: 13,
    };
    desk.act("robot", Act::Usage(usage));
    let end = RunEnd {
        run,
        execution: 1,
        journal: head(4),
        orders: head(3),
        decisions: digest("decisions"),
        reason: "the feed ended".to_owned(),
    };
    desk.act("robot", Act::RunEnd(end));
}

/// Drift that is found and ends, and a refusal.
fn drift(desk: &mut Desk, set: DigestSet) {
    let drift = DriftFinding {
        rule: "component.bytes".to_owned(),
        subject: set.component.to_string(),
        declared: set.component.to_string(),
        found: "missing".to_owned(),
    };
    let drifted = desk.act("robot", Act::Drift(drift.clone()));
    desk.act("gus", Act::Drift(drift));
    desk.act("gus", Act::DriftEnd { drifted });
    let refused = HostRefusal {
        act: "component-approve".to_owned(),
        subject: set.component.to_string(),
        rule: "evidence.changed".to_owned(),
        why: "a piece is missing".to_owned(),
    };
    desk.act("dan", Act::Refused(refused));
}

/// Every kind of stop, and its lifting.
fn stop(desk: &mut Desk, run: Digest) {
    let account = KillScope::Account(id("desk-7"));
    for scope in [KillScope::Run(run), account, KillScope::Installation] {
        let reason = "the venue answers twice".to_owned();
        let killed = desk.act("erin", Act::Kill { scope, reason });
        let reason = "once again".to_owned();
        desk.act("dan", Act::KillLift { killed, reason });
    }
}

/// Delegation, exceptions, broken glass, keys.
fn people(desk: &mut Desk) {
    let reason = || "on leave".to_owned();
    let delegation = Delegation {
        class: ApprovalClass::Promotion,
        to: id("erin"),
        until: UnixNanos(400),
        reason: reason(),
    };
    let delegated = desk.act("dan", Act::Delegate(delegation));
    let reason = reason();
    desk.act("dan", Act::DelegateEnd { delegated, reason });
    let exception = PolicyException {
        rule: "drawdown.max".to_owned(),
        subject: ExceptionSubject::Account(id("desk-7")),
        reason: "a new venue".to_owned(),
        control: "half the size".to_owned(),
        owner: id("erin"),
        until: UnixNanos(300),
    };
    let granted = desk.act("dan", Act::ExceptionGrant(exception));
    let reason = "over".to_owned();
    desk.act("gus", Act::ExceptionEnd { granted, reason });
    let glass = BreakGlass {
        scope: ["key-add".to_owned(), "log-holder".to_owned()].into(),
        reason: "amy cannot be reached".to_owned(),
        until: UnixNanos(500),
    };
    let opened = desk.act("ada", Act::BreakGlassOpen(glass));
    let act = Box::new(Act::LogHolder { id: id("vault") });
    desk.act("ada", Act::Emergency { opened, act });
    let reason = "done".to_owned();
    desk.act("ada", Act::BreakGlassClose { opened, reason });
    let (report, findings) = (digest("report"), "it was needed".to_owned());
    desk.act(
        "gus",
        Act::Retrospective {
            opened,
            report,
            findings,
        },
    );
    let act = Box::new(Act::PolicySet {
        bundle: digest("other"),
    });
    let proposed = desk.act("dan", Act::ChangePropose { act });
    let reason = "the wrong bundle".to_owned();
    desk.act("gus", Act::ChangeWithdraw { proposed, reason });
    let revoke = Act::KeyRevoke {
        id: id("carol"),
        key: key(4),
        reason: "lost".to_owned(),
    };
    desk.act("amy", revoke);
}
