//! An Argo CD Application.
//!
//! A field that affects the render but is not supported is an error. Fields that do not affect it, such as the sync
//! policy, are validated in `lint`. Overrides in the chart's directory (`.argocd-source.yaml`) are applied like Argo CD
//! does; see [`read_over`].

use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, nearest};
use document::yaml::Document;
use document::{Fields, Key, Node, Syntax, Value};
use kubernetes::forms;

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

/// `spec.source.helm`, with overrides applied.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of Argo CD's type")]
pub struct HelmOptions {
    /// The release name; by default the Application's name.
    pub release_name: Option<String>,
    /// The namespace; by default the destination's.
    pub namespace: Option<String>,
    /// The Kubernetes version; by default the cluster's.
    pub kube_version: Option<(String, Place)>,
    /// The API versions; by default the cluster's.
    pub api_versions: Vec<String>,
    /// Value files, in order and as written.
    pub value_files: Vec<(String, Place)>,
    /// Whether missing value files are ignored.
    pub ignore_missing_value_files: bool,
    /// Inline values as text.
    pub values: Option<(String, Place)>,
    /// Inline values as a mapping; it replaces `values`.
    pub values_object: Option<Node>,
    /// `--set` and `--set-string`.
    pub parameters: Vec<Parameter>,
    /// `--set-file`.
    pub file_parameters: Vec<FileParameter>,
    /// Do not render the crds/ directory.
    pub skip_crds: bool,
    /// Do not render test hooks.
    pub skip_tests: bool,
    /// Do not validate values against values.schema.json.
    pub skip_schema_validation: bool,
}

/// One entry of `parameters`.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// The path of the value, in Helm's `--set` syntax.
    pub name: String,
    /// The value, before substitution.
    pub value: String,
    /// Whether the value is always a string.
    pub force_string: bool,
    /// The place of the entry.
    pub place: Place,
}

/// One entry of `fileParameters`.
#[derive(Debug, Clone)]
pub struct FileParameter {
    /// The path of the value, in Helm's `--set` syntax.
    pub name: String,
    /// The path of the file that contains the value, as written.
    pub path: String,
    /// The place of the entry.
    pub place: Place,
}

