//! Edits of YAML text that preserve comments, order, and layout.
//!
//! An edit replaces the bytes of a node. Callers must parse the result again to verify that it has the intended meaning.

use std::ops::Range;

use crate::tree::Value;
use crate::{json, yaml};

/// A replacement of some bytes of a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// The start of the replaced bytes.
    pub start: usize,
    /// Their end; equal to the start for an insertion.
    pub end: usize,
    /// The new text.
    pub text: String,
}

impl Edit {
    /// Replaces a span.
    #[must_use]
    pub fn new(span: Range<usize>, text: impl Into<String>) -> Self {
        Self { start: span.start, end: span.end, text: text.into() }
    }
}

/// Applies edits to a text. Equal edits are applied once; returns `None` if edits overlap.
#[must_use]
pub fn apply(text: &str, edits: &[Edit]) -> Option<String> {
    let mut edits = edits.to_vec();
    edits.sort();
    edits.dedup();
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for edit in &edits {
        out.push_str(text.get(done..edit.start)?);
        out.push_str(&edit.text);
        done = edit.end.max(edit.start);
    }
    out.push_str(text.get(done..)?);
    Some(out)
}

/// Formats a string as a YAML scalar on one line: plain if it is read back as the same string, else quoted.
#[must_use]
pub fn scalar(text: &str) -> String {
    if plain(text) {
        return text.to_owned();
    }
    json::quoted(text)
}

/// Formats a string as a YAML scalar, with the quotes of the scalar that it replaces.
#[must_use]
pub fn scalar_like(written: &str, text: &str) -> String {
    if written.starts_with('\'') && !text.chars().any(char::is_control) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    if written.starts_with('"') {
        return json::quoted(text);
    }
    scalar(text)
}

/// Whether a string needs no quotes, neither in block nor in flow style.
fn plain(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@+~%=".contains(c));
    first && rest && !text.ends_with(':') && matches!(yaml::resolve(text), Ok(Value::String(same)) if same == text)
}

/// The bytes of the scalar in a span, without its anchor, its tag, and any text after it.
#[must_use]
pub fn written(text: &str, span: Range<usize>) -> Range<usize> {
    let start = span.start;
    let text = text.get(span).unwrap_or_default();
    let mut scalar = text;
    while scalar.starts_with(['&', '!']) {
        let Some((_, rest)) = scalar.split_once(char::is_whitespace) else { break };
        scalar = rest.trim_start();
    }
    let start = start + text.len() - scalar.len();
    let length = match scalar.as_bytes().first() {
        Some(b'\'') => closing(scalar, |rest| rest.starts_with("''"), '\''),
        Some(b'"') => closing(scalar, |rest| rest.starts_with('\\'), '"'),
        _ => {
            let line = scalar.lines().next().unwrap_or_default();
            line.split(" #").next().unwrap_or_default().trim_end().len()
        }
    };
    start..start + length
}

/// The length of a quoted scalar; `escape` recognizes escaped characters.
fn closing(scalar: &str, escape: impl Fn(&str) -> bool, quote: char) -> usize {
    let mut at = 1;
    while let Some(c) = scalar[at..].chars().next() {
        if escape(&scalar[at..]) {
            at += c.len_utf8();
        } else if c == quote {
            return at + c.len_utf8();
        }
        at += scalar[at..].chars().next().map_or(0, char::len_utf8);
    }
    scalar.len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use diagnostics::Source;

    use super::*;
    use crate::tree::Node;

    fn read(text: &str) -> Node {
        yaml::parse_one(&Source::new("x", text)).expect("YAML").root
    }

    #[test]
    fn scalars_are_read_back_unchanged() {
        for text in
            ["https://a.example/b.git", "on", "1e3", "", "a: b", "a #b", "git@h:p", "x:", "é\u{7}", "{a}", "~a", "-"]
        {
            for written in ["plain", "'single'", "\"double\""] {
                let scalar = scalar_like(written, text);
                for around in [format!("a: {scalar} # c\nb: 1\n"), format!("{{a: {scalar}, b: 1}}\n")] {
                    let root = read(&around);
                    assert_eq!(root.get("a").and_then(Node::as_str), Some(text), "{around}");
                    assert_eq!(root.entries().len(), 2, "{around}");
                }
            }
        }
        assert_eq!(scalar_like("plain", "git@host:path"), "git@host:path");
        assert_eq!(scalar_like("'x'", "it's"), "'it''s'");
    }

    #[test]
    fn edits_preserve_other_text_and_must_not_overlap() {
        let root = read("a: one # first\nb: [one, two]\n");
        let text = Arc::clone(&root.source).text.clone();
        let span = |node: Option<&Node>| node.expect("there").span.clone();
        let edits = [
            Edit::new(span(root.get("b").and_then(|b| b.items().first())), "1"),
            Edit::new(span(root.get("a")), "1"),
            Edit::new(span(root.get("a")), "1"),
        ];
        assert_eq!(apply(&text, &edits).as_deref(), Some("a: 1 # first\nb: [1, two]\n"));
        assert_eq!(apply(&text, &[Edit::new(0..5, "x"), Edit::new(3..6, "y")]), None);
    }
}
