//! Reads Chart.yaml and Chart.lock as Helm does.

use diagnostics::{Code, Diagnostic, Diagnostics, did_you_mean, nearest_within};
use document::{Node, Value};

use super::dependency::Dependency;
use super::fields::{CHART, DEPENDENCY};

/// How many letters of a required field may be wrong.
const MISSPELLED: usize = 2;

/// Reads Helm's files and collects errors. Unlike `document::Fields`, it ignores unknown fields and reads a number as a
/// string, like Helm.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) diagnostics: Diagnostics,
}

impl Reader {
    pub(super) fn mismatch(&mut self, node: &Node, path: &str, expected: &str) {
        self.diagnostics.push(
            Diagnostic::new(Code::ChartInvalid, format!("`{path}` must be {expected}"))
                .at(node.place(), format!("found {}", node.describe())),
        );
    }

    pub(super) fn mapping(&mut self, node: &Node, path: &str) {
        if !matches!(node.value, Value::Mapping(_)) {
            self.mismatch(node, path, "a mapping");
        }
    }

    pub(super) fn text(&mut self, node: &Node, key: &str, path: &str) -> Option<String> {
        let value = present(node, key)?;
        match &value.value {
            Value::String(text) | Value::Number(text) => Some(text.clone()),
            _ => {
                self.mismatch(value, path, "a string");
                None
            }
        }
    }

    pub(super) fn required(&mut self, node: &Node, key: &str, path: &str) -> Option<String> {
        if matches!(node.value, Value::Mapping(_)) && present(node, key).is_none() {
            let found = Diagnostic::new(Code::ChartInvalid, format!("`{path}` is required"));
            let names = node.entries().iter().map(|(key, _)| key.name.as_str());
            let unknown = names.filter(|name| !CHART.contains(name) && !DEPENDENCY.contains(name));
            self.diagnostics.push(match nearest_within(key, MISSPELLED, unknown) {
                Some(written) => found.at(node.key_place(written), "unknown field").help(did_you_mean(key)),
                None => found.at(node.place(), format!("`{key}` is missing")),
            });
        }
        self.text(node, key, path)
    }

    pub(super) fn list<'a>(&mut self, node: &'a Node, key: &str, path: &str) -> &'a [Node] {
        let Some(value) = present(node, key) else { return &[] };
        if !matches!(value.value, Value::Sequence(_)) {
            self.mismatch(value, path, "a list");
        }
        value.items()
    }

    /// Checks what describes the chart: Helm reads no chart in which the type of one field is wrong.
    pub(super) fn description(&mut self, root: &Node) {
        for key in ["keywords", "sources"] {
            for item in self.list(root, key, key) {
                if !matches!(item.value, Value::String(_) | Value::Number(_) | Value::Null) {
                    self.mismatch(item, key, "a list of strings");
                }
            }
        }
        for item in self.list(root, "maintainers", "maintainers") {
            self.mapping(item, "maintainers");
        }
        if let Some(annotations) = present(root, "annotations") {
            self.mapping(annotations, "annotations");
        }
        for key in ["description", "home", "icon", "kubeVersion", "type"] {
            self.text(root, key, key);
        }
        // Helm accepts blanks and other characters.
        let invalid = |text: &str| text.contains(['/', '\\']) || text == "." || text == "..";
        if let Some(name) = present(root, "name").filter(|name| name.as_str().is_some_and(invalid)) {
            self.diagnostics.push(
                Diagnostic::new(Code::ChartInvalid, "`name` is not a valid chart name")
                    .at(name.place(), "must not contain a slash"),
            );
        }
    }

    pub(super) fn dependencies(&mut self, root: &Node) -> Vec<Dependency> {
        let items = self.list(root, "dependencies", "dependencies");
        items.iter().enumerate().map(|(index, item)| self.dependency(item, index)).collect()
    }

    pub(super) fn dependency(&mut self, item: &Node, index: usize) -> Dependency {
        let path = |key: &str| format!("dependencies[{index}].{key}");
        self.mapping(item, &format!("dependencies[{index}]"));
        let name = self.required(item, "name", &path("name")).unwrap_or_default();
        if name.contains(['/', '\\']) || name == "." || name == ".." {
            let place = item.get("name").map_or_else(|| item.place(), Node::place);
            self.diagnostics.push(
                Diagnostic::new(Code::ChartInvalid, format!("`{}` is not a valid chart name", path("name")))
                    .at(place, "must not contain a slash"),
            );
        }
        let enabled = match present(item, "enabled").map(|node| (node, &node.value)) {
            None => false,
            Some((_, Value::Bool(value))) => *value,
            Some((node, _)) => {
                self.mismatch(node, &path("enabled"), "`true` or `false`");
                false
            }
        };
        let mut tags = Vec::new();
        for tag in self.list(item, "tags", &path("tags")) {
            match &tag.value {
                Value::String(text) | Value::Number(text) => tags.push(sanitized(text)),
                _ => self.mismatch(tag, &path("tags"), "a list of strings"),
            }
        }
        let mut text = |key: &str| self.text(item, key, &path(key)).unwrap_or_default();
        let place_of = |key: &str| present(item, key).map_or_else(|| item.place(), Node::place);
        Dependency {
            name: sanitized(&name),
            version: sanitized(&text("version")),
            repository: sanitized(&text("repository")),
            condition: sanitized(&text("condition")),
            alias: text("alias"),
            tags,
            enabled,
            import_values: self.list(item, "import-values", &path("import-values")).to_vec(),
            place: item.place(),
            version_place: place_of("version"),
            repository_place: place_of("repository"),
            other_place: {
                let others = ["alias", "condition", "import-values", "tags", "version"];
                place_of(others.into_iter().find(|key| present(item, key).is_some()).unwrap_or("name"))
            },
        }
    }
}

/// The value of a key; null counts as missing.
pub(super) fn present<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.get(key).filter(|node| !matches!(node.value, Value::Null))
}

/// Sanitizes a string of Chart.yaml like Helm, before it computes the digest: whitespace becomes spaces, and nonprintable
/// characters are removed.
#[must_use]
pub(crate) fn sanitized(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            c if c.is_whitespace() => Some(' '),
            c if c.is_control() => None,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => None,
            c => Some(c),
        })
        .collect()
}
