//! An Argo CD Application.
//!
//! A field that affects the render but is not supported is an error. Fields that do not affect it, such as the sync
//! policy, are validated in `lint`. Overrides in the chart's directory (`.argocd-source.yaml`) are applied like Argo CD
//! does; see [`overrides`].

mod helm_options;
mod overrides;
#[cfg(test)]
mod tests;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, nearest};
use document::yaml::Document;
use document::{Fields, Node, Syntax, Value};
use kubernetes::forms;

pub use self::helm_options::{FileParameter, HelmOptions, Parameter, helm_options};
use self::overrides::{merge_patch, read_over, remember};
use crate::substitute;

/// Argo CD's own namespace.
const CONTROL_PLANE: &str = "argocd";

/// An Application whose source is a chart of this repository.
#[derive(Debug, Clone)]
pub struct Application {
    /// `metadata.name`: the default release name.
    pub name: String,
    /// The place of its name.
    pub place: Place,
    /// The name that is unique across namespaces, and the first part of its targets' names; see [`instance_name`].
    pub instance: String,
    /// `spec.project`.
    pub project: String,
    /// `spec.destination.namespace`; empty if unset.
    pub namespace: String,
    /// `spec.source.repoURL`.
    pub repository: String,
    /// The place of the repository URL.
    pub repository_place: Place,
    /// `spec.source.path`: the chart's directory, relative to the root.
    pub path: String,
    /// The place of the path.
    pub path_place: Place,
    /// `spec.source.targetRevision`; empty if unset.
    pub target_revision: String,
    /// `spec.source` without overrides.
    pub source: Node,
}

impl Application {
    /// The names of override files in the chart's directory, in the order in which they are applied.
    #[must_use]
    pub fn override_files(&self) -> [String; 2] {
        [".argocd-source.yaml".to_owned(), format!(".argocd-source-{}.yaml", self.instance)]
    }

    /// The Helm options with override files applied in order.
    ///
    /// Like in Argo CD, they cannot change the repository, path, chart, and revision.
    pub fn options(&self, overrides: &[Node]) -> Result<HelmOptions> {
        let mut source = self.source.clone();
        let mut memory = source.clone();
        let mut diagnostics = Diagnostics::default();
        for patch in overrides {
            if !matches!(patch.value, Value::Mapping(_)) {
                diagnostics.push(
                    Diagnostic::new(Code::ApplicationInvalid, "an override file must contain a mapping")
                        .at(patch.place(), format!("found {}", patch.describe()))
                        .help("delete the file, or set `helm` in it"),
                );
                continue;
            }
            let mut fields = Fields::new(patch, "", Syntax::Application);
            fields.ignore(&["helm", "repoURL", "path", "targetRevision", "chart", "name", "ref", "tagPrefix"]);
            for key in ["kustomize", "directory", "plugin"] {
                if fields.node(key).is_some() {
                    fields.report(unsupported(key, patch.key_place(key), "only Helm charts are supported"));
                }
            }
            fields.finish(&mut diagnostics);
            source = read_over(&memory, &merge_patch(Some(&source), patch), false);
            memory = remember(&memory, &source);
        }
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        helm_options(&source)
    }

    /// The variables that Argo CD substitutes, with a commit SHA as revision.
    #[must_use]
    pub fn variables(&self, revision: &str) -> substitute::Variables {
        let short = |length: usize| revision.get(..length).unwrap_or(revision).to_owned();
        [
            ("ARGOCD_APP_NAME", self.instance.clone()),
            ("ARGOCD_APP_NAMESPACE", self.namespace.clone()),
            ("ARGOCD_APP_PROJECT_NAME", self.project.clone()),
            ("ARGOCD_APP_REVISION", revision.to_owned()),
            ("ARGOCD_APP_REVISION_SHORT", short(7)),
            ("ARGOCD_APP_REVISION_SHORT_8", short(8)),
            ("ARGOCD_APP_SOURCE_REPO_URL", self.repository.clone()),
            ("ARGOCD_APP_SOURCE_PATH", self.path.clone()),
            ("ARGOCD_APP_SOURCE_TARGET_REVISION", self.target_revision.clone()),
        ]
        .into_iter()
        .collect()
    }
}

