//! Roles and sync windows of a project.
//!
//! Argo CD's API server rejects a project with an invalid role or window. Applied from Git, the project is accepted, and
//! the role or window has no effect. Time zones are not validated, as they depend on Argo CD's image.

use std::collections::BTreeMap;

use diagnostics::{Diagnostics, Place, did_you_mean, suggestion};
use document::{Fields, Node, Syntax};
use kubernetes::{schedule, time_zone};

use crate::duration;
use crate::project_fields::{invalid, repeated};

/// The resources of a policy.
const RESOURCES: &[&str] = &["applications", "applicationsets", "repositories", "exec", "logs", "clusters"];
/// The actions of a policy, besides `action/…`, `update/…`, and `delete/…`.
const ACTIONS: &[&str] = &["get", "create", "update", "delete", "sync", "override", "*"];

/// Reads `spec.roles` of a project with a name.
pub(crate) fn roles(nodes: &[Node], project: &str, diagnostics: &mut Diagnostics) {
    let mut names = Vec::new();
    for node in nodes {
        let mut fields = Fields::new(node, "spec.roles[]", Syntax::Argocd);
        let name = fields.required_string("name");
        fields.string("description");
        let policies = fields.strings("policies");
        let groups = fields.strings("groups");
        let tokens = fields.sequence("jwtTokens");
        if let Some(name) = &name {
            let place = node.get("name").unwrap_or(node).place();
            let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let edge = |c: char| c.is_ascii_alphanumeric();
            if !(name.starts_with(edge) && name.ends_with(edge) && name.chars().all(inner)) {
                let label = "expected letters and digits, with `-` or `_` between them";
                fields.report(invalid(format!("invalid role name `{name}`"), place.clone(), label));
            }
            let mut known = BTreeMap::<String, usize>::new();
            for (policy, place) in &policies {
                if let Err(what) = policy_rule(policy, project, name) {
                    // Policies that were copied share their mistake.
                    let count = known.entry(what.clone()).or_default();
                    *count += 1;
                    if *count > 1 {
                        continue;
                    }
                    let word = |index: usize| policy.split(',').nth(index).map(str::trim);
                    let resource = word(2).filter(|word| RESOURCES.contains(word)).unwrap_or("applications");
                    let action = word(3).filter(|word| ACTIONS.contains(word)).unwrap_or("sync");
                    let form = format!("p, proj:{project}:{name}, {resource}, {action}, {project}/*, allow");
                    fields.report(
                        invalid(format!("policy has no effect: {what}"), place.clone(), "")
                            .help(format!("write it like `{form}`")),
                    );
                }
            }
            names.push((name.clone(), place));
        }
        for (group, place) in &groups {
            if let Err(label) = group_name(group) {
                fields.report(invalid(format!("invalid group `{}`", group.escape_debug()), place.clone(), label));
            }
        }
        for (list, what) in [(policies, "policy"), (groups, "group")] {
            for found in repeated(list, what) {
                fields.report(found);
            }
        }
        fields.finish(diagnostics);
        for token in tokens {
            let mut fields = Fields::new(token, "spec.roles[].jwtTokens[]", Syntax::Argocd);
            fields.required("iat");
            fields.integer("iat");
            fields.integer("exp");
            fields.string("id");
            fields.finish(diagnostics);
        }
    }
    diagnostics.0.extend(repeated(names, "role"));
}

/// Validates the name of a group.
fn group_name(text: &str) -> Result<(), &'static str> {
    let quoted = text.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let name = quoted.unwrap_or(text.trim());
    match () {
        () if name.is_empty() => Err("must not be empty"),
        () if quoted.is_none() && name.contains(',') => Err("a name with a comma must be enclosed in double quotes"),
        () if name.contains(['"', '\n', '\r', '\t']) => Err("quotes, tabs, and line breaks are not allowed"),
        () if text.trim() != text => Err("leading and trailing spaces are not allowed"),
        () => Ok(()),
    }
}

/// Validates a policy: `p, subject, resource, action, object, effect`.
fn policy_rule(policy: &str, project: &str, role: &str) -> Result<(), String> {
    let parts: Vec<&str> = policy.split(',').map(|part| part.trim_matches(' ')).collect();
    let [kind, subject, resource, action, object, effect] = parts[..] else {
        return Err(format!("it has {} fields instead of 6", parts.len()));
    };
    let expected = format!("proj:{project}:{role}");
    if kind != "p" {
        return Err("it does not start with `p`".to_owned());
    }
    if subject != expected {
        return Err(format!("its subject is `{subject}` instead of `{expected}`"));
    }
    if !RESOURCES.contains(&resource) {
        return Err(format!("unknown resource `{resource}`, {}", suggestion(resource, RESOURCES.iter().copied())));
    }
    let nested = ["action/", "update/", "delete/"].iter().any(|prefix| action.contains(prefix));
    if !ACTIONS.contains(&action) && !nested {
        return Err(format!("unknown action `{action}`, {}", suggestion(action, ACTIONS.iter().copied())));
    }
    let inside = object.strip_prefix(project).and_then(|rest| rest.strip_prefix('/'));
    if inside.is_none_or(|rest| rest.is_empty() || rest.split('/').count() > 2) {
        return Err(format!("its object is `{object}` instead of `{project}/…`"));
    }
    if !["allow", "deny"].contains(&effect) {
        return Err(format!("its effect is `{effect}` instead of `allow` or `deny`"));
    }
    Ok(())
}

