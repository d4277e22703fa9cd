//! `ignoreDifferences`: removes the ignored fields from an object.
//!
//! As in Argo CD, which removes them from the object in the cluster and from the rendered one before it compares the two.

use document::{Node, Value};
use kubernetes::manifest::ObjectKey;

use crate::jq_path::{JqPath, Path};

/// The entries of `ignoreDifferences` that apply to an object.
#[derive(Debug, Default)]
pub struct Ignored {
    pointers: Vec<Path>,
    expressions: Vec<JqPath>,
    /// Whether an entry cannot be evaluated: a jq expression with more than paths, or a field manager.
    unknown: bool,
}

impl Ignored {
    /// The entries of an Application that apply to an object.
    #[must_use]
    pub fn of(application: &Node, key: &ObjectKey) -> Self {
        let mut ignored = Self::default();
        for entry in application.items_at(&["spec", "ignoreDifferences"]) {
            let text = |name: &str| entry.get(name).and_then(Node::as_str).unwrap_or_default();
            let fits = |pattern: &str, text: &str| crate::glob::matches(pattern, text).unwrap_or(false);
            let applies = fits(text("group"), &key.group)
                && fits(text("kind"), &key.kind)
                && (text("name").is_empty() || text("name") == key.name)
                && (text("namespace").is_empty() || text("namespace") == key.namespace);
            if !applies {
                continue;
            }
            let texts = |list: &str| entry.items_at(&[list]).iter().filter_map(Node::as_str).collect::<Vec<_>>();
            let steps = |pointer: &str| -> Path {
                pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
            };
            ignored.pointers.extend(texts("jsonPointers").into_iter().map(steps).filter(|path| !path.is_empty()));
            for text in texts("jqPathExpressions") {
                match JqPath::parse(text) {
                    Some(expression) => ignored.expressions.push(expression),
                    None => ignored.unknown = true,
                }
            }
            ignored.unknown |= !entry.items_at(&["managedFieldsManagers"]).is_empty();
        }
        ignored
    }

    /// Whether nothing is ignored for certain.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pointers.is_empty() && self.expressions.is_empty()
    }

    /// Whether it cannot be said for all entries what they ignore.
    #[must_use]
    pub(crate) fn is_uncertain(&self) -> bool {
        self.unknown
    }

    /// An object without the ignored fields.
    #[must_use]
    pub fn without(&self, root: &Node) -> Node {
        let mut rest = root.clone();
        for pointer in &self.pointers {
            remove(&mut rest, pointer);
        }
        for expression in &self.expressions {
            let mut paths = expression.paths(&rest).unwrap_or_default();
            // Later items first, so that the indexes of the others remain valid.
            paths.sort_by_cached_key(|path| {
                path.iter().map(|step| (step.parse::<usize>().ok(), step.clone())).collect::<Vec<_>>()
            });
            paths.reverse();
            for path in paths {
                remove(&mut rest, &path);
            }
        }
        rest
    }
}

/// Removes the value at a path, if there is one.
fn remove(node: &mut Node, path: &[String]) {
    let Some((step, rest)) = path.split_first() else {
        node.value = Value::Null;
        return;
    };
    match &mut node.value {
        Value::Mapping(entries) if rest.is_empty() => entries.retain(|(key, _)| key.name != *step),
        Value::Mapping(entries) => {
            if let Some((_, inner)) = entries.iter_mut().find(|(key, _)| key.name == *step) {
                remove(inner, rest);
            }
        }
        Value::Sequence(items) => {
            let Some(index) = step.parse::<usize>().ok().filter(|index| *index < items.len()) else { return };
            if rest.is_empty() {
                items.remove(index);
            } else {
                remove(&mut items[index], rest);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn ignored_fields_are_removed() {
        let node = |text: &str| yaml::parse_one(&Source::new("x.yaml", text)).expect("YAML").root;
        let object = "{spec: {replicas: 1, list: [{a: 1}, {a: 2}, {a: 3}]}, metadata: {annotations: {x/y: 1}}}";
        for (entry, expected) in [
            ("group: apps, kind: Deployment, jsonPointers: [/spec/replicas, /none/x]", Some("\"spec\":{\"list\"")),
            ("group: '*', kind: '*', jsonPointers: [/metadata/annotations/x~1y]", Some("\"annotations\":{}")),
            ("group: apps, kind: Deployment, jsonPointers: [/spec/list/1]", Some("[{\"a\":1},{\"a\":3}]")),
            ("group: apps, kind: Deployment, jqPathExpressions: ['.spec.list[]']", Some("\"list\":[]")),
            (
                "group: apps, kind: Deployment, jqPathExpressions: ['.spec.list[] | select(.a != 2)']",
                Some("[{\"a\":2}]"),
            ),
            ("group: apps, kind: Deployment, name: other, jsonPointers: [/spec]", None),
            ("group: apps, kind: StatefulSet, jsonPointers: [/spec]", None),
            ("kind: Deployment, jsonPointers: [/spec]", None),
        ] {
            let application = node(&format!("spec: {{ignoreDifferences: [{{{entry}}}]}}"));
            let key = ObjectKey {
                group: "apps".to_owned(),
                kind: "Deployment".to_owned(),
                namespace: "web".to_owned(),
                name: "web".to_owned(),
            };
            let ignored = Ignored::of(&application, &key);
            let rest = ignored.without(&node(object)).to_json();
            match expected {
                Some(expected) => assert!(rest.contains(expected), "{entry}: {rest}"),
                None => assert!(ignored.is_empty() && rest == node(object).to_json(), "{entry}"),
            }
            assert!(!ignored.is_uncertain());
        }
    }
}
