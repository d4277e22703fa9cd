//! Explains why a template cannot read a field: a mapping of the values is not set.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Fact, Place, Source, nearest};

use super::values::Values;
use crate::target::ChartTarget;

/// The text before the name of the field in Go's error.
pub(super) const NIL: &str = "nil pointer evaluating interface {}.";

/// Explains the error of a template at the place of the expression, if it reads a field of a value that is not set.
pub(super) fn explain(
    root: &Path,
    target: &ChartTarget<'_>,
    source: &Arc<Source>,
    place: &Place,
    reason: &str,
) -> Option<Diagnostic> {
    let field = reason.strip_prefix(NIL)?;
    let span = expression(&source.text, place.span.as_ref()?.start);
    let expression = &source.text[span.clone()];
    let path: Vec<&str> = expression.trim_start_matches('$').strip_prefix(".Values.")?.split('.').collect();
    let unset = path.iter().position(|step| *step == field).filter(|at| *at > 0)?;
    let pointer: Vec<String> = path[..unset].iter().map(|step| (*step).to_owned()).collect();
    let name = pointer.join(".");
    let chart = &target.chart;
    let file = format!("{}/values.yaml", chart.path);
    let found =
        Diagnostic::new(Code::HelmRefused, format!("`{name}` is not set, so its field `{field}` cannot be read"))
            .fact(Fact::Value(name.clone()))
            .at(Place::new(source, span), "");
    if !chart.directory.join("values.yaml").is_file() {
        return Some(found.note(format!("the chart has no {file}")).help(format!("add or restore {file}")));
    }
    let values = Values::read(root, target);
    if let Some(set) = values.find_key(&pointer) {
        let found = found.at(set, "set to null or empty here");
        return Some(found.help(format!("set `{name}.{field}`, or read it inside `with .Values.{name}`")));
    }
    let (last, parent) = pointer.split_last()?;
    let keys = values.keys(parent);
    let near = nearest(last, keys.iter().map(|key| key.name.as_str()));
    Some(match near {
        Some(near) => found.help(format!("the values contain `{near}`; use the same name in both")),
        None => found.help(format!("set `{name}.{field}` in {file}, or read it inside `with .Values.{name}`")),
    })
}

/// The chain of fields around a position, such as `.Values.image.tag`.
pub(super) fn expression(text: &str, at: usize) -> Range<usize> {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$');
    let start = text[..at]
        .rfind(|c| !part(c))
        .map_or(0, |before| before + text[before..].chars().next().map_or(1, char::len_utf8));
    let end = text[at..].find(|c| !part(c)).map_or(text.len(), |length| at + length);
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_chain_is_the_expression() {
        let text = "é{{ printf \"%s\" (.Values.image.tag) }}";
        let at = text.find(".image").expect("there");
        assert_eq!(&text[expression(text, at)], ".Values.image.tag");
        assert_eq!(expression("$.Values.a.b", 9), 0..12);
    }
}
