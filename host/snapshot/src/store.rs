//! Snapshots on disk, read and written with every byte checked. It must never know how one was made.

pub mod acceptance;
pub mod manifest;
pub mod quarantine;
pub mod read_error;
pub mod recipe;
pub mod selection;
pub mod slices;
pub mod snapshot;
pub mod snapshot_id;

pub(crate) mod arrow_file;
pub(crate) mod batches;
pub(crate) mod contents;
pub(crate) mod hashing;
pub(crate) mod line_list;
pub(crate) mod lists;
pub(crate) mod load;
pub(crate) mod text;
pub(crate) mod write;
