//! Random people do random acts; a small model, written apart from the rules, says what may be.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::registry::Stage;

const PEOPLE: [&str; 5] = ["ada", "p1", "p2", "p3", "p4"];
const COMPONENTS: [&str; 2] = ["one", "two"];
const POLICIES: [&str; 2] = ["policy", "stricter"];

#[derive(Clone, Debug)]
enum Move {
    Roles(usize, u8),
    Revoke(usize),
    Submit(usize),
    Validate(usize, bool),
    Approve(usize, u8, bool),
    Verdict(usize, u8, bool),
    Promote(usize, u8),
    Policy(u8),
    Archive(usize),
    Start(usize, u8, u8),
    Holder(usize),
}

/// One of two policies, the first one mostly.
fn policy() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0), 1 => Just(1)]
}

fn a_move() -> impl Strategy<Value = (usize, Move)> {
    let person = 0..PEOPLE.len();
    let component = 0..COMPONENTS.len();
    let what = prop_oneof![
        2 => (person.clone(), any::<u8>()).prop_map(|(p, r)| Move::Roles(p, r)),
        1 => person.clone().prop_map(Move::Revoke),
        3 => component.clone().prop_map(Move::Submit),
        3 => (component.clone(), prop::bool::weighted(0.9)).prop_map(|(c, b)| Move::Validate(c, b)),
        4 => (component.clone(), policy(), prop::bool::weighted(0.9))
            .prop_map(|(c, p, b)| Move::Approve(c, p, b)),
        4 => (component.clone(), policy(), prop::bool::weighted(0.8))
            .prop_map(|(c, p, b)| Move::Verdict(c, p, b)),
        4 => (component.clone(), policy()).prop_map(|(c, p)| Move::Promote(c, p)),
        1 => policy().prop_map(Move::Policy),
        1 => component.clone().prop_map(Move::Archive),
        3 => (component, policy(), 0..3_u8).prop_map(|(c, p, r)| Move::Start(c, p, r)),
        1 => person.clone().prop_map(Move::Holder),
    ];
    (person, what)
}

/// Bit `n` of a mask is role `n`.
fn has(mask: u8, role: Role) -> bool {
    mask & (1 << Role::ALL.iter().position(|one| *one == role).unwrap()) != 0
}

#[derive(Clone, Default)]
struct Piece {
    author: Option<usize>,
    reviewer: Option<usize>,
    /// Who approved it under each policy.
    approvers: [BTreeSet<usize>; 2],
    /// Who said what of it in which policy's name.
    said: Vec<(usize, u8, bool)>,
    /// Under which policies it was promoted.
    promoted: [bool; 2],
    archived: bool,
}

impl Piece {
    fn approved(&self) -> bool {
        self.promoted.contains(&true)
    }

    /// Whether the last word on it, but for the author's, was a pass.
    fn passed(&self, policy: u8) -> bool {
        let others = self.said.iter().rev();
        let mut others = others.filter(|(who, p, _)| Some(*who) != self.author && *p == policy);
        others.next().is_some_and(|(_, _, passed)| *passed)
    }
}

struct Model {
    roles: [u8; 5],
    live: [bool; 5],
    holder: Option<usize>,
    pieces: [Piece; 2],
    runs: BTreeSet<u8>,
    policy: u8,
}

impl Model {
    /// Whether the move may be made; if so it is made.
    fn make(&mut self, who: usize, one: &Move) -> bool {
        let mine = self.roles[who];
        let administrator = has(mine, Role::Administrator);
        let left = |model: &Self, gone: usize| {
            (0..5).any(|p| p != gone && model.live[p] && has(model.roles[p], Role::Administrator))
        };
        let may = self.live[who]
            && match *one {
                Move::Roles(to, mask) => {
                    administrator
                        && to != who
                        && !(has(mask, Role::Operator) && self.holder == Some(to))
                        && (has(mask, Role::Administrator) || left(self, to))
                }
                Move::Revoke(to) => (administrator || to == who) && self.live[to] && left(self, to),
                Move::Submit(c) => has(mine, Role::Author) && self.pieces[c].author.is_none(),
                Move::Validate(c, whole) => {
                    let piece = &self.pieces[c];
                    let draft = piece.author.is_some() && piece.reviewer.is_none();
                    whole && has(mine, Role::Reviewer) && draft && piece.author != Some(who)
                }
                Move::Approve(c, _, right) => {
                    let piece = &self.pieces[c];
                    let ready = piece.reviewer.is_some() && !piece.archived;
                    let other = piece.author != Some(who) && piece.reviewer != Some(who);
                    right && has(mine, Role::Approver) && ready && other
                }
                Move::Verdict(_, policy, passed) => !passed || policy == self.policy,
                Move::Promote(c, policy) => {
                    let (piece, p) = (&self.pieces[c], usize::from(policy));
                    let approver =
                        |one: &usize| self.live[*one] && has(self.roles[*one], Role::Approver);
                    (has(mine, Role::Approver) || has(mine, Role::Operator))
                        && policy == self.policy
                        && piece.approvers[p].iter().any(approver)
                        && piece.passed(policy)
                        && !piece.promoted[p]
                        && !piece.archived
                }
                Move::Policy(policy) => {
                    let roles = [Role::Administrator, Role::Approver, Role::Compliance];
                    roles.into_iter().any(|role| has(mine, role)) && policy != self.policy
                }
                Move::Archive(c) => {
                    let may = has(mine, Role::Approver) || has(mine, Role::Operator);
                    may && self.pieces[c].approved() && !self.pieces[c].archived
                }
                Move::Start(c, policy, run) => {
                    let piece = &self.pieces[c];
                    let promoted = piece.promoted[usize::from(policy)] && policy == self.policy;
                    let may = has(mine, Role::Operator) && promoted && !piece.archived;
                    may && !self.runs.contains(&run)
                }
                Move::Holder(to) => administrator && !has(self.roles[to], Role::Operator),
            };
        if may {
            self.made(who, one);
        }
        may
    }

