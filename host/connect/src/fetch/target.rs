//! Path and query of each request, as the sources' documents have them. It must never hold a key: a URL is kept
//! beside the data.

use counterfoil_trading::time::UnixNanos;
use url::form_urlencoded::Serializer;

use crate::feed::alpaca::PAGE_BARS_MAX;
use crate::feed::binance::KLINES_MAX;

/// The bars that are asked for.
#[derive(Clone, Copy, Debug)]
pub struct HistoryRange<'a> {
    pub symbol: &'a str,
    /// The source's name of the timeframe.
    pub interval: &'static str,
    /// The first open time.
    pub from: UnixNanos,
    /// The end of the open times, exclusive.
    pub to: UnixNanos,
}

fn query() -> Serializer<'static, String> {
    Serializer::new(String::new())
}

/// Klines of Binance from an open time on.
#[must_use]
pub fn klines(range: &HistoryRange<'_>, cursor: UnixNanos) -> String {
    let millis = |time: UnixNanos| time.0.div_euclid(1_000_000);
    // `endTime` is inclusive.
    let end = millis(range.to).saturating_sub(1);
    let query = query()
        .append_pair("symbol", range.symbol)
        .append_pair("interval", range.interval)
        .append_pair("startTime", &millis(cursor).to_string())
        .append_pair("endTime", &end.to_string())
        .append_pair("limit", &KLINES_MAX.to_string())
        .finish();
    format!("/api/v3/klines?{query}")
}

/// A page of Alpaca's bars as traded. `feed` is one of its data sources.
#[must_use]
pub fn stock_bars(range: &HistoryRange<'_>, feed: &str, token: Option<&str>) -> String {
    // `end` is inclusive.
    let end = UnixNanos(range.to.0.saturating_sub(1));
    let mut query = query();
    query
        .append_pair("symbols", range.symbol)
        .append_pair("timeframe", range.interval)
        .append_pair("start", &range.from.rfc3339())
        .append_pair("end", &end.rfc3339())
        .append_pair("limit", &PAGE_BARS_MAX.to_string())
        // Splits and dividends are applied by a run, and never twice.
        .append_pair("adjustment", "raw")
        .append_pair("feed", feed)
        .append_pair("sort", "asc");
    if let Some(token) = token {
        query.append_pair("page_token", token);
    }
    format!("/v2/stocks/bars?{}", query.finish())
}

/// Kraken's bars from an open time on; it takes no end.
#[must_use]
pub fn ohlc(range: &HistoryRange<'_>) -> String {
    // Bars after this time are returned.
    let since = range.from.0.div_euclid(1_000_000_000).saturating_sub(1);
    let query = query()
        .append_pair("pair", range.symbol)
        .append_pair("interval", range.interval)
        .append_pair("since", &since.to_string())
        .finish();
    format!("/0/public/OHLC?{query}")
}

/// The ZIP file of one month of Binance's archive; its digest is at the same path and `.CHECKSUM`.
#[must_use]
pub fn archive_month(symbol: &str, interval: &str, year: i16, month: i8) -> String {
    let name = format!("{symbol}-{interval}-{year:04}-{month:02}.zip");
    format!("/data/spot/monthly/klines/{symbol}/{interval}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_is_as_the_documents_have_it() {
        let range = HistoryRange {
            symbol: "BTC/USD",
            interval: "1m",
            from: UnixNanos(1_704_067_200_000_000_000),
            to: UnixNanos(1_704_153_600_000_000_000),
        };
        assert_eq!(
            klines(&range, UnixNanos(1_704_067_260_000_000_000)),
            "/api/v3/klines?symbol=BTC%2FUSD&interval=1m&startTime=1704067260000&endTime=1704153599999&limit=1000"
        );
        assert_eq!(
            stock_bars(&range, "iex", Some("t=k")),
            "/v2/stocks/bars?symbols=BTC%2FUSD&timeframe=1m&start=2024-01-01T00%3A00%3A00Z\
             &end=2024-01-01T23%3A59%3A59.999999999Z&limit=10000&adjustment=raw&feed=iex&sort=asc&page_token=t%3Dk"
        );
        assert_eq!(
            ohlc(&range),
            "/0/public/OHLC?pair=BTC%2FUSD&interval=1m&since=1704067199"
        );
        assert_eq!(
            archive_month("BNBUSDT", "1m", 2019, 1),
            "/data/spot/monthly/klines/BNBUSDT/1m/BNBUSDT-1m-2019-01.zip"
        );
    }
}
