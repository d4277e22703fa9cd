//! Integers as Go's `strconv` reads them with base 0, which YAML and templates use.

/// The value of an integer without its sign: decimal, or with `0x`, `0o`, `0b`, or the `0` of an octal number in front.
///
/// `None` if it is malformed or exceeds 64 bits.
#[must_use]
pub fn magnitude(digits: &str) -> Option<u64> {
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    // The parser of the standard library also takes a sign.
    digits.chars().all(|c| c.is_digit(radix)).then(|| u64::from_str_radix(digits, radix).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::magnitude;

    #[test]
    fn all_notations_are_read() {
        for (digits, expected) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("010", Some(8)),
            ("0o17", Some(15)),
            ("0b101", Some(5)),
            ("0XfF", Some(255)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("08", None),
            ("0x", None),
            ("0x+1", None),
            ("", None),
            ("-1", None),
            ("1_0", None),
        ] {
            assert_eq!(magnitude(digits), expected, "{digits}");
        }
    }
}
