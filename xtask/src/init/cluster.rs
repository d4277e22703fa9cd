//! A cluster, as `init` proposes it.

use std::collections::BTreeMap;

/// A cluster that Argo CD seems to manage.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// The URL of its API server; empty if nothing says it.
    pub server: String,
    /// The labels of its Secret.
    pub labels: BTreeMap<String, String>,
    /// The annotations of its Secret.
    pub annotations: BTreeMap<String, String>,
}
