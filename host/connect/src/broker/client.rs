//! Alpaca's trading API as a broker. It must never send an order again before it has looked, and
//! never show a key.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_trading::time::UnixNanos;
use hyper::Method;
use url::form_urlencoded::Serializer;

use crate::backoff::Backoff;
use crate::broker::order::{Leave, NewOrder, OrderName, Snapshot, VenueFill, VenueOrder};
use crate::broker::submission::{Came, Next, Submission};
use crate::broker::{Broker, BrokerError, Cancel, alpaca};
use crate::feed::listing::Listings;
use crate::field::FieldError;
use crate::net::credentials::Credentials;
use crate::net::dial::Dialer;
use crate::net::endpoint::Endpoint;
use crate::net::http::{Answer, Ask, Http, HttpError};
use crate::wait::wait;

/// The longest wait that the venue may ask for: its limits are counted by the minute.
const LIMIT_WAIT_MAX: Duration = Duration::from_mins(2);

/// How often a request that changes nothing is tried.
const READS_MAX: u32 = 5;

/// How often an account is read until it holds still.
const SNAPSHOTS_MAX: u32 = 3;

/// The most pages of one order's executions.
const FILL_PAGES_MAX: u32 = 1_000;

/// The address of the paper environment.
pub const PAPER: &str = "https://paper-api.alpaca.markets";

/// How the broker is spoken to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub base: Endpoint,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// The first wait before asking again.
    pub backoff_first: Duration,
    /// The longest wait before asking again.
    pub backoff_max: Duration,
    /// Seed of the jitter of the waits.
    pub seed: u64,
    /// How far the clocks of venue and machine may be apart. The venue tells whole seconds.
    pub skew_max: Duration,
}

