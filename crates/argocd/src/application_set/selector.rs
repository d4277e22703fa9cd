//! Label selectors, which filter the parameters of a generator.

use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Fields, Node, Syntax};

use super::failure::{Failure, Result};

/// A selector: all of its requirements must be met.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector(Vec<Requirement>);

#[derive(Debug, Clone)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads a selector.
    pub(super) fn read(node: &Node) -> Result<Self> {
        let mut requirements = Vec::new();
        for (key, value) in node.get("matchLabels").map(Node::entries).unwrap_or_default() {
            let Some(text) = value.as_str() else {
                let message = format!("`matchLabels[{}]` must be a string", key.name);
                let label = format!("found {}", value.describe());
                return Err(Failure::invalid(message, value.place(), label).help("quote the value"));
            };
            let place = Place::new(&node.source, key.span.clone());
            requirements.push(Requirement {
                key: valid_key(&key.name, place)?,
                operator: Operator::In,
                values: vec![text.to_owned()],
            });
        }
        for expression in node.items_at(&["matchExpressions"]) {
            requirements.push(requirement(expression)?);
        }
        Ok(Self(requirements))
    }

    /// Labels that it selects, as TOML: `labels = { env = "prod", region = "…" }`.
    #[must_use]
    pub(super) fn example(&self) -> String {
        let needed = self.0.iter().filter_map(|requirement| {
            let value = match requirement.operator {
                Operator::In => requirement.values.first()?,
                Operator::Exists => "…",
                Operator::NotIn | Operator::DoesNotExist => return None,
            };
            let plain = requirement.key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
            let key = if plain { requirement.key.clone() } else { format!("{:?}", requirement.key) };
            Some(format!("{key} = {value:?}"))
        });
        format!("labels = {{ {} }}", needed.collect::<Vec<_>>().join(", "))
    }

    /// Whether there are no requirements.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether values, by their names, meet all requirements.
    #[must_use]
    pub(super) fn matches(&self, values: &[(String, String)]) -> bool {
        self.0.iter().all(|requirement| {
            let value = values.iter().find(|(key, _)| *key == requirement.key).map(|(_, value)| value);
            match requirement.operator {
                Operator::In => value.is_some_and(|value| requirement.values.contains(value)),
                Operator::NotIn => value.is_none_or(|value| !requirement.values.contains(value)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

fn requirement(node: &Node) -> Result<Requirement> {
    let mut diagnostics = Diagnostics::default();
    let mut fields = Fields::new(node, "matchExpressions", Syntax::ApplicationSet);
    let key = fields.required_string("key");
    let operator = fields.required_string("operator");
    let values: Vec<String> = fields.strings("values").into_iter().map(|(text, _)| text).collect();
    fields.finish(&mut diagnostics);
    if let Some(first) = diagnostics.0.into_iter().next() {
        return Err(first.into());
    }
    let place = |key: &str| node.get(key).unwrap_or(node).place();
    let operator = match operator.unwrap_or_default().as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => {
            let known = ["In", "NotIn", "Exists", "DoesNotExist"];
            return Err(Diagnostic::new(Code::ApplicationSetInvalid, format!("unknown operator `{other}`"))
                .at(place("operator"), "")
                .help(diagnostics::suggestion(other, known))
                .into());
        }
    };
    let takes_values = matches!(operator, Operator::In | Operator::NotIn);
    if takes_values == values.is_empty() {
        let message = if takes_values { "`values` must not be empty" } else { "`values` must be empty" };
        return Err(Failure::invalid(message, place("values"), "for this operator"));
    }
    Ok(Requirement { key: valid_key(&key.unwrap_or_default(), place("key"))?, operator, values })
}

/// A key must be the name of a label: also one that selects a parameter.
fn valid_key(key: &str, place: Place) -> Result<String> {
    let name = key.rsplit('/').next().unwrap_or(key);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fine = (1..=63).contains(&name.len())
        && name.chars().all(allowed)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && key.matches('/').count() <= 1;
    if fine {
        return Ok(key.to_owned());
    }
    let label = "a key has the form of a label: letters, digits, `-`, `_`, and `.`";
    Err(Failure::invalid(format!("invalid key `{key}` in a selector"), place, label))
}
