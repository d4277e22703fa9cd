//! References of RoleBindings and ClusterRoleBindings: the role, and the ServiceAccounts that get it.

use document::Node;

use super::reference::Reference;
use crate::object::Object;

const GROUP: &str = "rbac.authorization.k8s.io";

/// The references of a binding.
#[must_use]
pub fn of(object: &Object) -> Vec<Reference<'_>> {
    if object.key.group != GROUP || !matches!(object.key.kind.as_str(), "RoleBinding" | "ClusterRoleBinding") {
        return Vec::new();
    }
    let role = object.find(&["roleRef"]).and_then(|role| match role.get("kind").and_then(Node::as_str)? {
        "ClusterRole" => Reference::cluster((GROUP, "ClusterRole"), role, "name", "grants this role"),
        "Role" => Some(Reference { group: GROUP, ..Reference::core("Role", role, "name", "grants this role")? }),
        _ => None,
    });
    let subjects = object.root.items_at(&["subjects"]);
    let accounts =
        subjects.iter().filter(|subject| subject.get("kind").and_then(Node::as_str) == Some("ServiceAccount"));
    let accounts = accounts.filter_map(|subject| {
        // Without a namespace, it is that of the binding.
        let namespace = subject.get("namespace").and_then(Node::as_str).filter(|namespace| !namespace.is_empty());
        Some(Reference { namespace, ..Reference::core("ServiceAccount", subject, "name", "gets the role")? })
    });
    role.into_iter().chain(accounts).collect()
}
