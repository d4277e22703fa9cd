//! Rules of Roles and ClusterRoles that grant less than they say: see [`kubernetes::rbac`].

use diagnostics::{Code, Diagnostics};
use kubernetes::discovery::Discovery;
use kubernetes::rbac::known::Known;
use kubernetes::rbac::{create, rules};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::RbacCreateByName, Code::RbacRuleUnknown];

/// Checks every rule of every Role and ClusterRole.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
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
