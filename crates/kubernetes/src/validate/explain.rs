//! What is wrong with an object, in our words: the path, what was found, what was expected, and the line.
//!
//! kubeconform says what is wrong; the schema says which names would be right, and the tree where the text is. Values
//! of Secrets are withheld from the tree already, and kubeconform's own words, which may repeat them, are not told.
//!
//! Pure.

use serde_json::Value as Json;

use super::pointer;
use super::problem::{self, Problem, What};
use super::subject::Subject;
use crate::schemas;
use crate::schemas::shape;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, nearest};
use document::{Node, Value};

/// Fields that are listed where none is near to what was written.
const LISTED: usize = 12;

/// What kubeconform's message says of an object.
#[must_use]
pub fn findings(subject: &Subject, schema: Option<&Json>, message: &str) -> Diagnostics {
    let problems = problem::parse(message);
    let mut found = Vec::new();
    for problem in &problems {
        match &problem.what {
            What::Unknown(names) => found.extend(names.iter().map(|name| unknown(subject, schema, problem, name))),
            What::Missing(names) => {
                let absent = names.iter().filter(|name| !misspelt(&problems, problem, name));
                found.extend(absent.map(|name| missing(subject, problem, name)));
            }
            what => found.push(other(subject, schema, problem, what)),
        }
    }
    if problems.is_empty() {
        let whole =
            invalid(subject, format!("{} is not what its schema allows", subject.title()), subject.object.root.place());
        found.push(if subject.secret() { whole } else { whole.note(message.to_owned()) });
    }
    Diagnostics(found)
}

fn invalid(subject: &Subject, message: String, place: Place) -> Diagnostic {
    subject.finding(Code::ObjectInvalid, message, place, "")
}

/// The names that a schema knows at a place.
fn known<'a>(schema: Option<&'a Json>, at: &[String]) -> Vec<&'a str> {
    let properties = schema.and_then(|schema| schemas::at(schema, at)).and_then(|schema| schema.get("properties"));
    properties.and_then(Json::as_object).into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

fn unknown(subject: &Subject, schema: Option<&Json>, problem: &Problem, name: &str) -> Diagnostic {
    let mut steps = problem.at.clone();
    let place = pointer::node(&subject.object.root, &steps)
        .map_or_else(|| subject.object.root.place(), |node| pointer::key(node, name));
    steps.push(name.to_owned());
    let message = format!("{} has no field `{}`", subject.title(), pointer::path(&steps));
    let found = subject.finding(Code::FieldUnknown, message, place, "not known here");
    let mut names = known(schema, &problem.at);
    names.sort_unstable();
    if let Some(near) = nearest(name, names.iter().copied()) {
        return found.help(format!("did you mean `{near}`?"));
    }
    // A field that is one level off is the most common mistake after a misspelt one.
    if let Some(parent) = misplaced(schema, &problem.at, name) {
        let owner =
            if parent.is_empty() { "the object itself".to_owned() } else { format!("`{}`", pointer::path(&parent)) };
        return found.help(format!("`{name}` belongs to {owner}: is it indented as it should be?"));
    }
    match names.len() {
        0 => found.note("there are no fields here"),
        count if count <= LISTED => found.note(format!("known here: {}", listed(&names))),
        count => found.note(format!("known here: {}, and {} more", listed(&names[..LISTED]), count - LISTED)),
    }
}

