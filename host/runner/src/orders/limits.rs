//! The limits of an account: a file, valid for a time, that every run of the account must keep
//! within. Without certainty about them a run stops. The messages of a stop are recorded: they
//! never change.
//!
//! `DATA/limits/<account id>.json`

use std::io::ErrorKind;

use counterfoil_base::digest::Digest;
use counterfoil_governance::id::Id;
use counterfoil_os::clock::kernel_clock;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::read_plain;
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
/// Bytes of a limits file: what is longer is no such file.
const BYTES_MAX: u64 = 1 << 20;

/// Whether an account must have limits of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LimitsRequirement {
    /// A run does not start without them.
    Required,
    /// They apply if they exist when the run starts: for paper trading, which moves no money.
    IfThere,
}

/// The content of the file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AccountLimits {
    /// [`FORMAT`].
    pub format: String,
    pub account: String,
    /// The first moment at which they are valid, RFC 3339.
    pub not_before: String,
    /// The last.
    pub not_after: String,
    /// The limits; each is required.
    pub risk: RiskEntry,
}

/// The limits of one account, watched during a run.
#[derive(Debug)]
pub struct LimitsWatch {
    path: FilePath,
    account: Id,
    /// The run's own limits.
    own: RiskLimits,
    own_digest: Digest,
    need: LimitsRequirement,
    /// The digest of the file at the start; `None` if there was none.
    seen: Option<Digest>,
}

/// What was read of the file.
struct LimitsFile {
    digest: Digest,
    window: (UnixNanos, UnixNanos),
    limits: RiskLimits,
}

fn stop(cause: StopCause, message: impl Into<String>) -> RunStop {
    RunStop::of(cause, message.into())
}

impl LimitsWatch {
    /// The present limits of the account, for a run of the manifest.
    ///
    /// # Errors
    ///
    /// Returns the [`RunStop`] that keeps the run from starting.
    pub fn start(
        data: &DataDir,
        account: &Id,
        manifest: &Manifest,
        need: LimitsRequirement,
        now: UnixNanos,
    ) -> Result<Self, RunStop> {
        let unreadable = |error: &dyn core::fmt::Display| {
            stop(
                StopCause::LimitsUnreadable,
                format!("the manifest: {error}"),
            )
        };
        let own = manifest.risk.limits().map_err(|error| unreadable(&error))?;
        let daily = &own.live;
        let is_whole = daily.orders_per_day_max.is_some()
            && daily.net_exposure_max.is_some()
            && daily.daily_loss_max.is_some();
        if !is_whole {
            return Err(stop(
                StopCause::LimitsMissing,
                "a live run needs risk.orders-per-day-max, risk.net-exposure-max and \
                 risk.daily-loss-max",
            ));
        }
        let value = serde_json::to_value(&manifest.risk).map_err(|error| unreadable(&error))?;
        let text = canonical_json(&value).map_err(|error| unreadable(&error))?;
        let mut watch = Self {
            path: data.root().join("limits").join(format!("{account}.json")),
            account: account.clone(),
            own,
            own_digest: Digest::of(text.as_bytes()),
            need,
            seen: None,
        };
        watch.seen = watch.read()?.map(|read| read.digest);
        watch.check(now)?;
        Ok(watch)
    }

    /// The digest of everything that limits the run: its own limits, then the account's.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // No file counts as 32 zero bytes: a file that appears later gives another digest, and
        // tokens issued without it are refused.
        let account = self.seen.unwrap_or(Digest([0; 32]));
        let both = Sha256::new()
            .chain_update(self.own_digest.bytes())
            .chain_update(account.bytes());
        Digest::finish(both)
    }

    /// Checks that the limits are unchanged since the start and valid now.
    ///
    /// # Errors
    ///
    /// Returns the [`RunStop`] that ends the run.
    pub fn check(&self, now: UnixNanos) -> Result<(), RunStop> {
        // First: whether the limits are valid now is only known with a clock that can be trusted.
        check_clock(self.own.live.clock_offset_max)?;
        let place = self.path.display();
        let Some(read) = self.read()? else {
            return match (self.need, self.seen) {
                (LimitsRequirement::IfThere, None) => Ok(()),
                _ => Err(stop(
                    StopCause::LimitsMissing,
                    format!("{place} is not there"),
                )),
            };
        };
        // Any change stops the run, also a looser limit or a changed space: the run was authorized
        // under the bytes that it started with.
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

    fn read(&self) -> Result<Option<LimitsFile>, RunStop> {
        let unreadable = |error: &dyn core::fmt::Display| {
            let place = self.path.display();
            stop(StopCause::LimitsUnreadable, format!("{place}: {error}"))
        };
        let bytes = match read_plain(&self.path, BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&error.source)),
        };
        let parsed: AccountLimits =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
        if parsed.format != FORMAT || parsed.account != self.account.as_str() {
            return Err(unreadable(
                &"its format is not this program's, or its account is another one",
            ));
        }
        let time = |text: &str| {
            parse_time(text).ok_or_else(|| {
                unreadable(&"not-before or not-after is not a time such as 2026-01-05T09:30:00Z")
            })
        };
        Ok(Some(LimitsFile {
            digest: Digest::of(&bytes),
            window: (time(&parsed.not_before)?, time(&parsed.not_after)?),
            limits: parsed.risk.limits().map_err(|error| unreadable(&error))?,
        }))
    }
}

/// Checks the kernel's clock, if its offset is limited.
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
    let (ours, theirs) = (&run.live, &account.live);
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
