//! The limits of an account: a file that somebody set for a time, which every run of the account must
//! keep within. Without certainty about them a run stops.
//!
//! `DATA/limits/<account id>.json`

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use counterfoil_governance::id::Id;
use counterfoil_os::clock::kernel_clock;
use counterfoil_trading::manifest::{Manifest, RiskEntry, canonical_json};
use counterfoil_trading::record::{RunStop, StopCause};
use counterfoil_trading::risk::RiskLimits;
use counterfoil_trading::time::UnixNanos;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::store::data_dir::DataDir;
use crate::times::parse_time;

/// The format of the file.
pub const FORMAT: &str = "counterfoil-limits/1";

/// Whether an account must have limits of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// A run without them does not start.
    Required,
    /// They count if they are there when the run starts: for paper, where no money is.
    IfThere,
}

/// What the file holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AccountLimits {
    /// [`FORMAT`].
    pub format: String,
    /// The account's id.
    pub account: String,
    /// The first moment at which they hold, RFC 3339.
    pub not_before: String,
    /// The last.
    pub not_after: String,
    /// The limits; each of them must be there.
    pub risk: RiskEntry,
}

/// The limits of one account, watched over.
#[derive(Debug)]
pub struct LimitsWatch {
    path: PathBuf,
    account: Id,
    /// What the run itself must keep.
    own: RiskLimits,
    own_digest: [u8; 32],
    need: Need,
    /// The file's digest at the start; `None` if there was none.
    seen: Option<[u8; 32]>,
}

/// What was read of the file.
struct Read {
    digest: [u8; 32],
    window: (UnixNanos, UnixNanos),
    limits: RiskLimits,
}

fn stop(cause: StopCause, message: impl Into<String>) -> RunStop {
    RunStop {
        cause,
        message: message.into(),
    }
}

impl LimitsWatch {
    /// The limits of the account as they are now, for a run of the manifest.
    ///
    /// # Errors
    ///
    /// Returns the [`RunStop`] that keeps the run from starting.
    pub fn start(
        data: &DataDir,
        account: &Id,
        manifest: &Manifest,
        (need, now): (Need, UnixNanos),
    ) -> Result<Self, RunStop> {
        let unreadable = |error: &dyn core::fmt::Display| {
            stop(
                StopCause::LimitsUnreadable,
                format!("the manifest: {error}"),
            )
        };
        let own = manifest.risk.limits().map_err(|error| unreadable(&error))?;
        let daily = &own.daily;
        let is_whole = daily.orders_per_day_max.is_some()
            && daily.net_exposure_max.is_some()
            && daily.daily_loss_max.is_some();
        if !is_whole {
            return Err(stop(
                StopCause::LimitsMissing,
                "a live run states risk.orders-per-day-max, risk.net-exposure-max and \
                 risk.daily-loss-max",
            ));
        }
        let value = serde_json::to_value(&manifest.risk).map_err(|error| unreadable(&error))?;
        let text = canonical_json(&value).map_err(|error| unreadable(&error))?;
        let mut watch = Self {
            path: data.root().join("limits").join(format!("{account}.json")),
            account: account.clone(),
            own,
            own_digest: Sha256::digest(text.as_bytes()).into(),
            need,
            seen: None,
        };
        watch.seen = watch.read()?.map(|read| read.digest);
        watch.check(now)?;
        Ok(watch)
    }

