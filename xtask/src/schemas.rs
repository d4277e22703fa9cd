//! `schemas/`: one JSON schema a kind, strict, in the layout that kubeconform is told to look for.
//!
//! They are derived, never written by hand: [`openapi`] makes them of what an API server says of itself, [`crd`] of the
//! `CustomResourceDefinitions` that a run renders. A file holds all that it refers to.
//!
//! Deliberately absent: rules that no schema can say (`validate::rules`), CEL, and schemas for kinds that nobody uses.

pub mod crd;
pub mod openapi;
pub mod shape;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, Place, Result, Source};
use crate::document::{Node, toml};

/// Where they are, from the root.
pub const FOLDER: &str = "schemas";

/// Which Kubernetes they are of, in [`FOLDER`].
pub const VERSION_FILE: &str = "kubernetes.toml";

/// The layout, as kubeconform's template has it. Its `Group` of a core kind is the version.
pub const LAYOUT: &str =
    "{{if eq .Group .ResourceAPIVersion}}core{{else}}{{.Group}}{{end}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json";

/// What decides which schema an object has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version in it.
    pub version: String,
    /// The kind.
    pub kind: String,
}

impl Kind {
    /// The kind of an object with this `apiVersion`.
    #[must_use]
    pub fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    /// Reads `v1/Secret` or `apps/v1/Deployment`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let (group, version, kind) = match parts[..] {
            [version, kind] => ("", version, kind),
            [group, version, kind] if group.contains('.') || !group.is_empty() => (group, version, kind),
            _ => return None,
        };
        let fine = version.starts_with('v') && kind.starts_with(|c: char| c.is_ascii_uppercase());
        fine.then(|| Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() })
    }

    /// As an object writes it.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Its file, from [`FOLDER`]; `None` where its words would lead elsewhere.
    #[must_use]
    pub fn file(&self) -> Option<String> {
        let plain =
            |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) && !word.starts_with('.');
        let group = if self.group.is_empty() { "core" } else { &self.group };
        let fine = plain(group) && plain(&self.version) && plain(&self.kind) && !self.kind.is_empty();
        fine.then(|| format!("{group}/{}_{}.json", self.kind.to_lowercase(), self.version))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.api_version(), self.kind)
    }
}

/// What [`VERSION_FILE`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Such as `1.34.4`.
    pub kubernetes: String,
    /// Where it says so.
    pub place: Place,
}

impl Version {
    /// Reads it.
    pub fn load(root: &Path) -> Result<Self> {
        let name = format!("{FOLDER}/{VERSION_FILE}");
        let text = std::fs::read_to_string(root.join(&name))
            .map_err(|error| Diagnostic::io("read", Path::new(&name), &error))?;
        let source = Source::new(name, text);
        let node = toml::parse(&source)?;
        let version = node.get("kubernetes").filter(|node| node.as_str().is_some_and(|text| minor(text).is_some()));
        let Some(version) = version else {
            return Err(Diagnostic::new(Code::SchemaBroken, "this file names no Kubernetes version")
                .at(node.place(), "expected `kubernetes = \"<major>.<minor>.<patch>\"`")
                .help("`cargo xtask schemas` writes it")
                .into());
        };
        Ok(Self { kubernetes: version.as_str().unwrap_or_default().to_owned(), place: version.place() })
    }

    /// The text of the file.
    #[must_use]
    pub fn text(kubernetes: &str) -> String {
        format!(
            "# Written by `cargo xtask schemas`, together with the schemas beside it: the API server that they are of.\n\
             kubernetes = \"{kubernetes}\"\n"
        )
    }
}

/// `1.34` of `v1.34.4`. Patch releases do not change an API, so the minor version is what has to agree.
#[must_use]
pub fn minor(version: &str) -> Option<String> {
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
    Some(format!("{major}.{minor}"))
}

