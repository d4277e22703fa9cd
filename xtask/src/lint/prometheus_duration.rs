//! Durations of Prometheus, such as `1h30m`.

/// The units of durations, the largest first, as Prometheus requires them to be ordered.
const UNITS: [&str; 7] = ["y", "w", "d", "h", "m", "s", "ms"];

/// Whether Prometheus reads a text as a duration: numbers with units, from the longest to the shortest.
pub(crate) fn is_duration(text: &str) -> bool {
    let (mut rest, mut next) = (text, 0);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let unit = &rest[digits..];
        let unit = &unit[..unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len())];
        match UNITS.iter().position(|known| *known == unit) {
            Some(at) if digits > 0 && at >= next => next = at + 1,
            _ => return text == "0",
        }
        rest = &rest[digits + unit.len()..];
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_ordered_units() {
        for text in ["0", "5m", "1h30m", "1d", "500ms", "1s500ms"] {
            assert!(is_duration(text), "{text}");
        }
        for text in ["", "5", "15min", "30m1h", "m", "1.5h", "5 m"] {
            assert!(!is_duration(text), "{text}");
        }
    }
}
