//! Random people do random acts; a small model, written apart from the rules, says what may be.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each function knows its moves, and the others go to the next"
)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::registry::ComponentStage;
use crate::state::LedgerState;

/// `ada` and the others hold every role, but `ada` authors and operates nothing; the last is a
/// service.
const PEOPLE: [&str; 5] = ["ada", "p1", "p2", "p3", "robot"];
const ROBOT: usize = 4;
const COMPONENTS: [&str; 2] = ["one", "two"];
const POLICIES: [&str; 2] = ["policy", "stricter"];
const ORIGIN: &str = "counterfoil/ledger/test";

/// What takes two signatures.
#[derive(Clone, Debug, PartialEq)]
enum Risky {
    Roles(usize, u8),
    Policy(usize),
    Holder(usize),
}

#[derive(Clone, Debug)]
enum Move {
    Alone(Risky),
    Propose(Risky),
    /// Signs the proposal that was made so many proposals ago.
    Sign(usize),
    Break(bool),
    Emergency(Risky),
    Close,
    Retrospective,
    Delegate(usize),
    Revoke(usize),
    Submit(usize),
    Validate(usize, bool),
    Approve(usize, usize, bool),
    Verdict(usize, usize, bool),
    Promote(usize, usize),
    Archive(usize),
    Authorize(usize, usize),
    Start(u8),
    End(u8),
    Kill,
    Lift,
}

fn risky() -> impl Strategy<Value = Risky> {
    let person = 0..PEOPLE.len();
    let mask = prop_oneof![2 => Just(255), 3 => any::<u8>()];
    prop_oneof![
        3 => (person.clone(), mask).prop_map(|(p, r)| Risky::Roles(p, r)),
        2 => (0..2_usize).prop_map(Risky::Policy),
        1 => person.prop_map(Risky::Holder),
    ]
}

/// The first of two, mostly.
fn mostly_first() -> impl Strategy<Value = usize> {
    prop_oneof![5 => Just(0), 1 => Just(1)]
}

fn a_move() -> impl Strategy<Value = (usize, Move)> {
    let person = 0..PEOPLE.len();
    let (component, policy) = (mostly_first, mostly_first);
    let right = || prop::bool::weighted(0.9);
    let what = prop_oneof![
        1 => risky().prop_map(Move::Alone),
        3 => risky().prop_map(Move::Propose),
        5 => (0..2_usize).prop_map(Move::Sign),
        2 => prop::bool::weighted(0.8).prop_map(Move::Break),
        4 => risky().prop_map(Move::Emergency),
        1 => Just(Move::Close),
        1 => Just(Move::Retrospective),
        1 => person.clone().prop_map(Move::Delegate),
        1 => prop_oneof![9 => Just(ROBOT), 1 => person.clone()].prop_map(Move::Revoke),
        3 => component().prop_map(Move::Submit),
        5 => (component(), right()).prop_map(|(c, b)| Move::Validate(c, b)),
        6 => (component(), policy(), right()).prop_map(|(c, p, b)| Move::Approve(c, p, b)),
        6 => (component(), policy(), right()).prop_map(|(c, p, b)| Move::Verdict(c, p, b)),
        8 => (component(), policy()).prop_map(|(c, p)| Move::Promote(c, p)),
        1 => component().prop_map(Move::Archive),
        6 => (component(), policy()).prop_map(|(c, p)| Move::Authorize(c, p)),
        12 => (0..3_u8).prop_map(Move::Start),
        4 => (0..3_u8).prop_map(Move::End),
        1 => Just(Move::Kill),
        3 => Just(Move::Lift),
    ];
    // Runs are the service's, and broken glass is one person's, mostly.
    (person, what).prop_map(|(who, what)| match what {
        Move::Emergency(_) | Move::Break(_) if who > 1 => (2, what),
        Move::Start(_) | Move::End(_) if who != 1 => (ROBOT, what),
        what => (who, what),
    })
}

/// Bit `n` of a mask is role `n`.
fn has(mask: u8, role: Role) -> bool {
    mask & (1 << Role::ALL.iter().position(|one| *one == role).unwrap()) != 0
}

#[derive(Clone, Default)]
struct ModelComponent {
    author: Option<usize>,
    reviewer: Option<usize>,
    /// Who approved it under which policy, in whose name.
    approvals: Vec<(usize, usize, usize)>,
    /// Who said what of it in which policy's name.
    said: Vec<(usize, usize, bool)>,
    promoted: [bool; 2],
    archived: bool,
}

