//! The projects of a workspace.

use std::cell::OnceCell;
use std::path::Path;

use argocd::application::SECRET_TYPE;
use argocd::permission;
use argocd::project::Project;
use document::{Node, yaml};
use kubernetes::scope::Scopes;
use workspace::written::Written;
use workspace::{Workspace, find};

/// The projects of a workspace.
pub(super) struct Projects<'a> {
    root: &'a Path,
    /// Those in files, and those that targets render.
    pub(super) known: Vec<&'a Project>,
    /// The scopes of kinds.
    pub(super) scopes: Scopes,
    /// The repositories that Secrets declare for a project; read if one is not allowed otherwise.
    declared: OnceCell<Vec<(String, String)>>,
}

impl<'a> Projects<'a> {
    /// Those in files, and those that targets render.
    pub(super) fn new(workspace: &'a Workspace, scopes: Scopes) -> Self {
        let known = workspace.projects().iter().chain(&workspace.rendered_projects).collect();
        Self { root: &workspace.root, known, scopes, declared: OnceCell::new() }
    }

    /// The project of an Application.
    pub(super) fn of(&self, application: &Written<'_>) -> Option<&'a Project> {
        let (name, _) = application.written_project()?;
        let of = |argocd: &str| self.known.iter().copied().find(|one| one.name == name && one.argocd == argocd);
        // Several instances may share a project that is in the directory of none of them.
        of(application.argocd).or_else(|| of(""))
    }

    /// Whether a Secret declares a repository for a project, which then allows it.
    pub(super) fn declares(&self, project: &str, url: &str) -> bool {
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
