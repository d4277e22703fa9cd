//! The functions of Go's templates. `and` and `or` are part of the execution.

use super::format;
use super::signature::{Function, Outcome, Type};
use super::value::Value;

/// The functions; Sprig's `slice` replaces Go's.
pub const FUNCTIONS: &[Function] = &[
    Function::variadic("and", &[Type::Any], Type::Any, |_| Ok(Value::Missing)),
    Function::variadic("or", &[Type::Any], Type::Any, |_| Ok(Value::Missing)),
    Function::variadic("call", &[Type::Any], Type::Any, |values| {
        Err(if values[0].is_nil() {
            "call of nil".to_owned()
        } else {
            format!("non-function of type {}", values[0].type_name())
        })
    }),
    Function::variadic("eq", &[Type::Any], Type::Any, |values| {
        if values.len() < 2 {
            return Err("missing argument for comparison".to_owned());
        }
        for other in &values[1..] {
            if equal(&values[0], other)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
    Function::new("ne", &[Type::Any, Type::Any], |values| Ok(Value::Bool(!equal(&values[0], &values[1])?))),
    Function::new("lt", &[Type::Any, Type::Any], |values| Ok(Value::Bool(less(&values[0], &values[1])?))),
    Function::new("le", &[Type::Any, Type::Any], |values| {
        Ok(Value::Bool(less(&values[0], &values[1])? || equal(&values[0], &values[1])?))
    }),
    Function::new("gt", &[Type::Any, Type::Any], |values| {
        Ok(Value::Bool(!less(&values[0], &values[1])? && !equal(&values[0], &values[1])?))
    }),
    Function::new("ge", &[Type::Any, Type::Any], |values| Ok(Value::Bool(!less(&values[0], &values[1])?))),
    Function::new("not", &[Type::Any], |values| Ok(Value::Bool(!values[0].truth()))),
    Function::new("len", &[Type::Any], |values| {
        let length = match &values[0] {
            Value::String(text) => text.len(),
            Value::List(items) => items.len(),
            Value::Map(map) => map.len(),
            Value::Missing | Value::Nil => return Err("len of nil pointer".to_owned()),
            other => return Err(format!("len of type {}", other.type_name())),
        };
        Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
    }),
    Function::variadic("index", &[Type::Any], Type::Any, index),
    Function::variadic("print", &[], Type::Any, |values| Ok(Value::string(&format::sprint(values)))),
    Function::variadic("println", &[], Type::Any, |values| Ok(Value::string(&format::sprintln(values)))),
    Function::variadic("printf", &[Type::Text], Type::Any, |values| match &values[0] {
        Value::String(template) => Ok(Value::string(&format::sprintf(template, &values[1..]))),
        _ => Err("the format is not a string".to_owned()),
    }),
    Function::variadic("html", &[], Type::Any, |values| Ok(Value::string(&html(&escapee(values))))),
    Function::variadic("urlquery", &[], Type::Any, |values| Ok(Value::string(&query(&escapee(values))))),
    Function::unsupported("js"),
];

fn index(values: &[Value]) -> Outcome {
    let mut item = values[0].clone();
    if item.is_nil() {
        return Err("index of untyped nil".to_owned());
    }
    for index in &values[1..] {
        item = match &item {
            Value::List(items) => items[position(index, items.len())?].clone(),
            Value::String(text) => Value::Int(i64::from(text.as_bytes()[position(index, text.len())?])),
            Value::Map(map) => match index {
                Value::String(key) => {
                    map.get(key).unwrap_or_else(|| if map.strings { Value::string("") } else { Value::Nil })
                }
                Value::Missing | Value::Nil => return Err("value is nil; should be of type string".to_owned()),
                other => return Err(format!("value has type {}; should be string", other.type_name())),
            },
            Value::Missing | Value::Nil => return Err("index of nil pointer".to_owned()),
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

fn position(index: &Value, length: usize) -> Result<usize, String> {
    let number = match index {
        Value::Int(number) | Value::Int64(number) => *number,
        Value::Missing | Value::Nil => return Err("cannot index slice/array with nil".to_owned()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    let position = usize::try_from(number).ok().filter(|position| *position < length);
    position.ok_or_else(|| format!("index out of range: {number}"))
}

/// Whether `eq` takes two values as equal.
pub fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    Ok(match (left, right) {
        (Value::Missing | Value::Nil, Value::Missing | Value::Nil) => true,
        (Value::Missing | Value::Nil, _) | (_, Value::Missing | Value::Nil) => false,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a) | Value::Int64(a), Value::Int(b) | Value::Int64(b)) => a == b,
        #[expect(clippy::float_cmp, reason = "Go compares them exactly, too")]
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => {
            return Err(format!("non-comparable type {}: {}", right.text(), right.type_name()));
        }
        (Value::List(_), Value::Map(_)) | (Value::Map(_), Value::List(_)) => {
            return Err(format!("non-comparable types {}: {}", left.text(), left.type_name()));
        }
        _ => return Err(incompatible(left, right)),
    })
}

fn less(left: &Value, right: &Value) -> Result<bool, String> {
    Ok(match (left, right) {
        (Value::Int(a) | Value::Int64(a), Value::Int(b) | Value::Int64(b)) => a < b,
        (Value::Float(a), Value::Float(b)) => a < b,
        (Value::String(a), Value::String(b)) => a < b,
        (Value::Missing | Value::Nil | Value::List(_) | Value::Map(_), _)
        | (_, Value::Missing | Value::Nil | Value::List(_) | Value::Map(_))
        | (Value::Bool(_), Value::Bool(_)) => return Err("invalid type for comparison".to_owned()),
        _ => return Err(incompatible(left, right)),
    })
}

fn incompatible(left: &Value, right: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", left.type_name(), right.type_name())
}

fn escapee(values: &[Value]) -> String {
    match values {
        [Value::String(text)] => text.to_string(),
        values => {
            let printable: Vec<Value> = values
                .iter()
                .map(|value| if value.is_nil() { Value::string("<no value>") } else { value.clone() })
                .collect();
            format::sprint(&printable)
        }
    }
}

fn html(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// A text as a part of a URL's query.
#[must_use]
pub fn query(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
