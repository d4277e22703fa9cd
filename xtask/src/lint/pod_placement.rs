//! Selectors by which pods are placed beside other pods: topology spread constraints, and affinity to pods.
//!
//! A constraint counts the pods that it selects, so one that selects none spreads nothing. Affinity is often to pods of
//! other Applications, which may not exist yet, so there only a misspelled label is reported.

use diagnostics::{Code, Diagnostic, Diagnostics};
use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::pods::Pods;
use kubernetes::inventory::selector::Selector;

use super::policy_pods::candidates;
use super::subject::Subject;
use super::unmatched::{self, Selecting};

/// The codes of this check.
pub const CODES: &[Code] = &[Code::SelectorUnmatched];

/// The two kinds of affinity, and their paths for messages.
const AFFINITIES: [(&str, &str); 2] =
    [("podAffinity", "affinity.podAffinity"), ("podAntiAffinity", "affinity.podAntiAffinity")];

/// Checks the pods of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        let Some(view) = subject.clusters.view(&object.target) else { continue };
        let namespace = view.namespace_of(object);
        let Some(pods) = Pods::of(object, 0, namespace) else { continue };
        for constraint in pods.spec.items_at(&["topologySpreadConstraints"]) {
            if let Some(node) = constraint.get("labelSelector") {
                diagnostics.0.extend(finding(&view, &pods, "topologySpreadConstraints", node, false));
            }
        }
        for (key, field) in AFFINITIES {
            for node in terms(pods.spec, key) {
                diagnostics.0.extend(finding(&view, &pods, field, node, true));
            }
        }
    }
    diagnostics
}

/// The selectors of the terms of an affinity that select pods of the same namespace.
fn terms<'a>(spec: &'a Node, key: &'static str) -> impl Iterator<Item = &'a Node> {
    let list = move |when: &'static str| spec.items_at(&["affinity", key, when]).iter();
    let preferred =
        list("preferredDuringSchedulingIgnoredDuringExecution").filter_map(|one| one.get("podAffinityTerm"));
    let terms = list("requiredDuringSchedulingIgnoredDuringExecution").chain(preferred);
    let is_local = |term: &&Node| term.get("namespaces").is_none() && term.get("namespaceSelector").is_none();
    terms.filter(is_local).filter_map(|term| term.get("labelSelector"))
}

/// The finding about a selector that matches no pod of the namespace.
fn finding<'a>(
    view: &View<'_, 'a>,
    pods: &Pods<'a>,
    field: &'static str,
    node: &'a Node,
    hidden: bool,
) -> Option<Diagnostic> {
    let selector = Selector::of_labels(node);
    if selector.is_empty() || selector.matches(pods) || !view.selected(pods.namespace, &selector).is_empty() {
        return None;
    }
    let deployed = view.is_deployed();
    let selecting = Selecting { object: pods.object, field, node, noun: "pod", hidden, deployed };
    unmatched::finding(selecting, &candidates(view, pods.namespace))
}