struct Glass {
    by: usize,
    closed: bool,
    looked_at: bool,
    raised: BTreeSet<usize>,
}

struct Model {
    roles: [u8; 5],
    live: [bool; 5],
    holder: Option<usize>,
    policy: usize,
    proposals: Vec<(usize, Risky, BTreeSet<usize>, bool)>,
    glasses: Vec<Glass>,
    delegations: Vec<(usize, usize)>,
    pieces: [ModelComponent; 2],
    authorized: Option<(usize, usize)>,
    runs: BTreeSet<u8>,
    /// The run that goes on under the last authorization.
    running: Option<u8>,
    ended: BTreeSet<u8>,
    killed: Vec<usize>,
}

impl Model {
    fn may(&self, who: usize, role: Role) -> bool {
        has(self.roles[who], role)
    }

    /// Whether somebody signs acts of this kind.
    fn signs(&self, who: usize, what: &Risky) -> bool {
        who != ROBOT
            && match what {
                Risky::Policy(_) => {
                    self.may(who, Role::Approver) || self.may(who, Role::Compliance)
                }
                Risky::Roles(..) | Risky::Holder(_) => self.may(who, Role::Administrator),
            }
    }

    fn proposes(&self, who: usize, what: &Risky) -> bool {
        let policy = matches!(what, Risky::Policy(_));
        self.may(who, Role::Administrator)
            || policy && (self.may(who, Role::Approver) || self.may(who, Role::Compliance))
    }

    fn counts(&self, roles: [u8; 5], one_of: &[Role]) -> usize {
        let member = |who: &usize| self.live[*who] && one_of.iter().any(|r| has(roles[*who], *r));
        (0..ROBOT).filter(member).count()
    }

    /// Whether what takes two would be right now, done by `who`.
    fn right(&self, who: usize, what: &Risky) -> bool {
        match *what {
            Risky::Policy(policy) => policy != self.policy,
            Risky::Holder(to) => !self.may(to, Role::Operator),
            Risky::Roles(to, mask) => {
                let mut roles = self.roles;
                roles[to] = mask;
                to != who
                    && !(has(mask, Role::Operator) && self.holder == Some(to))
                    && self.counts(roles, &[Role::Administrator]) >= 2
                    && self.counts(roles, &[Role::Approver, Role::Compliance]) >= 2
                    && self.counts(roles, &[Role::Approver]) >= 1
            }
        }
    }

    fn does(&mut self, what: &Risky) {
        match *what {
            Risky::Policy(policy) => self.policy = policy,
            Risky::Holder(to) => self.holder = Some(to),
            Risky::Roles(to, mask) => self.roles[to] = mask,
        }
    }

    fn sign(&mut self, who: usize, ago: usize) -> bool {
        let count = self.proposals.len();
        let Some(at) = count.checked_sub(ago + 1) else {
            return false;
        };
        let (by, what, mut signers, over) = self.proposals[at].clone();
        let about_me = matches!(what, Risky::Roles(to, _) if to == who);
        signers.retain(|one| self.live[*one] && self.signs(*one, &what));
        let may = !over && who != by && !about_me && self.signs(who, &what);
        if !may || signers.contains(&who) {
            return false;
        }
        let complete = signers.len() + 1 >= 2;
        if complete && !(self.live[by] && self.proposes(by, &what) && self.right(by, &what)) {
            return false;
        }
        self.proposals[at].2.insert(who);
        if complete {
            self.proposals[at].3 = true;
            self.does(&what);
        }
        true
    }

    fn emergency(&mut self, who: usize, what: &Risky) -> bool {
        let roles = matches!(what, Risky::Roles(..));
        let open = self
            .glasses
            .last()
            .is_some_and(|one| !one.closed && one.by == who);
        let may = roles && open && self.proposes(who, what) && self.right(who, what);
        if may {
            self.does(what);
            if let (Risky::Roles(to, _), Some(glass)) = (what, self.glasses.last_mut()) {
                glass.raised.insert(*to);
            }
        }
        may
    }

