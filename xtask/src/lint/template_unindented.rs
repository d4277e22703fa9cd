//! `toYaml` behind indentation without `nindent`: only the first line of its output is indented. Helm renders it as long as there
//! is no second line.

use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use helm::template::parse::parse;
use helm::template::tree::{Keyword, Node, Output, Root};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::TemplateUnindented];

/// Checks the templates of every chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        for (_, source) in subject.sources.of(chart).templates() {
            if source.text.contains("toYaml") {
                nodes(source, &parse(&source.text).nodes, false, &mut diagnostics);
            }
        }
    }
    diagnostics
}

/// Checks nodes; in a `range`, the dot may be a scalar.
fn nodes(source: &Arc<Source>, nodes: &[Node], in_range: bool, diagnostics: &mut Diagnostics) {
    for node in nodes {
        match node {
            Node::Output(output) => diagnostics.0.extend(finding(source, output, in_range)),
            Node::Control(control) => {
                let in_range = match control.keyword {
                    Keyword::Range => true,
                    Keyword::With => false,
                    Keyword::If => in_range,
                };
                control.arms.iter().for_each(|arm| self::nodes(source, &arm.body, in_range, diagnostics));
            }
            Node::Define(define) => self::nodes(source, &define.body, false, diagnostics),
            _ => {}
        }
    }
}

fn finding(source: &Arc<Source>, output: &Output, in_range: bool) -> Option<Diagnostic> {
    let command = output.pipeline.commands.last().filter(|_| output.pipeline.variables.is_empty())?;
    // A piped value is unknown, and what an expression makes may have one line.
    let [_, value] = command.operands.as_slice() else { return None };
    let known = match value.root {
        Root::Dot => !in_range || !value.fields.is_empty(),
        Root::Variable(_) => true,
        _ => false,
    };
    if !known || command.function() != Some("toYaml") || output.tag.trims_before {
        return None;
    }
    let span = &output.tag.span;
    let (before, after) = (&source.text[..span.start], &source.text[span.end..]);
    let indent = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
    let alone = after.lines().next().unwrap_or_default().trim().is_empty();
    // `-}}` before it trims the indentation.
    if before.trim_end().ends_with("-}}") || indent.is_empty() || !indent.bytes().all(|byte| byte == b' ') || !alone {
        return None;
    }
    let written = &source.text[output.tag.inside.clone()];
    let message = "`toYaml` without `nindent` is only valid YAML with a single line";
    Some(
        Diagnostic::new(Code::TemplateUnindented, message)
            .at(Place::new(source, span.clone()), "only the first line is indented")
            .help(format!("write `{{{{- {written} | nindent {} }}}}`", indent.len())),
    )
}
