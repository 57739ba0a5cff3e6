//! Closed bars as newline-delimited JSON, from standard input or a socket.
//!
//! A slice ends when every instrument has reported, at `{"end-of-slice":true}`, or at a bar with
//! a later close time. Whatever cannot join its slice is refused and kept.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::decimal;
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::record::RefusedInput;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Price, Volume};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Feed, FeedError, Next};
use crate::times::parse_time;

/// The most bytes of one line: a bar takes about 200.
pub const LINE_BYTES_MAX: u64 = 64 << 10;

/// A line of the feed. Prices and volume are decimals, as texts or numbers; times are RFC 3339
/// texts, dates, or whole nanoseconds since 1970.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Line<'a> {
    #[serde(default)]
    end_of_slice: bool,
    symbol: Option<&'a str>,
    #[serde(borrow, alias = "open_time")]
    open_time: Option<&'a RawValue>,
    #[serde(borrow, alias = "close_time")]
    close_time: Option<&'a RawValue>,
    #[serde(borrow)]
    open: Option<&'a RawValue>,
    #[serde(borrow)]
    high: Option<&'a RawValue>,
    #[serde(borrow)]
    low: Option<&'a RawValue>,
    #[serde(borrow)]
    close: Option<&'a RawValue>,
    #[serde(borrow)]
    volume: Option<&'a RawValue>,
}

/// Where lines come from.
pub trait LineSource {
    /// Puts the next line, without more than [`LINE_BYTES_MAX`] of its bytes, into `line`, which is
    /// empty; false at the end.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not known whether there is another.
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool>;

    /// Hears what became of the line that was given last.
    fn treated(&mut self, _treatment: Treatment) {}
}

impl<R: BufRead> LineSource for R {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        let mut limited = io::Read::take(self, LINE_BYTES_MAX);
        Ok(limited.read_until(b'\n', line)? > 0)
    }
}

/// What became of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Treatment {
    /// A closed bar that belongs to a slice which will be decided.
    Taken,
    /// A mark, or an empty line.
    Mark,
    /// A bar that was decided before.
    Known,
    /// It is recorded as refused.
    Refused(String),
}

/// A feed of lines.
#[derive(Debug)]
pub struct LineFeed<R> {
    source: R,
    instruments: Vec<Instrument>,
    line: Vec<u8>,
    /// A bar that closed the slice before it and belongs to the next.
    ahead: Option<ClosedBar>,
    /// Close time of the last slice that was given out.
    ended: Option<UnixNanos>,
    /// The slice under way.
    pending: Slice,
    /// What was decided before this feed was connected.
    decided: BTreeMap<(UnixNanos, InstrumentId), ClosedBar>,
    /// Whether the last line was a bar decided before: a mark after it is of its slice.
    is_behind: bool,
}

/// What a run has decided of a feed that is connected again.
#[derive(Debug, Default)]
pub struct Decided {
    /// Every bar.
    pub bars: BTreeMap<(UnixNanos, InstrumentId), ClosedBar>,
    /// The bars of a last slice that may not be whole.
    pub open: Slice,
    /// Close time of the last slice that is whole.
    pub ended: Option<UnixNanos>,
}

/// What a line means for the slice under way.
enum Step {
    Bar(ClosedBar),
    EndOfSlice,
}

impl<R: LineSource> LineFeed<R> {
    /// A feed of the manifest's instruments.
    pub fn new(source: R, instruments: &[Instrument]) -> Self {
        Self::go_on(source, instruments, Decided::default())
    }

    /// A feed that may send again what was decided before, and ends the slice that is open.
    pub fn go_on(source: R, instruments: &[Instrument], decided: Decided) -> Self {
        Self {
            source,
            instruments: instruments.to_vec(),
            line: Vec::new(),
            ahead: None,
            ended: decided.ended,
            pending: decided.open,
            decided: decided.bars,
            is_behind: false,
        }
    }

    /// What a bar is that was decided before; `None` if it was not.
    fn known(&mut self, bar: &ClosedBar) -> Option<Next> {
        let place = (bar.get().close_time, bar.get().instrument);
        let decided = self.decided.get(&place)?;
        self.is_behind = self
            .pending
            .close_time()
            .is_none_or(|under_way| place.0 < under_way);
        Some(if decided == bar {
            self.source.treated(Treatment::Known);
            Next::Known
        } else {
            self.refused("another bar of this time was decided before".to_owned())
        })
    }

    /// Reads a line without its end; false at the end of the stream.
    fn read_line(&mut self) -> Result<bool, FeedError> {
        self.line.clear();
        let more = self.source.next_line(&mut self.line);
        more.map_err(FeedError::Stream)
    }

    fn parse(&self) -> Result<Step, String> {
        parse_line(&self.line, &self.instruments)
    }

