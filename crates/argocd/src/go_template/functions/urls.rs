//! Functions for URLs.

use std::collections::BTreeMap;

use super::convert::text;
use crate::go_template::signature::Type::{Dictionary, Text};
use crate::go_template::signature::{Function, Outcome};
use crate::go_template::value::{Map, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("urlParse", &[Text], parse),
    Function::new("urlJoin", &[Dictionary], |values| Ok(Value::string(&join(values)))),
];

/// The parts of a URL.
fn parse(values: &[Value]) -> Outcome {
    let whole = text(values, 0);
    let refused = |why: &str| format!("unable to parse url: parse {whole:?}: {why}");
    if whole.chars().any(|c| c.is_ascii_control()) {
        return Err(refused("net/url: invalid control character in URL"));
    }
    let (rest, fragment) = whole.split_once('#').unwrap_or((whole, ""));
    let (scheme, rest) = match rest.split_once(':') {
        Some(("", _)) => return Err(refused("missing protocol scheme")),
        Some((scheme, after)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), after),
        Some((before, _)) if !before.contains('/') => {
            return Err(refused("first path segment in URL cannot contain colon"));
        }
        _ => (String::new(), rest),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut parts = BTreeMap::new();
    let mut set = |name: &str, value: &str| parts.insert(name.to_owned(), Value::string(value));
    let (mut authority, mut path, mut opaque) = ("", rest, "");
    if !scheme.is_empty() && !rest.starts_with('/') {
        (path, opaque) = ("", rest);
    } else if let Some(after) = rest.strip_prefix("//").filter(|_| !rest.starts_with("///")) {
        (authority, path) = after.find('/').map_or((after, ""), |at| after.split_at(at));
    } else if let Some(after) = rest.strip_prefix("//") {
        path = after;
    }
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (name, port) = match host.rfind(':') {
        Some(at) if !host[at..].contains(']') => (&host[..at], &host[at + 1..]),
        _ => (host, ""),
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused(&format!("invalid port \":{port}\" after host")));
    }
    let path = decoded(path).ok_or_else(|| refused("invalid URL escape"))?;
    let fragment = decoded(fragment).ok_or_else(|| refused("invalid URL escape"))?;
    set("scheme", &scheme);
    set("host", host);
    set("hostname", name.trim_start_matches('[').trim_end_matches(']'));
    set("path", &path);
    set("query", query);
    set("opaque", opaque);
    set("fragment", &fragment);
    set("userinfo", user);
    Ok(Value::Map(Map::new(parts)))
}

/// The URL of parts.
fn join(values: &[Value]) -> String {
    let Some(Value::Map(parts)) = values.first() else { return String::new() };
    let part = |name: &str| match parts.get(name) {
        Some(Value::String(text)) => text.to_string(),
        _ => String::new(),
    };
    let (scheme, host, path, opaque) = (part("scheme"), part("host"), part("path"), part("opaque"));
    let mut url = String::new();
    if !scheme.is_empty() {
        url.push_str(&format!("{scheme}:"));
    }
    if opaque.is_empty() {
        let user = part("userinfo");
        if !scheme.is_empty() || !host.is_empty() || !user.is_empty() {
            if !host.is_empty() || !user.is_empty() || path.starts_with("//") {
                url.push_str("//");
            }
            if !user.is_empty() {
                url.push_str(&format!("{user}@"));
            }
            url.push_str(&host);
        }
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            url.push('/');
        }
        url.push_str(&encoded(&path));
    } else {
        url.push_str(&opaque);
    }
    for (mark, name) in [('?', "query"), ('#', "fragment")] {
        let value = part(name);
        if !value.is_empty() {
            url.push(mark);
            url.push_str(&if name == "query" { value } else { encoded(&value) });
        }
    }
    url
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// A text without escapes such as `%20`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A path with escapes for what must not be in it.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!*'()".contains(&byte);
    text.bytes().fold(String::new(), |mut out, byte| {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
