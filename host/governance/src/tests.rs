//! The ledger from outside: a desk of people who act on it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use counterfoil_journal::consistency::TreeHead;
use counterfoil_journal::hash::Hash;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::salt::LogKey;
use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
use counterfoil_trading::time::UnixNanos;

use crate::act::{
    ANCHORS_MAX, Act, ApprovalClass, BreakGlass, BudgetHolder, Delegation, DigestSet, DriftFinding,
    EvidenceKind, EvidenceSet, ExceptionSubject, GateVerdict, HostRefusal, KillScope, NOT_STARTED,
    PolicyException, Provenance, RunAnchor, RunEnd, RunResume, RunStart, RunTerms,
    StartAuthorization, Usage, UsageBudget, account_digest,
};
use crate::attest;
use crate::id::Id;
use crate::ledger::{self, Ledger, LedgerError, LedgerFounder, VerifiedLedger};
use crate::record::{self, LedgerRecord, SignedAct};
use crate::role::{PrincipalKind, Role, Roles};
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome, GateReason};
use counterfoil_journal::public_key::PublicKey;

mod acts;
mod attest_golden;
mod budgets;
mod changes;
mod classes;
mod clock;
mod drift;
mod evidence;
mod exceptions;
mod glass;
mod health;
mod keys;
mod known;
mod marks;
mod model;
mod page;
mod policies;
mod rotation;
mod runs;
mod tamper;

const LOG_SEED: u8 = 200;

fn signing_key(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[seed; 32])
}

/// The log's key of this seed, and its salts.
fn log_key(seed: u8) -> LogKey {
    LogKey::new(signing_key(seed), [seed; 32])
}

fn key(seed: u8) -> PublicKey {
    PublicKey(signing_key(seed).verifying_key())
}

