//! The subset of jq that `jqPathExpressions` use: paths, `select`, pipes, and commas.
//!
//! An expression that uses more of jq is not evaluated.

mod fault;
mod parse;

pub use self::fault::{Fault, fault};

use document::{Node, Value};

use self::parse::{Condition, Expression};

/// The number of paths that an expression may have. More are not evaluated.
const MOST: usize = 10_000;

/// The path of a value: keys, and indexes as numbers.
pub type Path = Vec<String>;

/// A jq expression that names parts of a value.
#[derive(Debug, Clone)]
pub struct JqPath(Expression);

impl JqPath {
    /// Reads an expression; `None` if it uses a part of jq that is not known here.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse::expression(text).map(Self)
    }

    /// The paths that the expression has in a value. `None` if jq fails, for example because it iterates over a number, or
    /// if there are too many.
    #[must_use]
    pub fn paths(&self, root: &Node) -> Option<Vec<Path>> {
        let found = evaluate(&self.0, vec![(Vec::new(), Some(root))])?;
        Some(found.into_iter().map(|(path, _)| path).collect())
    }
}

/// A path and what is there; `None` for null.
type Found<'a> = (Path, Option<&'a Node>);

fn evaluate<'a>(expression: &Expression, inputs: Vec<Found<'a>>) -> Option<Vec<Found<'a>>> {
    match expression {
        Expression::Identity => Some(inputs),
        Expression::Then(first, second) => evaluate(second, evaluate(first, inputs)?),
        Expression::Also(parts) => {
            let mut all = Vec::new();
            for input in inputs {
                for part in parts {
                    all.extend(evaluate(part, vec![input.clone()])?);
                    if all.len() > MOST {
                        return None;
                    }
                }
            }
            Some(all)
        }
        Expression::Key(name) => each(inputs, |(mut path, node)| {
            let value = match node.map(|node| &node.value) {
                None | Some(Value::Null) => None,
                Some(Value::Mapping(_)) => node.and_then(|node| node.get(name)),
                _ => return None,
            };
            path.push(name.clone());
            Some(vec![(path, value)])
        }),
        Expression::Index(index) => each(inputs, |(mut path, node)| {
            let items = match node.map(|node| &node.value) {
                None | Some(Value::Null) => &[],
                Some(Value::Sequence(items)) => items.as_slice(),
                _ => return None,
            };
            let index = if *index < 0 {
                items.len().checked_sub(usize::try_from(-*index).ok()?)
            } else {
                usize::try_from(*index).ok()
            };
            let Some(index) = index else { return Some(Vec::new()) };
            path.push(index.to_string());
            Some(vec![(path, items.get(index))])
        }),
        Expression::Each => each(inputs, |(path, node)| {
            let below = |step: String| [path.as_slice(), &[step]].concat();
            match node.map(|node| &node.value) {
                Some(Value::Sequence(items)) => {
                    Some(items.iter().enumerate().map(|(index, item)| (below(index.to_string()), Some(item))).collect())
                }
                Some(Value::Mapping(entries)) => {
                    Some(entries.iter().map(|(key, value)| (below(key.name.clone()), Some(value))).collect())
                }
                _ => None,
            }
        }),
        Expression::Try(inner) => {
            let results = inputs.into_iter().map(|input| evaluate(inner, vec![input]).unwrap_or_default());
            Some(results.flatten().collect())
        }
        Expression::Select(condition) => {
            let mut kept = Vec::new();
            for input in inputs {
                if holds(condition, input.1)? {
                    kept.push(input);
                }
            }
            Some(kept)
        }
    }
}

fn each<'a>(inputs: Vec<Found<'a>>, step: impl Fn(Found<'a>) -> Option<Vec<Found<'a>>>) -> Option<Vec<Found<'a>>> {
    let mut all = Vec::new();
    for input in inputs {
        all.extend(step(input)?);
        if all.len() > MOST {
            return None;
        }
    }
    Some(all)
}

