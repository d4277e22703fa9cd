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
mod projects;
mod unused;

use std::cell::LazyCell;
use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostics, Place};
use kubernetes::object::Object;
use kubernetes::scope::Scopes;
use workspace::Workspace;
use workspace::plan;
use workspace::written::{self, DEFAULT_PROJECT, Written};

use self::absent::{Absent, missing};
use self::against::Against;
use self::misspelled::Misspelled;
use self::projects::Projects;
use super::project_values;
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
    let own = subject.workspace.projects();
    let projects = Projects::new(subject.workspace, Scopes::new(subject.objects));
    let mut unknown = BTreeSet::new();
    let mut misspelled = Misspelled::default();
    // Another target may define a kind.
    let complete = subject.targets.len() == plan::target_ids(subject.workspace).len();
    let reported = LazyCell::new(|| forbidden_namespaces(subject, &projects));
    let in_values = LazyCell::new(|| project_values::projects(&subject.workspace.root));
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
                if found.code == Code::ApplicationProject && in_values.contains(name) {
                    continue;
                }
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
    for project in own {
        diagnostics.extend(misspelled.in_project(project));
    }
    diagnostics.extend(absent.findings());
    diagnostics.extend(unused::unused(subject, own));
    diagnostics
}

/// What projects do not allow about Applications themselves, of which Argo CD then compares and syncs nothing: their
/// repositories, their destinations, and their namespaces.
#[must_use]
pub(crate) fn of_applications(workspace: &Workspace) -> Diagnostics {
    let projects = Projects::new(workspace, Scopes::new(&[]));
    let found = written::applications(workspace).filter_map(|application| {
        let project = projects.of(&application)?;
        Some(Against { application, project, projects: &projects }.itself().0)
    });
    Diagnostics(found.flatten().collect())
}

/// What projects do not allow about some objects of Applications. The kinds that CustomResourceDefinitions among `defining`
/// define are known.
#[must_use]
pub(crate) fn of_objects(workspace: &Workspace, objects: &ByTarget<'_>, defining: &[Object]) -> Diagnostics {
    let projects = Projects::new(workspace, Scopes::new(defining));
    let mut misspelled = Misspelled::default();
    let mut found = Diagnostics::default();
    for application in written::applications(workspace) {
        let Some(project) = projects.of(&application) else { continue };
        let against = Against { application, project, projects: &projects };
        found.extend(against.objects(objects, false, &mut BTreeSet::new(), &mut misspelled));
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
