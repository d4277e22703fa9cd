//! Turns schema violations into findings: the path, the actual and the expected value, and the line.
//!
//! kubeconform reports the violation, the schema provides the valid names, and the parsed tree the place. Values of
//! Secrets are already redacted in the tree; kubeconform's own messages, which may quote them, are not shown.
//!
//! Pure.

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, did_you_mean, nearest};
use document::{Node, Value, lookalike};
use serde_json::Value as Json;

use super::kubeconform::Answer;
use super::pointer;
use super::problem::{Problem, What};
use super::subject::Subject;
use crate::object;
use crate::schemas;
use crate::schemas::shape;

/// How many known fields are listed if none is similar.
const MAX_LISTED: usize = 12;

/// The findings of kubeconform's answer about an invalid object.
#[must_use]
pub fn findings(subject: &Subject, schema: Option<&Json>, answer: &Answer) -> Diagnostics {
    let problems = answer.problems();
    let mut found = Vec::new();
    for problem in &problems {
        match &problem.what {
            What::Unknown(names) => found.extend(names.iter().filter_map(|name| {
                // Siblings that all belong into the same field are one mistake.
                let owner = |name: &str| nested(schema, &problem.at, name).map(|(field, _)| field);
                let first = names.iter().find(|other| owner(other).is_some() && owner(other) == owner(name));
                let repeated = first.is_some_and(|first| first != name);
                (!repeated).then(|| unknown(subject, schema, problem, name))
            })),
            What::Missing(names) => {
                let absent = names.iter().filter(|name| !misspelled(subject, schema, &problems, problem, name));
                found.extend(absent.map(|name| missing(subject, problem, name)));
            }
            // What replaces it is in base64.
            What::Pattern(pattern) if pattern == shape::BASE64 && is_placeholder(subject, problem) => {}
            what => found.push(other(subject, schema, problem, what)),
        }
    }
    if problems.is_empty() {
        let whole =
            invalid(subject, format!("{} does not match its schema", subject.title()), subject.object.root.place());
        found.push(if subject.secret() { whole } else { whole.note(answer.message.clone()) });
    }
    Diagnostics(found)
}

/// Whether the value is a placeholder that is replaced after rendering.
fn is_placeholder(subject: &Subject, problem: &Problem) -> bool {
    let text = pointer::node(&subject.object.root, &problem.at).and_then(Node::as_str);
    text.is_some_and(object::is_placeholder)
}

fn invalid(subject: &Subject, message: String, place: Place) -> Diagnostic {
    subject.finding(Code::ObjectInvalid, message, place, "")
}

/// The field names in the schema at a path.
fn known<'a>(schema: Option<&'a Json>, at: &[String]) -> Vec<&'a str> {
    let properties = schema.and_then(|schema| schemas::at(schema, at)).and_then(|schema| schema.get("properties"));
    properties.and_then(Json::as_object).into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

fn unknown(subject: &Subject, schema: Option<&Json>, problem: &Problem, name: &str) -> Diagnostic {
    let mut steps = problem.at.clone();
    let place = pointer::node(&subject.object.root, &steps)
        .map_or_else(|| subject.object.root.place(), |node| pointer::key(node, name));
    steps.push(name.to_owned());
    let message = format!("unknown field `{}` in {}", pointer::path(&steps), subject.title());
    if let Some(blank) = lookalike::edge(name) {
        let found = subject.finding(Code::FieldUnknown, message, place, format!("its name contains a {blank}"));
        return found.help("replace it with spaces: YAML indents only with spaces");
    }
    let found = subject.finding(Code::FieldUnknown, message, place, "unknown field");
    let mut names = known(schema, &problem.at);
    names.sort_unstable();
    if let Some(near) = nearest(name, names.iter().copied()) {
        return found.help(did_you_mean(near));
    }
    if let Some(full) = qualified(&names, name) {
        return found.help(did_you_mean(full));
    }
    if let Some((field, inner)) = nested(schema, &problem.at, name) {
        return found.help(format!("use `{field}.{inner}`"));
    }
    // After misspelling, the most common mistake is the wrong indentation level.
    let empty = empty_sibling(subject, schema, &problem.at, name);
    if let Some(parent) = empty.or_else(|| misplaced(schema, &problem.at, name)) {
        let owner =
            if parent.is_empty() { "the top level".to_owned() } else { format!("`{}`", pointer::path(&parent)) };
        let found = found.fact(Fact::MovesTo(parent));
        return found.help(format!("move `{name}` to {owner}: the indentation may be wrong"));
    }
    match names.len() {
        0 => found.note("no fields are allowed here"),
        count if count <= MAX_LISTED => found.note(format!("known fields: {}", listed(&names))),
        count => found.note(format!("known fields: {}, and {} more", listed(&names[..MAX_LISTED]), count - MAX_LISTED)),
    }
}

