//! An Argo CD Application.
//!
//! A field that affects the render but is not supported is an error. Fields that do not affect it, such as the sync
//! policy, are validated in `lint`. Overrides in the chart's directory (`.argocd-source.yaml`) are applied like Argo CD
//! does; see [`overrides`].

mod helm_options;
mod overrides;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, did_you_mean, nearest};
use document::yaml::Document;
use document::{Fields, Node, Syntax, Value};

pub use self::helm_options::{FileParameter, HelmOptions, Parameter, helm_options};
use self::overrides::{canonical, merge_patch, read_over, remember};
use crate::substitute;

/// The label of Secrets that declare repositories and clusters to Argo CD.
pub const SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";

/// Argo CD's own namespace: the usual one, and that of Red Hat's operator.
const CONTROL_PLANES: [&str; 2] = ["argocd", "openshift-gitops"];

/// An Application.
#[derive(Debug, Clone)]
pub struct Application {
    /// `metadata.name`: the default release name.
    pub name: String,
    /// The place of its name.
    pub place: Place,
    /// The name that is unique in the repository, and the first part of its targets' names: what Argo CD calls its
    /// instance name (see [`instance_name`]), and in a declared Argo CD instance the name of that; see [`in_instance`].
    pub instance: String,
    /// `spec.project`.
    pub project: String,
    /// `spec.destination.namespace`; empty if unset.
    pub namespace: String,
    /// Its sources, in order: the entries of `spec.sources`, or else `spec.source`; with `spec.sourceHydrator`, its
    /// `drySource`.
    pub sources: Vec<Source>,
}

/// A source of an Application.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path of the field that contains it, such as `spec.source` or `spec.sources[N]`.
    pub field: String,
    /// `repoURL`.
    pub repository: String,
    /// The place of the repository URL.
    pub repository_place: Place,
    /// `path`: a directory, relative to the root of the repository; empty if unset.
    pub path: String,
    /// The place of the path.
    pub path_place: Place,
    /// `chart`: the name of a chart in a Helm repository.
    pub chart: Option<String>,
    /// `targetRevision`; empty if unset.
    pub target_revision: String,
    /// `ref`: the name by which value files of the other sources refer to this one.
    pub reference: Option<String>,
    /// The source without overrides.
    pub node: Arc<Node>,
}

impl Source {
    /// Whether it renders objects; one that has only a `ref` provides files to other sources.
    #[must_use]
    pub fn renders(&self) -> bool {
        self.chart.is_some() || !self.path.is_empty() || self.reference.is_none()
    }

    /// The source with override files of its directory applied in order; see [`Application::override_files`].
    ///
    /// Like in Argo CD, they cannot change the repository, path, chart, and revision.
    pub fn overridden(&self, overrides: &[Node]) -> Result<Node> {
        let mut source = Node::clone(&self.node);
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
            let patch = &canonical(patch);
            let mut fields = Fields::new(patch, "", Syntax::Application);
            fields.ignore(&["helm", "kustomize", "directory", "plugin"]);
            fields.ignore(&["repoURL", "path", "targetRevision", "chart", "name", "ref", "tagPrefix"]);
            fields.finish(&mut diagnostics);
            source = read_over(&memory, &merge_patch(Some(&source), patch), false);
            memory = remember(&memory, &source);
        }
        diagnostics.into_result(source)
    }

    /// The Helm options with override files applied.
    pub fn helm_options(&self, overrides: &[Node]) -> Result<HelmOptions> {
        helm_options(&self.overridden(overrides)?, &self.field)
    }
}

impl Application {
    /// Its instance name in Argo CD, without the declared instance of Argo CD.
    #[must_use]
    fn own_instance(&self) -> &str {
        split_instance(&self.instance).0
    }

    /// The names of override files in the directory of a source, in the order in which they are applied.
    #[must_use]
    pub fn override_files(&self) -> [String; 2] {
        [".argocd-source.yaml".to_owned(), format!(".argocd-source-{}.yaml", self.own_instance())]
    }

    /// The variables that Argo CD substitutes in a source, with a commit SHA as revision.
    #[must_use]
    pub fn variables(&self, source: &Source, revision: &str) -> substitute::Variables {
        let short = |length: usize| revision.get(..length).unwrap_or(revision).to_owned();
        [
            ("ARGOCD_APP_NAME", self.own_instance().to_owned()),
            ("ARGOCD_APP_NAMESPACE", self.namespace.clone()),
            ("ARGOCD_APP_PROJECT_NAME", self.project.clone()),
            ("ARGOCD_APP_REVISION", revision.to_owned()),
            ("ARGOCD_APP_REVISION_SHORT", short(7)),
            ("ARGOCD_APP_REVISION_SHORT_8", short(8)),
            ("ARGOCD_APP_SOURCE_REPO_URL", source.repository.clone()),
            ("ARGOCD_APP_SOURCE_PATH", source.path.clone()),
            ("ARGOCD_APP_SOURCE_TARGET_REVISION", source.target_revision.clone()),
        ]
        .into_iter()
        .collect()
    }
}

