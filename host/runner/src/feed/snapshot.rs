//! Slices of a snapshot.

use counterfoil_snapshot::slices::Slices;
use counterfoil_trading::slice::Slice;

use super::{Feed, FeedError, Next};

/// Slices of a snapshot.
#[derive(Debug)]
pub struct SnapshotFeed(pub Slices);

impl Feed for SnapshotFeed {
    fn next(&mut self, slice: &mut Slice) -> Result<Next, FeedError> {
        Ok(if self.0.next_into(slice)? {
            Next::Slice
        } else {
            Next::End
        })
    }
}
