//! Immutable market data, named by digest.
