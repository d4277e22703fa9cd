//! Functions for strings and paths.

use super::convert::{MAX_LENGTH, int, kind, strval, text, to_int64};
use super::words;
use crate::go_template::format;
use crate::go_template::signature::Type::{Any, Int, Text};
use crate::go_template::signature::{Function, Outcome};
use crate::go_template::value::{Map, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("hello", &[], |_| string("Hello!")),
    Function::new("abbrev", &[Int, Text], |values| string(&words::abbreviate(text(values, 1), 0, int(values, 0)))),
    Function::new("abbrevboth", &[Int, Int, Text], |values| {
        let (left, right) = (int(values, 0), int(values, 1));
        if right < 4 || left > 0 && right < 7 {
            return Ok(values[2].clone());
        }
        string(&words::abbreviate(text(values, 2), left, right))
    }),
    Function::new("trunc", &[Int, Text], |values| {
        let (count, text) = (int(values, 0), text(values, 1));
        let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
        Ok(if count < 0 && length + count > 0 {
            bytes(text, length + count, length)
        } else if count >= 0 && length > count {
            bytes(text, 0, count)
        } else {
            Value::string(text)
        })
    }),
    Function::new("trim", &[Text], |values| string(text(values, 0).trim())),
    Function::new("upper", &[Text], |values| string(&text(values, 0).chars().map(words::upper).collect::<String>())),
    Function::new("lower", &[Text], |values| string(&text(values, 0).chars().map(words::small).collect::<String>())),
    Function::new("title", &[Text], |values| string(&words::title(text(values, 0)))),
    Function::new("untitle", &[Text], |values| string(&words::untitle(text(values, 0)))),
    Function::new("swapcase", &[Text], |values| string(&words::swap_case(text(values, 0)))),
    Function::new("snakecase", &[Text], |values| string(&words::lower_case(text(values, 0), '_'))),
    Function::new("kebabcase", &[Text], |values| string(&words::lower_case(text(values, 0), '-'))),
    Function::new("camelcase", &[Text], |values| string(&words::pascal_case(text(values, 0)))),
    Function::new("initials", &[Text], |values| {
        string(&text(values, 0).split_whitespace().filter_map(|word| word.chars().next()).collect::<String>())
    }),
    Function::new("nospace", &[Text], |values| {
        string(&text(values, 0).chars().filter(|c| !c.is_whitespace()).collect::<String>())
    }),
    Function::new("substr", &[Int, Int, Text], |values| {
        let (start, end, text) = (int(values, 0), int(values, 1), text(values, 2));
        let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
        let (start, end) = match (start, end) {
            (start, end) if start < 0 => (0, end),
            (start, end) if end < 0 || end > length => (start, length),
            both => both,
        };
        if start > end || end > length || end < 0 {
            return Err(format!("slice bounds out of range [{start}:{end}]"));
        }
        Ok(bytes(text, start, end))
    }),
    Function::new("repeat", &[Int, Text], |values| {
        let Ok(count) = usize::try_from(int(values, 0)) else {
            return Err("strings: negative Repeat count".to_owned());
        };
        let text = text(values, 1);
        if text.len().saturating_mul(count) > MAX_LENGTH {
            return Err("the result is too long".to_owned());
        }
        string(&text.repeat(count))
    }),
    Function::new("trimall", &[Text, Text], trim_all),
    Function::new("trimAll", &[Text, Text], trim_all),
    Function::new("trimSuffix", &[Text, Text], |values| {
        let text_ = text(values, 1);
        string(text_.strip_suffix(text(values, 0)).unwrap_or(text_))
    }),
    Function::new("trimPrefix", &[Text, Text], |values| {
        let text_ = text(values, 1);
        string(text_.strip_prefix(text(values, 0)).unwrap_or(text_))
    }),
    Function::new("wrap", &[Int, Text], |values| string(&words::wrap(text(values, 1), int(values, 0), "\n", false))),
    Function::new("wrapWith", &[Int, Text, Text], |values| {
        let separator = if text(values, 1).is_empty() { "\n" } else { text(values, 1) };
        string(&words::wrap(text(values, 2), int(values, 0), separator, true))
    }),
    Function::new("contains", &[Text, Text], |values| Ok(Value::Bool(text(values, 1).contains(text(values, 0))))),
    Function::new("hasPrefix", &[Text, Text], |values| Ok(Value::Bool(text(values, 1).starts_with(text(values, 0))))),
    Function::new("hasSuffix", &[Text, Text], |values| Ok(Value::Bool(text(values, 1).ends_with(text(values, 0))))),
    Function::variadic("quote", &[], Any, |values| {
        let quoted: Vec<String> =
            values.iter().filter(|value| !value.is_nil()).map(|value| format::quote(&strval(value))).collect();
        string(&quoted.join(" "))
    }),
    Function::variadic("squote", &[], Any, |values| {
        let quoted: Vec<String> =
            values.iter().filter(|value| !value.is_nil()).map(|value| format!("'{}'", strval(value))).collect();
        string(&quoted.join(" "))
    }),
    Function::variadic("cat", &[], Any, |values| {
        let texts: Vec<String> = values.iter().filter(|value| !value.is_nil()).map(strval).collect();
        string(&texts.join(" "))
    }),
    Function::new("indent", &[Int, Text], |values| indent(int(values, 0), text(values, 1), "")),
    Function::new("nindent", &[Int, Text], |values| indent(int(values, 0), text(values, 1), "\n")),
    Function::new("replace", &[Text, Text, Text], |values| {
        let (old, new, source) = (text(values, 0), text(values, 1), text(values, 2));
        if source.len().saturating_mul(new.len().max(1)) > MAX_LENGTH * 16 {
            return Err("the result is too long".to_owned());
        }
        string(&source.replace(old, new))
    }),
    Function::new("plural", &[Text, Text, Int], |values| Ok(values[usize::from(int(values, 2) != 1)].clone())),
    Function::new("toString", &[Any], |values| string(&strval(&values[0]))),
    Function::new("toStrings", &[Any], |values| {
        Ok(Value::list(strings(&values[0]).iter().map(|text| Value::string(text)).collect()))
    }),
    Function::new("join", &[Text, Any], |values| string(&strings(&values[1]).join(text(values, 0)))),
    Function::new("splitList", &[Text, Text], |values| {
        Ok(Value::list(split(text(values, 1), text(values, 0)).iter().map(|part| Value::string(part)).collect()))
    }),
    Function::new("split", &[Text, Text], |values| Ok(numbered(&split(text(values, 1), text(values, 0))))),
    Function::new("splitn", &[Text, Int, Text], |values| {
        let (separator, count, source) = (text(values, 0), int(values, 1), text(values, 2));
        let parts = match usize::try_from(count) {
            Err(_) => split(source, separator),
            Ok(0) => Vec::new(),
            Ok(_) if separator.is_empty() => return Err("splitn with an empty separator is not supported".to_owned()),
            Ok(count) => source.splitn(count, separator).map(str::to_owned).collect(),
        };
        Ok(numbered(&parts))
    }),
    Function::new("base", &[Text], |values| string(&base(text(values, 0)))),
    Function::new("osBase", &[Text], |values| string(&base(text(values, 0)))),
    Function::new("dir", &[Text], |values| string(&dir(text(values, 0)))),
    Function::new("osDir", &[Text], |values| string(&dir(text(values, 0)))),
    Function::new("clean", &[Text], |values| string(&clean(text(values, 0)))),
    Function::new("osClean", &[Text], |values| string(&clean(text(values, 0)))),
    Function::new("ext", &[Text], |values| string(extension(text(values, 0)))),
    Function::new("osExt", &[Text], |values| string(extension(text(values, 0)))),
    Function::new("isAbs", &[Text], |values| Ok(Value::Bool(text(values, 0).starts_with('/')))),
    Function::new("osIsAbs", &[Text], |values| Ok(Value::Bool(text(values, 0).starts_with('/')))),
    Function::new("fail", &[Text], |values| Err(text(values, 0).to_owned())),
    Function::new("toDecimal", &[Any], |values| {
        Ok(Value::Int64(i64::from_str_radix(&strval(&values[0]), 8).unwrap_or_default()))
    }),
    Function::new("atoi", &[Text], |values| {
        let text = text(values, 0);
        Ok(Value::Int(text.parse().unwrap_or_default()))
    }),
    Function::new("int", &[Any], |values| Ok(Value::Int(to_int64(&values[0])))),
    Function::new("int64", &[Any], |values| Ok(Value::Int64(to_int64(&values[0])))),
    Function::new("kindOf", &[Any], |values| string(kind(&values[0]))),
];

