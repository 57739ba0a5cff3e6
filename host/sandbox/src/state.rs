//! What one store carries for its guest: the limits, a copy of the account, the log. It must
//! never hold anything the guest may not see.

use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::strategy::{AccountView, Fault, WorkingOrder};
use counterfoil_trading::units::{Money, Quantity};

use crate::limits::{LimitBreach, Limiter};

/// Bytes of log that are kept until [`crate::guest::Guest::take_log`]: what comes after them is
/// counted, not kept, so that a run of a million bars does not fill the host's memory.
pub const LOG_BYTES_KEPT_MAX: usize = 1 << 20;

/// How important a log line is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// For the author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Something went wrong.
    Error,
}

/// One line that a guest wrote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogLine {
    /// How important it is.
    pub level: LogLevel,
    /// The line's text.
    pub text: String,
}

/// The data of one store.
#[derive(Debug)]
pub(crate) struct GuestState {
    pub(crate) limiter: Limiter,
    pub(crate) view: AccountCopy,
    pub(crate) log: GuestLog,
}

impl GuestState {
    pub(crate) fn new(limits: &SandboxLimits) -> Self {
        Self {
            limiter: Limiter::new(limits),
            view: AccountCopy::default(),
            log: GuestLog::new(limits),
        }
    }
}

/// A copy of what the account shows, made again only when its revision has changed.
#[derive(Debug, Default)]
pub(crate) struct AccountCopy {
    revision: Option<u64>,
    pub(crate) cash: Money,
    pub(crate) equity: Money,
    pub(crate) positions: Vec<(Quantity, Money)>,
    pub(crate) working: Vec<WorkingOrder>,
}

impl AccountCopy {
    /// Takes over what the account shows now.
    pub(crate) fn refresh(&mut self, view: &AccountView<'_>) {
        // The copy is the larger part of a callback's cost. The revision changes with every change of the account, so an
        // equal one means equal contents.
        if self.revision == Some(view.revision) {
            return;
        }
        self.revision = Some(view.revision);
        self.cash = view.account.cash();
        self.equity = view.account.equity();
        let positions = view.account.positions().iter();
        self.positions.clear();
        self.positions
            .extend(positions.map(|position| (position.quantity, position.cost)));
        self.working.clear();
        self.working.extend_from_slice(view.working);
    }
}

/// The log of one guest.
#[derive(Debug)]
pub(crate) struct GuestLog {
    lines: Vec<LogLine>,
    bytes_kept: usize,
    lines_dropped: u64,
    bytes_of_callback: u64,
    limit: u64,
}

impl GuestLog {
    fn new(limits: &SandboxLimits) -> Self {
        Self {
            lines: Vec::new(),
            bytes_kept: 0,
            lines_dropped: 0,
            bytes_of_callback: 0,
            limit: limits.log_bytes_per_callback,
        }
    }

    /// Starts a new callback with the full limit.
    pub(crate) fn begin_callback(&mut self) {
        self.bytes_of_callback = 0;
    }

    /// Bytes that the line may have so that the callback stays inside its limit, if any.
    ///
    /// A line costs its bytes and one more, so that empty lines are bounded too.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<(), LimitBreach> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let wanted = self
            .bytes_of_callback
            .saturating_add(bytes)
            .saturating_add(1);
        // A fault, not a cut: a log that ends without a word would hide what the strategy did next.
        if wanted > self.limit {
            return Err(LimitBreach::Limit {
                fault: Fault::LogLimit,
                what: "bytes of log in one callback",
                wanted,
                limit: self.limit,
            });
        }
        self.bytes_of_callback = wanted;
        Ok(())
    }

    /// Keeps a line that was charged.
    pub(crate) fn keep(&mut self, level: LogLevel, text: String) {
        let bytes = self.bytes_kept.saturating_add(text.len()).saturating_add(1);
        // Dropped, not refused: a log is for people, and its length must never decide about a run.
        if bytes > LOG_BYTES_KEPT_MAX {
            self.lines_dropped = self.lines_dropped.saturating_add(1);
            return;
        }
        self.bytes_kept = bytes;
        self.lines.push(LogLine { level, text });
    }

    /// The lines kept and the number of lines dropped since the last call.
    pub(crate) fn take(&mut self) -> (Vec<LogLine>, u64) {
        self.bytes_kept = 0;
        let dropped = core::mem::take(&mut self.lines_dropped);
        (core::mem::take(&mut self.lines), dropped)
    }
}
