//! Checks whether the name or namespace of a new Application is already in use. name.rs checks its form.

use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::Node;
use workspace::Workspace;

use super::Service;
use crate::image;

/// Reports everything that conflicts with a new Application.
#[must_use]
pub fn check(workspace: &Workspace, service: &Service) -> Diagnostics {
    let app = &service.app;
    let mut places = declared(workspace, app);
    let exists = |path: &str| std::fs::symlink_metadata(workspace.root.join(path)).is_ok();
    for (what, paths) in [
        ("the Application", ["yaml", "yml"].map(|end| format!("argocd/applications/{app}.{end}")).to_vec()),
        ("the project", ["yaml", "yml"].map(|end| format!("argocd/projects/{app}.{end}")).to_vec()),
        ("the chart", vec![format!("charts/{app}")]),
        ("the image", vec![format!("{}/{app}", image::FOLDER)]),
        ("the goldens", vec![format!("{}/{app}", golden::FOLDER)]),
    ] {
        for path in paths.into_iter().filter(|path| exists(path)) {
            if !places.iter().any(|(place, _)| place.source.name == path) {
                places.push((Place::file(path), what));
            }
        }
    }
    let mut diagnostics = Diagnostics::default();
    if !places.is_empty() {
        let diagnostic = Diagnostic::new(Code::NameTaken, format!("`{app}` already exists"));
        let diagnostic = places.into_iter().fold(diagnostic, |diagnostic, (place, what)| diagnostic.at(place, what));
        diagnostics.push(diagnostic.help("choose another name, or remove all of these first"));
    }
    diagnostics.extend(namespace(workspace, service));
    diagnostics
}

/// The Applications and projects with a given name, in any file.
fn declared(workspace: &Workspace, app: &str) -> Vec<(Place, &'static str)> {
    let mut places = Vec::new();
    for document in workspace.argocd.iter().flat_map(|file| &file.documents) {
        let what = match document.root.get("kind").and_then(Node::as_str) {
            Some("Application") => "the Application",
            Some("AppProject") => "the project",
            _ => continue,
        };
        let name = document.root.get("metadata").and_then(|metadata| metadata.get("name"));
        if let Some(name) = name.filter(|name| name.as_str() == Some(app)) {
            places.push((name.place(), what));
        }
    }
    places
}

/// Reports Applications with the same destination namespace: each would overwrite the other's namespace labels.
fn namespace(workspace: &Workspace, service: &Service) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for document in workspace.argocd.iter().flat_map(|file| &file.documents) {
        let root = &document.root;
        let application = root.get("kind").and_then(Node::as_str) == Some("Application");
        let destination = root.get("spec").and_then(|spec| spec.get("destination"));
        let namespace = destination.and_then(|destination| destination.get("namespace"));
        let same = namespace.filter(|namespace| namespace.as_str() == Some(&service.namespace));
        let name = root.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::as_str);
        let other = application && name != Some(&service.app);
        if let (true, Some(namespace)) = (other, same) {
            diagnostics.push(
                Diagnostic::new(
                    Code::NameTaken,
                    format!("the namespace `{}` is used by another Application", service.namespace),
                )
                .at(namespace.place(), "its destination")
                .note("each Application manages the labels of its namespace, so two would overwrite each other's")
                .help("choose another namespace with `--namespace NAMESPACE`"),
            );
        }
    }
    diagnostics
}

/// The most frequent `targetRevision` of sources in this repository.
#[must_use]
pub fn revision(workspace: &Workspace) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for document in workspace.argocd.iter().flat_map(|file| &file.documents) {
        let source = document.root.get("spec").and_then(|spec| spec.get("source"));
        let text = |key: &str| source.and_then(|source| source.get(key)).and_then(Node::as_str);
        let (Some(url), Some(revision)) = (text("repoURL"), text("targetRevision")) else { continue };
        if argocd::repository_url::same(url, &workspace.config.repository) {
            match counts.iter_mut().find(|(known, _)| *known == revision) {
                Some((_, count)) => *count += 1,
                None => counts.push((revision, 1)),
            }
        }
    }
    // The first of equally frequent ones, so that the result is deterministic.
    let most = counts.iter().map(|(_, count)| *count).max();
    let most = counts.iter().find(|(_, count)| Some(*count) == most).map(|(revision, _)| *revision);
    most.unwrap_or("main").to_owned()
}
