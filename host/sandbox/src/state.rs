//! What one store carries for its guest: the limits, a copy of the account, the log. It must
//! never hold anything the guest may not see.

use core::fmt;

use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::record::Callback;
use counterfoil_trading::strategy::{AccountView, WorkingOrder};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Quantity};

use crate::cut::{CUT_MARK, cut};
use crate::limits::Limiter;

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
    /// The callback that wrote it.
    pub place: LogPlace,
}

/// A callback, as the place of a log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogPlace {
    pub callback: Callback,
    /// The bar's close, or when what is reported took effect; `None` in `init`.
    pub time: Option<UnixNanos>,
    pub instrument: Option<InstrumentId>,
    /// The bar's number among its instrument's bars of the run; `None` outside `on-bar`.
    pub bar: Option<u64>,
}

impl LogPlace {
    /// Before the first slice.
    const INIT: Self = Self {
        callback: Callback::Init,
        time: None,
        instrument: None,
        bar: None,
    };

    /// A callback about one instrument.
    pub(crate) const fn of(
        callback: Callback,
        time: UnixNanos,
        instrument: InstrumentId,
        bar: Option<u64>,
    ) -> Self {
        Self {
            callback,
            time: Some(time),
            instrument: Some(instrument),
            bar,
        }
    }
}

impl LogLevel {
    /// Every level, the least important first.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// What was cut from a guest's log and reasons.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TextLosses {
    /// Log lines of which nothing was kept.
    pub lines: u64,
    /// Bytes of log that were not kept, those of the dropped lines among them.
    pub bytes: u64,
    /// Reasons that were cut.
    pub reasons: u64,
}

impl TextLosses {
    /// Counts a whole line that is not kept.
    pub fn drop_line(&mut self, bytes: usize) {
        self.lines = self.lines.saturating_add(1);
        self.drop_bytes(bytes);
    }

    /// Counts bytes of log that are not kept.
    pub(crate) fn drop_bytes(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl fmt::Display for TextLosses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            lines,
            bytes,
            reasons,
        } = self;
        write!(
            f,
            "cut to its limits (log: {bytes} bytes, whole lines: {lines}; reasons: {reasons})"
        )
    }
}

/// How a line of the level `error` begins that is a panic's text: the SDK's hook writes it so.
const PANIC_PREFIX: &str = "panic";

/// Bytes of a panic's text in the fault: a path, a line and some sentences.
pub const PANIC_BYTES_MAX: usize = 1 << 10;

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
    losses: TextLosses,
    /// Bytes that the callback under way may still log.
    bytes_left: usize,
    /// What the callback under way logged as its panic.
    panic: Option<String>,
    limit: usize,
    /// The callback under way.
    place: LogPlace,
}

impl GuestLog {
    fn new(limits: &SandboxLimits) -> Self {
        let limit = usize::try_from(limits.log_bytes_per_callback).unwrap_or(usize::MAX);
        Self {
            lines: Vec::new(),
            bytes_kept: 0,
            losses: TextLosses::default(),
            bytes_left: limit,
            panic: None,
            limit,
            place: LogPlace::INIT,
        }
    }

    /// Says which callback comes next.
    pub(crate) const fn set_place(&mut self, place: LogPlace) {
        self.place = place;
    }

    /// Starts a new callback with the full limit.
    pub(crate) fn begin_callback(&mut self) {
        self.bytes_left = self.limit;
        self.panic = None;
    }

    /// Keeps a line as far as the limits go. Its length never decides about the run: what is beyond them is
    /// cut, marked and counted.
    pub(crate) fn write(&mut self, level: LogLevel, text: String) {
        // Before the limit: a strategy that has logged all it may still says why it panics.
        if level == LogLevel::Error && text.starts_with(PANIC_PREFIX) {
            self.panic = Some(cut(text.clone(), PANIC_BYTES_MAX).0);
        }
        // A line costs its bytes and one more, so that empty lines are bounded too.
        let room = self
            .bytes_left
            .min(LOG_BYTES_KEPT_MAX.saturating_sub(self.bytes_kept));
        let bytes = text.len();
        if bytes >= room && room <= CUT_MARK.len() {
            self.losses.drop_line(bytes);
            return;
        }
        let (text, gone) = cut(text, room.saturating_sub(1));
        // After a cut nothing more of the callback is kept: a short line behind it would hide the gap.
        let cost = text.len().saturating_add(1);
        self.bytes_left = if gone > 0 {
            0
        } else {
            self.bytes_left.saturating_sub(cost)
        };
        self.losses.drop_bytes(gone);
        self.bytes_kept = self.bytes_kept.saturating_add(cost);
        let place = self.place;
        self.lines.push(LogLine { level, text, place });
    }

    /// Counts reasons that were cut.
    pub(crate) fn note_reasons_cut(&mut self, count: u64) {
        self.losses.reasons = self.losses.reasons.saturating_add(count);
    }

    /// What the callback logged as its panic.
    pub(crate) fn take_panic(&mut self) -> Option<String> {
        self.panic.take()
    }

    /// The lines kept since the last call, and what was cut.
    pub(crate) fn take(&mut self) -> (Vec<LogLine>, TextLosses) {
        self.bytes_kept = 0;
        let losses = core::mem::take(&mut self.losses);
        (core::mem::take(&mut self.lines), losses)
    }
}
