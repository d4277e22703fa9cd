//! Violated rules in words: "must be a string, not a boolean".

use helm::errors::Rule;

use super::schema::{Found, Problem, expression, list};

/// A rule in words, as the rest of a sentence that starts with the name of the value, and whether the description is
/// part of it.
pub(super) fn sentence(problem: &Problem, found: Option<&Found<'_>>) -> (String, bool) {
    let described =
        || found.and_then(Found::own_description).map(|text| format!("is not valid: expected {}", expected(text)));
    let opaque = |fallback: String| described().map_or((fallback, false), |text| (text, true));
    let sentence = match &problem.rule {
        Rule::Type { got, want } => format!("must be {}, not {}", any_type(want), kind(got)),
        Rule::OneOf(values) => {
            let declared =
                found.map(Found::allowed).filter(|allowed| allowed.len() == values.len()).unwrap_or_default();
            let values = if declared.is_empty() {
                values.iter().map(|value| value.replace('\'', "\"")).collect()
            } else {
                declared
            };
            match &values[..] {
                [only] => format!("must be `{only}`"),
                several => format!("must be one of {}", list(several.iter().cloned())),
            }
        }
        Rule::Limit { keyword, want } => limit(keyword, want),
        Rule::Equal(first, second) => format!("has equal items at positions {} and {}", first + 1, second + 1),
        Rule::MissingWith(keys, key) => {
            format!("requires {} when `{key}` is set", list(keys.iter().cloned()))
        }
        Rule::Pattern(pattern) => return opaque(format!("must match {}", expression(pattern))),
        Rule::Not => {
            let forbidden = found.and_then(Found::forbidden);
            return opaque(forbidden.unwrap_or_else(|| "is forbidden by `not` in values.schema.json".to_owned()));
        }
        Rule::Any => return opaque("matches none of the alternatives in values.schema.json".to_owned()),
        Rule::Several => return opaque("matches more than one of the alternatives in values.schema.json".to_owned()),
        Rule::Contains => return opaque("contains no item that values.schema.json requires".to_owned()),
        Rule::False => "is not allowed".to_owned(),
        Rule::All | Rule::Unknown(_) | Rule::Missing(_) | Rule::Key(_) => {
            return opaque("violates values.schema.json".to_owned());
        }
        Rule::Other(text) => format!("violates values.schema.json: {text}"),
    };
    (sentence, false)
}

/// The first sentence of a description, to follow "expected".
fn expected(description: &str) -> String {
    let line = description.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = line.find(". ").unwrap_or(line.len());
    let first = line[..end].trim_end_matches('.');
    let word = first.split(' ').next().unwrap_or_default();
    // Words such as "URL" keep their case.
    let acronym = word.chars().skip(1).any(char::is_uppercase);
    match first.chars().next() {
        Some(initial) if !acronym => format!("{}{}", initial.to_lowercase(), &first[initial.len_utf8()..]),
        _ => first.to_owned(),
    }
}

fn limit(keyword: &str, want: &str) -> String {
    match (keyword, want) {
        ("minimum", _) => format!("must be at least {want}"),
        ("maximum", _) => format!("must be at most {want}"),
        ("exclusiveMinimum", _) => format!("must be greater than {want}"),
        ("exclusiveMaximum", _) => format!("must be less than {want}"),
        ("multipleOf", _) => format!("must be a multiple of {want}"),
        ("minLength" | "minItems" | "minProperties", "1") => "must not be empty".to_owned(),
        ("maxLength" | "maxItems" | "maxProperties", "0") => "must be empty".to_owned(),
        ("minLength", _) => format!("must have at least {want} characters"),
        ("maxLength", _) => format!("must have at most {want} characters"),
        ("minItems", _) => format!("must have at least {want} items"),
        ("maxItems", _) => format!("must have at most {want} items"),
        ("minProperties", _) => format!("must have at least {want} keys"),
        ("maxProperties", _) => format!("must have at most {want} keys"),
        _ => format!("violates `{keyword}: {want}` in values.schema.json"),
    }
}

fn any_type(types: &[String]) -> String {
    let types: Vec<&str> = types.iter().map(|name| kind(name)).collect();
    types.join(" or ")
}

/// A type with its article.
pub(super) fn kind(name: &str) -> &str {
    match name {
        "array" => "a list",
        "boolean" => "a boolean",
        "integer" => "an integer",
        "null" => "null",
        "number" => "a number",
        "object" => "a mapping",
        "string" => "a string",
        other => other,
    }
}
