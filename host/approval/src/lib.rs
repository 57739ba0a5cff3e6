//! Every decision that the command line and the server make about people's acts, and the ledger as both
//! write and read it. It must never know which of them asks, nor name an engine or a socket.

pub mod anchors;
pub mod drift;
pub mod field_condition;
pub mod gates;
pub mod host_checks;
pub mod ledger_client;
pub mod ledger_seen;
pub mod ledger_view;
pub mod permit;
pub mod record_json;
pub mod record_search;
pub mod seen_place;
pub mod value_text;
