//! Projects: whether each Application's project exists and permits what the Application needs.
//!
//! Argo CD reports a violation only during a sync. This check covers the Application itself (repository, destination, and
//! namespace), the objects of its default case, the namespace that it creates, and, for an Application that deploys a
//! folder under argocd/, the manifests in it. Other cases are not deployed.
//!
//! Global projects are configured in Argo CD's own settings, so they are not considered.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use argocd::application::{SECRET_TYPE, is_control_plane};
use argocd::pattern::matches_kind;
use argocd::permission::Verdict;
use argocd::project::{Destination, KindRule, Project};
use argocd::{permission, repository_url, sync_order};
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Help, Place, did_you_mean, fact, nearest, suggestion};
use document::{Node, yaml};
use kubernetes::manifest::ObjectKey;
use kubernetes::object::Object;
use kubernetes::scope::{Scope, Scopes};
use kubernetes::{forms, scope};
use workspace::find;
use workspace::plan;
use workspace::target::DEFAULT_CASE;
use workspace::written::{CONTROL_PLANE, DEFAULT_PROJECT, Written};

use super::application_destination::is_address;
use super::argocd_folder;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[
    Code::ApplicationProject,
    Code::ArgocdField,
    Code::ProjectDefault,
    Code::ProjectForbids,
    Code::ProjectUnused,
    Code::ScopeUnknown,
];

/// Checks every Application against its project, and looks for unused projects.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let projects = subject.projects();
    let known: Vec<&Project> = projects.iter().chain(&subject.workspace.rendered_projects).collect();
    let scopes = Scopes::new(subject.objects);
    let mut unknown = BTreeSet::new();
    let mut misspelled = Misspelled::default();
    // Another target may define a kind.
    let complete = subject.targets.len() == plan::target_ids(subject.workspace).len();
    let reported = LazyCell::new(|| forbidden_namespaces(subject, &projects, &scopes));
    let repositories = LazyCell::new(|| scoped_repositories(&subject.workspace.root));
    let declares = |project: &str, url: &str| {
        let own = repositories.iter().filter(|(of, _)| of == project);
        permission::allows_repository(own.map(|(_, url)| url.as_str()), url)
    };
    let mut absent = Absent::default();
    for application in subject.applications() {
        let Some((name, node)) = application.written_project() else { continue };
        let of = |argocd: &str| known.iter().copied().find(|one| one.name == name && one.argocd == argocd);
        // Several instances may share a project that is in the directory of none of them.
        let Some(project) = of(application.argocd).or_else(|| of("")) else {
            // A repository without any project may leave them to another one.
            let elsewhere = known.is_empty() && !subject.workspace.config.conventions && name != DEFAULT_PROJECT;
            // An unreadable file may define it.
            if !elsewhere && subject.workspace.argocd_complete || name == DEFAULT_PROJECT {
                let found = missing(&application, node, name, &known);
                if found.code == Code::ApplicationProject && !is_suppressed(subject, &application) {
                    absent.add(&application, name, found);
                } else {
                    diagnostics.push(found);
                }
            }
            continue;
        };
        let against = Against { application, project, projects: &known, scopes: &scopes, declares: &declares };
        diagnostics.extend(against.itself());
        diagnostics.extend(against.objects(subject, complete, &mut unknown, &mut misspelled));
        diagnostics.extend(against.manifests(subject, &reported, &mut misspelled));
    }
    for project in &projects {
        diagnostics.extend(misspelled.in_project(project));
    }
    diagnostics.extend(absent.findings());
    diagnostics.extend(unused(subject, &projects));
    diagnostics
}

/// How many other Applications a finding about a missing project names.
const NAMED: usize = 8;

/// How many projects that do not exist are findings of their own.
const FEW: usize = 3;

/// The findings about each project that does not exist, by the Argo CD instance and the project.
#[derive(Default)]
struct Absent<'a>(BTreeMap<(&'a str, &'a str), Users<'a>>);

/// The findings at the first place, and the Applications at others.
type Users<'a> = (Vec<Diagnostic>, Vec<&'a str>);

impl<'a> Absent<'a> {
    fn add(&mut self, application: &Written<'a>, project: &'a str, found: Diagnostic) {
        let (first, others) = self.0.entry((application.argocd, project)).or_default();
        let at = |one: &Diagnostic| one.places.first().map(|(place, _)| place.to_string());
        if first.first().is_none_or(|one| at(one) == at(&found)) {
            first.push(found);
        } else {
            others.push(application.name);
        }
    }