    fn refused(&mut self, reason: String) -> Next {
        self.source.treated(Treatment::Refused(reason.clone()));
        Next::Refused(RefusedInput {
            reason,
            input: self.line.trim_ascii().to_vec(),
        })
    }

    /// Gives the slice under way out.
    fn give(&mut self, slice: &mut Slice) -> Next {
        core::mem::swap(slice, &mut self.pending);
        self.pending.clear();
        self.ended = slice.close_time();
        Next::Slice
    }

    fn is_whole(&self) -> bool {
        self.pending.bars().len() == self.instruments.len()
    }
}

/// What a line says of these instruments, or why it says nothing.
fn parse_line(line: &[u8], instruments: &[Instrument]) -> Result<Step, String> {
    let line: Line<'_> =
        serde_json::from_slice(line.trim_ascii()).map_err(|error| error.to_string())?;
    if line.end_of_slice {
        return Ok(Step::EndOfSlice);
    }
    let symbol = line.symbol.ok_or("field symbol is missing")?;
    let place = instruments.iter().position(|one| one.symbol() == symbol);
    let place = place.ok_or_else(|| format!("the run has no instrument {symbol:?}"))?;
    let instrument = instruments
        .get(place)
        .ok_or("the run has no such instrument")?;
    let number = |name: &str, raw: Option<&RawValue>, scale| {
        let text = raw.ok_or_else(|| format!("field {name} is missing"))?.get();
        let value = decimal::parse(text.trim_matches('"'), scale)
            .map_err(|error| format!("field {name}: {error}"))?;
        i64::try_from(value).map_err(|_| format!("field {name}: too large"))
    };
    let time = |name: &str, raw: Option<&RawValue>| {
        let text = raw.ok_or_else(|| format!("field {name} is missing"))?.get();
        let text = text.trim_matches('"');
        let nanos = text.parse().ok().map(UnixNanos);
        nanos
            .or_else(|| parse_time(text))
            .ok_or_else(|| format!("field {name} is no time"))
    };
    let price = |name, raw| number(name, raw, instrument.price_scale()).map(Price);
    let raw = RawBar {
        instrument: InstrumentId(u32::try_from(place).unwrap_or(u32::MAX)),
        open_time: time("open-time", line.open_time)?,
        close_time: time("close-time", line.close_time)?,
        open: price("open", line.open)?,
        high: price("high", line.high)?,
        low: price("low", line.low)?,
        close: price("close", line.close)?,
        volume: Volume(number("volume", line.volume, instrument.volume_scale())?),
    };
    ClosedBar::parse(raw)
        .map_err(|error| error.to_string())
        .map(Step::Bar)
}

/// The bar in a line that a feed refused, if there is one.
pub(crate) fn bar_in(line: &[u8], instruments: &[Instrument]) -> Option<ClosedBar> {
    match parse_line(line, instruments) {
        Ok(Step::Bar(bar)) => Some(bar),
        Ok(Step::EndOfSlice) | Err(_) => None,
    }
}

impl<R: LineSource> Feed for LineFeed<R> {
    fn next(&mut self, slice: &mut Slice) -> Result<Next, FeedError> {
        slice.clear();
        if let Some(bar) = self.ahead.take() {
            self.pending.add(bar)?;
        }
        loop {
            if self.is_whole() {
                return Ok(self.give(slice));
            }
            if !self.read_line()? {
                let empty = self.pending.bars().is_empty();
                return Ok(if empty { Next::End } else { self.give(slice) });
            }
            if self.line.trim_ascii().is_empty() {
                self.source.treated(Treatment::Mark);
                continue;
            }
            let bar = match self.parse() {
                Ok(Step::Bar(bar)) => bar,
                Ok(Step::EndOfSlice) => {
                    self.source.treated(Treatment::Mark);
                    let is_of_another = core::mem::take(&mut self.is_behind);
                    if is_of_another || self.pending.bars().is_empty() {
                        continue;
                    }
                    return Ok(self.give(slice));
                }
                Err(reason) => return Ok(self.refused(reason)),
            };
            if let Some(known) = self.known(&bar) {
                return Ok(known);
            }
            self.is_behind = false;
            let time = bar.get().close_time;
            if self.ended.is_some_and(|ended| time <= ended) {
                return Ok(self.refused("its slice has ended".to_owned()));
            }
            match self.pending.close_time() {
                Some(under_way) if time < under_way => {
                    return Ok(self.refused("closes before the slice under way".to_owned()));
                }
                Some(under_way) if time > under_way => {
                    self.source.treated(Treatment::Taken);
                    self.ahead = Some(bar);
                    return Ok(self.give(slice));
                }
                _ => {}
            }
            if let Err(error) = self.pending.add(bar) {
                return Ok(self.refused(error.to_string()));
            }
            self.source.treated(Treatment::Taken);
        }
    }
}