    /// The digest of everything that limits the run: its own limits, then the account's.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let account = self.seen.unwrap_or_default();
        let both = Sha256::new().chain_update(self.own_digest);
        both.chain_update(account).finalize().into()
    }

    /// Checks that they still are what they were at the start, and that their time is now.
    ///
    /// # Errors
    ///
    /// Returns the [`RunStop`] that ends the run.
    pub fn check(&self, now: UnixNanos) -> Result<(), RunStop> {
        check_clock(self.own.daily.clock_offset_max)?;
        let place = self.path.display();
        let Some(read) = self.read()? else {
            return match (self.need, self.seen) {
                (Need::IfThere, None) => Ok(()),
                _ => Err(stop(
                    StopCause::LimitsMissing,
                    format!("{place} is not there"),
                )),
            };
        };
        if self.seen != Some(read.digest) {
            return Err(stop(
                StopCause::LimitsInconsistent,
                format!("{place} was changed since the run started"),
            ));
        }
        let (from, to) = read.window;
        if now < from || now > to {
            return Err(stop(
                StopCause::LimitsStale,
                format!("{place} does not hold at this time"),
            ));
        }
        within(&self.own, &read.limits).map_err(|field| {
            stop(
                StopCause::LimitsInconsistent,
                format!("the run's {field} goes beyond that of {place}"),
            )
        })
    }

    fn read(&self) -> Result<Option<Read>, RunStop> {
        let unreadable = |error: &dyn core::fmt::Display| {
            let place = self.path.display();
            stop(StopCause::LimitsUnreadable, format!("{place}: {error}"))
        };
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&error)),
        };
        let parsed: AccountLimits =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
        if parsed.format != FORMAT || parsed.account != self.account.as_str() {
            return Err(unreadable(&"it is of another format or account"));
        }
        let time = |text: &str| parse_time(text).ok_or_else(|| unreadable(&"a time is none"));
        Ok(Some(Read {
            digest: Sha256::digest(&bytes).into(),
            window: (time(&parsed.not_before)?, time(&parsed.not_after)?),
            limits: parsed.risk.limits().map_err(|error| unreadable(&error))?,
        }))
    }
}

/// Asks the kernel, if there is a limit to what its clock may be off.
fn check_clock(limit: Option<i64>) -> Result<(), RunStop> {
    let Some(limit) = limit else { return Ok(()) };
    let off = |why: String| stop(StopCause::ClockOff, why);
    let word = kernel_clock().map_err(|error| off(format!("the kernel does not say: {error}")))?;
    word.check_within(limit)
        .map_err(|error| off(error.to_string()))
}

/// Whether a run's limits keep within an account's; if not, the first field that does not.
fn within(run: &RiskLimits, account: &RiskLimits) -> Result<(), &'static str> {
    fn most<T: PartialOrd>(run: Option<T>, account: Option<T>) -> bool {
        account.is_none_or(|most| run.is_some_and(|run| run <= most))
    }
    let (ours, theirs) = (&run.daily, &account.daily);
    let table = [
        (
            "orders-per-bar-max",
            run.orders_per_bar_max <= account.orders_per_bar_max,
        ),
        (
            "working-orders-max",
            run.working_orders_max <= account.working_orders_max,
        ),
        (
            "order-notional-max",
            run.order_notional_max <= account.order_notional_max,
        ),
        (
            "position-notional-max",
            run.position_notional_max <= account.position_notional_max,
        ),
        (
            "gross-exposure-max",
            run.gross_exposure_max <= account.gross_exposure_max,
        ),
        ("price-collar-bps", run.price_collar <= account.price_collar),
        ("drawdown-max-bps", run.drawdown_max <= account.drawdown_max),
        (
            "orders-per-day-max",
            most(ours.orders_per_day_max, theirs.orders_per_day_max),
        ),
        (
            "net-exposure-max",
            most(ours.net_exposure_max, theirs.net_exposure_max),
        ),
        (
            "daily-loss-max",
            most(ours.daily_loss_max, theirs.daily_loss_max),
        ),
        ("bar-age-max-ms", most(ours.bar_age_max, theirs.bar_age_max)),
        (
            "clock-offset-max-ms",
            most(ours.clock_offset_max, theirs.clock_offset_max),
        ),
    ];
    let beyond = table.into_iter().find(|(_, holds)| !holds);
    beyond.map_or(Ok(()), |(field, _)| Err(field))
}