impl Settings {
    /// Settings for an address.
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

/// How often an order that waits is asked about whether it still has leave.
const LEAVE_EVERY: Duration = Duration::from_millis(500);

/// What time it is on this machine.
pub type Now = Arc<dyn Fn() -> UnixNanos + Send + Sync>;

/// The broker.
pub struct AlpacaBroker {
    http: Http,
    credentials: Credentials,
    listings: Listings,
    settings: Settings,
    now: Now,
    /// Venue's and machine's time at the last answer that was too far off.
    skew: Mutex<Option<(UnixNanos, UnixNanos)>>,
}

impl AlpacaBroker {
    /// The broker at the settings' address.
    #[must_use]
    pub fn new(
        settings: Settings,
        credentials: Credentials,
        listings: Listings,
        dialer: Dialer,
        now: Now,
    ) -> Self {
        Self {
            http: Http::new(dialer, settings.base.clone(), settings.request_timeout),
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

    async fn ask(&self, method: Method, target: &str, body: Vec<u8>) -> Result<Answer, HttpError> {
        let ask = Ask {
            method,
            target: target.to_owned(),
            headers: self.credentials.headers(),
            body,
        };
        let answer = self.http.ask(ask).await?;
        if let Some(venue) = answer.date() {
            let local = (self.now)();
            let apart = Duration::from_nanos(local.0.abs_diff(venue.0));
            let skew = (apart > self.settings.skew_max).then_some((venue, local));
            *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = skew;
        }
        Ok(answer)
    }

    /// Refuses while the last answer's clock was too far off.
    fn check_clock(&self) -> Result<(), BrokerError> {
        let skew = *self.skew.lock().unwrap_or_else(PoisonError::into_inner);
        match skew {
            Some((venue, local)) => Err(BrokerError::ClockSkew { venue, local }),
            None => Ok(()),
        }
    }

    /// Places an order by one kind of request, until it is known where it is.
    async fn place(
        &self,
        order: &NewOrder,
        method: Method,
        target: &str,
        body: Vec<u8>,
        leave: &Leave,
    ) -> Result<VenueOrder, BrokerError> {
        self.check_clock()?;
        let mut submission = Submission::new(self.backoff());
        let mut next = Next::Post(Duration::ZERO);
        let mut last = Last::default();
        loop {
            if let Next::Post(pause) | Next::Look(pause) = &next {
                self.pause(*pause, &submission, (order, leave)).await?;
            }
            let came = match next {
                Next::Post(_) => {
                    if let Err(reason) = leave.ask() {
                        // Something that was sent before may still arrive.
                        return Err(BrokerError::Unknown {
                            name: order.name.to_string(),
                            reason,
                        });
                    }
                    self.post(method.clone(), target, body.clone(), &mut last)
                        .await
                }
                Next::Look(_) => self.look(&order.name, &mut last).await,
                Next::Placed(found) => return matching(order, found),
                Next::Refused => {
                    return Err(BrokerError::Refused {
                        status: last.refusal,
                        reason: last.refusal_words,
                    });
                }
                Next::Unknown => {
                    return Err(BrokerError::Unknown {
                        name: order.name.to_string(),
                        reason: last.words,
                    });
                }
            };
            next = submission.next(came);
        }
    }

    /// Waits, but no longer than the order has leave if nothing was sent that could bring it.
    async fn pause(
        &self,
        pause: Duration,
        submission: &Submission,
        (order, leave): (&NewOrder, &Leave),
    ) -> Result<(), BrokerError> {
        if submission.is_unclear() {
            wait(pause).await;
            return Ok(());
        }
        let mut left = pause;
        loop {
            leave.ask().map_err(|reason| BrokerError::Withdrawn {
                reason: format!("{reason} ({})", order.name),
            })?;
            if left.is_zero() {
                return Ok(());
            }
            let step = left.min(LEAVE_EVERY);
            wait(step).await;
            left = left.saturating_sub(step);
        }
    }

    async fn post(
        &self,
        method: Method,
        target: &str,
        body: Vec<u8>,
        last: &mut Last,
    ) -> Came<VenueOrder> {
        let answer = match self.ask(method, target, body).await {
            Ok(answer) => answer,
            Err(error) => {
                last.words = error.to_string();
                return match error {
                    HttpError::Unknown { .. } => Came::Unclear,
                    HttpError::Dial(_) | HttpError::Request(_) => Came::NotYet(Duration::ZERO),
                };
            }
        };
        let (_, words) = alpaca::failure(&answer.body);
        last.words = format!("status {}: {words}", answer.status);
        match answer.status {
            200..=299 => self.there(&answer, last),
            429 => Came::NotYet(self.limit_wait(&answer)),
            status if alpaca::is_name_taken(status, &words) => Came::NameTaken,
            // Whoever stands between may have given up on a venue that goes on.
            408 => Came::Unclear,
            status @ 400..=499 => {
                last.refusal = status;
                last.refusal_words = words;
                Came::Refused
            }
            _ => Came::Unclear,
        }
    }

    async fn look(&self, name: &OrderName, last: &mut Last) -> Came<VenueOrder> {
        match self.ask(Method::GET, &by_name(name), Vec::new()).await {
            Err(error) => {
                last.words = error.to_string();
                Came::Unclear
            }
            Ok(answer) => match answer.status {
                200 => self.there(&answer, last),
                404 => Came::Absent,
                429 => Came::NotYet(self.limit_wait(&answer)),
                status => {
                    last.words = format!("status {status}");
                    Came::Unclear
                }
            },
        }
    }

    fn there(&self, answer: &Answer, last: &mut Last) -> Came<VenueOrder> {
        match alpaca::order(&answer.body, &self.listings) {
            Ok(order) => Came::There(order),
            Err(error) => {
                last.words = error.to_string();
                Came::Unclear
            }
        }
    }

    /// How long the venue wants to be left alone.
    fn limit_wait(&self, answer: &Answer) -> Duration {
        let seconds = |name| answer.header(name)?.parse::<i64>().ok();
        let now = answer.date().unwrap_or_else(|| (self.now)());
        let reset = seconds("x-ratelimit-reset").and_then(|reset| {
            let nanos = reset.checked_mul(1_000_000_000)?.checked_sub(now.0)?;
            u64::try_from(nanos).ok().map(Duration::from_nanos)
        });
        let after = seconds("retry-after").and_then(|after| u64::try_from(after).ok());
        let wait = reset.or(after.map(Duration::from_secs));
        wait.unwrap_or(Duration::ZERO).min(LIMIT_WAIT_MAX)
    }

    /// An answer to a request that may be made twice.
    async fn read(&self, method: Method, target: &str) -> Result<Answer, BrokerError> {
        let mut backoff = self.backoff();
        loop {
            let pause = backoff.next_wait();
            let may_again = backoff.tries() < READS_MAX;
            match self.ask(method.clone(), target, Vec::new()).await {
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

    /// The body of an answer that must be there.
    async fn get(&self, target: &str) -> Result<Answer, BrokerError> {
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
        if orders.len() >= limit {
            return Err(BrokerError::Unsupported {
                what: format!("way to read {limit} or more open orders at once"),
            });
        }
        Ok(orders)
    }
}

/// What was said last, for the error.
#[derive(Debug, Default)]
struct Last {
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

fn refused(answer: &Answer) -> BrokerError {
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
    if found.name == order.name.as_str() && found.terms == Some(order.terms) {
        Ok(found)
    } else {
        Err(BrokerError::Conflict {
            name: order.name.to_string(),
        })
    }
}

impl Broker for AlpacaBroker {
    async fn submit(&self, order: &NewOrder, leave: &Leave) -> Result<VenueOrder, BrokerError> {
        let body = alpaca::order_body(order, &self.listings)?;
        self.place(order, Method::POST, "/v2/orders", body, leave)
            .await
    }

    async fn replace(
        &self,
        venue_id: &str,
        with: &NewOrder,
        leave: &Leave,
    ) -> Result<VenueOrder, BrokerError> {
        let body = alpaca::replace_body(with, &self.listings)?;
        let target = format!("/v2/orders/{venue_id}");
        self.place(with, Method::PATCH, &target, body, leave).await
    }

    async fn cancel(&self, venue_id: &str) -> Result<Cancel, BrokerError> {
        let target = format!("/v2/orders/{venue_id}");
        let answer = self.read(Method::DELETE, &target).await?;
        match answer.status {
            200..=299 => Ok(Cancel::Requested),
            422 => Ok(Cancel::TooLate),
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
            if next.is_none() || next == page {
                break;
            }
            page = next;
        }
        all.sort_by_key(|fill| fill.filled);
        Ok(all)
    }

    async fn snapshot(&self) -> Result<Snapshot, BrokerError> {
        for _ in 0..SNAPSHOTS_MAX {
            let before = self.open_orders().await?;
            let positions = self.get("/v2/positions").await?;
            let answer = self.get("/v2/account").await?;
            let after = self.open_orders().await?;
            // An order that filled meanwhile may be in one answer and not in the other.
            if before != after {
                continue;
            }
            let account = alpaca::account(&answer.body).map_err(unreadable("the account"))?;
            return Ok(Snapshot {
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
