//! Refused inputs between two slices: the first are recorded in full, further ones are counted and recorded
//! together. It must never know why an input is refused.

use counterfoil_trading::record::RefusedInput;
use counterfoil_trading::slice::Slice;
use serde_json::json;

use super::{FeedError, FeedItem};

/// Refused inputs that are recorded in full between two slices. Each is a signed record of about 200 bytes, and may
/// cost its sender one.
const RECORDED_MAX: u64 = 100;

/// Refused inputs between two slices after which a connection is dropped.
const REFUSED_MAX: u64 = 10_000;

/// Letters of a reason: the text repeats what a sender chose, and a record must fit in an entry.
const REASON_LETTERS_MAX: usize = 500;

/// Counts the refused inputs since the last slice.
#[derive(Debug, Default)]
pub(super) struct RefusalFold {
    refused: u64,
    /// Those of them that no record holds yet.
    unrecorded: u64,
    last_reason: String,
    /// What the feed gave while refused inputs were still to be recorded in front of it.
    held: Option<Result<FeedItem, FeedError>>,
    held_slice: Slice,
}

impl RefusalFold {
    /// What was held back for a record.
    pub(super) fn take_held(&mut self, slice: &mut Slice) -> Option<Result<FeedItem, FeedError>> {
        let held = self.held.take()?;
        if matches!(held, Ok(FeedItem::Slice)) {
            core::mem::swap(slice, &mut self.held_slice);
        }
        Some(held)
    }

    /// Whether a sender has sent so much that is refused that its connection is dropped.
    pub(super) const fn is_flooded(&self) -> bool {
        self.refused >= REFUSED_MAX
    }

    /// Why it is dropped.
    pub(super) fn flood_reason(&self) -> String {
        format!(
            "{} inputs were refused since the last slice; the last: {}",
            self.refused, self.last_reason
        )
    }

    /// The feed's item, or in its place the record of the refused inputs before it.
    pub(super) fn pass(
        &mut self,
        item: Result<FeedItem, FeedError>,
        slice: &mut Slice,
    ) -> Result<FeedItem, FeedError> {
        match item {
            Ok(FeedItem::Refused(input)) => Ok(self.count(input)),
            Ok(FeedItem::Known | FeedItem::Nothing) => item,
            // Recorded in front of whatever ends the row, an error included: an input that is only counted must
            // not go without a trace.
            Ok(FeedItem::Slice | FeedItem::Stop(_) | FeedItem::End) | Err(_) => {
                let folded = self.fold();
                self.refused = 0;
                let Some(folded) = folded else { return item };
                if matches!(item, Ok(FeedItem::Slice)) {
                    core::mem::swap(slice, &mut self.held_slice);
                    slice.clear();
                }
                self.held = Some(item);
                Ok(folded)
            }
        }
    }

    fn count(&mut self, mut input: RefusedInput) -> FeedItem {
        if let Some((cut, _)) = input.reason.char_indices().nth(REASON_LETTERS_MAX) {
            input.reason.truncate(cut);
            input.reason.push('…');
        }
        self.refused = self.refused.saturating_add(1);
        if self.refused <= RECORDED_MAX {
            return FeedItem::Refused(input);
        }
        self.unrecorded = self.unrecorded.saturating_add(1);
        self.last_reason = input.reason;
        // Recorded at each doubling as well: a stop or a crash may come before the next slice, and then no more
        // than half of the count is missing.
        let is_due = self.refused.is_multiple_of(RECORDED_MAX)
            && self
                .refused
                .checked_div(RECORDED_MAX)
                .is_some_and(u64::is_power_of_two);
        let folded = (is_due || self.refused == REFUSED_MAX).then(|| self.fold());
        folded.flatten().unwrap_or(FeedItem::Nothing)
    }

    /// One record for the inputs that no record holds.
    fn fold(&mut self) -> Option<FeedItem> {
        let count = core::mem::take(&mut self.unrecorded);
        if count == 0 {
            return None;
        }
        let last = &self.last_reason;
        Some(FeedItem::Refused(RefusedInput {
            reason: format!("inputs-refused: {count} more since the last slice; the last: {last}"),
            input: json!({"event": "inputs-refused", "count": count})
                .to_string()
                .into_bytes(),
        }))
    }
}

#[cfg(test)]
mod tests;
