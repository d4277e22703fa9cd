//! Objects that steps name, and what has to hold of them.
//!
//! A subject is written `<kind>/<name>`, in another namespace than the application's `<namespace>/<kind>/<name>`. A path
//! into an object has dots between its keys; a key with dots of its own stands in quotes, and `conditions[Synced]` is
//! the entry of a list whose `type` is that.
//!
//! Pure. Deliberately absent: asking the cluster.

use serde_json::Value;

use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Fields, Syntax};

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its namespace; the application's when absent.
    pub namespace: Option<String>,
    /// Its kind, as kubectl understands it.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// What has to hold of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// It is not there.
    pub gone: bool,
    /// Texts at paths.
    pub has: Vec<Has>,
}

/// A text at a path of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Has {
    /// The path.
    pub path: String,
    /// How it is compared.
    pub how: How,
    /// With what.
    pub text: String,
}

/// How texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// They are the same.
    Is,
    /// One is in the other.
    Contains,
    /// What is there is the other in base64.
    Bytes,
}

impl Subject {
    pub(super) fn read(fields: &mut Fields<'_>, key: &'static str) -> Option<Self> {
        let text = fields.required_string(key)?;
        let place = fields.node(key)?.place();
        Self::parse(fields, &text, place)
    }

    pub(super) fn parse(fields: &mut Fields<'_>, text: &str, place: Place) -> Option<Self> {
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
                    Diagnostic::new(Code::ScenarioInvalid, format!("`{text}` names no object"))
                        .at(place, "expected `<kind>/<name>` or `<namespace>/<kind>/<name>`"),
                );
                None
            }
        }
    }

    /// `kind/name`, as kubectl takes it.
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
                    Diagnostic::new(Code::ScenarioInvalid, "one of `is`, `contains`, and `bytes` is expected")
                        .at(node.place(), ""),
                ),
                (None, _) => {}
            }
            inner.finish(diagnostics);
        }
        Self { gone, has }
    }

    /// What does not hold yet; nothing when all does.
    #[must_use]
    pub fn lacks(&self, object: Option<&Value>) -> Option<String> {
        let Some(object) = object else { return (!self.gone).then(|| "it is not there".to_owned()) };
        if self.gone {
            return Some("it is still there".to_owned());
        }
        self.has.iter().find_map(|has| {
            let found = at(object, &has.path);
            let text = found.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            let secret = object["kind"] == "Secret";
            let shown = match &text {
                None => "nothing".to_owned(),
                Some(_) if secret => "something else".to_owned(),
                Some(text) => format!("`{text}`"),
            };
            let holds = text.as_ref().is_some_and(|text| match has.how {
                How::Is => *text == has.text,
                How::Contains => text.contains(&has.text),
                How::Bytes => {
                    use base64::Engine;
                    base64::prelude::BASE64_STANDARD.decode(text).is_ok_and(|bytes| bytes == has.text.as_bytes())
                }
            });
            let expected = if secret { "what was sealed".to_owned() } else { format!("`{}`", has.text) };
            let word = if has.how == How::Contains { "something with " } else { "" };
            (!holds).then(|| format!("`{}` is {shown}, expected {word}{expected}", has.path))
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
    use super::*;
    use serde_json::json;

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
    fn what_does_not_hold_is_told_and_secrets_are_not() {
        let check = |how, text: &str| Check {
            gone: false,
            has: vec![Has { path: "data.a".to_owned(), how, text: text.to_owned() }],
        };
        let secret = json!({ "kind": "Secret", "data": { "a": "aHVudGVyMg==" } });
        assert_eq!(check(How::Bytes, "hunter2").lacks(Some(&secret)), None);
        let told = check(How::Bytes, "hunter3").lacks(Some(&secret)).expect("told");
        assert!(!told.contains("hunter") && !told.contains("aHV"), "{told}");
        let plain = json!({ "kind": "ConfigMap", "data": { "a": "one" } });
        assert_eq!(
            check(How::Contains, "two").lacks(Some(&plain)).as_deref(),
            Some("`data.a` is `one`, expected something with `two`")
        );
        let gone = Check { gone: true, has: Vec::new() };
        assert_eq!(gone.lacks(None), None);
        assert!(gone.lacks(Some(&plain)).is_some());
    }
}
