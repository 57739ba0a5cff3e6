//! The bars of a snapshot as lines, at a multiple of their original speed. When a line is due is a pure function of
//! times; it must never depend on how long earlier lines took.

use core::time::Duration;

use counterfoil_os::clock::Stopwatch;
use counterfoil_snapshot::store::slices::SliceReader;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::decimal;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;

use super::inlet::Inlet;

/// Puts every slice into the inlet, each when it is due.
pub(super) fn feed(
    inlet: &Inlet,
    mut slices: SliceReader,
    instruments: &[Instrument],
    speed: Option<u32>,
    decided: Option<UnixNanos>,
) {
    let mut slice = Slice::default();
    let mut begun: Option<(UnixNanos, Stopwatch)> = None;
    loop {
        match slices.next_into(&mut slice) {
            Ok(true) => {}
            Ok(false) => return inlet.finish(),
            Err(error) => return inlet.fail(error.to_string()),
        }
        let Some(close) = slice.close_time() else {
            continue;
        };
        // Bars that the journal has are sent without a wait: a resumed run catches up before the pace begins.
        if let Some(speed) = speed.filter(|_| decided.is_none_or(|decided| close > decided)) {
            let (first, watch) = begun.get_or_insert_with(|| (close, Stopwatch::start()));
            let wait = due_after(*first, close, speed).saturating_sub(watch.elapsed());
            // Waits in the inlet instead of sleeping: a stop must not wait for the next bar of a daily feed.
            if !wait.is_zero() && !inlet.pause(wait) {
                return;
            }
        }
        for bar in slice.bars() {
            let line = instruments.get(bar.get().instrument.index());
            let line = line.map(|instrument| line_of(bar, instrument));
            if line.is_some_and(|line| !inlet.put(line.into_bytes())) {
                return;
            }
        }
        // An instrument may have no bar in this slice: the mark ends the slice without it.
        if slice.bars().len() < instruments.len() && !inlet.put(b"{\"end-of-slice\":true}".to_vec())
        {
            return;
        }
    }
}

/// How long after the first paced slice another one is due.
fn due_after(first: UnixNanos, close: UnixNanos, speed: u32) -> Duration {
    let nanos = close.0.saturating_sub(first.0);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)) / speed.max(1)
}

/// A bar as a line of a feed.
#[must_use]
pub fn line_of(bar: &ClosedBar, instrument: &Instrument) -> String {
    let bar = bar.get();
    let volume = decimal::format(bar.volume.0.into(), instrument.volume_scale());
    let price = |price| instrument.price_text(price);
    serde_json::json!({
        "symbol": instrument.symbol(),
        "open-time": bar.open_time.0,
        "close-time": bar.close_time.0,
        "open": price(bar.open),
        "high": price(bar.high),
        "low": price(bar.low),
        "close": price(bar.close),
        "volume": volume,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_due_when_its_time_has_gone_by_so_many_times_faster() {
        let second = 1_000_000_000;
        let day = 86_400 * second;
        //     close, speed, due in milliseconds
        let table = [
            (0, 1, 0),
            (second, 1, 1_000),
            (second, 4, 250),
            (day, 86_400, 1_000),
            (10 * day, 86_400, 10_000),
            // A close before the first is due at once.
            (-second, 1, 0),
            (second, u32::MAX, 0),
        ];
        for (close, speed, due) in table {
            let wait = due_after(UnixNanos(0), UnixNanos(close), speed);
            assert_eq!(wait.as_millis(), due, "{close} at {speed}");
        }
        let wait = due_after(UnixNanos(i64::MIN), UnixNanos(i64::MAX), 1);
        assert_eq!(wait, Duration::from_nanos(i64::MAX.unsigned_abs()));
    }
}
