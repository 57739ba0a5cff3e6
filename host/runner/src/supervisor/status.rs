//! What is known of a run under supervision. It must never decide what happens to the run.

use counterfoil_trading::account::Position;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::run::{Run, RunTotals};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;

/// Where a run stands.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RunState {
    /// Its component is made ready, and its feed opened.
    Starting,
    /// It waits for bars or decides.
    Running,
    /// What it decided before is decided again and compared.
    Resuming,
    /// It was told to stop.
    Stopping,
    /// Its journal has its closing record.
    Stopped,
    /// The strategy was at fault; the journal has its closing record.
    Faulted,
    /// It could not go on, or a record came out differently. The journal has no closing record.
    Halted,
    /// Somebody killed it. Its journal says so and is closed; or the process died before that, and it
    /// does not go on by itself.
    Killed,
    /// The process ended and left it to be resumed.
    Suspended,
    /// A process that is gone left it without a closing record.
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

    /// Its name.
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

    /// Whether a thread of this process has it.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(
            self,
            Self::Starting | Self::Running | Self::Resuming | Self::Stopping
        )
    }

    /// Whether its journal can be gone on with.
    #[must_use]
    pub const fn is_resumable(self) -> bool {
        matches!(
            self,
            Self::Halted | Self::Killed | Self::Suspended | Self::Interrupted
        )
    }
}

/// The numbers of a run after its last slice.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Close time of the last slice.
    pub last_close: Option<UnixNanos>,
    /// Counts.
    pub totals: RunTotals,
    /// Inputs refused and recorded.
    pub inputs_refused: u64,
    /// Bars that were decided before and sent again.
    pub bars_skipped: u64,
    /// Cash; none before the first slice.
    pub cash: Option<Money>,
    /// Equity; none before the first slice.
    pub equity: Option<Money>,
    /// Positions, by instrument.
    pub positions: Vec<Position>,
}

impl Figures {
    /// Takes over what a run says of itself.
    pub(super) fn take(&mut self, run: &Run) {
        let account = run.account();
        self.last_close = run.last_close();
        self.totals = run.totals();
        self.cash = Some(account.cash());
        self.equity = Some(account.equity());
        self.positions.clear();
        self.positions.extend_from_slice(account.positions());
    }
}

/// What is known of a run.
#[derive(Clone, Debug)]
pub struct Status {
    /// The run id, as 64 hex digits.
    pub run: String,
    /// Where it stands.
    pub state: RunState,
    /// Why it stands there, if there is a reason to tell.
    pub reason: Option<String>,
    /// The account, in the one form of an id.
    pub account: String,
    /// The component, as `sha256:<hex>`.
    pub component: String,
    /// The feed's name.
    pub feed: String,
    /// The feed's kind.
    pub feed_kind: &'static str,
    /// The length of a bar.
    pub timeframe: String,
    /// Who started it.
    pub by: String,
    /// What it trades.
    pub instruments: Vec<Instrument>,
    /// Its numbers.
    pub figures: Figures,
    /// The decision digest, once the journal is closed.
    pub decision_digest: Option<[u8; 32]>,
}
