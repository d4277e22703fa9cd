//! The branches of a template: where each starts, which branch contains it, and whether it always fails.
//!
//! Parses only the structure of Go templates: actions, comments, strings, and the keywords that open and close a branch.
//! Implicit branches, such as the missing `else` of an `if`, do not count.

use std::ops::Range;
use std::sync::Arc;

use diagnostics::Source;

/// A branch of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The action that opens it, from `{{` to `}}`.
    pub action: Range<usize>,
    /// The start of the action that closes it.
    pub end: usize,
    /// The index of the branch that contains it.
    pub parent: Option<usize>,
    /// For an `else`, the index of the branch that it is the alternative to.
    pub previous: Option<usize>,
    /// The named template that it defines.
    pub defines: Option<String>,
    /// Whether it always ends in `fail`, so that no successful render can reach it.
    pub fails: bool,
}

/// Returns the branches of a template, outer ones first. For a template that Helm cannot parse, the result may be
/// incomplete; Helm reports the error.
#[must_use]
pub fn branches(source: &Arc<Source>) -> Vec<Branch> {
    let text = source.text.as_str();
    let mut branches: Vec<Branch> = Vec::new();
    // The open blocks that an `end` closes.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut position = 0;
    while let Some(at) = text[position..].find("{{").map(|at| position + at) {
        let end = action_end(text, at);
        position = end;
        let body = inside(&text[at..end]);
        let word = body.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
        let parent = |open: &[Option<usize>]| open.iter().rev().flatten().next().copied();
        match word {
            "if" | "with" | "range" | "define" | "block" | "else" => {
                let previous = if word == "else" { open.pop().flatten() } else { None };
                if let Some(closed) = previous {
                    branches[closed].end = at;
                }
                let defines = (word == "define").then(|| text_of(tokens(body).get(1).copied().unwrap_or_default()));
                branches.push(Branch {
                    action: at..end,
                    end: text.len(),
                    parent: parent(&open),
                    previous,
                    defines,
                    fails: false,
                });
                open.push(Some(branches.len() - 1));
            }
            "end" => {
                if let Some(closed) = open.pop().flatten() {
                    branches[closed].end = at;
                }
            }
            _ if word == "fail" || body.rsplit('|').next().is_some_and(|last| last.trim() == "fail") => {
                if let Some(branch) = parent(&open) {
                    branches[branch].fails = true;
                }
            }
            _ => {}
        }
    }
    // Branches inside a failing branch cannot be rendered either.
    for index in 0..branches.len() {
        if let Some(parent) = branches[index].parent
            && branches[parent].fails
        {
            branches[index].fails = true;
        }
    }
    branches
}

/// Whether a branch renders nothing: it has only whitespace and comments.
#[must_use]
pub fn is_empty(text: &str, branch: &Branch) -> bool {
    let mut rest = text.get(branch.action.end..branch.end).unwrap_or_default();
    loop {
        rest = rest.trim_start();
        let comment = rest.strip_prefix("{{").map(|body| body.strip_prefix('-').unwrap_or(body).trim_start());
        if !comment.is_some_and(|body| body.starts_with("/*")) {
            return rest.is_empty();
        }
        rest = &rest[action_end(rest, 0)..];
    }
}

/// Splits an action into strings with their quotes, words such as `.Values.a`, `$x`, and `lookup`, and other characters.
#[must_use]
pub fn tokens(action: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = inside(action);
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$');
        let length = match first {
            '"' | '\'' | '`' => string_end(rest, first),
            c if word(c) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if !first.is_whitespace() {
            tokens.push(token);
        }
        rest = after;
    }
    tokens
}

/// Returns the content of a string token.
#[must_use]
pub fn text_of(token: &str) -> String {
    token.trim_matches(['"', '`']).to_owned()
}

/// Returns the length of the string at the start of a text.
fn string_end(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Returns the text of an action without its delimiters.
fn inside(action: &str) -> &str {
    let body = action.strip_prefix("{{").unwrap_or(action);
    let body = body.strip_suffix("}}").unwrap_or(body);
    let body = body.strip_prefix("- ").or_else(|| body.strip_prefix("-\n")).unwrap_or(body);
    body.strip_suffix('-').unwrap_or(body).trim()
}

#[must_use]
/// Returns the end of the action that starts at `start`: after its `}}`, ignoring those in strings and comments.
pub fn action_end(text: &str, start: usize) -> usize {
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

    fn described(text: &str) -> Vec<String> {
        let source = Source::new("x", text);
        let branches = branches(&source);
        let describe = |branch: &Branch| {
            let parent = branch.parent.map_or("-".to_owned(), |parent| parent.to_string());
            format!("{parent} {}{}", &text[branch.action.clone()], if branch.fails { " fails" } else { "" })
        };
        branches.iter().map(describe).collect()
    }

    #[test]
    fn nested_branches_have_a_parent() {
        assert_eq!(
            described(
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
    fn strings_and_comments_are_not_actions() {
        let text = "{{/* {{ if }} */}}{{- /* }} */ -}}{{ if eq .a \"}} \\\" {{\" }}{{ end }}{{ `}}` }}{{ '}' }}{{ if(.b) }}{{ end }}";
        assert_eq!(described(text), ["- {{ if eq .a \"}} \\\" {{\" }}", "- {{ if(.b) }}"]);
    }

    #[test]
    fn branches_that_always_fail_are_recognized() {
        assert_eq!(
            described(
                "{{ if .a }}{{- $x := 1 }}{{ if .c }}y{{ end }}{{- fail \"no\" }}{{ else }}{{ if .b }}{{ printf \"x\" | fail }}{{ end }}{{ end }}"
            ),
            ["- {{ if .a }} fails", "0 {{ if .c }} fails", "- {{ else }}", "2 {{ if .b }} fails"]
        );
    }

    #[test]
    fn an_else_has_a_previous_branch_and_a_define_its_name() {
        let text = "{{ if .a }}1{{ else if .b }}2{{ else }}3{{ end }}{{- define \"x\" }} {{/* } */}} {{ end }}";
        let branches = branches(&Source::new("x", text));
        let previous: Vec<_> = branches.iter().map(|branch| branch.previous).collect();
        assert_eq!(previous, [None, Some(0), Some(1), None]);
        assert_eq!(branches[3].defines.as_deref(), Some("x"));
        assert_eq!(&text[branches[1].action.end..branches[1].end], "2");
        assert!(is_empty(text, &branches[3]) && !is_empty(text, &branches[0]));
    }

    #[test]
    fn an_action_is_split_into_tokens() {
        let tokens = tokens("{{- $x := (lookup \"v1\" `a b` .Release.Name).data | not -}}");
        let expected = ["$x", ":", "=", "(", "lookup", "\"v1\"", "`a b`", ".Release.Name", ")", ".data", "|", "not"];
        assert_eq!(tokens, expected);
    }

    #[test]
    fn unclosed_actions_end_with_the_text() {
        assert_eq!(described("{{ if .a"), ["- {{ if .a"]);
        assert_eq!(described("{{ end }}{{ if \"x"), ["- {{ if \"x"]);
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
