//! What an answer means: good, missing, to be asked for again, or refused. It must never wait itself.

use core::time::Duration;

use counterfoil_trading::time::UnixNanos;

use crate::fetch::source::HistorySource;
use crate::field::shown;
use crate::net::http::HttpResponse;

/// The longest wait that a source may ask for: beyond it the fetch ends, and goes on where it was another time.
pub const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// The weight of a minute at Binance above which we wait for the next minute: nine tenths of 6,000.
///
/// Source: the rate limit `REQUEST_WEIGHT` of Binance's exchange information.
const BINANCE_WEIGHT_MAX: u64 = 5_400;

/// What an answer means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AnswerVerdict {
    /// Its body can be read.
    Good,
    /// The source has no such file.
    Missing,
    /// The same request may get another answer after a wait.
    Again { after: Duration, reason: String },
    /// No other request helps.
    Refused { reason: String },
}

/// The meaning of an answer at a time of our clock.
#[must_use]
pub fn judge(source: HistorySource, answer: &HttpResponse, now: UnixNanos) -> AnswerVerdict {
    let status = answer.status;
    let body = shown(&String::from_utf8_lossy(&answer.body));
    let refused = |reason: String| AnswerVerdict::Refused { reason };
    match status {
        200 => judge_body(source, answer, &body),
        300..=399 => {
            // The request carries a key, and another host is not whom it is for.
            let to = shown(answer.header("location").unwrap_or("no address"));
            refused(format!(
                "status {status}, a redirect to {to}, which is not followed; if the service has moved, give its \
                 address with --url"
            ))
        }
        404 if source == HistorySource::BinanceArchive => AnswerVerdict::Missing,
        401 | 403 => refused(format!(
            "status {status}: {body}; check the key and what its plan permits, and whether the venue serves this \
             country"
        )),
        // 418 bans a client that ignored 429, for the time in the same header.
        408 | 418 | 429 | 500..=599 => {
            let after = retry_after(answer, now).unwrap_or(Duration::ZERO);
            if after > RETRY_AFTER_MAX {
                return refused(format!(
                    "status {status}: it asks to wait {} s, more than {} s; run the same command again after that: \
                     what was fetched is kept",
                    after.as_secs(),
                    RETRY_AFTER_MAX.as_secs()
                ));
            }
            AnswerVerdict::Again {
                after,
                reason: format!("status {status}: {body}"),
            }
        }
        _ => refused(format!("status {status}: {body}")),
    }
}

fn judge_body(source: HistorySource, answer: &HttpResponse, shown_body: &str) -> AnswerVerdict {
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let is_page = match source {
        // The archive's host answers with several types of binary files; a page of text is an error page.
        HistorySource::BinanceArchive => !kind.contains("html") && !kind.contains("xml"),
        HistorySource::Binance | HistorySource::Alpaca | HistorySource::Kraken => {
            kind.is_empty() || kind.contains("json")
        }
    };
    if !is_page {
        // A hotel's login page and a proxy's error have status 200 too.
        return AnswerVerdict::Refused {
            reason: format!(
                "the content type is {:?}, which is not the source's; a proxy may have answered: {shown_body}",
                shown(&kind)
            ),
        };
    }
    // Kraken says so with status 200.
    let busy = ["EAPI:Rate limit exceeded", "EGeneral:Too many requests"];
    let is_busy =
        source == HistorySource::Kraken && busy.iter().any(|text| shown_body.contains(text));
    if is_busy {
        return AnswerVerdict::Again {
            after: Duration::from_secs(5),
            reason: shown_body.to_owned(),
        };
    }
    AnswerVerdict::Good
}

/// How long to wait before the next request, by the limits that a good answer states.
#[must_use]
pub fn pause_after(
    source: HistorySource,
    answer: &HttpResponse,
    now: UnixNanos,
) -> Option<Duration> {
    let number = |name: &str| answer.header(name)?.parse::<u64>().ok();
    match source {
        HistorySource::Binance => {
            let used = number("x-mbx-used-weight-1m")?;
            // A minute of the source's clock begins within a minute of ours.
            (used >= BINANCE_WEIGHT_MAX).then_some(Duration::from_mins(1))
        }
        HistorySource::Alpaca => {
            let is_used_up = number("x-ratelimit-remaining")? == 0;
            is_used_up.then(|| reset_after(answer, now)).flatten()
        }
        HistorySource::BinanceArchive | HistorySource::Kraken => None,
    }
}

/// The wait that an answer asks for.
fn retry_after(answer: &HttpResponse, now: UnixNanos) -> Option<Duration> {
    let text = answer.header("retry-after");
    // Seconds or a date. Source: RFC 9110, 10.2.3.
    let stated = text.and_then(|text| match text.parse().ok() {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => crate::net::http::parse_date(text).map(|date| until(date, now)),
    });
    stated.or_else(|| reset_after(answer, now))
}

