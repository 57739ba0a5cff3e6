//! Every state that two orders can reach at the gateway, with crashes between any two steps, lost,
//! late and doubled messages, and permits that lapse: a depth-first walk over the transition
//! functions that the gateway itself calls. What is around them (files, network, venue, the kill) is
//! the model; every rule that is left out in turn must break a claim, or the walk claims nothing.

#![expect(
    clippy::print_stdout,
    clippy::struct_excessive_bools,
    reason = "the number of states is worth seeing, and a state is made of small facts"
)]

use std::collections::BTreeSet;

use counterfoil_base::digest::Digest;
use counterfoil_trading::gateway::{
    DurableMark, LookupAnswer, OrderAuthorization, SubmissionEnd, SubmissionEvent, SubmissionPhase,
    SubmissionState, SubmissionStep, TokenContext, TokenRefusal, VenueAnswer, check_token,
    recover_state,
};
use counterfoil_trading::plan::PlanDigest;
use counterfoil_trading::time::UnixNanos;

/// The last attempt that the network may lose, and that a venue without memory may refuse. A network
/// that loses everything ends nothing.
const LOST_MAX: usize = 1;
/// Attempts there can be: the one that is lost, one for each crash, and one more. Numbers begin at 1.
const ATTEMPTS: usize = 5;
/// Kills of the process.
const CRASHES_MAX: u8 = 2;

/// What is left out of the rules; `None` leaves nothing out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Without {
    Nothing,
    /// What may be at the venue is sent again unasked.
    Lookup,
    /// It is sent while the spent token is written but not durable.
    DurableSpend,
    /// It is authorized while its decision is written but not signed and durable.
    DurableDecision,
    /// It is authorized whatever the gate said.
    Verdict,
    /// After a crash, what is not known to be at the venue counts as not sent.
    Doubt,
    /// "Not found" is believed while a request is still under way.
    Conclusion,
    /// An answer counts for the attempt at hand, whichever it belongs to.
    AttemptOfAnswer,
    /// The venue's name for an order is made anew by every process.
    StableName,
    /// What lapsed is dropped without a record.
    RecordOfWithheld,
    /// A spent token can be spent again.
    SingleUse,
}

/// What a venue does with a second request under one name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Venue {
    /// It makes a second order. The network never doubles a request then.
    Naive,
    /// It says that it has it. The network may double a request.
    Keeps,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Decision {
    None,
    /// In the file, but neither signed nor durable.
    Written(bool),
    /// Durable under a signed checkpoint; whether the gate approved.
    Durable(bool),
}

/// One order, and all that is about it in the world.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Order {
    decision: Decision,
    /// Durable marks of the order log: spends, then an end.
    spends: u8,
    end: Option<SubmissionEnd>,
    /// A second end was recorded.
    ended_twice: bool,
    /// A mark that is written and not durable.
    pending: Option<DurableMark>,
    /// What the process knows; gone with it.
    life: Option<SubmissionState>,
    /// Whether the pending spend was sent already, which only a broken rule does.
    sent_early: bool,
    /// Requests under way, by attempt.
    requests: [u8; ATTEMPTS],
    /// Orders at the venue, by the process that named them (0 for all where names are stable).
    at_venue: [u8; ATTEMPTS],
    /// The venue refused it.
    refused: bool,
    /// Answers under way, by attempt.
    known: [bool; ATTEMPTS],
    refusals: [bool; ATTEMPTS],
    /// Whether the network doubled a request.
    doubled: bool,
    /// It was sent before a durable decision, or without a verdict.
    unfounded: bool,
}

const NEW: Order = Order {
    decision: Decision::None,
    spends: 0,
    end: None,
    ended_twice: false,
    pending: None,
    life: None,
    sent_early: false,
    requests: [0; ATTEMPTS],
    at_venue: [0; ATTEMPTS],
    refused: false,
    known: [false; ATTEMPTS],
    refusals: [false; ATTEMPTS],
    doubled: false,
    unfounded: false,
};

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct World {
    orders: [Order; 2],
    is_up: bool,
    crashes: u8,
    /// Lease, limits or time of the tokens are over.
    lapsed: bool,
}

impl Order {
    fn at_venue(&self) -> u8 {
        self.at_venue.iter().sum()
    }

    fn under_way(&self) -> bool {
        self.requests.iter().any(|count| *count > 0)
    }

    fn marks(&self) -> Vec<DurableMark> {
        let mut marks = vec![DurableMark::Spent; usize::from(self.spends)];
        marks.extend(self.end.map(DurableMark::Ended));
        marks
    }

    fn approved(&self) -> bool {
        self.decision == Decision::Durable(true)
    }

