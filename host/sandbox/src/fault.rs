//! wasmtime's report on a failed call, as one of the closed list of faults, or as the host's
//! own error. It must never guess: what has no name is [`Fault::OtherTrap`].

use core::str::Utf8Error;

use counterfoil_trading::strategy::{CallbackError, Fault, StrategyFault};
use wasmtime::{Error, Trap};

use crate::limits::LimitBreach;

/// Bytes of a fault's trace: twenty frames fit, and a guest with names of a megabyte does not
/// fill the record.
pub(crate) const TRACE_BYTES_MAX: usize = 2 << 10;

/// wasmtime's sentence for a value that is too large to lift; its type is private.
const TOO_MUCH_DATA: &str = "fuel allocated for hostcalls has been exhausted";

/// How wasmtime begins when there are too many instances, memories or tables.
const TOO_MANY: &str = "resource limit exceeded";

/// The fault, or the host's error, behind wasmtime's for a call.
pub(crate) fn call_error(error: &Error) -> CallbackError {
    // What has no type are the sentences with which wasmtime refuses to lift or lower a value:
    // discriminants, pointers, lengths, alignment.
    named(error, verdict(error).unwrap_or(Ok(Fault::InvalidAnswer)))
}

/// The same for making an instance, where no value crosses: what has no type is the host's.
pub(crate) fn instantiation_error(error: &Error) -> CallbackError {
    let host = || Err(bounded(format!("{error:#}"), TRACE_BYTES_MAX));
    named(error, verdict(error).unwrap_or_else(host))
}

fn named(error: &Error, verdict: Result<Fault, String>) -> CallbackError {
    // Not the debug form: where RUST_BACKTRACE is set it shows the host's own frames and the paths
    // of the machine that built it, which have no place in a journal.
    let trace = bounded(format!("{error:#}"), TRACE_BYTES_MAX);
    match verdict {
        Ok(fault) => CallbackError::Fault(StrategyFault {
            fault,
            message: String::new(),
            trace,
        }),
        Err(reason) => CallbackError::Host(reason),
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

/// The text, cut at a character boundary so that it has at most `bytes_max` bytes.
pub(crate) fn bounded(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}
