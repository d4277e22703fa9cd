//! The `values` of a generator, which are templates themselves.

use document::{Node, Value as Yaml};

use super::failure::{Failure, Result};
use super::render::Engine;
use crate::go_template::value::{Map, Value};

/// Adds the rendered `values` of a generator to its parameters.
pub(super) fn append(generator: &Node, engine: Engine, parameters: &Map) -> Result<()> {
    let Some(values) = generator.get("values") else { return Ok(()) };
    let mut rendered = Vec::new();
    for (key, value) in values.entries() {
        let text = match &value.value {
            Yaml::String(text) => engine.text(value, text, parameters)?,
            Yaml::Null => engine.text(value, "", parameters)?,
            _ => {
                let message = format!("`values.{}` must be a string", key.name);
                let label = format!("found {}", value.describe());
                return Err(Failure::invalid(message, value.place(), label).help("quote the value"));
            }
        };
        rendered.push((key.name.clone(), text));
    }
    if rendered.is_empty() {
        return Ok(());
    }
    if engine.go {
        parameters.set("values", Value::Map(Map::of_strings(rendered)));
    } else {
        for (key, text) in rendered {
            parameters.set(&format!("values.{key}"), Value::string(&text));
        }
    }
    Ok(())
}
