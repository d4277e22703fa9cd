//! The keys of ConfigMaps and Secrets.

use std::collections::BTreeSet;

use document::Node;

use crate::object::Object;

/// The keys of a `ConfigMap` or a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// Exactly these.
    Known(BTreeSet<String>),
    /// Nobody knows: they are written by a controller.
    Unknown,
}

/// Annotations (parts of their keys) and labels of objects whose keys a controller adds.
const FILLED_BY_CONTROLLERS: &[&str] = &[
    "secret-generator.",
    "avp.kubernetes.io/path",
    "vals-operator",
    "replicator.v1.mittwald.de/replicate-from",
    "reflects",
];

impl Keys {
    /// These keys.
    #[must_use]
    pub fn known<'k>(keys: impl IntoIterator<Item = &'k str>) -> Self {
        Self::Known(keys.into_iter().map(str::to_owned).collect())
    }

    /// The keys of a rendered `ConfigMap` or Secret. An empty one, or one for a token, is filled by a controller.
    #[must_use]
    pub fn of(object: &Object) -> Self {
        let annotations = object.find(&["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
        let filled =
            annotations.iter().any(|(key, _)| FILLED_BY_CONTROLLERS.iter().any(|part| key.name.contains(part)));
        let token = object.find(&["type"]).and_then(Node::as_str) == Some("kubernetes.io/service-account-token");
        let sections = ["data", "binaryData", "stringData"].iter().filter_map(|key| object.find(&[key]));
        let keys: BTreeSet<String> = sections.flat_map(Node::entries).map(|(key, _)| key.name.clone()).collect();
        if filled || token || keys.is_empty() { Self::Unknown } else { Self::Known(keys) }
    }

    /// Whether a key may be among them.
    #[must_use]
    pub fn may_have(&self, key: &str) -> bool {
        match self {
            Self::Known(keys) => keys.contains(key),
            Self::Unknown => true,
        }
    }
}
