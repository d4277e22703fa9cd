//! A snapshot of the watched objects.
//!
//! Pure. Does not decide whether an object is healthy: see verdict.rs.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::api::{Application, Claim, Custom, Event, List, Metadata, Node, Pod, Service, WatchEvent, Workload};

/// The watched kinds, each with the API path of its objects in all namespaces.
pub(crate) const WATCHED: &[(&str, &str)] = &[
    ("Pod", "/api/v1/pods"),
    ("Event", "/api/v1/events"),
    ("Node", "/api/v1/nodes"),
    ("PersistentVolumeClaim", "/api/v1/persistentvolumeclaims"),
    ("Deployment", "/apis/apps/v1/deployments"),
    ("ReplicaSet", "/apis/apps/v1/replicasets"),
    ("StatefulSet", "/apis/apps/v1/statefulsets"),
    ("DaemonSet", "/apis/apps/v1/daemonsets"),
    ("Job", "/apis/batch/v1/jobs"),
    ("Service", "/api/v1/services"),
];

/// A watched object.
#[derive(Debug, Clone)]
pub enum Object {
    /// A pod.
    Pod(Box<Pod>),
    /// An event.
    Event(Box<Event>),
    /// A node.
    Node(Node),
    /// A `PersistentVolumeClaim`.
    Claim(Claim),
    /// A Deployment, `ReplicaSet`, `StatefulSet`, `DaemonSet`, or Job.
    Workload(Box<Workload>),
    /// A Service.
    Service(Service),
    /// An Application of Argo CD.
    Application(Box<Application>),
    /// An object of any other kind.
    Custom(Custom),
}

impl Object {
    fn read(kind: &str, object: &Value) -> serde_json::Result<Self> {
        Ok(match kind {
            "Pod" => Self::Pod(Deserialize::deserialize(object)?),
            "Event" => Self::Event(Deserialize::deserialize(object)?),
            "Node" => Self::Node(Deserialize::deserialize(object)?),
            "PersistentVolumeClaim" => Self::Claim(Deserialize::deserialize(object)?),
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" => {
                Self::Workload(Deserialize::deserialize(object)?)
            }
            "Service" => Self::Service(Deserialize::deserialize(object)?),
            "Application" => Self::Application(Deserialize::deserialize(object)?),
            _ => Self::Custom(Deserialize::deserialize(object)?),
        })
    }

    /// Its metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        match self {
            Self::Pod(pod) => &pod.metadata,
            Self::Event(event) => &event.metadata,
            Self::Node(node) => &node.metadata,
            Self::Claim(claim) => &claim.metadata,
            Self::Workload(workload) => &workload.metadata,
            Self::Service(service) => &service.metadata,
            Self::Application(application) => &application.metadata,
            Self::Custom(custom) => &custom.metadata,
        }
    }
}

/// Namespace and name.
type Name = (String, String);

/// The watched objects by kind, namespace, and name.
#[derive(Debug, Default, Clone)]
pub struct Snapshot {
    objects: BTreeMap<String, BTreeMap<Name, Object>>,
    /// The resource versions of the events that existed when the watch began.
    old_events: Option<BTreeMap<Name, String>>,
}

impl Snapshot {
    /// Applies one event of a watch. The error says what cannot be read.
    pub fn apply(&mut self, kind: &str, event: &WatchEvent) -> serde_json::Result<()> {
        if !matches!(event.kind.as_str(), "ADDED" | "MODIFIED" | "DELETED") {
            return Ok(());
        }
        let object = Object::read(kind, &event.object)?;
        let name = name_of(object.metadata());
        let objects = self.objects.entry(kind.to_owned()).or_default();
        if event.kind == "DELETED" {
            objects.remove(&name);
        } else {
            objects.insert(name, object);
        }
        Ok(())
    }

    /// Replaces all objects of a kind. The error says what cannot be read.
    pub fn replace(&mut self, kind: &str, list: &List<Value>) -> serde_json::Result<()> {
        let objects = list.items.iter().map(|item| Object::read(kind, item)).collect::<Result<Vec<_>, _>>()?;
        let objects = objects.into_iter().map(|object| (name_of(object.metadata()), object)).collect();
        self.objects.insert(kind.to_owned(), objects);
        if kind == "Event" && self.old_events.is_none() {
            let events = self.objects.get(kind).into_iter().flatten();
            let versions = events.map(|(name, event)| (name.clone(), event.metadata().resource_version.clone()));
            self.old_events = Some(versions.collect());
        }
        Ok(())
    }

