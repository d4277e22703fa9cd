//! Durations in Go's syntax: `1h30m`, `1.5s`, `300ms`.

/// Parses a duration into seconds; `None` if it is invalid. Numbers without a unit are invalid.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    if body == "0" {
        return Some(0.0);
    }
    let mut rest = body;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    (!body.is_empty()).then_some(if text.starts_with('-') { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_units() {
        for (text, seconds) in [("10s", 10.0), ("1h30m", 5400.0), ("1.5s", 1.5), ("-1m", -60.0), ("0", 0.0)] {
            assert_eq!(parse(text).map(f64::to_bits), Some(f64::to_bits(seconds)), "{text}");
        }
        for text in ["", "10", "5 m", "m", "1d", "1min", "ten", "1h 30m", "."] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
