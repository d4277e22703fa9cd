//! Days of the calendar, in UTC.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: i32,
    month: u32,
    day: u32,
}

impl Date {
    /// The day of a point in time; 1970-01-01 for everything before it.
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut left = u32::try_from(seconds / 86_400).unwrap_or(u32::MAX);
        let mut date = Self { year: 1970, month: 1, day: 1 };
        while left >= days_of_year(date.year) {
            left -= days_of_year(date.year);
            date.year += 1;
        }
        while left >= days_of_month(date.year, date.month) {
            left -= days_of_month(date.year, date.month);
            date.month += 1;
        }
        date.day += left;
        date
    }
}

/// `2027-03-01`, with a day that exists.
impl FromStr for Date {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else { return Err(()) };
        let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
        if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
            return Err(());
        }
        let date = Self {
            year: year.parse().map_err(|_| ())?,
            month: month.parse().map_err(|_| ())?,
            day: day.parse().map_err(|_| ())?,
        };
        let exists = (1..=12).contains(&date.month) && (1..=days_of_month(date.year, date.month)).contains(&date.day);
        if exists { Ok(date) } else { Err(()) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_year(year: i32) -> u32 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: i32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_day_of_a_point_in_time() {
        let of = |seconds| Date::of(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
        assert_eq!(of(0), "1970-01-01");
        assert_eq!(of(951_782_399), "2000-02-28");
        assert_eq!(of(951_782_400), "2000-02-29");
        assert_eq!(of(1_798_761_599), "2026-12-31");
        assert_eq!(of(1_798_761_600), "2027-01-01");
    }

    #[test]
    fn only_days_that_exist_are_dates() {
        let is_date = |text: &str| text.parse::<Date>().is_ok();
        assert!(is_date("2027-03-01") && is_date("2028-02-29"));
        for text in
            ["2027-02-29", "2027-13-01", "2027-00-10", "2027-3-1", "2027-03-01T00:00:00Z", "soon", "", "+027-03-01"]
        {
            assert!(!is_date(text), "{text}");
        }
    }

    #[test]
    fn dates_are_ordered() {
        let date = |text: &str| text.parse::<Date>().expect("a date");
        assert!(date("2026-12-31") < date("2027-01-01") && date("2027-01-31") < date("2027-02-01"));
    }
}
