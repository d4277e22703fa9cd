//! Roles and bindings.

use super::look::{At, Look};
use super::names;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    if look.subject.kind.group != GROUP {
        return;
    }
    for rule in root.list("rules") {
        self::rule(look, &rule);
    }
    if let Some(aggregation) = root.get("aggregationRule")
        && aggregation.lacks("clusterRoleSelectors")
    {
        look.refuse(&aggregation, "selects no roles", "expected at least one of `clusterRoleSelectors`");
    }
    if let Some(role) = root.get("roleRef") {
        let cluster = look.is("rbac.authorization.k8s.io/ClusterRoleBinding");
        let kinds: &[&str] = if cluster { &["ClusterRole"] } else { &["Role", "ClusterRole"] };
        look.known(role.get("kind"), kinds);
        // Empty, it is that group.
        look.known(role.get("apiGroup"), &[GROUP, ""]);
        if let Some(name) = role.get("name") {
            look.form(&name, name.text().and_then(names::segment));
        }
        look.filled(role.get("name"));
    }
    for subject in root.list("subjects") {
        look.known(subject.get("kind"), &["ServiceAccount", "User", "Group"]);
        let account = subject.get("kind").and_then(|at| at.text()) == Some("ServiceAccount");
        look.known(subject.get("apiGroup"), if account { &[""] } else { &[GROUP, ""] });
        match subject.get("name") {
            Some(name) if account => look.form(&name, name.text().and_then(names::subdomain)),
            name => look.filled(name),
        }
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
    if rule.get("verbs").is_some() && rule.lacks("verbs") {
        look.refuse(rule, "allows nothing", "expected `verbs`");
    }
    if some("nonResourceURLs") {
        if look.is("rbac.authorization.k8s.io/Role") {
            let urls = rule.get("nonResourceURLs").unwrap_or_else(|| rule.clone());
            look.refuse(&urls, "is not for a Role", "these are outside of all namespaces: write a ClusterRole");
        } else if some("resources") || some("apiGroups") || some("resourceNames") {
            look.refuse(rule, "is for both resources and URLs", "write two rules");
        }
        return;
    }
    for key in ["apiGroups", "resources"] {
        if rule.lacks(key) {
            look.refuse(rule, format!("names no `{key}`"), "expected at least one");
        }
    }
}
