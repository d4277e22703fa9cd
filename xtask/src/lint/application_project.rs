//! Projects: whether each Application's project exists and permits what the Application needs.
//!
//! Argo CD reports a violation only during a sync. This check covers the Application itself (repository, destination, and
//! namespace), the objects of its default case, the namespace that it creates, and, for an Application that deploys a
//! folder under argocd/, the manifests in it. Other cases are not deployed.
//!
//! Global projects are configured in Argo CD's own settings, so they are not considered.

mod absent;
mod against;
mod fix;
mod misspelled;
mod unused;

use std::cell::{LazyCell, OnceCell};
use std::collections::BTreeSet;
use std::path::Path;

use argocd::application::SECRET_TYPE;
use argocd::permission;
use argocd::project::Project;
use diagnostics::{Code, Diagnostics, Place};
use document::{Node, yaml};
use kubernetes::object::Object;
use kubernetes::scope::Scopes;
use workspace::Workspace;
use workspace::find;
use workspace::plan;
use workspace::written::{self, DEFAULT_PROJECT, Written};

use self::absent::{Absent, missing};
use self::against::Against;
use self::misspelled::Misspelled;
use super::subject::{ByTarget, Subject};

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
    let own = subject.projects();
    let projects = Projects::new(subject.workspace, &own, Scopes::new(subject.objects));
    let mut unknown = BTreeSet::new();
    let mut misspelled = Misspelled::default();
    // Another target may define a kind.
    let complete = subject.targets.len() == plan::target_ids(subject.workspace).len();
    let reported = LazyCell::new(|| forbidden_namespaces(subject, &projects));
    let mut absent = Absent::default();
    for application in subject.applications() {
        let Some((name, node)) = application.written_project() else { continue };
        let Some(project) = projects.of(&application) else {
            // A repository without any project may leave them to another one.
            let elsewhere =
                projects.known.is_empty() && !subject.workspace.config.conventions && name != DEFAULT_PROJECT;
            // An unreadable file may define it.
            if !elsewhere && subject.workspace.argocd_complete || name == DEFAULT_PROJECT {
                let found = missing(&application, node, name, &projects.known);
                if found.code == Code::ApplicationProject && !is_suppressed(subject, &application) {
                    absent.add(&application, name, found);
                } else {
                    diagnostics.push(found);
                }
            }
            continue;
        };
        let against = Against { application, project, projects: &projects };
        diagnostics.extend(against.itself());
        diagnostics.extend(against.objects(subject.by_target, complete, &mut unknown, &mut misspelled));
        diagnostics.extend(against.manifests(subject, &reported, &mut misspelled));
    }
    for project in &own {
        diagnostics.extend(misspelled.in_project(project));
    }
    diagnostics.extend(absent.findings());
    diagnostics.extend(unused::unused(subject, &own));
    diagnostics
}

/// What projects do not allow about Applications themselves, of which Argo CD then compares and syncs nothing: their
/// repositories, their destinations, and their namespaces.
#[must_use]
pub fn of_applications(workspace: &Workspace) -> Diagnostics {
    let own = written::projects(workspace);
    let projects = Projects::new(workspace, &own, Scopes::new(&[]));
    let found = written::applications(workspace).filter_map(|application| {
        let project = projects.of(&application)?;
        Some(Against { application, project, projects: &projects }.itself().0)
    });
    Diagnostics(found.flatten().collect())
}

/// What projects do not allow about some objects of Applications. The kinds that CustomResourceDefinitions among `defining`
/// define are known.
#[must_use]
pub fn of_objects(workspace: &Workspace, objects: &ByTarget<'_>, defining: &[Object]) -> Diagnostics {
    let own = written::projects(workspace);
    let projects = Projects::new(workspace, &own, Scopes::new(defining));
    let mut misspelled = Misspelled::default();
    let mut found = Diagnostics::default();
    for application in written::applications(workspace) {
        let Some(project) = projects.of(&application) else { continue };
        let against = Against { application, project, projects: &projects };
        found.extend(against.objects(objects, false, &mut BTreeSet::new(), &mut misspelled));
    }
    found
}

/// The projects of a workspace.
struct Projects<'a> {
    root: &'a Path,
    known: Vec<&'a Project>,
    scopes: Scopes,
    /// The repositories that Secrets declare for a project; read if one is not allowed otherwise.
    declared: OnceCell<Vec<(String, String)>>,
}

impl<'a> Projects<'a> {
    /// Those in files, and those that targets render.
    fn new(workspace: &'a Workspace, in_files: &'a [Project], scopes: Scopes) -> Self {
        let known = in_files.iter().chain(&workspace.rendered_projects).collect();
        Self { root: &workspace.root, known, scopes, declared: OnceCell::new() }
    }

    /// The project of an Application.
    fn of(&self, application: &Written<'_>) -> Option<&'a Project> {
        let (name, _) = application.written_project()?;
        let of = |argocd: &str| self.known.iter().copied().find(|one| one.name == name && one.argocd == argocd);
        // Several instances may share a project that is in the directory of none of them.
        of(application.argocd).or_else(|| of(""))
    }

    /// Whether a Secret declares a repository for a project, which then allows it.
    fn declares(&self, project: &str, url: &str) -> bool {
        let declared = self.declared.get_or_init(|| scoped_repositories(self.root));
        let own = declared.iter().filter(|(of, _)| of == project);
        permission::allows_repository(own.map(|(_, url)| url.as_str()), url)
    }
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

/// Whether an entry of charts.toml suppresses the finding for an Application, but not for all.
fn is_suppressed(subject: &Subject<'_>, application: &Written<'_>) -> bool {
    let entries = &subject.workspace.config.suppressions;
    entries.iter().any(|one| one.check == Code::ApplicationProject && one.target == application.name)
}

/// The namespaces of Applications that their own projects do not allow, which are reported there.
fn forbidden_namespaces(subject: &Subject<'_>, projects: &Projects<'_>) -> Vec<Place> {
    let forbidden = subject.applications().into_iter().filter_map(|application| {
        let (name, _) = application.written_project()?;
        let project = projects.known.iter().find(|project| project.name == name)?;
        let place = application.place(&["metadata", "namespace"]);
        Against { application, project, projects }.source_namespace().map(|_| place)
    });
    forbidden.collect()
}