/// The only field whose name ends with an unknown one, such as `secretName` for `name`.
fn qualified<'a>(names: &[&'a str], name: &str) -> Option<&'a str> {
    let mut letters = name.chars();
    let end = letters.next()?.to_ascii_uppercase().to_string() + letters.as_str();
    let mut full = names.iter().filter(|known| end.len() > 3 && known.ends_with(&end));
    full.next().copied().filter(|_| full.next().is_none())
}

/// The field and the field in it that a name combines, such as `service` and `name` for `serviceName` in older versions.
fn nested(schema: Option<&Json>, at: &[String], name: &str) -> Option<(String, String)> {
    known(schema, at).into_iter().find_map(|field| {
        let rest = name.strip_prefix(field)?;
        let mut letters = rest.chars();
        let inner =
            letters.next().filter(char::is_ascii_uppercase)?.to_ascii_lowercase().to_string() + letters.as_str();
        let owner = [at, &[field.to_owned()]].concat();
        known(schema, &owner).contains(&inner.as_str()).then(|| (field.to_owned(), inner))
    })
}

/// A field without a value next to an unknown one that has a field of this name: what belongs into it is not indented.
fn empty_sibling(subject: &Subject, schema: Option<&Json>, at: &[String], name: &str) -> Option<Vec<String>> {
    let entries = pointer::node(&subject.object.root, at)?.entries();
    let mut empty = entries.iter().filter(|(_, value)| matches!(value.value, Value::Null));
    empty.find_map(|(key, _)| {
        let child = [at, std::slice::from_ref(&key.name)].concat();
        [child.clone(), [child.as_slice(), &["0".to_owned()]].concat()]
            .into_iter()
            .find(|place| known(schema, place).contains(&name))
    })
}

/// The nearest enclosing node, or a child node, that has a field of this name.
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

/// Whether a missing field is present under a misspelled name, or its own fields one level too high, or under whatever
/// name the only field has, as in `- TZ: UTC` instead of a name and a value.
fn misspelled(subject: &Subject, schema: Option<&Json>, problems: &[Problem], here: &Problem, name: &str) -> bool {
    let inside = [here.at.as_slice(), &[name.to_owned()]].concat();
    let fields = pointer::node(&subject.object.root, &here.at).map_or(0, |node| node.entries().len());
    problems.iter().filter(|other| other.at == here.at).any(|other| match &other.what {
        What::Unknown(unknown) => unknown.iter().any(|unknown| {
            nearest(unknown, [name]).is_some() || known(schema, &inside).contains(&unknown.as_str()) || fields == 1
        }),
        _ => false,
    })
}

fn missing(subject: &Subject, problem: &Problem, name: &str) -> Diagnostic {
    let parent = pointer::node(&subject.object.root, &problem.at);
    let mut steps = problem.at.clone();
    steps.push(name.to_owned());
    let message = format!("missing required field `{}` in {}", pointer::path(&steps), subject.title());
    // Point at the key of the parent rather than at the first line of its value.
    let place = match problem.at.split_last() {
        Some((last, before)) if last.parse::<usize>().is_err() => {
            pointer::node(&subject.object.root, before).map(|node| pointer::key(node, last))
        }
        _ => parent.map(Node::place),
    };
    let place = place.unwrap_or_else(|| subject.object.root.place());
    let found = subject.finding(Code::ObjectInvalid, message, place, format!("`{name}` is required"));
    found.fact(Fact::Required(name.to_owned()))
}

