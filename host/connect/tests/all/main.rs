//! Feeds and broker against protocol servers on this machine: real sockets, faults by script.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod feed_faults;
mod feeds;
mod venue;
