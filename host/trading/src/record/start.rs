//! Who started a process of a run, and what allowed it: in the open record, and in the order log for each process.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cbor::{self, CborError, CborReader};

/// Who started a run, and what allowed it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RunStarter {
    /// The name of who started it; `None` where nobody had to be named, as for a backtest.
    pub starter: Option<String>,
    /// The ledger's record that authorized it; `None` without an authorization.
    pub authorization: Option<LedgerEntry>,
}

/// A record of a ledger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LedgerEntry {
    /// The ledger's origin.
    pub ledger: String,
    pub index: u64,
}

impl RunStarter {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 2);
        cbor::put_text_or_null(out, self.starter.as_deref());
        match &self.authorization {
            None => cbor::put_null(out),
            Some(entry) => {
                cbor::put_array(out, 2);
                cbor::put_text(out, &entry.ledger);
                cbor::put_u64(out, entry.index);
            }
        }
    }

    pub(crate) fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        reader.array_of(2, "a start of 2 items")?;
        Ok(Self {
            starter: reader.text_or_null()?,
            authorization: if reader.null() {
                None
            } else {
                reader.array_of(2, "a ledger and an index")?;
                Some(LedgerEntry {
                    ledger: reader.text()?,
                    index: reader.u64()?,
                })
            },
        })
    }
}