    /// The mark is on the disk.
    fn keep(&mut self, mark: DurableMark) {
        match mark {
            DurableMark::Spent => self.spends += 1,
            DurableMark::Ended(end) => {
                self.ended_twice |= self.end.is_some();
                self.end = Some(end);
            }
        }
    }
}

struct Walk {
    venue: Venue,
    without: Without,
    /// The claim to break.
    claim: Option<&'static str>,
    seen: BTreeSet<World>,
    broken: BTreeSet<&'static str>,
}

impl Walk {
    /// Walks on until nothing is new, or until the claim is broken.
    fn all(venue: Venue, without: Without, claim: Option<&'static str>) -> Self {
        let mut walk = Self {
            venue,
            without,
            claim,
            seen: BTreeSet::new(),
            broken: BTreeSet::new(),
        };
        let first = World {
            orders: [NEW; 2],
            is_up: true,
            crashes: 0,
            lapsed: false,
        };
        let mut open = vec![first];
        walk.seen.insert(first);
        let mut next = Vec::new();
        while let Some(world) = open.pop() {
            walk.judge(&world);
            if walk.claim.is_some_and(|claim| walk.broken.contains(claim)) {
                break;
            }
            next.clear();
            walk.successors(&world, &mut next);
            let moves = next.iter().any(|other| *other != world);
            if !moves {
                walk.judge_rest(&world);
            }
            for mut other in next.drain(..) {
                // The two orders are alike: which is which makes no other state.
                other.orders.sort_unstable();
                if walk.seen.insert(other) {
                    open.push(other);
                }
            }
        }
        walk
    }

    /// The claims of every state.
    fn judge(&mut self, world: &World) {
        for order in &world.orders {
            if order.at_venue() > 1 {
                self.broken.insert("at most one order at the venue");
            }
            if order.at_venue() > 0 && order.decision == Decision::Durable(false) {
                self.broken.insert("none without a verdict");
            }
            if order.unfounded {
                self.broken.insert("none before its decision is durable");
            }
            if order.ended_twice {
                self.broken.insert("one end");
            }
            if let Some(life) = order.life
                && life.phase != SubmissionPhase::Issued
                && life.apply(SubmissionEvent::Spend).is_ok()
            {
                self.broken.insert("a token is spent once");
            }
        }
    }

    /// The claims of a state in which nothing more can happen.
    fn judge_rest(&mut self, world: &World) {
        for order in world.orders.iter().filter(|order| order.approved()) {
            let is_told = match order.end {
                None => false,
                Some(SubmissionEnd::Acknowledged) => order.at_venue() == 1,
                Some(SubmissionEnd::Rejected) => order.at_venue() == 0 && order.refused,
                Some(SubmissionEnd::NotSent) => order.at_venue() == 0,
            };
            if !is_told {
                self.broken
                    .insert("at rest every approved order has its true end");
            }
        }
    }

    fn successors(&self, world: &World, next: &mut Vec<World>) {
        for place in 0..2 {
            let mut put = |order: Order| {
                let mut world = *world;
                world.orders[place] = order;
                next.push(world);
            };
            self.network(&world.orders[place], world, &mut put);
            if world.is_up {
                self.process(&world.orders[place], world, &mut put);
            }
        }
        if world.is_up && world.crashes < CRASHES_MAX {
            crash(world, next);
        }
        if !world.is_up {
            next.push(self.recover(world));
        }
        if !world.lapsed {
            let lapsed = true;
            next.push(World { lapsed, ..*world });
        }
    }

    /// What network and venue do.
    fn network(&self, order: &Order, world: &World, put: &mut dyn FnMut(Order)) {
        for attempt in 1..ATTEMPTS {
            if order.requests[attempt] == 0 {
                continue;
            }
            let mut taken = *order;
            taken.requests[attempt] -= 1;
            // The network loses it.
            if attempt <= LOST_MAX {
                put(taken);
            }
            if self.venue == Venue::Keeps && !order.doubled {
                let mut doubled = *order;
                doubled.requests[attempt] += 1;
                doubled.doubled = true;
                put(doubled);
            }
            let name = if self.without == Without::StableName {
                usize::from(world.crashes)
            } else {
                0
            };
            let is_there = self.venue == Venue::Keeps && order.at_venue[name] > 0;
            let turns_down = self.venue == Venue::Keeps && order.refused;
            if !turns_down {
                let mut known = taken;
                known.at_venue[name] += u8::from(!is_there);
                known.known[attempt] = true;
                put(known);
            }
            let remembers = self.venue == Venue::Keeps;
            if !is_there && (remembers || attempt <= LOST_MAX) {
                let mut refused = taken;
                refused.refused = true;
                refused.refusals[attempt] = true;
                put(refused);
            }
        }
    }

