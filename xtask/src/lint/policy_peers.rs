//! The peers of NetworkPolicies: labels of pods and names of namespaces that are most likely misspelled.
//!
//! Peers are often deployed by other means, in namespaces that nothing here renders. So only a near miss is reported: one
//! label that differs in a letter from those of pods that are rendered, or a name like that of a namespace in use.

use std::collections::BTreeSet;

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, did_you_mean, nearest};
use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::near::is_near;
use kubernetes::inventory::selector::Selector;
use kubernetes::object::Object;

use super::policy_pods::{candidates, selects_unapplied};
use super::subject::Subject;
use super::unmatched::{self, Selecting};

/// The codes of this check.
pub const CODES: &[Code] = &[Code::SelectorDoubtful, Code::SelectorUnmatched];

/// Checks the NetworkPolicies of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let applied = subject.objects.iter().filter(|object| sync_order::order(&object.root).is_some());
    let mut policies =
        applied.filter(|object| object.key.group == "networking.k8s.io" && object.key.kind == "NetworkPolicy");
    let Some(first) = policies.next() else { return diagnostics };
    let known = Known::read(subject);
    for object in std::iter::once(first).chain(policies) {
        let Some(view) = subject.clusters.view(&object.target) else { continue };
        for (field, peer) in peers(object) {
            diagnostics.0.extend(namespace_misspelled(object, peer, &known));
            diagnostics.0.extend(pods_misspelled(subject, &view, object, field, peer));
        }
    }
    diagnostics
}

/// The names of namespaces that exist: Applications deploy to them, projects allow them, or something renders or declares
/// them.
struct Known<'a> {
    /// Those into which something is deployed.
    used: BTreeSet<&'a str>,
    /// The others.
    others: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    fn read(subject: &Subject<'a>) -> Self {
        let workspace = subject.workspace;
        let destinations = subject.every_application().map(|one| one.namespace());
        let objects = subject.objects.iter().map(|object| object.key.namespace.as_str());
        let rendered =
            subject.objects.iter().filter(|object| object.key.group.is_empty() && object.key.kind == "Namespace");
        let projects = workspace.projects().iter().flat_map(|project| &project.destinations);
        let declared = workspace.config.namespaces.iter().map(|one| one.name.as_str());
        Self {
            used: destinations.chain(objects).filter(|name| !name.is_empty()).collect(),
            others: rendered
                .map(|object| object.key.name.as_str())
                .chain(projects.map(|destination| destination.namespace.as_str()))
                .chain(declared)
                .collect(),
        }
    }

    /// The namespace in use whose name is most likely meant.
    fn near(&self, name: &str) -> Option<&'a str> {
        if self.used.contains(name) || self.others.contains(name) {
            return None;
        }
        self.used.iter().copied().find(|used| is_near(name, used))
    }
}

/// Reports a misspelled label of the pods of a peer, in the namespace of the policy, or in the one that the peer names.
fn pods_misspelled(
    subject: &Subject<'_>,
    view: &View<'_, '_>,
    object: &Object,
    field: &'static str,
    peer: &Node,
) -> Option<Diagnostic> {
    let node = peer.get("podSelector")?;
    let namespace = match peer.get("namespaceSelector") {
        None => view.namespace_of(object),
        Some(selector) => match selector.find(&["matchLabels"])?.entries() {
            [(key, value)] if key.name == NAMESPACE_NAME && selector.entries().len() == 1 => value.as_str()?,
            _ => return None,
        },
    };
    let selector = Selector::of_labels(node);
    if selector.is_empty() || selects_unapplied(subject, object, &selector) {
        return None;
    }
    if !view.selected(namespace, &selector).is_empty() {
        return None;
    }
    // Whatever else is deployed there may have the labels.
    let selecting = Selecting { object, field, node, noun: "pod", hidden: true, deployed: view.is_deployed() };
    unmatched::finding(selecting, &candidates(view, namespace))
}

/// The label that the API server gives to each namespace: its name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// The namespaces that every cluster has.
const SYSTEM: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// The peers of all rules of a NetworkPolicy, with the field of their pods.
fn peers(object: &Object) -> impl Iterator<Item = (&'static str, &Node)> {
    let rules = |direction: &'static str, key: &'static str| {
        object.root.items_at(&["spec", direction]).iter().flat_map(move |rule| rule.items_at(&[key]))
    };
    let from = rules("ingress", "from").map(|peer| ("ingress.from.podSelector", peer));
    from.chain(rules("egress", "to").map(|peer| ("egress.to.podSelector", peer)))
}

/// Reports a misspelled label of a namespace selector, or the misspelled name of a namespace that every cluster has, or into
/// which an Application deploys.
fn namespace_misspelled(object: &Object, peer: &Node, known: &Known<'_>) -> Option<Diagnostic> {
    let labels = peer.find(&["namespaceSelector", "matchLabels"])?;
    labels.entries().iter().find_map(|(key, value)| {
        let message = || format!("`namespaceSelector` of {} matches no namespace", object.title());
        if key.name == "name" && value.as_str().is_some_and(|name| SYSTEM.contains(&name)) {
            let message = format!("`namespaceSelector` of {} requires a label that no cluster sets", object.title());
            let label = "a namespace has this label only if somebody sets it";
            let found = object.finding(Code::SelectorDoubtful, message, labels.key_place("name"), label);
            return Some(found.help(format!("use `{NAMESPACE_NAME}`, which the API server sets")));
        }
        if key.name != NAMESPACE_NAME {
            let near = nearest(&key.name, [NAMESPACE_NAME]).is_some();
            let found = || {
                object.finding(
                    Code::SelectorUnmatched,
                    message(),
                    labels.key_place(&key.name),
                    "no namespace has this label",
                )
            };
            return near.then(|| found().help(did_you_mean(NAMESPACE_NAME)));
        }
        let name = value.as_str()?;
        // People give similar names to namespaces of their own.
        let system = || nearest(name, SYSTEM).filter(|near| *near != name && name.starts_with("kube-"));
        let near = known.near(name).or_else(system);
        let found = object.finding(Code::SelectorUnmatched, message(), value.place(), "no namespace has this name");
        if name.chars().any(|c| c.is_ascii_uppercase()) {
            return Some(found.help(did_you_mean(name.to_lowercase())));
        }
        Some(found.help(did_you_mean(near?)))
    })
}
