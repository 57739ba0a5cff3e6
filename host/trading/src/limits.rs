//! The limits on one guest, as the manifest states them. Every one is a number with a unit, a
//! safe default with a reason, and a range; the sandbox enforces them all.

use alloc::string::String;
use serde::{Deserialize, Serialize};

/// The most instruments of one run.
pub const INSTRUMENTS_MAX: usize = 10_000;

/// One guest's limits. Fuel, memory, tables, instances and the size of an answer end in a named
/// fault, the deadline in a host error. Requests beyond their limit are refused; reasons and log
/// lines are cut.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SandboxLimits {
    /// Fuel for `describe` and `init`.
    pub fuel_init: u64,
    /// Fuel for each callback.
    pub fuel_per_callback: u64,
    /// Fuel on top: for `on-bar`, for each bar of the slice; for `init`, for each instrument.
    pub fuel_per_bar: u64,
    /// Bytes of linear memory, all memories together.
    pub memory_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Core instances in the component.
    pub instances: u64,
    /// Requests in one answer that are reviewed; the risk gate refuses the others.
    pub requests_per_bar: u64,
    /// Bytes that one answer may make the host allocate.
    pub answer_bytes: u64,
    /// Bytes of one reason or error sentence; a longer one is cut.
    pub reason_bytes: u64,
    /// Bytes of log in one callback; what is beyond is cut.
    pub log_bytes_per_callback: u64,
    /// Wall-clock backstop for one callback, in milliseconds.
    pub deadline_ms: u64,
}

/// One limit that is out of range.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("limits.{name} is {value}; it must lie in {min}..={max}")]
pub struct SandboxLimitError {
    /// The field, as the manifest spells it.
    pub name: String,
    /// Its value.
    pub value: u64,
    /// Smallest value allowed.
    pub min: u64,
    /// Largest value allowed.
    pub max: u64,
}

/// 40 times what the dearest example spends on a bar, and the most for which 64 bytes of stack a
/// unit of fuel (64 MiB) stay cheap: the stack must hold whatever the fuel can push.
pub const FUEL_DEFAULT: u64 = 1_000_000;
/// Four times the default: 256 MiB of address space for the stack.
pub const FUEL_MAX: u64 = 4_000_000;
/// For each bar of a slice five times what the rebalancer example spends on it, so that 2,000 stocks at
/// one close get eleven times the fuel of one, and ten hardly more.
pub const FUEL_PER_BAR_DEFAULT: u64 = 5_000;
/// With 10,000 instruments a thousand million: what the default deadline still allows.
pub const FUEL_PER_BAR_MAX: u64 = 100_000;
/// A Rust guest starts with 1 to 2 MiB; 16 MiB hold a million values of history.
pub const MEMORY_BYTES_DEFAULT: u64 = 16 << 20;
/// One GiB: beyond that a thousand runs no longer fit a large machine.
pub const MEMORY_BYTES_MAX: u64 = 1 << 30;
/// What a strategy of a few instruments asks for on a bar.
pub const REQUESTS_DEFAULT: u64 = 64;
/// A new order, and a cancel of the one before it.
pub const REQUESTS_PER_INSTRUMENT_DEFAULT: u64 = 2;
/// The most for a few instruments.
pub const REQUESTS_MAX: u64 = 128;
/// A bracket, and a cancel: 40,000 for the most instruments.
pub const REQUESTS_PER_INSTRUMENT_MAX: u64 = 4;
/// What wasmtime may allocate while lifting one answer: a list of 128 requests with reasons.
pub const ANSWER_BYTES_DEFAULT: u64 = 32 << 10;
/// As many for each of the requests of an instrument.
pub const ANSWER_BYTES_PER_INSTRUMENT_DEFAULT: u64 = 512;
/// The most for a few instruments.
pub const ANSWER_BYTES_MAX: u64 = 32 << 10;
/// 10 MiB for the most instruments.
pub const ANSWER_BYTES_PER_INSTRUMENT_MAX: u64 = 1 << 10;
/// Requests of all answers of one slice: together with what follows from them, their records stay below what a
/// verifier holds of one slice.
pub const REQUESTS_PER_SLICE_MAX: usize = 1_000_000;

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            fuel_init: FUEL_DEFAULT,
            fuel_per_callback: FUEL_DEFAULT,
            fuel_per_bar: FUEL_PER_BAR_DEFAULT,
            memory_bytes: MEMORY_BYTES_DEFAULT,
            table_elements: 10_000,
            instances: 8,
            requests_per_bar: REQUESTS_DEFAULT,
            answer_bytes: ANSWER_BYTES_DEFAULT,
            reason_bytes: 200,
            log_bytes_per_callback: 4_096,
            deadline_ms: 10_000,
        }
    }
}

