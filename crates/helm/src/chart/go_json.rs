//! The JSON that Helm hashes, which is that of Go.

use document::{Node, json};
use serde::Serialize;

use super::dependency::Dependency;

/// A dependency in the JSON form of Helm's type.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct GoDependency<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    repository: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    condition: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    enabled: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    import_values: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "str::is_empty")]
    alias: &'a str,
}

impl<'a> From<&'a Dependency> for GoDependency<'a> {
    fn from(dependency: &'a Dependency) -> Self {
        let value = |node: &Node| {
            let mut value: serde_json::Value = serde_json::from_str(&node.to_json()).unwrap_or_default();
            // Go sorts the keys of a `map[string]any`.
            value.sort_all_objects();
            value
        };
        Self {
            name: &dependency.name,
            version: &dependency.version,
            repository: &dependency.repository,
            condition: &dependency.condition,
            tags: &dependency.tags,
            enabled: dependency.enabled,
            import_values: dependency.import_values.iter().map(value).collect(),
            alias: &dependency.alias,
        }
    }
}

/// A list of dependencies in the JSON form that Helm hashes.
pub(super) fn go_list(dependencies: Option<&[Dependency]>) -> String {
    go_json(&dependencies.map(|all| all.iter().map(GoDependency::from).collect::<Vec<_>>()))
}

/// A dependency in Helm's JSON form.
#[must_use]
pub(crate) fn dependency_json(dependency: &Dependency) -> String {
    go_json(&GoDependency::from(dependency))
}

/// A string in Go's JSON form.
#[must_use]
pub(crate) fn go_string(text: &str) -> String {
    go_json(&text)
}

/// Formats a value as Go's `encoding/json` does, which also escapes `<`, `>`, `&`, and two line separators.
fn go_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    json::escape(&json, |c| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'))
}
