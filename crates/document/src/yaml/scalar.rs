//! The values of scalars.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use yaml_events::{ScalarStyle, Tag};

use crate::go_integer;
use crate::tree::Value;

pub(super) fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> std::result::Result<Value, String> {
    match tag {
        None if style == ScalarStyle::Plain => resolve(text),
        Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
            "str" => Ok(Value::String(text.to_owned())),
            "int" | "float" | "bool" | "null" => resolve(text),
            "binary" => {
                let packed: String = text.split_whitespace().collect();
                let bytes = BASE64_STANDARD
                    .decode(packed)
                    .map_err(|error| format!("`!!binary` is not valid base64: {error}"))?;
                Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
            }
            suffix => Err(format!("the tag `!!{suffix}` is not supported by Kubernetes")),
        },
        None | Some(_) => Ok(Value::String(text.to_owned())),
    }
}

/// Interprets a plain scalar as Go's YAML 1.1 library does. Fails for a number that JSON cannot represent.
pub fn resolve(text: &str) -> std::result::Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Ok(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Ok(Value::Bool(false));
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN"
        | ".NAN" => return Err(format!("`{text}` cannot be represented in JSON, which Kubernetes requires")),
        _ => {}
    }
    let number = match text.as_bytes()[0] {
        b'0'..=b'9' | b'+' | b'-' => {
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| float(&plain))
        }
        b'.' => float(text),
        _ => None,
    };
    Ok(number.map_or_else(|| Value::String(text.to_owned()), Value::Number))
}

/// Parses an integer in any of Go's notations that fits into 64 bits, signed or unsigned.
fn integer(text: &str) -> Option<String> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = go_integer::magnitude(digits)?;
    if !negative {
        // Go's ParseUint accepts no sign, so `+` is not allowed in front of a value of 64 bits.
        return (!text.starts_with('+') || i64::try_from(magnitude).is_ok()).then(|| magnitude.to_string());
    }
    (magnitude <= 1 << 63).then(|| if magnitude == 0 { "0".to_owned() } else { format!("-{magnitude}") })
}

/// Parses a decimal fraction, or a number with an exponent, and formats it as JSON does.
fn float(text: &str) -> Option<String> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let valid_exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) || !valid_exponent {
        return None;
    }
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let plain = value == 0.0 || (1e-6..1e21).contains(&value.abs());
    Some(if plain { format!("{value}") } else { format!("{value:e}") })
}
