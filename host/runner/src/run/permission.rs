//! Whether a run that people authorized may continue. The run asks; it must never know who decides, or by
//! which rules.

use core::fmt::Debug;

use counterfoil_trading::record::RunStop;
use counterfoil_trading::time::UnixNanos;

/// The standing permission of one run, checked before each slice and before each order.
pub trait RunPermission: Debug + Send + Sync {
    /// Checks that the run is still permitted at `now`.
    ///
    /// # Errors
    ///
    /// Returns the [`RunStop`] that ends the run, with the rule's code at the start of its message.
    fn check(&self, now: UnixNanos) -> Result<(), RunStop>;
}
