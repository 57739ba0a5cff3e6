//! Alpaca's trading API as a broker. It must never send an order again before it has looked it up,
//! and never show a key.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_trading::time::UnixNanos;
use hyper::Method;
use url::form_urlencoded::Serializer;

use crate::backoff::Backoff;
use crate::broker::order::{NewOrder, OrderName, SendGuard, VenueAccount, VenueFill, VenueOrder};
use crate::broker::submission::{Submission, SubmitOutcome, SubmitStep};
use crate::broker::{BrokerApi, BrokerError, CancelOutcome, alpaca};
use crate::feed::listing::Listings;
use crate::field::FieldError;
use crate::net::credentials::Credentials;
use crate::net::dial::Dialer;
use crate::net::endpoint::Endpoint;
use crate::net::http::{HttpClient, HttpError, HttpRequest, HttpResponse};
use crate::wait::wait;

/// The longest wait that a rate limit may ask for: the venue counts its limits by the minute.
const LIMIT_WAIT_MAX: Duration = Duration::from_mins(2);

/// Attempts of a request that changes nothing.
const READS_MAX: u32 = 5;

/// Attempts to read an account that does not change meanwhile.
const ACCOUNT_READS_MAX: u32 = 3;

/// The most pages of one order's executions.
const FILL_PAGES_MAX: u32 = 1_000;

/// The address of the paper environment.
pub const PAPER: &str = "https://paper-api.alpaca.markets";

/// Address, time limits and retries of the trading API.
#[derive(Clone, Debug)]
pub struct BrokerApiConfig {
    pub base: Endpoint,
    /// Time limit of one request.
    pub request_timeout: Duration,
    /// The first wait before a retry.
    pub backoff_first: Duration,
    /// The longest wait before a retry.
    pub backoff_max: Duration,
    /// Seed of the jitter of the waits.
    pub seed: u64,
    /// How far the clocks of venue and machine may differ. The venue states whole seconds.
    pub skew_max: Duration,
}

impl BrokerApiConfig {
    /// Default limits for an address.
    #[must_use]
    pub const fn new(base: Endpoint, seed: u64) -> Self {
        Self {
            base,
            request_timeout: Duration::from_secs(10),
            backoff_first: Duration::from_millis(500),
            backoff_max: Duration::from_secs(15),
            seed,
            skew_max: Duration::from_secs(3),
        }
    }
}

/// How often a waiting order checks its send guard.
const GUARD_INTERVAL: Duration = Duration::from_millis(500);

/// Reads this machine's clock.
pub type LocalClock = Arc<dyn Fn() -> UnixNanos + Send + Sync>;

/// A client of the trading API for one account.
pub struct AlpacaBroker {
    http: HttpClient,
    credentials: Credentials,
    listings: Listings,
    settings: BrokerApiConfig,
    now: LocalClock,
    /// Venue's and machine's time at the last response, if they differed too much.
    skew: Mutex<Option<(UnixNanos, UnixNanos)>>,
}

impl AlpacaBroker {
    /// A client for the configured address.
    #[must_use]
    pub fn new(
        settings: BrokerApiConfig,
        credentials: Credentials,
        listings: Listings,
        dialer: Dialer,
        now: LocalClock,
    ) -> Self {
        Self {
            http: HttpClient::new(dialer, settings.base.clone(), settings.request_timeout),
            credentials,
            listings,
            settings,
            now,
            skew: Mutex::new(None),
        }
    }

    fn backoff(&self) -> Backoff {
        let settings = &self.settings;
        Backoff::new(settings.backoff_first, settings.backoff_max, settings.seed)
    }

    async fn send(
        &self,
        method: Method,
        target: &str,
        body: Vec<u8>,
    ) -> Result<HttpResponse, HttpError> {
        let request = HttpRequest {
            method,
            target: target.to_owned(),
            headers: self.credentials.headers(),
            body,
        };
        let answer = self.http.send(request).await?;
        if let Some(venue) = answer.date() {
            let local = (self.now)();
            let apart = Duration::from_nanos(local.0.abs_diff(venue.0));
            let skew = (apart > self.settings.skew_max).then_some((venue, local));
            *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = skew;
        }
        Ok(answer)
    }