fn other(subject: &Subject, schema: Option<&Json>, problem: &Problem, what: &What) -> Diagnostic {
    let node = pointer::node(&subject.object.root, &problem.at);
    // A block has its key one line above.
    let above = problem.at.split_last().filter(|(last, _)| last.parse::<usize>().is_err());
    let above = above.filter(|_| node.is_some_and(|node| !node.entries().is_empty() || !node.items().is_empty()));
    let key = above.and_then(|(last, before)| Some(pointer::key(pointer::node(&subject.object.root, before)?, last)));
    let place = key.or_else(|| node.map(Node::place)).unwrap_or_else(|| subject.object.root.place());
    let path = pointer::path(&problem.at);
    let field = if path.is_empty() { subject.title() } else { format!("`{path}` of {}", subject.title()) };
    // Not even the type is shown, since redacted values are strings.
    let redacted = subject.secret() && problem.at.len() > 1;
    let is = node.filter(|_| !redacted).map_or_else(String::new, |node| format!("found {}", node.describe()));
    let finding = |message: String, label: String| subject.finding(Code::ObjectInvalid, message, place.clone(), label);
    let null = node.is_some_and(|node| matches!(node.value, Value::Null));
    match what {
        What::Type(_) if null => {
            finding(format!("{field} must not be null"), "a value is required".to_owned()).fact(Fact::Null)
        }
        What::Type(wanted) => {
            let words = types(wanted);
            let allowed = wanted.iter().filter(|name| *name != "null").cloned().collect();
            let found = finding(format!("{field} must be {words}"), is).fact(Fact::Type(allowed));
            let wants = |kind: &str| wanted.iter().any(|want| want == kind);
            match node.filter(|_| wants("string")).and_then(quoting_help) {
                Some(help) if !subject.secret() => found.help(help),
                _ if wants("integer")
                    && node.and_then(Node::as_str).is_some_and(|text| text.parse::<i64>().is_ok()) =>
                {
                    found.help("remove the quotes, or in a template `| quote` or `| toString`")
                }
                _ => found,
            }
        }
        What::Value(values) => {
            let found = finding(format!("{field} has an unsupported value"), is);
            if let [one] = values.as_slice() {
                return found.help(format!("set it to `{one}`"));
            }
            let words: Vec<&str> = values.iter().map(String::as_str).collect();
            let found = found.note(format!("supported values: {}", listed(&words)));
            let text = node.and_then(Node::as_str).unwrap_or_default();
            // Short words are similar by chance.
            let near = nearest(text, words).filter(|near| near.len() > 4 || text.eq_ignore_ascii_case(near));
            near.map_or(found.clone(), |near| found.help(did_you_mean(near)))
        }
        What::Pattern(pattern) if pattern == shape::QUANTITY => {
            let text = node.and_then(Node::as_str).unwrap_or_default();
            let help = match quantity_like(text) {
                Some(near) => did_you_mean(near),
                None => "use a number with an optional suffix, such as `100m`, `1.5`, or `64Mi`".into(),
            };
            finding(format!("{field} is not a valid quantity"), is).help(help)
        }
        What::Pattern(pattern) if pattern == shape::BASE64 => {
            let found = finding(format!("{field} is not valid base64"), is);
            if subject.secret() { found.help("encode it with `b64enc`, or use `stringData`") } else { found }
        }
        What::Pattern(pattern) => finding(format!("{field} does not match the pattern of its schema"), is)
            .note(format!("pattern: `{pattern}`")),
        What::Format(format) if format == "date-time" => {
            finding(format!("{field} is not a valid time"), is).help("use a time such as `2026-01-31T12:00:00Z`")
        }
        What::Format(format) => finding(format!("{field} does not have the format `{format}`"), is),
        What::Bound(keyword, printed) => {
            // kubeconform prints large numbers in scientific notation.
            let here = schema.and_then(|schema| schemas::at(schema, &problem.at));
            let bound = here.and_then(|schema| schema.get(keyword)).map_or_else(|| printed.clone(), Json::to_string);
            let found = finding(format!("{field} {}", violation(keyword, &bound)), is);
            let incomplete = matches!(keyword.as_str(), "minLength" | "minItems" | "minProperties");
            if incomplete { found.fact(Fact::TooFew) } else { found }
        }
        What::Alternatives(notes) => {
            let mut found = finding(format!("{field} matches none or too many of the alternatives in its schema"), is);
            if !subject.secret() {
                found.notes.extend(notes.iter().cloned());
            }
            found
        }
        What::Other(text) => {
            let found = finding(format!("{field} does not match its schema"), is);
            if subject.secret() { found } else { found.note(text.clone()) }
        }
        What::Unknown(_) | What::Missing(_) => finding(format!("{field} does not match its schema"), is),
    }
}

/// Types as words: `a string or an integer`. That null is allowed as well is left out.
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

/// How to quote a value that YAML does not read as a string.
fn quoting_help(node: &Node) -> Option<String> {
    let written = node.source.text.get(node.span.clone())?;
    let plain = matches!(node.value, Value::Bool(_) | Value::Number(_)) && !written.contains(['"', '\'', '\n']);
    plain.then(|| format!("if a string is meant, quote it: `\"{written}\"`, or in a template `| quote`"))
}

/// The quantity that was probably meant: `64M` for `64MB`.
fn quantity_like(text: &str) -> Option<String> {
    const SUFFIXES: [&str; 16] = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (number, suffix) = (digits.trim_end(), &text[digits.len()..]);
    let suffix = match suffix.to_ascii_lowercase().as_str() {
        _ if SUFFIXES.contains(&suffix) => suffix,
        "k" | "ki" | "kib" => "Ki",
        "kb" => "k",
        "mi" | "mib" => "Mi",
        "mb" => "M",
        "g" | "gi" | "gib" => "Gi",
        "gb" => "G",
        "t" | "ti" | "tib" => "Ti",
        "tb" => "T",
        _ => return None,
    };
    number.parse::<f64>().is_ok().then(|| format!("{number}{suffix}"))
}

/// How a value violates a bound.
fn violation(keyword: &str, bound: &str) -> String {
    match keyword {
        "maximum" => format!("must be less than or equal to {bound}"),
        "exclusiveMaximum" => format!("must be less than {bound}"),
        "minimum" => format!("must be greater than or equal to {bound}"),
        "exclusiveMinimum" => format!("must be greater than {bound}"),
        "maxLength" => format!("must have at most {bound} characters"),
        "minLength" => format!("must have at least {bound} characters"),
        "maxItems" | "maxProperties" => format!("must have at most {bound} entries"),
        "minItems" | "minProperties" => format!("must have at least {bound} entries"),
        other => format!("violates `{other}: {bound}`"),
    }
}