/// Reads the Applications of a manifest. An ApplicationSet is an error, since its Applications would not be rendered; other
/// kinds are ignored.
#[must_use]
pub fn read(documents: &[Document]) -> (Vec<Application>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let mut applications = Vec::new();
    for document in documents {
        let text = |key: &str| document.root.get(key).and_then(Node::as_str).unwrap_or_default();
        if let Some(item) =
            document.root.get("items").map(Node::items).unwrap_or_default().iter().find(|item| is_ours(item))
        {
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

fn unsupported(key: &str, place: Place, help: &str) -> Diagnostic {
    Diagnostic::new(Code::ApplicationUnsupported, format!("`{key}` is not supported yet"))
        .at(place, "affects the render")
        .help(help)
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

/// Reads `helm` of a source, without overrides.
pub fn helm_options(source: &Node) -> Result<HelmOptions> {
    let Some(node) = source.get("helm").filter(|node| !matches!(node.value, Value::Null)) else {
        return Ok(HelmOptions::default());
    };
    let mut diagnostics = Diagnostics::default();
    let mut fields = Fields::new(node, "spec.source.helm", Syntax::Application);
    // It does not affect the render.
    fields.ignore(&["passCredentials"]);
    let at = |key: &str| node.get(key).unwrap_or(node).place();

    if let Some(version) = fields.string("version").filter(|version| !["", "v3", "v4"].contains(&version.as_str())) {
        fields.report(
            Diagnostic::new(Code::ApplicationInvalid, format!("unknown Helm version `{version}`"))
                .at(at("version"), "")
                .help("delete it; the Argo CD release determines the Helm version"),
        );
    }
    let values_object = fields.node("valuesObject").cloned();
    if let Some(object) = values_object.as_ref().filter(|object| !matches!(object.value, Value::Mapping(_))) {
        let path = fields.path_of("valuesObject");
        fields.report(
            Diagnostic::new(Code::ApplicationInvalid, format!("`{path}` must be a mapping"))
                .at(object.place(), format!("found {}", object.describe())),
        );
    }
    if let Some(culprit) = values_object.as_ref().and_then(unreadable) {
        fields.report(
            Diagnostic::new(
                Code::ApplicationInvalid,
                "control character in `valuesObject`, for which Argo CD ignores all its values",
            )
            .at(culprit.place(), "in this value")
            .help("remove it, or encode binary data as base64"),
        );
    }
    let options = HelmOptions {
        release_name: fields.string("releaseName").filter(|name| !name.is_empty()),
        namespace: fields.string("namespace").filter(|namespace| !namespace.is_empty()),
        kube_version: fields
            .string("kubeVersion")
            .filter(|version| !version.is_empty())
            .map(|version| (version, at("kubeVersion"))),
        api_versions: fields.strings("apiVersions").into_iter().map(|(text, _)| text).collect(),
        value_files: fields.strings("valueFiles"),
        ignore_missing_value_files: fields.bool("ignoreMissingValueFiles"),
        values: fields.string("values").filter(|text| !text.is_empty()).map(|text| (text, at("values"))),
        values_object,
        parameters: fields.sequence("parameters").iter().filter_map(|item| parameter(item, &mut diagnostics)).collect(),
        file_parameters: fields
            .sequence("fileParameters")
            .iter()
            .filter_map(|item| file_parameter(item, &mut diagnostics))
            .collect(),
        skip_crds: fields.bool("skipCrds"),
        skip_tests: fields.bool("skipTests"),
        skip_schema_validation: fields.bool("skipSchemaValidation"),
    };
    fields.finish(&mut diagnostics);
    diagnostics.into_result(options)
}

/// A value with a character that YAML does not allow.
///
/// Argo CD converts `valuesObject` to JSON and then to YAML. If the second step fails, it ignores all values.
fn unreadable(node: &Node) -> Option<&Node> {
    let forbidden = |c: char| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    match &node.value {
        Value::String(text) => text.contains(forbidden).then_some(node),
        Value::Sequence(items) => items.iter().find_map(unreadable),
        Value::Mapping(entries) => entries
            .iter()
            .find_map(|(key, value)| if key.name.contains(forbidden) { Some(value) } else { unreadable(value) }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn parameter(node: &Node, diagnostics: &mut Diagnostics) -> Option<Parameter> {
    let mut fields = Fields::new(node, "spec.source.helm.parameters[]", Syntax::Application);
    let name = fields.required_string("name");
    let value = fields.string("value").unwrap_or_default();
    let force_string = fields.bool("forceString");
    fields.finish(diagnostics);
    Some(Parameter { name: name?, value, force_string, place: node.place() })
}

fn file_parameter(node: &Node, diagnostics: &mut Diagnostics) -> Option<FileParameter> {
    let mut fields = Fields::new(node, "spec.source.helm.fileParameters[]", Syntax::Application);
    let name = fields.required_string("name");
    let path = fields.required_string("path");
    fields.finish(diagnostics);
    Some(FileParameter { name: name?, path: path?, place: node.place() })
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

/// A JSON merge patch (RFC 7396) as in Argo CD's library, which also removes nulls from mappings in lists.
fn merge_patch(target: Option<&Node>, patch: &Node) -> Node {
    let Value::Mapping(changes) = &patch.value else {
        let Value::Sequence(items) = &patch.value else { return patch.clone() };
        let items = items.iter().map(|item| merge_patch(None, item)).collect();
        return Node { value: Value::Sequence(items), span: patch.span.clone(), source: Arc::clone(&patch.source) };
    };
    let mut entries: Vec<(Key, Node)> = target.map(Node::entries).unwrap_or_default().to_vec();
    for (key, change) in changes {
        let known = entries.iter().position(|(name, _)| name.name == key.name);
        if matches!(change.value, Value::Null) {
            if let Some(index) = known {
                entries.remove(index);
            }
            continue;
        }
        let merged = merge_patch(known.map(|index| &entries[index].1), change);
        match known {
            Some(index) => entries[index].1 = merged,
            None => entries.push((key.clone(), merged)),
        }
    }
    Node { value: Value::Mapping(entries), span: patch.span.clone(), source: Arc::clone(&patch.source) }
}

/// Reads a patched source into the original one, as Go's `json.Unmarshal` does for a struct that is not empty.
///
/// This affects what is deployed: a field that the patch sets to `null` keeps its old value, and a list entry keeps the
/// old entry's fields that it does not set. `null` removes a value only inside `valuesObject`, which is raw JSON (`raw`).
fn read_over(old: &Node, new: &Node, raw: bool) -> Node {
    let value = match (&old.value, &new.value) {
        (Value::Mapping(before), Value::Mapping(after)) if !raw => {
            let mut entries = before.clone();
            for (key, node) in after {
                match entries.iter_mut().find(|(name, _)| name.name == key.name) {
                    Some((_, known)) => *known = read_over(known, node, key.name == "valuesObject"),
                    None => entries.push((key.clone(), node.clone())),
                }
            }
            Value::Mapping(entries)
        }
        (Value::Sequence(before), Value::Sequence(after)) if !raw => Value::Sequence(
            after
                .iter()
                .enumerate()
                .map(|(index, node)| {
                    before.get(index).map_or_else(|| node.clone(), |known| read_over(known, node, false))
                })
                .collect(),
        ),
        (_, after) => after.clone(),
    };
    Node { value, span: new.span.clone(), source: Arc::clone(&new.source) }
}

/// What remains of a source in memory: a shortened Go slice keeps its old entries beyond its end, so that a later override
/// that extends the list reads into them. An empty list is a new slice.
fn remember(memory: &Node, source: &Node) -> Node {
    let value = match (&memory.value, &source.value) {
        (Value::Mapping(_), Value::Mapping(entries)) => {
            let entries = entries.iter().map(|(key, node)| {
                let node = memory.get(&key.name).map_or_else(|| node.clone(), |memory| remember(memory, node));
                (key.clone(), node)
            });
            Value::Mapping(entries.collect())
        }
        (Value::Sequence(before), Value::Sequence(now)) if !now.is_empty() => {
            Value::Sequence(now.iter().chain(before.iter().skip(now.len())).cloned().collect())
        }
        (_, value) => value.clone(),
    };
    Node { value, span: source.span.clone(), source: Arc::clone(&source.source) }
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn read_text(text: impl Into<String>) -> (Vec<Application>, Diagnostics) {
        read(&yaml::parse(&Source::new("web.yaml", text)).expect("YAML"))
    }

    const APPLICATION: &str = "
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  project: web
  destination: {server: https://kubernetes.default.svc, namespace: web}
  source:
    repoURL: https://git.example.com/repo.git
    path: charts/web
    helm:
      valueFiles: [a.yaml, b.yaml]
      parameters: [{name: a, value: '1', forceString: true}, {name: b, value: '2'}]
      valuesObject: {keep: 1, drop: 2}
";

    fn parsed(text: &str) -> Application {
        let (applications, diagnostics) = read_text(text);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        applications.into_iter().next().expect("one")
    }

    fn overridden(patch: &str) -> HelmOptions {
        let patch = yaml::parse_one(&Source::new(".argocd-source.yaml", patch)).expect("YAML").root;
        parsed(APPLICATION).options(&[patch]).expect("valid")
    }

    #[test]
    fn overrides_replace_lists_and_merge_values() {
        let options = overridden("helm: {valueFiles: [c.yaml], valuesObject: {drop: null, add: 3}}");
        assert_eq!(options.value_files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["c.yaml"]);
        assert_eq!(options.values_object.expect("kept").to_json(), r#"{"keep":1,"add":3}"#);
    }

    #[test]
    fn null_outside_values_removes_nothing() {
        assert_eq!(overridden("helm: {valueFiles: null}").value_files.len(), 2);
        assert_eq!(overridden("helm: null").value_files.len(), 2);
    }

    #[test]
    fn list_entries_keep_old_fields() {
        let options = overridden("helm: {parameters: [{name: z, value: '9'}]}");
        assert_eq!(options.parameters.len(), 1);
        assert!(options.parameters[0].force_string, "Go reads the new entry into the old one");
    }

    #[test]
    fn shortened_lists_remember_old_entries() {
        let patch = |text: &str| yaml::parse_one(&Source::new(".argocd-source.yaml", text)).expect("YAML").root;
        let one = patch("helm: {parameters: [{name: x, value: '1'}]}");
        let two = patch("helm: {parameters: [{name: p, value: '1'}, {name: q}]}");
        let options = parsed(APPLICATION).options(&[one, two]).expect("valid");
        assert_eq!(options.parameters[1].value, "2", "of the entry that the first override removed");
        let none = patch("helm: {parameters: []}");
        let two = patch("helm: {parameters: [{name: p, value: '1'}, {name: q}]}");
        let options = parsed(APPLICATION).options(&[none, two]).expect("valid");
        assert_eq!(options.parameters[1].value, "");
    }

    #[test]
    fn unsupported_fields_are_reported() {
        let text = APPLICATION.replace("    path: charts/web\n", "    chart: web\n    kustomize: {}\n");
        let (_, diagnostics) = read_text(text);
        let reported: Vec<_> =
            diagnostics.0.iter().map(|found| format!("{} {}", found.places[0].0, found.message)).collect();
        assert_eq!(
            reported,
            [
                "web.yaml:10:5 `spec.source.chart` is not supported yet",
                "web.yaml:11:5 `spec.source.kustomize` is not supported yet"
            ]
        );
    }

    #[test]
    fn the_instance_name_contains_another_namespace() {
        assert_eq!(parsed(APPLICATION).instance, "web");
        assert_eq!(parsed(&APPLICATION.replace("namespace: argocd", "namespace: team")).instance, "team_web");
    }
}
