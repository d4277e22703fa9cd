//! JSON strings with more escapes than `serde_json` writes, for readers that allow fewer characters.

use serde_json::Value;

/// Formats a string as JSON that is also a double-quoted YAML scalar and a TOML basic string.
#[must_use]
pub fn quoted(text: &str) -> String {
    escape(&Value::from(text).to_string(), |c| {
        // Not printable in YAML; TOML excludes only the first.
        matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    })
}

/// The string that [`quoted`] formatted, if it needed no escapes.
#[must_use]
pub fn plain(quoted: &str) -> Option<&str> {
    let text = quoted.strip_prefix('"')?.strip_suffix('"')?;
    // Digests and most paths are ASCII, which is quicker to check.
    let is_plain = if text.is_ascii() {
        text.bytes().all(|byte| !matches!(byte, b'"' | b'\\' | 0x7f | ..b' '))
    } else {
        !text.contains(|c: char| c == '"' || c == '\\' || c.is_control())
    };
    is_plain.then_some(text)
}

/// Escapes further characters of the basic multilingual plane in JSON text. They must not be part of its syntax.
#[must_use]
pub fn escape(json: &str, further: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if further(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// The line, counted from 1, on which a syntax error in JSON is corrected: a comma is missing after, or is too much at, the end
/// of what comes before the place at which a reader gives up.
#[must_use]
pub fn line_of_error(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let at = start + column.saturating_sub(1);
    let Some(rest) = text.get(at..) else { return line };
    let before = text[..at].trim_end();
    let (next, last) = (rest.chars().next(), before.chars().next_back());
    let closes = matches!(next, Some('}' | ']')) && last == Some(',');
    let begins = matches!(next, Some('"' | '{' | '[')) && last.is_some_and(|c| !matches!(c, ',' | ':' | '{' | '['));
    if closes || begins { before.matches('\n').count() + 1 } else { line }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use diagnostics::Source;

    use super::*;
    use crate::{Node, toml, yaml};

    #[test]
    fn a_quoted_string_is_json_yaml_and_toml() {
        let text: String = ('\0'..='\u{a0}').chain("\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}é😀".chars()).collect();
        let quoted = quoted(&text);
        assert_eq!(serde_json::from_str::<String>(&quoted).expect("JSON"), text);
        let yaml = yaml::parse_one(&Source::new("x", format!("k: {quoted}"))).expect("YAML").root;
        let toml = toml::parse(&Source::new("x", format!("k = {quoted}"))).expect("TOML");
        for root in [yaml, toml] {
            assert_eq!(
                root.get("k").and_then(Node::as_str),
                Some(text.as_str()),
                "{:?}",
                Arc::clone(&root.source).name
            );
        }
    }
}
