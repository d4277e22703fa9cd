//! An Application against its project.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use argocd::application::is_control_plane;
use argocd::pattern::matches_kind;
use argocd::permission::Verdict;
use argocd::project::{Destination, KindRule, Project};
use argocd::{permission, repository_url, sync_order};
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Help, Place, did_you_mean, fact, nearest};
use document::Node;
use kubernetes::forms;
use kubernetes::manifest::ObjectKey;
use kubernetes::object::Object;
use kubernetes::scope::Scope;
use workspace::target::DEFAULT_CASE;
use workspace::written::{CONTROL_PLANE, Written};

use super::fix::{alternative, fix, is_literal, kind_field};
use super::misspelled::{Misspelled, MisspelledEntry};
use super::projects::Projects;
use crate::lint::application_destination::is_address;
use crate::lint::argocd_folder;
use crate::lint::subject::{ByTarget, Subject};

/// An Application and its project.
pub(super) struct Against<'a> {
    pub(super) application: Written<'a>,
    pub(super) project: &'a Project,
    /// All projects.
    pub(super) projects: &'a Projects<'a>,
}

impl Against<'_> {
    /// A finding at a place of the Application, with the field of the project that decides.
    fn forbidden(&self, what: &str, place: Place, label: &str, field: &str) -> Diagnostic {
        self.by_project(self.application.finding(Code::ProjectForbids, self.violation(what), place, label), field)
    }

    fn violation(&self, what: &str) -> String {
        format!("project `{}` does not allow {what}", self.project.name)
    }

    /// Adds the field of the project that decides. A blacklist is marked at the entry that matches.
    fn by_project(&self, found: Diagnostic, field: &str) -> Diagnostic {
        match self.project.field(field) {
            _ if field.ends_with("Blacklist") => found,
            Some(place) => {
                // The only entry of a list is the one to compare with.
                let by_cluster = |fact: &Fact| matches!(fact, Fact::Forbidden { kind: fact::Subject::Cluster, .. });
                let key = if found.facts.iter().any(by_cluster) { "server" } else { "namespace" };
                let only = match field {
                    "destinations" => self.project.only_entry(field, key),
                    "sourceNamespaces" | "sourceRepos" => self.project.only_entry(field, ""),
                    _ => None,
                };
                found.at(only.unwrap_or(place), "allowed by the project")
            }
            None => found.at(self.project.place.clone(), format!("has no `{field}`")),
        }
    }

    /// Checks the repository, the destination, the Application's namespace, and the namespace that it creates.
    pub(super) fn itself(&self) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        diagnostics.0.extend(self.repository());
        // The namespace of a destination that is not allowed cannot be created either.
        diagnostics.0.extend(self.destination().or_else(|| self.created_namespace()));
        diagnostics.0.extend(self.source_namespace());
        diagnostics
    }

    fn repository(&self) -> Option<Diagnostic> {
        if self.project.misspells("sourceRepos") {
            return None;
        }
        let patterns = || self.project.source_repos.iter().map(|(pattern, _)| pattern.as_str());
        let path = ["spec", "source", "repoURL"];
        let url = self.application.text(&path)?;
        if permission::allows_repository(patterns(), url) || self.projects.declares(&self.project.name, url) {
            return None;
        }
        let literal: Vec<&str> = patterns().filter(|pattern| is_literal(pattern)).collect();
        let same = literal.iter().find(|pattern| repository_url::same(pattern, url)).copied();
        let found = self.forbidden(&format!("repository `{url}`"), self.application.place(&path), "", "sourceRepos");
        let found = found.fact(Fact::forbidden(fact::Subject::Repository, url));
        let fixed = same.map(|same| vec![same]).unwrap_or(literal);
        Some(alternative(
            fix(found, "repoURL", Some(url).filter(|_| same.is_none()), &fixed),
            &self.widen("sourceRepos", url),
        ))
    }

    fn destination(&self) -> Option<Diagnostic> {
        if self.project.misspells("destinations") {
            return None;
        }
        let namespace = self.application.namespace();
        let cluster = self.application.cluster();
        // No project can allow a destination that does not exist.
        let possible = (namespace.is_empty() || forms::label(namespace).is_none())
            && cluster.server.as_deref().is_none_or(is_address);
        if !possible || self.reaches(namespace) {
            return None;
        }
        if let Some((own, node)) = self.own_project(namespace).zip(self.application.written_project()) {
            let what = self.violation(&format!("namespace `{namespace}`"));
            let label = "the project of another Application";
            let found = self.application.finding(Code::ProjectForbids, what, node.1.place(), label);
            let found = found.fact(Fact::forbidden(fact::Subject::Namespace, namespace));
            let help = Help::from(format!("set `project: {}`, which allows it", own.name));
            return Some(found.help(help.naming([&own.name])));
        }
        let destinations = &self.project.destinations;
        let finding = |what: &str, key: &str, label: &str| {
            let place = self.application.place(&["spec", "destination", key]);
            self.application.finding(Code::ProjectForbids, self.violation(what), place, label)
        };
        let denied = permission::denying_destination(destinations, &cluster, namespace).is_some();
        if denied || permission::allows_cluster(destinations, &cluster) {
            let what = if namespace.is_empty() {
                "a destination without a namespace".to_owned()
            } else {
                format!("namespace `{namespace}`")
            };
            let reachable = |item: &&Destination| permission::allows_cluster(std::slice::from_ref(*item), &cluster);
            let namespaces = destinations.iter().filter(reachable).map(|item| item.namespace.as_str());
            let permitted: Vec<&str> = namespaces.filter(|text| is_literal(text)).collect();
            let found = finding(&what, "namespace", "").facts(
                Some(namespace)
                    .filter(|namespace| !namespace.is_empty())
                    .map(|namespace| Fact::forbidden(fact::Subject::Namespace, namespace)),
            );
            let found = found.facts(self.application.made_by.map(|_| Fact::Generated));
            let found = if denied {
                found.help("choose another destination for the Application")
            } else {
                fix(found, "namespace", Some(namespace), &permitted)
            };
            return Some(self.destination_help(found, namespace));
        }
        let by_name = self.application.text(&["spec", "destination", "server"]).is_none();
        let key = if by_name { "name" } else { "server" };
        let named = if by_name { &cluster.name } else { &cluster.server };
        let what = format!("cluster `{}`", named.as_deref().unwrap_or_default());
        let clusters = destinations.iter().map(|item| if by_name { &item.name } else { &item.server });
        let permitted: Vec<&str> = clusters.map(String::as_str).filter(|text| is_literal(text)).collect();
        let found =
            finding(&what, key, "").fact(Fact::forbidden(fact::Subject::Cluster, named.as_deref().unwrap_or_default()));
        let found = fix(found, key, None, &permitted);
        Some(self.destination_help(found, namespace))
    }

    pub(super) fn source_namespace(&self) -> Option<Diagnostic> {
        let path = ["metadata", "namespace"];
        let own = self.application.text(&path).filter(|own| !is_control_plane(own))?;
        let patterns = self.project.source_namespaces.iter().map(|(pattern, _)| pattern.as_str());
        (permission::allows_application_in(patterns, own) == Some(false)).then(|| {
            let what = format!("Applications in namespace `{own}`");
            let place = self.application.place(&path);
            let found = self
                .forbidden(&what, place, "", "sourceNamespaces")
                .help(format!("set `metadata.namespace: {CONTROL_PLANE}`"));
            alternative(found, &self.widen("sourceNamespaces", own))
        })
    }

    /// The namespace that `CreateNamespace=true` creates has to be permitted like any other object.
    fn created_namespace(&self) -> Option<Diagnostic> {
        let namespace = self.application.namespace();
        let creates = self.application.has_sync_option("CreateNamespace=true")
            && !namespace.is_empty()
            && forms::label(namespace).is_none();
        let verdict = permission::kind(self.project, "", "Namespace", namespace, Scope::Cluster);
        if !creates || verdict == Verdict::Allowed {
            return None;
        }
        let path = ["spec", "syncPolicy", "syncOptions"];
        let options = self.application.root.find(&path).map(Node::items).unwrap_or_default();
        let option = options.iter().find(|node| node.as_str() == Some("CreateNamespace=true"));
        let place = option.map_or_else(|| self.application.place(&path[..2]), Node::place);
        let key = ObjectKey {
            group: String::new(),
            kind: "Namespace".to_owned(),
            namespace: String::new(),
            name: namespace.to_owned(),
        };
        let what = format!("creating Namespace `{namespace}`");
        let found = match self.other_name(&key, Scope::Cluster, verdict) {
            Some(rule) => Diagnostic::new(Code::ProjectForbids, self.violation(&what))
                .target(self.application.name)
                .at(place, "")
                .at(rule.name_place.clone(), "the project allows this name"),
            None => self.forbidden(&what, place, "", kind_field(Scope::Cluster, verdict)),
        };
        let found = found.help("if the namespace exists already, delete `CreateNamespace=true`");
        Some(self.kind_help(found, (&what, &key), Scope::Cluster, verdict))
    }

    /// Whether the project permits a namespace of the Application's cluster, or that cannot be known.
    fn reaches(&self, namespace: &str) -> bool {
        let cluster = self.application.cluster();
        let unset = cluster.server.is_none() && cluster.name.is_none();
        unset || permission::allows_destination(&self.project.destinations, &cluster, namespace) != Some(false)
    }

    /// The project with the name of the Application, if that one allows the destination.
    fn own_project(&self, namespace: &str) -> Option<&Project> {
        let cluster = self.application.cluster();
        let own = self.projects.known.iter().find(|one| {
            one.name == self.application.name && one.argocd == self.project.argocd && one.name != self.project.name
        })?;
        let allowed = permission::allows_destination(&own.destinations, &cluster, namespace) == Some(true);
        allowed.then_some(*own)
    }

    /// The help that names what to add to a list of the project.
    fn widen(&self, field: &str, entry: &str) -> String {
        format!("add `{entry}` to `spec.{field}` of project `{}`", self.project.name)
    }

    /// Adds the project's destinations to a finding, and how to change them.
    fn destination_help(&self, found: Diagnostic, namespace: &str) -> Diagnostic {
        let cluster = self.application.cluster();
        if let Some(entry) = permission::denying_destination(&self.project.destinations, &cluster, namespace) {
            let help = format!("delete the entry with `!` from `spec.destinations` of project `{}`", self.project.name);
            return alternative(found.at(entry.place.clone(), "denied here"), &help);
        }
        let cluster = match (cluster.server, cluster.name) {
            (Some(server), _) => format!("server: {server}"),
            (None, name) => format!("name: {}", name.unwrap_or_default()),
        };
        let help = self.widen("destinations", &format!("{{{cluster}, namespace: {namespace}}}"));
        alternative(self.by_project(found, "destinations"), &help)
    }

    /// The help for an object whose kind is not permitted.
    fn kind_help(
        &self,
        found: Diagnostic,
        (what, key): (&str, &ObjectKey),
        scope: Scope,
        verdict: Verdict<'_>,
    ) -> Diagnostic {
        let ObjectKey { group, kind, name, .. } = key;
        let field = kind_field(scope, verdict);
        if let Verdict::Denied(rule) = verdict {
            let help = format!("delete the entry from `spec.{field}` of project `{}`", self.project.name);
            return alternative(found.at(rule.kind_place.clone(), "denied here"), &help);
        }
        let entry = match scope {
            Scope::Cluster => format!("{{group: \"{group}\", kind: {kind}, name: {name}}}"),
            Scope::Namespaced => format!("{{group: \"{group}\", kind: {kind}}}"),
        };
        let found = alternative(found, &self.widen(field, &entry));
        let (list, project) = (field.to_owned(), self.project.name.clone());
        found.fact(Fact::Unlisted { list, entry, what: what.to_owned(), project })
    }

    /// Checks what the default case renders.
    pub(super) fn objects(
        &self,
        by_target: &ByTarget<'_>,
        complete: bool,
        unknown: &mut BTreeSet<(String, String)>,
        misspelled: &mut Misspelled,
    ) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        let target = format!("{}/{DEFAULT_CASE}", self.application.name);
        let deployed = self.application.deployment.is_some();
        let synced = |object: &&Object| sync_order::order(&object.root).is_some();
        for object in by_target.of(&target).iter().filter(|object| deployed && synced(object)) {
            let key = &object.key;
            let at = object.root.get("kind").unwrap_or(&object.root).place();
            let Some(scope) = self.projects.scopes.of(&key.group, &key.kind) else {
                if complete && !self.allows_anyway(key) && unknown.insert((key.group.clone(), key.kind.clone())) {
                    diagnostics.push(unknown_scope(object, at));
                }
                continue;
            };
            let what = format!("{} `{}`", key.kind, key.name);
            let finding = |what: &str| object.finding(Code::ProjectForbids, self.violation(what), at.clone(), "");
            let verdict = permission::kind(self.project, &key.group, &key.kind, &key.name, scope);
            let entry = self.misspelled_entry(key, scope, verdict);
            if let Some(rule) = self.misspelled_name(key, scope, verdict).filter(|_| entry.is_none()) {
                diagnostics.push(
                    Diagnostic::new(Code::ProjectForbids, self.violation(&what))
                        .target(&object.target)
                        .at(rule.name_place.clone(), format!("no {} of this Application has this name", key.kind))
                        .at(at.clone(), "needs it")
                        .help(did_you_mean(&key.name)),
                );
            } else if let Some(entry) = entry {
                let found = Diagnostic::new(Code::ProjectForbids, self.violation(&what)).target(&object.target);
                diagnostics.0.extend(misspelled.report(found, &entry, Some(at.clone())));
            } else if verdict != Verdict::Allowed {
                // A project that lists the kind under another name expects that name.
                let named = self.other_name(key, scope, verdict);
                let at = if named.is_some() { object.name_place() } else { at.clone() };
                let found = object.finding(Code::ProjectForbids, self.violation(&what), at, "");
                let found = match named {
                    Some(rule) => found.at(rule.name_place.clone(), "the project allows this name"),
                    None => self.by_project(found, kind_field(scope, verdict)),
                };
                let found = found.help(match object.template.as_str() {
                    template if template.contains("/templates/") => {
                        "remove it from the chart, or disable it in the values"
                    }
                    _ => "remove it",
                });
                diagnostics.push(self.kind_help(found, (&what, key), scope, verdict));
            }
            let namespace = effective_namespace(&object.root, self.application.namespace());
            if scope == Scope::Namespaced && namespace != self.application.namespace() && !self.reaches(namespace) {
                let found = finding(&format!("{what} in namespace `{namespace}`"));
                let found = found.fact(Fact::Namespace(namespace.to_owned()));
                let found = if object.template.contains("/templates/") {
                    found.help("use `{{ .Release.Namespace }}` in the template")
                } else {
                    found
                };
                diagnostics.push(self.destination_help(found, namespace));
            }
        }
        diagnostics
    }

    /// Checks the manifests under argocd/ that the Application deploys.
    pub(super) fn manifests(
        &self,
        subject: &Subject<'_>,
        reported: &LazyCell<Vec<Place>, impl FnOnce() -> Vec<Place>>,
        misspelled: &mut Misspelled,
    ) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        // An Application that is rendered deploys what it renders.
        let files = subject.workspace.argocd.iter().filter(|_| self.application.deployment.is_none());
        for file in files {
            if !argocd_folder::deploys(&self.application, &file.name) {
                continue;
            }
            for root in file.documents.iter().map(|document| &document.root) {
                let text = |path: &[&str]| root.find(path).and_then(Node::as_str).unwrap_or_default();
                let (kind, name) = (text(&["kind"]), text(&["metadata", "name"]));
                let group = text(&["apiVersion"]).split_once('/').map_or("", |(group, _)| group);
                let Some(scope) = self.projects.scopes.of(group, kind) else { continue };
                let what = format!("{kind} `{name}`");
                let place = root.get("kind").unwrap_or(root).place();
                let namespace = effective_namespace(root, self.application.namespace());
                let key = ObjectKey {
                    group: group.to_owned(),
                    kind: kind.to_owned(),
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                };
                let verdict = permission::kind(self.project, group, kind, name, scope);
                if let Some(entry) = self.misspelled_entry(&key, scope, verdict) {
                    let found = Diagnostic::new(Code::ProjectForbids, self.violation(&what));
                    let found = found.target(self.application.name);
                    diagnostics.0.extend(misspelled.report(found, &entry, Some(place.clone())));
                } else if verdict != Verdict::Allowed {
                    let label = format!("deployed by Application `{}`", self.application.name);
                    let found = self.forbidden(&what, place.clone(), &label, kind_field(scope, verdict));
                    let found = found.help("move it out of the directory that the Application deploys");
                    diagnostics.push(self.kind_help(found, (&what, &key), scope, verdict));
                }
                if scope == Scope::Namespaced && namespace != self.application.namespace() && !self.reaches(namespace) {
                    let place = root.find(&["metadata", "namespace"]).map_or(place, Node::place);
                    if reported.contains(&place) {
                        continue;
                    }
                    let label = format!("deployed by Application `{}`", self.application.name);
                    let what = format!("{what} in namespace `{namespace}`");
                    let found = self.application.finding(Code::ProjectForbids, self.violation(&what), place, label);
                    let found = found.fact(Fact::Namespace(namespace.to_owned()));
                    let found = found.help(format!("set `metadata.namespace: {}`", self.application.namespace()));
                    diagnostics.push(self.destination_help(found, namespace));
                }
            }
        }
        diagnostics
    }

    /// Whether the project allows an object, namespaced or not.
    fn allows_anyway(&self, key: &ObjectKey) -> bool {
        let verdict = |scope| permission::kind(self.project, &key.group, &key.kind, &key.name, scope);
        [Scope::Cluster, Scope::Namespaced].into_iter().all(|scope| verdict(scope) == Verdict::Allowed)
    }

    /// The entry of a whitelist whose name is nearly that of an object.
    fn misspelled_name(&self, key: &ObjectKey, scope: Scope, verdict: Verdict<'_>) -> Option<&KindRule> {
        let rules =
            self.project.cluster_allowed.iter().filter(|_| scope == Scope::Cluster && verdict == Verdict::Unlisted);
        let mut rules =
            rules.filter(|rule| matches_kind(&rule.group, &key.group) && matches_kind(&rule.kind, &key.kind));
        let near = |rule: &&KindRule| is_literal(&rule.name) && nearest(&rule.name, [key.name.as_str()]).is_some();
        rules.find(near)
    }

    /// The only entry of a whitelist for the kind of an object, if it is for another name.
    fn other_name(&self, key: &ObjectKey, scope: Scope, verdict: Verdict<'_>) -> Option<&KindRule> {
        let listed = |rule: &&KindRule| rule.group == key.group && rule.kind == key.kind && is_literal(&rule.name);
        let mut rules = self.project.cluster_allowed.iter().filter(listed);
        let only = rules.next().filter(|_| rules.next().is_none());
        only.filter(|rule| scope == Scope::Cluster && verdict == Verdict::Unlisted && !rule.name.is_empty())
    }

    /// The entry of a whitelist that most likely was meant to permit an object.
    fn misspelled_entry(&self, key: &ObjectKey, scope: Scope, verdict: Verdict<'_>) -> Option<MisspelledEntry> {
        let rules = match scope {
            _ if verdict != Verdict::Unlisted => return None,
            Scope::Cluster => self.project.cluster_allowed.as_slice(),
            Scope::Namespaced => self.project.namespace_allowed.as_deref().unwrap_or_default(),
        };
        rules.iter().find_map(|rule| {
            let named = rule.name.is_empty() || matches_kind(&rule.name, &key.name);
            let entry =
                MisspelledEntry::of(rule).filter(|entry| (&entry.group, &entry.kind) == (&key.group, &key.kind));
            // The kind of a CustomResourceDefinition that is rendered.
            let custom = || {
                let near = is_literal(&rule.kind) && nearest(&rule.kind, [key.kind.as_str()]).is_some();
                let other =
                    matches_kind(&rule.group, &key.group) && self.projects.scopes.of(&key.group, &rule.kind).is_none();
                (near && other).then(|| MisspelledEntry::new(rule, &key.group, &key.kind))
            };
            entry.or_else(custom).filter(|_| named)
        })
    }
}

/// The namespace that an object is deployed to.
fn effective_namespace<'a>(root: &'a Node, destination: &'a str) -> &'a str {
    let named = root.find(&["metadata", "namespace"]).and_then(Node::as_str).filter(|named| !named.is_empty());
    named.unwrap_or(destination)
}

fn unknown_scope(object: &Object, place: Place) -> Diagnostic {
    let ObjectKey { group, kind, .. } = &object.key;
    let message = format!("cannot tell whether `{kind}` of group `{group}` is namespaced");
    object
        .finding(Code::ScopeUnknown, message, place, "not checked against the project")
        .note("known are built-in kinds, and kinds whose CustomResourceDefinition a target renders")
}