/// Reads the Applications of a manifest. An ApplicationSet is an error, since its Applications would not be rendered; other
/// kinds are ignored.
#[must_use]
pub fn read(documents: &[Document]) -> (Vec<Application>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let mut applications = Vec::new();
    for document in documents {
        let text = |key: &str| document.root.get(key).and_then(Node::as_str).unwrap_or_default();
        if let Some(item) = document.root.items_at(&["items"]).iter().find(|item| is_ours(item)) {
            diagnostics.push(
                Diagnostic::new(Code::ApplicationUnsupported, "Applications in a `List` are not supported")
                    .at(item.place(), "first item")
                    .help("make each of them a separate YAML document, and separate the documents by `---`"),
            );
            continue;
        }
        if !is_ours(&document.root) {
            continue;
        }
        match text("kind") {
            "Application" => {
                for key in &document.duplicates {
                    diagnostics.push(
                        Diagnostic::new(Code::ApplicationInvalid, format!("duplicate key `{}`", key.name))
                            .at(Place::new(&document.root.source, key.span.clone()), "second definition")
                            .help("delete one of them; Kubernetes uses the last"),
                    );
                }
                applications.extend(diagnostics.take(application(&document.root)));
            }
            "ApplicationSet" => diagnostics.push(
                Diagnostic::new(Code::ApplicationUnsupported, "ApplicationSets are not supported yet")
                    .at(document.root.get("kind").unwrap_or(&document.root).place(), "")
                    .help("replace it with an Application for each chart"),
            ),
            kind => {
                let known = ["Application", "ApplicationSet", "AppProject"];
                if let Some(near) = nearest(kind, known).filter(|near| kind != *near) {
                    diagnostics.push(
                        Diagnostic::new(Code::ApplicationInvalid, format!("unknown Argo CD kind `{kind}`"))
                            .at(document.root.get("kind").unwrap_or(&document.root).place(), "")
                            .help(format!("did you mean `{near}`?")),
                    );
                }
            }
        }
    }
    (applications, diagnostics)
}

/// Whether an object belongs to Argo CD's API group.
fn is_ours(node: &Node) -> bool {
    node.get("apiVersion").and_then(Node::as_str).is_some_and(|version| version.starts_with("argoproj.io/"))
}

fn application(root: &Node) -> Result<Application> {
    let mut diagnostics = Diagnostics::default();
    let mut top = Fields::new(root, "", Syntax::Application);
    top.ignore(&["apiVersion", "kind", "status", "operation"]);
    let metadata = top.required("metadata");
    let spec = top.required("spec");
    top.finish(&mut diagnostics);

    let mut name = None;
    let mut own_namespace = None;
    if let Some(metadata) = metadata {
        let mut fields = Fields::new(metadata, "metadata", Syntax::Application);
        fields.ignore(&["annotations", "finalizers", "generateName", "labels", "ownerReferences"]);
        // Set by the API server, and part of the output of `kubectl get --output yaml`.
        fields.ignore(&["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"]);
        name = fields.required_string("name").filter(|name| valid_name(name, metadata, &mut fields));
        own_namespace = fields.string("namespace");
        fields.finish(&mut diagnostics);
    }

    let mut parts = None;
    if let Some(spec) = spec {
        let mut fields = Fields::new(spec, "spec", Syntax::Application);
        fields.ignore(&["syncPolicy", "ignoreDifferences", "info", "revisionHistoryLimit"]);
        let project = fields.required_string("project");
        let destination = fields.required("destination");
        if fields.node("sources").is_some() {
            let place = spec.key_place("sources");
            fields.report(unsupported("spec.sources", place, "use one `spec.source`"));
        }
        if fields.node("sourceHydrator").is_some() {
            let place = spec.key_place("sourceHydrator");
            fields.report(unsupported("spec.sourceHydrator", place, "use `spec.source`"));
        }
        let source = if spec.get("sources").or(spec.get("sourceHydrator")).is_some() {
            fields.node("source")
        } else {
            fields.required("source")
        };
        fields.finish(&mut diagnostics);
        let namespace = destination.and_then(|destination| {
            let mut fields = Fields::new(destination, "spec.destination", Syntax::Application);
            fields.ignore(&["server", "name"]);
            let namespace =
                fields.string("namespace").filter(|namespace| valid_namespace(namespace, destination, &mut fields));
            fields.finish(&mut diagnostics);
            namespace
        });
        // Also validate the source if the project is missing.
        let source = source.and_then(|node| Some((node, read_source(node, &mut diagnostics)?)));
        if let (Some(project), Some((node, source))) = (project, source) {
            parts = Some((project, namespace.unwrap_or_default(), node, source));
        }
    }

    let (Some(name), Some((project, namespace, node, source))) = (name, parts) else {
        return Err(diagnostics);
    };
    let instance = instance_name(&name, &own_namespace.unwrap_or_default());
    diagnostics.into_result(Application {
        place: metadata.and_then(|metadata| metadata.get("name")).unwrap_or(root).place(),
        name,
        instance,
        project,
        namespace,
        repository_place: node.get("repoURL").unwrap_or(node).place(),
        path_place: node.get("path").unwrap_or(node).place(),
        repository: source.repository,
        path: source.path,
        target_revision: source.target_revision,
        source: node.clone(),
    })
}

