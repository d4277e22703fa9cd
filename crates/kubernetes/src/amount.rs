//! The numeric value of a Kubernetes quantity.

use document::{Node, Value};

/// The value of a quantity; `None` if the node is not a quantity.
#[must_use]
pub fn quantity(node: &Node) -> Option<f64> {
    match &node.value {
        Value::String(text) => parse(text),
        Value::Number(number) => number.parse().ok(),
        _ => None,
    }
}

/// The value of a quantity such as `100m`, `1Gi`, or `1e3`.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "Pi" => 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "Ei" => 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * factor)
}
