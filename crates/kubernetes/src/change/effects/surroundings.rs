//! The other objects of an Application and of its cluster, which some rules look up.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::delta;
use crate::inventory::pods::Pods;
use crate::manifest::ObjectKey;
use crate::object::Object;

/// The kinds of configuration whose digests are annotations of pods.
const CONFIGURATION: &[(&str, &str)] =
    &[("", "ConfigMap"), ("", "Secret"), ("bitnami.com", "SealedSecret"), ("external-secrets.io", "ExternalSecret")];

/// The objects of an Application before and after the change, and those around them, with what rules look up in them.
#[derive(Debug)]
pub struct Surroundings<'a> {
    before: Side<'a>,
    after: Side<'a>,
    /// The kinds, namespaces, and names of ConfigMaps, Secrets, and what Secrets are made of, with another content.
    configurations: BTreeSet<(&'a str, &'a str, &'a str)>,
}

/// The objects on one side.
#[derive(Debug)]
pub(super) struct Side<'a> {
    /// The objects by group and kind.
    kinds: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Object>>>,
    pods: Vec<Pods<'a>>,
    objects: Vec<&'a Object>,
}

impl<'a> Surroundings<'a> {
    /// The objects that an Application renders before and after the change.
    #[must_use]
    pub fn new(before: &'a [Object], after: &'a [Object]) -> Self {
        let (before, after) = (Side::new(before), Side::new(after));
        let mut configurations = BTreeSet::new();
        for (group, kind) in CONFIGURATION {
            let old: BTreeMap<&ObjectKey, &Object> =
                before.of_kind(group, kind).iter().map(|object| (&object.key, *object)).collect();
            let changed =
                after.of_kind(group, kind).iter().filter(|now| old.get(&now.key).is_none_or(|old| differ(old, now)));
            configurations
                .extend(changed.map(|object| (*kind, object.key.namespace.as_str(), object.key.name.as_str())));
        }
        Self { before, after, configurations }
    }

    /// The same with objects of other Applications of the cluster. They need not be all, only those that rules look up.
    #[must_use]
    pub fn among(mut self, before: &'a [Object], after: &'a [Object]) -> Self {
        self.before.extend(before);
        self.after.extend(after);
        self
    }

    pub(super) fn before(&self) -> &Side<'a> {
        &self.before
    }

    pub(super) fn after(&self) -> &Side<'a> {
        &self.after
    }

    /// Whether any configuration is rendered with another content.
    pub(super) fn is_configured(&self) -> bool {
        !self.configurations.is_empty()
    }

    /// Whether a `ConfigMap` or a Secret is rendered with another content.
    pub(super) fn is_changed(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.configurations.contains(&(kind, namespace, name))
    }
}

impl<'a> Side<'a> {
    fn new(objects: &'a [Object]) -> Self {
        let mut side = Self { kinds: BTreeMap::new(), pods: Vec::new(), objects: Vec::new() };
        side.extend(objects);
        side
    }

    fn extend(&mut self, objects: &'a [Object]) {
        for object in objects {
            self.kinds.entry(&object.key.group).or_default().entry(&object.key.kind).or_default().push(object);
        }
        self.pods.extend(objects.iter().filter_map(|object| Pods::of(object, 0, &object.key.namespace)));
        self.objects.extend(objects);
    }

    /// The objects of all kinds.
    pub(super) fn objects(&self) -> &[&'a Object] {
        &self.objects
    }

    /// The objects of a kind.
    pub(super) fn of_kind(&self, group: &str, kind: &str) -> &[&'a Object] {
        self.kinds.get(group).and_then(|kinds| kinds.get(kind)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The pods of the workloads.
    pub(super) fn pods(&self) -> &[Pods<'a>] {
        &self.pods
    }
}

/// Whether the contents of two ConfigMaps or Secrets differ.
fn differ(before: &Object, after: &Object) -> bool {
    let fields =
        ["data", "binaryData", "spec"].iter().any(|field| match (before.root.get(field), after.root.get(field)) {
            (Some(before), Some(after)) => !delta::deltas(before, after).is_empty(),
            (None, None) => false,
            _ => true,
        });
    fields || before.secret_digest != after.secret_digest
}