/// The Applications and ApplicationSets that a manifest defines.
#[derive(Debug, Default)]
pub struct Manifests {
    /// The Applications, in order.
    pub applications: Vec<Defined>,
    /// The ApplicationSets, in order.
    pub sets: Vec<Node>,
    /// Findings that concern no single Application.
    pub diagnostics: Diagnostics,
}

impl Manifests {
    /// All findings, also those about single Applications.
    #[must_use]
    pub fn findings(&self) -> Diagnostics {
        let mut all = self.diagnostics.clone();
        for defined in &self.applications {
            all.extend(defined.application.as_ref().err().cloned().unwrap_or_default());
        }
        all
    }
}

/// An Application as far as it can be read.
#[derive(Debug)]
pub struct Defined {
    /// Its instance name; empty if it has no name.
    pub instance: String,
    /// The place of its name, or of the whole object.
    pub place: Place,
    /// The Application, or why it is invalid.
    pub application: Result<Application>,
}

impl Defined {
    /// The same Application in a declared Argo CD instance; an empty name is the instance without one.
    #[must_use]
    pub fn in_instance(self, argocd: &str) -> Self {
        let instance = in_instance(self.instance, argocd);
        let application =
            self.application.map(|one| Application { instance: in_instance(one.instance, argocd), ..one });
        Self { instance, application, ..self }
    }
}

/// Reads the Applications and ApplicationSets of a manifest, also those in Lists. Other kinds are ignored.
#[must_use]
pub fn read(documents: &[Document]) -> Manifests {
    let mut manifests = Manifests::default();
    for document in documents {
        let items = document.root.items_at(&["items"]);
        let list = !is_ours(&document.root) || text(&document.root, "kind").ends_with("List");
        if list {
            for item in items.iter().filter(|item| is_ours(item)) {
                read_object(item, &mut manifests);
            }
        } else {
            if text(&document.root, "kind") == "Application" {
                manifests.diagnostics.0.extend(document.duplicates.iter().map(|key| {
                    Diagnostic::new(Code::ApplicationInvalid, format!("duplicate key `{}`", key.name))
                        .at(Place::new(&document.root.source, key.span.clone()), "second definition")
                        .help("delete one of them; Kubernetes uses the last")
                }));
            }
            read_object(&document.root, &mut manifests);
        }
    }
    manifests
}

fn text<'a>(node: &'a Node, key: &str) -> &'a str {
    node.get(key).and_then(Node::as_str).unwrap_or_default()
}

/// Reads an Application.
#[must_use]
pub fn read_one(root: &Node) -> Defined {
    defined(root, application(root))
}

fn defined(root: &Node, application: Result<Application>) -> Defined {
    let metadata = root.get("metadata");
    let name = metadata.and_then(|metadata| metadata.get("name"));
    let namespace = metadata.map(|metadata| text(metadata, "namespace")).unwrap_or_default();
    let instance = name.and_then(Node::as_str).map(|name| instance_name(name, namespace));
    Defined { instance: instance.unwrap_or_default(), place: name.unwrap_or(root).place(), application }
}

