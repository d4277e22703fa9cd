//! The branches of a template: where each starts, which branch contains it, and whether it always fails.
//!
//! Implicit branches, such as the missing `else` of an `if`, do not count.

use std::ops::Range;
use std::sync::Arc;

use diagnostics::Source;
use helm::template::parse::parse;
use helm::template::tree::{Command, Node, Pipeline, Tag};

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
    /// Whether it always ends in `fail`, so no successful render can reach it.
    pub fails: bool,
}

/// Returns the branches of a template, outer ones first. For a template that Helm cannot parse, the result may be
/// incomplete; Helm reports the error.
#[must_use]
pub fn branches(source: &Arc<Source>) -> Vec<Branch> {
    let mut branches = Vec::new();
    add_branches(&parse(&source.text).nodes, None, source.text.len(), &mut branches);
    branches
}

fn add_branches(nodes: &[Node], parent: Option<usize>, length: usize, branches: &mut Vec<Branch>) {
    // Branches inside a failing branch cannot be rendered either.
    let fails = parent.is_some_and(|parent: usize| branches[parent].fails);
    let mut add = |tag: &Tag, end: Option<&Tag>, previous: Option<usize>, defines: Option<String>, body: &[Node]| {
        let end = end.map_or(length, |tag| tag.span.start);
        let fails = fails || body.iter().any(|node| matches!(node, Node::Output(output) if is_fail(&output.pipeline)));
        branches.push(Branch { action: tag.span.clone(), end, parent, previous, defines, fails });
        let index = branches.len() - 1;
        add_branches(body, Some(index), length, branches);
        index
    };
    for node in nodes {
        match node {
            Node::Control(control) => {
                let mut previous = None;
                for (index, arm) in control.arms.iter().enumerate() {
                    let next = control.arms.get(index + 1).map(|arm| &arm.tag);
                    previous = Some(add(&arm.tag, next.or(control.end.as_ref()), previous, None, &arm.body));
                }
            }
            Node::Define(define) => {
                let name = define.block.is_none().then(|| define.name.clone());
                add(&define.tag, define.end.as_ref(), None, name, &define.body);
            }
            _ => {}
        }
    }
}

/// Whether a pipeline fails: `fail "…"` or `… | fail`.
fn is_fail(pipeline: &Pipeline) -> bool {
    let fails = |command: Option<&Command>| command.and_then(Command::function) == Some("fail");
    fails(pipeline.commands.first()) || fails(pipeline.commands.last())
}

/// Whether a branch renders nothing: it has only whitespace and comments.
#[must_use]
pub fn is_empty(text: &str, branch: &Branch) -> bool {
    let body = text.get(branch.action.end..branch.end).unwrap_or_default();
    parse(body).nodes.iter().all(|node| match node {
        Node::Text(part) => body[part.span.clone()].trim().is_empty(),
        Node::Comment(_) => true,
        _ => false,
    })
}

/// Returns the actions of a text, from `{{` to `}}`, in its order.
#[must_use]
pub fn actions(text: &str) -> Vec<&str> {
    let mut tags = Vec::new();
    add_tags(&parse(text).nodes, &mut tags);
    tags.into_iter().map(|(tag, _)| &text[tag.span]).collect()
}

/// Collects all actions and comments, and whether each of them prints something.
fn add_tags(nodes: &[Node], tags: &mut Vec<(Tag, bool)>) {
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Output(output) => tags.push((output.tag.clone(), output.pipeline.variables.is_empty())),
            Node::Call(call) => tags.push((call.tag.clone(), true)),
            Node::Comment(tag) => tags.push((tag.clone(), false)),
            Node::Break(tag) | Node::Continue(tag) => tags.push((tag.clone(), true)),
            Node::Control(control) => {
                for arm in &control.arms {
                    tags.push((arm.tag.clone(), false));
                    add_tags(&arm.body, tags);
                }
                tags.extend(control.end.iter().map(|tag| (tag.clone(), false)));
            }
            Node::Define(define) => {
                tags.push((define.tag.clone(), false));
                add_tags(&define.body, tags);
                tags.extend(define.end.iter().map(|tag| (tag.clone(), false)));
            }
        }
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
pub(crate) fn text_of(token: &str) -> String {
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

/// The text without its actions, for reading it as YAML. Every byte keeps its position.
///
/// Actions without output, alone on a line, or in place of a whole value become blank. Others become a word, so that the
/// text around them keeps its meaning. A `define` on a line of its own begins a new document.
#[must_use]
pub fn without_actions(text: &str) -> String {
    let mut tags = Vec::new();
    add_tags(&parse(text).nodes, &mut tags);
    let mut blank = text.as_bytes().to_vec();
    for (tag, _) in &tags {
        blank[tag.span.clone()].fill(b' ');
    }
    let mut filled = blank.clone();
    for (Tag { span, inside, .. }, prints) in tags {
        let start = blank[..span.start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = blank[span.end..].iter().position(|byte| *byte == b'\n').map_or(blank.len(), |at| span.end + at);
        let before = blank[start..span.start].trim_ascii();
        let after = blank[span.end..end].trim_ascii();
        let alone = before.is_empty() && after.is_empty();
        if alone && text[inside].starts_with("define") && start == span.start {
            filled[start..start + 3].fill(b'-');
        } else if prints && !alone && !(after.is_empty() && before.ends_with(b":")) {
            filled[span].fill(b'x');
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
