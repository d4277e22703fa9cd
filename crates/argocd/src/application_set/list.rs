//! The `list` generator: parameters that are written in the ApplicationSet.

use document::{Node, Value as Yaml};

use super::failure::{Failure, Result};
use super::parameters::{Origin, Parameters};
use super::render::Engine;
use crate::go_template::value::{Map, Value};

/// The parameters of a `list` generator.
pub(super) fn parameters(list: &Node, engine: Engine) -> Result<Vec<Parameters>> {
    let mut all = Vec::new();
    for (index, element) in list.items_at(&["elements"]).iter().enumerate() {
        let values = if engine.go { nested(element)? } else { flat(element)? };
        let origin = Origin { text: format!("element {}", index + 1), place: element.place() };
        all.push(Parameters { values, origins: vec![origin] });
    }
    let Some(node) = list.get("elementsYaml") else { return Ok(all) };
    let Yaml::String(text) = &node.value else { return Ok(all) };
    let invalid = |label: &str| Failure::invalid("`elementsYaml` must be a list of mappings", node.place(), label);
    let source = diagnostics::Source::new(node.source.name.clone(), text.as_str());
    let documents = document::yaml::parse(&source)
        .map_err(|errors| invalid(&errors.0.first().map(|error| error.message.clone()).unwrap_or_default()))?;
    let Some(document) = documents.first() else { return Ok(all) };
    let items = match &document.root.value {
        Yaml::Null => return Ok(all),
        Yaml::Sequence(items) => items,
        _ => return Err(invalid(&format!("found {}", document.root.describe()))),
    };
    for (index, item) in items.iter().enumerate() {
        let values = match Value::of_node(item) {
            Value::Map(map) => map,
            Value::Nil => Map::default(),
            _ => return Err(invalid(&format!("element {} is {}", index + 1, item.describe()))),
        };
        let origin = Origin { text: format!("element {} of `elementsYaml`", index + 1), place: node.place() };
        all.push(Parameters { values, origins: vec![origin] });
    }
    Ok(all)
}

/// An element for Go templates.
fn nested(element: &Node) -> Result<Map> {
    match Value::of_node(element) {
        Value::Map(map) => Ok(map),
        Value::Nil => Ok(Map::default()),
        _ => Err(mapping(element)),
    }
}

fn mapping(element: &Node) -> Failure {
    let label = format!("found {}", element.describe());
    Failure::invalid("an element of `list.elements` must be a mapping", element.place(), label)
}

/// An element for simple templates: strings, and strings in `values`.
fn flat(element: &Node) -> Result<Map> {
    let values = Map::default();
    if !matches!(element.value, Yaml::Mapping(_) | Yaml::Null) {
        return Err(mapping(element));
    }
    let text = |node: &Node, path: &str| match &node.value {
        Yaml::String(text) => Ok(Value::string(text)),
        other => {
            let help = match other {
                Yaml::Bool(_) | Yaml::Number(_) | Yaml::Null => "quote the value, or set `goTemplate: true`",
                _ => "set `goTemplate: true`, or write the values on one level",
            };
            let message = format!("`{path}` must be a string without `goTemplate`");
            Err(Failure::invalid(message, node.place(), format!("found {}", node.describe())).help(help))
        }
    };
    for (key, node) in element.entries() {
        if key.name != "values" {
            values.set(&key.name, text(node, &key.name)?);
            continue;
        }
        if !matches!(node.value, Yaml::Mapping(_)) {
            let label = format!("found {}", node.describe());
            return Err(Failure::invalid("`values` must be a mapping", node.place(), label));
        }
        for (name, node) in node.entries() {
            values.set(&format!("values.{}", name.name), text(node, &format!("values.{}", name.name))?);
        }
    }
    Ok(values)
}
