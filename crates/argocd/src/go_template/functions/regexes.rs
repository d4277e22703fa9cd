//! Functions with regular expressions. The syntax is that of Go without Unicode classes.

use regex_lite::{NoExpand, Regex, RegexBuilder};

use super::convert::{int, text};
use crate::go_template::signature::Type::{Int, Text};
use crate::go_template::signature::{Function, Outcome};
use crate::go_template::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("regexMatch", &[Text, Text], |values| {
        Ok(Value::Bool(compile(values).is_ok_and(|regex| regex.is_match(text(values, 1)))))
    }),
    Function::new("mustRegexMatch", &[Text, Text], |values| {
        Ok(Value::Bool(compile(values)?.is_match(text(values, 1))))
    }),
    Function::new("regexFind", &[Text, Text], find),
    Function::new("mustRegexFind", &[Text, Text], find),
    Function::new("regexFindAll", &[Text, Text, Int], find_all),
    Function::new("mustRegexFindAll", &[Text, Text, Int], find_all),
    Function::new("regexReplaceAll", &[Text, Text, Text], replace),
    Function::new("mustRegexReplaceAll", &[Text, Text, Text], replace),
    Function::new("regexReplaceAllLiteral", &[Text, Text, Text], replace_literal),
    Function::new("mustRegexReplaceAllLiteral", &[Text, Text, Text], replace_literal),
    Function::new("regexSplit", &[Text, Text, Int], split),
    Function::new("mustRegexSplit", &[Text, Text, Int], split),
    Function::new("regexQuoteMeta", &[Text], |values| {
        let mut out = String::new();
        for c in text(values, 0).chars() {
            if r"\.+*?()|[]{}^$".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
        Ok(Value::string(&out))
    }),
];

fn compile(values: &[Value]) -> Result<Regex, String> {
    RegexBuilder::new(text(values, 0))
        .size_limit(1 << 20)
        .build()
        .map_err(|error| format!("error parsing regexp: {error}"))
}

fn find(values: &[Value]) -> Outcome {
    Ok(Value::string(compile(values)?.find(text(values, 1)).map_or("", |found| found.as_str())))
}

/// The number of results that an argument allows.
fn limit(values: &[Value]) -> usize {
    usize::try_from(int(values, 2)).unwrap_or(usize::MAX)
}

fn find_all(values: &[Value]) -> Outcome {
    let regex = compile(values)?;
    let found = regex.find_iter(text(values, 1)).take(limit(values));
    Ok(Value::list(found.map(|found| Value::string(found.as_str())).collect()))
}

fn replace(values: &[Value]) -> Outcome {
    Ok(Value::string(&compile(values)?.replace_all(text(values, 1), text(values, 2))))
}

fn replace_literal(values: &[Value]) -> Outcome {
    Ok(Value::string(&compile(values)?.replace_all(text(values, 1), NoExpand(text(values, 2)))))
}

fn split(values: &[Value]) -> Outcome {
    let regex = compile(values)?;
    let text = text(values, 1);
    let limit = limit(values);
    if limit == 0 {
        return Ok(Value::list(Vec::new()));
    }
    if text.is_empty() {
        return Ok(Value::list(vec![Value::string("")]));
    }
    let mut parts = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in regex.find_iter(text) {
        if parts.len() + 1 == limit {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(Value::string(&text[start..end]));
        }
        start = found.end();
    }
    if end != text.len() {
        parts.push(Value::string(&text[start..]));
    }
    Ok(Value::list(parts))
}
