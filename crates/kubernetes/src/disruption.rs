//! PodDisruptionBudgets that never allow a pod to be evicted.

use document::{Node, Value};

use crate::object::Object;

/// The field that leaves no pod to evict, and the number of pods that must stay available.
#[must_use]
pub fn blocking(object: &Object, count: i64) -> Option<(&'static str, &Node, i64)> {
    let spec = object.find(&["spec"])?;
    if let Some(node) = spec.get("minAvailable") {
        let least = amount(node, count)?;
        return (least >= count).then_some(("minAvailable", node, least));
    }
    let node = spec.get("maxUnavailable")?;
    (amount(node, count)? == 0).then_some(("maxUnavailable", node, count))
}

/// A number of pods, or a percentage of all, which is rounded up.
fn amount(node: &Node, count: i64) -> Option<i64> {
    match &node.value {
        Value::Number(number) => number.parse().ok(),
        Value::String(text) => {
            let percent: i64 = text.strip_suffix('%')?.parse().ok()?;
            Some(percent.checked_mul(count)?.checked_add(99)? / 100)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_up() {
        let percent = |text: &str, count| amount(&Node::string(text), count);
        assert_eq!(percent("50%", 1), Some(1));
        assert_eq!(percent("50%", 4), Some(2));
        assert_eq!(percent("51%", 4), Some(3));
        assert_eq!(percent("0%", 4), Some(0));
        assert_eq!(percent("x%", 4), None);
        assert_eq!(percent("9223372036854775807%", 4), None);
    }
}
