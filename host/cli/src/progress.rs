//! Progress of long steps, on standard error, only where somebody watches.

use core::time::Duration;

use counterfoil_runner::run::drive::RunObserver;
use counterfoil_sandbox::guest::{Guest, LogLevel};
use counterfoil_trading::record::RefusedInput;
use counterfoil_trading::run::Run;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::note;

/// How many slices go by between two looks at the bar.
const SLICES_PER_LOOK: u64 = 1024;

/// A bar that appears if the step takes long. Hidden where standard error is no terminal.
pub(crate) fn bar(what: &'static str, total: u64) -> ProgressBar {
    let bar = if total == 0 {
        ProgressBar::new_spinner()
    } else {
        ProgressBar::new(total)
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(4));
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

/// What the terminal hears of a run: progress, the strategy's log, refused inputs.
#[derive(Debug)]
pub(crate) struct Watcher {
    bar: ProgressBar,
    slices: u64,
    skipped: u64,
}

impl Watcher {
    /// A watcher of a run over `total` bars (0: not known).
    pub(crate) fn new(total: u64) -> Self {
        Self {
            bar: bar("deciding", total),
            slices: 0,
            skipped: 0,
        }
    }

    /// Bars that a feed sent again.
    pub(crate) const fn skipped_bars(&self) -> u64 {
        self.skipped
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl RunObserver<Guest> for Watcher {
    fn stepped(&mut self, strategy: &mut Guest, run: &Run) {
        self.slices = self.slices.saturating_add(1);
        if self.slices.is_multiple_of(SLICES_PER_LOOK) {
            self.bar.set_position(run.totals().decisions);
        }
        let (lines, dropped) = strategy.take_log();
        for line in lines {
            let level = match line.level {
                LogLevel::Debug => "debug",
                LogLevel::Info => "info",
                LogLevel::Warn => "warn",
                LogLevel::Error => "error",
            };
            self.bar
                .suspend(|| note(&format!("strategy {level}: {}", line.text)));
        }
        if dropped > 0 {
            self.bar
                .suspend(|| note(&format!("strategy log: {dropped} more lines")));
        }
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