    /// Whether an event is from before the watch began and has not happened again since.
    #[must_use]
    pub(crate) fn is_old(&self, event: &Event) -> bool {
        let version = self.old_events.as_ref().and_then(|old| old.get(&name_of(&event.metadata)));
        version.is_some_and(|version| *version == event.metadata.resource_version)
    }

    /// Whether the objects of a kind have been listed.
    #[must_use]
    pub fn knows(&self, kind: &str) -> bool {
        self.objects.contains_key(kind)
    }

    /// An object by kind, namespace, and name.
    #[must_use]
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        self.objects.get(kind)?.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// A claim.
    #[must_use]
    pub fn claim(&self, namespace: &str, name: &str) -> Option<&Claim> {
        match self.get("PersistentVolumeClaim", namespace, name)? {
            Object::Claim(claim) => Some(claim),
            _ => None,
        }
    }

    /// A Service.
    #[must_use]
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        match self.get("Service", namespace, name)? {
            Object::Service(service) => Some(service),
            _ => None,
        }
    }

    fn all<'a>(&'a self, kind: &str, namespace: &'a str) -> impl Iterator<Item = &'a Object> {
        let objects = self.objects.get(kind).into_iter().flatten();
        objects.filter(move |((own, _), _)| own == namespace).map(|(_, object)| object)
    }

    /// The pods of a namespace, by name.
    pub fn pods<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Pod> {
        self.all("Pod", namespace).filter_map(|object| if let Object::Pod(pod) = object { Some(&**pod) } else { None })
    }

    /// The Services of a namespace, by name.
    pub fn services<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Service> {
        let all = self.all("Service", namespace);
        all.filter_map(|object| if let Object::Service(service) = object { Some(service) } else { None })
    }

    /// The workloads of a kind in a namespace, by name.
    pub fn workloads<'a>(&'a self, kind: &str, namespace: &'a str) -> impl Iterator<Item = &'a Workload> {
        let all = self.all(kind, namespace);
        all.filter_map(|object| if let Object::Workload(workload) = object { Some(&**workload) } else { None })
    }

    /// The events of a namespace, by name.
    pub fn events<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Event> {
        let all = self.all("Event", namespace);
        all.filter_map(|object| if let Object::Event(event) = object { Some(&**event) } else { None })
    }

    /// The nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.all("Node", "").filter_map(|object| if let Object::Node(node) = object { Some(node) } else { None })
    }

    /// The events about an object, the latest last.
    #[must_use]
    pub(crate) fn events_of<'a>(&'a self, object: &'a Metadata) -> Vec<&'a Event> {
        let events = self.events(&object.namespace);
        let mut events: Vec<&Event> = events.filter(|event| event.involved_object.uid == object.uid).collect();
        events.sort_by_key(|event| event.time());
        events
    }

    /// The pods that an object owns.
    pub fn pods_of<'a>(&'a self, owner: &'a Metadata) -> impl Iterator<Item = &'a Pod> {
        self.pods(&owner.namespace).filter(|pod| is_owned(&pod.metadata, owner))
    }

    /// The `ReplicaSets` that a Deployment owns.
    pub fn replica_sets_of<'a>(&'a self, owner: &'a Metadata) -> impl Iterator<Item = &'a Workload> {
        self.workloads("ReplicaSet", &owner.namespace).filter(|set| is_owned(&set.metadata, owner))
    }
}

fn name_of(metadata: &Metadata) -> Name {
    (metadata.namespace.clone(), metadata.name.clone())
}

fn is_owned(object: &Metadata, owner: &Metadata) -> bool {
    object.owner_references.iter().any(|reference| reference.uid == owner.uid)
}

#[cfg(test)]
pub(crate) mod testing {
    //! Snapshots for tests.

    use serde_json::Value;

    use super::{List, Metadata, Snapshot, WatchEvent};

    /// A snapshot of some objects, none of whose events is old.
    pub(crate) fn snapshot(objects: &[(&str, Value)]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        list(&mut snapshot, "Event", Vec::new());
        for (kind, object) in objects {
            add(&mut snapshot, kind, object.clone());
        }
        snapshot
    }

    /// Replaces all objects of a kind.
    pub(crate) fn list(snapshot: &mut Snapshot, kind: &str, items: Vec<Value>) {
        snapshot.replace(kind, &List { metadata: Metadata::default(), items }).expect("readable");
    }

    /// Adds an object or changes it.
    pub(crate) fn add(snapshot: &mut Snapshot, kind: &str, object: Value) {
        snapshot.apply(kind, &WatchEvent { kind: "ADDED".to_owned(), object }).expect("readable");
    }
}
