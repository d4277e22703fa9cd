//! Explains errors about `.Values` and similar names where `.` has been rebound, as in `range` and `with`.

use std::ops::Range;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Fact, Place, Source, did_you_mean};
use helm::template::parse::parse;
use helm::template::tree::{Control, Keyword, Node, Tag};

use super::unset::{NIL, expression};

/// The keys of the root.
const ROOT: [&str; 7] = ["Values", "Release", "Chart", "Capabilities", "Files", "Template", "Subcharts"];

/// The actions that change `.`.
enum Context<'t> {
    Block(Keyword, &'t Tag),
    Named(&'t str, &'t Tag),
}

/// Explains the error of a template at the place of the expression, if it reads the root from something else.
pub(super) fn explain(source: &Arc<Source>, place: &Place, reason: &str) -> Option<Diagnostic> {
    let text = source.text.as_str();
    let span = expression(text, place.span.as_ref()?.start);
    let read = &text[span.clone()];
    let mut steps = read.strip_prefix('.')?.split('.');
    let root = steps.next()?;
    // Go's names are case-sensitive.
    let meant = ROOT.iter().find(|known| known.eq_ignore_ascii_case(root) && **known != root);
    if let Some(meant) = meant.filter(|_| reason.starts_with(NIL)) {
        let found = Diagnostic::new(Code::HelmRefused, format!("`.{root}` is not defined"));
        return Some(found.at(Place::new(source, span), "").help(did_you_mean(format!(".{meant}"))));
    }
    if !ROOT.contains(&root) {
        return None;
    }
    let not_there = format!("can't evaluate field {root} in type ");
    let of_nothing = |field: &str| steps.next() == Some(field);
    if !reason.starts_with(&not_there) && !reason.strip_prefix(NIL).is_some_and(of_nothing) {
        return None;
    }
    let template = parse(text);
    let found = |message: String| Diagnostic::new(Code::HelmRefused, message).at(Place::new(source, span.clone()), "");
    let place = |tag: &Tag| Place::new(source, tag.span.clone());
    Some(match context(&template.nodes, &span, None)? {
        Context::Block(keyword, tag) => {
            let (word, what) = match keyword {
                Keyword::Range => ("range", "the current element"),
                _ => ("with", "the value of `with`"),
            };
            found(format!("`.{root}` is not available inside `{word}`"))
                .at(place(tag), format!("from here on, `.` is {what}"))
                .help(format!("use `${read}`"))
        }
        Context::Named(name, tag) => found(format!("`.{root}` is not available in the named template `{name}`"))
            .at(place(tag), "it is included with a context other than the root")
            .fact(Fact::NoRoot)
            .help(format!("include it with the root: `include \"{name}\" $`, or pass all that it reads")),
    })
}

/// The innermost block or named template around a place that sets `.`.
fn context<'t>(nodes: &'t [Node], at: &Range<usize>, around: Option<Context<'t>>) -> Option<Context<'t>> {
    let inside =
        |tag: &Tag, end: Option<&Tag>| tag.span.end <= at.start && end.is_none_or(|end| at.end <= end.span.start);
    for node in nodes {
        match node {
            Node::Define(define) if inside(&define.tag, define.end.as_ref()) => {
                return context(&define.body, at, Some(Context::Named(&define.name, &define.tag)));
            }
            Node::Control(control) if inside(&control.arms.first()?.tag, control.end.as_ref()) => {
                return in_control(control, at, around);
            }
            _ => {}
        }
    }
    around
}

fn in_control<'t>(control: &'t Control, at: &Range<usize>, around: Option<Context<'t>>) -> Option<Context<'t>> {
    let index = control.arms.iter().rposition(|arm| arm.tag.span.end <= at.start)?;
    let arm = &control.arms[index];
    // The pipeline of a further branch is evaluated with the dot outside of the block.
    let sets = match control.keyword {
        Keyword::If => false,
        Keyword::With => arm.pipeline.is_some(),
        Keyword::Range => index == 0,
    };
    let around = if sets { Some(Context::Block(control.keyword, &arm.tag)) } else { around };
    context(&arm.body, at, around)
}
