//! Paths in an object: parsing JSON pointers, and formatting paths as kubectl does.
//!
//! Pure.

use diagnostics::Place;
use document::{Node, Value};

/// The steps of a JSON pointer, `/spec/ports/0`.
#[must_use]
pub fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// Formats a path as kubectl does: `spec.ports[0]`, `metadata.labels[app.kubernetes.io/name]`.
#[must_use]
pub fn path(steps: &[String]) -> String {
    let mut text = String::new();
    for step in steps {
        let plain = step.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let index = step.chars().all(|c| c.is_ascii_digit());
        if !plain || index || step.is_empty() {
            text.push_str(&format!("[{step}]"));
        } else {
            text.push_str(if text.is_empty() { "" } else { "." });
            text.push_str(step);
        }
    }
    text
}

/// The node at a path.
#[must_use]
pub fn node<'a>(root: &'a Node, steps: &[String]) -> Option<&'a Node> {
    steps.iter().try_fold(root, |node, step| match &node.value {
        Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
        _ => node.get(step),
    })
}

/// The place of a field's key; the place of the parent if it has no such field.
#[must_use]
pub fn key(parent: &Node, name: &str) -> Place {
    let key = parent.entry(name);
    key.map_or_else(|| parent.place(), |(key, _)| Place::new(&parent.source, key.span.clone()))
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn paths_are_formatted_as_kubectl_does() {
        for (pointer, expected) in [
            ("/spec/containers/0/image", "spec.containers[0].image"),
            ("/metadata/labels/app.kubernetes.io~1name", "metadata.labels[app.kubernetes.io/name]"),
            ("", ""),
            ("/a~01", "[a~1]"),
        ] {
            assert_eq!(path(&steps(pointer)), expected);
        }
    }

    #[test]
    fn a_path_resolves_to_a_node_and_to_its_key() {
        let root = yaml::parse_one(&Source::new("x", "a:\n  - b/c: 1\n")).expect("YAML").root;
        let found = node(&root, &steps("/a/0/b~1c")).expect("a node");
        assert_eq!(found.place().to_string(), "x:2:10");
        assert_eq!(key(node(&root, &steps("/a/0")).expect("a node"), "b/c").to_string(), "x:2:5");
        assert!(node(&root, &steps("/a/1")).is_none() && node(&root, &steps("/a/x")).is_none());
    }
}
