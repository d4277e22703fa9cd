//! Projects that no Application uses.

use std::collections::BTreeSet;

use argocd::application::is_control_plane;
use argocd::project::Project;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, nearest};
use workspace::written::{CONTROL_PLANE, DEFAULT_PROJECT};

use crate::lint::subject::Subject;

/// Reports projects that no Application uses, and those in a namespace that Argo CD does not watch.
pub(super) fn unused(subject: &Subject<'_>, projects: &[Project]) -> Diagnostics {
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
    // A target that is not rendered may contain Applications.
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
