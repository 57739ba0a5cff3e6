//! The status of a supervised run. It must never decide what happens to the run.

use counterfoil_base::digest::Digest;
use counterfoil_trading::account::Position;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::run::{Run, RunTotals};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;

/// The state of a supervised run.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RunState {
    /// Its component is being compiled and its feed opened.
    Starting,
    /// It waits for bars or decides.
    Running,
    /// Its recorded decisions are replayed and compared.
    Resuming,
    /// It was commanded to stop.
    Stopping,
    /// Its journal has its closing record.
    Stopped,
    /// The strategy was at fault; the journal has its closing record.
    Faulted,
    /// It could not continue, or a replayed record differs. The journal has no closing record.
    Halted,
    /// A kill switch stopped it. Its journal says so and is closed; or the process died before
    /// that, and it does not resume by itself.
    Killed,
    /// The process ended and left it to be resumed.
    Suspended,
    /// An earlier process left it without a closing record.
    Interrupted,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Starting,
        Self::Running,
        Self::Resuming,
        Self::Stopping,
        Self::Stopped,
        Self::Faulted,
        Self::Halted,
        Self::Killed,
        Self::Suspended,
        Self::Interrupted,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Resuming => "resuming",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Faulted => "faulted",
            Self::Halted => "halted",
            Self::Killed => "killed",
            Self::Suspended => "suspended",
            Self::Interrupted => "interrupted",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether a thread of this process runs it.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(
            self,
            Self::Starting | Self::Running | Self::Resuming | Self::Stopping
        )
    }

    /// Whether its journal can be resumed.
    #[must_use]
    pub const fn is_resumable(self) -> bool {
        matches!(
            self,
            Self::Halted | Self::Killed | Self::Suspended | Self::Interrupted
        )
    }
}

/// The figures of a run after its last slice.
#[derive(Clone, Debug, Default)]
pub struct RunFigures {
    /// Close time of the last slice.
    pub last_close: Option<UnixNanos>,
    pub totals: RunTotals,
    /// Inputs refused and recorded.
    pub inputs_refused: u64,
    /// Bars that were decided before and sent again.
    pub bars_skipped: u64,
    /// `None` before the first slice.
    pub cash: Option<Money>,
    /// `None` before the first slice.
    pub equity: Option<Money>,
    /// By instrument.
    pub positions: Vec<Position>,
}

impl RunFigures {
    /// Copies the figures of a run.
    pub(super) fn update(&mut self, run: &Run) {
        let account = run.account();
        self.last_close = run.last_close();
        self.totals = run.totals();
        self.cash = Some(account.cash());
        self.equity = Some(account.equity());
        self.positions.clear();
        self.positions.extend_from_slice(account.positions());
    }
}

/// What the API shows of a run.
#[derive(Clone, Debug)]
pub struct RunStatus {
    /// The run id.
    pub run: Digest,
    pub state: RunState,
    /// The reason of the state, if any.
    pub reason: Option<String>,
    /// The account id.
    pub account: String,
    /// As `sha256:<hex>`.
    pub component: String,
    /// The feed's name.
    pub feed: String,
    /// The feed's kind.
    pub feed_kind: &'static str,
    /// The length of a bar.
    pub timeframe: String,
    /// The principal who started it.
    pub by: String,
    pub instruments: Vec<Instrument>,
    pub figures: RunFigures,
    /// Once the journal is closed.
    pub decision_digest: Option<Digest>,
}
