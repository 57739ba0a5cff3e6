//! What an order passes between its release and a venue: a token that binds it, the states it goes
//! through, and what is written down of it. Pure: `counterfoil-runner` has the files and the keys.
//!
//! It must never know a venue's protocol, a key or a clock. Every transition is a function of a
//! state and an event, so that a test can walk through all of them.

mod authorization;
mod life;
mod reconciliation;
mod record;
mod refusal;

pub use authorization::{Authorization, Standing, VenueOrderId, check};
pub use life::{Answer, End, Event, Life, Lookup, Mark, Phase, Step, recovered};
pub use reconciliation::{Difference, Occasion, Reconciled};
pub use record::{ClockWord, LogRecord, Outcome};
pub use refusal::Refusal;
