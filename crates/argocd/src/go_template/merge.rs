//! Merges of maps, as in the library mergo, which Argo CD and Sprig use.

use super::value::{Map, Value};

/// Merges the entries of `source` into `target`, in place.
///
/// Maps are merged at every depth. A value of `source` replaces one of `target` if `overrides`, or else if the one of
/// `target` is empty. Fails with the key of a map of strings that would get values of any type, at which the library
/// panics.
pub fn merge(target: &Map, source: &Map, overrides: bool) -> Result<(), String> {
    merge_at(target, source, overrides, 0)
}

fn merge_at(target: &Map, source: &Map, overrides: bool, depth: usize) -> Result<(), String> {
    if depth > 200 || std::rc::Rc::ptr_eq(&target.entries, &source.entries) {
        return Ok(());
    }
    for (key, value) in source.pairs() {
        let before = target.get(&key);
        if value.is_nil() {
            if overrides {
                target.set(&key, value);
            }
            continue;
        }
        match (&before, &value) {
            (Some(Value::Map(into)), Value::Map(from)) => {
                if into.strings && !from.strings && !from.is_empty() {
                    return Err(key);
                }
                merge_at(into, from, overrides, depth + 1)?;
                // An empty map is replaced by the other one, which then is shared.
                if !into.is_empty() {
                    continue;
                }
                target.set(&key, value);
            }
            (Some(before), _) if before.truth() && !overrides => {}
            _ => target.set(&key, value),
        }
    }
    Ok(())
}
