//! The protocol servers that the venues' own tests use.
#![expect(dead_code, reason = "the venues' own tests use all of it")]
#![expect(
    clippy::needless_pass_by_value,
    clippy::cast_possible_wrap,
    clippy::many_single_char_names,
    reason = "as the venues' own tests have it"
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
