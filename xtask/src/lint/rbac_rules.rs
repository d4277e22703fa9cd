//! Rules of Roles and ClusterRoles that grant less than they say: see [`kubernetes::rbac`], and subjects of bindings whose
//! kind is not the one that is meant.

use diagnostics::{Code, Diagnostic, Diagnostics};
use document::Node;
use kubernetes::discovery::Discovery;
use kubernetes::object::Object;
use kubernetes::rbac::known::Known;
use kubernetes::rbac::{create, rules};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::RbacCreateByName, Code::RbacRuleUnknown, Code::ReferenceMissing];

/// Checks every rule of every Role and ClusterRole.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    diagnostics.0.extend(subject.objects.iter().flat_map(accounts));
    let roles = || {
        subject.objects.iter().filter(|object| {
            object.key.group == "rbac.authorization.k8s.io"
                && matches!(object.key.kind.as_str(), "Role" | "ClusterRole")
        })
    };
    if roles().next().is_none() {
        return diagnostics;
    }
    let discovery = match Discovery::load(&subject.workspace.root) {
        Ok(discovery) => discovery,
        Err(found) => return found,
    };
    let known = Known::new(&discovery, subject.objects);
    for role in roles() {
        let unknown = rules::unknown(role, &known).into_iter().map(|problem| (Code::RbacRuleUnknown, problem));
        let by_name = create::by_name(role).into_iter().map(|problem| (Code::RbacCreateByName, problem));
        for (code, problem) in unknown.chain(by_name) {
            let found = role.finding(code, problem.message, problem.place, problem.label);
            diagnostics.push(found.help(problem.help));
        }
    }
    diagnostics
}

/// The subjects of a binding that are users or groups with a namespace, which only accounts have.
fn accounts(binding: &Object) -> Vec<Diagnostic> {
    let key = &binding.key;
    if key.group != "rbac.authorization.k8s.io" || !matches!(key.kind.as_str(), "RoleBinding" | "ClusterRoleBinding") {
        return Vec::new();
    }
    let subjects = binding.root.items_at(&["subjects"]).iter().filter_map(|subject| {
        let text = |key: &str| subject.get(key).and_then(Node::as_str).filter(|text| !text.is_empty());
        let kind = text("kind").filter(|kind| matches!(*kind, "User" | "Group"))?;
        let namespace = subject.get("namespace").filter(|_| text("namespace").is_some())?;
        let name = text("name").unwrap_or_default();
        let message =
            format!("{kind} `{name}` of {} has a namespace, which only a ServiceAccount has", binding.title());
        let found = binding.finding(Code::ReferenceMissing, message, subject.get("kind")?.place(), "gets the role");
        Some(
            found
                .at(namespace.place(), "ignored by the API server")
                .help("set `kind: ServiceAccount`, or delete the namespace"),
        )
    });
    subjects.collect()
}
