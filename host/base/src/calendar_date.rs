//! Dates of the Gregorian calendar as days since 1970-01-01. No clock and no time zone is read here.

/// A date.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CalendarDate {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

impl CalendarDate {
    /// The date of a day counted from 1970-01-01.
    ///
    /// Years are counted from March, so that the leap day is a year's last; 719,468 days lie
    /// between 0000-03-01 and 1970-01-01.
    #[must_use]
    pub fn of_day_number(day: i64) -> Self {
        let day = day + 719_468;
        let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * of_year + 2) / 153;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: of_year - (153 * month_from_march + 2) / 5 + 1,
        }
    }

    /// The day counted from 1970-01-01: the inverse of [`CalendarDate::of_day_number`].
    #[must_use]
    pub fn day_number(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let month_from_march = (self.month + 9) % 12;
        let of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
    }

    /// The same day so many months later; the last day of a month that is too short for it.
    #[must_use]
    pub fn months_later(self, months: u32) -> Self {
        let month = self.year * 12 + self.month - 1 + i64::from(months);
        let first = |month: i64| Self {
            year: month.div_euclid(12),
            month: month.rem_euclid(12) + 1,
            day: 1,
        };
        let length = first(month + 1).day_number() - first(month).day_number();
        Self {
            day: self.day.min(length),
            ..first(month)
        }
    }

    /// The date in `YYYY-MM-DD`; `None` if the text is something else, or the month has no such day.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let mut part = |length: usize| {
            let text = parts.next()?;
            let is_number = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse::<i64>().ok()).flatten()
        };
        let date = Self {
            year: part(4)?,
            month: part(2)?,
            day: part(2)?,
        };
        // 31 February reads back as a day of March.
        let is_date = (1..=12).contains(&date.month)
            && (1..=31).contains(&date.day)
            && Self::of_day_number(date.day_number()) == date;
        is_date.then_some(date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_and_its_number_are_each_others_inverse() {
        for (number, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (47_541, "2100-03-01"),
        ] {
            let date = CalendarDate::parse(text).unwrap();
            assert_eq!(date.day_number(), number, "{text}");
            assert_eq!(CalendarDate::of_day_number(number), date, "{text}");
        }
        for number in -800_000..800_000 {
            assert_eq!(CalendarDate::of_day_number(number).day_number(), number);
        }
        for text in [
            "2023-02-29",
            "2023-13-01",
            "2023-00-01",
            "2023-1-01",
            "23-01-01",
            "2023-01-+1",
        ] {
            assert_eq!(CalendarDate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_month_later_is_the_same_day_or_the_last_one() {
        for (from, months, to) in [
            ("2003-01-01", 1, "2003-02-01"),
            ("2003-01-31", 1, "2003-02-28"),
            ("2004-01-31", 1, "2004-02-29"),
            ("2003-11-30", 3, "2004-02-29"),
            ("2003-12-15", 12, "2004-12-15"),
        ] {
            let later = CalendarDate::parse(from).unwrap().months_later(months);
            assert_eq!(Some(later), CalendarDate::parse(to), "{from} {months}");
        }
    }
}