/// The names of the schema files that are there, from [`FOLDER`].
#[must_use]
pub fn present(root: &Path) -> BTreeSet<String> {
    let folder = root.join(FOLDER);
    let list = |path: &Path| -> Vec<std::path::PathBuf> {
        std::fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    let groups = list(&folder).into_iter().filter(|path| path.is_dir());
    let files = groups.flat_map(|group| list(&group)).filter(|path| path.extension().is_some_and(|end| end == "json"));
    files.filter_map(|path| Some(path.strip_prefix(&folder).ok()?.to_string_lossy().into_owned())).collect()
}

/// The schema of a kind as a file's text: sorted, a line for each property, with a line break at the end.
#[must_use]
pub fn text(schema: &Value) -> String {
    let mut out = String::new();
    write(schema, 0, &mut out);
    out.push('\n');
    out
}

/// Levels that get lines of their own: the file, `definitions`, a definition, and its `properties`.
const LINES: usize = 4;

fn write(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let lines = depth < LINES && entries.iter().any(|(_, value)| value.is_object() || value.is_array());
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                if lines {
                    out.push('\n');
                    out.push_str(&" ".repeat(depth + 1));
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(value, depth + 1, out);
            }
            if lines {
                out.push('\n');
                out.push_str(&" ".repeat(depth));
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write(item, LINES, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// A node as JSON. Our own text is JSON always; what it cannot hold is refused when YAML is read.
#[must_use]
pub fn json(node: &Node) -> Value {
    serde_json::from_str(&node.to_json()).unwrap_or_default()
}

/// A schema at a place of an object: keys and indexes lead there; references are followed, alternatives are not.
#[must_use]
pub fn at<'a>(schema: &'a Value, pointer: &[String]) -> Option<&'a Value> {
    let mut here = resolve(schema, schema)?;
    for step in pointer {
        let next = here.get("properties").and_then(|known| known.get(step));
        let next = next.or_else(|| here.get("items").filter(|_| step.parse::<usize>().is_ok()));
        let next = next.or_else(|| here.get("additionalProperties").filter(|more| more.is_object()))?;
        here = resolve(schema, next)?;
    }
    Some(here)
}

/// What a schema refers to; of an `allOf`, as this module writes it, the reference in it.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let mut here = schema;
    // A reference that leads to itself leads nowhere.
    for _ in 0..32 {
        let all = here.get("allOf").and_then(Value::as_array).and_then(|all| all.first());
        if let Some(reference) = here.get("$ref").and_then(Value::as_str) {
            here = root.get("definitions")?.get(reference.strip_prefix("#/definitions/")?)?;
        } else if let (Some(first), None) = (all, here.get("properties")) {
            here = first;
        } else {
            return Some(here);
        }
    }
    None
}

/// The definition of `ObjectMeta` and of what it refers to, from a schema that this tool derived.
#[must_use]
pub fn metadata(schema: &Value) -> Option<serde_json::Map<String, Value>> {
    let definitions = schema.get("definitions")?.as_object()?;
    let mut found = serde_json::Map::new();
    let mut wanted = vec![shape::OBJECT_META.to_owned()];
    while let Some(name) = wanted.pop() {
        if found.contains_key(&name) {
            continue;
        }
        let definition = definitions.get(&name)?;
        references(definition, &mut wanted);
        found.insert(name, definition.clone());
    }
    Some(found)
}

/// The names of all definitions that a schema refers to.
fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(entries) => {
            for (key, value) in entries {
                match value.as_str().and_then(|text| text.strip_prefix("#/definitions/")) {
                    Some(name) if key == "$ref" => found.push(name.to_owned()),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// A source for places in a schema file.
#[must_use]
pub fn place(file: &str) -> Place {
    Place::file(format!("{FOLDER}/{file}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kind_knows_its_file() {
        let kind = Kind::parse("apps/v1/Deployment").expect("a kind");
        assert_eq!(kind.file().as_deref(), Some("apps/deployment_v1.json"));
        assert_eq!(Kind::new("v1", "Secret").file().as_deref(), Some("core/secret_v1.json"));
        assert_eq!(Kind::new("../../x/v1", "Secret").file(), None, "`x/v1` is no version");
        assert_eq!(Kind::new("../v1", "Secret").file(), None);
        for wrong in ["Secret", "v1/secret", "apps/Deployment", "a/b/c/D", ""] {
            assert_eq!(Kind::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_text_is_sorted_and_ends_with_a_line_break() {
        let schema = json!({"type": "object", "definitions": {"B": {"type": "string"}, "A": {"properties": {"x": {"type": ["string", "null"]}}}}});
        assert_eq!(
            text(&schema),
            "{\n \"definitions\":{\n  \"A\":{\n   \"properties\":{\n    \"x\":{\"type\":[\"string\",\"null\"]}\n   }\n  },\n  \
             \"B\":{\"type\":\"string\"}\n },\n \"type\":\"object\"\n}\n"
        );
    }

    #[test]
    fn a_pointer_leads_through_references() {
        let schema = json!({
            "definitions": {"C": {"properties": {"image": {"type": "string"}}}, "L": {"$ref": "#/definitions/L"}},
            "properties": {
                "list": {"items": {"allOf": [{"$ref": "#/definitions/C"}, {"type": "object"}]}},
                "map": {"additionalProperties": {"$ref": "#/definitions/C"}},
                "loop": {"$ref": "#/definitions/L"},
            },
        });
        let find = |path: &str| at(&schema, &path.split('/').map(str::to_owned).collect::<Vec<_>>()).is_some();
        assert!(find("list/0/image") && find("map/any/image"));
        assert!(!find("list/0/imagee") && !find("loop") && !find("nothing"));
    }

    #[test]
    fn the_minor_version_is_what_counts() {
        assert_eq!(minor("v1.34.4"), minor("1.34.11"));
        assert_eq!(minor("unversioned"), None);
    }
}
