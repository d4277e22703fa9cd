//! Conversions of arguments, as in the libraries that Sprig uses.

use crate::go_template::literal;
use crate::go_template::value::Value;

/// The longest text or list that a function makes.
pub(super) const MAX_LENGTH: usize = 4 * 1024 * 1024;

/// The text of an argument that is declared as a string.
pub(super) fn text(values: &[Value], index: usize) -> &str {
    if let Some(Value::String(text)) = values.get(index) { text } else { "" }
}

/// The integer of an argument that is declared as one.
pub(super) fn int(values: &[Value], index: usize) -> i64 {
    if let Some(Value::Int(number)) = values.get(index) { *number } else { 0 }
}

/// The text of any value.
pub(super) fn strval(value: &Value) -> String {
    value.text()
}

/// The items of a list, or Go's message.
pub(super) fn list<'a>(value: &'a Value, doing: &str) -> Result<&'a [Value], String> {
    match value {
        Value::List(items) => Ok(items),
        Value::Missing | Value::Nil => Err("invalid memory address or nil pointer dereference".to_owned()),
        other => Err(format!("{doing} type {}", kind(other))),
    }
}

/// The name of a value's kind.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Missing | Value::Nil => "invalid",
        Value::List(_) => "slice",
        Value::Map(_) => "map",
        other => other.type_name(),
    }
}

/// Any value as an integer; 0 if that is impossible.
pub(super) fn to_int64(value: &Value) -> i64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number,
        #[expect(clippy::cast_possible_truncation, reason = "Go truncates it, too")]
        Value::Float(number) => *number as i64,
        Value::Bool(value) => i64::from(*value),
        Value::String(text) => parse_integer(without_zero_fraction(text)).unwrap_or_default(),
        _ => 0,
    }
}

/// Any value as a floating-point number; 0 if that is impossible.
pub(super) fn to_float64(value: &Value) -> f64 {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "Go rounds it, too")]
        Value::Int(number) | Value::Int64(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::String(text) => {
            let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E'));
            if plain { text.parse().unwrap_or_default() } else { 0.0 }
        }
        _ => 0.0,
    }
}

/// `1.0` as `1`.
fn without_zero_fraction(text: &str) -> &str {
    let bare = text.trim_end_matches('0');
    match bare.strip_suffix('.') {
        Some(whole) if bare.len() < text.len() => whole,
        _ => text,
    }
}

/// An integer in any of Go's notations.
fn parse_integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    // Underscores are allowed only in templates.
    if digits.contains('_') { None } else { literal::integer(digits, negative) }
}
