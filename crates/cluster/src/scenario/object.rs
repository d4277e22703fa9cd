//! References to objects, and checks of their values.
//!
//! A reference is `<kind>/<name>`, or `<namespace>/<kind>/<name>` for a different namespace than the application's. A path
//! into an object consists of keys with dots between them. A key that contains dots is quoted, and `conditions[Synced]`
//! is the entry of a list whose `type` is `Synced`.
//!
//! Pure.

use diagnostics::excerpt::excerpt;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Fields, Syntax};
use serde_json::Value;

/// A reference to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its namespace; the application's when absent.
    pub namespace: Option<String>,
    /// Its kind, as kubectl accepts it.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// A check of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// The object must not exist.
    pub gone: bool,
    /// The values that it must have.
    pub has: Vec<Has>,
}

/// A value at a path of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Has {
    /// The path.
    pub path: String,
    /// How the value is compared.
    pub how: How,
    /// The expected text.
    pub text: String,
}

/// How a value is compared with the expected text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It equals the text.
    Is,
    /// It contains the text.
    Contains,
    /// It is the text in base64.
    Bytes,
}

impl Subject {
    pub(super) fn read(fields: &mut Fields<'_>, key: &'static str) -> Option<Self> {
        let text = fields.required_string(key)?;
        let place = fields.node(key)?.place();
        Self::parse(fields, &text, place)
    }

    /// One subject, or a list of them.
    pub(super) fn read_list(fields: &mut Fields<'_>, key: &'static str) -> Vec<Self> {
        match fields.node(key).map(|node| &node.value) {
            Some(document::Value::Sequence(_)) => {
                let texts = fields.strings(key);
                texts.into_iter().filter_map(|(text, place)| Self::parse(fields, &text, place)).collect()
            }
            Some(_) => Self::read(fields, key).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn parse(fields: &mut Fields<'_>, text: &str, place: Place) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let own = |text: &&str| (*text).to_owned();
        match &parts[..] {
            [kind, name] if !kind.is_empty() && !name.is_empty() => {
                Some(Self { namespace: None, kind: own(kind), name: own(name) })
            }
            [namespace, kind, name] if parts.iter().all(|part| !part.is_empty()) => {
                Some(Self { namespace: Some(own(namespace)), kind: own(kind), name: own(name) })
            }
            _ => {
                fields.report(
                    Diagnostic::new(Code::ScenarioInvalid, format!("`{text}` is not a valid object reference"))
                        .at(place, "expected `<kind>/<name>` or `<namespace>/<kind>/<name>`"),
                );
                None
            }
        }
    }

    /// `kind/name`, as kubectl accepts it.
    #[must_use]
    pub fn argument(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }
}

impl Check {
    pub(super) fn read(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Self {
        let gone = fields.bool("gone");
        let mut has = Vec::new();
        let path = fields.path_of("has");
        for (index, node) in fields.sequence("has").iter().enumerate() {
            let mut inner = Fields::new(node, &format!("{path}[{index}]"), Syntax::Scenario);
            let path = inner.required_string("path");
            let texts = [(How::Is, "is"), (How::Contains, "contains"), (How::Bytes, "bytes")]
                .into_iter()
                .filter_map(|(how, key)| Some((how, inner.string(key)?)))
                .collect::<Vec<_>>();
            match (path, &texts[..]) {
                (Some(path), [(how, text)]) => has.push(Has { path, how: *how, text: text.clone() }),
                (Some(_), _) => inner.report(
                    Diagnostic::new(Code::ScenarioInvalid, "exactly one of `is`, `contains`, and `bytes` is required")
                        .at(node.place(), ""),
                ),
                (None, _) => {}
            }
            inner.finish(diagnostics);
        }
        Self { gone, has }
    }

    /// The first part of the check that fails; `None` if the object passes. Values of Secrets are not shown.
    #[must_use]
    pub fn problem(&self, object: Option<&Value>) -> Option<String> {
        let Some(object) = object else { return (!self.gone).then(|| "it does not exist".to_owned()) };
        if self.gone {
            return Some("it still exists".to_owned());
        }
        let secret = object["kind"] == "Secret";
        self.has.iter().find_map(|has| {
            let found = at(object, &has.path);
            let text = found.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            let holds = text.as_ref().is_some_and(|text| match has.how {
                How::Is => *text == has.text,
                How::Contains => text.contains(&has.text),
                How::Bytes => {
                    use base64::Engine;
                    base64::prelude::BASE64_STANDARD.decode(text).is_ok_and(|bytes| bytes == has.text.as_bytes())
                }
            });
            if holds {
                return None;
            }
            let relation = if has.how == How::Contains { "to contain " } else { "" };
            Some(match text {
                _ if secret => format!("`{}` does not have the expected value", has.path),
                None => format!("`{}` is not set, expected {relation}`{}`", has.path, excerpt(&has.text)),
                Some(text) => {
                    let (found, expected) = (excerpt(&text), excerpt(&has.text));
                    format!("`{}` is `{found}`, expected {relation}`{expected}`", has.path)
                }
            })
        })
    }
}

/// The value at a path.
fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    keys(path).iter().try_fold(object, |value, key| {
        let (key, entry) = match key.strip_suffix(']').and_then(|key| key.split_once('[')) {
            Some((key, entry)) => (key, Some(entry)),
            None => (key.as_str(), None),
        };
        let value = value.get(key)?;
        match entry {
            None => Some(value),
            Some(entry) => match entry.parse::<usize>() {
                Ok(index) => value.get(index),
                Err(_) => value.as_array()?.iter().find(|item| item["type"] == entry),
            },
        }
    })
}

fn keys(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut quoted = false;
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => keys.push(String::new()),
            c => {
                if let Some(last) = keys.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_through_lists_and_dotted_keys() {
        let object = json!({
            "data": { "a.b": "x" },
            "status": { "conditions": [{ "type": "Synced", "status": "False" }] },
            "list": ["first"],
        });
        assert_eq!(at(&object, "data.\"a.b\""), Some(&json!("x")));
        assert_eq!(at(&object, "status.conditions[Synced].status"), Some(&json!("False")));
        assert_eq!(at(&object, "list[0]"), Some(&json!("first")));
        assert_eq!(at(&object, "status.conditions[Ready].status"), None);
    }

    #[test]
    fn a_failed_check_shows_values_except_those_of_secrets() {
        let check = |how, text: &str| Check {
            gone: false,
            has: vec![Has { path: "data.a".to_owned(), how, text: text.to_owned() }],
        };
        let secret = json!({ "kind": "Secret", "data": { "a": "aHVudGVyMg==" } });
        assert_eq!(check(How::Bytes, "hunter2").problem(Some(&secret)), None);
        assert_eq!(
            check(How::Bytes, "hunter3").problem(Some(&secret)).as_deref(),
            Some("`data.a` does not have the expected value")
        );
        let plain = json!({ "kind": "ConfigMap", "data": { "a": "one" } });
        assert_eq!(
            check(How::Contains, "two").problem(Some(&plain)).as_deref(),
            Some("`data.a` is `one`, expected to contain `two`")
        );
        assert_eq!(
            check(How::Is, "two").problem(Some(&json!({ "kind": "ConfigMap" }))).as_deref(),
            Some("`data.a` is not set, expected `two`")
        );
        let gone = Check { gone: true, has: Vec::new() };
        assert_eq!(gone.problem(None), None);
        assert_eq!(gone.problem(Some(&plain)).as_deref(), Some("it still exists"));
    }
}
