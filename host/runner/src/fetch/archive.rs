//! The months of one symbol from Binance's archive: each ZIP file with its digest. It must never keep a file whose
//! digest is another.
//!
//! Source: the README of Binance's public data: `sha256sum -c` reads the `.CHECKSUM` file beside each ZIP file.

use counterfoil_base::digest::Digest;
use counterfoil_connect::fetch::target::archive_month;
use counterfoil_snapshot::layers::fetch_index::FetchIndexPage;
use counterfoil_snapshot::layers::fetched::{FetchedRole, FetchedState};
use counterfoil_snapshot::source::venue_page::PageFormat;
use counterfoil_trading::time::UnixNanos;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::session::FetchSession;
use crate::fetch::job::FetchJob;
use crate::fetch::outcome::{FetchError, FetchedSeries};

/// The first bytes of a ZIP file with a file in it. Source: PKWARE's APPNOTE, 4.3.7.
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

/// The first days of the months of a range, all of them over.
pub(super) fn months(job: &FetchJob, cutoff: UnixNanos) -> Result<Vec<Date>, FetchError> {
    let (from, to) = (job.terms().from, job.terms().to);
    let first = date(from)?.first_of_month();
    // The end is exclusive: the first day of a month does not ask for that month.
    let last = date(UnixNanos(to.0.saturating_sub(1)))?.first_of_month();
    let today = date(cutoff)?;
    let mut all = Vec::new();
    let mut month = first;
    while month <= last {
        let next = month
            .checked_add(1.month())
            .map_err(|_| FetchError::Calendar(to))?;
        // Before the first request: a month that is not over has no file yet, which must not pass for a month
        // without trades.
        if next > today {
            return Err(FetchError::Month {
                month: month.strftime("%Y-%m").to_string(),
                first_day: month.to_string(),
            });
        }
        all.push(month);
        month = next;
    }
    Ok(all)
}

fn date(time: UnixNanos) -> Result<Date, FetchError> {
    Timestamp::from_nanosecond(i128::from(time.0))
        .map(|stamp| stamp.to_zoned(TimeZone::UTC).date())
        .map_err(|_| FetchError::Calendar(time))
}

/// Fetches the months of a symbol.
pub(super) fn fetch_months(
    session: &mut FetchSession<'_>,
    job: &FetchJob,
    symbol: &str,
    months: &[Date],
) -> Result<(Vec<FetchIndexPage>, FetchedSeries), FetchError> {
    let mut pages = Vec::new();
    let mut series = FetchedSeries {
        symbol: symbol.to_owned(),
        ..FetchedSeries::default()
    };
    for month in months {
        let target = archive_month(symbol, job.interval(), month.year(), month.month());
        let Some(page) = fetch_month(session, job, symbol, &target)? else {
            let month = month.strftime("%Y-%m").to_string();
            // Before the first file the symbol was not listed.
            if pages.is_empty() {
                series.missing_before.push(month);
            } else {
                series.missing_later.push(month);
            }
            continue;
        };
        series.pages = series.pages.saturating_add(1);
        session.note_bars(0);
        pages.push(page);
    }
    Ok((pages, series))
}

/// One month; `None` if the archive does not have it.
fn fetch_month(
    session: &mut FetchSession<'_>,
    job: &FetchJob,
    symbol: &str,
    target: &str,
) -> Result<Option<FetchIndexPage>, FetchError> {
    // The digest first: it is small, and a file without one cannot be checked.
    let Some(checksum) = session.get(&format!("{target}.CHECKSUM"))? else {
        return Ok(None);
    };
    let file = target.rsplit('/').next().unwrap_or_default();
    let expected =
        parse_checksum(&checksum.body, file).map_err(|reason| session.refuse(&checksum, reason))?;
    let Some(answer) = session.get(target)? else {
        return Ok(None);
    };
    let found = Digest::of(&answer.body);
    if found != expected {
        // Damaged on the way, changed by an attacker, or replaced between the two requests: in no case is it known
        // what it is.
        let reason = format!(
            "its SHA-256 is {}, and its CHECKSUM file says {}; run the same command again, with --again if the \
             archive has replaced the file",
            found.hex(),
            expected.hex()
        );
        return Err(session.refuse(&answer, reason));
    }
    if !answer.body.starts_with(ZIP_MAGIC) {
        return Err(session.refuse(&answer, "it is not a ZIP file".to_owned()));
    }
    // The file before its digest: killed between the two, both are asked for again.
    let sha256 = session.keep(&answer, FetchedRole::Page, FetchedState::Final)?;
    session.keep(&checksum, FetchedRole::Checksum, FetchedState::Final)?;
    Ok(Some(FetchIndexPage {
        closed_to: job.terms().to,
        page_format: PageFormat::BinanceArchive,
        sha256,
        symbol: symbol.to_owned(),
        url: answer.url,
    }))
}

/// The digest in the form of `sha256sum`: 64 digits, two spaces or a space and a star, the file's name.
fn parse_checksum(body: &[u8], file: &str) -> Result<Digest, String> {
    let text = core::str::from_utf8(body).map_err(|_| "it is not text".to_owned())?;
    let mut words = text.split_ascii_whitespace();
    let (digest, name) = (words.next().unwrap_or_default(), words.next());
    let digest = Digest::from_hex(&digest.to_ascii_lowercase())
        .ok_or_else(|| "it does not begin with a SHA-256 of 64 digits".to_owned())?;
    // The digest of another month would accept that month's file under this name.
    match name.map(|name| name.trim_start_matches('*')) {
        Some(name) if name == file && words.next().is_none() => Ok(digest),
        _ => Err(format!("it is not the digest of {file} alone")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_of_the_file_it_names() {
        let digits = "ab".repeat(32);
        let digest = Digest::from_hex(&digits).unwrap();
        let not_alone = "it is not the digest of A.zip alone";
        let table = [
            (format!("{digits}  A.zip\n"), Ok(digest)),
            (format!("{} *A.zip", digits.to_uppercase()), Ok(digest)),
            (format!("{digits}  B.zip"), Err(not_alone)),
            (digits.clone(), Err(not_alone)),
            (format!("{digits} A.zip {digits} B.zip"), Err(not_alone)),
            (
                "abc  A.zip".to_owned(),
                Err("it does not begin with a SHA-256 of 64 digits"),
            ),
        ];
        for (text, expected) in table {
            let found = parse_checksum(text.as_bytes(), "A.zip");
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
    }
}