    /// The findings at one place for each project, which name the Applications at others.
    fn findings(mut self) -> Diagnostics {
        let together = self.take_unlike();
        let findings = self.0.into_values().flat_map(|(first, others)| {
            let named: Vec<String> = others.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
            let rest = others.len() - named.len();
            let note = match named.len() {
                0 => None,
                _ if rest > 0 => Some(format!("the same in {}, and {rest} more", named.join(", "))),
                _ => Some(format!("the same in {}", named.join(", "))),
            };
            first.into_iter().map(move |found| note.iter().cloned().fold(found, Diagnostic::note))
        });
        Diagnostics(findings.chain(together).collect())
    }

    /// One finding for all projects of an Argo CD instance that no other one resembles, if there are many: they are probably
    /// defined in another repository.
    fn take_unlike(&mut self) -> Vec<Diagnostic> {
        let is_unlike = |(first, _): &Users<'_>| first.iter().all(|one| one.suggested().next().is_none());
        let mut unlike: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for ((argocd, project), _) in self.0.iter().filter(|(_, users)| is_unlike(users)) {
            unlike.entry(argocd).or_default().push(project);
        }
        unlike.retain(|_, projects| projects.len() > FEW);
        let together = unlike.into_iter().filter_map(|(argocd, projects)| {
            let (first, others) = projects.split_first()?;
            for project in others {
                self.0.remove(&(argocd, project));
            }
            let found = self.0.remove(&(argocd, first))?.0.into_iter().next()?;
            let named: Vec<String> = others.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
            let rest = others.len() - named.len();
            let rest = if rest > 0 { format!(", and {rest} more") } else { String::new() };
            let found = found.note(format!("neither do {}{rest}", named.join(", ")));
            Some(found.help(
                "if other repositories define them, suppress `application-project` with `[[suppress]]` in charts.toml",
            ))
        });
        together.collect()
    }
}

/// Whether an entry of charts.toml suppresses the finding for an Application, but not for all.
fn is_suppressed(subject: &Subject<'_>, application: &Written<'_>) -> bool {
    let entries = &subject.workspace.config.suppressions;
    entries.iter().any(|one| one.check == Code::ApplicationProject && one.target == application.name)
}

fn missing(application: &Written<'_>, node: &Node, name: &str, projects: &[&Project]) -> Diagnostic {
    let finding = |code, message: String, label: &str| application.finding(code, message, node.place(), label);
    if name == DEFAULT_PROJECT {
        let own = application.text(&["metadata", "name"]).unwrap_or_default();
        let label = "permits every repository, cluster, and kind";
        return finding(Code::ProjectDefault, "Application uses the project `default`".to_owned(), label)
            .help(format!("create argocd/projects/{own}.yaml, and set `project: {own}`"));
    }
    let own = projects.iter().filter(|project| project.argocd == application.argocd);
    finding(Code::ApplicationProject, format!("project `{name}` does not exist"), "no such AppProject")
        .fact(Fact::missing("AppProject", name))
        .help(suggestion(name, own.map(|project| project.name.as_str())))
}

/// An Application and its project.
struct Against<'a> {
    application: Written<'a>,
    project: &'a Project,
    /// All projects.
    projects: &'a [&'a Project],
    scopes: &'a Scopes,
    /// Whether a Secret declares a repository for a project, which then allows it.
    declares: &'a dyn Fn(&str, &str) -> bool,
}

