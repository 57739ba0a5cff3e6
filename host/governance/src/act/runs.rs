//! What acts on runs speak of. Whether a run may start must never be known here.

use super::registry::DigestSet;
use crate::digest::Digest;
use crate::id::Id;

/// The start of one run, for one market, timeframe and account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunStart {
    /// The run id.
    pub run: Digest,
    /// What it runs, under what.
    pub set: DigestSet,
    /// The account.
    pub account: Id,
    /// The market.
    pub market: String,
    /// The timeframe.
    pub timeframe: String,
}