/// What Argo CD calls the instance name of an Application: its name, prefixed with its namespace unless that is Argo CD's
/// own. Applications in other namespaces may share a name.
#[must_use]
pub fn instance_name(name: &str, namespace: &str) -> String {
    if namespace.is_empty() || namespace == CONTROL_PLANE { name.to_owned() } else { format!("{namespace}_{name}") }
}

/// Validates an Application's name, which also becomes a directory and a release name.
fn valid_name(name: &str, metadata: &Node, fields: &mut Fields<'_>) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let fine = name.chars().all(allowed) && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.len() <= 253;
    if !fine {
        fields.report(Diagnostic::new(Code::ApplicationInvalid, format!("invalid name `{name}`")).at(
            metadata.get("name").unwrap_or(metadata).place(),
            "only lowercase letters, digits, `-`, and `.` are allowed",
        ));
    }
    fine
}

/// Validates the destination namespace once, instead of the namespace of each rendered object.
fn valid_namespace(name: &str, destination: &Node, fields: &mut Fields<'_>) -> bool {
    let wrong = if name.is_empty() { None } else { forms::label(name) };
    let fine = wrong.is_none();
    if let Some(expected) = wrong {
        let place = destination.get("namespace").unwrap_or(destination).place();
        fields.report(
            Diagnostic::new(Code::ApplicationInvalid, format!("invalid namespace `{name}`")).at(place, expected),
        );
    }
    fine
}

struct SourceParts {
    repository: String,
    path: String,
    target_revision: String,
}

fn read_source(node: &Node, diagnostics: &mut Diagnostics) -> Option<SourceParts> {
    let mut fields = Fields::new(node, "spec.source", Syntax::Application);
    // They do not affect the render of a given revision.
    fields.ignore(&["helm", "name", "tagPrefix"]);
    for (key, help) in [
        ("chart", "create an umbrella chart in this repository that depends on the chart"),
        ("kustomize", "only Helm charts are supported"),
        ("directory", "only Helm charts are supported; move plain manifests into a chart's templates"),
        ("plugin", "only Helm charts are supported"),
        ("ref", "use a single source"),
    ] {
        if fields.node(key).is_some() {
            fields.report(unsupported(&format!("spec.source.{key}"), node.key_place(key), help));
        }
    }
    let repository = fields.required_string("repoURL");
    let path = if node.get("chart").is_some() { fields.string("path") } else { fields.required_string("path") };
    let target_revision = fields.string("targetRevision").unwrap_or_default();
    fields.finish(diagnostics);
    // Overrides are applied later; this only validates the options as written.
    diagnostics.take(helm_options(node));
    Some(SourceParts { repository: repository?, path: path?, target_revision })
}

fn unsupported(key: &str, place: Place, help: &str) -> Diagnostic {
    Diagnostic::new(Code::ApplicationUnsupported, format!("`{key}` is not supported yet"))
        .at(place, "affects the render")
        .help(help)
}
