//! An order's path from its release to a venue: the token that binds it, the states it passes, and the
//! records of them. Pure: `counterfoil-runner` has the files and the keys.
//!
//! It must never know a venue's protocol, a key or a clock. Every transition is a function of a
//! state and an event, so that a test can walk through all of them.

mod authorization;
mod order_log;
mod reconciliation;
mod refusal;
mod submission;

pub use authorization::{OrderAuthorization, TokenContext, VenueOrderId, check_token};
pub use order_log::{ClockReport, EndedSubmission, OrderLogRecord};
pub use reconciliation::{ReconcileTrigger, Reconciliation, VenueDifference};
pub use refusal::TokenRefusal;
pub use submission::{
    DurableMark, LookupAnswer, SubmissionEnd, SubmissionEvent, SubmissionPhase, SubmissionState,
    SubmissionStep, VenueAnswer, recover_state,
};
