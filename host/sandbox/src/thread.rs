//! Threads with a stack on which a guest can run. It must never know what runs there.
//!
//! wasmtime stops a guest at `max_wasm_stack`, but does not make the thread's stack that large:
//! on a smaller one the process would abort. So guests start only here.

use core::cell::Cell;
use std::io;
use std::panic;
use std::thread::{Builder, scope};

/// Stack for the host below and above the guest: half of it was the most that was seen.
pub const HOST_STACK_BYTES: usize = 2 << 20;

thread_local! {
    /// Bytes of stack of this thread, where [`guest_thread`] made it; else 0.
    static STACK_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Runs `work` on a new thread with a stack of `stack_bytes` and waits for it. Take the size from
/// [`crate::engine::EngineSettings::thread_stack_bytes`].
///
/// The stack is address space only, until it is used. A panic in `work` continues in the caller.
///
/// # Errors
///
/// Returns the operating system's error if it has no such thread to give.
pub fn guest_thread<T: Send>(stack_bytes: usize, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    scope(|threads| {
        let thread = Builder::new()
            .name(String::from("guest"))
            .stack_size(stack_bytes)
            .spawn_scoped(threads, move || {
                // Set by the thread itself, so that no other thread can claim to have this stack.
                STACK_BYTES.set(stack_bytes);
                work()
            })?;
        match thread.join() {
            Ok(result) => Ok(result),
            // A bug of the host stays loud: swallowed here, a run would end like one whose strategy had nothing to say.
            Err(cause) => panic::resume_unwind(cause),
        }
    })
}

/// Bytes of stack that [`guest_thread`] gave to this thread; 0 on any other.
#[must_use]
pub fn stack_bytes() -> usize {
    STACK_BYTES.get()
}
