//! Roles and bindings.

use super::{At, Look};

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    if look.subject.kind.group != GROUP {
        return;
    }
    for rule in root.list("rules") {
        self::rule(look, &rule);
    }
    if let Some(role) = root.get("roleRef") {
        let cluster = look.is("rbac.authorization.k8s.io/ClusterRoleBinding");
        let kinds: &[&str] = if cluster { &["ClusterRole"] } else { &["Role", "ClusterRole"] };
        one_of(look, role.get("kind"), kinds);
        one_of(look, role.get("apiGroup"), &[GROUP]);
    }
    for subject in root.list("subjects") {
        one_of(look, subject.get("kind"), &["ServiceAccount", "User", "Group"]);
        let account = subject.get("kind").and_then(|at| at.text()) == Some("ServiceAccount");
        one_of(look, subject.get("apiGroup"), if account { &[""] } else { &[GROUP] });
        if account
            && look.is("rbac.authorization.k8s.io/ClusterRoleBinding")
            && subject.get("namespace").is_none_or(|at| at.text() == Some(""))
        {
            look.refuse(&subject, "has no `namespace`", "expected that of the ServiceAccount");
        }
    }
}

fn rule<'a>(look: &mut Look<'a>, rule: &At<'a>) {
    let some = |key: &str| !rule.list(key).is_empty();
    // Without the field, the schema says so.
    if rule.get("verbs").is_some() && !some("verbs") {
        look.refuse(rule, "allows nothing", "expected `verbs`");
    }
    if some("nonResourceURLs") {
        if some("resources") || some("apiGroups") || some("resourceNames") {
            look.refuse(rule, "is for both resources and URLs", "write two rules");
        }
        return;
    }
    for key in ["apiGroups", "resources"] {
        if !some(key) {
            look.refuse(rule, format!("names no `{key}`"), "expected at least one");
        }
    }
}

fn one_of(look: &mut Look<'_>, at: Option<At<'_>>, allowed: &[&str]) {
    let Some(at) = at else { return };
    if at.text().is_some_and(|text| !allowed.contains(&text)) {
        let allowed: Vec<String> = allowed.iter().map(|one| format!("`{one}`")).collect();
        look.refuse(&at, "has a value that it may not have", format!("expected {}", allowed.join(" or ")));
    }
}
