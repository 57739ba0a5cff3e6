//! The only path to a venue. A released intent gets a token that is bound to everything it was
//! approved under; the token is spent, durably, in the order log; only then does the venue get the
//! order.
//!
//! The next step of an order is not decided here but in [`SubmissionState::step`], which a test of the trading
//! crate walks through completely.

pub mod any;
mod attempt;
pub mod broker;
pub mod client;
mod clock_notes;
pub mod deliveries;
mod error;
pub mod guard;
pub mod order_log;
pub mod paper;
mod reconcile;
pub mod token;
mod venue;

use std::collections::BTreeMap;
use std::sync::Arc;

use counterfoil_base::digest::Digest;
use counterfoil_connect::broker::order::SendGuard;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::signer::Signer as _;
use counterfoil_os::files::is_there;
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::gateway::{
    EndedSubmission, LookupAnswer, OrderAuthorization, OrderLogRecord, SubmissionEnd,
    SubmissionEvent, SubmissionPhase, SubmissionState, SubmissionStep, TokenContext, TokenRefusal,
    VenueAnswer, VenueOrderId, check_token, recover_state,
};
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::order::{ClientOrderId, Intent};
use counterfoil_trading::plan::{PlanDigest, Released};
use counterfoil_trading::record::RunStarter;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;
use counterfoil_trading::venue::recorded_venue::not_sent_event;

use crate::clock::{self, RecordClock};
use crate::run::journal::SignedHead;
use crate::store::data_dir::Execution;
use crate::store::keys::SharedSigner;
use attempt::OrderAttempt;
use client::{ClearedIntent, VenueClient, VenueLookup};
use clock_notes::{check_step, clock_record};
pub use error::GatewayError;
use guard::RunGuard;
use order_log::{KnownOrders, OrderLog, OrderLogError, RecordedOrder};
use reconcile::BooksWatch;
use token::SignedToken;

/// How long after its decision a token may be spent: far longer than a write and a send take, far
/// shorter than any price stays good.
pub const TOKEN_NANOS: i64 = 60_000_000_000;

/// Lookups of an order before the run stops with its outcome unknown.
const LOOKUPS_MAX: u32 = 3;

/// Decisions of earlier processes: the number of each plan, with the time of its decision.
pub type PriorDecisions = BTreeMap<u64, UnixNanos>;

/// What a gateway is opened with.
#[derive(Debug)]
pub struct GatewayConfig {
    /// Signs tokens and the order log.
    pub signer: SharedSigner,
    /// The conditions that must hold for every order.
    pub guard: Arc<RunGuard>,
    /// The digest of the policy that the run was started under.
    pub policy: Digest,
    /// What the venue's books are reconciled with.
    pub books: ReconcileConfig,
    /// Who started this process, and what allowed it.
    pub start: RunStarter,
    /// How many records of the journal were under a signed checkpoint when the run was resumed; `None` where it begins.
    pub resumed_at: Option<u64>,
    /// The clock of the run's records.
    pub clock: RecordClock,
    /// Where the order log's signed end is shown.
    pub head: SignedHead,
}

/// What the venue's books are reconciled with, and how often.
#[derive(Clone, Debug)]
pub struct ReconcileConfig {
    /// The instruments of the run.
    pub instruments: Vec<Instrument>,
    /// The cash that the run began with.
    pub cash: Money,
    /// How far the venue's cash may differ.
    pub cash_tolerance: Money,
    /// Time between two reconciliations, in nanoseconds.
    pub interval_nanos: i64,
}

/// The gateway between one run and one venue.
#[derive(Debug)]
pub struct Gateway<V> {
    venue: V,
    log: OrderLog,
    guard: Arc<RunGuard>,
    signer: SharedSigner,
    key: VerifierKey,
    origin: String,
    standing: TokenContext,
    clock: RecordClock,
    /// When the kernel's statement about its clock was last recorded.
    clock_noted: UnixNanos,
    /// Orders of earlier processes.
    known: KnownOrders,
    decided: PriorDecisions,
    /// Whether there was no order log, so that only the journal shows what was sent.
    by_journal: bool,
    /// Orders of this process, with the plan that a durable decision approved.
    orders: BTreeMap<u64, (SubmissionState, PlanDigest)>,
    names: BTreeMap<ClientOrderId, VenueOrderId>,
    withheld: Vec<Delivery>,
    watch: BooksWatch,
    /// When the first order of the current slice was carried.
    slice_began: Option<UnixNanos>,
}

