//! The three layers, from a raw file to a snapshot, and the lineage of a snapshot. It must never
//! know a file format.

pub mod derive;
pub mod fetch_index;
pub mod fetched;
pub mod ingest;
pub mod lineage;
pub mod raw;
pub mod report;

pub(crate) mod bars;
pub(crate) mod close_stamps;
pub(crate) mod column_actions;
pub(crate) mod curate;
pub(crate) mod fetched_records;
pub(crate) mod instrument_clock;
pub(crate) mod merge;
pub(crate) mod normalize;
pub(crate) mod option_settings;
pub(crate) mod plan;
pub(crate) mod publish;
pub(crate) mod ticker_history;
pub(crate) mod timeframes;