/// The wait until the source counts anew, in `X-RateLimit-Reset`, and no longer than the longest.
fn reset_after(answer: &HttpResponse, now: UnixNanos) -> Option<Duration> {
    let reset: i64 = answer.header("x-ratelimit-reset")?.parse().ok()?;
    let at = UnixNanos(reset.checked_mul(1_000_000_000)?);
    Some(until(at, now).min(RETRY_AFTER_MAX))
}

fn until(time: UnixNanos, now: UnixNanos) -> Duration {
    let nanos = u64::try_from(time.0.saturating_sub(now.0)).unwrap_or(0);
    Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixNanos = UnixNanos(1_700_000_000_000_000_000);

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> HttpResponse {
        HttpResponse::of(status, headers, body.as_bytes())
    }

    #[track_caller]
    fn check(
        source: HistorySource,
        status: u16,
        headers: &[(&'static str, &str)],
        body: &str,
        expected: &str,
    ) {
        let found = match judge(source, &answer(status, headers, body), NOW) {
            AnswerVerdict::Good => "good".to_owned(),
            AnswerVerdict::Missing => "missing".to_owned(),
            AnswerVerdict::Again { after, reason } => format!("after {after:?}: {reason}"),
            AnswerVerdict::Refused { reason } => reason,
        };
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn an_answer_is_good_missing_again_or_refused() {
        use HistorySource::{Binance, BinanceArchive};
        let html = [("content-type", "text/html; charset=utf-8")];
        let json = [("content-type", "application/json;charset=UTF-8")];
        check(Binance, 200, &json, "[]", "good");
        check(Binance, 200, &[], "[]", "good");
        check(
            Binance,
            200,
            &html,
            "<html>",
            "the content type is \"text/html",
        );
        check(
            BinanceArchive,
            200,
            &[("content-type", "application/zip")],
            "PK",
            "good",
        );
        check(BinanceArchive, 200, &html, "", "the content type is");
        check(BinanceArchive, 404, &[], "", "missing");
        check(Binance, 404, &[], "no", "status 404: no");
        check(
            Binance,
            400,
            &json,
            "Invalid symbol.",
            "status 400: Invalid symbol.",
        );
    }

    #[test]
    fn a_limit_is_waited_for_and_a_redirect_is_refused() {
        use HistorySource::{Alpaca, Binance, Kraken};
        let json = [("content-type", "application/json;charset=UTF-8")];
        check(
            Binance,
            429,
            &[("retry-after", "7")],
            "slow",
            "after 7s: status 429: slow",
        );
        check(Binance, 429, &[], "slow", "after 0ns: status 429: slow");
        check(
            Binance,
            429,
            &[("retry-after", "Tue, 14 Nov 2023 22:14:20 GMT")],
            "",
            "after 60s: status 429",
        );
        check(
            Binance,
            418,
            &[("retry-after", "301")],
            "",
            "it asks to wait 301 s, more than 300 s",
        );
        check(Binance, 503, &[], "", "after 0ns: status 503");
        check(
            Alpaca,
            429,
            &[("x-ratelimit-reset", "1700000012")],
            "",
            "after 12s",
        );
        check(
            Alpaca,
            429,
            &[("x-ratelimit-reset", "4102444800")],
            "",
            "after 300s",
        );
        check(
            Alpaca,
            403,
            &[],
            "recent SIP data",
            "recent SIP data; check the key",
        );
        check(
            Alpaca,
            302,
            &[("location", "https://evil.example/")],
            "",
            "a redirect to https://evil.example/, which is not followed",
        );
        check(
            Kraken,
            200,
            &json,
            r#"{"error":["EAPI:Rate limit exceeded"]}"#,
            "after 5s",
        );
    }

    #[test]
    fn a_good_answer_that_uses_up_the_limit_asks_for_a_pause() {
        use HistorySource::{Alpaca, Binance, Kraken};
        let pause = |source, headers: &[(&'static str, &str)]| {
            pause_after(source, &answer(200, headers, ""), NOW).map(|wait| wait.as_secs())
        };
        assert_eq!(pause(Binance, &[("x-mbx-used-weight-1m", "5399")]), None);
        assert_eq!(
            pause(Binance, &[("x-mbx-used-weight-1m", "5400")]),
            Some(60)
        );
        assert_eq!(pause(Binance, &[]), None);
        let used_up = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000030"),
        ];
        assert_eq!(pause(Alpaca, &used_up), Some(30));
        let left = [
            ("x-ratelimit-remaining", "1"),
            ("x-ratelimit-reset", "1700000030"),
        ];
        assert_eq!(pause(Alpaca, &left), None);
        assert_eq!(pause(Kraken, &used_up), None);
    }
}