#[expect(clippy::unnecessary_wraps, reason = "it is the result of functions that can fail")]
fn string(text: &str) -> Outcome {
    Ok(Value::string(text))
}

/// A part of a text by bytes, with its ends moved if they are inside of a character.
fn bytes(text: &str, start: i64, end: i64) -> Value {
    let range = usize::try_from(start).unwrap_or_default()..usize::try_from(end).unwrap_or_default();
    let part = text.as_bytes().get(range).unwrap_or_default();
    Value::string(&String::from_utf8_lossy(part))
}

fn trim_all(values: &[Value]) -> Outcome {
    let set: Vec<char> = text(values, 0).chars().collect();
    string(text(values, 1).trim_matches(|c| set.contains(&c)))
}

fn indent(spaces: i64, text: &str, before: &str) -> Outcome {
    let Ok(spaces) = usize::try_from(spaces) else { return Err("strings: negative Repeat count".to_owned()) };
    if spaces.saturating_mul(text.len() + 1) > MAX_LENGTH {
        return Err("the result is too long".to_owned());
    }
    let pad = " ".repeat(spaces);
    string(&format!("{before}{pad}{}", text.replace('\n', &format!("\n{pad}"))))
}

/// The texts of a list's items; of another value, its own text.
pub(super) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().filter(|item| !item.is_nil()).map(strval).collect(),
        Value::Missing | Value::Nil => Vec::new(),
        other => vec![strval(other)],
    }
}

fn split(source: &str, separator: &str) -> Vec<String> {
    if separator.is_empty() {
        return source.chars().map(String::from).collect();
    }
    source.split(separator).map(str::to_owned).collect()
}

fn numbered(parts: &[String]) -> Value {
    Value::Map(Map::of_strings(parts.iter().enumerate().map(|(index, part)| (format!("_{index}"), part.clone()))))
}

fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let bare = path.trim_end_matches('/');
    if bare.is_empty() { "/".to_owned() } else { bare.rsplit('/').next().unwrap_or(bare).to_owned() }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |at| &path[..=at]))
}

fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |at| &name[at..])
}

/// A path without `.`, `..`, and double slashes.
fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