impl SandboxLimits {
    /// The defaults for a run of so many instruments: a strategy may trade all of them on one bar.
    #[must_use]
    pub fn for_instruments(instruments: usize) -> Self {
        Self {
            requests_per_bar: grown(
                REQUESTS_DEFAULT,
                REQUESTS_PER_INSTRUMENT_DEFAULT,
                instruments,
            ),
            answer_bytes: grown(
                ANSWER_BYTES_DEFAULT,
                ANSWER_BYTES_PER_INSTRUMENT_DEFAULT,
                instruments,
            ),
            ..Self::default()
        }
    }

    /// The same limits, within the ranges of a run of so many instruments.
    #[must_use]
    pub fn within_ranges_of(self, instruments: usize) -> Self {
        let requests_max = grown(REQUESTS_MAX, REQUESTS_PER_INSTRUMENT_MAX, instruments);
        let answer_max = grown(
            ANSWER_BYTES_MAX,
            ANSWER_BYTES_PER_INSTRUMENT_MAX,
            instruments,
        );
        Self {
            requests_per_bar: self.requests_per_bar.min(requests_max),
            answer_bytes: self.answer_bytes.min(answer_max),
            ..self
        }
    }

    /// The fuel of `init` with so many instruments.
    #[must_use]
    pub fn fuel_of_init(&self, instruments: u64) -> u64 {
        let more = self.fuel_per_bar.saturating_mul(instruments);
        self.fuel_init.saturating_add(more)
    }

    /// The fuel of one `on-bar` in a slice of so many bars.
    #[must_use]
    pub fn fuel_of_bar(&self, bars: u64) -> u64 {
        let more = self.fuel_per_bar.saturating_mul(bars);
        self.fuel_per_callback.saturating_add(more)
    }

    /// Checks every limit against its range in a run of so many instruments.
    ///
    /// # Errors
    ///
    /// Returns [`SandboxLimitError`] naming the first that is out of range.
    pub fn check_ranges(&self, instruments: usize) -> Result<(), SandboxLimitError> {
        let requests_max = grown(REQUESTS_MAX, REQUESTS_PER_INSTRUMENT_MAX, instruments);
        let answer_max = grown(
            ANSWER_BYTES_MAX,
            ANSWER_BYTES_PER_INSTRUMENT_MAX,
            instruments,
        );
        // The upper bounds protect the host from a manifest. The lower ones keep out limits under which
        // every guest faults, which would read as the strategy's error.
        let table = [
            ("fuel-init", self.fuel_init, 1_000, FUEL_MAX),
            ("fuel-per-callback", self.fuel_per_callback, 1_000, FUEL_MAX),
            ("fuel-per-bar", self.fuel_per_bar, 0, FUEL_PER_BAR_MAX),
            (
                "memory-bytes",
                self.memory_bytes,
                64 << 10,
                MEMORY_BYTES_MAX,
            ),
            ("table-elements", self.table_elements, 0, 1_000_000),
            ("instances", self.instances, 1, 64),
            ("requests-per-bar", self.requests_per_bar, 1, requests_max),
            ("answer-bytes", self.answer_bytes, 1 << 10, answer_max),
            ("reason-bytes", self.reason_bytes, 0, 200),
            (
                "log-bytes-per-callback",
                self.log_bytes_per_callback,
                0,
                1 << 20,
            ),
            ("deadline-ms", self.deadline_ms, 1, 600_000),
        ];
        for (name, value, min, max) in table {
            if value < min || value > max {
                return Err(SandboxLimitError {
                    name: name.into(),
                    value,
                    min,
                    max,
                });
            }
        }
        Ok(())
    }
}

/// A limit that holds for a few instruments, and grows with their number.
fn grown(base: u64, each: u64, instruments: usize) -> u64 {
    // A run never has more: what a manifest with a longer list says must not size anything.
    let instruments = instruments.min(INSTRUMENTS_MAX);
    let instruments = u64::try_from(instruments).unwrap_or(u64::MAX);
    base.max(each.saturating_mul(instruments))
}
