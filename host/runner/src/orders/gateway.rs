//! The one way to a venue. What is released gets a token that is bound to everything it was approved
//! under; the token is spent, durably, in the order log; only then does the venue get the order.
//!
//! What comes next about an order is not decided here: [`SubmissionState`] says it, and a test of that crate
//! walks through all it can say.

pub mod any;
pub mod broker;
pub mod client;
mod course;
mod error;
pub mod guard;
pub mod order_log;
pub mod paper;
mod reconcile;
pub mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use counterfoil_connect::broker::order::Leave;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::signer::Signer as _;
use counterfoil_os::files::FileError;
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::gateway::{
    ClockReport, EndedSubmission, LookupAnswer, OrderAuthorization, OrderLogRecord, SubmissionEnd,
    SubmissionEvent, SubmissionPhase, SubmissionState, SubmissionStep, TokenContext, TokenRefusal,
    VenueAnswer, VenueOrderId, check_token, recover_state,
};
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::order::{ClientOrderId, Intent};
use counterfoil_trading::plan::{PlanDigest, Released};
use counterfoil_trading::record::RunStop;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::AccountView;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;
use counterfoil_trading::venue::recorded_venue::not_sent_event;
use counterfoil_trading::venue::{Venue, VenueError};

use crate::clock;
use crate::store::data_dir::Execution;
use crate::store::keys::SharedSigner;
use client::{Cleared, Found, VenueClient};
use course::Course;
pub use error::GatewayError;
use guard::Guard;
use order_log::{KnownOrders, OrderLog, OrderLogError, Recorded};
use paper::Market;
use reconcile::Watch;
use token::SignedToken;

/// How long a token may be spent after its decision: far longer than a write and a send take, far
/// shorter than any price is good for.
pub const TOKEN_NANOS: i64 = 60_000_000_000;

/// How often a venue is asked for an order before the run stops, with the order's fate unknown.
const LOOKUPS_MAX: u32 = 3;

/// How often the kernel's word on its clock is recorded: a clock that nothing corrects drifts a few
/// milliseconds in that time.
const CLOCK_NANOS: i64 = 60_000_000_000;

/// What was decided before this process began, by the number of each plan, with the time of its
/// decision where that is known.
pub type DecidedBefore = BTreeMap<u64, UnixNanos>;

/// What a gateway is opened with.
#[derive(Debug)]
pub struct Terms {
    /// Signs tokens and the order log.
    pub signer: SharedSigner,
    /// What must hold.
    pub guard: Arc<Guard>,
    /// The digest of what the run was started under.
    pub policy: [u8; 32],
    /// What the venue's books are held against.
    pub books: BookTerms,
}

/// What the venue's books are held against.
#[derive(Clone, Debug)]
pub struct BookTerms {
    /// What the run trades.
    pub instruments: Vec<Instrument>,
    /// What it began with.
    pub cash: Money,
    /// How far the venue's cash may differ.
    pub cash_tolerance: Money,
    /// The time between two looks, in nanoseconds.
    pub interval_nanos: i64,
}

/// A gateway between one run and one venue.
#[derive(Debug)]
pub struct Gateway<V> {
    venue: V,
    log: OrderLog,
    guard: Arc<Guard>,
    signer: SharedSigner,
    key: VerifierKey,
    origin: String,
    standing: TokenContext,
    /// When the kernel's word on its clock was last recorded.
    clock_noted: UnixNanos,
    /// What is known of orders from before this process.
    known: KnownOrders,
    decided: DecidedBefore,
    /// Whether there was no order log, so that the journal alone says what was sent.
    by_journal: bool,
    /// Orders of this process, with the plan that a durable decision approved.
    orders: BTreeMap<u64, (SubmissionState, PlanDigest)>,
    names: BTreeMap<ClientOrderId, VenueOrderId>,
    withheld: Vec<Delivery>,
    watch: Watch,
    /// When the first order of the slice at hand went on its way.
    slice_began: Option<UnixNanos>,
}