/// The fields that identify a sync window.
const IDENTITY: [&str; 8] =
    ["kind", "schedule", "duration", "applications", "namespaces", "clusters", "timeZone", "andOperator"];

/// Reads `spec.syncWindows`.
pub(crate) fn sync_windows(nodes: &[Node], diagnostics: &mut Diagnostics) {
    let mut windows: Vec<(Vec<Option<String>>, Place)> = Vec::new();
    for node in nodes {
        let same: Vec<_> = IDENTITY.iter().map(|key| node.get(key).map(Node::to_json)).collect();
        match windows.iter().find(|(other, _)| *other == same) {
            Some((_, first)) => diagnostics.push(
                invalid("sync window is defined twice".to_owned(), node.place(), "second definition")
                    .at(first.clone(), "first definition")
                    .help("delete one of them; Argo CD rejects a project with duplicates"),
            ),
            None => windows.push((same, node.place())),
        }
        let mut fields = Fields::new(node, "spec.syncWindows[]", Syntax::Argocd);
        let at = |key: &str| -> Place { node.get(key).unwrap_or(node).place() };
        if let Some(kind) = fields.required_string("kind").filter(|kind| !["allow", "deny"].contains(&kind.as_str())) {
            fields.report(invalid(format!("invalid window kind `{kind}`"), at("kind"), "expected `allow` or `deny`"));
        }
        if let Some(schedule) = fields.required_string("schedule")
            && let Some(wrong) = schedule_error(&schedule)
        {
            fields.report(invalid(format!("invalid cron schedule `{schedule}`"), at("schedule"), &wrong));
        }
        if let Some(text) = fields.required_string("duration").filter(|text| duration::parse(text).is_none()) {
            let label = "expected a duration such as `1h30m`";
            fields.report(invalid(format!("invalid duration `{text}`"), at("duration"), label));
        }
        let lists = ["applications", "namespaces", "clusters"].map(|key| fields.strings(key));
        if lists.iter().all(Vec::is_empty) {
            let label = "`applications`, `namespaces`, or `clusters` is required";
            fields.report(invalid("sync window matches no Application".to_owned(), node.place(), label));
        }
        for key in ["manualSync", "andOperator", "syncOverrun"] {
            fields.flag(key);
        }
        if let Some(zone) = fields.string("timeZone")
            && let Some(near) = time_zone::near(&zone)
        {
            let label = did_you_mean(near).text;
            fields.report(invalid(format!("unknown time zone `{zone}`"), at("timeZone"), &label));
        }
        fields.string("description");
        fields.finish(diagnostics);
    }
}

/// The error in a cron schedule, which may start with a time zone.
fn schedule_error(text: &str) -> Option<String> {
    let zoned = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ="));
    schedule::wrong(zoned.map_or(text, |rest| rest.split_once(' ').map_or("", |(_, rest)| rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_may_have_a_time_zone() {
        for text in ["0 22 * * *", "CRON_TZ=Europe/Berlin 0 1 * * *", "TZ=UTC */15 * * * *"] {
            assert_eq!(schedule_error(text), None, "{text}");
        }
        for text in ["", "0 22 * *", "@daily", "TZ=UTC", "TZ=UTC @daily"] {
            assert!(schedule_error(text).is_some(), "{text}");
        }
    }

    #[test]
    fn groups_with_commas_are_quoted() {
        for text in ["admins", "org:team a", "\"cn=a,ou=b\""] {
            assert_eq!(group_name(text), Ok(()), "{text}");
        }
        for text in ["", "cn=a,ou=b", " admins", "a\"b", "a\tb"] {
            assert!(group_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn policies_have_six_fields() {
        for policy in ["p, proj:web:ci, applications, sync, web/*, allow", "p,proj:web:ci,logs,get,web/ns/a,deny"] {
            assert_eq!(policy_rule(policy, "web", "ci"), Ok(()), "{policy}");
        }
        for policy in [
            "p, proj:web:ci, applications, sync, web/*",
            "g, proj:web:ci, applications, sync, web/*, allow",
            "p, proj:other:ci, applications, sync, web/*, allow",
            "p, proj:web:ci, application, sync, web/*, allow",
            "p, proj:web:ci, applications, synch, web/*, allow",
            "p, proj:web:ci, applications, sync, other/*, allow",
            "p, proj:web:ci, applications, sync, web/*, yes",
        ] {
            assert!(policy_rule(policy, "web", "ci").is_err(), "{policy}");
        }
    }
}