/// Reads an object of Argo CD's API group.
fn read_object(root: &Node, manifests: &mut Manifests) {
    let kind = text(root, "kind");
    match kind {
        "Application" => manifests.applications.push(read_one(root)),
        "ApplicationSet" => manifests.sets.push(root.clone()),
        _ => {
            let known = ["Application", "ApplicationSet", "AppProject"];
            let Some(near) = nearest(kind, known).filter(|near| kind != *near) else { return };
            let found = Diagnostic::new(Code::ApplicationInvalid, format!("unknown Argo CD kind `{kind}`"))
                .at(root.get("kind").unwrap_or(root).place(), "")
                .help(did_you_mean(near));
            if near == "Application" {
                manifests.applications.push(defined(root, Err(found.into())));
            } else {
                manifests.diagnostics.push(found);
            }
        }
    }
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
        let hydrator = fields.node("sourceHydrator");
        // Argo CD ignores `source` beside `sources`, and both beside a hydrator.
        let several: Vec<&Node> = fields.sequence("sources").iter().filter(|_| hydrator.is_none()).collect();
        let single = if hydrator.is_some() || !several.is_empty() {
            fields.node("source").filter(|_| hydrator.is_none())
        } else {
            fields.required("source")
        };
        fields.finish(&mut diagnostics);
        let namespace = destination.and_then(|destination| {
            let mut fields = Fields::new(destination, "spec.destination", Syntax::Application);
            fields.ignore(&["server", "name"]);
            let namespace = fields.string("namespace");
            fields.finish(&mut diagnostics);
            namespace
        });
        // Also validate the sources if the project is missing.
        let sources: Vec<Source> = if let Some(hydrator) = hydrator {
            dry_source(hydrator, &mut diagnostics).into_iter().collect()
        } else if several.is_empty() {
            single.and_then(|node| source(node, "spec.source".to_owned(), &mut diagnostics)).into_iter().collect()
        } else {
            let named = several.iter().enumerate();
            named.filter_map(|(index, node)| source(node, format!("spec.sources[{index}]"), &mut diagnostics)).collect()
        };
        if let Some(project) = project.filter(|_| !sources.is_empty()) {
            parts = Some((project, namespace.unwrap_or_default(), sources));
        }
    }

    let (Some(name), Some((project, namespace, sources))) = (name, parts) else {
        return Err(diagnostics);
    };
    let instance = instance_name(&name, &own_namespace.unwrap_or_default());
    diagnostics.into_result(Application {
        place: metadata.and_then(|metadata| metadata.get("name")).unwrap_or(root).place(),
        name,
        instance,
        project,
        namespace,
        sources,
    })
}

/// What Argo CD calls the instance name of an Application: its name, prefixed with its namespace unless that is Argo CD's
/// own. Applications in other namespaces may share a name.
#[must_use]
pub fn instance_name(name: &str, namespace: &str) -> String {
    if namespace.is_empty() || is_control_plane(namespace) { name.to_owned() } else { format!("{namespace}_{name}") }
}

/// Whether Argo CD itself runs in a namespace.
#[must_use]
pub fn is_control_plane(namespace: &str) -> bool {
    CONTROL_PLANES.contains(&namespace)
}

/// The separator between the name of an Application and that of its Argo CD instance. Neither contains it.
const AT: char = '@';

/// The name of an object that is unique across instances of Argo CD: `name@argocd`, or only its name in the instance
/// without one.
#[must_use]
pub fn in_instance(name: String, argocd: &str) -> String {
    if argocd.is_empty() || name.is_empty() { name } else { format!("{name}{AT}{argocd}") }
}

/// An Application's name within its Argo CD instance, and the name of the instance, which may be empty.
#[must_use]
pub fn split_instance(unique: &str) -> (&str, &str) {
    unique.split_once(AT).unwrap_or((unique, ""))
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

/// The source that Argo CD's source hydrator renders. The sync applies what it has written to `syncSource`, which is the
/// same.
fn dry_source(hydrator: &Node, diagnostics: &mut Diagnostics) -> Option<Source> {
    let mut fields = Fields::new(hydrator, "spec.sourceHydrator", Syntax::Application);
    fields.ignore(&["syncSource", "hydrateTo"]);
    let dry = fields.required("drySource");
    fields.finish(diagnostics);
    let field = "spec.sourceHydrator.drySource";
    let dry = dry?;
    for key in ["chart", "ref"] {
        if let Some(node) = dry.get(key).filter(|node| !matches!(node.value, Value::Null)) {
            diagnostics.push(
                Diagnostic::new(Code::ApplicationInvalid, format!("`{field}` has no field `{key}`"))
                    .at(node.place(), "rejected by Argo CD")
                    .help("remove it: the source hydrator renders a path in a Git repository"),
            );
        }
    }
    source(dry, field.to_owned(), diagnostics)
}

fn source(node: &Node, field: String, diagnostics: &mut Diagnostics) -> Option<Source> {
    let mut fields = Fields::new(node, &field, Syntax::Application);
    // They do not affect the render of a given revision.
    fields.ignore(&["name", "tagPrefix"]);
    fields.ignore(&["helm", "kustomize", "directory", "plugin"]);
    let repository = fields.required_string("repoURL");
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let chart = filled(fields.string("chart"));
    let reference = filled(fields.string("ref"));
    let path = match (&chart, &reference) {
        (None, None) => fields.required_string("path"),
        _ => Some(fields.string("path").unwrap_or_default()),
    };
    let target_revision = fields.string("targetRevision").unwrap_or_default();
    fields.finish(diagnostics);
    // Overrides are applied later; this only validates the options as written.
    diagnostics.take(helm_options(node, &field));
    Some(Source {
        repository_place: node.get("repoURL").unwrap_or(node).place(),
        path_place: node.get("path").unwrap_or(node).place(),
        repository: repository?,
        path: path?,
        chart,
        target_revision,
        reference,
        node: Arc::new(node.clone()),
        field,
    })
}