impl<V: VenueClient> Gateway<V> {
    /// The gateway of an execution. Where the execution has an order log, it is verified and goes on.
    ///
    /// # Errors
    ///
    /// Returns [`GatewayError`] if the log does not hold or cannot be written.
    pub fn open(
        venue: V,
        execution: &Execution,
        terms: Terms,
        decided: DecidedBefore,
    ) -> Result<Self, GatewayError> {
        let Terms {
            signer,
            guard,
            policy,
            books,
        } = terms;
        let run = run_of(execution)?;
        let approver = signer.verifying_key();
        let origin = order_log::origin(execution);
        let key = VerifierKey::new(&origin, &approver)?;
        let epoch = guard.slot.lease().epoch();
        let standing = TokenContext {
            run,
            execution: execution.number,
            policy,
            limits: guard.limits.digest(),
            approver,
            epoch,
            now: clock::now(),
        };
        let clock_noted = standing.now;
        let (mut log, known) = log_of(execution, &signer, &key)?;
        let watch = Watch::new(books, known.baseline.clone());
        if known.epoch > epoch {
            return Err(GatewayError::Behind {
                found: epoch,
                logged: known.epoch,
            });
        }
        if known.epoch == 0 {
            log.append(&OrderLogRecord::Open {
                run,
                execution: execution.number,
                account: guard.slot.lease().account().to_string(),
                venue: venue.name().to_owned(),
                approver,
            })?;
        }
        log.append(&OrderLogRecord::Lease {
            epoch,
            time: standing.now,
        })?;
        log.append(&clock_record(standing.now))?;
        Ok(Self {
            venue,
            log,
            guard,
            signer,
            key,
            origin,
            standing,
            clock_noted,
            by_journal: known.epoch == 0 && !decided.is_empty(),
            known,
            decided,
            orders: BTreeMap::new(),
            names: BTreeMap::new(),
            withheld: Vec::new(),
            watch,
            slice_began: None,
        })
    }

    /// Takes a token from outside. None that was issued here is still to be spent when anybody else
    /// can hold it, so this always refuses; why is in the order log.
    ///
    /// # Errors
    ///
    /// Returns [`GatewayError`] if the refusal cannot be recorded.
    pub fn present(&mut self, token: &SignedToken) -> Result<TokenRefusal, GatewayError> {
        self.standing.now = clock::now();
        let refused = match self.accept(token, None) {
            Err(refusal) => refusal,
            Ok(()) => TokenRefusal::Foreign,
        };
        self.log.append(&OrderLogRecord::Refused {
            refusal: refused,
            token: token.bytes.clone(),
            time: self.standing.now,
        })?;
        Ok(refused)
    }

    /// The venue.
    pub const fn venue(&mut self) -> &mut V {
        &mut self.venue
    }

