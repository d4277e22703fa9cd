//! NetworkPolicies that are no longer rendered, while pods that they protected accept or send all traffic from now on.
//!
//! A pod that another policy still selects stays isolated. Policies of network plugins may replace a removed one.

use argocd::effect;
use argocd::effect::Removal;
use diagnostics::{Code, Diagnostics};
use kubernetes::inventory::pods::Pods;
use kubernetes::inventory::selector::Selector;
use kubernetes::network_policy::isolates;
use kubernetes::object::Object;

use super::removed;
use super::revision::Change;

const CODE: Code = Code::ChangeNetwork;

/// The directions of traffic: the name in `policyTypes`, the key of the rules, and what a pod without a policy does.
const DIRECTIONS: [(&str, &str, &str); 2] =
    [("Ingress", "ingress", "accepts connections from everywhere"), ("Egress", "egress", "may connect to everything")];

/// Reports the removed policies without which pods are no longer isolated.
pub(super) fn check(change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for policy in change.removed.iter().filter(|object| is_policy(object)) {
        let pruned = matches!(effect::removal(change.application.root, &policy.root), Removal::Pruned(_));
        if !pruned || change.added.iter().any(|added| added.key.kind.ends_with("NetworkPolicy") && !is_policy(added)) {
            continue;
        }
        let Some((pods, directions)) = exposed(change, policy) else { continue };
        let fate = removed::fate(change, policy);
        let message = format!("{} {}, so {pods} {directions}", change.title(&policy.key), fate.verb(policy));
        let found = removed::finding(change, policy, &fate, CODE, message);
        let help = "keep the policy, or add another one that selects these pods";
        diagnostics.push(found.help(help).help(removed::acceptance(CODE, &policy.target)));
    }
    diagnostics
}

/// The first workload that a removed policy isolated and that no policy isolates now, and in which directions.
fn exposed(change: &Change<'_>, policy: &Object) -> Option<(String, String)> {
    let namespace = policy.key.namespace.as_str();
    let selector = Selector::of_labels(policy.find(&["spec", "podSelector"])?);
    let selected = |selector: &Selector<'_>, pods: &Pods<'_>| selector.is_empty() || selector.matches(pods);
    let here = || change.now.iter().filter(|object| object.key.namespace == namespace);
    let policies: Vec<(&Object, Selector<'_>)> = here()
        .filter(|object| is_policy(object))
        .filter_map(|object| Some((*object, Selector::of_labels(object.find(&["spec", "podSelector"])?))))
        .collect();
    let pods = here().filter_map(|object| Pods::of(object, 0, namespace)).filter(|pods| selected(&selector, pods));
    for pods in pods {
        let open = DIRECTIONS.iter().filter(|(kind, list, _)| {
            let still =
                |(other, selector): &(&Object, Selector<'_>)| isolates(other, kind, list) && selected(selector, &pods);
            isolates(policy, kind, list) && !policies.iter().any(still)
        });
        let open: Vec<&str> = open.map(|(_, _, does)| *does).collect();
        if !open.is_empty() {
            return Some((pods.object.title(), open.join(" and ")));
        }
    }
    None
}

fn is_policy(object: &Object) -> bool {
    (object.key.group.as_str(), object.key.kind.as_str()) == ("networking.k8s.io", "NetworkPolicy")
}
