//! The cage: wasmtime's settings for deterministic execution, one line a rule with its reason.
//! It must never know a strategy.
//!
//! Source: wasmtime's book, "Deterministic Wasm Execution".

use core::fmt::Write as _;
use core::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use counterfoil_base::digest::Digest;
use counterfoil_trading::limits::{FUEL_DEFAULT, SandboxLimits};
use wasmtime::{Cache, CacheConfig, Config, OperatorCost};

use crate::code_cache::CodeCache;
use crate::compile_class::CompileProgram;
use crate::thread::HOST_STACK_BYTES;

/// The engine the settings were chosen for. Another major version may charge other fuel, so it is
/// part of the digest.
pub const WASMTIME_MAJOR: u32 = 48;

/// Bytes of stack for one unit of fuel: four times the 16 that were measured at most, so that the
/// fuel always ends before the stack does, on every back end.
pub const STACK_BYTES_PER_FUEL: u64 = 64;

/// The smallest stack for a guest: wasmtime's default.
const STACK_BYTES_MIN: usize = 512 << 10;

/// The largest: address space that a thousand runs still have. The fuel of large slices could push more, so
/// above 4,194,304 fuel the stack can end first, at a depth that differs between back ends.
pub const STACK_BYTES_MAX: usize = 256 << 20;

/// Fuel for one page of `memory.grow`, the most that a `u8` holds: zeroing a page takes about as
/// long as 255 instructions of the dearer kind, and the default would be nothing.
pub const FUEL_PER_PAGE: u8 = 255;

/// Frames of a fault's trace: enough to see where, and a recursion does not fill the disk.
const TRACE_FRAMES: usize = 20;

/// What turns wasm into something that runs. It never changes a result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Backend {
    /// Native code.
    Cranelift,
    /// Byte code and an interpreter: slow, and the same everywhere.
    Pulley,
}

/// How hard the compiler tries. It never changes a result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OptLevel {
    /// Compiles fast.
    None,
    /// Runs fast.
    Speed,
}

/// What an engine is made from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EngineSettings {
    /// Native or interpreted.
    pub backend: Backend,
    /// How hard the compiler tries.
    pub opt: OptLevel,
    /// The most fuel any one call on this engine gets; it decides the size of the stack.
    pub fuel_max: u64,
    /// Where compiled code is kept between calls; none: nowhere.
    pub cache: Option<CodeCache>,
    /// The program that compiles components, as a child; none: this process, which only tests may do.
    pub child: Option<CompileProgram>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            backend: Backend::Cranelift,
            opt: OptLevel::Speed,
            fuel_max: FUEL_DEFAULT,
            cache: None,
            child: None,
        }
    }
}

impl EngineSettings {
    /// The same settings with room for every call that `limits` allow in a run of so many instruments.
    #[must_use]
    pub fn for_limits(mut self, limits: &SandboxLimits, instruments: usize) -> Self {
        let instruments = u64::try_from(instruments).unwrap_or(u64::MAX);
        self.fuel_max = fuel_max(limits, instruments);
        self
    }

    /// The back end's name in the compile process's arguments.
    pub(crate) const fn backend_name(&self) -> &'static str {
        match (self.backend, self.opt) {
            (Backend::Pulley, _) => "pulley",
            (Backend::Cranelift, OptLevel::None) => "cranelift-none",
            (Backend::Cranelift, OptLevel::Speed) => "cranelift",
        }
    }

    /// What compiled code depends on besides the component and the program.
    pub(crate) fn code_digest(&self) -> Digest {
        let text = format!("{}{}\n", settings_text(), self.backend_name());
        Digest::of(text.as_bytes())
    }

    /// Bytes of stack a guest may use: more than its fuel can push, up to [`STACK_BYTES_MAX`].
    #[must_use]
    pub fn stack_bytes(&self) -> usize {
        stack_bytes(self.fuel_max)
    }

    /// Bytes of stack that a thread needs on which guests of this engine run.
    #[must_use]
    pub fn thread_stack_bytes(&self) -> usize {
        self.stack_bytes().saturating_add(HOST_STACK_BYTES)
    }
}

/// The most fuel that any one call of a run with so many instruments gets.
pub(crate) fn fuel_max(limits: &SandboxLimits, instruments: u64) -> u64 {
    let init = limits.fuel_of_init(instruments);
    // A slice has at most one bar of each instrument.
    init.max(limits.fuel_of_bar(instruments))
}

/// Bytes of stack for calls with so much fuel. Few sizes, each twice the one before, so that runs with one more
/// instrument share an engine.
pub(crate) fn stack_bytes(fuel: u64) -> usize {
    let bytes = fuel.saturating_mul(STACK_BYTES_PER_FUEL);
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let bytes = bytes.clamp(STACK_BYTES_MIN, STACK_BYTES_MAX);
    bytes.next_power_of_two()
}

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    #[error("cannot use the code cache {path:?}: {reason}")]
    Cache { path: PathBuf, reason: String },
    #[error("invalid engine settings: {reason}")]
    Settings { reason: String },
}

/// A compiler and the settings that every guest on it shares. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: wasmtime::Engine,
    settings: EngineSettings,
    /// The compiled code of its one component, where it has a folder for it.
    code: Option<Cache>,
}

impl Engine {
    /// An engine with these settings, which compiles by itself.
    ///
    /// # Errors
    ///
    /// Returns [`EngineError`] if the settings cannot be used.
    pub fn new(settings: EngineSettings) -> Result<Self, EngineError> {
        Self::with_code(settings, None)
    }

