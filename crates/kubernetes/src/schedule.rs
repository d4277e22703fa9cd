//! Cron schedules of `CronJobs` and of Argo CD's sync windows: five fields, each a list of ranges with optional steps.
//!
//! Source: github.com/robfig/cron/v3, the parser of both. Does not handle time zone prefixes and descriptors such as
//! `@daily`, which the two treat differently.

/// A field: its name, its bounds, and names for its numbers, starting at the lower bound.
struct Field(&'static str, u32, u32, &'static [&'static str]);

const FIELDS: [Field; 5] = [
    Field("minute", 0, 59, &[]),
    Field("hour", 0, 23, &[]),
    Field("day of month", 1, 31, &[]),
    Field("month", 1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    Field("day of week", 0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// What is wrong with a schedule, if anything.
#[must_use]
pub fn wrong(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Some("expected exactly five fields, such as `0 3 * * *`".to_owned());
    }
    FIELDS.iter().zip(parts).find_map(|(field, part)| {
        let valid = part.split(',').filter(|range| !range.is_empty()).all(|range| field.accepts(range));
        let Field(name, low, high, _) = field;
        (!valid).then(|| {
            format!("the {name} `{part}` is invalid: expected `*`, or {low} to {high}, such as `{low}-{high}/2`")
        })
    })
}

impl Field {
    fn accepts(&self, range: &str) -> bool {
        let (bounds, step) = range.split_once('/').map_or((range, None), |(bounds, step)| (bounds, Some(step)));
        let step = step.map_or(Some(1), |step| step.parse::<u32>().ok());
        let (low, high) = bounds.split_once('-').map_or((bounds, None), |(low, high)| (low, Some(high)));
        if low == "*" || low == "?" {
            return step.is_some_and(|step| step > 0);
        }
        let (Some(low), Some(high)) = (self.number(low), self.number(high.unwrap_or(low))) else { return false };
        step.is_some_and(|step| step > 0) && self.1 <= low && low <= high && high <= self.2
    }

    fn number(&self, text: &str) -> Option<u32> {
        let name = self.3.iter().zip(self.1..).find(|(name, _)| name.eq_ignore_ascii_case(text));
        name.map(|(_, number)| number).or_else(|| text.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::wrong;

    #[test]
    fn schedules_have_five_valid_fields() {
        for text in ["0 3 * * *", "*/5 0-12/3 1,15 JAN-mar sun-6", "0 3 ? * *", "1/5 * * * *", "1,,2 * * * *"] {
            assert_eq!(wrong(text), None, "{text}");
        }
        for text in [
            "",
            "* * * *",
            "0 0 3 * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "*/0 * * * *",
            "5-1 * * * *",
            "0 3 L * *",
            "0 3 * * 1#2",
            "0 3 * foo *",
            "@reboot",
            "@daily",
            "1-2-3 * * * *",
            "1/2/3 * * * *",
            "-1 * * * *",
        ] {
            assert!(wrong(text).is_some(), "{text}");
        }
    }
}
