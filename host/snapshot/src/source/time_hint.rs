//! What to state in a mapping so that a time of another form is read. It must never choose between two readings.

use jiff::fmt::strtime;

/// The way on where the form of a time is not known.
const ANY_FORM: &str = "YYYY-MM-DD, ISO 8601 such as 2003-01-02T09:30:00Z, or a number since 1970; another form is \
                        stated in a mapping as time.format";

/// Signs between the parts of a date.
const DATE_SIGNS: [char; 3] = ['/', '-', '.'];

/// A pattern of dates, and what comes first in it.
struct DatePattern {
    first: &'static str,
    pattern: String,
}

/// How a time is written, or how to state the form of this one.
pub(crate) fn time_hint(text: &str) -> String {
    let (date, clock) = split_time(text);
    let Some(all) = date_patterns(date) else {
        return ANY_FORM.to_owned();
    };
    let reads = |pattern: &str, text: &str| {
        strtime::parse(pattern, text).is_ok_and(|parsed| parsed.to_date().is_ok())
    };
    let dates: Vec<DatePattern> = all
        .into_iter()
        .filter(|date_pattern| reads(&date_pattern.pattern, date))
        .collect();
    let Some(first) = dates.first() else {
        return "it is no date, whichever of day, month and year comes first".to_owned();
    };
    let clock =
        clock_pattern(clock).filter(|clock| reads(&format!("{}{clock}", first.pattern), text));
    let known = clock.as_deref().unwrap_or_default();
    let stated =
        |date: &DatePattern| format!("\"time\": {{\"format\": \"{}{known}\"}}", date.pattern);
    // Each of several reads it, and the wrong one moves each bar by months.
    let ways: Vec<String> = match dates.as_slice() {
        [only] => vec![stated(only)],
        several => several
            .iter()
            .map(|date| format!("{} if the {} comes first", stated(date), date.first))
            .collect(),
    };
    let behind = if clock.is_some() {
        ""
    } else {
        ", with the clock behind it"
    };
    format!(
        "state its form in a mapping{behind}: {}",
        ways.join(", or ")
    )
}

/// The date of a time, and its clock with the sign between them.
fn split_time(text: &str) -> (&str, &str) {
    let mut before = ' ';
    let end = text.find(|letter: char| {
        // The T of OCT is none between date and clock.
        let is_sign = matches!(letter, ' ' | ',') || (letter == 'T' && before.is_ascii_digit());
        before = letter;
        is_sign
    });
    end.and_then(|end| text.split_at_checked(end))
        .unwrap_or((text, ""))
}

/// The patterns that may read a date; `None` if it does not look like one.
fn date_patterns(date: &str) -> Option<Vec<DatePattern>> {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let of = |first: &'static str, pattern: String| DatePattern { first, pattern };
    if date.len() == 8 && is_digits(date) {
        return Some(vec![of("year", "%Y%m%d".to_owned())]);
    }
    let sign = date.chars().find(|letter| DATE_SIGNS.contains(letter))?;
    let parts: Vec<&str> = date.split(sign).collect();
    let [first, second, last] = parts.as_slice() else {
        return None;
    };
    let is_name =
        |part: &str| part.len() >= 3 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let month = |part: &str| if part.len() > 3 { "%B" } else { "%b" };
    let year = if last.len() == 2 { "%y" } else { "%Y" };
    let join = |parts: [&str; 3]| parts.join(&sign.to_string());
    if is_digits(first) && is_name(second) && is_digits(last) {
        return Some(vec![of("day", join(["%d", month(second), year]))]);
    }
    if is_name(first) && is_digits(second) && is_digits(last) {
        return Some(vec![of("month", join([month(first), "%d", year]))]);
    }
    if !parts.iter().all(|part| !part.is_empty() && is_digits(part)) {
        return None;
    }
    if first.len() == 4 {
        return Some(vec![of("year", join(["%Y", "%m", "%d"]))]);
    }
    let mut all = vec![
        of("month", join(["%m", "%d", year])),
        of("day", join(["%d", "%m", year])),
    ];
    if year == "%y" && first.len() == 2 {
        all.push(of("year", join(["%y", "%m", "%d"])));
    }
    Some(all)
}

