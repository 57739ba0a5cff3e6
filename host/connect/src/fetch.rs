//! Requests for the history of venues, one at a time: addresses, targets, limits, and what an answer means. It must
//! never know where an answer is kept.

pub mod answer;
pub mod client;
pub mod source;
pub mod target;
