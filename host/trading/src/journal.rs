//! The journal's door as this crate sees it: records go in, a receipt comes out. It must never
//! know hashes, files or signatures.

/// A record on its way into the journal.
#[derive(Clone, Copy, Debug)]
pub struct RecordBytes<'a> {
    /// The whole record: the body of one journal entry.
    pub body: &'a [u8],
    /// The deterministic part inside `body`, where the record counts for the decision digest.
    pub digested: Option<&'a [u8]>,
    /// When a checkpoint covers it.
    pub seal: RecordSeal,
    /// Whether it is a decision without a request, as most are. No reader of orders needs it while no order waits.
    pub is_silent: bool,
}

/// When a checkpoint covers a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecordSeal {
    /// With a later record, which follows in any case.
    Later,
    /// At the run's cadence, whose unit these records are: they may release orders, as a decision, a margin call, a
    /// fault, a stop and a wind-down do.
    AtCadence,
    /// At once: no later record has to follow.
    Now,
}

/// Where records go.
pub trait Journal {
    /// Why a record was not taken.
    type Error;

    /// Takes a record. When this returns, the record is accepted under the run's checkpoint
    /// cadence; at cadence 1 that means durable and signed.
    ///
    /// # Errors
    ///
    /// Returns an error if the record cannot be made as safe as the cadence asks. The state of
    /// the journal is unknown then: the run stops.
    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), Self::Error>;
}

/// The journal has the record. Only [`append`] makes one.
#[derive(Debug)]
#[must_use]
pub struct Receipt(());

/// Appends a record and returns the receipt that releases what it decided.
///
/// # Errors
///
/// Returns the journal's error; nothing may be released then.
pub fn append<J: Journal>(journal: &mut J, record: RecordBytes<'_>) -> Result<Receipt, J::Error> {
    // The only place that makes a receipt, and only behind this `?`: a record that the journal did not
    // take releases nothing.
    journal.accept(record)?;
    Ok(Receipt(()))
}