    /// Refuses while the clocks of the last response differed too much.
    fn check_clock(&self) -> Result<(), BrokerError> {
        let skew = *self.skew.lock().unwrap_or_else(PoisonError::into_inner);
        match skew {
            Some((venue, local)) => Err(BrokerError::ClockSkew { venue, local }),
            None => Ok(()),
        }
    }

    /// Places an order by one kind of request, until its outcome is known.
    async fn place(
        &self,
        order: &NewOrder,
        method: Method,
        target: &str,
        body: Vec<u8>,
        guard: &SendGuard,
    ) -> Result<VenueOrder, BrokerError> {
        // A machine whose clock is wrong decides on stale prices and expired authorizations. The
        // check costs nothing here and keeps such an order from leaving.
        self.check_clock()?;
        let mut submission = Submission::new(self.backoff());
        let mut next = SubmitStep::Post(Duration::ZERO);
        let mut last = LastAnswer::default();
        loop {
            if let SubmitStep::Post(pause) | SubmitStep::Look(pause) = &next {
                self.pause(*pause, &submission, order, guard).await?;
            }
            let outcome = match next {
                SubmitStep::Post(_) => {
                    if let Err(reason) = guard.check() {
                        // An earlier request may still arrive: to report the order as withdrawn
                        // would let the run forget an order that can fill.
                        return Err(BrokerError::Unknown {
                            name: order.name.to_string(),
                            reason,
                        });
                    }
                    self.post(method.clone(), target, body.clone(), &mut last)
                        .await
                }
                SubmitStep::Look(_) => self.look(&order.name, &mut last).await,
                SubmitStep::Placed(found) => return matching(order, found),
                SubmitStep::Refused => {
                    return Err(BrokerError::Refused {
                        status: last.refusal,
                        reason: last.refusal_words,
                    });
                }
                SubmitStep::Unknown => {
                    return Err(BrokerError::Unknown {
                        name: order.name.to_string(),
                        reason: last.words,
                    });
                }
            };
            next = submission.next(outcome);
        }
    }

    /// Waits, and meanwhile checks the guard as long as no earlier request can have placed the
    /// order.
    async fn pause(
        &self,
        pause: Duration,
        submission: &Submission,
        order: &NewOrder,
        guard: &SendGuard,
    ) -> Result<(), BrokerError> {
        // The venue may have the order by now. Its lookup must not be cut short by a guard that has
        // closed: a killed run still has to know what it holds.
        if submission.is_unclear() {
            wait(pause).await;
            return Ok(());
        }
        let mut left = pause;
        loop {
            guard.check().map_err(|reason| BrokerError::Withdrawn {
                reason: format!("{reason} ({})", order.name),
            })?;
            if left.is_zero() {
                return Ok(());
            }
            let step = left.min(GUARD_INTERVAL);
            wait(step).await;
            left = left.saturating_sub(step);
        }
    }

    async fn post(
        &self,
        method: Method,
        target: &str,
        body: Vec<u8>,
        last: &mut LastAnswer,
    ) -> SubmitOutcome<VenueOrder> {
        let answer = match self.send(method, target, body).await {
            Ok(answer) => answer,
            Err(error) => {
                last.words = error.to_string();
                return match error {
                    HttpError::Unknown { .. } => SubmitOutcome::Unclear,
                    HttpError::Dial(_) | HttpError::Request(_) => {
                        SubmitOutcome::NotYet(Duration::ZERO)
                    }
                };
            }
        };
        let (_, words) = alpaca::failure(&answer.body);
        last.words = format!("status {}: {words}", answer.status);
        match answer.status {
            200..=299 => self.found(&answer, last),
            429 => SubmitOutcome::NotYet(self.limit_wait(&answer)),
            status if alpaca::is_name_taken(status, &words) => SubmitOutcome::NameTaken,
            // A proxy may have given up while the venue still works on the request.
            408 => SubmitOutcome::Unclear,
            // The venue's own refusal: final, unless an earlier request of this order may have
            // arrived.
            status @ 400..=499 => {
                last.refusal = status;
                last.refusal_words = words;
                SubmitOutcome::Refused
            }
            // 5xx and redirects: the venue may have failed after it accepted the order.
            _ => SubmitOutcome::Unclear,
        }
    }

