//! Checks the rules of a Role or ClusterRole.
//!
//! Rules are often written as a product: several groups and several resources, of which only some combinations exist.
//! Therefore a resource is unknown only if none of the rule's groups can have it, and a group whose resources are not known
//! excuses all of them.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::wording::names;
use diagnostics::{Help, Place, did_you_mean, nearest_within};
use document::Node;

use super::known::{Group, Known, Verb, verb, verbs};
use super::view::{Problem, list, rules};
use crate::object::Object;

/// Verbs that HTTP or people use, with what Kubernetes calls them.
const SYNONYMS: &[(&str, &str)] = &[
    ("add", "`create`"),
    ("all", "`*`"),
    ("apply", "`patch`"),
    ("edit", "`update`"),
    ("post", "`create`"),
    ("put", "`update`"),
    ("read", "`get`, `list`, and `watch`"),
    ("remove", "`delete`"),
    ("view", "`get`, `list`, and `watch`"),
    ("write", "`create`, `update`, `patch`, and `delete`"),
];

/// The methods of requests for non-resource URLs.
const METHODS: &[&str] = &["*", "delete", "get", "head", "options", "patch", "post", "put"];

/// A label of ClusterRoles that another ClusterRole aggregates.
const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// Groups that are easily mistaken for a built-in group, but exist.
const LOOKALIKES: &[&str] = &["autoscaling.k8s.io", "metrics.k8s.io"];

/// Returns the names in a Role or ClusterRole that do not exist.
#[must_use]
pub fn unknown(object: &Object, known: &Known<'_>) -> Vec<Problem> {
    let owner = object.title();
    let mut found = Vec::new();
    // A group that several rules have is one mistake.
    let mut groups = BTreeSet::new();
    for rule in rules(object) {
        let rule = Rule { owner: &owner, rules: rules(object), node: rule, known };
        if list(rule.node, "nonResourceURLs").is_empty() {
            rule.check_groups(&mut groups, &mut found);
            rule.check_resources(&mut found);
            rule.check_verbs(&mut found);
        } else {
            rule.check_methods(&mut found);
        }
    }
    found.extend(aggregation(object, &owner));
    found
}

/// The candidate that a name most likely means. Short names must be closer, since custom names may be anything.
fn near<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = match typed.chars().count() {
        0..=2 => 0,
        3..=7 => 1,
        _ => 2,
    };
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let singular = typed.to_lowercase();
    // `ingress`, `networkpolicy`
    let plural = |candidate: &&str| {
        candidate.strip_suffix("es") == Some(&singular)
            || candidate.strip_suffix("ies").zip(singular.strip_suffix('y')).is_some_and(|(many, one)| many == one)
    };
    candidates.iter().copied().find(plural).or_else(|| nearest_within(typed, limit, candidates))
}

/// How a group is called in messages.
fn group_title(group: &str) -> String {
    if group.is_empty() { "the core API group".to_owned() } else { format!("API group `{group}`") }
}

fn problem(message: String, node: &Node, label: impl Into<String>, help: impl Into<Help>) -> Problem {
    Problem { message, place: node.place(), label: label.into(), help: help.into() }
}

/// A rule for resources.
struct Rule<'a> {
    owner: &'a str,
    /// All rules of the role.
    rules: &'a [Node],
    node: &'a Node,
    known: &'a Known<'a>,
}

