//! RBAC: what a change allows that was not allowed before.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::wording;
use document::Node;

use super::subject::{Found, Subject, text};
use crate::object::Object;

/// The API group of roles and bindings.
const GROUP: &str = "rbac.authorization.k8s.io";

/// The label with which a `ClusterRole` is added to another one.
const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// The number of combinations of all rules that are compared one by one. Of the rules after that, each is new unless it
/// equals another.
const MOST: usize = 1_000_000;

/// The number of resources that a message names.
const NAMED: usize = 3;

/// Roles with more rules, and bindings with more subjects.
pub(super) fn widened(subject: &Subject<'_>) -> Vec<Found> {
    let Some(after) = subject.change.after.filter(|after| after.key.group == GROUP && subject.applies()) else {
        return Vec::new();
    };
    match after.key.kind.as_str() {
        "Role" | "ClusterRole" => role(subject.change.before, after),
        "RoleBinding" | "ClusterRoleBinding" => binding(subject.change.before, after),
        _ => Vec::new(),
    }
}

fn role(before: Option<&Object>, after: &Object) -> Vec<Found> {
    let mut found = Vec::new();
    if let Some(before) = before {
        found.extend(rules(before, after));
        let selectors = |object: &Object| {
            let selectors =
                object.find(&["aggregationRule", "clusterRoleSelectors"]).map(Node::items).unwrap_or_default();
            selectors.iter().map(Node::to_json).collect::<BTreeSet<_>>()
        };
        if !selectors(after).is_subset(&selectors(before)) {
            let message = format!("{} aggregates more ClusterRoles", after.title());
            found.push(Found::new(message).at(&["aggregationRule", "clusterRoleSelectors"]));
        }
    }
    let labels = after.find(&["metadata", "labels"]).map(Node::entries).unwrap_or_default();
    for (key, value) in labels {
        let is_true = |node: &Node| node.as_str() == Some("true");
        let Some(role) = key.name.strip_prefix(AGGREGATE).filter(|_| is_true(value)) else { continue };
        let was = before.and_then(|before| before.find(&["metadata", "labels", &key.name])).is_some_and(is_true);
        if !was {
            let message = format!("{} extends ClusterRole `{role}`", after.title());
            found.push(Found::new(message).at(&["metadata", "labels", &key.name]));
        }
    }
    found
}

/// A rule of a role.
struct Rule<'a> {
    groups: BTreeSet<&'a str>,
    resources: BTreeSet<&'a str>,
    names: BTreeSet<&'a str>,
    verbs: BTreeSet<&'a str>,
    urls: BTreeSet<&'a str>,
}

impl<'a> Rule<'a> {
    fn new(node: &'a Node) -> Self {
        let set = |key: &str| node.items_at(&[key]).iter().filter_map(Node::as_str).collect();
        Self {
            groups: set("apiGroups"),
            resources: set("resources"),
            names: set("resourceNames"),
            verbs: set("verbs"),
            urls: set("nonResourceURLs"),
        }
    }

    /// All of it, as a key.
    fn key(&self) -> [Vec<&'a str>; 5] {
        let list = |set: &BTreeSet<&'a str>| set.iter().copied().collect();
        [list(&self.groups), list(&self.resources), list(&self.names), list(&self.verbs), list(&self.urls)]
    }

    fn has_verb(&self, verb: &str) -> bool {
        self.verbs.contains("*") || self.verbs.contains(verb)
    }

    fn allows(&self, group: &str, resource: &str, name: Option<&str>, verb: &str) -> bool {
        let subresource =
            || resource.split_once('/').is_some_and(|(_, sub)| self.resources.contains(&*format!("*/{sub}")));
        self.has_verb(verb)
            && (self.groups.contains("*") || self.groups.contains(group))
            && (self.resources.contains("*") || self.resources.contains(resource) || subresource())
            && (self.names.is_empty() || name.is_some_and(|name| self.names.contains(name)))
    }

    fn allows_url(&self, url: &str, verb: &str) -> bool {
        let matches =
            |pattern: &&str| *pattern == url || pattern.strip_suffix('*').is_some_and(|prefix| url.starts_with(prefix));
        self.has_verb(verb) && self.urls.iter().any(matches)
    }

    /// The number of combinations.
    fn size(&self) -> usize {
        let resources = self.groups.len().saturating_mul(self.resources.len()).saturating_mul(self.names.len().max(1));
        resources.saturating_add(self.urls.len()).saturating_mul(self.verbs.len())
    }
}

