//! Random people do random acts; a small model, written apart from the rules, says what may be.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::registry::Stage;

const PEOPLE: [&str; 5] = ["ada", "p1", "p2", "p3", "p4"];
const COMPONENTS: [&str; 2] = ["one", "two"];

#[derive(Clone, Debug)]
enum Move {
    Roles(usize, u8),
    Revoke(usize),
    Submit(usize),
    Validate(usize, bool),
    Approve(usize, bool),
    Archive(usize),
    Start(usize, u8),
    Holder(usize),
}

fn a_move() -> impl Strategy<Value = (usize, Move)> {
    let person = 0..PEOPLE.len();
    let component = 0..COMPONENTS.len();
    let what = prop_oneof![
        2 => (person.clone(), any::<u8>()).prop_map(|(p, r)| Move::Roles(p, r)),
        1 => person.clone().prop_map(Move::Revoke),
        3 => component.clone().prop_map(Move::Submit),
        3 => (component.clone(), prop::bool::weighted(0.9)).prop_map(|(c, b)| Move::Validate(c, b)),
        4 => (component.clone(), prop::bool::weighted(0.8)).prop_map(|(c, b)| Move::Approve(c, b)),
        1 => component.clone().prop_map(Move::Archive),
        3 => (component, 0..3_u8).prop_map(|(c, r)| Move::Start(c, r)),
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
    approved: bool,
    archived: bool,
}

struct Model {
    roles: [u8; 5],
    live: [bool; 5],
    holder: Option<usize>,
    pieces: [Piece; 2],
    runs: BTreeSet<u8>,
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
                Move::Approve(c, right) => {
                    let piece = &self.pieces[c];
                    let ready = piece.reviewer.is_some() && !piece.archived;
                    let other = piece.author != Some(who) && piece.reviewer != Some(who);
                    right && has(mine, Role::Approver) && ready && other
                }
                Move::Archive(c) => {
                    let may = has(mine, Role::Approver) || has(mine, Role::Operator);
                    may && self.pieces[c].approved && !self.pieces[c].archived
                }
                Move::Start(c, run) => {
                    let piece = &self.pieces[c];
                    let may = has(mine, Role::Operator) && piece.approved && !piece.archived;
                    may && !self.runs.contains(&run)
                }
                Move::Holder(to) => administrator && !has(self.roles[to], Role::Operator),
            };
        if may {
            match *one {
                Move::Roles(to, mask) => self.roles[to] = mask,
                Move::Revoke(to) => self.live[to] = false,
                Move::Submit(c) => self.pieces[c].author = Some(who),
                Move::Validate(c, _) => self.pieces[c].reviewer = Some(who),
                Move::Approve(c, _) => self.pieces[c].approved = true,
                Move::Archive(c) => self.pieces[c].archived = true,
                Move::Start(_, run) => drop(self.runs.insert(run)),
                Move::Holder(to) => self.holder = Some(to),
            }
        }
        may
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
        Move::Approve(c, right) => {
            let mut set = set(COMPONENTS[c]);
            if !right {
                set.evidence = digest("other evidence");
            }
            approve(PEOPLE[who], set, seed(who))
        }
        Move::Archive(c) => archive(COMPONENTS[c]),
        Move::Start(c, run) => start(&run.to_string(), set(COMPONENTS[c])),
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
        let mut model = Model {
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
                Piece { approved: true, .. } => Some(Stage::Approved),
                Piece { reviewer: Some(_), .. } => Some(Stage::Validated),
                Piece { .. } => Some(Stage::Draft),
            };
            prop_assert_eq!(stage, expected);
        }
        prop_assert_eq!(&desk.verified().state, state);
    }
}