impl Rule<'_> {
    /// The groups, if something is known about all of them, and whether all of their resources are known.
    fn groups(&self) -> Option<(Vec<&str>, bool)> {
        let groups: Vec<&str> = list(self.node, "apiGroups").into_iter().map(|(group, _)| group).collect();
        let known = |group: &&str| **group != *"*" && self.known.group(group) != Group::Unknown;
        let complete = groups.iter().all(|group| self.known.group(group) == Group::BuiltIn);
        (!groups.is_empty() && groups.iter().all(known)).then_some((groups, complete))
    }

    fn check_groups(&self, seen: &mut BTreeSet<String>, found: &mut Vec<Problem>) {
        for (group, node) in list(self.node, "apiGroups") {
            if group == "*" || self.known.group(group) != Group::Unknown || !seen.insert(group.to_owned()) {
                continue;
            }
            let message = format!("unknown API group `{group}` in {}", self.owner);
            if group == "core" || is_version(group) {
                let help = "for the core API group, write `\"\"`";
                found.push(problem(message, node, "the name of the core API group is empty", help));
            } else if let Some((name, version)) = group.split_once('/') {
                let help = format!("remove the version: `{name}`");
                let label = format!("`{version}` is not part of the name");
                found.push(problem(message, node, label, help));
            } else if let Some(near) = self.near_group(group) {
                found.push(problem(message, node, "grants nothing", did_you_mean(near)));
            }
        }
    }

    /// The group that an unknown one most likely means.
    fn near_group(&self, group: &str) -> Option<&str> {
        // Groups below `x-k8s.io` are named after those of Kubernetes.
        if LOOKALIKES.contains(&group) || group.ends_with("x-k8s.io") {
            return None;
        }
        let known: Vec<&str> = self.known.groups().filter(|known| !known.is_empty()).collect();
        let stem = |group: &str| group.split('.').next().unwrap_or_default().to_owned();
        let full = known.iter().copied().find(|known| match group.strip_suffix(".k8s.io") {
            // `apps.k8s.io` does not exist, nor does any group of a CustomResourceDefinition without a dot.
            Some(stem) => stem == *known,
            None => !group.contains('.') && stem(known) == group,
        });
        // The same name below another top-level domain is that of a group that somebody else defines, or did.
        let domain = |group: &str| group.rsplit_once('.').map_or("", |(domain, _)| domain).to_owned();
        let other = |known: &&str| domain(group).contains('.') && domain(known) == domain(group);
        full.or_else(|| near(group, known.into_iter().filter(|known| stem(known).len() > 3 && !other(known))))
    }

    fn check_resources(&self, found: &mut Vec<Problem>) {
        let Some((groups, complete)) = self.groups() else { return };
        let resources = list(self.node, "resources");
        // Resources of one wrong group have one cause.
        let mut astray: BTreeMap<&str, Vec<(&str, &Node)>> = BTreeMap::new();
        let mut nowhere = Vec::new();
        for (name, node) in &resources {
            let (resource, subresource) = name.split_once('/').map_or((*name, None), |(name, sub)| (name, Some(sub)));
            if resource == "*" || resource.is_empty() {
                continue;
            }
            let owners: Vec<&str> = groups.iter().copied().filter(|group| self.known.has(group, resource)).collect();
            if let Some(successor) = self.successor(&groups, &owners, resource) {
                astray.entry(successor).or_default().push((name, node));
                continue;
            }
            if owners.is_empty() {
                let owner = self.known.owner(resource).filter(|_| complete);
                match owner {
                    Some(owner) => astray.entry(owner).or_default().push((name, node)),
                    None => nowhere.push((resource, *node)),
                }
            } else if let Some(subresource) = subresource {
                found.extend(self.unknown_subresource(resource, subresource, node, &owners));
            }
        }
        // Generated rules may name a resource of an aggregated API among those of a built-in group.
        let useless = complete && nowhere.len() == resources.len();
        for (resource, node) in nowhere {
            found.extend(self.unknown_resource(resource, node, &groups, complete, useless));
        }
        for (owner, names) in astray {
            found.push(self.wrong_group(owner, &names, &groups, names.len() == resources.len()));
        }
    }

    /// The group that serves a resource now, if all groups of the rule are retired, and no rule of the role names the other
    /// one. Many rules name groups for old clusters and for new ones, and many roles have a rule for each.
    fn successor(&self, groups: &[&str], owners: &[&str], resource: &str) -> Option<&str> {
        let retired = |group: &&str| !self.known.served().any(|served| served == *group);
        let successor = self.known.owner(resource).filter(|_| !owners.is_empty() && groups.iter().all(retired))?;
        let names = |rule: &Node, key: &str, wanted: &str| {
            list(rule, key).iter().any(|(name, _)| *name == wanted || *name == "*")
        };
        let covered =
            self.rules.iter().any(|rule| names(rule, "apiGroups", successor) && names(rule, "resources", resource));
        (!covered).then_some(successor)
    }

    fn unknown_resource(
        &self,
        resource: &str,
        node: &Node,
        groups: &[&str],
        complete: bool,
        useless: bool,
    ) -> Option<Problem> {
        let near = near(resource, groups.iter().flat_map(|group| self.known.resources(group)));
        let elsewhere = || {
            let mut served = self.known.served();
            served.find_map(|group| Some((group, self::near(resource, self.known.resources(group))?)))
        };
        let help = match (near, complete.then(elsewhere).flatten()) {
            (Some(near), _) => did_you_mean(near),
            (None, Some((group, near))) => format!("did you mean `{near}` in {}?", group_title(group)).into(),
            (None, None) if useless => "use the plural, lowercase name that `kubectl api-resources` prints".into(),
            (None, None) => return None,
        };
        let titles: Vec<String> = groups.iter().map(|group| group_title(group)).collect();
        let message = format!("unknown resource `{resource}` in {}", self.owner);
        Some(problem(message, node, format!("not in {}", titles.join(" or ")), help))
    }

    fn wrong_group(&self, owner: &str, names: &[(&str, &Node)], groups: &[&str], all: bool) -> Problem {
        let titles: Vec<String> = groups.iter().map(|group| group_title(group)).collect();
        let written: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        let verb = if written.len() > 1 { "are" } else { "is" };
        let noun = if written.len() > 1 { "resources" } else { "resource" };
        let message =
            format!("{noun} {} in {} {verb} not in {}", self::names(&written), self.owner, titles.join(" or "));
        let help = if all {
            format!("set `apiGroups: [\"{owner}\"]`")
        } else {
            format!("move {} to a rule with `apiGroups: [\"{owner}\"]`", if written.len() > 1 { "them" } else { "it" })
        };
        let node = names.first().map_or(self.node, |(_, node)| node);
        problem(message, node, format!("in {}", group_title(owner)), help)
    }

    fn unknown_subresource(&self, resource: &str, subresource: &str, node: &Node, owners: &[&str]) -> Option<Problem> {
        let built_in = owners.iter().all(|group| self.known.group(group) == Group::BuiltIn);
        let known: Vec<&str> = owners.iter().flat_map(|group| self.known.subresources(group, resource)).collect();
        if !built_in || known.contains(&subresource) {
            return None;
        }
        // The names of extra fields are subresources of this resource.
        if resource == "userextras" {
            return None;
        }
        if subresource == "*" {
            let message = format!("`{resource}/*` in {} matches nothing", self.owner);
            let label = "there is no wildcard for the subresources of one resource";
            let help = format!("name the subresources, such as `{resource}/{}`", known.first().unwrap_or(&"status"));
            return Some(problem(message, node, label, help));
        }
        let near = near(subresource, known)?;
        let message = format!("unknown subresource `{resource}/{subresource}` in {}", self.owner);
        Some(problem(message, node, "grants nothing", did_you_mean(format!("{resource}/{near}"))))
    }

    fn check_verbs(&self, found: &mut Vec<Problem>) {
        let written = list(self.node, "verbs");
        let groups = self.groups();
        let complete = groups.as_ref().is_some_and(|(_, complete)| *complete);
        for (name, node) in &written {
            if verb(name) != Verb::Unknown {
                continue;
            }
            let synonym = SYNONYMS.iter().find(|(typed, _)| typed.eq_ignore_ascii_case(name));
            let help = match (synonym, near(name, verbs())) {
                (_, Some(near)) => did_you_mean(near),
                (Some((_, meant)), None) if complete => format!("use {meant}").into(),
                (None, None) if complete => format!("use one of {}", names(&verbs().collect::<Vec<_>>())).into(),
                // The API server of a custom resource may check verbs of its own.
                (_, None) => continue,
            };
            found.push(problem(format!("unknown verb `{name}` in {}", self.owner), node, "grants nothing", help));
        }
        let Some((groups, true)) = groups else { return };
        let requests = written.iter().all(|(name, _)| verb(name) == Verb::Request);
        if written.is_empty() || !requests {
            return;
        }
        // The verbs of each resource, if all of them are known.
        let resources = list(self.node, "resources");
        let served: Option<Vec<Vec<&str>>> = resources
            .iter()
            .map(|(name, _)| {
                let served = groups.iter().filter_map(|group| self.known.verbs(group, name));
                let served: Vec<&str> = served.flatten().map(String::as_str).collect();
                // Roles that aggregate others have one rule per verb, also for these.
                let excused = name.ends_with("/status") || name.ends_with("/scale");
                (!served.is_empty() && !excused).then_some(served)
            })
            .collect();
        let Some(served) = served.filter(|all| !all.is_empty()) else { return };
        if served.iter().flatten().any(|served| written.iter().any(|(name, _)| name == served)) {
            return;
        }
        let resources: Vec<&str> = resources.iter().map(|(name, _)| *name).collect();
        let verbs: Vec<&str> = written.iter().map(|(name, _)| *name).collect();
        let plural = if verbs.len() > 1 { "verbs" } else { "verb" };
        let does = if verbs.len() > 1 { "do" } else { "does" };
        let message = format!("{plural} {} in {} {does} not apply to {}", names(&verbs), self.owner, names(&resources));
        let known = served.first().map(|served| names(served)).unwrap_or_default();
        let node = written.first().map_or(self.node, |(_, node)| node);
        found.push(problem(message, node, "grants nothing", format!("`{}` has {known}", resources[0])));
    }

    fn check_methods(&self, found: &mut Vec<Problem>) {
        for (name, node) in list(self.node, "verbs") {
            if METHODS.contains(&name) {
                continue;
            }
            let near = near(name, METHODS.iter().copied().filter(|method| *method != "*"));
            let help = near.map_or_else(|| format!("use one of {}", names(METHODS)).into(), did_you_mean);
            // Rules are often copied with `list` and `watch`, which do no harm.
            if near.is_some() || verb(name) == Verb::Unknown {
                let message = format!("unknown verb `{name}` for `nonResourceURLs` in {}", self.owner);
                found.push(problem(message, node, "not a method of HTTP", help));
            }
        }
    }
}

/// Whether a name is a version, such as `v1` or `v1beta1`.
fn is_version(name: &str) -> bool {
    let digits = name.strip_prefix('v').unwrap_or_default();
    digits.starts_with(|first: char| first.is_ascii_digit()) && !name.contains(['.', '/'])
}

/// Misspelled labels that would add a ClusterRole to a built-in one.
fn aggregation<'a>(object: &'a Object, owner: &'a str) -> impl Iterator<Item = Problem> + use<'a> {
    const ROLES: [&str; 3] = ["admin", "edit", "view"];
    let labels = object.find(&["metadata", "labels"]).map(Node::entries).unwrap_or_default();
    let labels = labels.iter().filter(|_| object.key.kind == "ClusterRole");
    labels.filter_map(move |(key, value)| {
        let role = key.name.strip_prefix(AGGREGATE).filter(|role| !ROLES.contains(role))?;
        let near = near(role, ROLES)?;
        Some(Problem {
            message: format!("unknown aggregation label `{}` on {owner}", key.name),
            place: Place::new(&value.source, key.span.clone()),
            label: "no ClusterRole aggregates it".to_owned(),
            help: did_you_mean(format!("{AGGREGATE}{near}")),
        })
    })
}

#[cfg(test)]
mod tests;