    /// An engine that takes the compiled code of its one component from a folder, and puts it there if it is missing.
    /// What is in the folder runs as this process: it must have been authenticated.
    pub(crate) fn with_code(
        settings: EngineSettings,
        code: Option<&Path>,
    ) -> Result<Self, EngineError> {
        let mut config = config(&settings)?;
        let code = code.map(wasmtime_cache).transpose()?;
        config.cache(code.clone());
        let inner = wasmtime::Engine::new(&config).map_err(|error| EngineError::Settings {
            reason: format!("{error:#}"),
        })?;
        Ok(Self {
            inner,
            settings,
            code,
        })
    }

    /// Whether the code of its component was found in the folder, and not compiled by this process.
    pub(crate) fn found_code(&self) -> bool {
        self.code.as_ref().is_some_and(|code| code.cache_hits() > 0)
    }

    /// What it was made from.
    #[must_use]
    pub fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    pub(crate) fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }
}

fn config(settings: &EngineSettings) -> Result<Config, EngineError> {
    let mut config = Config::new();
    // The bits of a NaN differ from processor to processor; here there is one NaN.
    config.cranelift_nan_canonicalization(true);
    // No vectors: relaxed ones differ by definition, and all of them widen the stack frame that a
    // unit of fuel can push.
    config.wasm_relaxed_simd(false);
    config.wasm_simd(false);
    config.relaxed_simd_deterministic(true);
    // One call returns one value: many would make frames that fuel does not pay for.
    config.wasm_multi_value(false);
    // What a strategy does not need and a compiler can get wrong.
    config.wasm_tail_call(false);
    config.wasm_multi_memory(false);
    config.wasm_memory64(false);
    config.wasm_extended_const(false);
    config.wasm_wide_arithmetic(false);
    config.wasm_custom_page_sizes(false);
    // Threads, garbage collection, function references and exceptions are not even compiled in:
    // the workspace takes none of those features of wasmtime.
    // Reference types are on by default and without a setter in this build; Rust's compiler
    // writes table indices in their form.
    // Bulk memory is Rust's `memcpy`.
    config.wasm_bulk_memory(true);
    // Fuel is the limit that counts: the same on every machine.
    config.consume_fuel(true);
    config.operator_cost(operator_cost());
    // The clock is a backstop only. See `watchdog`.
    config.epoch_interruption(true);
    // More stack than the fuel of an ordinary run can push, so that the fuel decides, and on every back end alike.
    config.async_stack_size(settings.stack_bytes());
    config.max_wasm_stack(settings.stack_bytes());
    // A fault names the functions it came from.
    config.wasm_backtrace_max_frames(NonZeroUsize::new(TRACE_FRAMES));
    // Neither of these may change a result; tests compare them.
    config.cranelift_opt_level(match settings.opt {
        OptLevel::None => wasmtime::OptLevel::None,
        OptLevel::Speed => wasmtime::OptLevel::Speed,
    });
    if settings.backend == Backend::Pulley {
        config
            .target("pulley64")
            .map_err(|error| EngineError::Settings {
                reason: format!("{error:#}"),
            })?;
    }
    Ok(config)
}

fn wasmtime_cache(folder: &Path) -> Result<Cache, EngineError> {
    let mut config = CacheConfig::new();
    config.with_directory(folder);
    // No second, better compression after many uses: it would change bytes that are authenticated.
    config.with_optimized_compression_level(config.baseline_compression_level());
    Cache::new(config).map_err(|error| EngineError::Cache {
        path: folder.to_path_buf(),
        reason: format!("{error:#}"),
    })
}

fn operator_cost() -> OperatorCost {
    let mut cost = OperatorCost::new();
    cost.variable.memory_grow_per_page = FUEL_PER_PAGE;
    cost
}

/// Every setting that a result depends on, one a line, as it is digested. The back end, the
/// optimisation level, the cache and the fuel of the run are not among them.
#[must_use]
pub fn settings_text() -> String {
    let on = "bulk-memory component-model consume-fuel epoch-interruption nan-canonicalization \
              reference-types";
    let off = "component-model-async custom-page-sizes exceptions extended-const \
               function-references gc memory64 multi-memory multi-value relaxed-simd simd \
               tail-call threads wide-arithmetic";
    let mut text = format!("counterfoil-sandbox-settings/1\nwasmtime {WASMTIME_MAJOR}\n");
    for (names, state) in [(on, "on"), (off, "off")] {
        for name in names.split_whitespace() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} {state}");
        }
    }
    let host = crate::imports::FUEL_PER_CALL;
    let order = crate::imports::FUEL_PER_ORDER;
    let log = crate::imports::LOG_BYTES_PER_FUEL;
    let _ = writeln!(text, "fuel-per-memory-page {FUEL_PER_PAGE}");
    let _ = writeln!(text, "fuel-per-host-call {host}");
    let _ = writeln!(text, "fuel-per-working-order {order}");
    let _ = writeln!(text, "log-bytes-per-fuel {log}");
    let _ = writeln!(text, "stack-bytes-max {STACK_BYTES_MAX}");
    let _ = writeln!(text, "stack-bytes-per-fuel {STACK_BYTES_PER_FUEL}");
    text
}

/// The SHA-256 of [`settings_text`]: part of a run's manifest.
#[must_use]
pub fn settings_digest() -> Digest {
    Digest::of(settings_text().as_bytes())
}
