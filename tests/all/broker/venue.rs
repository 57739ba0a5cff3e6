//! The protocol server that the broker's own tests use.
#![expect(dead_code, reason = "the broker's own tests use all of it")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "as the broker's own tests have it"
)]

#[path = "../../../host/connect/tests/all/venue/exchange.rs"]
pub(crate) mod exchange;
#[path = "../../../host/connect/tests/all/venue/fault.rs"]
pub(crate) mod fault;
#[path = "../../../host/connect/tests/all/venue/history.rs"]
pub(crate) mod history;
#[path = "../../../host/connect/tests/all/venue/http.rs"]
pub(crate) mod http;
#[path = "../../../host/connect/tests/all/venue/market.rs"]
pub(crate) mod market;
#[path = "../../../host/connect/tests/all/venue/stream.rs"]
pub(crate) mod stream;
