//! Projects: each Application has one that exists, and is allowed what it needs.
//!
//! What a project forbids, Argo CD tells only once it syncs: here it is told before the merge, of the Application (its
//! repository, its destination, its own namespace), of every object of its default case, of the namespace that it
//! creates, and, for an Application that deploys a folder of argocd/, of the manifests in that folder.
//!
//! Deliberately absent: further cases, which nothing deploys; and global projects, which only Argo CD's settings know.

use std::collections::BTreeSet;

use super::application_destination::is_address;
use super::argocd_folder;
use super::subject::Subject;
use argocd::permission;
use argocd::permission::Verdict;
use argocd::project::{Destination, Project};
use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, suggestion};
use document::Node;
use kubernetes::forms;
use kubernetes::manifest::ObjectKey;
use kubernetes::object::Object;
use kubernetes::scope::{Scope, Scopes};
use workspace::plan;
use workspace::plan::DEFAULT_CASE;
use workspace::written::{CONTROL_PLANE, DEFAULT_PROJECT, Written};

/// What this check finds.
pub const CODES: &[Code] = &[Code::ApplicationProject, Code::ProjectForbids, Code::ProjectUnused, Code::ScopeUnknown];

/// Holds every Application against its project, and looks for projects that nobody has.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let projects = subject.projects();
    let scopes = Scopes::new(subject.objects);
    let mut unknown = BTreeSet::new();
    for application in subject.applications() {
        // That nothing names a project is told where fields are read.
        let Some(node) = application.root.find(&["spec", "project"]) else { continue };
        let name = application.project();
        let Some(project) = projects.iter().find(|project| project.name == name) else {
            // A file that nobody could read may hold it.
            if subject.workspace.argocd_complete || name == DEFAULT_PROJECT {
                diagnostics.push(missing(&application, node, name, &projects));
            }
            continue;
        };
        let against = Against { application, project, scopes: &scopes };
        diagnostics.extend(against.itself());
        diagnostics.extend(against.objects(subject, &mut unknown));
        diagnostics.extend(against.manifests(subject));
    }
    diagnostics.extend(unused(subject, &projects));
    diagnostics
}

fn missing(application: &Written<'_>, node: &Node, name: &str, projects: &[Project]) -> Diagnostic {
    let finding =
        |message: String, label: &str| application.finding(Code::ApplicationProject, message, node.place(), label);
    if name == DEFAULT_PROJECT {
        return finding("`default` is Argo CD's own project".to_owned(), "allows every repository, cluster, and kind")
            .help(format!("write argocd/projects/{0}.yaml, and say `project: {0}`", application.name));
    }
    finding(format!("there is no project `{name}`"), "no AppProject under argocd/ is named so")
        .help(suggestion(name, projects.iter().map(|project| project.name.as_str())))
}

/// An Application and its project.
struct Against<'a> {
    application: Written<'a>,
    project: &'a Project,
    scopes: &'a Scopes,
}