    /// For whom somebody approves a component, if they may.
    fn vote(&self, who: usize, c: usize, policy: usize) -> Option<usize> {
        let piece = &self.pieces[c];
        let judged = [piece.author, piece.reviewer];
        let others = piece.approvals.iter().filter(|(by, p, vote)| {
            *by != who && *p == policy && self.live[*by] && self.may(*vote, Role::Approver)
        });
        let used: BTreeSet<usize> = others.map(|(_, _, vote)| *vote).collect();
        let lent = self.delegations.iter().filter(|(_, to)| *to == who);
        let mut votes = core::iter::once(who).chain(lent.map(|(from, _)| *from));
        let may = |vote: &usize| {
            self.may(*vote, Role::Approver)
                && !judged.contains(&Some(*vote))
                && !used.contains(vote)
        };
        if who == ROBOT || judged.contains(&Some(who)) {
            return None;
        }
        votes.find(may)
    }

    fn approve(&mut self, who: usize, c: usize, policy: usize, right: bool) -> bool {
        let piece = &self.pieces[c];
        let ready = piece.reviewer.is_some() && !piece.archived;
        let vote = self.vote(who, c, policy).filter(|_| right && ready);
        let Some(vote) = vote else {
            return false;
        };
        self.pieces[c].approvals.push((who, policy, vote));
        true
    }

    fn promote(&self, who: usize, c: usize, policy: usize) -> bool {
        let piece = &self.pieces[c];
        let approved = piece
            .approvals
            .iter()
            .any(|(by, p, vote)| *p == policy && self.live[*by] && self.may(*vote, Role::Approver));
        let mut others = piece.said.iter().rev();
        let last = others.find(|(by, p, _)| Some(*by) != piece.author && *p == policy);
        (self.may(who, Role::Approver) || self.may(who, Role::Operator))
            && piece.author != Some(who)
            && policy == self.policy
            && approved
            && last.is_some_and(|(_, _, passed)| *passed)
            && !piece.promoted[policy]
            && !piece.archived
    }

    fn startable(&self, c: usize, policy: usize) -> bool {
        let piece = &self.pieces[c];
        piece.promoted[policy] && policy == self.policy && !piece.archived
    }

    /// Whether the move may be made; if so it is made.
    fn make(&mut self, who: usize, one: &Move) -> bool {
        if !self.live[who] {
            return false;
        }
        match *one {
            Move::Alone(_) => false,
            Move::Propose(ref what) => {
                let may = self.proposes(who, what) && self.right(who, what);
                if may {
                    let mine = self.signs(who, what);
                    let signers = mine.then_some(who).into_iter().collect();
                    self.proposals.push((who, what.clone(), signers, false));
                }
                may
            }
            Move::Sign(ago) => self.sign(who, ago),
            Move::Emergency(ref what) => self.emergency(who, what),
            Move::Approve(c, policy, right) => self.approve(who, c, policy, right),
            Move::Revoke(to) => {
                let left =
                    (0..5).any(|p| p != to && self.live[p] && self.may(p, Role::Administrator));
                let may = self.may(who, Role::Administrator) || to == who;
                let done = may && self.live[to] && left;
                self.live[to] &= !done;
                done
            }
            Move::Break(_) | Move::Close | Move::Retrospective => self.glass(who, one),
            Move::Delegate(to) => {
                let may = who != ROBOT && to != ROBOT && to != who && self.may(who, Role::Approver);
                if may {
                    self.delegations.push((who, to));
                }
                may
            }
            Move::Authorize(..) | Move::Start(_) | Move::End(_) | Move::Kill | Move::Lift => {
                self.run(who, one)
            }
            _ => self.piece(who, one),
        }
    }

    fn glass(&mut self, who: usize, one: &Move) -> bool {
        let operates = self.may(who, Role::Operator) || self.may(who, Role::Administrator);
        let watches = self.may(who, Role::Approver) || self.may(who, Role::Compliance);
        let owed = self
            .glasses
            .iter()
            .any(|one| one.by == who && !one.looked_at);
        let last = self.glasses.last_mut();
        match (one, last) {
            (Move::Break(right), _) => {
                let may = *right && operates && who != ROBOT && !owed;
                if may {
                    self.glasses.push(Glass {
                        by: who,
                        closed: false,
                        looked_at: false,
                        raised: BTreeSet::new(),
                    });
                }
                may
            }
            (Move::Close, Some(glass)) => {
                let may = (operates || watches) && !glass.closed;
                glass.closed |= may;
                may
            }
            (Move::Retrospective, Some(glass)) => {
                let other = glass.by != who && !glass.raised.contains(&who);
                let may = watches && glass.closed && !glass.looked_at && other;
                glass.looked_at |= may;
                may
            }
            _ => false,
        }
    }

