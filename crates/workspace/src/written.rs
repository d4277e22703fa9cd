//! The Applications and projects under argocd/ as written, including those that this tool does not render.

use argocd::application::{in_instance, instance_name, split_instance};
use argocd::permission::Cluster;
use argocd::project;
use argocd::project::Project;
use diagnostics::{Code, Diagnostic, Place};
use document::yaml::Document;
use document::{Node, Value};

use crate::deployment::Deployment;
use crate::generate::MadeBy;
use crate::load::{ArgocdFile, Workspace};

/// The project of an Application without `spec.project`: Argo CD's built-in one.
pub const DEFAULT_PROJECT: &str = "default";

/// The namespace in which Argo CD runs.
pub const CONTROL_PLANE: &str = "argocd";

/// An Application in a file.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// Its unique name, or `metadata.name` if charts.toml does not select its file; empty if it has none.
    pub name: &'a str,
    /// The declared Argo CD instance that it belongs to; empty for the one without a name.
    pub argocd: &'a str,
    /// The path of its file from the root.
    pub file: &'a str,
    /// The whole document.
    pub root: &'a Node,
    /// Its deployment, if it is rendered.
    pub deployment: Option<&'a Deployment>,
    /// Whether charts.toml selects its file, so it is rendered if possible.
    pub selected: bool,
    /// The ApplicationSet and generator that made it, if any. Then its places are in the ApplicationSet.
    pub made_by: Option<&'a MadeBy>,
}

/// All Applications in files, and those that ApplicationSets generate.
pub fn applications(workspace: &Workspace) -> impl Iterator<Item = Written<'_>> {
    let documents =
        workspace.argocd.iter().flat_map(|file| file.documents.iter().map(move |document| (file, document)));
    let instance = |file: &ArgocdFile, root: &Node| {
        let text = |key: &str| root.find(&["metadata", key]).and_then(Node::as_str).unwrap_or_default();
        in_instance(instance_name(text("name"), text("namespace")), &file.instance)
    };
    let replaced = move |file: &ArgocdFile, root: &Node| workspace.replaced.contains(&instance(file, root));
    let documents =
        documents.filter(move |(file, document)| is_application(document) && !replaced(file, &document.root));
    let written = documents.map(move |(file, document)| {
        let node = document.root.find(&["metadata", "name"]);
        let place = node.map(Node::place);
        let is = |defined: &Place| {
            place.as_ref().is_some_and(|place| place.span == defined.span && place.source.name == defined.source.name)
        };
        // Another document may define an Application of the same name.
        let deployment = workspace.deployment(&instance(file, &document.root));
        let deployment = deployment.filter(|deployment| is(&deployment.application.place));
        let unrendered = || workspace.unrendered.iter().find(|one| is(&one.place)).map(|one| one.instance.as_str());
        let name = deployment.map(|deployment| deployment.application.instance.as_str()).or_else(unrendered);
        let name = name.or(node.and_then(Node::as_str)).unwrap_or_default();
        let selected = workspace.config.selects(&file.name);
        let (argocd, root) = (file.instance.as_str(), &document.root);
        Written { name, argocd, file: &file.name, root, deployment, selected, made_by: None }
    });
    written.chain(workspace.generated.iter().map(|one| {
        let deployment = workspace.deployment(&one.id);
        let (name, argocd) = (one.id.as_str(), split_instance(&one.id).1);
        let made_by = one.made_by.as_ref();
        Written { name, argocd, file: &one.file, root: &one.root, deployment, selected: true, made_by }
    }))
}

fn is_application(document: &Document) -> bool {
    let text = |key: &str| document.root.get(key).and_then(Node::as_str).unwrap_or_default();
    text("kind") == "Application" && text("apiVersion").starts_with("argoproj.io/")
}

impl Workspace {
    /// The projects in files that have a name.
    pub fn projects(&self) -> &[Project] {
        self.projects.get_or_init(|| {
            let documents =
                self.argocd.iter().flat_map(|file| file.documents.iter().map(move |document| (file, document)));
            let projects = documents.filter(|(_, document)| project::is_project(document));
            let projects = projects.filter_map(|(file, document)| {
                let mut project = project::read(document).0?;
                project.argocd.clone_from(&file.instance);
                Some(project)
            });
            projects.collect()
        })
    }
}

impl<'a> Written<'a> {
    /// Returns the string at a path, unless it is empty.
    #[must_use]
    pub fn text(&self, path: &[&str]) -> Option<&'a str> {
        self.root.find(path).and_then(Node::as_str).filter(|text| !text.is_empty())
    }

    /// Returns the place of the node at a path, or of the nearest parent that exists.
    #[must_use]
    pub fn place(&self, path: &[&str]) -> Place {
        let mut around = self.root;
        for (depth, step) in path.iter().enumerate() {
            match around.find(&[step]) {
                Some(node) => around = node,
                // Point to the key, not to the whole mapping, to show where something is missing.
                None if depth > 0 => return self.key(&path[..depth]),
                None => break,
            }
        }
        around.place()
    }

    fn key(&self, path: &[&str]) -> Place {
        let Some((last, before)) = path.split_last() else { return self.root.place() };
        self.root.find(before).unwrap_or(self.root).key_place(last)
    }

    /// `spec.project`, or the default project.
    #[must_use]
    pub fn project(&self) -> &'a str {
        self.text(&["spec", "project"]).unwrap_or(DEFAULT_PROJECT)
    }

    /// `spec.project` as written, and its place in the tree; `None` if the Application has no such field.
    #[must_use]
    pub fn written_project(&self) -> Option<(&'a str, &'a Node)> {
        self.root.find(&["spec", "project"]).map(|node| (self.project(), node))
    }

    /// `spec.destination.namespace`; empty when unset.
    #[must_use]
    pub fn namespace(&self) -> &'a str {
        self.text(&["spec", "destination", "namespace"]).unwrap_or_default()
    }

    /// The cluster in `spec.destination`.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        let text = |key: &str| self.text(&["spec", "destination", key]);
        Cluster::new(text("server"), text("name")).of(self.argocd)
    }

    /// Whether a sync option is set, spelled exactly like this.
    #[must_use]
    pub fn has_sync_option(&self, option: &str) -> bool {
        let options = self.root.find(&["spec", "syncPolicy", "syncOptions"]).map(Node::items).unwrap_or_default();
        options.iter().any(|node| node.as_str() == Some(option))
    }

    /// Whether automated sync is enabled.
    #[must_use]
    pub fn is_automated(&self) -> bool {
        let automated = self.root.find(&["spec", "syncPolicy", "automated"]);
        automated.is_some_and(|node| {
            !matches!(node.value, Value::Null)
                && !node.get("enabled").is_some_and(|enabled| matches!(enabled.value, Value::Bool(false)))
        })
    }

    /// Creates a finding about this Application.
    #[must_use]
    pub fn finding(
        &self,
        code: Code,
        message: impl Into<String>,
        place: Place,
        label: impl Into<String>,
    ) -> Diagnostic {
        let found = Diagnostic::new(code, message).at(place, label);
        if self.name.is_empty() { found } else { found.target(self.name) }
    }
}
