//! The names in the database of time zones.

use diagnostics::nearest_within;

const ZONES: &str = include_str!("time_zones.txt");

/// The time zone that is probably meant by a name that is none. A program may know more of them than the database.
#[must_use]
pub fn near(text: &str) -> Option<&'static str> {
    let unknown = text.len() > 4 && !ZONES.lines().any(|zone| zone == text);
    unknown.then(|| nearest_within(text, 2, ZONES.lines()))?
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn only_misspelled_names_are_near() {
        assert_eq!(near("Europe/Berln"), Some("Europe/Berlin"));
        for text in ["Europe/Berlin", "UTC", "CET-1CEST", ":/etc/localtime", ""] {
            assert_eq!(near(text), None, "{text}");
        }
    }
}
