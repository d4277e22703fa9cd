//! Renders the strings of a tree with parameters.

use diagnostics::{Code, Diagnostic, Limit, Place, did_you_mean, nearest};
use document::{Key, Mapping, Node, Value as Yaml};

use super::failure::{Failure, Result};
use super::fast_template;
use crate::go_template::value::{Map, Value};
use crate::go_template::{self, MissingKey, Options, Problem};

/// How an ApplicationSet renders its templates.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Engine {
    /// Whether they are Go templates.
    pub go: bool,
    /// The options of Go templates.
    pub options: Options,
}

impl Engine {
    /// Renders the text of a node.
    pub(super) fn text(self, node: &Node, text: &str, values: &Map) -> Result<String> {
        if self.go {
            let dot = Value::Map(values.clone());
            go_template::render(text, &dot, self.options).map_err(|error| failure(node, text, &error))
        } else {
            fast_template::render(text, values)
                .map_err(|message| Failure::invalid("invalid template", node.place(), message))
        }
    }

    /// The same with another meaning of keys that do not exist.
    #[must_use]
    pub(super) fn strict(self) -> Self {
        Self { options: Options { missing_key: MissingKey::Error }, ..self }
    }

    /// Whether a failed text would succeed with more parameters.
    #[must_use]
    pub(super) fn lacks_parameters(self, text: &str, values: &Map) -> bool {
        let dot = Value::Map(values.clone());
        self.go
            && go_template::render(text, &dot, self.options).is_err_and(|error| match &error.problem {
                Problem::MissingKey(..) => true,
                Problem::Failed(message) => message.contains("can't evaluate field"),
                _ => false,
            })
    }

    /// Renders all strings and keys of a tree. Null values of keys are dropped, as in Argo CD.
    pub(super) fn tree(self, node: &Node, values: &Map) -> Result<Node> {
        let value = match &node.value {
            Yaml::String(text) => Yaml::String(self.text(node, text, values)?),
            Yaml::Sequence(items) => {
                Yaml::Sequence(items.iter().map(|item| self.tree(item, values)).collect::<Result<_>>()?)
            }
            Yaml::Mapping(entries) => {
                // The last value of each key.
                let mut rendered = Mapping::default();
                for (key, value) in entries.iter().filter(|(_, value)| !matches!(value.value, Yaml::Null)) {
                    let value = self.tree(value, values)?;
                    rendered.set(self.key(node, key, values)?, value);
                }
                Yaml::Mapping(rendered)
            }
            other => other.clone(),
        };
        Ok(Node { value, span: node.span.clone(), source: node.source.clone() })
    }

    fn key(self, node: &Node, key: &Key, values: &Map) -> Result<Key> {
        if !key.name.contains("{{") {
            return Ok(key.clone());
        }
        let place = Node { value: Yaml::Null, span: key.span.clone(), source: node.source.clone() };
        Ok(Key { name: self.text(&place, &key.name, values)?, span: key.span.clone() })
    }
}

/// Converts an error of a Go template to one of the ApplicationSet.
fn failure(node: &Node, text: &str, error: &go_template::Error) -> Failure {
    let place = inside(node, text, error.at);
    let invalid = |message: String, label: &str| {
        Failure::from(Diagnostic::new(Code::ApplicationSetInvalid, message).at(place.clone(), label))
    };
    match &error.problem {
        Problem::UnknownFunction(name) => {
            let of_helm = ["include", "lookup", "required", "tpl"].contains(&name.as_str());
            let help = if of_helm {
                "Helm has this function, but Argo CD does not; to leave the text to Helm, write `{{ \"{{\" }}`".into()
            } else if ["env", "expandenv", "getHostByName"].contains(&name.as_str()) {
                "Argo CD removes this function; use a parameter".into()
            } else {
                // There are too many functions for a list of all.
                let near = nearest(name, go_template::function_names());
                near.map_or_else(|| "use a function of Go's templates, of Sprig, or of Argo CD".into(), did_you_mean)
            };
            invalid(format!("unknown function `{name}` in a template"), "").help(help)
        }
        Problem::MissingKey(name, known) => {
            let known = known.iter().map(String::as_str);
            let failure =
                invalid(format!("parameter `{name}` is not defined"), "`goTemplateOptions` sets `missingkey=error`");
            match nearest(name, known) {
                Some(near) => failure.help(did_you_mean(near)),
                None => failure.help(format!("define it, or read an optional parameter with `get . {name:?}`")),
            }
        }
        Problem::Syntax(message) => invalid("invalid template".to_owned(), message),
        Problem::Failed(message) => invalid("the template cannot be rendered".to_owned(), message),
        Problem::Limit(limit) => {
            let unit = if *limit == Limit::TemplateSize { "MiB" } else { "steps" };
            let what = format!("the template cannot be rendered: it takes more than {} {unit}", limit.value());
            invalid(what, "").help(limit.help())
        }
        Problem::Unsupported(name) => {
            Failure::unavailable(format!("the result of the function `{name}` is unknown here"), place)
        }
    }
}

/// The place of a position in a node's text: its line in the file, if the file contains the line.
fn inside(node: &Node, text: &str, at: usize) -> Place {
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let written = node.source.text.get(node.span.clone()).unwrap_or_default();
    let number = text[..at].matches('\n').count();
    // The same line may occur several times.
    let before = text.lines().take(number).filter(|other| *other == line).count();
    let found = written.match_indices(line).nth(before).filter(|_| !line.trim().is_empty());
    let Some((offset, _)) = found else { return node.place() };
    let begin = node.span.start + offset + (at - start).min(line.len());
    let rest = &text[at..start + line.len().max(at - start)];
    let length = rest.find("}}").unwrap_or(rest.len()).max(1);
    let end = (begin + rest[..length.min(rest.len())].trim_end().len()).max(begin);
    Place::new(&node.source, begin..end)
}
