//! Unquoted scalars and keys whose text is not what YAML reads.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use diagnostics::Source;
use document::{Node, Value, json, yaml};

/// The ends of keys whose values are names of versions, even if they look like numbers.
const VERSION_KEYS: &[&str] = &["tag", "version", "digest", "sha", "commit"];

/// The kind of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Digits after a zero or a sign: `0644`, `+49123`.
    Digits,
    /// Another number that is formatted in another way: `1.10`, `1e3`, `0x1F`, `1_000`.
    Number,
    /// A boolean: `no`, `on`.
    Word,
}

/// An unquoted scalar.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) path: Vec<String>,
    pub(super) written: String,
    /// The value that YAML reads.
    pub(super) read: String,
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
    pub(super) source: Arc<Source>,
}

/// An unquoted key.
#[derive(Debug)]
pub(super) struct MisreadKey {
    pub(super) written: String,
    /// The value that YAML reads.
    pub(super) read: String,
    pub(super) span: Range<usize>,
    pub(super) source: Arc<Source>,
}

impl Scalar {
    /// The path as people write it: `image.tag`, `args[0]`.
    pub(super) fn name(&self) -> String {
        let mut name = String::new();
        for step in &self.path {
            if step.chars().all(|c| c.is_ascii_digit()) && !name.is_empty() {
                name.push_str(&format!("[{step}]"));
            } else {
                name.push_str(if name.is_empty() { "" } else { "." });
                name.push_str(step);
            }
        }
        name
    }

    /// The scalar with its key or dash, and quoted.
    pub(super) fn assigned(&self) -> String {
        let quoted = json::quoted(&self.written);
        match self.path.last() {
            Some(key) if !key.chars().all(|c| c.is_ascii_digit()) => format!("{key}: {quoted}"),
            _ => format!("- {quoted}"),
        }
    }

    /// Whether it looks like an integer, but is neither a file mode nor what its digits say: `010` is 8.
    pub(super) fn is_padded_integer(&self) -> bool {
        let mode = matches!(self.written.len(), 4 | 5) && self.written.bytes().all(|c| (b'0'..=b'7').contains(&c));
        let key = self.path.last().map(|key| key.to_lowercase()).unwrap_or_default();
        let named = ["mode", "mask", "perm"].iter().any(|part| key.contains(part));
        self.kind == Kind::Digits && self.written.starts_with('0') && !mode && !named
    }

    /// Whether its key is that of a version.
    pub(super) fn is_version(&self) -> bool {
        let key = self.path.last().map(|key| key.to_lowercase()).unwrap_or_default();
        VERSION_KEYS.iter().any(|end| key.ends_with(end))
    }
}

/// All unquoted scalars of a tree whose text is not what YAML reads. One that aliases repeat is returned once.
pub(super) fn all(root: &Node) -> Vec<Scalar> {
    let mut found = Vec::new();
    walk(root, &mut Vec::new(), &mut BTreeSet::new(), &mut found);
    found
}

fn walk(node: &Node, path: &mut Vec<String>, seen: &mut BTreeSet<usize>, found: &mut Vec<Scalar>) {
    match &node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                path.push(key.name.clone());
                walk(value, path, seen, found);
                path.pop();
            }
        }
        Value::Sequence(items) => {
            for (index, value) in items.iter().enumerate() {
                path.push(index.to_string());
                walk(value, path, seen, found);
                path.pop();
            }
        }
        Value::Bool(_) | Value::Number(_) => {
            let span = without_anchor(&node.source.text, &node.span);
            let written = node.source.text.get(span.clone()).unwrap_or_default();
            if let Some((kind, read)) = misread(written)
                && seen.insert(span.start)
            {
                let (path, written) = (path.clone(), written.to_owned());
                let source = Arc::clone(&node.source);
                found.push(Scalar { path, written, read, kind, span, source });
            }
        }
        Value::Null | Value::String(_) => {}
    }
}

/// The bytes of a scalar without its anchor.
fn without_anchor(text: &str, span: &Range<usize>) -> Range<usize> {
    let written = text.get(span.clone()).unwrap_or_default();
    let scalar = written.strip_prefix('&').and_then(|rest| rest.split_once(' ')).map_or(written, |(_, rest)| rest);
    span.end - scalar.trim_start().len()..span.end
}

