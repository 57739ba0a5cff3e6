//! Addresses, encryption, one HTTP client and one WebSocket. It must never know what is sent.

pub mod credentials;
pub mod dial;
pub mod endpoint;
pub mod http;
pub mod secret;
pub mod socket;