    /// Carries what was released to its end.
    ///
    /// # Errors
    ///
    /// Returns [`GatewayError`] if the end is not known or not durable: the run stops.
    pub fn carry(&mut self, released: &Released) -> Result<SubmissionEnd, GatewayError> {
        let sequence = released.sequence();
        let id = VenueOrderId::new(&self.standing.run, self.standing.execution, sequence);
        let intent = *released.intent();
        let of = match &intent {
            Intent::Submit(_) => None,
            Intent::Cancel(of) | Intent::Replace { replaces: of, .. } => {
                self.names.get(of).cloned()
            }
        };
        if let Some(order) = intent.order() {
            self.names.insert(order.client_order_id, id.clone());
        }
        let before = self.known.orders.remove(&sequence);
        let not_after = match &intent {
            // What takes an order back is never too late.
            Intent::Cancel(_) => UnixNanos(i64::MAX),
            Intent::Submit(_) | Intent::Replace { .. } => self.not_after(sequence, before.as_ref()),
        };
        let leave = self.leave(intent, not_after);
        let cleared = Cleared {
            id: &id,
            of: of.as_ref(),
            released,
            leave: &leave,
        };
        let life = self.life_of(sequence, before.as_ref());
        self.orders.insert(sequence, (life, released.digest()));
        if let SubmissionPhase::Ended(end) = life.phase {
            match end {
                SubmissionEnd::Acknowledged | SubmissionEnd::Rejected => {}
                SubmissionEnd::NotSent => self.withhold(&intent),
            }
            self.venue.restore(&cleared, end);
            return Ok(end);
        }
        let lapsed = self.lapsed(sequence, before.as_ref());
        let mut course = Course {
            life,
            not_after,
            lapsed,
            token: None,
            refusal: None,
            detail: String::new(),
            lookups: 0,
        };
        let end = loop {
            if let SubmissionPhase::Ended(end) = course.life.phase {
                break end;
            }
            self.advance(&mut course, &cleared)?;
            self.orders
                .insert(sequence, (course.life, released.digest()));
        };
        if end == SubmissionEnd::NotSent {
            // It may have been asked about as one that was sent before.
            self.venue.restore(&cleared, end);
            self.withhold(&intent);
        }
        self.log.append(&OrderLogRecord::Ended(EndedSubmission {
            sequence,
            attempt: course.life.attempt,
            end,
            refusal: course.refusal,
            detail: course.detail,
            time: clock::now(),
        }))?;
        Ok(end)
    }

    /// What a venue asks before it sends an intent, and sends it again: the conditions may have changed
    /// since the token was spent, and the token's time may be over.
    fn leave(&self, intent: Intent, not_after: UnixNanos) -> Leave {
        let guard = Arc::clone(&self.guard);
        Leave::new(move || {
            let now = clock::now();
            let in_time = now <= not_after;
            let permitted = guard.permit(&intent, now);
            let held = permitted.and_then(|()| in_time.then_some(()).ok_or(TokenRefusal::Expired));
            held.map_err(|refusal| refusal.code().to_owned())
        })
    }

    /// Records what the kernel says of its clock, if that was not done for a while.
    fn note_clock(&mut self) -> Result<(), GatewayError> {
        let now = clock::now();
        if now.0.saturating_sub(self.clock_noted.0) < CLOCK_NANOS {
            return Ok(());
        }
        self.log.append(&clock_record(now))?;
        self.clock_noted = now;
        Ok(())
    }

    /// Where an order stands when this process first hears of it.
    fn life_of(&self, sequence: u64, before: Option<&Recorded>) -> SubmissionState {
        // A venue within this process has what the journal holds, whatever else was lost.
        if self.by_journal && self.decided.contains_key(&sequence) {
            let phase = SubmissionPhase::Ended(SubmissionEnd::Acknowledged);
            return SubmissionState { phase, attempt: 0 };
        }
        recover_state(before.into_iter().flat_map(|one| one.marks.iter().copied()))
    }

    /// The last moment for a token: that of the first one, however often it is issued again.
    fn not_after(&mut self, sequence: u64, before: Option<&Recorded>) -> UnixNanos {
        if let Some(token) = before.and_then(|one| one.token) {
            return token.not_after;
        }
        let decided = self.decided.get(&sequence).copied();
        // All orders of a slice are as old as the first: none waits behind others and stays young.
        let decided = decided.unwrap_or_else(|| *self.slice_began.get_or_insert_with(clock::now));
        UnixNanos(decided.0.saturating_add(TOKEN_NANOS))
    }

    /// Why an order that was decided before this process may not be sent by it, if so: somebody else
    /// had the account since, or policy or limits are others.
    fn lapsed(&self, sequence: u64, before: Option<&Recorded>) -> Option<TokenRefusal> {
        let token = before.and_then(|one| one.token);
        if token.is_none() && !self.decided.contains_key(&sequence) {
            return None;
        }
        if self.known.epoch.saturating_add(1) < self.standing.epoch {
            return Some(TokenRefusal::StaleLease);
        }
        let token = token?;
        if token.policy != self.standing.policy {
            return Some(TokenRefusal::OtherPolicy);
        }
        (token.limits != self.standing.limits).then_some(TokenRefusal::OtherLimits)
    }

