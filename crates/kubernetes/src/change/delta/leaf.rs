//! Values that mean the same.

use document::{Node, Value};

use crate::change::meaning::{default, is_quantity, is_set, same_quantity, written};

/// API groups whose kinds have the defaults of Kubernetes.
const BUILTIN: &[&str] = &["", "apps", "autoscaling", "batch", "policy"];

/// API groups below `k8s.io` that are custom resources.
const CUSTOM: &[&str] = &["gateway.networking.k8s.io", "metrics.k8s.io", "snapshot.storage.k8s.io"];

/// Booleans for which `false` is not the default.
const NOT_FALSE: &[&str] = &[
    "allocateLoadBalancerNodePorts",
    "allowPrivilegeEscalation",
    "attachRequired",
    "automountServiceAccountToken",
    "enableServiceLinks",
    "hostProcess",
    "hostUsers",
    "runAsNonRoot",
];

/// Numbers whose default is 0.
const ZERO: &[&str] = &["initialDelaySeconds", "minReadySeconds"];

/// Mappings that mean nothing if they are empty.
const EMPTY: &[&str] = &[
    "affinity",
    "annotations",
    "binaryData",
    "data",
    "labels",
    "limits",
    "nodeSelector",
    "requests",
    "resources",
    "securityContext",
    "strategy",
    "stringData",
    "updateStrategy",
];

/// Lists of scalars whose order has no meaning.
const SETS: &[&str] = &[
    "accessModes",
    "add",
    "apiGroups",
    "categories",
    "drop",
    "except",
    "externalIPs",
    "finalizers",
    "hosts",
    "loadBalancerSourceRanges",
    "mountOptions",
    "namespaces",
    "nonResourceURLs",
    "policyTypes",
    "resourceNames",
    "resources",
    "scopes",
    "shortNames",
    "values",
    "verbs",
];

/// Whether an object is of a kind of Kubernetes itself.
pub(super) fn is_builtin(root: &Node) -> bool {
    let Some(version) = root.get("apiVersion").and_then(Node::as_str) else { return false };
    let group = version.split_once('/').map_or("", |(group, _)| group);
    BUILTIN.contains(&group) || group.ends_with(".k8s.io") && !CUSTOM.contains(&group) && !group.contains("x-k8s.io")
}

/// A field with a scalar.
pub(super) struct Leaf<'a> {
    /// The names of the fields on its path.
    pub(super) names: &'a [String],
    /// Whether the defaults of Kubernetes apply.
    pub(super) builtin: bool,
    /// The mapping around it, before and after.
    pub(super) owners: (Option<&'a Node>, Option<&'a Node>),
}

impl Leaf<'_> {
    /// Whether two values mean the same.
    pub(super) fn same(&self, before: Option<&Node>, after: Option<&Node>) -> bool {
        let (before, after) = (before.filter(|node| is_set(node)), after.filter(|node| is_set(node)));
        match (before, after) {
            (None, None) => true,
            (Some(old), Some(new)) => {
                written(old) == written(new)
                    || same_number(old, new)
                    || self.builtin && is_quantity(self.names) && same_quantity(before, after)
            }
            (Some(only), None) => self.is_default(only, self.owners.1),
            (None, Some(only)) => self.is_default(only, self.owners.0),
        }
    }

    /// Whether a value is what an unset field means.
    fn is_default(&self, node: &Node, owner: Option<&Node>) -> bool {
        if !self.builtin || self.is_free() {
            return false;
        }
        let name = self.names.last().map(String::as_str).unwrap_or_default();
        match &node.value {
            Value::Bool(false) => !NOT_FALSE.contains(&name),
            Value::Number(number) if number == "0" && ZERO.contains(&name) => true,
            _ => default(self.names, owner).is_some_and(|default| default == written(node)),
        }
    }

    /// Whether the field is an entry of a mapping with free keys, whose names mean nothing.
    fn is_free(&self) -> bool {
        let owner = self.names.iter().rev().nth(1).map(String::as_str).unwrap_or_default();
        matches!(
            owner,
            "annotations" | "binaryData" | "data" | "labels" | "matchLabels" | "nodeSelector" | "stringData"
        )
    }
}

/// Whether two numbers are equal, such as `1` and `1.0`.
fn same_number(before: &Node, after: &Node) -> bool {
    match (&before.value, &after.value) {
        (Value::Number(before), Value::Number(after)) => {
            let float = |text: &str| text.contains(['.', 'e', 'E']);
            // Integers that differ as text differ, even if they are too large for a floating-point number.
            (float(before) || float(after))
                && matches!((before.parse::<f64>(), after.parse::<f64>()), (Ok(before), Ok(after)) if before.total_cmp(&after).is_eq())
        }
        _ => false,
    }
}

/// Whether a mapping or a list means the same as if it were not set.
pub(super) fn is_neutral(node: &Node, names: &mut Vec<String>, builtin: bool) -> bool {
    match &node.value {
        Value::Mapping(entries) if entries.is_empty() => names.last().is_none_or(|name| EMPTY.contains(&name.as_str())),
        Value::Mapping(entries) => entries.iter().all(|(key, value)| {
            names.push(key.name.clone());
            let neutral = is_neutral(value, names, builtin);
            names.pop();
            neutral
        }),
        Value::Sequence(items) => items.is_empty(),
        _ => Leaf { names, builtin, owners: (None, None) }.same(Some(node), None),
    }
}

/// Whether two lists that do not only contain mappings mean the same.
pub(super) fn same_list(names: &[String], before: &[Node], after: &[Node]) -> bool {
    if before.len() != after.len() {
        return false;
    }
    let text = |node: &Node| match &node.value {
        Value::Mapping(_) | Value::Sequence(_) | Value::Null => node.to_json(),
        _ => written(node),
    };
    let texts = |items: &[Node]| items.iter().map(text).collect::<Vec<_>>();
    let (mut before, mut after) = (texts(before), texts(after));
    if is_set_of_scalars(names) {
        before.sort();
        after.sort();
    }
    before == after
}

/// Whether the order of a list of scalars has no meaning.
pub(super) fn is_set_of_scalars(names: &[String]) -> bool {
    names.last().is_some_and(|name| SETS.contains(&name.as_str()))
}
