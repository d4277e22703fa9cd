//! `${variables}` in scenarios and in the files that they name. `$${` stands for a literal `${`.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source, did_you_mean, nearest, suggestion};
use document::{Node, Value};

/// The variables that the run sets. Besides, `image:<name>` is the reference of an image of this repository, and
/// `file:<name>` the path of a file with the value that a step saved.
pub const GIVEN: &[&str] = &["app", "kubeconfig", "namespace", "release"];

/// A piece of a text: literal text, or the name of a variable.
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        // `$${` is a literal `${`.
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

/// Replaces variables with their values.
pub fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Name(name) => match values.get(name) {
                Some(value) => out.push_str(value),
                None => {
                    return Err(Diagnostic::new(
                        Code::ScenarioInvalid,
                        format!("variable `${{{name}}}` is not defined"),
                    )
                    .help(suggestion(name, values.keys().map(String::as_str)))
                    .into());
                }
            },
        }
    }
    Ok(out)
}

/// Reports variables that are used before they are defined; `saves` returns the variable that a step of a name defines.
#[must_use]
pub(super) fn undefined<'a>(root: &Node, saves: impl Fn(&str) -> Option<&'a str>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut known: BTreeSet<&str> = GIVEN.iter().copied().collect();
    let nodes = root.items_at(&["steps"]);
    for node in nodes {
        check(node, &known, &mut diagnostics);
        known.extend(node.get("name").and_then(Node::as_str).and_then(&saves));
    }
    diagnostics
}

/// Reports variables in a file that a step names, and that no earlier step saves. `saved` are the variables of earlier steps,
/// each with its place, and `used` whether something else uses one.
#[must_use]
pub(super) fn undefined_in_file(
    source: &Arc<Source>,
    saved: &[(&str, Place)],
    used: impl Fn(&str) -> bool,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut seen = BTreeSet::new();
    for piece in pieces(&source.text) {
        let Piece::Name(written) = piece else { continue };
        let name = written.strip_prefix("file:").unwrap_or(written);
        let known = || GIVEN.iter().copied().chain(saved.iter().map(|(name, _)| *name));
        if written.starts_with("image:") || known().any(|one| one == name) || !seen.insert(name) {
            continue;
        }
        let found = Diagnostic::new(Code::ScenarioInvalid, format!("variable `${{{written}}}` is not defined"));
        let at = source.text.find(&format!("${{{written}}}")).unwrap_or_default();
        let place = Place::new(source, at..at + written.len() + 3);
        let near = nearest(name, known());
        let misspelled = saved.iter().find(|(one, _)| near == Some(*one) && !used(one));
        diagnostics.push(match misspelled {
            // Nothing uses what the step saves, so its name is wrong.
            Some((one, step)) => found
                .at(step.clone(), format!("saves `{one}`, which nothing uses"))
                .at(place, "used here")
                .help(did_you_mean(name)),
            None => found.at(place, "no earlier step saves it").help(suggestion(name, known())),
        });
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
                    // The place of the name itself, unless escapes hide it.
                    let written = node.source.text.get(node.span.clone()).unwrap_or_default();
                    let place = written.find(&format!("${{{name}}}")).map_or_else(
                        || node.place(),
                        |at| Place::new(&node.source, node.span.start + at..node.span.start + at + name.len() + 3),
                    );
                    diagnostics.push(
                        Diagnostic::new(Code::ScenarioInvalid, format!("variable `${{{name}}}` is not defined"))
                            .at(place, "no earlier step saves it")
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
    fn variables_are_replaced_and_undefined_ones_reported() {
        let values = [("app".to_owned(), "web".to_owned())].into();
        assert_eq!(fill("a ${app} $x $${app} ${", &values).expect("filled"), "a web $x ${app} ${");
        let error = &fill("${ap}", &values).expect_err("undefined").0[0];
        assert_eq!(error.message, "variable `${ap}` is not defined");
        assert_eq!(error.helps, ["did you mean `app`?"]);
    }
}
