//! Characters that look like others, or like nothing: blanks that are not spaces, line breaks that editors do not show,
//! and typographic quotes.
//!
//! The YAML library of Kubernetes ends lines at a carriage return, U+0085, U+2028, and U+2029, and takes every other
//! blank but the space and the tab for a part of a key or a value.

use std::ops::Range;
use std::sync::Arc;

use diagnostics::Source;

use crate::tree::{Node, Value};

/// A character that is misleading where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookalike {
    /// The bytes to mark.
    pub span: Range<usize>,
    /// The problem, as a headline.
    pub message: String,
    /// How YAML reads it.
    pub label: String,
    /// The fix.
    pub help: String,
}

/// The name of a blank that YAML does not treat as one, or of an invisible character.
#[must_use]
pub fn blank(c: char) -> Option<String> {
    let name = match c {
        '\u{a0}' => "no-break space",
        '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{205f}' | '\u{3000}' => "space",
        '\u{202f}' => "narrow no-break space",
        '\u{200b}' => "zero-width space",
        '\u{200c}' | '\u{200d}' | '\u{2060}' => "zero-width character",
        '\u{feff}' => "byte order mark",
        _ => return None,
    };
    Some(format!("{name} (U+{:04X})", u32::from(c)))
}

/// The first blank at the start or the end of a text.
#[must_use]
pub fn edge(text: &str) -> Option<String> {
    let (first, last) = (text.chars().next()?, text.chars().next_back()?);
    blank(first).or_else(|| blank(last))
}

/// The first line break of each kind that editors do not show as one.
#[must_use]
pub fn line_breaks(text: &str) -> Vec<Lookalike> {
    if text.is_ascii() && !text.contains('\r') {
        return Vec::new();
    }
    let mut found: Vec<(char, Lookalike, usize)> = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let name = match c {
            '\r' if chars.peek().is_none_or(|(_, next)| *next != '\n') => "carriage return",
            '\u{85}' => "next-line character (U+0085)",
            '\u{2028}' => "line separator (U+2028)",
            '\u{2029}' => "paragraph separator (U+2029)",
            _ => continue,
        };
        if let Some((_, _, count)) = found.iter_mut().find(|(kind, ..)| *kind == c) {
            *count += 1;
            continue;
        }
        let lookalike = Lookalike {
            span: at..at + c.len_utf8(),
            message: format!("{name} in the middle of a line"),
            label: "YAML starts a new line here".to_owned(),
            help: "delete it, or replace it with a line break".to_owned(),
        };
        found.push((c, lookalike, 0));
    }
    let counted = |(_, mut lookalike, more): (char, Lookalike, usize)| {
        if more > 0 {
            lookalike.label = format!("YAML starts a new line here, and at {more} more");
        }
        lookalike
    };
    found.into_iter().map(counted).collect()
}

/// Unquoted keys and strings of a tree that begin or end with a character that only looks like a blank or a quote.
#[must_use]
pub fn in_tree(root: &Node) -> Vec<Lookalike> {
    let mut found = Vec::new();
    // All of these characters are outside of ASCII.
    if root.source.text.is_ascii() {
        return found;
    }
    walk(root, &mut found);
    found.sort_by_key(|one| one.span.start);
    found.dedup_by_key(|one| one.span.clone());
    found
}

fn walk(node: &Node, found: &mut Vec<Lookalike>) {
    for (key, value) in node.entries() {
        found.extend(unquoted(&node.source, &key.span, &key.name, true));
        walk(value, found);
    }
    node.items().iter().for_each(|item| walk(item, found));
    if let Value::String(text) = &node.value {
        found.extend(unquoted(&node.source, &node.span, text, false));
    }
}

/// Whether a block scalar begins after a text: it ends with the header, such as `|-`.
fn is_block(before: &str) -> bool {
    let line = before
        .trim_end_matches(' ')
        .strip_suffix('\n')
        .map(|text| text.trim_end().trim_end_matches(['+', '-', '1', '2', '3', '4', '5', '6', '7', '8', '9']));
    line.is_some_and(|line| line.ends_with(['|', '>']))
}

