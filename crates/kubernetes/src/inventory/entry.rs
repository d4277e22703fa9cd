//! The objects of an inventory, and the targets that render them.

use std::sync::OnceLock;

use super::keys::Keys;
use crate::object::Object;

/// A target and its objects.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// The name of the target.
    pub target: &'a str,
    /// Its Application.
    pub app: &'a str,
    /// Whether this is what is deployed, and not a case for a test.
    pub deployed: bool,
    /// The namespace of objects that do not name one.
    pub namespace: &'a str,
    /// The objects that are applied to the cluster.
    pub objects: Vec<&'a Object>,
}

/// The identity of an object in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id<'a> {
    /// The API group; empty for the core group.
    pub group: &'a str,
    /// The kind.
    pub kind: &'a str,
    /// The namespace; empty for cluster-scoped kinds.
    pub namespace: &'a str,
    /// The name.
    pub name: &'a str,
}

/// An object that a target renders.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The object.
    pub object: &'a Object,
    /// The index of its target.
    pub(super) member: usize,
    /// The namespace that it is created in; empty if it is cluster-scoped.
    pub namespace: &'a str,
    /// The index of the pods that it makes, if it makes any.
    pub(super) pods: Option<usize>,
    /// Its keys, if something asked for them.
    pub(super) keys: OnceLock<Keys>,
}

impl<'a> Entry<'a> {
    /// The keys of a `ConfigMap` or a Secret.
    pub fn keys(&self) -> &Keys {
        self.keys.get_or_init(|| Keys::of(self.object))
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self) -> Id<'a> {
        let key = &self.object.key;
        Id { group: &key.group, kind: &key.kind, namespace: self.namespace, name: &key.name }
    }
}
