//! What is known of a cluster at a moment: the objects that are watched, as their last events left them.
//!
//! Pure. Deliberately absent: how events get here, and what objects say about themselves (verdict.rs).

use std::collections::BTreeMap;

use serde_json::Value;

/// What is watched: the kind, and the path of all its objects in the API.
pub const WATCHED: &[(&str, &str)] = &[
    ("Pod", "/api/v1/pods"),
    ("Event", "/api/v1/events"),
    ("PersistentVolumeClaim", "/api/v1/persistentvolumeclaims"),
    ("Deployment", "/apis/apps/v1/deployments"),
    ("ReplicaSet", "/apis/apps/v1/replicasets"),
    ("StatefulSet", "/apis/apps/v1/statefulsets"),
    ("DaemonSet", "/apis/apps/v1/daemonsets"),
    ("Job", "/apis/batch/v1/jobs"),
    ("Service", "/api/v1/services"),
];

/// Objects by kind, namespace, and name.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    objects: BTreeMap<String, BTreeMap<(String, String), Value>>,
    /// The versions of the events that were there when the look began; none before that.
    before: Option<BTreeMap<(String, String), Value>>,
}

impl Seen {
    /// Takes in one event of a watch: `{"type": …, "object": …}`.
    pub fn event(&mut self, kind: &str, event: &Value) {
        let object = &event["object"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        let objects = self.objects.entry(kind.to_owned()).or_default();
        match event["type"].as_str() {
            Some("DELETED") => {
                objects.remove(&key);
            }
            Some("ADDED" | "MODIFIED") => {
                objects.insert(key, object.clone());
            }
            _ => {}
        }
    }

    /// Takes in a list of all objects of a kind; what is not in it is gone.
    pub fn replace(&mut self, kind: &str, list: &Value) {
        self.objects.insert(kind.to_owned(), BTreeMap::new());
        for item in list["items"].as_array().into_iter().flatten() {
            self.event(kind, &serde_json::json!({ "type": "ADDED", "object": item }));
        }
        if kind == "Event" && self.before.is_none() {
            let events = self.objects.get(kind).into_iter().flatten();
            self.before = Some(events.map(|(key, event)| (key.clone(), version(event).clone())).collect());
        }
    }

    /// Whether an event was there when the look began, and did not happen again.
    #[must_use]
    pub fn is_old(&self, event: &Value) -> bool {
        let text = |key: &str| event["metadata"][key].as_str().unwrap_or_default().to_owned();
        let before = self.before.as_ref().and_then(|before| before.get(&(text("namespace"), text("name"))));
        before.is_some_and(|before| before == version(event))
    }

    /// Whether what is there of a kind is known: its list comes before its events.
    #[must_use]
    pub fn knows(&self, kind: &str) -> bool {
        self.objects.contains_key(kind)
    }

    /// One object.
    #[must_use]
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(kind)?.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// The objects of a kind in a namespace, in order of name.
    pub fn all<'a>(&'a self, kind: &str, namespace: &'a str) -> impl Iterator<Item = &'a Value> {
        let objects = self.objects.get(kind).into_iter().flatten();
        objects.filter(move |((own, _), _)| own == namespace).map(|(_, object)| object)
    }

    /// The events about an object, the latest last.
    #[must_use]
    pub fn events_of<'a>(&'a self, object: &'a Value) -> Vec<&'a Value> {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let uid = &object["metadata"]["uid"];
        let mut events: Vec<&Value> =
            self.all("Event", namespace).filter(|event| &event["involvedObject"]["uid"] == uid).collect();
        events.sort_by_key(|event| event_time(event));
        events
    }

    /// The objects of a kind that another one owns.
    pub fn owned<'a>(&'a self, kind: &str, owner: &'a Value) -> impl Iterator<Item = &'a Value> {
        let namespace = owner["metadata"]["namespace"].as_str().unwrap_or_default();
        let uid = owner["metadata"]["uid"].as_str().unwrap_or_default();
        self.all(kind, namespace).filter(move |object| {
            let owners = object["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == uid))
        })
    }
}

fn version(event: &Value) -> &Value {
    &event["metadata"]["resourceVersion"]
}

/// When an event was last seen, as the API writes it: such texts sort by time.
#[must_use]
pub fn event_time(event: &Value) -> String {
    let times = [&event["series"]["lastObservedTime"], &event["lastTimestamp"], &event["eventTime"]];
    let created = &event["metadata"]["creationTimestamp"];
    let time = times.into_iter().chain([created]).find_map(Value::as_str);
    // With or without fractions of a second, the first 19 characters compare.
    time.unwrap_or_default().chars().take(19).collect()
}