    fn run(&mut self, who: usize, one: &Move) -> bool {
        let may = match *one {
            Move::Authorize(c, policy) => {
                self.may(who, Role::Operator) && self.startable(c, policy)
            }
            Move::Start(run) => {
                let may = self
                    .authorized
                    .is_some_and(|(c, policy)| self.startable(c, policy));
                let free = self.killed.is_empty() && self.running.is_none();
                who == ROBOT && may && free && !self.runs.contains(&run)
            }
            Move::End(run) => {
                who == ROBOT && self.runs.contains(&run) && !self.ended.contains(&run)
            }
            Move::Kill => {
                let roles = [
                    Role::Operator,
                    Role::Approver,
                    Role::Compliance,
                    Role::Administrator,
                ];
                who == ROBOT || roles.iter().any(|role| self.may(who, *role))
            }
            _ => {
                let may = who != ROBOT && self.may(who, Role::Approver);
                may && self.killed.last().is_some_and(|by| *by != who)
            }
        };
        if may {
            match *one {
                Move::Authorize(c, policy) => {
                    (self.authorized, self.running) = (Some((c, policy)), None);
                }
                Move::Start(run) => {
                    self.runs.insert(run);
                    self.running = Some(run);
                }
                Move::End(run) => {
                    self.ended.insert(run);
                    self.running = self.running.filter(|one| *one != run);
                }
                Move::Kill => self.killed.push(who),
                _ => drop(self.killed.pop()),
            }
        }
        may
    }

    fn piece(&mut self, who: usize, one: &Move) -> bool {
        let may = match *one {
            Move::Submit(c) => self.may(who, Role::Author) && self.pieces[c].author.is_none(),
            Move::Validate(c, whole) => {
                let piece = &self.pieces[c];
                let draft = piece.author.is_some_and(|author| author != who);
                whole && self.may(who, Role::Reviewer) && draft && piece.reviewer.is_none()
            }
            Move::Verdict(_, policy, passed) => !passed || policy == self.policy,
            Move::Promote(c, policy) => self.promote(who, c, policy),
            Move::Archive(c) => {
                let may = self.may(who, Role::Approver) || self.may(who, Role::Operator);
                let piece = &self.pieces[c];
                may && piece.promoted.contains(&true) && !piece.archived
            }
            _ => false,
        };
        if may {
            match *one {
                Move::Submit(c) => self.pieces[c].author = Some(who),
                Move::Validate(c, _) => self.pieces[c].reviewer = Some(who),
                Move::Verdict(c, policy, passed) => self.pieces[c].said.push((who, policy, passed)),
                Move::Promote(c, policy) => self.pieces[c].promoted[policy] = true,
                Move::Archive(c) => self.pieces[c].archived = true,
                _ => {}
            }
        }
        may
    }

    fn stage(&self, c: usize) -> Option<ComponentStage> {
        let piece = &self.pieces[c];
        piece.author?;
        Some(if piece.archived {
            ComponentStage::Archived
        } else if piece.promoted.contains(&true) {
            ComponentStage::Approved
        } else if piece.reviewer.is_some() {
            ComponentStage::Validated
        } else {
            ComponentStage::Draft
        })
    }
}

/// The state without its ledger: acts are signed, judged and applied, and no file is written.
struct Bench {
    state: LedgerState,
    index: u64,
    proposals: Vec<u64>,
    glass: u64,
    authorized: u64,
    kills: Vec<u64>,
}

impl Bench {
    fn act(&mut self, who: usize, act: Act) -> Result<u64, Denial> {
        let index = self.index;
        self.index += 1;
        let seed = u8::try_from(who).unwrap() + 1;
        let previous = counterfoil_journal::entry::GENESIS;
        let time = UnixNanos(i64::try_from(index).unwrap());
        let place = (ORIGIN, previous);
        let signed = SignedAct::sign(
            place.0,
            place.1,
            time,
            id(PEOPLE[who]),
            act,
            &signing_key(seed),
        )
        .unwrap();
        self.state.act(index, &signed)?;
        Ok(index)
    }

