//! Argo CD's functions for names.

use super::convert::text;
use crate::go_template::normalize::normalize;
use crate::go_template::signature::Type::{Any, Text};
use crate::go_template::signature::{Function, Outcome};
use crate::go_template::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("normalize", &[Text], |values| Ok(Value::string(&normalize(text(values, 0))))),
    Function::variadic("slugify", &[], Any, slugify),
];

/// A name with at most 50 characters, or as many as the first argument says, cut after a word unless the second is false.
fn slugify(values: &[Value]) -> Outcome {
    let mut limit = 50;
    let mut smart = true;
    let mut name = "";
    let conversion =
        |value: &Value, to: &str| format!("interface conversion: interface {{}} is {}, not {to}", value.type_name());
    for (index, value) in values.iter().enumerate() {
        match (index, value) {
            (index, Value::String(text)) if index + 1 == values.len() => name = text,
            (index, other) if index + 1 == values.len() => return Err(conversion(other, "string")),
            (0, Value::Int(number)) => limit = *number,
            (0, other) => return Err(conversion(other, "int")),
            (1, Value::Bool(value)) => smart = *value,
            (1, other) => return Err(conversion(other, "bool")),
            _ => {}
        }
    }
    // After this, the name is ASCII.
    let mut slug = normalize(name).trim().to_owned();
    let limit = usize::try_from(limit).map_err(|_| "slice bounds out of range".to_owned());
    if !smart && limit.as_ref().is_ok_and(|limit| slug.len() >= *limit) {
        slug.truncate(limit.clone()?);
    }
    let mut out = String::new();
    for c in slug.chars() {
        let c = if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
        if c != '-' || !out.ends_with('-') {
            out.push(c);
        }
    }
    let out = out.trim_matches(['-', '_']);
    match limit {
        Ok(limit) if limit > 0 && smart && out.len() > limit => {
            let cut = out[..=limit].rfind('-').unwrap_or(limit);
            Ok(Value::string(&out[..cut]))
        }
        _ => Ok(Value::string(out)),
    }
}