/// The repositories that Secrets in the workspace declare for a project: names of projects, and URLs.
fn scoped_repositories(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in find::manifests(root) {
        let Ok(source) = toolbox::source::read(root, &path) else { continue };
        if !source.text.contains(SECRET_TYPE) {
            continue;
        }
        for document in yaml::parse(&source).unwrap_or_default() {
            let text = |path: &[&str]| document.root.find(path).and_then(Node::as_str).map(str::to_owned);
            let of_repository = text(&["metadata", "labels", SECRET_TYPE]).is_some_and(|kind| kind == "repository");
            let (project, url) = (text(&["stringData", "project"]), text(&["stringData", "url"]));
            found.extend(project.zip(url).filter(|_| of_repository));
        }
    }
    found
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
    fn itself(&self) -> Diagnostics {
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
        if permission::allows_repository(patterns(), url) || (self.declares)(&self.project.name, url) {
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

    fn source_namespace(&self) -> Option<Diagnostic> {
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
        let found = self.forbidden(&what, place, "", kind_field(Scope::Cluster, verdict));
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
        let own = self.projects.iter().find(|one| {
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
    fn objects(
        &self,
        subject: &Subject<'_>,
        complete: bool,
        unknown: &mut BTreeSet<(String, String)>,
        misspelled: &mut Misspelled,
    ) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        let target = format!("{}/{DEFAULT_CASE}", self.application.name);
        let deployed = self.application.deployment.is_some();
        let synced = |object: &&Object| sync_order::order(&object.root).is_some();
        for object in subject.by_target.of(&target).iter().filter(|object| deployed && synced(object)) {
            let key = &object.key;
            let at = object.root.get("kind").unwrap_or(&object.root).place();
            let Some(scope) = self.scopes.of(&key.group, &key.kind) else {
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
                let found = self.by_project(finding(&what), kind_field(scope, verdict));
                let found = found.help("remove it from the chart, or disable it in the values");
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
    fn manifests(
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
                let Some(scope) = self.scopes.of(group, kind) else { continue };
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
                let other = matches_kind(&rule.group, &key.group) && self.scopes.of(&key.group, &rule.kind).is_none();
                (near && other).then(|| MisspelledEntry::new(rule, &key.group, &key.kind))
            };
            entry.or_else(custom).filter(|_| named)
        })
    }
}

/// An entry of a whitelist or blacklist whose kind does not exist, and the one that was meant.
struct MisspelledEntry {
    rule: KindRule,
    group: String,
    kind: String,
}

impl MisspelledEntry {
    fn new(rule: &KindRule, group: &str, kind: &str) -> Self {
        Self { rule: rule.clone(), group: group.to_owned(), kind: kind.to_owned() }
    }

    fn of(rule: &KindRule) -> Option<Self> {
        if !is_literal(&rule.kind) || !is_literal(&rule.group) && !rule.group.is_empty() {
            return None;
        }
        scope::meant(&rule.group, &rule.kind).map(|(group, kind)| Self::new(rule, group, kind))
    }

    /// The place of the wrong word.
    fn place(&self) -> &Place {
        if self.rule.kind == self.kind { &self.rule.group_place } else { &self.rule.kind_place }
    }

    fn problem(&self) -> String {
        match self.rule.group.as_str() {
            "" => format!("the core API group has no kind `{}`", self.rule.kind),
            group => format!("API group `{group}` has no kind `{}`", self.rule.kind),
        }
    }

    fn help(&self) -> Help {
        match &self.rule.kind {
            kind if *kind == self.kind => did_you_mean(format!("group: \"{}\"", self.group)),
            _ => did_you_mean(&self.kind),
        }
    }
}

/// Misspelled entries that were reported, so that each is reported once.
#[derive(Default)]
struct Misspelled(BTreeSet<(String, usize)>);

impl Misspelled {
    fn report(&mut self, found: Diagnostic, entry: &MisspelledEntry, needed: Option<Place>) -> Option<Diagnostic> {
        let place = entry.place();
        let start = place.span.as_ref().map_or(0, |span| span.start);
        if !self.0.insert((place.source.name.clone(), start)) {
            return None;
        }
        let label = if needed.is_some() { entry.problem() } else { String::new() };
        let found = found.at(place.clone(), label).help(entry.help());
        Some(match needed {
            Some(needed) => found.at(needed, "needs it"),
            None => found,
        })
    }

    /// Entries of any list whose kind does not exist, whether an Application needs it or not.
    fn in_project(&mut self, project: &Project) -> Diagnostics {
        let lists = [
            &project.cluster_allowed,
            &project.cluster_denied,
            &project.namespace_denied,
            project.namespace_allowed.as_ref().unwrap_or(&Vec::new()),
        ]
        .map(|rules| rules.iter().filter_map(MisspelledEntry::of).collect::<Vec<_>>());
        let report = |entry| {
            let found = Diagnostic::new(Code::ArgocdField, MisspelledEntry::problem(entry)).target(&project.name);
            self.report(found, entry, None)
        };
        Diagnostics(lists.iter().flatten().filter_map(report).collect())
    }
}

/// Adds the fix in the Application: values of a field that its project permits.
fn fix(found: Diagnostic, field: &str, written: Option<&str>, permitted: &[&str]) -> Diagnostic {
    let mut permitted = permitted.to_vec();
    permitted.dedup();
    match permitted[..] {
        [] => found,
        // Either of them may be the misspelled one.
        [only] if written.is_some_and(|written| nearest(written, [only]).is_some()) => {
            let written = written.unwrap_or_default();
            found.help(format!(
                "make both the same: `{written}` here and `{only}` in the project differ in a few letters"
            ))
        }
        [only] => found.help(format!("set `{field}: {only}`, which the project allows")),
        _ => {
            let values: Vec<String> = permitted.iter().map(|value| format!("`{value}`")).collect();
            found.help(format!("set `{field}` to a value that the project allows: {}", values.join(", ")))
        }
    }
}

/// Adds a further way to fix a finding.
fn alternative(found: Diagnostic, help: &str) -> Diagnostic {
    let or = if found.helps.is_empty() { "" } else { "or " };
    found.help(format!("{or}{help}"))
}

/// Whether a pattern of a project matches only itself.
fn is_literal(pattern: &str) -> bool {
    !pattern.is_empty() && !pattern.contains(['*', '?', '[', '{', '\\']) && !pattern.starts_with('!')
}

/// The namespace that an object is deployed to.
fn effective_namespace<'a>(root: &'a Node, destination: &'a str) -> &'a str {
    let named = root.find(&["metadata", "namespace"]).and_then(Node::as_str).filter(|named| !named.is_empty());
    named.unwrap_or(destination)
}

/// The list of the project that decides on a kind.
fn kind_field(scope: Scope, verdict: Verdict<'_>) -> &'static str {
    match (scope, verdict) {
        (Scope::Cluster, Verdict::Denied(_)) => "clusterResourceBlacklist",
        (Scope::Cluster, _) => "clusterResourceWhitelist",
        (Scope::Namespaced, Verdict::Denied(_)) => "namespaceResourceBlacklist",
        (Scope::Namespaced, _) => "namespaceResourceWhitelist",
    }
}

fn unknown_scope(object: &Object, place: Place) -> Diagnostic {
    let ObjectKey { group, kind, .. } = &object.key;
    let message = format!("cannot tell whether `{kind}` of group `{group}` is namespaced");
    object
        .finding(Code::ScopeUnknown, message, place, "not checked against the project")
        .note("known are built-in kinds, and kinds whose CustomResourceDefinition a target renders")
}

/// The namespaces of Applications that their own projects do not allow, which are reported there.
fn forbidden_namespaces(subject: &Subject<'_>, projects: &[Project], scopes: &Scopes) -> Vec<Place> {
    let forbidden = subject.applications().into_iter().filter_map(|application| {
        let (name, _) = application.written_project()?;
        let project = projects.iter().find(|project| project.name == name)?;
        let place = application.place(&["metadata", "namespace"]);
        Against { application, project, projects: &[], scopes, declares: &|_, _| false }
            .source_namespace()
            .map(|_| place)
    });
    forbidden.collect()
}

/// Reports projects that no Application uses, and those in a namespace that Argo CD does not watch.
fn unused(subject: &Subject<'_>, projects: &[Project]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let used: BTreeSet<(&str, &str)> =
        subject.every_application().map(|application| (application.argocd, application.project())).collect();
    let names = |argocd: &str| -> Vec<&str> {
        let own = projects.iter().filter(|project| project.argocd == argocd);
        own.map(|project| project.name.as_str()).collect()
    };
    // An Application with a misspelled project uses the one that was meant.
    let misspelled = used.iter().filter(|(argocd, name)| !names(argocd).contains(name));
    let meant: BTreeSet<(&str, &str)> =
        misspelled.filter_map(|(argocd, name)| Some((*argocd, nearest(name, names(argocd))?))).collect();
    // An invalid manifest may be an Application with a misspelled kind.
    let read: BTreeSet<&str> = subject.every_application().map(|application| application.name).collect();
    // What is not rendered may contain Applications.
    let unknown = subject.workspace.unrendered.iter().flat_map(|one| &one.reasons.0);
    let unknown = unknown.into_iter().any(|reason| reason.code == Code::NotRendered);
    let all_read = subject.workspace.argocd_complete
        && !unknown
        && subject.workspace.unrendered.iter().all(|one| read.contains(one.instance.as_str()));
    for project in projects {
        let finding = |message: String, place: &Place| {
            Diagnostic::new(Code::ProjectUnused, message).target(&project.name).at(place.clone(), "")
        };
        if let Some((namespace, place)) = project.namespace.as_ref().filter(|(name, _)| !is_control_plane(name)) {
            diagnostics.push(
                finding(format!("Argo CD ignores projects in namespace `{namespace}`"), place)
                    .help(format!("set `namespace: {CONTROL_PLANE}`")),
            );
        }
        let name = project.name.as_str();
        let shared =
            |known: &BTreeSet<(&str, &str)>| project.argocd.is_empty() && known.iter().any(|(_, used)| *used == name);
        let unused =
            |known: &BTreeSet<(&str, &str)>| !known.contains(&(project.argocd.as_str(), name)) && !shared(known);
        let unused = unused(&used) && unused(&meant) && name != DEFAULT_PROJECT;
        if unused && all_read {
            diagnostics.push(
                finding(format!("no Application uses project `{}`", project.name), &project.place)
                    .fact(Fact::Unused)
                    .help(format!("delete it, or set `spec.project: {}` in an Application", project.name)),
            );
        }
    }
    diagnostics
}
