//! Compares two renders of a target, the second one with quoted values, for strings that lose the text of a value.

use diagnostics::Source;
use document::{Node, Value, yaml};
use kubernetes::manifest::{Manifest, Recorded};
use kubernetes::validate::pointer;
use serde_json::json;

/// A rendered string that loses the text of a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Loss {
    /// The field and the object.
    pub(super) at: String,
    /// The line of the string.
    pub(super) rendered: String,
    /// Whether the value is the whole string.
    pub(super) whole: bool,
    /// Whether the value is used as a version: in an image, as the label of a version, or as a part of a word.
    pub(super) version: bool,
    /// Whether it is a value of a Secret.
    pub(super) secret: bool,
}

impl Loss {
    /// As a line of the cache, with the index of the value.
    pub(super) fn line(&self, index: usize) -> String {
        let rendered = if self.secret { "" } else { &self.rendered };
        json!([index, self.at, rendered, self.whole, self.version, self.secret]).to_string()
    }

    /// Reads a line of the cache.
    pub(super) fn parse(line: &str) -> Option<(usize, Self)> {
        let (index, at, rendered, whole, version, secret) = serde_json::from_str(line).ok()?;
        Some((index, Self { at, rendered, whole, version, secret }))
    }
}

/// Whether two renders have different objects, or objects with different content.
pub(super) fn differ(first: &[Recorded], second: &[Manifest]) -> bool {
    let content = |manifest: &Manifest| tree(manifest).map(|root| root.to_json());
    first.len() != second.len()
        || first.iter().any(|before| {
            let after = second.iter().find(|after| after.key == before.manifest.key);
            after.is_none_or(|after| after.text != before.manifest.text && content(after) != content(&before.manifest))
        })
}

/// The first string that contains a text only in the second render, and is otherwise equal.
pub(super) fn loss(first: &[Recorded], second: &[Manifest], written: &str) -> Option<Loss> {
    first.iter().find_map(|before| {
        let after = second.iter().find(|after| after.key == before.manifest.key)?;
        if after.text == before.manifest.text {
            return None;
        }
        let mut path = Vec::new();
        let mut found = walk(&tree(&before.manifest)?, &tree(after)?, written, &mut path)?;
        found.secret = !before.manifest.secrets.is_empty();
        found.at = format!("`{}` of {}", found.at, before.manifest.title());
        Some(found)
    })
}

fn tree(manifest: &Manifest) -> Option<Node> {
    Some(yaml::parse_one(&Source::new("", manifest.text.clone())).ok()?.root)
}

fn walk(before: &Node, after: &Node, written: &str, path: &mut Vec<String>) -> Option<Loss> {
    match (&before.value, &after.value) {
        (Value::Mapping(entries), Value::Mapping(_)) => entries.iter().find_map(|(key, value)| {
            path.push(key.name.clone());
            let found = after.get(&key.name).and_then(|after| walk(value, after, written, path));
            path.pop();
            found
        }),
        (Value::Sequence(items), Value::Sequence(others)) => {
            items.iter().zip(others).enumerate().find_map(|(index, (value, after))| {
                path.push(index.to_string());
                let found = walk(value, after, written, path);
                path.pop();
                found
            })
        }
        (Value::String(before), Value::String(after)) if before != after => in_text(before, after, written, path),
        _ => None,
    }
}

fn in_text(before: &str, after: &str, written: &str, path: &[String]) -> Option<Loss> {
    if before.lines().count() != after.lines().count() {
        return None;
    }
    let mut lines = before.lines().zip(after.lines()).filter(|(before, after)| before != after);
    let (rendered, start) = lines.find_map(|(before, after)| Some((before, position(before, after, written)?)))?;
    let line = after.lines().find(|line| position(rendered, line, written).is_some()).unwrap_or_default();
    let key = path.last().map(String::as_str).unwrap_or_default();
    let version = matches!(key, "image" | "version") || key.ends_with("/version") || joined(&line[..start]);
    Some(Loss {
        at: pointer::path(path),
        rendered: rendered.trim().to_owned(),
        whole: after.trim() == written,
        version,
        secret: false,
    })
}

/// Where a text is in a line whose other parts are equal to those of another line.
fn position(before: &str, after: &str, written: &str) -> Option<usize> {
    let fits = |at: usize| {
        let (start, end) = (&after[..at], &after[at + written.len()..]);
        before.starts_with(start) && before.ends_with(end) && before.len() >= start.len() + end.len()
    };
    after.match_indices(written).map(|(at, _)| at).find(|at| fits(*at))
}

/// Whether what follows a text belongs to its last word, as the version in `web-1.10` and `/v1.10/`.
fn joined(before: &str) -> bool {
    let mut last = before.chars().rev();
    match last.next() {
        Some('/' | '@') => true,
        Some('v' | '-') => last.next().is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '-')) || before == "v",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_replaced_text_is_a_loss() {
        let path = ["spec".to_owned(), "image".to_owned()];
        let found =
            |before: &str, after: &str| in_text(before, after, "1.10", &path).map(|loss| (loss.whole, loss.version));
        assert_eq!(found("web:1.1", "web:1.10"), Some((false, true)));
        assert_eq!(found("1.1", "1.10"), Some((true, true)));
        assert_eq!(found("a\nx: 1.1\nb", "a\nx: 1.10\nb"), Some((false, true)));
        assert_eq!(found("a", "b"), None);
        assert_eq!(found("a", "a 1.10 b"), None);
        assert_eq!(found("a\nb", "1.10"), None);
    }

    #[test]
    fn a_version_is_joined_to_a_word() {
        for before in ["web-", "api/", "name@", "v", "/v"] {
            assert!(joined(before), "{before}");
        }
        for before in ["", "x = ", "--level=", "a: ", "-", "web:"] {
            assert!(!joined(before), "{before}");
        }
    }
}