fn id(name: &str) -> Id {
    Id::parse(name).unwrap()
}

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// A ledger with an administrator (`ada`, key 1) who holds no other role.
struct Desk {
    folder: tempfile::TempDir,
    ledger: Ledger,
    time: i64,
    hands: BTreeMap<String, u8>,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let founder = LedgerFounder {
            administrator: id("ada"),
            log_holder: id("host"),
            time: UnixNanos(0),
        };
        let path = folder.path().join("ledger");
        let log = Box::new(log_key(LOG_SEED));
        let ledger = Ledger::begin(&path, &id("test"), log, founder, &signing_key(1)).unwrap();
        let hands = BTreeMap::from([("ada".to_owned(), 1)]);
        Self {
            folder,
            ledger,
            time: 0,
            hands,
        }
    }

    /// A desk with one principal for each role that the registry's way needs, and a policy.
    fn staffed() -> Self {
        let mut desk = Self::new();
        let staff = [
            ("bob", Role::Author, 2),
            ("carol", Role::Reviewer, 3),
            ("dan", Role::Approver, 4),
            ("erin", Role::Operator, 5),
            ("amy", Role::Administrator, 6),
            ("gus", Role::Compliance, 7),
        ];
        for (name, role, seed) in staff {
            desk.add(name, &[role], seed).unwrap();
        }
        desk.act("ada", add_service("robot", 8)).unwrap();
        desk.hands.insert("robot".to_owned(), 8);
        desk.act("ada", policy("policy")).unwrap();
        desk
    }

    /// The same, with the set-up at its end.
    fn settled() -> Self {
        let mut desk = Self::staffed();
        desk.act("ada", Act::SetupEnd {}).unwrap();
        desk
    }

    /// Proposes an act and has others sign it; the answer is to the last signature.
    fn change(&mut self, first: &str, act: Act, others: &[&str]) -> Result<u64, Denial> {
        let act = Box::new(act);
        let proposed = self.act(first, Act::ChangePropose { act })?;
        let mut last = Ok(proposed);
        for other in others {
            last = self.act(other, Act::ChangeApprove { proposed });
        }
        last
    }

    /// Gives the account of the tests its limits, if it has none.
    fn give_limits(&mut self) {
        let account = id("desk-7");
        if self.ledger.state().limits().contains_key(&account) {
            return;
        }
        let limits = digest("limits");
        let verdict = pass_at(Gate::Limits, account_digest(&account), Some(limits));
        let verdict = self.act("robot", verdict).unwrap();
        let act = Act::LimitsSet {
            account,
            limits,
            verdict,
        };
        self.change("erin", act, &["dan", "gus"]).unwrap();
    }

    /// Authorizes a start for the next thousand nanoseconds, and passes it at its gate.
    fn authorize(&mut self, set: DigestSet) -> Result<u64, Denial> {
        let asked = authorization(set, self.time, self.time + 1_000);
        let subject = asked.digest();
        let authorized = self.act("erin", Act::StartAuthorize(asked))?;
        let mut verdict = pass_at(Gate::Start, subject, None);
        if let (Act::Verdict(verdict), Some(bundle)) = (&mut verdict, self.ledger.state().policy())
        {
            verdict.bundle = bundle;
        }
        self.act("robot", verdict).unwrap();
        Ok(authorized)
    }

    /// Starts a run the whole way: limits, authorization, verdict.
    fn start(&mut self, run: &str, set: DigestSet) -> Result<u64, Denial> {
        if self.ledger.state().setup_end().is_some() {
            self.give_limits();
        }
        let authorized = self.authorize(set)?;
        self.act("robot", start(run, authorized, set))
    }

    /// Asserts that a rule denies the start, and gives the whole answer.
    fn not_started(&mut self, run: &str, set: DigestSet, rule: Rule) -> String {
        let denial = self.start(run, set).unwrap_err();
        assert_eq!(denial.rule, rule, "{denial}");
        denial.to_string()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    fn log_key() -> VerifierKey {
        VerifierKey::new("counterfoil/ledger/test", &key(LOG_SEED).0).unwrap()
    }

    fn add(&mut self, name: &str, roles: &[Role], seed: u8) -> Result<u64, Denial> {
        self.hands.insert(name.to_owned(), seed);
        let act = add(name, roles, seed);
        self.act("ada", act)
    }

    /// Acts with the principal's own key; a nanosecond passes.
    fn act(&mut self, who: &str, act: Act) -> Result<u64, Denial> {
        let seed = self.hands.get(who).copied().unwrap_or(99);
        self.act_with(who, act, seed)
    }

    fn act_with(&mut self, who: &str, act: Act, seed: u8) -> Result<u64, Denial> {
        self.time += 1;
        let before = self.verified().places.count() as u64;
        let result = self.ledger.act(
            UnixNanos(self.time),
            &id(who),
            act.clone(),
            &signing_key(seed),
        );
        // Done or denied, there is one record more, and the file adds up to the state.
        let verified = self.verified();
        assert_eq!(verified.places.count() as u64, before + 1);
        assert_eq!(&verified.state, self.ledger.state());
        let last = self.record(before);
        let noted = verified.state.last_act(&id(who)).unwrap();
        assert_eq!((noted.act, noted.time.0), (act.act_name(), self.time));
        let found = (last.signed.act, last.signed.actor);
        assert_eq!(found, (act, id(who)));
        match result {
            Ok(index) => {
                assert_eq!((index, last.denied), (before, None));
                Ok(index)
            }
            Err(LedgerError::Denied { denial, index }) => {
                assert_eq!((index, last.denied), (before, Some(denial.rule)));
                Err(denial)
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn verified(&self) -> VerifiedLedger {
        ledger::read(&self.path(), &Self::log_key()).unwrap()
    }

    fn record(&self, index: u64) -> LedgerRecord {
        let bytes = std::fs::read(self.path()).unwrap();
        let found = self.verified().places.record(&bytes, index);
        found.unwrap().unwrap()
    }

    /// Asserts that a rule denies the act, and gives the whole answer.
    fn denied(&mut self, who: &str, act: Act, rule: Rule) -> String {
        let denial = self.act(who, act).unwrap_err();
        assert_eq!(denial.rule, rule, "{denial}");
        denial.to_string()
    }

    fn approve(&self, who: &str, set: DigestSet) -> Act {
        approve(who, set, self.hands[who])
    }

    /// Walks a component of bob's to approved; the set-up is over then.
    fn walk(&mut self, component: &str) -> DigestSet {
        if self.ledger.state().setup_end().is_none() {
            self.act("ada", Act::SetupEnd {}).unwrap();
        }
        self.act("bob", submit(component)).unwrap();
        self.act("carol", validate(component)).unwrap();
        let set = set(component);
        self.act("dan", self.approve("dan", set)).unwrap();
        self.act("carol", pass(set)).unwrap();
        self.act("dan", promote(set)).unwrap();
        set
    }
}

fn add(name: &str, roles: &[Role], seed: u8) -> Act {
    Act::PrincipalAdd {
        id: id(name),
        kind: PrincipalKind::Person,
        roles: roles.iter().copied().collect(),
        key: key(seed),
        until: None,
    }
}

fn roles(name: &str, roles: &[Role]) -> Act {
    let roles: Roles = roles.iter().copied().collect();
    Act::RolesSet {
        id: id(name),
        roles,
    }
}

fn submit(component: &str) -> Act {
    Act::ComponentSubmit {
        component: digest(component),
        strategy: id("trend"),
        provenance: Provenance {
            source_commit: "0f1e2d".to_owned(),
            lock_file: digest("lock"),
            toolchain: "rustc 1.95".to_owned(),
            wit_world: "counterfoil:strategy@0.1.0".to_owned(),
        },
    }
}

fn evidence() -> EvidenceSet {
    let all = EvidenceKind::ALL;
    EvidenceSet(all.map(|kind| (kind, digest(kind.name()))).into())
}

fn validate(component: &str) -> Act {
    Act::ComponentValidate {
        component: digest(component),
        evidence: evidence(),
    }
}

fn set(component: &str) -> DigestSet {
    DigestSet {
        component: digest(component),
        limits: digest("limits"),
        policy: digest("policy"),
        evidence: evidence().digest(),
    }
}

fn approve(who: &str, set: DigestSet, seed: u8) -> Act {
    let envelope = attest::approval("counterfoil/ledger/test", &id(who), &set).unwrap();
    let signature = signing_key(seed).sign(&envelope.message()).unwrap();
    Act::ComponentApprove { set, signature }
}

fn policy(name: &str) -> Act {
    let bundle = digest(name);
    Act::PolicySet { bundle }
}

/// That the policy of the set passed it at the gate for promotion.
fn pass(set: DigestSet) -> Act {
    Act::Verdict(GateVerdict {
        gate: Gate::Promotion,
        subject: set.digest(),
        bundle: set.policy,
        input: digest("input"),
        outcome: GateOutcome::Pass,
        reasons: vec![],
        limits: None,
    })
}

/// That it failed it.
fn fail(set: DigestSet) -> Act {
    let Act::Verdict(verdict) = pass(set) else {
        panic!()
    };
    let reason = GateReason {
        code: "drawdown.max".to_owned(),
        text: "31 % is more than 20 %".to_owned(),
    };
    Act::Verdict(GateVerdict {
        outcome: GateOutcome::Fail,
        reasons: vec![reason],
        ..verdict
    })
}

fn promote(set: DigestSet) -> Act {
    Act::ComponentPromote { set }
}

fn archive(component: &str) -> Act {
    Act::ComponentArchive {
        component: digest(component),
        reason: "a better one is there".to_owned(),
    }
}

fn terms(set: DigestSet) -> RunTerms {
    RunTerms {
        owner: id("team-lead"),
        set,
        account: id("desk-7"),
        market: "BTC-USD".to_owned(),
        timeframe: "1h".to_owned(),
        parameters: digest("parameters"),
        limits: digest("limits"),
    }
}

fn authorization(set: DigestSet, from: i64, until: i64) -> StartAuthorization {
    StartAuthorization {
        terms: terms(set),
        not_before: UnixNanos(from),
        not_after: UnixNanos(until),
    }
}

fn start(run: &str, authorized: u64, set: DigestSet) -> Act {
    Act::RunStart(RunStart {
        run: digest(run),
        authorized,
        terms: terms(set),
        entry_0: Hash([7; 32]),
    })
}

/// That a process goes on with a run of this name.
fn resume(run: &str, asked_by: Option<Id>) -> Act {
    Act::RunResume(RunResume {
        run: digest(run),
        execution: 1,
        journal: head(7, "seven"),
        orders: head(1, "one"),
        asked_by,
    })
}

/// A log of so many entries.
fn head(size: u64, root: &str) -> TreeHead {
    let root = Hash(digest(root).0);
    TreeHead { size, root }
}

/// That a run of this name ended.
fn end(run: &str) -> Act {
    Act::RunEnd(run_end(run))
}

fn run_end(run: &str) -> RunEnd {
    RunEnd {
        run: digest(run),
        execution: 1,
        journal: head(12, "root"),
        orders: head(3, "orders"),
        decisions: digest("decisions"),
        reason: "the feed ended".to_owned(),
    }
}

/// A verdict that passes the gate for starts, or the one for limits if it gives some.
fn pass_at(gate: Gate, subject: Digest, limits: Option<Digest>) -> Act {
    Act::Verdict(GateVerdict {
        gate,
        subject,
        bundle: digest("policy"),
        input: digest("input"),
        outcome: GateOutcome::Pass,
        reasons: vec![],
        limits,
    })
}

fn drift(found: &str) -> DriftFinding {
    DriftFinding {
        rule: "component.bytes".to_owned(),
        subject: "one".to_owned(),
        declared: "sha256".to_owned(),
        found: found.to_owned(),
    }
}

fn refused(rule: &str) -> HostRefusal {
    HostRefusal {
        act: "policy-set".to_owned(),
        subject: "a policy".to_owned(),
        rule: rule.to_owned(),
        why: "its tests do not pass".to_owned(),
    }
}

fn add_service(name: &str, seed: u8) -> Act {
    Act::PrincipalAdd {
        id: id(name),
        kind: PrincipalKind::Service,
        roles: Roles::new(),
        key: key(seed),
        until: None,
    }
}

#[test]
fn the_document_names_every_rule_act_role_and_piece_of_evidence() {
    const DOCUMENT: &str = include_str!("../../../docs/reference/GOVERNANCE.md");
    const FORMAT: &str = include_str!("../../../docs/reference/ledger.cddl");
    let (_, rules) = DOCUMENT.split_once("\n## Rules\n").unwrap();
    let (rules, _) = rules.split_once("\n## Record format\n").unwrap();
    let rows = rules.lines().filter_map(|line| line.strip_prefix("- `"));
    let codes: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
    let known = Rule::ALL.iter().map(|rule| rule.code());
    assert_eq!(codes, known.collect::<Vec<_>>());
    let acts = FORMAT.lines().filter_map(|line| {
        line.trim_start_matches("act =")
            .trim_start_matches("    /")
            .trim()
            .strip_prefix("[\"")
    });
    let acts: Vec<_> = acts.filter_map(|line| line.split('"').next()).collect();
    let known = one_of_each();
    assert_eq!(acts, known.iter().map(Act::name).collect::<Vec<_>>());
    let listed = |names: &[&str]| {
        names
            .iter()
            .all(|name| DOCUMENT.contains(&format!("`{name}`")))
    };
    assert!(listed(&Role::ALL.map(Role::name)));
    assert!(listed(&EvidenceKind::ALL.map(EvidenceKind::name)));
    assert!(listed(&ApprovalClass::ALL.map(ApprovalClass::name)));
    assert!(listed(
        &attest::EvidenceFault::ALL.map(attest::EvidenceFault::code)
    ));
    assert!(listed(&Gate::ALL.map(Gate::name)));
}

/// One act of each kind, in the order of the document.
#[expect(clippy::too_many_lines, reason = "one item for each act")]
fn one_of_each() -> Vec<Act> {
    vec![
        Act::Genesis {
            administrators: vec![],
            log_key: key(1),
            log_holder: id("a"),
        },
        add("a", &[], 1),
        Act::RolesSet {
            id: id("a"),
            roles: Roles::new(),
        },
        Act::KeyAdd {
            id: id("a"),
            key: key(1),
            until: None,
        },
        Act::KeyRotate {
            key: key(1),
            until: None,
        },
        Act::KeyRevoke {
            id: id("a"),
            key: key(1),
            reason: String::new(),
        },
        Act::LogHolder { id: id("a") },
        record::log_rotation("o", &signing_key(1), &signing_key(2)).unwrap(),
        Act::SetupEnd {},
        Act::ClockReset {
            ahead: 7,
            reason: String::new(),
        },
        Act::ClassSet(ApprovalClass::Risk.first()),
        Act::Delegate(Delegation {
            class: ApprovalClass::Operations,
            to: id("a"),
            until: UnixNanos(1),
            reason: String::new(),
        }),
        Act::DelegateEnd {
            delegated: 0,
            reason: String::new(),
        },
        Act::ChangePropose {
            act: Box::new(policy("a")),
        },
        Act::ChangeApprove { proposed: 7 },
        Act::ChangeWithdraw {
            proposed: 7,
            reason: String::new(),
        },
        submit("a"),
        validate("a"),
        approve("a", set("a"), 1),
        promote(set("a")),
        archive("a"),
        Act::LimitsSet {
            account: id("a"),
            limits: digest("a"),
            verdict: 24,
        },
        Act::StartAuthorize(authorization(set("a"), 0, 1)),
        Act::StartWithdraw {
            authorized: 0,
            reason: String::new(),
        },
        start("a", 0, set("a")),
        resume("a", Some(id("a"))),
        Act::RunsAnchor {
            runs: vec![RunAnchor {
                run: digest("r"),
                execution: 1,
                journal: head(2, "j"),
                orders: head(1, "o"),
            }],
        },
        end("a"),
        Act::Kill {
            scope: KillScope::Account(id("a")),
            reason: String::new(),
        },
        Act::KillLift {
            killed: 0,
            reason: String::new(),
        },
        Act::BudgetSet(UsageBudget {
            of: BudgetHolder::Team(id("a")),
            fuel: 1,
            runs: 2,
            bytes: 3,
            wall_nanos: 4,
        }),
        Act::TeamSet {
            team: id("a"),
            members: [id("b"), id("c")].into(),
        },
        Act::BudgetExcess {
            of: BudgetHolder::Owner(id("a")),
            until: UnixNanos(1),
            reason: String::new(),
        },
        Act::Usage(Usage {
            run: digest("a"),
            owner: id("a"),
            tags: ["x".to_owned(), "y".to_owned()].into(),
            fuel: 1,
            wall_nanos: 2,
            bytes: 3,
        }),
        policy("a"),
        fail(set("a")),
        Act::ExceptionGrant(PolicyException {
            rule: String::new(),
            subject: ExceptionSubject::Component(digest("a")),
            reason: String::new(),
            control: String::new(),
            owner: id("a"),
            until: UnixNanos(0),
        }),
        Act::ExceptionEnd {
            granted: 0,
            reason: String::new(),
        },
        Act::BreakGlassOpen(BreakGlass {
            scope: ["key-add".to_owned(), "policy-set".to_owned()].into(),
            reason: String::new(),
            until: UnixNanos(1),
        }),
        Act::Emergency {
            opened: 300,
            act: Box::new(policy("a")),
        },
        Act::BreakGlassClose {
            opened: 0,
            reason: String::new(),
        },
        Act::Retrospective {
            opened: 0,
            report: digest("a"),
            findings: "none".to_owned(),
        },
        Act::Drift(drift("missing")),
        Act::DriftEnd { drifted: 1 },
        Act::Refused(refused("policy.tests")),
    ]
}

#[test]
fn every_record_has_one_form() {
    let previous = counterfoil_journal::entry::GENESIS;
    let mut acts = one_of_each();
    for scope in [KillScope::Run(digest("a")), KillScope::Installation] {
        let reason = "x".to_owned();
        acts.push(Act::Kill { scope, reason });
    }
    acts.push(Act::PrincipalAdd {
        id: id("zoe"),
        kind: PrincipalKind::Service,
        roles: Role::ALL.into(),
        key: key(1),
        until: Some(UnixNanos(-1)),
    });
    for (act, denied) in acts
        .into_iter()
        .zip([None, Some(Rule::KeyTaken)].into_iter().cycle())
    {
        let time = UnixNanos(1_700_000_000_000_000_000);
        let signed = SignedAct::sign("o", previous, time, id("ada"), act, &signing_key(1)).unwrap();
        let record = LedgerRecord { signed, denied };
        let bytes = record.encode();
        assert_eq!(LedgerRecord::decode(previous, &bytes).unwrap(), record);
        for end in 0..bytes.len() {
            assert!(
                LedgerRecord::decode(previous, &bytes[..end]).is_err(),
                "{end}"
            );
        }
        // Whatever other bytes decode, they are the one form of what they hold.
        for at in 0..bytes.len() {
            for mask in [1, 2, 4, 8, 16, 32, 64, 128] {
                let mut changed = bytes.clone();
                changed[at] ^= mask;
                if let Ok(other) = LedgerRecord::decode(previous, &changed) {
                    assert_eq!(other.encode(), changed, "byte {at}");
                    assert_ne!(other, record);
                }
            }
        }
    }
}

#[test]
fn a_list_in_another_order_or_with_one_item_twice_is_no_act() {
    use counterfoil_trading::cbor::{CborReader, put_array, put_bytes, put_text};
    let roles = |names: [&str; 2]| {
        let mut out = Vec::new();
        put_array(&mut out, 3);
        put_text(&mut out, "roles-set");
        put_text(&mut out, "a");
        put_array(&mut out, 2);
        for name in names {
            put_text(&mut out, name);
        }
        Act::decode(&mut CborReader::new(&out)).is_ok()
    };
    assert!(roles(["author", "reviewer"]));
    assert!(!roles(["reviewer", "author"]));
    assert!(!roles(["author", "author"]));
    let evidence = |names: [&str; 2]| {
        let mut out = Vec::new();
        put_array(&mut out, 3);
        put_text(&mut out, "component-validate");
        put_bytes(&mut out, &[7; 32]);
        put_array(&mut out, 2);
        for name in names {
            put_array(&mut out, 2);
            put_text(&mut out, name);
            put_bytes(&mut out, &[7; 32]);
        }
        Act::decode(&mut CborReader::new(&out)).is_ok()
    };
    assert!(evidence(["admission", "replay"]));
    assert!(!evidence(["replay", "admission"]));
    assert!(!evidence(["replay", "replay"]));
}