    fn withhold(&mut self, intent: &Intent) {
        self.withheld.push(Delivery::Event(not_sent_event(intent)));
    }

    /// One step of an order's life.
    fn advance(&mut self, course: &mut Course, cleared: &Cleared<'_>) -> Result<(), GatewayError> {
        let sequence = cleared.released.sequence();
        self.standing.now = clock::now();
        let now = self.standing.now;
        let event = match course.life.next_step() {
            SubmissionStep::Authorize => {
                let token = self.token(cleared.released, course.not_after);
                let plan = Some(cleared.released.digest());
                let lapsed = course.lapsed.map_or(Ok(()), Err);
                let permitted = lapsed.and_then(|()| self.guard.permit(cleared.intent(), now));
                match permitted.and_then(|()| check_token(&token, &self.standing, plan)) {
                    Ok(()) => {
                        let signed = SignedToken::sign(&token, &self.origin, &self.signer)?;
                        course.token = Some(signed);
                        SubmissionEvent::Issue
                    }
                    Err(refusal) => course.withhold(refusal),
                }
            }
            SubmissionStep::Spend => self.spend(course, cleared)?,
            SubmissionStep::Send => {
                course.life = course.life.apply(SubmissionEvent::Send)?;
                let reply = match cleared.intent() {
                    Intent::Submit(_) => self.venue.submit(cleared),
                    Intent::Cancel(_) => self.venue.cancel(cleared),
                    Intent::Replace { .. } => self.venue.replace(cleared),
                };
                let answer = course.heard(reply);
                if answer == VenueAnswer::Unknown {
                    self.note_unknown(sequence, course)?;
                }
                SubmissionEvent::Answer(course.life.attempt, answer)
            }
            SubmissionStep::Await => {
                SubmissionEvent::Answer(course.life.attempt, VenueAnswer::Unknown)
            }
            SubmissionStep::Lookup => {
                let said = self.look_up(course, cleared);
                if said == LookupAnswer::Unknown {
                    self.note_unknown(sequence, course)?;
                    course.lookups = course.lookups.saturating_add(1);
                    if course.lookups >= LOOKUPS_MAX {
                        return Err(GatewayError::Unresolved {
                            venue_order: cleared.id.to_string(),
                            detail: course.detail.clone(),
                        });
                    }
                }
                SubmissionEvent::Lookup(said)
            }
            SubmissionStep::Done => return Ok(()),
        };
        course.life = course.life.apply(event)?;
        Ok(())
    }

    /// Checks the token again, and makes durable that it is spent.
    fn spend(
        &mut self,
        course: &mut Course,
        cleared: &Cleared<'_>,
    ) -> Result<SubmissionEvent, GatewayError> {
        let Some(token) = course.token.take() else {
            return Ok(course.withhold(TokenRefusal::Foreign));
        };
        let time = self.standing.now;
        match self.accept(&token, Some(cleared.intent())) {
            Ok(()) => {
                self.log.append(&OrderLogRecord::Spent {
                    token: token.bytes,
                    signature: token.note,
                    venue_order: cleared.id.to_string(),
                    time,
                })?;
                Ok(SubmissionEvent::Spend)
            }
            Err(refusal) => {
                self.log.append(&OrderLogRecord::Refused {
                    refusal,
                    token: token.bytes,
                    time,
                })?;
                Ok(course.withhold(refusal))
            }
        }
    }

    /// Asks the venue. A cancel does nothing twice, so it is asked for by the order it is about: while
    /// that works, the cancel may be sent again.
    fn look_up(&mut self, course: &mut Course, cleared: &Cleared<'_>) -> LookupAnswer {
        let is_cancel = matches!(cleared.intent(), Intent::Cancel(_));
        self.venue.expect(cleared);
        let found = match cleared.of {
            Some(of) if is_cancel => self.venue.lookup(of),
            _ => self.venue.lookup(cleared.id),
        };
        match found {
            Found::Working if is_cancel => LookupAnswer::NotFound,
            Found::Working | Found::Over => LookupAnswer::Found,
            Found::Refused | Found::NotFound if is_cancel => LookupAnswer::Found,
            Found::Refused => LookupAnswer::Refused,
            Found::NotFound => LookupAnswer::NotFound,
            Found::Unknown(why) => {
                course.detail = why;
                LookupAnswer::Unknown
            }
        }
    }