/// Whether a condition holds; of a condition with several results, any of them. `None` if jq fails.
fn holds(condition: &Condition, node: Option<&Node>) -> Option<bool> {
    let values = |expression: &Expression| {
        let found = evaluate(expression, vec![(Vec::new(), node)])?;
        Some(found.into_iter().map(|(_, value)| value).collect::<Vec<_>>())
    };
    let text = |node: Option<&Node>| node.and_then(Node::as_str).map(str::to_owned);
    match condition {
        Condition::Truth(expression) => Some(
            values(expression)?
                .into_iter()
                .any(|value| value.is_some_and(|node| !matches!(node.value, Value::Null | Value::Bool(false)))),
        ),
        Condition::Equal(expression, literal, equal) => {
            let json = |node: Option<&Node>| node.map_or_else(|| "null".to_owned(), Node::to_json);
            Some(values(expression)?.into_iter().any(|value| (json(value) == *literal) == *equal))
        }
        Condition::Text(expression, passes, argument) => {
            let mut any = false;
            for value in values(expression)? {
                any |= passes(&text(value)?, argument);
            }
            Some(any)
        }
        Condition::Has(expression, key) => {
            let mut any = false;
            for value in values(expression)? {
                let Some(Value::Mapping(_)) = value.map(|node| &node.value) else { return None };
                any |= value.is_some_and(|node| node.get(key).is_some());
            }
            Some(any)
        }
        Condition::Not(inner) => holds(inner, node).map(|holds| !holds),
        Condition::And(parts) => {
            for part in parts {
                if !holds(part, node)? {
                    return Some(false);
                }
            }
            Some(true)
        }
        Condition::Or(parts) => {
            for part in parts {
                if holds(part, node)? {
                    return Some(true);
                }
            }
            Some(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn paths(expression: &str, text: &str) -> Option<Vec<String>> {
        let root = yaml::parse_one(&Source::new("x", text)).expect("YAML").root;
        Some(JqPath::parse(expression)?.paths(&root)?.into_iter().map(|path| path.join("/")).collect())
    }

    const POD: &str = "{metadata: {annotations: {a.b/c: x}}, spec: {containers: [{name: a, image: i, env: [{name: X}]}, {name: b, image: j}], list: [1, 2]}}";

    #[test]
    fn common_expressions_are_evaluated() {
        for (expression, expected) in [
            (".spec.containers[].image", vec!["spec/containers/0/image", "spec/containers/1/image"]),
            (".spec.containers[1]", vec!["spec/containers/1"]),
            (".spec.containers[-1].name", vec!["spec/containers/1/name"]),
            (".metadata.annotations.\"a.b/c\"", vec!["metadata/annotations/a.b/c"]),
            (".metadata.annotations[\"a.b/c\"]", vec!["metadata/annotations/a.b/c"]),
            (".metadata[\"annotations\"]", vec!["metadata/annotations"]),
            (".spec.containers[] | select(.name == \"b\") | .image", vec!["spec/containers/1/image"]),
            (".spec.containers[] | select(.name != \"b\").image", vec!["spec/containers/0/image"]),
            (".spec.containers[]|select(.name==\"a\" or .name==\"b\")", vec!["spec/containers/0", "spec/containers/1"]),
            (".spec.containers[] | select(.name | startswith(\"a\"))", vec!["spec/containers/0"]),
            (".spec.containers[] | select(.env[]?.name == \"X\") | .env", vec!["spec/containers/0/env"]),
            (".spec.containers[] | select(has(\"env\"))", vec!["spec/containers/0"]),
            (".spec.containers[] | select(.env) | .name", vec!["spec/containers/0/name"]),
            (".spec.containers[] | select(.env | not) | .name", vec!["spec/containers/1/name"]),
            (".spec | (.list, .containers[0])", vec!["spec/list", "spec/containers/0"]),
            (".spec.list[] | select(. == 2)", vec!["spec/list/1"]),
            (".spec.none[]?", vec![]),
            (".spec.none", vec!["spec/none"]),
            (".spec.none?.x", vec!["spec/none/x"]),
            (".", vec![""]),
        ] {
            let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(paths(expression, POD), Some(expected), "{expression}");
        }
    }

    #[test]
    fn other_expressions_are_not() {
        for expression in [
            "",
            "..",
            ".[",
            ".spec | map(.x)",
            ".spec.containers[1:]",
            ".a as $x | $x",
            "select(.a =~ 1)",
            ".spec.list[].x",
            ".spec.none[]",
            ".spec.containers[] | select(.name | test(\"a\"))",
            "walk(.)",
            ".a b",
        ] {
            assert_eq!(paths(expression, POD), None, "{expression}");
        }
        assert!(JqPath::parse(&"(".repeat(100_000)).is_none());
    }
}
