//! An index of the ledger: which records have which terms, and how much of the ledger was verified when it
//! was made. It must never be the only place of anything: every answer is the same without it.
//!
//! ```text
//! DATA/index/ledger/lock   held while a process uses the index
//! DATA/index/ledger/seal   how much of the ledger it knows, and the digest of its files
//! DATA/index/ledger/db/…   sled's files
//! ```

mod files;
mod seal;
mod search;
mod store;

pub use seal::IndexSecret;
pub use search::{
    AnsweredBy, AnyTerm, SearchCandidates, SearchTerm, indexed_records, rebuild, search,
};
pub use store::{IndexError, TERM_BYTES_MAX};