/// What a role allows in addition: verbs by resource or URL, with the index of the rule.
fn rules(before: &Object, after: &Object) -> Option<Found> {
    let list =
        |object: &'_ Object| -> Vec<Node> { object.find(&["rules"]).map(Node::items).unwrap_or_default().to_vec() };
    let (old_nodes, new_nodes) = (list(before), list(after));
    let old: Vec<Rule<'_>> = old_nodes.iter().map(Rule::new).collect();
    let known_rules: BTreeSet<[Vec<&str>; 5]> = old.iter().map(Rule::key).collect();
    let mut more: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut first, mut left) = (None, MOST);
    for (index, node) in new_nodes.iter().enumerate() {
        let rule = Rule::new(node);
        let known = more.len();
        if known_rules.contains(&rule.key()) {
            continue;
        }
        let cost = rule.size().saturating_mul(old.len().max(1));
        let within = left.checked_sub(cost);
        left = within.unwrap_or(left);
        if within.is_none() {
            let verbs = rule.verbs.iter().map(|verb| (*verb).to_owned());
            more.entry("many resources".to_owned()).or_default().extend(verbs);
        } else {
            for verb in &rule.verbs {
                for url in rule.urls.iter().filter(|url| !old.iter().any(|other| other.allows_url(url, verb))) {
                    more.entry(format!("`{url}`")).or_default().insert((*verb).to_owned());
                }
                let names: Vec<Option<&str>> =
                    if rule.names.is_empty() { vec![None] } else { rule.names.iter().copied().map(Some).collect() };
                for (group, resource) in
                    rule.groups.iter().flat_map(|group| rule.resources.iter().map(move |one| (group, one)))
                {
                    for name in
                        names.iter().filter(|name| !old.iter().any(|other| other.allows(group, resource, **name, verb)))
                    {
                        more.entry(resource_title(group, resource, *name)).or_default().insert((*verb).to_owned());
                    }
                }
            }
        }
        if more.len() > known && first.is_none() {
            first = Some(index);
        }
    }
    if more.is_empty() {
        return None;
    }
    // Resources with the same verbs are one part of the sentence.
    let mut by_verbs: Vec<(&BTreeSet<String>, Vec<&str>)> = Vec::new();
    for (resource, verbs) in &more {
        match by_verbs.iter_mut().find(|(known, _)| *known == verbs) {
            Some((_, resources)) => resources.push(resource),
            None => by_verbs.push((verbs, vec![resource])),
        }
    }
    let one = |(verbs, resources): &(&BTreeSet<String>, Vec<&str>)| {
        let mut named: Vec<String> = resources.iter().take(NAMED).map(|name| (*name).to_owned()).collect();
        if resources.len() > NAMED {
            named.push(format!("{} more", resources.len() - NAMED));
        }
        let verbs: Vec<&str> = verbs.iter().map(String::as_str).collect();
        let verbs = if verbs.contains(&"*") { "everything with".to_owned() } else { wording::names(&verbs) };
        format!("{verbs} {}", named.join(", "))
    };
    let mut parts: Vec<String> = by_verbs.iter().take(NAMED).map(one).collect();
    if by_verbs.len() > NAMED {
        parts.push("more".to_owned());
    }
    let message = format!("{} also allows {}", after.title(), parts.join("; "));
    let path = first.map_or_else(|| vec!["rules".to_owned()], |index| vec!["rules".to_owned(), index.to_string()]);
    Some(Found::new(message).at(&path))
}

fn resource_title(group: &str, resource: &str, name: Option<&str>) -> String {
    let resource = match (group, resource) {
        ("*", "*") => "all resources".to_owned(),
        (group, "*") => format!("all resources of `{}`", if group.is_empty() { "v1" } else { group }),
        ("" | "*", resource) => format!("`{resource}`"),
        (group, resource) => format!("`{resource}.{group}`"),
    };
    name.map_or(resource.clone(), |name| format!("{resource} `{name}`"))
}

fn binding(before: Option<&Object>, after: &Object) -> Vec<Found> {
    let role = |object: &Object| {
        let field = |key: &str| text(object, &["roleRef", key]).unwrap_or_default().to_owned();
        (field("kind"), field("name"))
    };
    let subjects = |object: &Object| -> Vec<(String, String, String)> {
        let of = |node: &Node| {
            let field = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
            let account = field("kind") == "ServiceAccount";
            let namespace = Some(field("namespace")).filter(|text| !text.is_empty());
            let namespace =
                if account { namespace.unwrap_or_else(|| object.key.namespace.clone()) } else { String::new() };
            (field("kind"), namespace, field("name"))
        };
        object.find(&["subjects"]).map(Node::items).unwrap_or_default().iter().map(of).collect()
    };
    let (kind, name) = role(after);
    let old: BTreeSet<(String, String, String)> = before.map(&subjects).unwrap_or_default().into_iter().collect();
    let same_role = before.is_none_or(|before| role(before) == (kind.clone(), name.clone()));
    let new: Vec<(usize, String)> = subjects(after)
        .into_iter()
        .enumerate()
        .filter(|(_, subject)| !same_role || !old.contains(subject))
        .map(|(index, (kind, namespace, name))| {
            (
                index,
                if namespace.is_empty() { format!("{kind} `{name}`") } else { format!("{kind} `{namespace}/{name}`") },
            )
        })
        .collect();
    let Some((index, _)) = new.first() else { return Vec::new() };
    let index = index.to_string();
    let mut names: Vec<String> = new.iter().take(NAMED).map(|(_, name)| name.clone()).collect();
    if new.len() > NAMED {
        names.push(wording::plural(new.len() - NAMED, "more subject"));
    }
    let also = if before.is_some() && same_role { "also grants" } else { "grants" };
    let message = format!("{} {also} {kind} `{name}` to {}", after.title(), names.join(", "));
    let path = if before.is_some() && !same_role { vec!["roleRef", "name"] } else { vec!["subjects", &index] };
    vec![Found::new(message).at(&path)]
}
