//! `${variables}` in scenarios and in the files that they name.
//!
//! `$$` before a brace stands for a dollar sign. What is not known is told, with what is.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::Step;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, suggestion};
use document::{Node, Value};

/// What every scenario may name: the run sets it. `image:<name>` names an image of this repository, and `file:<name>` a
/// file that holds what a step saved.
pub const GIVEN: &[&str] = &["app", "namespace", "release"];

/// The pieces of a text: literal ones, and names of variables.
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        // `$${` is a dollar sign and a brace.
        if rest[..at].ends_with('$') {
            pieces.push(Piece::Text(&rest[..at - 1]));
            pieces.push(Piece::Text("${"));
            rest = &rest[at + 2..];
            continue;
        }
        let Some(end) = rest[at..].find('}') else { break };
        pieces.push(Piece::Text(&rest[..at]));
        pieces.push(Piece::Name(&rest[at + 2..at + end]));
        rest = &rest[at + end + 1..];
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Puts values in the places of their names.
pub fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Name(name) => match values.get(name) {
                Some(value) => out.push_str(value),
                None => {
                    return Err(Diagnostic::new(Code::ScenarioInvalid, format!("nothing sets `${{{name}}}`"))
                        .help(suggestion(name, values.keys().map(String::as_str)))
                        .into());
                }
            },
        }
    }
    Ok(out)
}

/// Names in a scenario that nothing sets before they are used.
#[must_use]
pub(super) fn unknown(root: &Node, steps: &[Step]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut known: BTreeSet<&str> = GIVEN.iter().copied().collect();
    let nodes = root.get("steps").map(Node::items).unwrap_or_default();
    for node in nodes {
        check(node, &known, &mut diagnostics);
        let name = node.get("name").and_then(Node::as_str);
        let step = steps.iter().find(|step| Some(step.name.as_str()) == name);
        known.extend(step.and_then(|step| step.action.saves()));
    }
    diagnostics
}

fn check(node: &Node, known: &BTreeSet<&str>, diagnostics: &mut Diagnostics) {
    match &node.value {
        Value::String(text) => {
            for piece in pieces(text) {
                if let Piece::Name(name) = piece
                    && !known.contains(name.strip_prefix("file:").unwrap_or(name))
                    && !name.starts_with("image:")
                {
                    // The place of the name itself, where the text stands as it is written.
                    let written = node.source.text.get(node.span.clone()).unwrap_or_default();
                    let place = written.find(&format!("${{{name}}}")).map_or_else(
                        || node.place(),
                        |at| Place::new(&node.source, node.span.start + at..node.span.start + at + name.len() + 3),
                    );
                    diagnostics.push(
                        Diagnostic::new(Code::ScenarioInvalid, format!("nothing sets `${{{name}}}` before this step"))
                            .at(place, "")
                            .help(suggestion(name, known.iter().copied())),
                    );
                }
            }
        }
        Value::Mapping(entries) => entries.iter().for_each(|(_, value)| check(value, known, diagnostics)),
        Value::Sequence(items) => items.iter().for_each(|item| check(item, known, diagnostics)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_and_unknown_ones_told() {
        let values = [("app".to_owned(), "web".to_owned())].into();
        assert_eq!(fill("a ${app} $x $${app} ${", &values).expect("filled"), "a web $x ${app} ${");
        let error = &fill("${ap}", &values).expect_err("unknown").0[0];
        assert_eq!((error.message.as_str(), error.helps[0].as_str()), ("nothing sets `${ap}`", "did you mean `app`?"));
    }
}