impl Against<'_> {
    fn forbidden(&self, what: &str, place: Place, help: String) -> Diagnostic {
        let message = format!("project `{}` does not allow {what}", self.project.name);
        let found = self.application.finding(Code::ProjectForbids, message, place, "");
        found.at(self.project.place.clone(), "the project").help(help)
    }

    /// The repository, the destination, the Application's namespace, and the namespace that it creates.
    fn itself(&self) -> Diagnostics {
        let Self { application, project, .. } = self;
        let mut diagnostics = Diagnostics::default();
        let patterns = project.source_repos.iter().map(|(pattern, _)| pattern.as_str());
        if let Some(url) = application.text(&["spec", "source", "repoURL"])
            && !permission::allows_repository(patterns, url)
        {
            let place = application.place(&["spec", "source", "repoURL"]);
            diagnostics.push(self.forbidden("this repository", place, format!("add `{url}` to its `sourceRepos`")));
        }
        let namespace = application.namespace();
        // To allow what cannot be would mend nothing.
        let server = application.cluster().server;
        let named = namespace.is_empty() || forms::label(namespace).is_none();
        let meant = named && server.as_deref().is_none_or(is_address);
        if meant && !self.reaches(namespace) {
            let place = application.place(&["spec", "destination", "namespace"]);
            diagnostics.push(self.forbidden("this destination", place, self.destination_help(namespace)));
        }
        if let Some((own, place)) = self.own_namespace() {
            let patterns = project.source_namespaces.iter().map(|(pattern, _)| pattern.as_str());
            if permission::allows_application_in(patterns, own) == Some(false) {
                let what = format!("Applications in the namespace `{own}`");
                let help =
                    format!("set `metadata.namespace: {CONTROL_PLANE}`, or add `{own}` to its `sourceNamespaces`");
                diagnostics.push(self.forbidden(&what, place, help));
            }
        }
        // What Argo CD creates is held against the project like what is rendered.
        let verdict = permission::kind(project, "", "Namespace", namespace, Scope::Cluster);
        let creates = application.has_sync_option("CreateNamespace=true") && named && !namespace.is_empty();
        if creates && verdict != Verdict::Allowed {
            let options =
                application.root.find(&["spec", "syncPolicy", "syncOptions"]).map(Node::items).unwrap_or_default();
            let option = options.iter().find(|node| node.as_str() == Some("CreateNamespace=true"));
            let place = option.map_or_else(|| application.place(&["spec", "syncPolicy"]), Node::place);
            let key = ObjectKey {
                group: String::new(),
                kind: "Namespace".to_owned(),
                namespace: String::new(),
                name: namespace.to_owned(),
            };
            let what = format!("creating the Namespace `{namespace}`");
            diagnostics.push(self.forbidden(&what, place, kind_help(&key, Scope::Cluster, verdict)));
        }
        diagnostics
    }

    fn own_namespace(&self) -> Option<(&str, Place)> {
        let path = ["metadata", "namespace"];
        let own = self.application.text(&path).filter(|own| *own != CONTROL_PLANE)?;
        Some((own, self.application.place(&path)))
    }

    /// Whether the project reaches a namespace of the Application's cluster; also where nobody here can tell.
    fn reaches(&self, namespace: &str) -> bool {
        let cluster = self.application.cluster();
        let unsaid = cluster.server.is_none() && cluster.name.is_none();
        unsaid || permission::allows_destination(&self.project.destinations, &cluster, namespace) != Some(false)
    }

    fn destination_help(&self, namespace: &str) -> String {
        let cluster = self.application.cluster();
        let cluster = match (cluster.server, cluster.name) {
            (Some(server), _) => format!("server: {server}"),
            (None, name) => format!("name: {}", name.unwrap_or_default()),
        };
        let denials = |item: &Destination| {
            [&item.server, &item.name, &item.namespace].iter().any(|pattern| pattern.starts_with('!'))
        };
        let but = if self.project.destinations.iter().any(denials) {
            "; a pattern with `!` outweighs whatever others allow"
        } else {
            ""
        };
        format!("add `{{{cluster}, namespace: {namespace}}}` to its `destinations`{but}")
    }

    /// What the default case renders.
    fn objects(&self, subject: &Subject<'_>, unknown: &mut BTreeSet<(String, String)>) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        let target = format!("{}/{DEFAULT_CASE}", self.application.name);
        let deployed = self.application.deployment.is_some();
        // Another target may define the kind.
        let complete = subject.targets.len() == plan::target_ids(subject.workspace).len();
        let synced = |object: &&Object| object.target == target && sync_order::order(&object.root).is_some();
        for object in subject.objects.iter().filter(|object| deployed && synced(object)) {
            let key = &object.key;
            let at = object.root.get("kind").unwrap_or(&object.root).place();
            let Some(scope) = self.scopes.of(&key.group, &key.kind) else {
                if complete && unknown.insert((key.group.clone(), key.kind.clone())) {
                    diagnostics.push(unknown_scope(object, at));
                }
                continue;
            };
            let what = format!("{} `{}`", key.kind, key.name);
            let finding = |what: &str, help: String| {
                object
                    .finding(
                        Code::ProjectForbids,
                        format!("project `{}` does not allow {what}", self.project.name),
                        at.clone(),
                        "",
                    )
                    .at(self.project.place.clone(), "the project")
                    .help(help)
            };
            let verdict = permission::kind(self.project, &key.group, &key.kind, &key.name, scope);
            if verdict != Verdict::Allowed {
                diagnostics.push(finding(&what, kind_help(key, scope, verdict)));
            }
            let namespace = effective_namespace(&object.root, self.application.namespace());
            if scope == Scope::Namespaced && namespace != self.application.namespace() && !self.reaches(namespace) {
                diagnostics.push(finding(&format!("{what} in `{namespace}`"), self.destination_help(namespace)));
            }
        }
        diagnostics
    }

    /// The manifests under argocd/ that it deploys.
    fn manifests(&self, subject: &Subject<'_>) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        for file in subject.workspace.argocd.iter().filter(|file| argocd_folder::deploys(&self.application, &file.name))
        {
            for root in file.documents.iter().map(|document| &document.root) {
                let text = |path: &[&str]| root.find(path).and_then(Node::as_str).unwrap_or_default();
                let (kind, name) = (text(&["kind"]), text(&["metadata", "name"]));
                let group = text(&["apiVersion"]).split_once('/').map_or("", |(group, _)| group);
                let Some(scope) = self.scopes.of(group, kind) else { continue };
                let what = format!("{kind} `{name}`, which this Application deploys");
                let place = root.get("kind").unwrap_or(root).place();
                let namespace = effective_namespace(root, self.application.namespace());
                let verdict = permission::kind(self.project, group, kind, name, scope);
                if verdict != Verdict::Allowed {
                    let key = ObjectKey {
                        group: group.to_owned(),
                        kind: kind.to_owned(),
                        namespace: namespace.to_owned(),
                        name: name.to_owned(),
                    };
                    diagnostics.push(self.forbidden(&what, place.clone(), kind_help(&key, scope, verdict)));
                }
                if scope == Scope::Namespaced && namespace != self.application.namespace() && !self.reaches(namespace) {
                    let place = root.find(&["metadata", "namespace"]).map_or(place, Node::place);
                    let what = format!("{what}, in `{namespace}`");
                    diagnostics.push(self.forbidden(&what, place, self.destination_help(namespace)));
                }
            }
        }
        diagnostics
    }
}

