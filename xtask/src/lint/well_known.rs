//! Misspelled keys that Kubernetes and widely used controllers define: labels of nodes, taints, and annotations and labels of
//! objects.
//!
//! Nothing refuses another key. A node selector with one matches no node, and an annotation with one is ignored. Anybody may
//! define keys, so only one that is nearly a known one is reported.

mod keys;
mod names;

use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostic, Diagnostics, Help, Place, did_you_mean, is_series, nearest_within};
use document::{Key, Node};
use kubernetes::inventory::pods::Pods;
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::KeyMisspelled];

/// The two times at which the rules of affinity apply.
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Other names of architectures and operating systems, with the values of the labels of nodes.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("x86_64", "amd64"),
    ("x64", "amd64"),
    ("aarch64", "arm64"),
    ("armv7", "arm"),
    ("armhf", "arm"),
    ("ubuntu", "linux"),
];

/// Checks the objects of all targets, and the Applications and projects themselves.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        for (message, help, place) in metadata(application.root) {
            diagnostics.push(application.finding(Code::KeyMisspelled, message, place, "").help(help));
        }
    }
    for object in subject.objects {
        for (message, help, place) in metadata(&object.root) {
            diagnostics.push(object.finding(Code::KeyMisspelled, message, place, "").help(help));
        }
        let Some(pods) = Pods::of(object, 0, &object.key.namespace) else { continue };
        diagnostics.0.extend(
            annotations(pods.template)
                .map(|(message, help, place)| object.finding(Code::KeyMisspelled, message, place, "").help(help)),
        );
        diagnostics.0.extend(placement(object, pods.spec));
        diagnostics.0.extend(names::misspelled(object, &pods));
    }
    diagnostics
}

/// A message, its help, and its place.
type Wrong = (String, Help, Place);

/// Misspelled annotations and labels of an object.
fn metadata(root: &Node) -> impl Iterator<Item = Wrong> {
    let labels = root.find(&["metadata", "labels"]).into_iter();
    let labels = labels.flat_map(|labels| keys_of(labels).filter_map(|key| wrong(key, "label", keys::LABELS)));
    labels.chain(annotations(root))
}

fn annotations(root: &Node) -> impl Iterator<Item = Wrong> {
    let annotations = root.find(&["metadata", "annotations"]).into_iter();
    annotations.flat_map(|annotations| {
        keys_of(annotations).filter_map(|key| subscription(key).or_else(|| wrong(key, "annotation", keys::ANNOTATIONS)))
    })
}

fn keys_of(node: &Node) -> impl Iterator<Item = (&Key, &Node)> {
    node.entries().iter().map(move |(key, _)| (key, node))
}

fn wrong((key, node): (&Key, &Node), noun: &str, known: &[&str]) -> Option<Wrong> {
    let near = near(&key.name, known)?;
    let message = format!("unknown {noun} `{}`", key.name);
    Some((message, did_you_mean(near), Place::new(&node.source, key.span.clone())))
}

/// The known key that is probably meant.
fn near<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    if known.contains(&typed) {
        return None;
    }
    let name = typed.rsplit('/').next().unwrap_or_default();
    // Short names are similar by chance.
    let limit = if name.len() <= 5 { 1 } else { 2 };
    let near = nearest_within(typed, limit, known.iter().copied())?;
    (typed.contains('/') && !is_series(typed, near)).then_some(near)
}

/// A subscription to notifications with a misspelled trigger or domain.
fn subscription((key, node): (&Key, &Node)) -> Option<Wrong> {
    let (domain, rest) = key.name.split_once("/subscribe.")?;
    let (trigger, service) = rest.split_once('.').unwrap_or((rest, ""));
    let meant = if domain == keys::NOTIFICATIONS {
        nearest_within(trigger, 2, keys::TRIGGERS.iter().copied()).filter(|near| *near != trigger)?
    } else {
        nearest_within(domain, 2, [keys::NOTIFICATIONS])?;
        trigger
    };
    let message = format!("unknown annotation `{}`", key.name);
    let dot = if service.is_empty() { "" } else { "." };
    let help = did_you_mean(format!("{}/subscribe.{meant}{dot}{service}", keys::NOTIFICATIONS));
    Some((message, help, Place::new(&node.source, key.span.clone())))
}

