//! What the order log says of the clock that its times are from. It must never decide about an order.

use counterfoil_trading::gateway::{ClockReport, OrderLogRecord};
use counterfoil_trading::time::UnixNanos;

use super::{Gateway, GatewayError};

/// How often the kernel's statement about its clock is recorded: a clock that nothing corrects
/// drifts by a few milliseconds in that time.
const CLOCK_NANOS: i64 = 60_000_000_000;

impl<V> Gateway<V> {
    /// Records the kernel's statement about its clock, if the last record is old enough.
    pub(super) fn note_clock(&mut self) -> Result<(), GatewayError> {
        self.note_step()?;
        let now = self.clock.now();
        if now.0.saturating_sub(self.clock_noted.0) < CLOCK_NANOS {
            return Ok(());
        }
        self.log.append(&clock_record(now))?;
        self.clock_noted = now;
        Ok(())
    }

    /// Records that the clock was set back, once for each time. Without the record a reader would take equal times for
    /// what happened at one moment.
    fn note_step(&mut self) -> Result<(), GatewayError> {
        let step = self.clock.step();
        if let Some(step) = step.filter(|_| !self.is_step_noted) {
            self.log.append(&OrderLogRecord::ClockStep {
                clock: step.clock,
                time: step.last,
            })?;
        }
        self.is_step_noted = step.is_some();
        Ok(())
    }
}

/// The kernel's report on its clock.
pub(super) fn clock_record(time: UnixNanos) -> OrderLogRecord {
    let report = counterfoil_os::clock::kernel_clock()
        .ok()
        .map(|report| ClockReport {
            is_synchronized: report.is_synchronized,
            offset_max_nanos: report.offset_max_nanos,
            offset_estimate_nanos: report.offset_estimate_nanos,
        });
    OrderLogRecord::Clock { report, time }
}
