//! Functions for dictionaries.

use std::collections::BTreeMap;

use super::convert::{strval, text};
use crate::go_template::merge::merge;
use crate::go_template::signature::Type::{Any, Dictionary, Text};
use crate::go_template::signature::{Function, Outcome};
use crate::go_template::value::{Map, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("dict", &[], Any, |values| {
        let mut entries = BTreeMap::new();
        for pair in values.chunks(2) {
            entries.insert(strval(&pair[0]), pair.get(1).cloned().unwrap_or_else(|| Value::string("")));
        }
        Ok(Value::Map(Map::new(entries)))
    }),
    Function::new("get", &[Dictionary, Text], |values| {
        Ok(map(&values[0]).get(text(values, 1)).unwrap_or_else(|| Value::string("")))
    }),
    Function::new("set", &[Dictionary, Text, Any], |values| {
        if values[0].is_nil() {
            return Err("assignment to entry in nil map".to_owned());
        }
        map(&values[0]).set(text(values, 1), values[2].clone());
        Ok(values[0].clone())
    }),
    Function::new("unset", &[Dictionary, Text], |values| {
        map(&values[0]).entries.borrow_mut().remove(text(values, 1));
        Ok(values[0].clone())
    }),
    Function::new("hasKey", &[Dictionary, Text], |values| {
        Ok(Value::Bool(map(&values[0]).get(text(values, 1)).is_some()))
    }),
    Function::variadic("pluck", &[Text], Dictionary, |values| {
        Ok(Value::list(values[1..].iter().filter_map(|value| map(value).get(text(values, 0))).collect()))
    }),
    Function::variadic("keys", &[], Dictionary, |values| {
        let keys = values.iter().flat_map(|value| map(value).pairs());
        Ok(Value::list(keys.map(|(key, _)| Value::string(&key)).collect()))
    }),
    Function::new("values", &[Dictionary], |values| {
        Ok(Value::list(map(&values[0]).pairs().into_iter().map(|(_, value)| value).collect()))
    }),
    Function::variadic("pick", &[Dictionary], Text, |values| Ok(select(values, true))),
    Function::variadic("omit", &[Dictionary], Text, |values| Ok(select(values, false))),
    Function::variadic("merge", &[Dictionary], Dictionary, |values| merge_all(values, false)),
    Function::variadic("mustMerge", &[Dictionary], Dictionary, |values| merge_all(values, false)),
    Function::variadic("mergeOverwrite", &[Dictionary], Dictionary, |values| merge_all(values, true)),
    Function::variadic("mustMergeOverwrite", &[Dictionary], Dictionary, |values| merge_all(values, true)),
    Function::new("deepCopy", &[Any], |values| Ok(values[0].deep_copy())),
    Function::new("mustDeepCopy", &[Any], |values| Ok(values[0].deep_copy())),
    Function::variadic("dig", &[], Any, dig),
];

/// A map of an argument that is declared as one.
fn map(value: &Value) -> Map {
    if let Value::Map(map) = value { map.clone() } else { Map::default() }
}

fn select(values: &[Value], wanted: bool) -> Value {
    let entries = map(&values[0]).pairs().into_iter();
    let named = |key: &str| (1..values.len()).any(|index| text(values, index) == key);
    Value::Map(Map::new(entries.filter(|(key, _)| named(key) == wanted).collect()))
}

fn merge_all(values: &[Value], overrides: bool) -> Outcome {
    let target = map(&values[0]);
    for source in &values[1..] {
        merge(&target, &map(source), overrides).map_err(|key| format!("`{key}` is a map of strings"))?;
    }
    Ok(Value::Map(target))
}

fn dig(values: &[Value]) -> Outcome {
    let [keys @ .., default, dictionary] = values else {
        return Err("dig needs at least three arguments".to_owned());
    };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".to_owned());
    }
    let mut value = dictionary.clone();
    for key in keys {
        let Value::Map(Map { strings: false, .. }) = &value else {
            let name = value.type_name();
            return Err(format!("interface conversion: interface {{}} is {name}, not map[string]interface {{}}"));
        };
        let Value::String(key) = key else {
            return Err(format!("interface conversion: interface {{}} is {}, not string", key.type_name()));
        };
        match map(&value).get(key) {
            Some(found) => value = found,
            None => return Ok(default.clone()),
        }
    }
    Ok(value)
}
