//! Decides whether a live object contains everything in a manifest. The API server adds defaults, writes quantities in
//! its own form, and drops fields that are `null`.
//!
//! Pure.

use diagnostics::excerpt::excerpt;
use kubernetes::amount;
use serde_json::Value;

/// The first difference, as a predicate of a path; `None` if the live value contains the wanted one.
pub(super) fn contained(wanted: &Value, live: &Value, path: &str) -> Option<String> {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => wanted.iter().find_map(|(key, value)| match live.get(key) {
            Some(found) => contained(value, found, &below(key)),
            None if is_empty(value) => None,
            None => Some(format!("`{}` is not set, expected `{}`", below(key), excerpt(&value.to_string()))),
        }),
        (Value::Array(wanted), Value::Array(live)) => {
            if wanted.len() != live.len() {
                return Some(format!("`{path}` has {} entries, expected {}", live.len(), wanted.len()));
            }
            let mut pairs = wanted.iter().zip(live).enumerate();
            pairs.find_map(|(index, (wanted, live))| contained(wanted, live, &below(&index.to_string())))
        }
        (Value::Null, _) => None,
        _ if wanted == live || same_quantity(wanted, live) => None,
        _ => {
            let (found, expected) = (excerpt(&live.to_string()), excerpt(&wanted.to_string()));
            Some(format!("`{path}` is `{found}`, expected `{expected}`"))
        }
    }
}

/// Whether the API server may drop a value.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.values().all(is_empty),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(true) => false,
    }
}

fn same_quantity(left: &Value, right: &Value) -> bool {
    let quantity = |value: &Value| match value {
        Value::String(text) => amount::parse(text),
        Value::Number(number) => number.as_f64(),
        _ => None,
    };
    match (quantity(left), quantity(right)) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * left.abs().max(right.abs()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_and_the_form_of_quantities_are_no_difference() {
        let wanted = json!({ "limits": { "cpu": "1000m", "memory": "1024Mi" }, "empty": {}, "none": null, "ports": [{ "port": 25 }] });
        let live = json!({ "limits": { "cpu": "1", "memory": "1Gi" }, "ports": [{ "port": 25, "protocol": "TCP" }], "type": "ClusterIP" });
        assert_eq!(contained(&wanted, &live, ""), None);
    }

    #[test]
    fn a_difference_is_named_by_its_path() {
        let found = |wanted, live| contained(&wanted, &live, "spec");
        assert_eq!(found(json!({ "a": 1 }), json!({ "a": 2 })).as_deref(), Some("`spec.a` is `2`, expected `1`"));
        assert_eq!(found(json!({ "a": 1 }), json!({})).as_deref(), Some("`spec.a` is not set, expected `1`"));
        assert_eq!(
            found(json!({ "a": [1] }), json!({ "a": [1, 2] })).as_deref(),
            Some("`spec.a` has 2 entries, expected 1")
        );
        assert_eq!(found(json!("1Gi"), json!("1G")).as_deref(), Some("`spec` is `\"1G\"`, expected `\"1Gi\"`"));
    }
}
