//! Feeds and broker against protocol servers on this machine: real sockets, faults by script.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot continue has failed"
)]
#![expect(
    clippy::cast_possible_wrap,
    clippy::many_single_char_names,
    clippy::needless_pass_by_value,
    clippy::wildcard_enum_match_arm,
    reason = "a market of small numbers, and tests that name what they look for"
)]

mod attacks;
mod bridge;
mod brokers;
mod feed_faults;
mod feeds;
mod tls;
mod treatments;
mod venue;