    fn made(&mut self, who: usize, one: &Move) {
        match *one {
            Move::Roles(to, mask) => self.roles[to] = mask,
            Move::Revoke(to) => self.live[to] = false,
            Move::Submit(c) => self.pieces[c].author = Some(who),
            Move::Validate(c, _) => self.pieces[c].reviewer = Some(who),
            Move::Approve(c, policy, _) => {
                self.pieces[c].approvers[usize::from(policy)].insert(who);
            }
            Move::Verdict(c, policy, passed) => {
                self.pieces[c].said.push((who, policy, passed));
            }
            Move::Promote(c, policy) => {
                self.pieces[c].promoted[usize::from(policy)] = true;
            }
            Move::Policy(policy) => self.policy = policy,
            Move::Archive(c) => self.pieces[c].archived = true,
            Move::Start(_, _, run) => drop(self.runs.insert(run)),
            Move::Holder(to) => self.holder = Some(to),
        }
    }
}

fn set_under(component: usize, policy: u8) -> DigestSet {
    DigestSet {
        policy: digest(POLICIES[usize::from(policy)]),
        ..set(COMPONENTS[component])
    }
}

fn act_of(who: usize, one: &Move) -> Act {
    let seed = |person: usize| u8::try_from(person).unwrap() + 1;
    match *one {
        Move::Roles(to, mask) => {
            let all: Vec<Role> = Role::ALL
                .into_iter()
                .filter(|role| has(mask, *role))
                .collect();
            roles(PEOPLE[to], &all)
        }
        Move::Revoke(to) => Act::KeyRevoke {
            id: id(PEOPLE[to]),
            key: key(seed(to)),
            reason: String::new(),
        },
        Move::Submit(c) => submit(COMPONENTS[c]),
        Move::Validate(c, whole) => {
            let mut evidence = evidence();
            if !whole {
                evidence.0.pop_last();
            }
            Act::ComponentValidate {
                component: digest(COMPONENTS[c]),
                evidence,
            }
        }
        Move::Verdict(c, policy, true) => pass(set_under(c, policy)),
        Move::Verdict(c, policy, false) => fail(set_under(c, policy)),
        Move::Promote(c, policy) => promote(set_under(c, policy)),
        Move::Policy(policy) => Act::PolicySet {
            bundle: digest(POLICIES[usize::from(policy)]),
        },
        Move::Approve(c, policy, right) => {
            let mut set = set_under(c, policy);
            if !right {
                set.evidence = digest("other evidence");
            }
            approve(PEOPLE[who], set, seed(who))
        }
        Move::Archive(c) => archive(COMPONENTS[c]),
        Move::Start(c, policy, run) => start(&run.to_string(), set_under(c, policy)),
        Move::Holder(to) => Act::LogHolder { id: id(PEOPLE[to]) },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_act_leads_where_the_model_forbids(moves in prop::collection::vec(a_move(), 1..60)) {
        let mut desk = Desk::new();
        // Everybody may do everything at first but hold the log's key.
        let all: Vec<Role> = Role::ALL.into();
        for (person, seed) in PEOPLE.iter().zip(1..).skip(1) {
            desk.add(person, &all, seed).unwrap();
        }
        desk.act("ada", super::policy(POLICIES[0])).unwrap();
        let mut model = Model {
            policy: 0,
            roles: [1 << 7, 255, 255, 255, 255],
            live: [true; 5],
            holder: None,
            pieces: [Piece::default(), Piece::default()],
            runs: BTreeSet::new(),
        };
        for (who, one) in &moves {
            desk.time += 1;
            let (time, seed) = (UnixNanos(desk.time), u8::try_from(*who).unwrap() + 1);
            let act = act_of(*who, one);
            let done = match desk.ledger.act(time, &id(PEOPLE[*who]), act, &hand(seed)) {
                Ok(_) => true,
                Err(LedgerError::Denied { .. }) => false,
                Err(error) => panic!("{error}"),
            };
            prop_assert_eq!(done, model.make(*who, one), "{} {:?}", who, one);
        }
        let state = desk.ledger.state();
        for (name, piece) in COMPONENTS.iter().zip(&model.pieces) {
            let stage = state.registry().components().get(&digest(name)).map(|one| one.stage);
            let expected = match piece {
                Piece { author: None, .. } => None,
                Piece { archived: true, .. } => Some(Stage::Archived),
                piece if piece.approved() => Some(Stage::Approved),
                Piece { reviewer: Some(_), .. } => Some(Stage::Validated),
                Piece { .. } => Some(Stage::Draft),
            };
            prop_assert_eq!(stage, expected);
        }
        prop_assert_eq!(&desk.verified().state, state);
    }
}