/// The kind of an unquoted text and the value that YAML reads, if its text is lost.
fn misread(written: &str) -> Option<(Kind, String)> {
    match yaml::resolve(written).ok()? {
        Value::Bool(_) if written.eq_ignore_ascii_case("true") || written.eq_ignore_ascii_case("false") => None,
        Value::Bool(read) => Some((Kind::Word, read.to_string())),
        Value::Number(read) if read != written => {
            let digits = written.trim_start_matches(['+', '-']);
            let plain = digits.chars().all(|c| c.is_ascii_digit());
            let padded = digits.len() > 1 && digits.starts_with('0') || written.starts_with('+');
            Some((if plain && padded { Kind::Digits } else { Kind::Number }, read))
        }
        _ => None,
    }
}

/// All unquoted keys of a tree that YAML does not read as they are written.
pub(super) fn keys(root: &Node) -> Vec<MisreadKey> {
    fn walk(node: &Node, seen: &mut BTreeSet<usize>, found: &mut Vec<MisreadKey>) {
        for (key, value) in node.entries() {
            let written = node.source.text.get(key.span.clone()).unwrap_or_default();
            let read = match yaml::resolve(written) {
                Ok(Value::Bool(read)) => read.to_string(),
                Ok(Value::Number(read)) => read,
                _ => written.to_owned(),
            };
            if read != written && read == key.name && seen.insert(key.span.start) {
                let (written, span) = (written.to_owned(), key.span.clone());
                found.push(MisreadKey { written, read, span, source: Arc::clone(&node.source) });
            }
            walk(value, seen, found);
        }
        node.items().iter().for_each(|item| walk(item, seen, found));
    }
    let mut found = Vec::new();
    walk(root, &mut BTreeSet::new(), &mut found);
    found
}

/// Values with some scalars quoted, as JSON, so that the text around them does not matter.
pub(super) fn quoted(root: &Node, scalars: &[&Scalar]) -> String {
    let mut root = root.clone();
    for scalar in scalars {
        quote(&mut root, &scalar.span);
    }
    root.to_json()
}

/// Turns the scalars at a span into strings.
fn quote(node: &mut Node, span: &Range<usize>) {
    if without_anchor(&node.source.text, &node.span) == *span && matches!(node.value, Value::Bool(_) | Value::Number(_))
    {
        let written = node.source.text.get(span.clone()).unwrap_or_default().to_owned();
        node.value = Value::String(written);
        return;
    }
    match &mut node.value {
        Value::Mapping(entries) => entries.iter_mut().for_each(|(_, value)| quote(value, span)),
        Value::Sequence(items) => items.iter_mut().for_each(|item| quote(item, span)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Node {
        yaml::parse_one(&Source::new("v", text)).expect("YAML").root
    }

    #[test]
    fn scalars_whose_text_is_lost_are_found() {
        let text =
            "a: 1.10\nb: [0644, 0189, '0644', 1e3, no]\nc: {d: yes, e: True, f: 5, g: 1.5, h: 12:30:45}\ni: +49\n";
        let found: Vec<String> =
            all(&root(text)).iter().map(|one| format!("{} {} {:?}", one.name(), one.read, one.kind)).collect();
        let expected = [
            "a 1.1 Number",
            "b[0] 420 Digits",
            "b[1] 189 Digits",
            "b[3] 1000 Number",
            "b[4] false Word",
            "c.d true Word",
            "i 49 Digits",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_alias_is_its_anchor() {
        assert_eq!(all(&root("a: &x 1.10\nb: *x\nc: &m {d: 0644}\ne: {<<: *m}\n")).len(), 2);
    }

    #[test]
    fn keys_whose_text_is_lost_are_found() {
        let found = keys(&root("on: 1\na: [{no: 2, 'no2': 3}]\n1.10: 4\n8080: 5\n\"yes\": 6\n"));
        assert_eq!(found.iter().map(|key| key.written.as_str()).collect::<Vec<_>>(), ["on", "no", "1.10"]);
    }

    #[test]
    fn scalars_are_quoted() {
        let tree = root("# c\na: 1.10 # d\nb: [0644, 5]\n");
        let scalars = all(&tree);
        assert_eq!(quoted(&tree, &[&scalars[0]]), r#"{"a":"1.10","b":[420,5]}"#);
        assert_eq!(quoted(&tree, &scalars.iter().collect::<Vec<_>>()), r#"{"a":"1.10","b":["0644",5]}"#);
    }
}
