//! Selectors of pods: plain labels, as in a Service, or label selectors with expressions.

use document::{Node, Value};

use super::pods::{Pods, is_given_to_each};
use crate::object::Object;

/// A selector.
#[derive(Debug, Clone)]
pub struct Selector<'a> {
    labels: Vec<(&'a str, &'a Node)>,
    expressions: Vec<&'a Node>,
}

impl<'a> Selector<'a> {
    /// The selector of a Service; `None` if it has none, or not one of its own pods.
    #[must_use]
    pub fn of_service(object: &'a Object) -> Option<Self> {
        let external = object.find(&["spec", "type"]).and_then(Node::as_str) == Some("ExternalName");
        let node = object.find(&["spec", "selector"]).filter(|node| !external && !node.entries().is_empty())?;
        Some(Self { labels: pairs(node), expressions: Vec::new() })
    }

    /// A label selector. An empty one selects everything.
    #[must_use]
    pub fn of_labels(node: &'a Node) -> Self {
        Self {
            labels: node.get("matchLabels").map(pairs).unwrap_or_default(),
            expressions: node.items_at(&["matchExpressions"]).iter().collect(),
        }
    }

    /// Its labels with their values.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.labels.iter().filter_map(|(key, node)| Some((*key, node.as_str()?)))
    }

    /// Its labels with the nodes of their values.
    #[must_use]
    pub fn nodes(&self) -> &[(&'a str, &'a Node)] {
        &self.labels
    }

    /// Whether it selects everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.expressions.is_empty()
    }

    /// Whether it selects an object by the object's own labels.
    #[must_use]
    pub fn selects(&self, object: &Object) -> bool {
        self.holds(object)
    }

    /// Whether it selects pods.
    #[must_use]
    pub fn matches(&self, pods: &Pods<'_>) -> bool {
        self.holds(pods)
    }

    fn holds(&self, labeled: &impl Labeled) -> bool {
        self.labels().all(|(key, value)| labeled.may_have_label(key, value))
            && self.expressions.iter().all(|expression| matches(expression, labeled))
    }
}

fn pairs(node: &Node) -> Vec<(&str, &Node)> {
    // Values of other types are reported by the schema.
    let text = |node: &Node| matches!(node.value, Value::String(_));
    node.entries().iter().filter(|(_, value)| text(value)).map(|(key, value)| (key.name.as_str(), value)).collect()
}

/// Something with labels, not all of which need to be known.
trait Labeled {
    /// The value of a label that is known.
    fn label(&self, key: &str) -> Option<&str>;

    /// Whether it may have a label with a value.
    fn may_have_label(&self, key: &str, value: &str) -> bool {
        self.label(key) == Some(value)
    }

    /// Whether it may have a label.
    fn may_have_key(&self, key: &str) -> bool {
        self.label(key).is_some()
    }
}

impl Labeled for Object {
    fn label(&self, key: &str) -> Option<&str> {
        self.find(&["metadata", "labels", key])?.as_str()
    }
}

impl Labeled for Pods<'_> {
    fn label(&self, key: &str) -> Option<&str> {
        Pods::label(self, key)
    }

    fn may_have_label(&self, key: &str, value: &str) -> bool {
        Pods::may_have_label(self, key, value)
    }

    fn may_have_key(&self, key: &str) -> bool {
        is_given_to_each(key) || self.label(key).is_some()
    }
}

/// Whether an expression matches labels. An invalid one, which is reported elsewhere, does.
fn matches(expression: &Node, labeled: &impl Labeled) -> bool {
    let Some(key) = expression.get("key").and_then(Node::as_str) else { return true };
    let values = expression.items_at(&["values"]);
    let listed = || values.iter().filter_map(Node::as_str).any(|value| labeled.may_have_label(key, value));
    match expression.get("operator").and_then(Node::as_str) {
        Some("In") => values.is_empty() || listed(),
        Some("NotIn") => !labeled.label(key).is_some_and(|own| values.iter().any(|value| value.as_str() == Some(own))),
        Some("Exists") => labeled.may_have_key(key),
        Some("DoesNotExist") => labeled.label(key).is_none(),
        _ => true,
    }
}
