//! Parses the violations of a values.schema.json, which Helm lists as a tree.

/// A violation of a values.schema.json. Violations form a tree: those of `allOf` and the like have causes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The chart whose schema is violated; a dependency is named by its alias.
    pub chart: String,
    /// The path of the value in the values of that chart.
    pub pointer: Vec<String>,
    /// The violated rule.
    pub rule: Rule,
    /// The violations that caused this one.
    pub causes: Vec<Violation>,
}

/// A rule of JSON Schema that is violated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// `type`.
    Type {
        /// The type of the value.
        got: String,
        /// The allowed types.
        want: Vec<String>,
    },
    /// `additionalProperties: false`: the unknown keys.
    Unknown(Vec<String>),
    /// `required`: the missing keys.
    Missing(Vec<String>),
    /// `dependentRequired`: the missing keys, and the key that requires them.
    MissingWith(Vec<String>, String),
    /// `enum` or `const`: the allowed values, as Helm prints them.
    OneOf(Vec<String>),
    /// `minimum`, `maxLength`, and the like.
    Limit {
        /// The keyword.
        keyword: String,
        /// The limit.
        want: String,
    },
    /// `pattern`: the regular expression.
    Pattern(String),
    /// `uniqueItems`: the indexes of two equal items.
    Equal(usize, usize),
    /// `propertyNames`: the invalid key. Helm does not print the path of the mapping.
    Key(String),
    /// `not`.
    Not,
    /// `contains`.
    Contains,
    /// The schema `false`.
    False,
    /// `allOf`, or several causes without a keyword of their own.
    All,
    /// `anyOf`, or `oneOf` without a match.
    Any,
    /// `oneOf` with several matches.
    Several,
    /// Any other rule, in Helm's words.
    Other(String),
}

/// The violations in the message, sorted: Helm lists them in random order.
pub(super) fn violations(message: &str) -> Vec<Violation> {
    // Each line with its depth: `- at '/a': 'anyOf' failed`, and its causes indented by two more spaces.
    let mut lines: Vec<(usize, Violation)> = Vec::new();
    let mut chart = "";
    for line in message.lines().skip(1) {
        let text = line.trim_start();
        if let Some(violation) = text.strip_prefix("- ").and_then(|text| violation(chart, text)) {
            lines.push(((line.len() - text.len()) / 2, violation));
        } else if let Some(name) = line.trim().strip_suffix(':') {
            chart = name;
        }
    }
    let mut violations = tree(&mut lines.into_iter().peekable(), 0);
    violations.sort();
    violations
}

fn tree(lines: &mut std::iter::Peekable<impl Iterator<Item = (usize, Violation)>>, depth: usize) -> Vec<Violation> {
    let mut violations = Vec::new();
    while let Some((_, mut violation)) = lines.next_if(|(at, _)| *at >= depth) {
        violation.causes = tree(lines, depth + 1);
        violation.causes.sort();
        violations.push(violation);
    }
    violations
}

/// `at '/a/b': what`.
fn violation(chart: &str, text: &str) -> Option<Violation> {
    let (pointer, rest) = quoted(text.strip_prefix("at ")?)?;
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let rule = rule(rest.strip_prefix(": ")?);
    Some(Violation { chart: chart.to_owned(), pointer: steps, rule, causes: Vec::new() })
}

fn rule(text: &str) -> Rule {
    known_rule(text).unwrap_or_else(|| Rule::Other(text.to_owned()))
}

fn known_rule(text: &str) -> Option<Rule> {
    if let Some((got, want)) = text.strip_prefix("got ").and_then(|rest| rest.split_once(", want ")) {
        return Some(Rule::Type { got: got.to_owned(), want: want.split(" or ").map(str::to_owned).collect() });
    }
    if let Some(rest) = text.strip_prefix("additional properties ") {
        return Some(Rule::Unknown(all_quoted(rest.strip_suffix(" not allowed")?)));
    }
    if let Some(rest) = text.strip_prefix("missing properties ").or_else(|| text.strip_prefix("missing property ")) {
        return Some(Rule::Missing(all_quoted(rest)));
    }
    if let Some((missing, rest)) = text.strip_prefix("properties ").and_then(|rest| rest.split_once(" required, if ")) {
        return Some(Rule::MissingWith(all_quoted(missing), quoted(rest)?.0));
    }
    if let Some(rest) = text.strip_prefix("value must be ") {
        return Some(Rule::OneOf(listed(rest.strip_prefix("one of ").unwrap_or(rest))));
    }
    if let Some(rest) = text.strip_prefix("invalid propertyName ") {
        return Some(Rule::Key(quoted(rest)?.0));
    }
    if let Some(rest) = text.strip_prefix("items at ") {
        let (first, second) = rest.strip_suffix(" are equal")?.split_once(" and ")?;
        return Some(Rule::Equal(first.parse().ok()?, second.parse().ok()?));
    }
    if let Some((keyword, rest)) = text.split_once(": got ")
        && keyword.chars().all(|c| c.is_ascii_alphabetic())
    {
        // Helm groups digits: 1,024.
        return Some(Rule::Limit { keyword: keyword.to_owned(), want: rest.split_once(", want ")?.1.replace(',', "") });
    }
    if let Some((_, rest)) = quoted(text)
        && let Some(pattern) = rest.strip_prefix(" does not match pattern ")
    {
        return Some(Rule::Pattern(quoted(pattern)?.0));
    }
    match text {
        "'not' failed" => Some(Rule::Not),
        "no items match contains schema" => Some(Rule::Contains),
        "false schema" => Some(Rule::False),
        "'allOf' failed" | "validation failed" => Some(Rule::All),
        "'anyOf' failed" | "'oneOf' failed, none matched" => Some(Rule::Any),
        _ if text.starts_with("'oneOf' failed, subschemas ") => Some(Rule::Several),
        _ => None,
    }
}

/// A text in single quotes, with Go's escape sequences, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let body = text.strip_prefix('\'')?;
    let mut out = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Some((out, &body[at + 1..])),
            '\\' => {
                let (_, escape) = chars.next()?;
                let digits = match escape {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                if digits > 0 {
                    let hex: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                    out.push(
                        char::from_u32(u32::from_str_radix(&hex, 16).ok()?).unwrap_or(char::REPLACEMENT_CHARACTER),
                    );
                } else {
                    out.push(match escape {
                        'a' => '\u{7}',
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'v' => '\u{b}',
                        other => other,
                    });
                }
            }
            c => out.push(c),
        }
    }
    None
}

/// `'a', 'b'`.
fn all_quoted(text: &str) -> Vec<String> {
    listed(text).into_iter().filter_map(|item| Some(quoted(&item)?.0)).collect()
}

/// `'a', 1, <nil>`, with the quotes.
fn listed(text: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = match quoted(rest) {
            Some((_, after)) => rest.len() - after.len(),
            None => rest.find(", ").unwrap_or(rest.len()),
        };
        items.push(rest[..end].to_owned());
        rest = rest[end..].strip_prefix(", ").unwrap_or_default();
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_quotes_and_commas() {
        assert_eq!(listed("'a, b', 1, <nil>, 'it\\'s'"), ["'a, b'", "1", "<nil>", "'it\\'s'"]);
    }
}