impl<V: VenueClient> Gateway<V> {
    /// The gateway of an execution. An existing order log is verified and continued.
    ///
    /// # Errors
    ///
    /// Returns [`GatewayError`] if the order log is invalid or cannot be written.
    pub fn open(
        venue: V,
        execution: &Execution,
        terms: GatewayConfig,
        decided: PriorDecisions,
    ) -> Result<Self, GatewayError> {
        let GatewayConfig {
            signer,
            guard,
            policy,
            books,
            start,
            resumed_at,
            clock,
            head,
        } = terms;
        let run = execution.run;
        let approver = signer.verifying_key();
        let origin = order_log::origin(execution);
        let key = VerifierKey::new(&origin, &approver)?;
        let fencing_token = guard.slot.lease().fencing_token();
        let (mut log, known) = log_of(execution, &signer, &key, head)?;
        check_step(known.last_time, clock::now())?;
        clock.not_before(known.last_time);
        let now = clock.now();
        let standing = TokenContext {
            run,
            execution: execution.number,
            policy,
            limits: guard.limits.digest(),
            approver,
            fencing_token,
            now,
        };
        let watch = BooksWatch::new(books, known.baseline.clone());
        // The lease's file was restored from a backup: the token of this process was given to
        // another one before, and a venue or log could not tell the two apart.
        if known.fencing_token > fencing_token {
            return Err(GatewayError::Behind {
                found: fencing_token,
                logged: known.fencing_token,
            });
        }
        if known.fencing_token == 0 {
            log.append(&OrderLogRecord::Open {
                run,
                execution: execution.number,
                account: guard.slot.lease().account().to_string(),
                venue: venue.name().to_owned(),
                approver,
            })?;
        }
        log.append(&OrderLogRecord::Process {
            fencing_token,
            resumed_at,
            start,
            time: now,
        })?;
        log.append(&clock_record(now))?;
        Ok(Self {
            venue,
            log,
            guard,
            signer,
            key,
            origin,
            standing,
            clock,
            clock_noted: now,
            by_journal: known.fencing_token == 0 && !decided.is_empty(),
            known,
            decided,
            orders: BTreeMap::new(),
            names: BTreeMap::new(),
            withheld: Vec::new(),
            watch,
            slice_began: None,
        })
    }