fn unquoted(source: &Arc<Source>, span: &Range<usize>, text: &str, key: bool) -> Option<Lookalike> {
    // A quoted string, an alias, or one with several lines has another text.
    if source.text.get(span.clone()) != Some(text) || is_block(&source.text[..span.start]) {
        return None;
    }
    let what = if key { "key" } else { "value" };
    if let Some(name) = edge(text) {
        let at = text.char_indices().find(|(_, c)| blank(*c).is_some()).map_or(0, |(at, _)| at);
        let length = text[at..].find(|c| blank(c).is_none()).unwrap_or(text.len() - at);
        let start = span.start + at;
        return Some(Lookalike {
            span: start..start + length,
            message: format!("{name} in an unquoted {what}"),
            label: format!("belongs to the {what}: YAML indents and separates only with spaces"),
            help: if key { "replace it with spaces" } else { "delete it, or replace it with a space" }.to_owned(),
        });
    }
    let separated = |(at, sign): (usize, char)| {
        let name = blank(text[at + 1..].chars().next()?)?;
        let length = text[at + 1..].find(|c| blank(c).is_none()).unwrap_or(text.len() - at - 1);
        Some((name, at + 1..at + 1 + length, sign))
    };
    let name = text.find(|c: char| !(c.is_alphanumeric() || "_-./".contains(c))).unwrap_or(text.len());
    let sign = text[name..].starts_with(':').then_some((name, ':')).or(text.starts_with('-').then_some((0, '-')));
    if let Some((name, range, sign)) = sign.and_then(separated).filter(|_| !key) {
        return Some(Lookalike {
            span: span.start + range.start..span.start + range.end,
            message: format!("{name} after `{sign}`"),
            label: format!("YAML reads `{sign}` and what follows as text"),
            help: "replace it with a space".to_owned(),
        });
    }
    let (first, last) = (text.chars().next()?, text.chars().next_back()?);
    let quotes = matches!(first, '“' | '”' | '„' | '‟' | '‘' | '’' | '‚')
        && matches!(last, '“' | '”' | '‘' | '’')
        && text.chars().count() > 1
        && !text.contains(char::is_whitespace);
    quotes.then(|| Lookalike {
        span: span.clone(),
        message: format!("typographic quotes around a {what}"),
        label: format!("the quotes belong to the {what}"),
        help: "use straight quotes: `\"`".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn found(text: &str) -> Vec<String> {
        let source = Source::new("x", text);
        let root = yaml::parse_one(&source).expect("YAML").root;
        let all = line_breaks(text).into_iter().chain(in_tree(&root));
        all.map(|one| format!("{:?} {}", one.span, one.message)).collect()
    }

    #[test]
    fn blanks_that_yaml_takes_for_text_are_found() {
        assert_eq!(found("a:\n\u{a0}\u{a0}b: 1\n"), ["3..7 no-break space (U+00A0) in an unquoted key"]);
        assert_eq!(found("a: \u{a0}b\n"), ["3..5 no-break space (U+00A0) in an unquoted value"]);
        assert_eq!(found("a: b\u{200b}\n"), ["4..7 zero-width space (U+200B) in an unquoted value"]);
        assert_eq!(found("x:\n  a:\u{a0}b\n"), ["7..9 no-break space (U+00A0) after `:`"]);
        assert_eq!(found("x:\n  -\u{3000}b\n"), ["6..9 space (U+3000) after `-`"]);
    }

    #[test]
    fn line_breaks_and_quotes_are_found() {
        assert_eq!(found("a: 1 # x\rb: 2\rc: 3\r\n"), ["8..9 carriage return in the middle of a line"]);
        assert_eq!(found("a: “b”\nc: ‘d’\n").len(), 2);
    }

    #[test]
    fn text_may_contain_them() {
        let sound =
            "a: 10\u{a0}km\nb: \"\u{a0}\"\nc: |\n  \u{a0}x\nd: “a b”\ne: it’s\nf: 5’\ng: http:\u{a0}\nh: '“x”'\n";
        // A value that ends with one is not.
        assert_eq!(found(sound), ["68..70 no-break space (U+00A0) in an unquoted value"]);
        assert!(found("a: 1\r\nb: 2\r\n").is_empty());
    }
}
