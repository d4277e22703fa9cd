//! Roles, `ClusterRoles`, and their bindings.

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
        look.requires(&aggregation, "clusterRoleSelectors", "at least one selector is required");
    }
    if let Some(role) = root.get("roleRef") {
        let cluster = look.is("rbac.authorization.k8s.io/ClusterRoleBinding");
        let kinds: &[&str] = if cluster { &["ClusterRole"] } else { &["Role", "ClusterRole"] };
        look.supported(role.get("kind"), kinds);
        // An empty group defaults to this one.
        look.supported(role.get("apiGroup"), &[GROUP, ""]);
        if let Some(name) = role.get("name") {
            look.check_format(&name, name.text().and_then(names::segment));
        }
        look.not_empty(role.get("name"));
    }
    for subject in root.list("subjects") {
        look.supported(subject.get("kind"), &["ServiceAccount", "User", "Group"]);
        let account = subject.get("kind").and_then(|at| at.text()) == Some("ServiceAccount");
        look.supported(subject.get("apiGroup"), if account { &[""] } else { &[GROUP, ""] });
        match subject.get("name") {
            Some(name) if account => look.check_format(&name, name.text().and_then(names::subdomain)),
            name => look.not_empty(name),
        }
        if account
            && look.is("rbac.authorization.k8s.io/ClusterRoleBinding")
            && subject.get("namespace").is_none_or(|at| at.text() == Some(""))
        {
            look.requires(&subject, "namespace", "set the namespace of the ServiceAccount");
        }
    }
}

fn rule<'a>(look: &mut Look<'a>, rule: &At<'a>) {
    let some = |key: &str| !rule.list(key).is_empty();
    // The schema check reports an absent field.
    if rule.get("verbs").is_some() && rule.lacks("verbs") {
        look.requires(rule, "verbs", "at least one verb is required");
    }
    if some("nonResourceURLs") {
        if look.is("rbac.authorization.k8s.io/Role") {
            let urls = rule.get("nonResourceURLs").unwrap_or_else(|| rule.clone());
            look.reject(&urls, "is not allowed in a Role", "non-resource URLs are not namespaced: use a ClusterRole");
        } else if some("resources") || some("apiGroups") || some("resourceNames") {
            look.reject(rule, "applies to both resources and non-resource URLs", "split it into two rules");
        }
        return;
    }
    for key in ["apiGroups", "resources"] {
        if rule.lacks(key) {
            look.requires(rule, key, "at least one is required");
        }
    }
}
