//! What NetworkPolicies restrict.

use document::Node;

use crate::object::Object;

/// Whether a policy restricts traffic in a direction: its name in `policyTypes`, and the key of its rules.
#[must_use]
pub fn isolates(policy: &Object, kind: &str, list: &str) -> bool {
    match policy.find(&["spec", "policyTypes"]).map(Node::items).filter(|types| !types.is_empty()) {
        Some(types) => types.iter().any(|node| node.as_str() == Some(kind)),
        None => kind == "Ingress" || policy.find(&["spec", list]).is_some_and(|node| !node.items().is_empty()),
    }
}
