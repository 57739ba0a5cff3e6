//! The broker's protocol server, as its own tests use it.
#![expect(dead_code, reason = "the broker's own tests use all of it")]
#![expect(
    clippy::needless_pass_by_value,
    clippy::wildcard_enum_match_arm,
    reason = "as the broker's own tests have it"
)]

#[path = "../../../host/connect/tests/all/venue/exchange.rs"]
pub(crate) mod exchange;
#[path = "../../../host/connect/tests/all/venue/fault.rs"]
pub(crate) mod fault;
#[path = "../../../host/connect/tests/all/venue/http.rs"]
pub(crate) mod http;
