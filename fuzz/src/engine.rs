//! What needs the crates that bring wasmtime: live lines and components. It must never compile or
//! run a component.

use counterfoil_runner::run::feed::{FeedItem, LineFeed, SliceFeed};
use counterfoil_sandbox::admission;
use counterfoil_trading::bar_grid::BarSequence;
use counterfoil_trading::exchange_calendar::InstrumentCalendars;
use counterfoil_trading::instrument::{Instrument, InstrumentGrid};
use counterfoil_trading::slice::Slice;

/// The instruments of the corpus: two, of different scales.
fn instruments() -> Vec<Instrument> {
    [("AAA", 2, 0), ("BBB", 4, 2)]
        .into_iter()
        .map(|(symbol, price_scale, volume_scale)| {
            let grid = InstrumentGrid {
                volume_scale,
                ..InstrumentGrid::whole_units(price_scale)
            };
            Instrument::new(symbol.to_owned(), grid).expect("an instrument that holds")
        })
        .collect()
}

/// A stream of lines comes to its end. Slices are whole, in the sequence of their close times, and
/// what is refused is a line of the stream.
pub fn feed(bytes: &[u8]) {
    let timeframe = "1d".parse().expect("a timeframe");
    let bars = BarSequence::new(timeframe, InstrumentCalendars::default(), 2);
    let mut feed = LineFeed::new(bytes, &instruments(), bars);
    let mut slice = Slice::default();
    let mut last = None;
    // Each call takes a line, if only a mark, or gives the slice under way.
    for _ in 0..=2 * bytes.len() + 2 {
        match feed.next(&mut slice).expect("a slice can be read") {
            FeedItem::End => return,
            FeedItem::Known => panic!("nothing was decided before"),
            FeedItem::Stop(_) => panic!("a stream stops no run"),
            FeedItem::Nothing => {}
            FeedItem::Refused(refused) => {
                let input = &refused.input;
                assert!(!input.is_empty() && !refused.reason.is_empty());
                assert!(bytes.windows(input.len()).any(|window| window == input));
            }
            FeedItem::Slice => {
                let time = slice.close_time();
                assert!(time.is_some() && time > last, "{time:?} after {last:?}");
                let bars = slice.bars();
                assert!(bars.iter().all(|bar| Some(bar.get().close_time) == time));
                last = time;
            }
        }
    }
    panic!("the feed does not end");
}

/// A component is admitted or refused, and what is admitted has a list of functions.
pub fn admission(bytes: &[u8]) {
    if admission::check(bytes).is_ok() {
        let functions = admission::functions(bytes).expect("it was admitted");
        assert!(functions.contains_key("export on-bar"));
    }
}
