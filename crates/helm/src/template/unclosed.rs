//! Finds the block of a template whose `end` is missing.
//!
//! Go reports a missing `end` at the end of the file. If blocks are indented, the block in question is the innermost one
//! whose `end` belongs to a block around it.

use std::ops::Range;

use super::tree::{Node, Tag, Template};

/// A block without an `end` of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclosed {
    /// Its opening tag.
    pub open: Range<usize>,
    /// The `end` that closes it instead, if the indentation shows that it belongs to another block.
    pub closed_by: Option<Range<usize>>,
}

/// Returns the block that most likely lacks its `end`, if any block does.
#[must_use]
pub fn unclosed(text: &str, template: &Template) -> Option<Unclosed> {
    let mut blocks = Vec::new();
    collect(&template.nodes, &mut blocks);
    let last = blocks.iter().find(|(_, end)| end.is_none()).map(|(open, _)| open.span.clone())?;
    let indented_like_another = |(open, end): &&(&Tag, Option<&Tag>)| {
        let (Some(opens), Some(closes)) = (column(text, open), end.and_then(|end| column(text, end))) else {
            return false;
        };
        open.span.start >= last.start && opens != closes
    };
    // Blocks close from the inside out, so the innermost one comes last in the text.
    Some(match blocks.iter().rfind(indented_like_another) {
        Some((open, end)) => Unclosed { open: open.span.clone(), closed_by: end.map(|end| end.span.clone()) },
        None => Unclosed { open: last, closed_by: None },
    })
}

/// All blocks in the order of the text, each with its closing tag.
fn collect<'a>(nodes: &'a [Node], blocks: &mut Vec<(&'a Tag, Option<&'a Tag>)>) {
    for node in nodes {
        match node {
            Node::Control(control) => {
                blocks.extend(control.arms.first().map(|arm| (&arm.tag, control.end.as_ref())));
                control.arms.iter().for_each(|arm| collect(&arm.body, blocks));
            }
            Node::Define(define) => {
                blocks.push((&define.tag, define.end.as_ref()));
                collect(&define.body, blocks);
            }
            Node::Text(_) | Node::Comment(_) | Node::Output(_) | Node::Call(_) | Node::Break(_) | Node::Continue(_) => {
            }
        }
    }
}

/// The column of a tag that is the first on its line.
fn column(text: &str, tag: &Tag) -> Option<usize> {
    let line = text[..tag.span.start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line..tag.span.start];
    before.trim().is_empty().then_some(before.len())
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    #[track_caller]
    fn check(text: &str, open: &str, closed_by: Option<usize>) {
        let found = unclosed(text, &parse(text)).expect("an open block");
        assert_eq!(&text[found.open], open);
        assert_eq!(found.closed_by.map(|span| text[..span.start].matches('\n').count() + 1), closed_by);
    }

    #[test]
    fn a_block_that_is_open_at_the_end() {
        check("a: 1\n{{- if .x }}\nb: 2\n", "{{- if .x }}", None);
        check("{{- define \"a\" }}\nb: 2\n", "{{- define \"a\" }}", None);
    }

    #[test]
    fn a_block_closed_by_the_end_of_another_one() {
        let text = "{{- if .a }}\n  {{- with .b }}\n  b: 2\n{{- end }}\n{{- if .c }}c{{ end }}\n";
        check(text, "{{- with .b }}", Some(4));
        let text = "{{- if .a }}\n  {{- with .b }}\n    {{- range .c }}\n    c\n  {{- end }}\n{{- end }}\n";
        check(text, "{{- range .c }}", Some(5));
    }

    #[test]
    fn a_complete_template() {
        let text = "{{- if .a }}\n  a\n  {{- end }}\n";
        assert_eq!(unclosed(text, &parse(text)), None);
    }
}
