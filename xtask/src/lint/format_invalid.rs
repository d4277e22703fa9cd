//! Texts that a template formats with the wrong arguments, such as `%!d(float64=25)` or `%!s(MISSING)`.
//!
//! `printf` does not fail: it prints the error. Numbers from values.yaml are floats for it, so `%d` needs `int` before it.

use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place};
use document::{Node, Value};
use kubernetes::object::{Object, REDACTED};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::FormatInvalid];

/// Checks every text that is rendered from a template.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for target in subject.targets {
        // One error of a named template is in many objects.
        let mut seen = BTreeSet::new();
        for object in subject.by_target.of(&target.id.to_string()) {
            if !object.template.contains("/crds/") && object.root.source.text.contains("%!") {
                texts(object, &object.root, &mut seen, &mut diagnostics);
            }
        }
    }
    diagnostics
}

fn texts<'a>(object: &'a Object, node: &'a Node, seen: &mut BTreeSet<&'a str>, diagnostics: &mut Diagnostics) {
    match &node.value {
        Value::Mapping(entries) => entries.iter().for_each(|(_, value)| texts(object, value, seen, diagnostics)),
        Value::Sequence(items) => items.iter().for_each(|item| texts(object, item, seen, diagnostics)),
        Value::String(text) if text != REDACTED => {
            let written = node.source.text.get(node.span.clone()).unwrap_or_default();
            if let Some((at, error)) = error(written).filter(|(_, error)| seen.insert(error)) {
                let start = node.span.start + at;
                let line = text.lines().find(|line| line.contains(error)).unwrap_or_default().trim();
                let found = finding(object, Place::new(&node.source, start..start + error.len()), error);
                diagnostics.push(found.fact(Fact::Line(line.to_owned())));
            }
        }
        _ => {}
    }
}

/// The first error of Go's formatting in a text, and where it begins.
pub(super) fn error(text: &str) -> Option<(usize, &str)> {
    text.match_indices("%!").find_map(|(at, _)| {
        let rest = &text[at..];
        let verb = rest[2..].chars().next().filter(char::is_ascii_alphabetic).map_or(0, char::len_utf8);
        let inner = rest.get(2 + verb..)?.strip_prefix('(')?;
        let kinds = ["MISSING)", "EXTRA ", "BADINDEX)", "BADPREC)", "BADWIDTH)", "NOVERB)", "<nil>)", "PANIC="];
        let typed = ["float64=", "int=", "int64=", "string=", "bool=", "map[", "[]interface"];
        if !kinds.iter().chain(&typed).any(|start| inner.starts_with(start)) {
            return None;
        }
        let end = inner.find(')')? + 1;
        Some((at, &rest[..2 + verb + 1 + end]))
    })
}

fn finding(object: &Object, place: Place, error: &str) -> Diagnostic {
    let message = format!("`printf` prints the error `{error}` in {}", object.title());
    let found = object.finding(Code::FormatInvalid, message, place, "");
    let (verb, inner) = error[2..].split_once('(').unwrap_or_default();
    found.help(match inner {
        inner if inner.starts_with("MISSING") => "pass one argument for each verb such as `%s`".to_owned(),
        inner if inner.starts_with("EXTRA") => "remove the arguments for which the format has no verb".to_owned(),
        inner if inner.starts_with("<nil>") => {
            "the argument is not set: set the value, or give it a `default`".to_owned()
        }
        inner if inner.starts_with("float64=") => "numbers in values are floats: write `(int .Values.…)`".to_owned(),
        inner if inner.starts_with("string=") => format!("use `%s` instead of `%{verb}` for a string"),
        _ => format!("use `%v` instead of `%{verb}`, or convert the argument"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_formatting_are_found() {
        for (text, expected) in [
            ("a:%!d(float64=25)", Some((2, "%!d(float64=25)"))),
            ("%!s(MISSING)-b", Some((0, "%!s(MISSING)"))),
            ("a%!(EXTRA string=b)", Some((1, "%!(EXTRA string=b)"))),
            ("100%!", None),
            ("50%!(important)", None),
            ("a%!x(b", None),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }
}
