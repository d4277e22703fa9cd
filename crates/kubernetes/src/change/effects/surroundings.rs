//! The other objects of an Application and of its cluster, which some rules look up.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;

use document::Node;

use super::readers::{self, Readers};
use super::routes;
use crate::change::delta;
use crate::inventory::pods::Pods;
use crate::manifest::ObjectKey;
use crate::object::Object;
use crate::references;

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
    readers: OnceLock<Readers>,
}

/// The objects on one side.
#[derive(Debug)]
pub(super) struct Side<'a> {
    /// The objects by group and kind.
    kinds: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Object>>>,
    pods: Vec<Pods<'a>>,
    objects: Vec<&'a Object>,
    /// The hosts that an object serves.
    hosts: HashSet<&'a str>,
    /// The index of the first object that refers to another one, whose group, kind, namespace, and name are the key.
    users: OnceLock<HashMap<[String; 4], usize>>,
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
        Self { before, after, configurations, readers: OnceLock::new() }
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

    /// The workloads whose pods read a `ConfigMap` or a Secret only when they start, and do not change.
    pub(super) fn readers(&self, kind: &str, namespace: &str, name: &str) -> Vec<&'a Object> {
        let readers = self.readers.get_or_init(|| readers::of(&self.before.pods, &self.after.pods));
        let indexes = readers.get(&[kind, namespace, name].map(str::to_owned)).map(Vec::as_slice).unwrap_or_default();
        indexes.iter().map(|index| self.after.pods[*index].object).collect()
    }

    /// Whether a `ConfigMap` or a Secret is rendered with another content.
    pub(super) fn is_changed(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.configurations.contains(&(kind, namespace, name))
    }
}

impl<'a> Side<'a> {
    fn new(objects: &'a [Object]) -> Self {
        let mut side = Self {
            kinds: BTreeMap::new(),
            pods: Vec::new(),
            objects: Vec::new(),
            hosts: HashSet::new(),
            users: OnceLock::new(),
        };
        side.extend(objects);
        side
    }

    fn extend(&mut self, objects: &'a [Object]) {
        for object in objects {
            self.kinds.entry(&object.key.group).or_default().entry(&object.key.kind).or_default().push(object);
        }
        self.hosts.extend(objects.iter().filter(|object| routes::is_route(object)).flat_map(routes::hosts));
        self.users = OnceLock::new();
        self.pods.extend(objects.iter().filter_map(|object| Pods::of(object, 0, &object.key.namespace)));
        self.objects.extend(objects);
    }

    /// Whether an object serves a host.
    pub(super) fn serves(&self, host: &str) -> bool {
        self.hosts.contains(host)
    }

    /// An object that needs another one in its namespace, or an Application that needs its project.
    pub(super) fn user(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<&'a Object> {
        let users = self.users.get_or_init(|| self.read_users());
        users.get(&[group, kind, namespace, name].map(str::to_owned)).map(|index| self.objects[*index])
    }

    fn read_users(&self) -> HashMap<[String; 4], usize> {
        let mut users = HashMap::new();
        for (index, object) in self.objects.iter().enumerate() {
            let own = object.key.namespace.as_str();
            let pods = Pods::of(object, 0, own);
            let needed = references::of(object, pods.as_ref());
            for reference in needed.iter().filter(|reference| !reference.optional && !reference.cluster_scoped) {
                let Some(name) = reference.name.as_str() else { continue };
                let namespace = reference.namespace.unwrap_or(own);
                users.entry([reference.group, reference.kind, namespace, name].map(str::to_owned)).or_insert(index);
            }
            let path: &[&str] = match (object.key.group.as_str(), object.key.kind.as_str()) {
                ("argoproj.io", "Application") => &["spec", "project"],
                ("argoproj.io", "ApplicationSet") => &["spec", "template", "spec", "project"],
                _ => continue,
            };
            if let Some(project) = object.find(path).and_then(Node::as_str) {
                users.entry(["argoproj.io", "AppProject", own, project].map(str::to_owned)).or_insert(index);
            }
        }
        users
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
