//! The template of an ApplicationSet, and the Applications that it makes.

use document::{Key, Node, Value as Yaml};

use super::failure::Result;
use super::render::Engine;
use crate::go_template::value::Map;

/// The finalizer that deletes the objects of an Application with it.
const FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

/// Maps whose values are not fields.
const MAPS: [&str; 11] = [
    "annotations",
    "commonAnnotations",
    "commonLabels",
    "env",
    "extVars",
    "info",
    "labels",
    "managedNamespaceMetadata",
    "parameters",
    "tlas",
    "valuesObject",
];

/// The template of a generator with what it leaves out taken from the template of the ApplicationSet.
///
/// Like in Argo CD, `false`, 0, and empty values count as left out, and lists are not merged.
#[must_use]
pub(super) fn overridden(own: Option<&Node>, base: &Node) -> Node {
    let Some(own) = own else { return base.clone() };
    let (Yaml::Mapping(entries), Yaml::Mapping(others)) = (&own.value, &base.value) else {
        return if empty(own) { base.clone() } else { own.clone() };
    };
    let mut merged: Vec<(Key, Node)> = Vec::with_capacity(entries.len());
    for (key, node) in entries {
        let other = base.get(&key.name);
        let node = match other {
            Some(_) if key.name == "valuesObject" && !matches!(node.value, Yaml::Null) => node.clone(),
            Some(other) => overridden(Some(node), other),
            None => node.clone(),
        };
        merged.push((key.clone(), node));
    }
    merged.extend(others.iter().filter(|(key, _)| own.get(&key.name).is_none()).cloned());
    Node { value: Yaml::Mapping(merged.into()), ..own.clone() }
}

fn empty(node: &Node) -> bool {
    match &node.value {
        Yaml::Null | Yaml::Bool(false) => true,
        Yaml::Bool(true) => false,
        Yaml::Number(number) => number.parse::<f64>().is_ok_and(|number| number == 0.0),
        Yaml::String(text) => text.is_empty(),
        Yaml::Sequence(items) => items.is_empty(),
        Yaml::Mapping(entries) => entries.is_empty(),
    }
}

/// Renders a template with parameters.
///
/// Without any parameters, Argo CD takes the template as it is, and adds no finalizer.
pub(super) fn application(template: &Node, engine: Engine, values: &Map, keep_resources: bool) -> Result<Node> {
    let part = |key: &str| template.get(key).cloned().unwrap_or_else(|| mapping(template, Vec::new()));
    let (mut metadata, mut spec) = (part("metadata"), part("spec"));
    if !values.is_empty() {
        metadata = engine.tree(&metadata, values)?;
        spec = engine.tree(&spec, values)?;
        if !keep_resources && metadata.items_at(&["finalizers"]).is_empty() {
            let list = Node { value: Yaml::Sequence(vec![string(template, FINALIZER)]), ..template.clone() };
            metadata = with(metadata, "finalizers", list);
        }
    }
    let spec = fields(&spec, 0);
    let entries = vec![
        entry(template, "apiVersion", string(template, "argoproj.io/v1alpha1")),
        entry(template, "kind", string(template, "Application")),
        entry(template, "metadata", metadata),
        entry(template, "spec", spec),
    ];
    Ok(mapping(template, entries))
}

/// Removes fields with an empty text, which Argo CD's types do not distinguish from missing ones, and writes the numbers
/// of `valuesObject` as JSON.
fn fields(node: &Node, depth: usize) -> Node {
    let value = match &node.value {
        _ if depth > 200 => node.value.clone(),
        Yaml::Mapping(entries) => {
            let kept = entries.iter().filter(|(key, value)| {
                ["project", "repoURL"].contains(&key.name.as_str()) || value.as_str() != Some("")
            });
            let kept = kept.map(|(key, value)| {
                let value = match key.name.as_str() {
                    "valuesObject" => numbers(value),
                    name if MAPS.contains(&name) => value.clone(),
                    _ => fields(value, depth + 1),
                };
                (key.clone(), value)
            });
            Yaml::Mapping(kept.collect())
        }
        Yaml::Sequence(items) => Yaml::Sequence(items.iter().map(|item| fields(item, depth + 1)).collect()),
        other => other.clone(),
    };
    Node { value, ..node.clone() }
}

/// A tree with numbers as they are after a pass through Go's `float64`.
fn numbers(node: &Node) -> Node {
    let value = match &node.value {
        Yaml::Number(text) => Yaml::Number(text.parse().map_or_else(|_| text.clone(), crate::go_template::number_text)),
        Yaml::Sequence(items) => Yaml::Sequence(items.iter().map(numbers).collect()),
        Yaml::Mapping(entries) => {
            Yaml::Mapping(entries.iter().map(|(key, value)| (key.clone(), numbers(value))).collect())
        }
        other => other.clone(),
    };
    Node { value, ..node.clone() }
}

/// A mapping with one key set.
#[must_use]
pub(super) fn with(node: Node, key: &str, value: Node) -> Node {
    let Yaml::Mapping(mut entries) = node.value else { return node };
    match entries.iter_mut().find(|(name, _)| name.name == key) {
        Some((_, before)) => *before = value,
        None => entries.push((Key { name: key.to_owned(), span: value.span.clone() }, value)),
    }
    Node { value: Yaml::Mapping(entries), span: node.span, source: node.source }
}

/// A mapping without a key.
#[must_use]
pub(super) fn without(node: Node, key: &str) -> Node {
    let Yaml::Mapping(mut entries) = node.value else { return node };
    entries.retain(|(name, _)| name.name != key);
    Node { value: Yaml::Mapping(entries), span: node.span, source: node.source }
}

/// A string with the place of another node.
#[must_use]
pub(super) fn string(at: &Node, text: &str) -> Node {
    Node { value: Yaml::String(text.to_owned()), span: at.span.clone(), source: at.source.clone() }
}

fn mapping(at: &Node, entries: Vec<(Key, Node)>) -> Node {
    Node { value: Yaml::Mapping(entries.into()), span: at.span.clone(), source: at.source.clone() }
}

fn entry(at: &Node, key: &str, value: Node) -> (Key, Node) {
    (Key { name: key.to_owned(), span: at.span.clone() }, value)
}