    async fn look(&self, name: &OrderName, last: &mut LastAnswer) -> SubmitOutcome<VenueOrder> {
        match self.send(Method::GET, &by_name(name), Vec::new()).await {
            Err(error) => {
                last.words = error.to_string();
                SubmitOutcome::Unclear
            }
            Ok(answer) => match answer.status {
                200 => self.found(&answer, last),
                404 => SubmitOutcome::Absent,
                429 => SubmitOutcome::NotYet(self.limit_wait(&answer)),
                status => {
                    last.words = format!("status {status}");
                    SubmitOutcome::Unclear
                }
            },
        }
    }

    fn found(&self, answer: &HttpResponse, last: &mut LastAnswer) -> SubmitOutcome<VenueOrder> {
        match alpaca::order(&answer.body, &self.listings) {
            Ok(order) => SubmitOutcome::Found(order),
            Err(error) => {
                last.words = error.to_string();
                SubmitOutcome::Unclear
            }
        }
    }

    /// How long the venue asks to wait.
    fn limit_wait(&self, answer: &HttpResponse) -> Duration {
        let seconds = |name| answer.header(name)?.parse::<i64>().ok();
        let now = answer.date().unwrap_or_else(|| (self.now)());
        let reset = seconds("x-ratelimit-reset").and_then(|reset| {
            let nanos = reset.checked_mul(1_000_000_000)?.checked_sub(now.0)?;
            u64::try_from(nanos).ok().map(Duration::from_nanos)
        });
        let after = seconds("retry-after").and_then(|after| u64::try_from(after).ok());
        let wait = reset.or(after.map(Duration::from_secs));
        // Bounded: a hostile or broken header must not hold up the run for a year.
        wait.unwrap_or(Duration::ZERO).min(LIMIT_WAIT_MAX)
    }

