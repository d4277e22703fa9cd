//! Nodes.

use serde::Deserialize;

use super::metadata::{Condition, Conditions, Metadata, condition, nullable};

/// A node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its spec.
    pub spec: NodeSpec,
    /// Its status.
    pub status: Conditions,
}

impl Node {
    /// The taint of a node that is not ready.
    const NOT_READY: &str = "node.kubernetes.io/not-ready";

    /// Whether it accepts pods, as far as its health is concerned.
    #[must_use]
    pub(crate) fn is_ready(&self) -> bool {
        condition(&self.status.conditions, "Ready").is_some_and(Condition::is_true)
            && !self.spec.taints.iter().any(|taint| taint.key == Self::NOT_READY)
    }
}

/// The spec of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    /// Its taints.
    #[serde(deserialize_with = "nullable")]
    pub taints: Vec<Taint>,
}

/// A taint of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Taint {
    /// Its key.
    pub key: String,
}