/// Where an object lands.
fn effective_namespace<'a>(root: &'a Node, destination: &'a str) -> &'a str {
    let named = root.find(&["metadata", "namespace"]).and_then(Node::as_str).filter(|named| !named.is_empty());
    named.unwrap_or(destination)
}

/// The way out for an object that is not allowed.
fn kind_help(key: &ObjectKey, scope: Scope, verdict: Verdict) -> String {
    let ObjectKey { group, kind, name, .. } = key;
    let (list, entry) = match scope {
        Scope::Cluster => ("clusterResource", format!("{{group: \"{group}\", kind: {kind}, name: {name}}}")),
        Scope::Namespaced => ("namespaceResource", format!("{{group: \"{group}\", kind: {kind}}}")),
    };
    if verdict == Verdict::Denied {
        format!("its `{list}Blacklist` denies it; take the entry out, or the object")
    } else {
        format!("add `{entry}` to its `{list}Whitelist`")
    }
}

fn unknown_scope(object: &Object, place: Place) -> Diagnostic {
    let ObjectKey { group, kind, .. } = &object.key;
    let message = format!("nobody says whether a {kind} of `{group}` belongs to a namespace");
    object
        .finding(Code::ScopeUnknown, message, place, "so its project is not held against it")
        .note("known are the kinds of Kubernetes, and those whose CustomResourceDefinition a target renders")
}

/// Projects that no Application names, and those that Argo CD does not see.
fn unused(subject: &Subject<'_>, projects: &[Project]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let used: BTreeSet<&str> = subject.every_application().map(|application| application.project()).collect();
    // What is broken may be an Application whose kind is misspelt.
    let instance = |application: Written<'_>| {
        let text = |key: &str| application.text(&["metadata", key]).unwrap_or_default();
        argocd::application::instance_name(text("name"), text("namespace"))
    };
    let read: Vec<String> = subject.every_application().map(instance).collect();
    let all_read = subject.workspace.argocd_complete && subject.workspace.broken.iter().all(|name| read.contains(name));
    for project in projects {
        let finding = |message: String, place: &Place| {
            Diagnostic::new(Code::ProjectUnused, message).target(&project.name).at(place.clone(), "")
        };
        if let Some((namespace, place)) = project.namespace.as_ref().filter(|(name, _)| name != CONTROL_PLANE) {
            diagnostics.push(
                finding(format!("Argo CD does not look for projects in the namespace `{namespace}`"), place)
                    .help(format!("set `namespace: {CONTROL_PLANE}`")),
            );
        }
        let unused = !used.contains(project.name.as_str()) && project.name != DEFAULT_PROJECT;
        if unused && all_read {
            diagnostics.push(
                finding(format!("no Application uses the project `{}`", project.name), &project.place)
                    .help("delete it, or say `project:` in the Application that it is for"),
            );
        }
    }
    diagnostics
}