    fn note_unknown(&mut self, sequence: u64, course: &Course) -> Result<(), GatewayError> {
        self.log.append(&OrderLogRecord::Unknown {
            sequence,
            attempt: course.life.attempt,
            detail: course.detail.clone(),
            time: self.standing.now,
        })?;
        Ok(())
    }

    fn token(&self, released: &Released, not_after: UnixNanos) -> OrderAuthorization {
        let standing = &self.standing;
        OrderAuthorization {
            run: standing.run,
            execution: standing.execution,
            sequence: released.sequence(),
            plan: released.digest().0,
            policy: standing.policy,
            limits: standing.limits,
            approver: standing.approver,
            epoch: standing.epoch,
            not_after,
        }
    }

    /// Checks everything about a token but what only the venue knows.
    fn accept(&self, token: &SignedToken, intent: Option<&Intent>) -> Result<(), TokenRefusal> {
        let token = token.open(&self.key)?;
        let order = self.orders.get(&token.sequence);
        let plan = order.map(|(_, plan)| *plan);
        check_token(&token, &self.standing, plan)?;
        if let Some(intent) = intent {
            self.guard.permit(intent, self.standing.now)?;
        }
        let life = order.map_or_else(SubmissionState::decided, |(life, _)| *life);
        life.apply(SubmissionEvent::Spend).map(|_| ())
    }
}

/// The order log of an execution, and what it says; a new one where there is none.
fn log_of(
    execution: &Execution,
    signer: &SharedSigner,
    key: &VerifierKey,
) -> Result<(OrderLog, KnownOrders), OrderLogError> {
    let path = order_log::path(execution);
    let is_there = path
        .try_exists()
        .map_err(FileError::at("look for", &path))?;
    let own = Box::new(signer.clone());
    if is_there {
        return OrderLog::go_on(execution, own, key);
    }
    Ok((OrderLog::create(execution, own)?, KnownOrders::default()))
}

fn clock_record(time: UnixNanos) -> OrderLogRecord {
    let word = counterfoil_os::clock::kernel_clock()
        .ok()
        .map(|word| ClockReport {
            is_synchronized: word.is_synchronized,
            offset_max_nanos: word.offset_max_nanos,
            offset_estimate_nanos: word.offset_estimate_nanos,
        });
    OrderLogRecord::Clock { word, time }
}

/// The run's id.
fn run_of(execution: &Execution) -> Result<[u8; 32], GatewayError> {
    let mut run = [0; 32];
    let decoded = hex::decode_to_slice(&execution.run, &mut run);
    decoded.map_err(|_| GatewayError::Run {
        run: execution.run.clone(),
    })?;
    Ok(run)
}

impl<V: VenueClient + Market> Venue for Gateway<V> {
    fn reconcile(
        &mut self,
        slice: &Slice,
        account: &AccountView<'_>,
    ) -> Result<Option<RunStop>, VenueError> {
        self.check_books(slice, account)
    }

    fn answers(&mut self, deliveries: &mut Vec<Delivery>) {
        deliveries.append(&mut self.withheld);
        self.venue.answers(deliveries);
    }

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        self.slice_began = None;
        self.note_clock().map_err(|error| VenueError {
            reason: error.to_string(),
        })?;
        self.venue.executions(slice, deliveries)
    }

    fn send(&mut self, released: Released) -> Result<(), VenueError> {
        let carried = self.carry(&released);
        carried.map(|_| ()).map_err(|error| VenueError {
            reason: error.to_string(),
        })
    }
}
