//! Temporary files while a source is read: sorted, framed, staged. It must never know what a row means.

pub(crate) mod series;
pub(crate) mod sort;
pub(crate) mod spool_file;
pub(crate) mod staging;