/// The pattern of a clock with the sign before it; `None` if it is another.
fn clock_pattern(text: &str) -> Option<String> {
    let start = text.find(|letter: char| letter.is_ascii_digit());
    let Some((sign, clock)) = start.and_then(|start| text.split_at_checked(start)) else {
        return text.is_empty().then(String::new);
    };
    let end = clock
        .find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, ':' | '.'))
        .unwrap_or(clock.len());
    let (clock, rest) = clock.split_at_checked(end)?;
    let zone = rest.trim_start();
    let blanks = rest.strip_suffix(zone)?;
    let (hour, zone) = match zone.to_ascii_lowercase().as_str() {
        "" => ("%H", ""),
        "am" | "pm" => ("%I", "%p"),
        "z" => ("%H", zone),
        offset if offset.starts_with(['+', '-']) && offset.contains(':') => ("%H", "%:z"),
        offset if offset.starts_with(['+', '-']) => ("%H", "%z"),
        _ => return None,
    };
    let (whole, fraction) = match clock.split_once('.') {
        Some((whole, _)) => (whole, "%.f"),
        None => (clock, ""),
    };
    let clock = match (whole.matches(':').count(), whole.len()) {
        (0, 6) => format!("{hour}%M%S"),
        (0, 4) => format!("{hour}%M"),
        (0, _) => hour.to_owned(),
        (1, _) => format!("{hour}:%M"),
        _ => format!("{hour}:%M:%S"),
    };
    Some(format!("{sign}{clock}{fraction}{blanks}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hint left out the clock of a time, named a pattern for a date that none reads, and knew slashes alone.
    #[test]
    fn a_time_of_another_form_names_the_patterns_that_read_it() {
        let no_date = "it is no date, whichever of day, month and year comes first";
        //  text, patterns that the hint names; or the hint
        let table = [
            ("01/31/2024", vec!["%m/%d/%Y"]),
            ("1/31/24", vec!["%m/%d/%y"]),
            ("2024/01/31", vec!["%Y/%m/%d"]),
            ("31.01.2024", vec!["%d.%m.%Y"]),
            ("31-Jan-2024", vec!["%d-%b-%Y"]),
            ("31-OCT-2024", vec!["%d-%b-%Y"]),
            ("October/31/24", vec!["%B/%d/%y"]),
            ("31/01/2024 09:30", vec!["%d/%m/%Y %H:%M"]),
            ("1/31/2024 9:30:05 PM", vec!["%m/%d/%Y %I:%M:%S %p"]),
            ("1/31/2024, 9:30pm", vec!["%m/%d/%Y, %I:%M%p"]),
            ("31.01.2024 09:30:00.000", vec!["%d.%m.%Y %H:%M:%S%.f"]),
            ("2024/01/31T09:30:00+01:00", vec!["%Y/%m/%dT%H:%M:%S%:z"]),
            ("2024/01/31 09:30 -0500", vec!["%Y/%m/%d %H:%M %z"]),
            ("2024/01/31 09:30:00Z", vec!["%Y/%m/%d %H:%M:%SZ"]),
            ("2024-01-31 9:30 AM", vec!["%Y-%m-%d %I:%M %p"]),
            ("20240131 093000", vec!["%Y%m%d %H%M%S"]),
            ("01/02/2024", vec!["%m/%d/%Y", "%d/%m/%Y"]),
            ("01/02/2024 09:30", vec!["%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"]),
            ("24/01/31", vec!["%d/%m/%y", "%y/%m/%d"]),
            ("31/31/2024", vec![no_date]),
            ("2024-02-30", vec![no_date]),
            ("13/13/24", vec![no_date]),
            ("today", vec![ANY_FORM]),
            ("", vec![ANY_FORM]),
            ("1/2", vec![ANY_FORM]),
            ("é/ü/ß", vec![ANY_FORM]),
        ];
        for (text, expect) in table {
            let hint = time_hint(text);
            let named: Vec<&str> = match hint.strip_prefix("state its form in a mapping: ") {
                Some(ways) => ways
                    .split("\"format\": \"")
                    .skip(1)
                    .filter_map(|way| way.split_once('"'))
                    .map(|(pattern, _)| pattern)
                    .collect(),
                None => vec![hint.as_str()],
            };
            assert_eq!(named, expect, "{text}: {hint}");
        }
    }

    #[test]
    fn a_clock_of_an_unknown_form_is_left_to_the_reader() {
        assert_eq!(
            time_hint("1/31/2024 09:30 EST"),
            "state its form in a mapping, with the clock behind it: \"time\": {\"format\": \"%m/%d/%Y\"}"
        );
        assert_eq!(
            time_hint("01/02/2024"),
            "state its form in a mapping: \"time\": {\"format\": \"%m/%d/%Y\"} if the month comes first, or \"time\": \
             {\"format\": \"%d/%m/%Y\"} if the day comes first"
        );
    }
}
