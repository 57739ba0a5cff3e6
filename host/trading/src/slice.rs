//! Slices: all bars with one close time, in instrument sequence, and the corporate actions since
//! the slice before. After the last bars a slice may have corporate actions alone. It must never know
//! when a slice is complete: the feed decides that.

use alloc::vec::Vec;

use crate::bar::ClosedBar;
use crate::corporate::{CorporateAction, CorporateActionError};
use crate::instrument::InstrumentId;
use crate::time::UnixNanos;

/// All bars with one close time, at most one an instrument, by instrument id. A slice without bars has
/// corporate actions alone.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Slice {
    bars: Vec<ClosedBar>,
    actions: Vec<CorporateAction>,
}

/// Why a bar cannot join a slice.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SliceError {
    /// The bar closes at another time than the slice.
    #[error("bar closes at {got:?}, the slice at {slice:?}")]
    OtherTime {
        /// The bar's close time.
        got: UnixNanos,
        /// The slice's close time.
        slice: UnixNanos,
    },
    /// The slice has a bar of this instrument already.
    #[error("a second bar of {instrument:?} in the slice")]
    Duplicate {
        /// The instrument.
        instrument: InstrumentId,
    },
    /// The corporate action is invalid.
    #[error(transparent)]
    Action(#[from] CorporateActionError),
}

impl Slice {
    /// Adds a bar, in its place.
    ///
    /// # Errors
    ///
    /// Returns [`SliceError`] if the bar closes at another time or its instrument is in already.
    pub fn add(&mut self, bar: ClosedBar) -> Result<(), SliceError> {
        let id = bar.get().instrument;
        if let Some(slice) = self.close_time()
            && slice != bar.get().close_time
        {
            return Err(SliceError::OtherTime {
                got: bar.get().close_time,
                slice,
            });
        }
        // Sorted by instrument, whatever the sequence of arrival: the records and their digest must not
        // depend on which feed was faster.
        match self
            .bars
            .binary_search_by_key(&id, |bar| bar.get().instrument)
        {
            Ok(_) => Err(SliceError::Duplicate { instrument: id }),
            Err(place) => {
                self.bars.insert(place, bar);
                Ok(())
            }
        }
    }

    /// Adds a corporate action whose ex-time is not before the close of the slice before and, in a slice
    /// with bars, before the close of this one: a close is the first moment after a bar.
    /// Actions are sorted by instrument id, then ex-time, then split, dividend, symbol change, delisting,
    /// halt, session end, whatever the sequence in which they are added.
    ///
    /// # Errors
    ///
    /// Returns [`SliceError::Action`] if its values are invalid.
    pub fn add_action(&mut self, action: CorporateAction) -> Result<(), SliceError> {
        action.check_values()?;
        // One sequence for every source: a dividend before or after a split of the same moment is paid on
        // another number of shares.
        let place = self.actions.partition_point(|other| *other <= action);
        self.actions.insert(place, action);
        Ok(())
    }

    /// The corporate actions, in the sequence in which they are applied.
    #[inline]
    #[must_use]
    pub fn actions(&self) -> &[CorporateAction] {
        &self.actions
    }

    /// The close time all bars share; `None` without bars.
    #[inline]
    #[must_use]
    pub fn close_time(&self) -> Option<UnixNanos> {
        self.bars.first().map(|bar| bar.get().close_time)
    }

    /// The time that the slice's records have: the close time, or without bars the latest ex-time of the
    /// corporate actions; `None` while the slice is empty.
    #[must_use]
    pub fn time(&self) -> Option<UnixNanos> {
        let last_action = || self.actions.iter().map(|action| action.ex_time).max();
        self.close_time().or_else(last_action)
    }

    /// The bars, by instrument id.
    #[inline]
    #[must_use]
    pub fn bars(&self) -> &[ClosedBar] {
        &self.bars
    }

    /// The bar of one instrument.
    #[must_use]
    pub fn bar_of(&self, id: InstrumentId) -> Option<&ClosedBar> {
        let place = self
            .bars
            .binary_search_by_key(&id, |bar| bar.get().instrument)
            .ok()?;
        self.bars.get(place)
    }

    /// Takes all bars and actions out, so that the memory serves the next slice.
    #[inline]
    pub fn clear(&mut self) {
        self.bars.clear();
        self.actions.clear();
    }
}