    /// A desk whose people hold every role, and whose set-up is over.
    fn new() -> Self {
        let state = LedgerState::new(ORIGIN, key(LOG_SEED));
        let mut bench = Self {
            state,
            index: 0,
            proposals: Vec::new(),
            glass: 0,
            authorized: 0,
            kills: Vec::new(),
        };
        let genesis = Act::Genesis {
            administrators: vec![(id("ada"), key(1))],
            log_key: key(LOG_SEED),
            log_holder: id("host"),
        };
        let mut acts = vec![genesis];
        let people = PEOPLE.iter().zip(1..).take(ROBOT).skip(1);
        acts.extend(people.map(|(name, seed)| add(name, &Role::ALL, seed)));
        acts.push(add_service(PEOPLE[ROBOT], 5));
        acts.push(policy(POLICIES[0]));
        acts.push(Act::SetupEnd {});
        for act in acts {
            bench.act(0, act).unwrap();
        }
        let account = id("desk-7");
        let limits = digest("limits");
        let gave = pass_at(Gate::Limits, account_digest(&account), Some(limits));
        let verdict = bench.act(ROBOT, gave).unwrap();
        let act = Act::LimitsSet {
            account,
            limits,
            verdict,
        };
        let act = Box::new(act);
        let proposed = bench.act(1, Act::ChangePropose { act }).unwrap();
        bench.act(2, Act::ChangeApprove { proposed }).unwrap();
        bench
    }

    fn risky(what: &Risky) -> Act {
        match *what {
            Risky::Roles(to, mask) => {
                let all = Role::ALL.into_iter().filter(|role| has(mask, *role));
                roles(PEOPLE[to], &all.collect::<Vec<_>>())
            }
            Risky::Policy(policy) => super::policy(POLICIES[policy]),
            Risky::Holder(to) => Act::LogHolder { id: id(PEOPLE[to]) },
        }
    }

    fn make(&mut self, who: usize, one: &Move) -> bool {
        let reason = "why not".to_owned();
        let far = UnixNanos(1_000_000);
        let act = match *one {
            Move::Alone(ref what) => Self::risky(what),
            Move::Propose(ref what) => Act::ChangePropose {
                act: Box::new(Self::risky(what)),
            },
            Move::Sign(ago) => Act::ChangeApprove {
                proposed: self.proposals.iter().rev().nth(ago).copied().unwrap_or(0),
            },
            Move::Break(right) => {
                let scope = if right {
                    "roles-set"
                } else {
                    "component-promote"
                };
                Act::BreakGlassOpen(BreakGlass {
                    scope: [scope.to_owned()].into(),
                    reason,
                    until: far,
                })
            }
            Move::Emergency(ref what) => Act::Emergency {
                opened: self.glass,
                act: Box::new(Self::risky(what)),
            },
            Move::Close => Act::BreakGlassClose {
                opened: self.glass,
                reason,
            },
            Move::Retrospective => Act::Retrospective {
                opened: self.glass,
                report: digest("report"),
                findings: reason,
            },
            Move::Delegate(to) => Act::Delegate(Delegation {
                class: ApprovalClass::Promotion,
                to: id(PEOPLE[to]),
                until: far,
                reason,
            }),
            Move::Revoke(to) => Act::KeyRevoke {
                id: id(PEOPLE[to]),
                key: key(u8::try_from(to).unwrap() + 1),
                reason,
            },
            Move::Kill => Act::Kill {
                scope: KillScope::Installation,
                reason,
            },
            Move::Lift => Act::KillLift {
                killed: self.kills.last().copied().unwrap_or(0),
                reason,
            },
            _ => self.piece(who, one),
        };
        let done = self.act(who, act);
        if let Ok(index) = done {
            match one {
                Move::Propose(_) => self.proposals.push(index),
                Move::Break(_) => self.glass = index,
                Move::Authorize(..) => self.authorized = index,
                Move::Kill => self.kills.push(index),
                Move::Lift => drop(self.kills.pop()),
                _ => {}
            }
        }
        done.is_ok()
    }

    fn piece(&self, who: usize, one: &Move) -> Act {
        let set_under = |c: usize, policy: usize| DigestSet {
            policy: digest(POLICIES[policy]),
            ..set(COMPONENTS[c])
        };
        match *one {
            Move::Submit(c) => submit(COMPONENTS[c]),
            Move::Validate(c, whole) => {
                let mut evidence = evidence();
                if !whole {
                    evidence.0.pop_last();
                }
                let component = digest(COMPONENTS[c]);
                Act::ComponentValidate {
                    component,
                    evidence,
                }
            }
            Move::Approve(c, policy, right) => {
                let mut set = set_under(c, policy);
                if !right {
                    set.evidence = digest("other evidence");
                }
                approve(PEOPLE[who], set, u8::try_from(who).unwrap() + 1)
            }
            Move::Verdict(c, policy, true) => pass(set_under(c, policy)),
            Move::Verdict(c, policy, false) => fail(set_under(c, policy)),
            Move::Promote(c, policy) => promote(set_under(c, policy)),
            Move::Archive(c) => archive(COMPONENTS[c]),
            Move::Authorize(c, policy) => {
                Act::StartAuthorize(authorization(set_under(c, policy), 0, 1_000_000))
            }
            Move::Start(run) => {
                let found = self.state.authorizations().get(&self.authorized);
                let asked = found.map(|one| one.authorization.terms.set);
                start(
                    &run.to_string(),
                    self.authorized,
                    asked.unwrap_or(set("one")),
                )
            }
            Move::End(run) => end(&run.to_string()),
            _ => panic!("{one:?}"),
        }
    }
}