/// The nearest place around, or one level below, that knows a name.
fn misplaced(schema: Option<&Json>, at: &[String], name: &str) -> Option<Vec<String>> {
    let above = (0..at.len()).rev().map(|length| at[..length].to_vec());
    let below = known(schema, at).into_iter().flat_map(|child| {
        let child = [at, &[child.to_owned()]].concat();
        [child.clone(), [child.as_slice(), &["0".to_owned()]].concat()]
    });
    above.chain(below).find(|place| known(schema, place).contains(&name) && name != "metadata")
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Whether a field that is missing is there under a name that is nearly its own.
fn misspelt(problems: &[Problem], here: &Problem, name: &str) -> bool {
    problems.iter().filter(|other| other.at == here.at).any(|other| match &other.what {
        What::Unknown(unknown) => unknown.iter().any(|unknown| nearest(unknown, [name]).is_some()),
        _ => false,
    })
}

fn missing(subject: &Subject, problem: &Problem, name: &str) -> Diagnostic {
    let parent = pointer::node(&subject.object.root, &problem.at);
    let mut steps = problem.at.clone();
    steps.push(name.to_owned());
    let message = format!("{} lacks `{}`", subject.title(), pointer::path(&steps));
    // The key says more than the first line of what is under it.
    let place = match problem.at.split_last() {
        Some((last, before)) if last.parse::<usize>().is_err() => {
            pointer::node(&subject.object.root, before).map(|node| pointer::key(node, last))
        }
        _ => parent.map(Node::place),
    };
    let place = place.unwrap_or_else(|| subject.object.root.place());
    subject.finding(Code::ObjectInvalid, message, place, format!("`{name}` is required here"))
}

fn other(subject: &Subject, schema: Option<&Json>, problem: &Problem, what: &What) -> Diagnostic {
    let node = pointer::node(&subject.object.root, &problem.at);
    let place = node.map_or_else(|| subject.object.root.place(), Node::place);
    let path = pointer::path(&problem.at);
    let field = if path.is_empty() { subject.title() } else { format!("`{path}` of {}", subject.title()) };
    // Not even what it is: a number is withheld as a text.
    let withheld = subject.secret() && problem.at.len() > 1;
    let is =
        node.filter(|_| !withheld).map_or_else(|| "this".to_owned(), |node| format!("this is {}", node.describe()));
    let finding = |message: String, label: String| subject.finding(Code::ObjectInvalid, message, place.clone(), label);
    let null = node.is_some_and(|node| matches!(node.value, Value::Null));
    match what {
        What::Type(_) if null => finding(format!("{field} is null"), "a value is required here".to_owned()),
        What::Type(wanted) => {
            let words = types(wanted);
            let found = finding(format!("{field} should be {words}"), is);
            let wants = |kind: &str| wanted.iter().any(|want| want == kind);
            match node.filter(|_| wants("string")).and_then(in_quotes) {
                Some(help) if !subject.secret() => found.help(help),
                _ if wants("integer")
                    && node.and_then(Node::as_str).is_some_and(|text| text.parse::<i64>().is_ok()) =>
                {
                    found.help("leave out the quotes (in a template: `| quote`, or `| toString`)")
                }
                _ => found,
            }
        }
        What::Value(values) => {
            let found = finding(format!("{field} has a value that it may not have"), is);
            if let [one] = values.as_slice() {
                return found.help(format!("it has to be `{one}`"));
            }
            let words: Vec<&str> = values.iter().map(String::as_str).collect();
            let found = found.note(format!("allowed: {}", listed(&words)));
            let text = node.and_then(Node::as_str).unwrap_or_default();
            // Short words are near to each other by chance.
            let near = nearest(text, words).filter(|near| near.len() > 4 || text.eq_ignore_ascii_case(near));
            near.map_or(found.clone(), |near| found.help(format!("did you mean `{near}`?")))
        }
        What::Pattern(pattern) if pattern == shape::QUANTITY => {
            finding(format!("{field} is no quantity"), is).help("write it like `100m`, `1.5`, or `64Mi`")
        }
        What::Pattern(pattern) if pattern == shape::BASE64 => {
            let found = finding(format!("{field} is no base64"), is);
            if subject.secret() {
                found.help("encode it with `b64enc`, or put the text into `stringData`")
            } else {
                found
            }
        }
        What::Pattern(pattern) => finding(format!("{field} has not the form that it should have"), is)
            .note(format!("expected: what matches `{pattern}`")),
        What::Format(format) if format == "date-time" => {
            finding(format!("{field} is no time"), is).help("write it like `2026-01-31T12:00:00Z`")
        }
        What::Format(format) => finding(format!("{field} is no {format}"), is),
        What::Bound(keyword, said) => {
            // Large numbers are not told as people write them.
            let here = schema.and_then(|schema| schemas::at(schema, &problem.at));
            let bound = here.and_then(|schema| schema.get(keyword)).map_or_else(|| said.clone(), Json::to_string);
            finding(format!("{field} {}", beyond(keyword, &bound)), is)
        }
        What::Alternatives(notes) => {
            let mut found = finding(format!("{field} fits none, or too many, of the alternatives that it has"), is);
            if !subject.secret() {
                found.notes.extend(notes.iter().cloned());
            }
            found
        }
        What::Other(text) => {
            let found = finding(format!("{field} is not what its schema allows"), is);
            if subject.secret() { found } else { found.note(text.clone()) }
        }
        What::Unknown(_) | What::Missing(_) => finding(format!("{field} is not what its schema allows"), is),
    }
}

/// `a string or an integer`; that null would do as well helps nobody.
fn types(wanted: &[String]) -> String {
    let words = wanted.iter().filter(|name| *name != "null").map(|name| match name.as_str() {
        "object" => "a mapping",
        "array" => "a list",
        "boolean" => "true or false",
        "integer" => "an integer",
        "number" => "a number",
        "string" => "a string",
        other => other,
    });
    words.collect::<Vec<_>>().join(" or ")
}

/// How to write a text that YAML takes for something else.
fn in_quotes(node: &Node) -> Option<String> {
    let written = node.source.text.get(node.span.clone())?;
    let plain = matches!(node.value, Value::Bool(_) | Value::Number(_)) && !written.contains(['"', '\'', '\n']);
    plain.then(|| format!("if the text is meant, put it in quotes: `\"{written}\"` (in a template: `| quote`)"))
}

fn beyond(keyword: &str, bound: &str) -> String {
    match keyword {
        "maximum" => format!("is more than {bound}"),
        "exclusiveMaximum" => format!("is not less than {bound}"),
        "minimum" => format!("is less than {bound}"),
        "exclusiveMinimum" => format!("is not more than {bound}"),
        "maxLength" => format!("has more than {bound} characters"),
        "minLength" => format!("has fewer than {bound} characters"),
        "maxItems" | "maxProperties" => format!("has more than {bound} entries"),
        "minItems" | "minProperties" => format!("has fewer than {bound} entries"),
        other => format!("breaks the bound `{other}`: {bound}"),
    }
}
