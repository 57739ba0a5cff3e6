//! Takes records while they are sealed. It must never change one, or hold a run up with an error.

use core::fmt;

use counterfoil_trading::journal::RecordBytes;

/// Takes the records of a run in their sequence, on the thread that seals them. It is dropped once the journal is whole.
pub trait RecordSink: fmt::Debug + Send {
    /// Takes the record in entry `index`.
    fn record(&mut self, index: u64, record: RecordBytes<'_>);
}