/// How far a random walk came, so that a model that forbids everything cannot pass for a test.
#[derive(Debug, Default)]
struct Reached {
    changes: usize,
    emergencies: usize,
    promotions: usize,
    runs: usize,
    denials: usize,
}

fn walk(moves: &[(usize, Move)], reached: &mut Reached) -> Result<(), TestCaseError> {
    let mut bench = Bench::new();
    let mut model = Model {
        roles: [1 << 7, 255, 255, 255, 0],
        live: [true; 5],
        holder: None,
        policy: 0,
        proposals: Vec::new(),
        glasses: Vec::new(),
        delegations: Vec::new(),
        pieces: [ModelComponent::default(), ModelComponent::default()],
        authorized: None,
        runs: BTreeSet::new(),
        running: None,
        ended: BTreeSet::new(),
        killed: Vec::new(),
    };
    for (who, one) in moves {
        // A start is asked of the policy first, in the name of whichever is in force.
        if let (Move::Start(_), true) = (one, model.live[ROBOT]) {
            let asked = bench.state.authorizations().get(&bench.authorized);
            if let Some(asked) = asked.map(|one| one.authorization.digest()) {
                let mut verdict = pass_at(Gate::Start, asked, None);
                if let Act::Verdict(verdict) = &mut verdict {
                    verdict.bundle = digest(POLICIES[model.policy]);
                }
                bench.act(ROBOT, verdict).unwrap();
            }
        }
        let done = bench.make(*who, one);
        prop_assert_eq!(done, model.make(*who, one), "{} {:?}", who, one);
        reached.denials += usize::from(!done);
    }
    let state = &bench.state;
    for (c, name) in COMPONENTS.iter().enumerate() {
        let found = state.registry().components().get(&digest(name));
        prop_assert_eq!(found.map(|one| one.stage), model.stage(c));
        reached.promotions += found.map_or(0, |one| one.promotions.len());
    }
    for (person, mask) in PEOPLE.iter().zip(model.roles) {
        let held = &state.principals()[&id(person)].roles;
        let expected = Role::ALL.into_iter().filter(|role| has(mask, *role));
        prop_assert_eq!(held, &expected.collect::<Roles>());
    }
    prop_assert_eq!(state.policy(), Some(digest(POLICIES[model.policy])));
    prop_assert_eq!(state.registry().runs().len(), model.runs.len());
    reached.runs += model.runs.len();
    reached.changes += model.proposals.iter().filter(|one| one.3).count();
    reached.emergencies += state
        .broken()
        .values()
        .map(|one| one.acts.len())
        .sum::<usize>();
    Ok(())
}

#[test]
fn no_act_leads_where_the_model_forbids() {
    let mut reached = Reached::default();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(96)
    };
    let rng = proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
    let total = core::cell::RefCell::new(&mut reached);
    // Some go a part of the registry's way before they stray.
    let hint = [
        (1, Move::Submit(0)),
        (2, Move::Validate(0, true)),
        (3, Move::Approve(0, 0, true)),
        (2, Move::Verdict(0, 0, true)),
        (3, Move::Promote(0, 0)),
        (2, Move::Authorize(0, 0)),
    ];
    let random = prop::collection::vec(a_move(), 1..160);
    let moves = (0..=hint.len(), random).prop_map(move |(part, random)| {
        let mut moves = hint[..part].to_vec();
        moves.extend(random);
        moves
    });
    runner
        .run(&moves, |moves| walk(&moves, &mut total.borrow_mut()))
        .unwrap();
    let far = reached.changes > 30 && reached.emergencies > 10 && reached.denials > 500;
    assert!(
        far && reached.promotions > 20 && reached.runs > 10,
        "{reached:?}"
    );
}
