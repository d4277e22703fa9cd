//! The parameters of `matrix` and `merge` generators.

use std::collections::{HashMap, HashSet};

use document::Node;

use super::failure::{Failure, Result};
use super::parameters::Parameters;
use super::render::Engine;
use crate::go_template::merge::merge as merge_maps;
use crate::go_template::value::{Map, Value};

/// The parameters of one pair in a `matrix`.
pub(super) fn pair(matrix: &Node, engine: Engine, first: &Parameters, second: &Parameters) -> Result<Parameters> {
    let values = Map::default();
    if engine.go {
        let both =
            [&second.values, &first.values].into_iter().try_for_each(|from| merge_maps(&values, &copy(from), true));
        both.map_err(|key| clash(matrix, &key))?;
    } else {
        for (key, value) in first.values.pairs() {
            values.set(&key, Value::string(&value.text()));
        }
        for (key, value) in second.values.pairs() {
            let text = value.text();
            if let Some(Value::String(before)) = values.get(&key)
                && *before != *text
            {
                let message = format!("both generators of a `matrix` set `{key}`");
                let label = format!("to {:?} and to {text:?}", &*before);
                return Err(Failure::invalid(message, matrix.place(), label).help(
                    "rename one of them, set `pathParamPrefix` on a `git` generator, or set `goTemplate: true`",
                ));
            }
            values.set(&key, Value::string(&text));
        }
    }
    let origins = first.origins.iter().chain(&second.origins).cloned().collect();
    Ok(Parameters { values, origins })
}

/// Argo CD fails to merge a map of any values into the `values` of a `git` or `clusters` generator.
fn clash(generator: &Node, key: &str) -> Failure {
    let message = format!("Argo CD cannot merge `{key}` of the two generators");
    let label = "one of them is a map of strings, such as the `values` of a `git` or `clusters` generator";
    Failure::invalid(message, generator.place(), label).help(format!("rename `{key}` in the other generator"))
}

/// Argo CD shares maps between parameters, but only `set` in a template would show it.
fn copy(map: &Map) -> Map {
    if let Value::Map(map) = Value::Map(map.clone()).deep_copy() { map } else { Map::default() }
}

/// Merges the parameters of each generator of a `merge` into those of the first with the same keys.
pub(super) fn merge(generator: &Node, engine: Engine, sets: Vec<Vec<Parameters>>) -> Result<Vec<Parameters>> {
    let keys: Vec<&str> = generator.items_at(&["mergeKeys"]).iter().filter_map(Node::as_str).collect();
    if keys.is_empty() {
        let message = "a `merge` generator requires `mergeKeys`";
        return Err(Failure::invalid(message, generator.key_place("mergeKeys"), ""));
    }
    let mut sets = sets.into_iter();
    let mut base: Vec<(String, Parameters)> = Vec::new();
    for (index, set) in sets.by_ref().enumerate() {
        let keyed = by_key(generator, &keys, set)?;
        if index == 0 {
            base = keyed;
            continue;
        }
        let index_of: HashMap<&str, usize> =
            keyed.iter().enumerate().map(|(index, (key, _))| (key.as_str(), index)).collect();
        for (key, parameters) in &base {
            let Some(other) = index_of.get(key.as_str()).map(|at| &keyed[*at].1) else { continue };
            if engine.go {
                merge_maps(&parameters.values, &copy(&other.values), true).map_err(|key| clash(generator, &key))?;
            } else {
                for (name, value) in other.values.pairs() {
                    parameters.values.set(&name, value);
                }
            }
        }
    }
    Ok(base.into_iter().map(|(_, parameters)| parameters).collect())
}

/// The parameters with the JSON of their keys, which must be unique.
fn by_key(generator: &Node, keys: &[&str], set: Vec<Parameters>) -> Result<Vec<(String, Parameters)>> {
    let mut keyed: Vec<(String, Parameters)> = Vec::with_capacity(set.len());
    let mut known: HashSet<String> = HashSet::new();
    for parameters in set {
        let mut values: Vec<(&str, Value)> =
            keys.iter().map(|key| (*key, parameters.values.get(key).unwrap_or(Value::Nil))).collect();
        values.sort_by_key(|(key, _)| *key);
        values.dedup_by_key(|(key, _)| *key);
        let missing = values.iter().find(|(_, value)| value.is_nil()).map(|(key, _)| *key);
        let key = Value::Map(Map::new(values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()));
        let key = key.to_json().to_string();
        if !known.insert(key.clone()) {
            let message = "two sets of parameters of a generator have the same `mergeKeys`";
            let failure = Failure::invalid(message, generator.key_place("mergeKeys"), format!("both have {key}"));
            return Err(match missing {
                Some(name) => failure
                    .help(format!("the parameter `{name}` is not defined; merge keys are names on the first level")),
                None => failure.help("add a merge key that distinguishes them"),
            });
        }
        keyed.push((key, parameters));
    }
    Ok(keyed)
}
