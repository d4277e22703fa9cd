//! A reference by name.

use document::{Node, Value};

/// A reference from an object to another one.
#[derive(Debug)]
pub struct Reference<'a> {
    /// The API group of the other object.
    pub group: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// Whether it is cluster-scoped. Otherwise, it is in `namespace`.
    pub cluster_scoped: bool,
    /// Its namespace; by default that of the referring object.
    pub namespace: Option<&'a str>,
    /// The node with its name.
    pub name: &'a Node,
    /// The keys that it must have.
    pub keys: Vec<&'a Node>,
    /// Whether it may be missing.
    pub optional: bool,
    /// What refers to it, such as `volume`.
    pub role: &'static str,
}

impl<'a> Reference<'a> {
    /// A reference to a namespaced object of the core group by the name in a field; `None` without a name.
    #[must_use]
    pub fn core(kind: &'static str, owner: &'a Node, key: &str, role: &'static str) -> Option<Self> {
        let name = owner.get(key).filter(|name| name.as_str().is_some_and(|text| !text.is_empty()))?;
        let optional = owner.get("optional").is_some_and(|node| matches!(node.value, Value::Bool(true)));
        Some(Self { group: "", kind, cluster_scoped: false, namespace: None, name, keys: Vec::new(), optional, role })
    }

    /// A reference to a cluster-scoped object by the name in a field; `None` without a name.
    #[must_use]
    pub fn cluster(
        (group, kind): (&'static str, &'static str),
        owner: &'a Node,
        key: &str,
        role: &'static str,
    ) -> Option<Self> {
        Some(Self { group, cluster_scoped: true, ..Self::core(kind, owner, key, role)? })
    }

    /// The same with keys that the object must have.
    #[must_use]
    pub(crate) fn with_keys(mut self, keys: impl IntoIterator<Item = &'a Node>) -> Self {
        self.keys.extend(keys.into_iter().filter(|key| key.as_str().is_some_and(|text| !text.is_empty())));
        self
    }
}
