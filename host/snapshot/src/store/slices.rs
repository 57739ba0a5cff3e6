//! Bars of several instruments, merged into slices by close time. It must never look ahead of the
//! slice it gives, but for one bar an instrument.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;

use crate::store::batches::BarReader;
use crate::store::read_error::ReadError;

/// The slices of a selection, in sequence of close time.
#[derive(Debug)]
pub struct SliceReader {
    inputs: Vec<InstrumentHead>,
    /// Close time and place of each input's next bar, earliest first.
    next: BinaryHeap<Reverse<(UnixNanos, usize)>>,
    started: bool,
}

#[derive(Debug)]
struct InstrumentHead {
    reader: BarReader,
    head: Option<ClosedBar>,
}

impl SliceReader {
    pub(crate) fn new(readers: Vec<BarReader>) -> Self {
        let next = BinaryHeap::with_capacity(readers.len());
        let inputs = readers
            .into_iter()
            .map(|reader| InstrumentHead { reader, head: None })
            .collect();
        Self {
            inputs,
            next,
            started: false,
        }
    }

    /// Puts the next slice in the place of what `slice` holds; `false`, and an empty slice, after
    /// the last.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if a file cannot be read or was changed. What was given before it is
    /// sound.
    pub fn next_into(&mut self, slice: &mut Slice) -> Result<bool, ReadError> {
        slice.clear();
        // One instrument needs no heap: this is the path of most backtests.
        if let [input] = self.inputs.as_mut_slice() {
            let Some(bar) = input.reader.next_bar()? else {
                return Ok(false);
            };
            slice.add(bar)?;
            return Ok(true);
        }
        if !self.started {
            self.started = true;
            for place in 0..self.inputs.len() {
                self.advance(place)?;
            }
        }
        let Some(Reverse((close_time, _))) = self.next.peek().copied() else {
            return Ok(false);
        };
        // The heap gives equal times in sequence of place, which is the sequence of ids.
        while let Some(Reverse((time, place))) = self.next.peek().copied()
            && time == close_time
        {
            self.next.pop();
            if let Some(bar) = self.advance(place)? {
                slice.add(bar)?;
            }
        }
        Ok(true)
    }

    /// Takes an input's next bar and puts the one after it in line.
    fn advance(&mut self, place: usize) -> Result<Option<ClosedBar>, ReadError> {
        let Some(input) = self.inputs.get_mut(place) else {
            return Ok(None);
        };
        // One bar ahead of what was given, so that the heap knows the next close. No caller sees it
        // before its slice comes.
        let head = input.reader.next_bar()?;
        if let Some(bar) = &head {
            self.next.push(Reverse((bar.get().close_time, place)));
        }
        Ok(core::mem::replace(&mut input.head, head))
    }
}