/// Findings about the nodes that pods select, and about the taints that they tolerate.
fn placement(object: &Object, spec: &Node) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut report = |name: &str, place: Place, label: &str, known: &[&str]| {
        let Some(near) = near(name, known).filter(|_| seen.insert(name.to_owned())) else { return };
        let message = format!("unknown {label} `{name}` in {}", object.title());
        found.push(object.finding(Code::KeyMisspelled, message, place, "").help(did_you_mean(near)));
    };
    let selector = spec.get("nodeSelector");
    for (key, node) in selector.into_iter().flat_map(keys_of) {
        report(&key.name, Place::new(&node.source, key.span.clone()), "node label", keys::NODE_LABELS);
    }
    let affinity = |list: &[&str]| spec.find(&["affinity"]).map(|node| node.items_at(list)).unwrap_or_default();
    let preferred = affinity(&["nodeAffinity", PREFERRED]).iter().filter_map(|one| one.get("preference"));
    let required = affinity(&["nodeAffinity", REQUIRED, "nodeSelectorTerms"]).iter();
    let expressions: Vec<&Node> =
        required.chain(preferred).flat_map(|term| term.items_at(&["matchExpressions"])).collect();
    for node in expressions.iter().filter_map(|one| one.get("key")) {
        report(node.as_str().unwrap_or_default(), node.place(), "node label", keys::NODE_LABELS);
    }
    let of_pods = ["podAffinity", "podAntiAffinity"].into_iter().flat_map(|kind| {
        let preferred = affinity(&[kind, PREFERRED]).iter().filter_map(|one| one.get("podAffinityTerm"));
        affinity(&[kind, REQUIRED]).iter().chain(preferred).collect::<Vec<_>>()
    });
    let terms = spec.items_at(&["topologySpreadConstraints"]).iter().chain(of_pods);
    for node in terms.filter_map(|term| term.get("topologyKey")) {
        report(node.as_str().unwrap_or_default(), node.place(), "node label", keys::NODE_LABELS);
    }
    for node in spec.items_at(&["tolerations"]).iter().filter_map(|one| one.get("key")) {
        report(node.as_str().unwrap_or_default(), node.place(), "taint", keys::TAINTS);
    }
    let selected = selector.into_iter().flat_map(Node::entries).map(|(key, value)| (key.name.as_str(), value));
    let wanted = expressions.iter().filter(|one| one.get("operator").and_then(Node::as_str) == Some("In"));
    let wanted = wanted.filter_map(|one| Some((one.get("key")?.as_str()?, one.get("values")?)));
    let wanted = wanted.flat_map(|(key, values)| values.items().iter().map(move |value| (key, value)));
    let values: Vec<(&str, &Node)> = selected.chain(wanted).collect();
    found.extend(values.into_iter().filter_map(|(key, value)| node_value(object, key, value)));
    found
}

/// The finding about an architecture or operating system that no node has.
fn node_value(object: &Object, key: &str, node: &Node) -> Option<Diagnostic> {
    let (_, known) = keys::NODE_VALUES.iter().find(|(label, _)| label.contains(&key))?;
    let value = node.as_str().filter(|value| !value.is_empty() && !known.contains(value))?;
    let message = format!("no node has the label `{key}: {value}`, which {} selects", object.title());
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == value).map(|(_, name)| *name);
    let near = other.filter(|name| known.contains(name)).or_else(|| nearest_within(value, 2, known.iter().copied()))?;
    let found = object.finding(Code::KeyMisspelled, message, node.place(), "the pod stays pending");
    Some(found.help(did_you_mean(near)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nearly_known_keys_are_reported() {
        let table = [
            ("kubernetes.io/o", Some("kubernetes.io/os")),
            ("kubernetes.io/hostnam", Some("kubernetes.io/hostname")),
            ("kubernets.io/hostname", Some("kubernetes.io/hostname")),
            ("node-role.kubernetes.io/control-plan", Some("node-role.kubernetes.io/control-plane")),
            ("topology.kubernetes.io/zones", Some("topology.kubernetes.io/zone")),
            ("node-role.kubernetes.io/controlplane", None),
            ("node-role.kubernetes.io/storage", None),
            ("topology.kubernetes.io/rack", None),
            ("kubernetes.io/role", None),
            ("example.com/os", None),
            ("disktype", None),
        ];
        for (typed, expected) in table {
            assert_eq!(near(typed, keys::NODE_LABELS), expected, "{typed}");
        }
    }

    #[test]
    fn known_keys_are_not_similar_to_others() {
        for list in [keys::NODE_LABELS, keys::TAINTS, keys::LABELS, keys::ANNOTATIONS] {
            for key in list {
                assert_eq!(near(key, list), None, "{key}");
            }
        }
    }
}
