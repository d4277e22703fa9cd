//! The branches of a template: where each begins, what it is nested in, and whether a render can end in it.
//!
//! Only the frame of Go's template language is read here: actions, comments, strings, and the words that open and
//! close a branch. What an action means is Helm's business.
//!
//! Pure. Deliberately absent: branches that nobody wrote, such as the missing `else` of an `if`.

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::Source;

/// A branch: what is rendered when its action says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its action, from `{{` to `}}`.
    pub action: Range<usize>,
    /// The branch around it, by its place in the list.
    pub parent: Option<usize>,
    /// Whether each way through it ends in `fail`, so that no render that succeeds can come by.
    pub fails: bool,
}

/// The branches of a template, outer ones before those within them. A template that Helm would refuse gives those that
/// can be told; Helm says what is wrong with it.
#[must_use]
pub fn branches(source: &Arc<Source>) -> Vec<Branch> {
    let text = source.text.as_str();
    let mut branches: Vec<Branch> = Vec::new();
    // What an `end` closes: the branch that is open there, or nothing for what is no branch.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut position = 0;
    while let Some(at) = text[position..].find("{{").map(|at| position + at) {
        let end = action_end(text, at);
        position = end;
        let body = inside(&text[at..end]);
        let word = body.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
        let parent = |open: &[Option<usize>]| open.iter().rev().flatten().next().copied();
        match word {
            "if" | "with" | "range" | "define" | "block" => {
                branches.push(Branch { action: at..end, parent: parent(&open), fails: false });
                open.push(Some(branches.len() - 1));
            }
            "else" => {
                open.pop();
                branches.push(Branch { action: at..end, parent: parent(&open), fails: false });
                open.push(Some(branches.len() - 1));
            }
            "end" => {
                open.pop();
            }
            _ if word == "fail" || body.rsplit('|').next().is_some_and(|last| last.trim() == "fail") => {
                if let Some(branch) = parent(&open) {
                    branches[branch].fails = true;
                }
            }
            _ => {}
        }
    }
    // What lies within a branch that fails cannot be rendered either.
    for index in 0..branches.len() {
        if let Some(parent) = branches[index].parent
            && branches[parent].fails
        {
            branches[index].fails = true;
        }
    }
    branches
}

/// The text of an action without its frame.
fn inside(action: &str) -> &str {
    let body = action.strip_prefix("{{").unwrap_or(action);
    let body = body.strip_suffix("}}").unwrap_or(body);
    let body = body.strip_prefix("- ").or_else(|| body.strip_prefix("-\n")).unwrap_or(body);
    body.strip_suffix('-').unwrap_or(body).trim()
}

