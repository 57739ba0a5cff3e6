//! wasmtime's report on a failed call, as one of the closed list of faults, or as the host's
//! own error. It must never guess: what has no name is [`Fault::OtherTrap`].

use core::str::Utf8Error;

use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::strategy::{CallbackError, Fault, StrategyFault};
use wasmtime::{Error, Trap};

use crate::call_fuel::CallFuel;
use crate::cut::bounded;
use crate::limits::LimitBreach;

/// Bytes of a fault's trace: twenty frames fit, and a guest with names of a megabyte does not
/// fill the record.
pub(crate) const TRACE_BYTES_MAX: usize = 2 << 10;

/// wasmtime's sentence for a value that is too large to lift; its type is private.
const TOO_MUCH_DATA: &str = "fuel allocated for hostcalls has been exhausted";

/// How wasmtime begins when there are too many instances, memories or tables.
const TOO_MANY: &str = "resource limit exceeded";

/// What a fault's message is made from, beside wasmtime's error.
#[derive(Clone, Debug)]
pub(crate) struct CallFacts<'a> {
    pub(crate) limits: &'a SandboxLimits,
    /// What gave the call its fuel.
    pub(crate) fuel: CallFuel,
    /// What the guest's panic hook logged in this call, if anything.
    pub(crate) panic: Option<String>,
}

/// The fault, or the host's error, behind wasmtime's for a call.
pub(crate) fn call_error(error: &Error, facts: CallFacts<'_>) -> CallbackError {
    // What has no type are the sentences with which wasmtime refuses to lift or lower a value:
    // discriminants, pointers, lengths, alignment.
    let verdict = verdict(error).unwrap_or(Ok(Fault::InvalidAnswer));
    named(error, verdict, facts)
}

/// The same for making an instance, where no value crosses: what has no type is the host's.
pub(crate) fn instantiation_error(error: &Error, limits: &SandboxLimits) -> CallbackError {
    let host = || Err(bounded(format!("{error:#}"), TRACE_BYTES_MAX));
    let facts = CallFacts {
        limits,
        fuel: CallFuel::Describe,
        panic: None,
    };
    named(error, verdict(error).unwrap_or_else(host), facts)
}

fn named(error: &Error, verdict: Result<Fault, String>, facts: CallFacts<'_>) -> CallbackError {
    // Not the debug form: where RUST_BACKTRACE is set it shows the host's own frames and the paths
    // of the machine that built it, which have no place in a journal.
    let trace = bounded(format!("{error:#}"), TRACE_BYTES_MAX);
    match verdict {
        Ok(fault) => CallbackError::Fault(StrategyFault {
            fault,
            message: message(fault, error, facts),
            trace,
        }),
        Err(reason) => CallbackError::Host(reason),
    }
}

/// The deterministic part of what a fault says: the panic's own text, or the limit to raise. It is digested,
/// so it takes nothing from the engine but what the guest asked for.
fn message(fault: Fault, error: &Error, facts: CallFacts<'_>) -> String {
    let limits = facts.limits;
    match fault {
        Fault::Unreachable => facts.panic.unwrap_or_default(),
        Fault::OutOfFuel => facts.fuel.advice(limits),
        Fault::MemoryLimit | Fault::TableLimit => error
            .downcast_ref::<LimitBreach>()
            .map(ToString::to_string)
            .unwrap_or_default(),
        Fault::InstanceLimit => format!("raise limits.instances ({})", limits.instances),
        Fault::AnswerTooLarge => format!("raise limits.answer-bytes ({})", limits.answer_bytes),
        Fault::StackOverflow => String::from("not portable: another back end may have more stack"),
        Fault::StrategyError
        | Fault::MemoryOutOfBounds
        | Fault::BadIndirectCall
        | Fault::BadArithmetic
        | Fault::InvalidAnswer
        | Fault::OtherTrap => String::new(),
    }
}

fn verdict(error: &Error) -> Option<Result<Fault, String>> {
    if let Some(refusal) = error.downcast_ref::<LimitBreach>() {
        return Some(match refusal {
            LimitBreach::Limit { fault, .. } => Ok(*fault),
            LimitBreach::Host(reason) => Err(reason.clone()),
        });
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Some(of_trap(*trap));
    }
    let root = error.root_cause();
    if root.is::<Utf8Error>() {
        return Some(Ok(Fault::InvalidAnswer));
    }
    let text = root.to_string();
    if text.contains(TOO_MUCH_DATA) {
        return Some(Ok(Fault::AnswerTooLarge));
    }
    if text.starts_with(TOO_MANY) {
        return Some(Ok(Fault::InstanceLimit));
    }
    None
}

fn of_trap(trap: Trap) -> Result<Fault, String> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "wasmtime's list is open; ours is closed and has a name for the rest"
    )]
    Ok(match trap {
        // The clock's verdict is not a verdict on the strategy.
        Trap::Interrupt => {
            return Err(String::from(
                "the callback ran into its wall-clock deadline",
            ));
        }
        Trap::OutOfFuel => Fault::OutOfFuel,
        Trap::StackOverflow => Fault::StackOverflow,
        Trap::UnreachableCodeReached => Fault::Unreachable,
        Trap::MemoryOutOfBounds => Fault::MemoryOutOfBounds,
        Trap::TableOutOfBounds | Trap::IndirectCallToNull | Trap::BadSignature => {
            Fault::BadIndirectCall
        }
        Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger => {
            Fault::BadArithmetic
        }
        Trap::InvalidChar
        | Trap::StringOutOfBounds
        | Trap::ListOutOfBounds
        | Trap::InvalidDiscriminant
        | Trap::UnalignedPointer => Fault::InvalidAnswer,
        _ => Fault::OtherTrap,
    })
}