    /// A response to a request that may be repeated.
    async fn read(&self, method: Method, target: &str) -> Result<HttpResponse, BrokerError> {
        let mut backoff = self.backoff();
        loop {
            let pause = backoff.next_wait();
            let may_again = backoff.tries() < READS_MAX;
            match self.send(method.clone(), target, Vec::new()).await {
                Ok(answer) if may_again && answer.status == 429 => {
                    wait(pause.max(self.limit_wait(&answer))).await;
                }
                Ok(answer) if may_again && answer.status >= 500 => wait(pause).await,
                Ok(answer) => return Ok(answer),
                Err(_) if may_again => wait(pause).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A response with status 200.
    async fn get(&self, target: &str) -> Result<HttpResponse, BrokerError> {
        let answer = self.read(Method::GET, target).await?;
        if answer.status == 200 {
            Ok(answer)
        } else {
            Err(refused(&answer))
        }
    }

    async fn open_orders(&self) -> Result<Vec<VenueOrder>, BrokerError> {
        let limit = alpaca::ORDERS_MAX;
        let target = format!("/v2/orders?status=open&limit={limit}&direction=asc&nested=false");
        let answer = self.get(&target).await?;
        let orders =
            alpaca::orders(&answer.body, &self.listings).map_err(unreadable("the open orders"))?;
        // The venue cuts the list at its limit without saying so. To read a cut list would hide
        // orders from reconciliation.
        if orders.len() >= limit {
            return Err(BrokerError::Unsupported {
                what: format!("way to read {limit} or more open orders at once"),
            });
        }
        Ok(orders)
    }
}

/// The last response, for the error text.
#[derive(Debug, Default)]
struct LastAnswer {
    words: String,
    refusal: u16,
    refusal_words: String,
}

fn by_name(name: &OrderName) -> String {
    format!("/v2/orders:by_client_order_id?client_order_id={name}")
}

fn fills_target(venue_id: &str, page: Option<&str>) -> String {
    let mut query = Serializer::new(String::new());
    query
        .append_pair("direction", "asc")
        .append_pair("page_size", &alpaca::FILLS_MAX.to_string())
        .append_pair("order_id", venue_id);
    if let Some(page) = page {
        query.append_pair("page_token", page);
    }
    format!("/v2/account/activities/FILL?{}", query.finish())
}

fn refused(answer: &HttpResponse) -> BrokerError {
    BrokerError::Refused {
        status: answer.status,
        reason: alpaca::failure(&answer.body).1,
    }
}

fn unreadable(what: &'static str) -> impl Fn(FieldError) -> BrokerError {
    move |source| BrokerError::Unreadable { what, source }
}

/// The order found, if it is the one that was sent.
fn matching(order: &NewOrder, found: VenueOrder) -> Result<VenueOrder, BrokerError> {
    // The name alone proves nothing: another program of the account may have used it, and its order
    // would be booked as ours.
    if found.name == order.name.as_str() && found.terms == Some(order.terms) {
        Ok(found)
    } else {
        Err(BrokerError::Conflict {
            name: order.name.to_string(),
        })
    }
}

impl BrokerApi for AlpacaBroker {
    async fn submit(&self, order: &NewOrder, guard: &SendGuard) -> Result<VenueOrder, BrokerError> {
        let body = alpaca::order_body(order, &self.listings)?;
        self.place(order, Method::POST, "/v2/orders", body, guard)
            .await
    }

    async fn replace(
        &self,
        venue_id: &str,
        with: &NewOrder,
        guard: &SendGuard,
    ) -> Result<VenueOrder, BrokerError> {
        let body = alpaca::replace_body(with, &self.listings)?;
        let target = format!("/v2/orders/{venue_id}");
        self.place(with, Method::PATCH, &target, body, guard).await
    }

    async fn cancel(&self, venue_id: &str) -> Result<CancelOutcome, BrokerError> {
        let target = format!("/v2/orders/{venue_id}");
        let answer = self.read(Method::DELETE, &target).await?;
        match answer.status {
            200..=299 => Ok(CancelOutcome::Requested),
            422 => Ok(CancelOutcome::TooLate),
            429 | 500.. => Err(BrokerError::Unknown {
                name: venue_id.to_owned(),
                reason: refused(&answer).to_string(),
            }),
            _ => Err(refused(&answer)),
        }
    }

    async fn find(&self, name: &OrderName) -> Result<Option<VenueOrder>, BrokerError> {
        let answer = self.read(Method::GET, &by_name(name)).await?;
        match answer.status {
            200 => alpaca::order(&answer.body, &self.listings)
                .map(Some)
                .map_err(unreadable("the order of a name")),
            404 => Ok(None),
            _ => Err(refused(&answer)),
        }
    }

    async fn fills(&self, venue_id: &str) -> Result<Vec<VenueFill>, BrokerError> {
        let mut all = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..FILL_PAGES_MAX {
            let target = fills_target(venue_id, page.as_deref());
            let answer = self.get(&target).await?;
            let (fills, next) = alpaca::fills(&answer.body, venue_id, &self.listings)
                .map_err(unreadable("the executions"))?;
            all.extend(fills);
            // A page that names itself as the next would be read for ever.
            if next.is_none() || next == page {
                break;
            }
            page = next;
        }
        all.sort_by_key(|fill| fill.filled);
        Ok(all)
    }

    async fn account(&self) -> Result<VenueAccount, BrokerError> {
        for _ in 0..ACCOUNT_READS_MAX {
            let before = self.open_orders().await?;
            let positions = self.get("/v2/positions").await?;
            let answer = self.get("/v2/account").await?;
            let after = self.open_orders().await?;
            // An order that filled between the reads may be in one response and not in the other.
            if before != after {
                continue;
            }
            let account = alpaca::account(&answer.body).map_err(unreadable("the account"))?;
            return Ok(VenueAccount {
                currency: account.currency,
                cash: account.cash,
                equity: account.equity,
                is_blocked: account.is_blocked,
                positions: alpaca::positions(&positions.body, &self.listings)
                    .map_err(unreadable("the positions"))?,
                open_orders: after,
                time: answer.date(),
            });
        }
        Err(BrokerError::Moving)
    }
}

impl fmt::Debug for AlpacaBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlpacaBroker({})", self.settings.base)
    }
}