/// Where the action ends that begins at `start`: behind its `}}`, those in strings and comments not counted.
fn action_end(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    let body = rest[2..].strip_prefix('-').unwrap_or(&rest[2..]).trim_start();
    if body.starts_with("/*") {
        let from = text.len() - body.len();
        let close = text[from..].find("*/").map_or(text.len(), |at| from + at);
        return text[close..].find("}}").map_or(text.len(), |at| close + at + 2);
    }
    let bytes = text.as_bytes();
    let mut at = start + 2;
    let mut quote: Option<u8> = None;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(b'"' | b'\''), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, byte @ (b'"' | b'\'' | b'`')) => quote = Some(byte),
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return at + 2,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The text without its actions, for reading it as YAML. Every byte keeps its position.
///
/// Actions without output, alone on a line, or in place of a whole value become blank. Others become a word, so that the
/// text around them keeps its meaning. A `define` on a line of its own begins a new document.
#[must_use]
pub fn without_actions(text: &str) -> String {
    let mut actions = Vec::new();
    let mut blank = text.as_bytes().to_vec();
    let mut position = 0;
    while let Some(at) = text[position..].find("{{").map(|at| position + at) {
        position = action_end(text, at);
        blank[at..position].fill(b' ');
        actions.push(at..position);
    }
    let mut filled = blank.clone();
    for action in actions {
        let body = inside(&text[action.clone()]);
        let word = body.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
        let silent = matches!(word, "if" | "else" | "end" | "with" | "range" | "define" | "block")
            || body.starts_with("/*")
            || word.starts_with('$') && body[word.len()..].trim_start().starts_with([':', '=']);
        let start = blank[..action.start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = blank[action.end..].iter().position(|byte| *byte == b'\n').map_or(blank.len(), |at| action.end + at);
        let before = blank[start..action.start].trim_ascii();
        let after = blank[action.end..end].trim_ascii();
        let alone = before.is_empty() && after.is_empty();
        if alone && word == "define" && start == action.start {
            filled[start..start + 3].fill(b'-');
        } else if !(silent || alone || after.is_empty() && before.ends_with(b":")) {
            filled[action].fill(b'x');
        }
    }
    String::from_utf8(filled).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let source = Source::new("x", text);
        let branches = branches(&source);
        let tell = |branch: &Branch| {
            let parent = branch.parent.map_or("-".to_owned(), |parent| parent.to_string());
            format!("{parent} {}{}", &text[branch.action.clone()], if branch.fails { " fails" } else { "" })
        };
        branches.iter().map(tell).collect()
    }

    #[test]
    fn branches_know_what_they_are_nested_in() {
        assert_eq!(
            told(
                "{{- define \"a\" -}}{{ if .x }}1{{ else if .y }}2{{ range .z }}3{{ end }}{{ else }}4{{ end }}{{ end }}{{ with .w }}{{ end }}"
            ),
            [
                "- {{- define \"a\" -}}",
                "0 {{ if .x }}",
                "0 {{ else if .y }}",
                "2 {{ range .z }}",
                "0 {{ else }}",
                "- {{ with .w }}"
            ]
        );
    }

    #[test]
    fn strings_and_comments_are_no_actions() {
        let text = "{{/* {{ if }} */}}{{- /* }} */ -}}{{ if eq .a \"}} \\\" {{\" }}{{ end }}{{ `}}` }}{{ '}' }}{{ if(.b) }}{{ end }}";
        assert_eq!(told(text), ["- {{ if eq .a \"}} \\\" {{\" }}", "- {{ if(.b) }}"]);
    }

    #[test]
    fn branches_that_can_only_fail_are_known() {
        assert_eq!(
            told(
                "{{ if .a }}{{- $x := 1 }}{{ if .c }}y{{ end }}{{- fail \"no\" }}{{ else }}{{ if .b }}{{ printf \"x\" | fail }}{{ end }}{{ end }}"
            ),
            ["- {{ if .a }} fails", "0 {{ if .c }} fails", "- {{ else }}", "2 {{ if .b }} fails"]
        );
    }

    #[test]
    fn what_is_not_closed_ends_with_the_text() {
        assert_eq!(told("{{ if .a"), ["- {{ if .a"]);
        assert_eq!(told("{{ end }}{{ if \"x"), ["- {{ if \"x"]);
    }

    #[test]
    fn text_without_actions_keeps_positions_and_structure() {
        for (text, expected) in [
            ("a: {{ .x }}\nb: c\n", "a:         \nb: c\n"),
            ("a: \"{{ .x }}\"\n", "a: \"xxxxxxxx\"\n"),
            ("a: b-{{ .x }}\n", "a: b-xxxxxxxx\n"),
            ("{{- if .x }}\na: b{{ end }}\n", "            \na: b         \n"),
            ("{{- define \"x\" -}}\na: b\n", "---               \na: b\n"),
            ("{a: {b: {{ .x }}}}\n", "{a: {b: xxxxxxxx}}\n"),
            ("{{ $x := 1 }}a: ü\n", "             a: ü\n"),
            ("{{/* a:\n b */}}\na: b\n", "               \na: b\n"),
        ] {
            assert_eq!(without_actions(text), expected, "{text}");
        }
    }
}