    /// What the process does: what the real functions say.
    fn process(&self, order: &Order, world: &World, put: &mut dyn FnMut(Order)) {
        self.decide(order, put);
        let Some(life) = order.life else { return };
        for place in 1..ATTEMPTS {
            let attempt = u32::try_from(place).unwrap();
            let of = if self.without == Without::AttemptOfAnswer {
                life.attempt
            } else {
                attempt
            };
            let answers = [
                (order.known[place], VenueAnswer::Known),
                (order.refusals[place], VenueAnswer::Refused),
            ];
            for (is_there, answer) in answers {
                if !is_there {
                    continue;
                }
                let reported = life.apply(SubmissionEvent::Answer(of, answer)).unwrap();
                // It stays there too: an answer may come twice.
                let mut received = Order {
                    life: Some(reported),
                    ..*order
                };
                put(received);
                match answer {
                    VenueAnswer::Refused => received.refusals[place] = false,
                    VenueAnswer::Known | VenueAnswer::Unknown => received.known[place] = false,
                }
                put(received);
            }
        }
        if let Some(mark) = order.pending {
            let mut kept = *order;
            kept.pending = None;
            kept.keep(mark);
            if mark == DurableMark::Spent && !order.sent_early {
                kept.life = Some(life.apply(SubmissionEvent::Spend).unwrap());
            }
            kept.sent_early = false;
            put(kept);
            let early = self.without == Without::DurableSpend && !order.sent_early;
            if mark == DurableMark::Spent && early {
                let mut then = *order;
                then.sent_early = true;
                send(&mut then, life.apply(SubmissionEvent::Spend).unwrap());
                put(then);
            }
            return;
        }
        self.step(order, life, world, put);
    }

    fn step(
        &self,
        order: &Order,
        life: SubmissionState,
        world: &World,
        put: &mut dyn FnMut(Order),
    ) {
        let mut then = *order;
        let lives = |event| Some(life.apply(event).unwrap());
        let attempts = usize::try_from(life.attempt).unwrap();
        match life.next_step() {
            // Without a rule there is no end to attempts.
            SubmissionStep::Authorize if attempts + 1 >= ATTEMPTS && self.claim.is_some() => {}
            SubmissionStep::Authorize => match self.permit(order, world) {
                Ok(()) => then.life = lives(SubmissionEvent::Issue),
                Err(_) if self.without == Without::RecordOfWithheld => then.life = None,
                Err(_) => then.life = lives(SubmissionEvent::Withhold),
            },
            SubmissionStep::Spend => match self.permit(order, world) {
                Ok(()) => then.pending = Some(DurableMark::Spent),
                Err(_) => then.life = lives(SubmissionEvent::Withhold),
            },
            SubmissionStep::Send => {
                send(&mut then, life);
                if self.without == Without::SingleUse {
                    // Whoever has the token presents it again.
                    let place = usize::try_from(life.attempt).unwrap();
                    then.requests[place] += 1;
                }
            }
            // Time is up for the answer.
            SubmissionStep::Await => {
                then.life = lives(SubmissionEvent::Answer(life.attempt, VenueAnswer::Unknown));
            }
            SubmissionStep::Lookup if self.without == Without::Lookup => {
                then.life = lives(SubmissionEvent::Lookup(LookupAnswer::NotFound));
            }
            SubmissionStep::Lookup => {
                then.life = lives(SubmissionEvent::Lookup(self.look_up(order, world)));
            }
            SubmissionStep::Done => {
                let SubmissionPhase::Ended(end) = life.phase else {
                    unreachable!("only an end is done")
                };
                if order.end.is_none() {
                    then.pending = Some(DurableMark::Ended(end));
                }
            }
        }
        put(then);
    }

    fn decide(&self, order: &Order, put: &mut dyn FnMut(Order)) {
        match order.decision {
            Decision::None => {
                for approved in [true, false] {
                    let mut then = *order;
                    then.decision = Decision::Written(approved);
                    if self.without == Without::DurableDecision && approved {
                        then.life = Some(SubmissionState::decided());
                    }
                    put(then);
                }
            }
            Decision::Written(approved) => {
                let mut durable = *order;
                durable.decision = Decision::Durable(approved);
                let passes = approved || self.without == Without::Verdict;
                if passes && durable.life.is_none() {
                    durable.life = Some(SubmissionState::decided());
                }
                put(durable);
            }
            Decision::Durable(_) => {}
        }
    }

