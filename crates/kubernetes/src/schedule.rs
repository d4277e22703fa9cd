//! Schedules as cron has them, of `CronJobs` and of Argo CD's sync windows: five fields, each a list of ranges with steps.
//!
//! Source: github.com/robfig/cron/v3, with which both read them. Deliberately absent: time zones in front, and words such
//! as `@daily`, which each of the two treats in its own way.

/// A field: its name, its bounds, and the words that stand for its numbers, from the lower bound on.
struct Field(&'static str, u32, u32, &'static [&'static str]);

const FIELDS: [Field; 5] = [
    Field("minute", 0, 59, &[]),
    Field("hour", 0, 23, &[]),
    Field("day", 1, 31, &[]),
    Field("month", 1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    Field("day of the week", 0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// What keeps a text from being a schedule.
#[must_use]
pub fn wrong(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Some("expected five fields, such as `0 3 * * *`".to_owned());
    }
    FIELDS.iter().zip(parts).find_map(|(field, part)| {
        let fine = part.split(',').filter(|range| !range.is_empty()).all(|range| field.takes(range));
        let Field(name, low, high, _) = field;
        (!fine).then(|| format!("`{part}` is no {name}: expected {low} to {high}, such as `{low}-{high}/2` or `*`"))
    })
}

impl Field {
    fn takes(&self, range: &str) -> bool {
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
        let word = self.3.iter().zip(self.1..).find(|(word, _)| word.eq_ignore_ascii_case(text));
        word.map(|(_, number)| number).or_else(|| text.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::wrong;

    #[test]
    fn five_fields_are_a_schedule() {
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
