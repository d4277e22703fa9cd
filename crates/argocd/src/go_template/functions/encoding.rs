//! Functions that encode and decode.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use diagnostics::Source;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::convert::text;
use super::yaml::to_yaml;
use crate::go_template::number;
use crate::go_template::signature::Type::{Any, Text};
use crate::go_template::signature::{Function, Outcome};
use crate::go_template::value::{Map, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("b64enc", &[Text], |values| Ok(Value::string(&BASE64_STANDARD.encode(text(values, 0))))),
    Function::new("b64dec", &[Text], |values| {
        let packed: String = text(values, 0).chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
        BASE64_STANDARD
            .decode(packed)
            .map(|bytes| Value::string(&String::from_utf8_lossy(&bytes)))
            .map_err(|_| "invalid base64".to_owned())
    }),
    Function::new("b32enc", &[Text], |values| Ok(Value::string(&base32(text(values, 0).as_bytes())))),
    Function::unsupported("b32dec"),
    Function::new("sha256sum", &[Text], |values| {
        let digest = Sha256::digest(text(values, 0).as_bytes());
        Ok(Value::string(&toolbox::hexadecimal::text(&digest)))
    }),
    Function::new("adler32sum", &[Text], |values| {
        let (low, high) = text(values, 0).bytes().fold((1u32, 0u32), |(low, high), byte| {
            let low = (low + u32::from(byte)) % 65521;
            (low, (high + low) % 65521)
        });
        Ok(Value::string(&(high << 16 | low).to_string()))
    }),
    Function::new("toJson", &[Any], |values| Ok(Value::string(&json(&values[0], true)))),
    Function::new("mustToJson", &[Any], |values| Ok(Value::string(&json(&values[0], true)))),
    Function::new("toRawJson", &[Any], |values| Ok(Value::string(&json(&values[0], false)))),
    Function::new("mustToRawJson", &[Any], |values| Ok(Value::string(&json(&values[0], false)))),
    Function::new("toPrettyJson", &[Any], |values| Ok(Value::string(&pretty(&values[0])))),
    Function::new("mustToPrettyJson", &[Any], |values| Ok(Value::string(&pretty(&values[0])))),
    Function::new("fromJson", &[Text], |values| Ok(from_json(values).unwrap_or(Value::Nil))),
    Function::new("mustFromJson", &[Text], from_json),
    Function::new("toYaml", &[Any], |values| Ok(Value::string(&to_yaml(&values[0])))),
    Function::new("fromYaml", &[Text], |values| match from_yaml(text(values, 0))? {
        Value::Nil => Ok(Value::Map(Map::default())),
        map @ Value::Map(_) => Ok(map),
        other => Err(mismatch(&other, "map[string]interface {}")),
    }),
    Function::new("fromYamlArray", &[Text], |values| match from_yaml(text(values, 0))? {
        Value::Nil => Ok(Value::list(Vec::new())),
        list @ Value::List(_) => Ok(list),
        other => Err(mismatch(&other, "[]interface {}")),
    }),
];

fn mismatch(value: &Value, expected: &str) -> String {
    let found = match value {
        Value::Map(_) => "object",
        Value::List(_) => "array",
        Value::Bool(_) => "bool",
        Value::String(_) => "string",
        _ => "number",
    };
    format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go value of type {expected}"
    )
}

fn from_yaml(text: &str) -> Outcome {
    let source = Source::new("", text);
    let documents = document::yaml::parse(&source)
        .map_err(|errors| errors.0.first().map_or_else(|| "invalid YAML".to_owned(), |error| error.message.clone()))?;
    Ok(documents.first().map_or(Value::Nil, |document| Value::of_node(&document.root)))
}

fn from_json(values: &[Value]) -> Outcome {
    serde_json::from_str::<Json>(text(values, 0)).map(|json| Value::of_json(&json)).map_err(|error| error.to_string())
}

/// JSON as Go writes it, with sorted keys.
fn json(value: &Value, escape: bool) -> String {
    let mut out = String::new();
    write(&mut out, value, escape, None, 0);
    out
}

fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, true, Some(0), 0);
    out
}

fn write(out: &mut String, value: &Value, escape: bool, indent: Option<usize>, depth: usize) {
    let inner = indent.map(|indent| indent + 2);
    let line = |out: &mut String, indent: Option<usize>| {
        if let Some(indent) = indent {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
        }
    };
    match value {
        _ if depth > 200 => out.push_str("null"),
        Value::Missing | Value::Nil => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(number) | Value::Int64(number) => out.push_str(&number.to_string()),
        Value::Float(value) => out.push_str(&number::json_text(*value)),
        Value::String(text) => out.push_str(&quoted(text, escape)),
        Value::List(items) if items.is_empty() => out.push_str("[]"),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(out, inner);
                write(out, item, escape, inner, depth + 1);
            }
            line(out, indent);
            out.push(']');
        }
        Value::Map(map) if map.is_empty() => out.push_str("{}"),
        Value::Map(map) => {
            out.push('{');
            for (index, (key, item)) in map.pairs().iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(out, inner);
                out.push_str(&quoted(key, escape));
                out.push_str(if indent.is_some() { ": " } else { ":" });
                write(out, item, escape, inner, depth + 1);
            }
            line(out, indent);
            out.push('}');
        }
    }
}

fn quoted(text: &str, escape: bool) -> String {
    let further = |c: char| matches!(c, '\u{2028}' | '\u{2029}') || escape && matches!(c, '<' | '>' | '&');
    document::json::escape(&Json::from(text).to_string(), further)
}

fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let bits =
            (0..5).fold(0u64, |bits, index| bits << 8 | u64::from(chunk.get(index).copied().unwrap_or_default()));
        let used = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let letter = usize::try_from(bits >> (35 - 5 * index) & 31).unwrap_or_default();
            out.push(if index < used { char::from(ALPHABET[letter]) } else { '=' });
        }
    }
    out
}