    /// Refuses a token from outside. A token issued here was spent, or withheld, before anything
    /// outside this process can hold it; the reason is recorded in the order log.
    ///
    /// # Errors
    ///
    /// Returns [`GatewayError`] if the refusal cannot be recorded.
    pub fn present(&mut self, token: &SignedToken) -> Result<TokenRefusal, GatewayError> {
        self.standing.now = self.clock.now();
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

    /// Carries a released intent to its end.
    ///
    /// # Errors
    ///
    /// Returns [`GatewayError`] if the end is unknown or not durable: the run stops.
    pub fn carry(&mut self, released: &Released) -> Result<SubmissionEnd, GatewayError> {
        let sequence = released.sequence();
        let id = VenueOrderId::new(&self.standing.run, self.standing.execution, sequence);
        let intent = *released.intent();
        let target = match &intent {
            Intent::Submit(_) => None,
            Intent::Cancel(of) | Intent::Replace { replaces: of, .. } => {
                self.names.get(of).cloned()
            }
        };
        if let Some(order) = intent.order() {
            self.names.insert(order.client_order_id, id.clone());
        }
        // Removed: each order is carried once per process. What an earlier process recorded of it
        // shows how far it came before the crash.
        let before = self.known.orders.remove(&sequence);
        let not_after = match &intent {
            // A cancel never expires: it can only reduce what the account may come to hold.
            Intent::Cancel(_) => UnixNanos(i64::MAX),
            Intent::Submit(_) | Intent::Replace { .. } => self.not_after(sequence, before.as_ref()),
        };
        let send_guard = self.send_guard(intent, not_after);
        let cleared = ClearedIntent {
            id: &id,
            target: target.as_ref(),
            released,
            send_guard: &send_guard,
        };
        let state = self.first_state(sequence, before.as_ref());
        self.orders.insert(sequence, (state, released.digest()));
        // The log has its end already: replay after a crash. Nothing is sent a second time; the
        // venue and the strategy only learn again what became of it.
        if let SubmissionPhase::Ended(end) = state.phase {
            match end {
                SubmissionEnd::Acknowledged | SubmissionEnd::Rejected => {}
                SubmissionEnd::NotSent => self.withhold(&intent),
            }
            self.venue.restore(&cleared, end);
            return Ok(end);
        }
        let lapsed = self.lapsed(sequence, before.as_ref());
        let mut attempt = OrderAttempt {
            state,
            not_after,
            lapsed,
            token: None,
            refusal: None,
            detail: String::new(),
            lookups: 0,
        };
        let end = loop {
            if let SubmissionPhase::Ended(end) = attempt.state.phase {
                break end;
            }
            // An error here leaves the order as the log records it: the run stops, and a resume
            // continues from there.
            self.advance(&mut attempt, &cleared)?;
            self.orders
                .insert(sequence, (attempt.state, released.digest()));
        };
        if end == SubmissionEnd::NotSent {
            // A lookup may have made the venue expect it.
            self.venue.restore(&cleared, end);
            self.withhold(&intent);
        }
        // A crash before this record is durable leaves the token spent and the end open: the next
        // process looks the order up before anything else.
        self.log.append(&OrderLogRecord::Ended(EndedSubmission {
            sequence,
            attempt: attempt.state.attempt,
            end,
            refusal: attempt.refusal,
            detail: attempt.detail,
            time: self.clock.now(),
        }))?;
        Ok(end)
    }

    /// The guard that a venue checks before it sends an intent, and before each retry: the
    /// conditions may have changed since the token was spent, and the token may have expired.
    fn send_guard(&self, intent: Intent, not_after: UnixNanos) -> SendGuard {
        let guard = Arc::clone(&self.guard);
        let clock = self.clock.clone();
        SendGuard::new(move || {
            let now = clock.now();
            let in_time = now <= not_after;
            let permitted = guard.permit(&intent, now);
            let held = permitted.and_then(|()| in_time.then_some(()).ok_or(TokenRefusal::Expired));
            held.map_err(|refusal| refusal.code().to_owned())
        })
    }

    /// The state of an order when this process first carries it.
    fn first_state(&self, sequence: u64, before: Option<&RecordedOrder>) -> SubmissionState {
        // Without an order log the venue was simulated in the process: it has whatever the journal
        // has.
        if self.by_journal && self.decided.contains_key(&sequence) {
            let phase = SubmissionPhase::Ended(SubmissionEnd::Acknowledged);
            return SubmissionState { phase, attempt: 0 };
        }
        recover_state(
            before
                .into_iter()
                .flat_map(|order| order.marks.iter().copied()),
        )
    }

    /// The expiry of a token: that of the first one, however often it is issued again.
    fn not_after(&mut self, sequence: u64, before: Option<&RecordedOrder>) -> UnixNanos {
        if let Some(token) = before.and_then(|order| order.token) {
            return token.not_after;
        }
        let decided = self.decided.get(&sequence).copied();
        // All orders of a slice are as old as its first: an order that waits behind slow ones must
        // not get a fresh expiry, since its price is as old as theirs.
        let decided =
            decided.unwrap_or_else(|| *self.slice_began.get_or_insert_with(|| self.clock.now()));
        UnixNanos(decided.0.saturating_add(TOKEN_NANOS))
    }

    /// Why an order that an earlier process decided may not be sent by this one, if so: another
    /// process has had the account since, or policy or limits have changed.
    fn lapsed(&self, sequence: u64, before: Option<&RecordedOrder>) -> Option<TokenRefusal> {
        let token = before.and_then(|order| order.token);
        if token.is_none() && !self.decided.contains_key(&sequence) {
            return None;
        }
        // A gap in the numbers: between the last process of this log and this one another took the
        // account, and its orders were decided on without this run's.
        if self.known.fencing_token.saturating_add(1) < self.standing.fencing_token {
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

    /// Takes one step of an order.
    fn advance(
        &mut self,
        attempt: &mut OrderAttempt,
        cleared: &ClearedIntent<'_>,
    ) -> Result<(), GatewayError> {
        let sequence = cleared.released.sequence();
        self.standing.now = self.clock.now();
        let now = self.standing.now;
        let event = match attempt.state.next_step() {
            SubmissionStep::Authorize => {
                let token = self.token(cleared.released, attempt.not_after);
                let plan = Some(cleared.released.digest());
                // Checked before the token exists: nothing is signed for an order that may not go
                // out.
                let lapsed = attempt.lapsed.map_or(Ok(()), Err);
                let permitted = lapsed.and_then(|()| self.guard.permit(cleared.intent(), now));
                match permitted.and_then(|()| check_token(&token, &self.standing, plan)) {
                    Ok(()) => {
                        let signed = SignedToken::sign(&token, &self.origin, &self.signer)?;
                        attempt.token = Some(signed);
                        SubmissionEvent::Issue
                    }
                    Err(refusal) => attempt.withhold(refusal),
                }
            }
            SubmissionStep::Spend => self.spend(attempt, cleared)?,
            SubmissionStep::Send => {
                // The state moves first. If the venue call panics or the process dies in it, the
                // order counts as sent with an unknown answer, never as one that can be sent again.
                attempt.state = attempt.state.apply(SubmissionEvent::Send)?;
                let reply = match cleared.intent() {
                    Intent::Submit(_) => self.venue.submit(cleared),
                    Intent::Cancel(_) => self.venue.cancel(cleared),
                    Intent::Replace { .. } => self.venue.replace(cleared),
                };
                let answer = attempt.record_reply(reply);
                if answer == VenueAnswer::Unknown {
                    self.note_unknown(sequence, attempt)?;
                }
                SubmissionEvent::Answer(attempt.state.attempt, answer)
            }
            // Sent by an earlier process, whose answer died with it.
            SubmissionStep::Await => {
                SubmissionEvent::Answer(attempt.state.attempt, VenueAnswer::Unknown)
            }
            SubmissionStep::Lookup => {
                let answer = self.look_up(attempt, cleared);
                if answer == LookupAnswer::Unknown {
                    self.note_unknown(sequence, attempt)?;
                    attempt.lookups = attempt.lookups.saturating_add(1);
                    // No guess after that: the run stops, and what the account holds is for an
                    // operator to find out. To treat "unknown" as "not there" could send the order
                    // twice.
                    if attempt.lookups >= LOOKUPS_MAX {
                        return Err(GatewayError::Unresolved {
                            venue_order: cleared.id.to_string(),
                            detail: attempt.detail.clone(),
                        });
                    }
                }
                SubmissionEvent::Lookup(answer)
            }
            SubmissionStep::Done => return Ok(()),
        };
        attempt.state = attempt.state.apply(event)?;
        Ok(())
    }

    /// Checks the token again, and makes durable that it is spent.
    fn spend(
        &mut self,
        attempt: &mut OrderAttempt,
        cleared: &ClearedIntent<'_>,
    ) -> Result<SubmissionEvent, GatewayError> {
        let Some(token) = attempt.token.take() else {
            return Ok(attempt.withhold(TokenRefusal::Foreign));
        };
        let time = self.standing.now;
        // Checked a second time, from the signed bytes: between issue and here a kill, a lost lease
        // or an expiry may have come, and the bytes are what the log will show.
        match self.accept(&token, Some(cleared.intent())) {
            Ok(()) => {
                // Write-ahead: durable before the venue gets the order. A crash right after it
                // leaves a spent token without an answer, and the next process looks the order up
                // instead of sending it.
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
                Ok(attempt.withhold(refusal))
            }
        }
    }

    /// Looks the order up at the venue. A cancel is idempotent, so the order that it is about is
    /// looked up instead: while that works, the cancel may be sent again.
    fn look_up(&mut self, attempt: &mut OrderAttempt, cleared: &ClearedIntent<'_>) -> LookupAnswer {
        let is_cancel = matches!(cleared.intent(), Intent::Cancel(_));
        // The venue may find it filled: what it reports of the order from here on must not count as
        // another program's.
        self.venue.expect(cleared);
        let found = match cleared.target {
            Some(target) if is_cancel => self.venue.lookup(target),
            _ => self.venue.lookup(cleared.id),
        };
        match found {
            VenueLookup::Working if is_cancel => LookupAnswer::NotFound,
            VenueLookup::Working | VenueLookup::Over => LookupAnswer::Found,
            VenueLookup::Refused | VenueLookup::NotFound if is_cancel => LookupAnswer::Found,
            VenueLookup::Refused => LookupAnswer::Refused,
            VenueLookup::NotFound => LookupAnswer::NotFound,
            VenueLookup::Unknown(why) => {
                attempt.detail = why;
                LookupAnswer::Unknown
            }
        }
    }

    fn note_unknown(&mut self, sequence: u64, attempt: &OrderAttempt) -> Result<(), GatewayError> {
        self.log.append(&OrderLogRecord::Unknown {
            sequence,
            attempt: attempt.state.attempt,
            detail: attempt.detail.clone(),
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
            plan: released.digest(),
            policy: standing.policy,
            limits: standing.limits,
            approver: standing.approver,
            fencing_token: standing.fencing_token,
            not_after,
        }
    }

    /// Checks everything about a token except what only the venue knows.
    fn accept(&self, token: &SignedToken, intent: Option<&Intent>) -> Result<(), TokenRefusal> {
        let token = token.open(&self.key)?;
        let order = self.orders.get(&token.sequence);
        let plan = order.map(|(_, plan)| *plan);
        check_token(&token, &self.standing, plan)?;
        if let Some(intent) = intent {
            self.guard.permit(intent, self.standing.now)?;
        }
        let state = order.map_or_else(SubmissionState::decided, |(state, _)| *state);
        state.apply(SubmissionEvent::Spend).map(|_| ())
    }
}

/// The order log of an execution and its content; a new log if there is none.
fn log_of(
    execution: &Execution,
    signer: &SharedSigner,
    key: &VerifierKey,
    head: SignedHead,
) -> Result<(OrderLog, KnownOrders), OrderLogError> {
    let path = order_log::path(execution);
    let is_there = is_there(&path)?;
    let own = Box::new(signer.clone());
    if is_there {
        return OrderLog::resume(execution, own, key, head);
    }
    let created = OrderLog::create(execution, own, head)?;
    Ok((created, KnownOrders::default()))
}
