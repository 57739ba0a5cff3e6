//! Progress of long steps on standard error, where that is a terminal. It must never change a result.

use core::time::Duration;

use counterfoil_os::files::FileError;
use counterfoil_runner::run::drive::RunObserver;
use counterfoil_runner::run::journal::RecordSink;
use counterfoil_sandbox::guest::{Guest, LogLine, TextLosses};
use counterfoil_trading::record::RefusedInput;
use counterfoil_trading::run::Run;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{note, shows_progress};

/// Slices between two updates of the bar: updating it at each would cost more than the decision.
const SLICES_PER_LOOK: u64 = 1024;

/// A progress bar for a step of `total` units (0: unknown). Hidden with `--quiet`, and where standard
/// error is not a terminal.
pub(crate) fn bar(what: &'static str, total: u64) -> ProgressBar {
    let bar = if total == 0 {
        ProgressBar::new_spinner()
    } else {
        ProgressBar::new(total)
    };
    bar.set_draw_target(if shows_progress() {
        ProgressDrawTarget::stderr_with_hz(4)
    } else {
        // Hidden and not skipped: callers set positions without asking whether anything is shown.
        ProgressDrawTarget::hidden()
    });
    let template = if total == 0 {
        "{msg} {human_pos} {elapsed}"
    } else {
        "{msg} {wide_bar} {percent}% {human_pos}/{human_len} eta {eta}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// Prints a run's progress, the strategy's log and refused inputs.
#[derive(Debug)]
pub(crate) struct RunProgressBar {
    bar: ProgressBar,
    slices: u64,
    skipped: u64,
    sink: Option<Box<dyn RecordSink>>,
}

impl RunProgressBar {
    /// For a run over `total` bars (0: unknown).
    pub(crate) fn new(total: u64) -> Self {
        Self {
            bar: bar("deciding", total),
            slices: 0,
            skipped: 0,
            sink: None,
        }
    }

    /// Passes the run's records on to `sink`.
    pub(crate) fn passing_on(mut self, sink: Box<dyn RecordSink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Bars that the feed sent again, and that were skipped.
    pub(crate) const fn skipped_bars(&self) -> u64 {
        self.skipped
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl RunObserver<Guest> for RunProgressBar {
    fn stepped(&mut self, _strategy: &mut Guest, run: &Run) {
        self.slices = self.slices.saturating_add(1);
        // The bar is drawn by its own timer; only its position is set here.
        if self.slices.is_multiple_of(SLICES_PER_LOOK) {
            self.bar.set_position(run.totals().decisions);
        }
    }

    fn logged(&mut self, lines: Vec<LogLine>, losses: TextLosses) {
        for line in lines {
            let level = line.level.name();
            // The text is the guest's. `note` removes the control characters by which it could rewrite the
            // terminal or imitate a line of the host.
            self.bar
                .suspend(|| note(&format!("strategy {level}: {}", line.text)));
        }
        if losses != TextLosses::default() {
            // A guest that logs without end is cut by the sandbox, and the operator sees that it was.
            self.bar
                .suspend(|| note(&format!("strategy text {losses}")));
        }
    }

    fn log_not_kept(&mut self, error: &FileError) {
        self.bar
            .suspend(|| note(&format!("the strategy's log is not kept any more: {error}")));
    }

    fn record_sink(&mut self) -> Option<Box<dyn RecordSink>> {
        self.sink.take()
    }

    fn skipped(&mut self) {
        self.skipped = self.skipped.saturating_add(1);
    }

    fn refused(&mut self, input: &RefusedInput) {
        let text = String::from_utf8_lossy(&input.input);
        self.bar
            .suspend(|| note(&format!("refused and recorded: {}: {text}", input.reason)));
    }
}
