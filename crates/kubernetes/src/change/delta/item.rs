//! The steps of a path, and the keys of list items.

use document::{Node, Value};

use crate::change::meaning::written;

/// A step of the path of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A field.
    Key(String),
    /// An item of a list with a key: the fields of the key with their values.
    Item(Vec<(&'static str, String)>),
    /// An item of a list without a key: its index after the change, or before it if the item was removed.
    Index(usize),
    /// The order of the items of a list.
    Order,
}

impl Step {
    /// The name of the field.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        if let Self::Key(name) = self { Some(name) } else { None }
    }
}

/// The fields that identify the items of a list, by the name of the list, in the order in which they are tried. The name is
/// empty for all lists.
const KEYS: &[(&str, &[&str])] = &[
    ("ports", &["containerPort", "protocol"]),
    ("ports", &["port", "protocol"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("hostAliases", &["ip"]),
    ("items", &["kind", "metadata.name", "metadata.namespace"]),
    ("subjects", &["name", "kind", "namespace"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("paths", &["path", "pathType"]),
    ("rules", &["host"]),
    ("tls", &["secretName"]),
    ("", &["name"]),
    ("", &["metadata.name"]),
    ("", &["key"]),
    ("", &["id"]),
];

/// Lists whose order has no meaning, although their items have no key.
const UNORDERED: &[&str] = &[
    "clusterRoleSelectors",
    "egress",
    "from",
    "imagePullSecrets",
    "ingress",
    "matchExpressions",
    "metrics",
    "nodeSelectorTerms",
    "ports",
    "preferredDuringSchedulingIgnoredDuringExecution",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "secrets",
    "sources",
    "subjects",
    "to",
    "tolerations",
];

/// Lists whose order has a meaning, although their items have a key.
const ORDERED: &[&str] = &["initContainers", "steps"];

/// The keys to try for a list.
pub(super) fn keys(list: &str) -> impl Iterator<Item = &'static [&'static str]> {
    KEYS.iter().filter(move |(name, _)| name.is_empty() || *name == list).map(|(_, key)| *key)
}

/// Whether the order of a list has a meaning. The rules of roles have no order; those of routes do.
pub(super) fn is_ordered(list: &str, keyed: bool, first: Option<&Node>) -> bool {
    let of_role = || list == "rules" && first.is_some_and(|rule| rule.get("verbs").is_some());
    ORDERED.contains(&list) || !keyed && !UNORDERED.contains(&list) && !of_role()
}

/// The value of a key of an item: one text for each field, empty if it is not set. `None` if the item has no such key.
pub(super) fn value(item: &Node, key: &[&str]) -> Option<Vec<String>> {
    let field = |name: &str| item.find(&name.split('.').collect::<Vec<_>>());
    let mut texts = Vec::with_capacity(key.len());
    for (index, name) in key.iter().enumerate() {
        let text = match field(name).map(|node| &node.value) {
            Some(Value::String(_) | Value::Number(_)) => field(name).map(written).unwrap_or_default(),
            None | Some(Value::Null) if index > 0 => String::new(),
            _ => return None,
        };
        let default = *name == "protocol" && text == "TCP";
        texts.push(if default { String::new() } else { text });
    }
    Some(texts)
}

/// The step to an item with a key: the fields that are set, with the last part of their name.
pub(super) fn step(key: &[&'static str], value: &[String]) -> Step {
    let fields = key.iter().zip(value).filter(|(_, text)| !text.is_empty());
    let short = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
    Step::Item(fields.map(|(name, text)| (short(name), text.clone())).collect())
}