    /// Whether a token for the order holds now, by the real check.
    fn permit(&self, order: &Order, world: &World) -> Result<(), TokenRefusal> {
        let fencing_token = u64::from(world.crashes);
        let token = OrderAuthorization {
            run: Digest([1; 32]),
            execution: 1,
            sequence: 0,
            plan: PlanDigest(Digest([2; 32])),
            policy: Digest([3; 32]),
            limits: Digest([4; 32]),
            approver: [5; 32],
            fencing_token,
            not_after: UnixNanos(10),
        };
        let standing = TokenContext {
            run: Digest([1; 32]),
            execution: 1,
            policy: Digest([3; 32]),
            limits: Digest([4; 32]),
            approver: [5; 32],
            fencing_token,
            now: UnixNanos(if world.lapsed { 11 } else { 10 }),
        };
        let is_decided = match order.decision {
            Decision::Durable(approved) => approved || self.without == Without::Verdict,
            Decision::Written(_) => self.without == Without::DurableDecision,
            Decision::None => false,
        };
        let plan = PlanDigest(Digest([2; 32]));
        check_token(&token, &standing, is_decided.then_some(plan))
    }

    fn look_up(&self, order: &Order, world: &World) -> LookupAnswer {
        let name = if self.without == Without::StableName {
            usize::from(world.crashes)
        } else {
            0
        };
        if order.at_venue[name] > 0 {
            return LookupAnswer::Found;
        }
        if order.under_way() && self.without != Without::Conclusion {
            return LookupAnswer::Unknown;
        }
        // A naive venue that refused one attempt would take another: the name says nothing.
        if order.refused && self.venue == Venue::Keeps {
            return LookupAnswer::Refused;
        }
        LookupAnswer::NotFound
    }

    /// A new process, from what is durable alone.
    fn recover(&self, world: &World) -> World {
        let mut world = *world;
        world.is_up = true;
        for order in &mut world.orders {
            let lives = match order.decision {
                Decision::Durable(approved) => approved || self.without == Without::Verdict,
                Decision::None | Decision::Written(_) => false,
            };
            if !lives {
                continue;
            }
            let mut life = recover_state(order.marks());
            if self.without == Without::Doubt && life.phase == SubmissionPhase::Unknown {
                life.phase = SubmissionPhase::Ended(SubmissionEnd::NotSent);
            }
            order.life = Some(life);
        }
        world
    }
}

/// Hands the order to the network.
fn send(order: &mut Order, spent: SubmissionState) {
    order.unfounded |= !matches!(order.decision, Decision::Durable(_));
    order.life = Some(spent.apply(SubmissionEvent::Send).unwrap());
    let place = usize::try_from(spent.attempt).unwrap();
    order.requests[place] += 1;
}

/// The process is killed: what was written and not made durable may be there or not.
fn crash(world: &World, next: &mut Vec<World>) {
    for kept in 0..4_u8 {
        let mut world = *world;
        world.is_up = false;
        world.crashes += 1;
        for (place, order) in world.orders.iter_mut().enumerate() {
            let is_kept = kept & (1 << place) != 0;
            if let Some(mark) = order.pending.take_if(|_| is_kept) {
                order.keep(mark);
            }
            order.pending = None;
            order.sent_early = false;
            order.life = None;
            order.known = [false; ATTEMPTS];
            order.refusals = [false; ATTEMPTS];
            if let Decision::Written(_) = order.decision {
                // No checkpoint covers it: it is cut, and decided again.
                order.decision = Decision::None;
            }
        }
        next.push(world);
    }
}

#[test]
fn no_sequence_of_steps_crashes_and_messages_breaks_a_claim() {
    for venue in [Venue::Naive, Venue::Keeps] {
        let walk = Walk::all(venue, Without::Nothing, None);
        println!("{venue:?}: {} states", walk.seen.len());
        assert_eq!(walk.broken, BTreeSet::new(), "{venue:?}");
        assert!(walk.seen.len() > 10_000, "{}", walk.seen.len());
    }
}

#[test]
fn a_rule_that_is_left_out_breaks_a_claim() {
    let one = "at most one order at the venue";
    let end = "at rest every approved order has its true end";
    let durable = "none before its decision is durable";
    let table = [
        (Without::Lookup, one),
        (Without::DurableSpend, one),
        (Without::DurableDecision, durable),
        (Without::Verdict, "none without a verdict"),
        (Without::Doubt, end),
        (Without::Conclusion, one),
        (Without::AttemptOfAnswer, end),
        (Without::StableName, one),
        (Without::RecordOfWithheld, end),
        (Without::SingleUse, one),
    ];
    for (without, claim) in table {
        let walk = Walk::all(Venue::Naive, without, Some(claim));
        println!("{without:?}: broken after {} states", walk.seen.len());
        assert!(
            walk.broken.contains(claim),
            "{without:?}: {:?}",
            walk.broken
        );
    }
}
