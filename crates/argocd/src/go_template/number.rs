//! Numbers as Go writes them.

use serde_json::Value as Json;

/// The shortest digits that read back as the same number, without trailing zeros, and the decimal exponent of the first.
fn digits(value: f64) -> (String, i32) {
    let text = format!("{:e}", value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or_default())
}

/// A number as `%v` writes it: with an exponent from a million on, as in `1e+06`.
#[must_use]
pub(super) fn shortest(value: f64) -> String {
    general(value, 6)
}

/// A number with an exponent if it has more than `limit` digits before the point.
#[must_use]
pub(super) fn general(value: f64, limit: i32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let (_, exponent) = digits(value);
    if value != 0.0 && (exponent < -4 || exponent >= limit) { scientific(value) } else { format!("{value}") }
}

/// A number with an exponent of at least two digits, as in `1e+06`.
#[must_use]
pub(super) fn scientific(value: f64) -> String {
    let (digits, exponent) = digits(value);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let (first, rest) = digits.split_at(1.min(digits.len()));
    let point = if rest.is_empty() { "" } else { "." };
    let direction = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{first}{point}{rest}e{direction}{:02}", exponent.abs())
}

/// A number in JSON as Go writes it: an integer has no fraction.
#[must_use]
pub(super) fn json(value: f64) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "within the limits, the value is exact")]
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return Json::from(value as i64);
    }
    Json::from(value)
}

/// The text of a number in JSON as Go writes it.
#[must_use]
pub(super) fn json_text(value: f64) -> String {
    let magnitude = value.abs();
    if value != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = scientific(value);
        // One digit is enough for a negative exponent.
        return text.replace("e-0", "e-");
    }
    format!("{value}")
}
