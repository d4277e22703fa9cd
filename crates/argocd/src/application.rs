//! An Argo CD Application: the build target.
//!
//! What it may say and this tool cannot render is an error that names the field. What does not decide a render (sync
//! policy, retries) is accepted unread. Overrides in the chart's folder (`.argocd-source.yaml`) are applied as Argo CD
//! applies them, see [`read_over`].
//!
//! Deliberately absent: judging an Application. Whether its project allows what it renders is for `lint`.

use std::sync::Arc;

use crate::substitute;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, nearest};
use document::yaml::Document;
use document::{Fields, Key, Node, Syntax, Value};
use kubernetes::forms;

/// The namespace that Argo CD itself runs in, unless told otherwise.
const CONTROL_PLANE: &str = "argocd";

/// An Application whose source is a chart of this repository.
#[derive(Debug, Clone)]
pub struct Application {
    /// `metadata.name`: the default release name.
    pub name: String,
    /// Where it is defined.
    pub place: Place,
    /// The name that is unique across namespaces, and the first part of its targets' names; see [`instance_name`].
    pub instance: String,
    /// `spec.project`.
    pub project: String,
    /// `spec.destination.namespace`; empty when unset.
    pub namespace: String,
    /// `spec.source.repoURL`.
    pub repository: String,
    /// Where the repository URL stands.
    pub repository_place: Place,
    /// `spec.source.path`: the chart's folder, relative to the root.
    pub path: String,
    /// Where the path stands.
    pub path_place: Place,
    /// `spec.source.targetRevision`; empty when unset.
    pub target_revision: String,
    /// `spec.source` as written, before overrides.
    pub source: Node,
}

/// What `spec.source.helm` says, after overrides.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of Argo CD's own type")]
pub struct HelmOptions {
    /// The release name; the Application's name when absent.
    pub release_name: Option<String>,
    /// The namespace; the destination's when absent.
    pub namespace: Option<String>,
    /// The Kubernetes version; the cluster's when absent.
    pub kube_version: Option<(String, Place)>,
    /// API versions instead of the cluster's.
    pub api_versions: Vec<String>,
    /// Values files in order, as written.
    pub value_files: Vec<(String, Place)>,
    /// Whether values files that are not there are passed over.
    pub ignore_missing_value_files: bool,
    /// Values as text.
    pub values: Option<(String, Place)>,
    /// Values as a mapping; they replace `values`.
    pub values_object: Option<Node>,
    /// `--set` and `--set-string`.
    pub parameters: Vec<Parameter>,
    /// `--set-file`.
    pub file_parameters: Vec<FileParameter>,
    /// Leave out CRDs.
    pub skip_crds: bool,
    /// Leave out test hooks.
    pub skip_tests: bool,
    /// Do not hold values against values.schema.json.
    pub skip_schema_validation: bool,
}

/// One entry of `parameters`.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// The path of the value, in Helm's `--set` notation.
    pub name: String,
    /// The value, before substitution.
    pub value: String,
    /// Whether it stays a string whatever it looks like.
    pub force_string: bool,
    /// Where it stands.
    pub place: Place,
}

/// One entry of `fileParameters`.
#[derive(Debug, Clone)]
pub struct FileParameter {
    /// The path of the value, in Helm's `--set` notation.
    pub name: String,
    /// The file whose content is the value, as written.
    pub path: String,
    /// Where it stands.
    pub place: Place,
}

/// Reads the Applications of one manifest file. Other kinds in it are passed over, but for an `ApplicationSet`, which is
/// refused: its Applications would be missed in silence.
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
                Diagnostic::new(Code::ApplicationUnsupported, "Applications in a list are not read")
                    .at(item.place(), "the first of them")
                    .help("write each as a document of its own, with `---` between them"),
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
                        Diagnostic::new(Code::ApplicationInvalid, format!("`{}` stands twice", key.name))
                            .at(Place::new(&document.root.source, key.span.clone()), "the second one")
                            .help("keep one; Kubernetes would silently take the last"),
                    );
                }
                applications.extend(diagnostics.take(application(&document.root)));
            }
            "ApplicationSet" => diagnostics.push(
                Diagnostic::new(Code::ApplicationUnsupported, "an ApplicationSet is not rendered yet")
                    .at(document.root.get("kind").unwrap_or(&document.root).place(), "")
                    .help("write an Application for each chart"),
            ),
            kind => {
                let known = ["Application", "ApplicationSet", "AppProject"];
                if let Some(near) = nearest(kind, known).filter(|near| kind != *near) {
                    diagnostics.push(
                        Diagnostic::new(Code::ApplicationInvalid, format!("Argo CD has no {kind}"))
                            .at(document.root.get("kind").unwrap_or(&document.root).place(), "so nobody looks at this")
                            .help(format!("did you mean `{near}`?")),
                    );
                }
            }
        }
    }
    (applications, diagnostics)
}

/// Whether something says that it is one of Argo CD's kinds.
fn is_ours(node: &Node) -> bool {
    node.get("apiVersion").and_then(Node::as_str).is_some_and(|version| version.starts_with("argoproj.io/"))
}

fn unsupported(key: &str, place: Place, help: &str) -> Diagnostic {
    Diagnostic::new(Code::ApplicationUnsupported, format!("`{key}` is not supported yet"))
        .at(place, "its effect on the render would be missing")
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
        // What `kubectl get --output yaml` writes beside.
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
        // What is wrong with the source is told even where there is no project.
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

/// Application names become folders and release names, so they have to be what Kubernetes allows.
fn valid_name(name: &str, metadata: &Node, fields: &mut Fields<'_>) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let fine = name.chars().all(allowed) && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.len() <= 253;
    if !fine {
        fields.report(
            Diagnostic::new(Code::ApplicationInvalid, format!("`{name}` is no valid name"))
                .at(metadata.get("name").unwrap_or(metadata).place(), "lowercase letters, digits, `-`, and `.` only"),
        );
    }
    fine
}

/// No object could be in a namespace of another form, so this is told here once, and not of each of them.
fn valid_namespace(name: &str, destination: &Node, fields: &mut Fields<'_>) -> bool {
    let wrong = if name.is_empty() { None } else { forms::label(name) };
    let fine = wrong.is_none();
    if let Some(expected) = wrong {
        let place = destination.get("namespace").unwrap_or(destination).place();
        fields.report(
            Diagnostic::new(Code::ApplicationInvalid, format!("`{name}` is no name of a namespace"))
                .at(place, expected),
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
    // A tag prefix decides which revision is read, a name only how the source is called.
    fields.ignore(&["helm", "name", "tagPrefix"]);
    for (key, help) in [
        ("chart", "depend on the chart from an umbrella chart in this repository"),
        ("kustomize", "only charts are rendered"),
        ("directory", "only charts are rendered; plain manifests belong into a chart's templates"),
        ("plugin", "only charts are rendered"),
        ("ref", "use one source"),
    ] {
        if fields.node(key).is_some() {
            fields.report(unsupported(&format!("spec.source.{key}"), node.key_place(key), help));
        }
    }
    let repository = fields.required_string("repoURL");
    let path = if node.get("chart").is_some() { fields.string("path") } else { fields.required_string("path") };
    let target_revision = fields.string("targetRevision").unwrap_or_default();
    fields.finish(diagnostics);
    // The options are read again after overrides; here only what is wrong with them as written is told.
    diagnostics.take(helm_options(node));
    Some(SourceParts { repository: repository?, path: path?, target_revision })
}

/// Reads `helm` of a source.
pub fn helm_options(source: &Node) -> Result<HelmOptions> {
    let Some(node) = source.get("helm").filter(|node| !matches!(node.value, Value::Null)) else {
        return Ok(HelmOptions::default());
    };
    let mut diagnostics = Diagnostics::default();
    let mut fields = Fields::new(node, "spec.source.helm", Syntax::Application);
    // Credentials are for repositories that need them; what is rendered does not depend on them.
    fields.ignore(&["passCredentials"]);
    let at = |key: &str| node.get(key).unwrap_or(node).place();

    if let Some(version) = fields.string("version").filter(|version| !["", "v3", "v4"].contains(&version.as_str())) {
        fields.report(
            Diagnostic::new(Code::ApplicationInvalid, format!("Argo CD has no Helm `{version}`"))
                .at(at("version"), "expected `v3` or `v4`, or better nothing")
                .help("delete it: the Argo CD release decides which Helm is used"),
        );
    }
    let values_object = fields.node("valuesObject").cloned();
    if let Some(object) = values_object.as_ref().filter(|object| !matches!(object.value, Value::Mapping(_))) {
        let path = fields.path_of("valuesObject");
        fields.report(
            Diagnostic::new(Code::ApplicationInvalid, format!("`{path}` should be a mapping"))
                .at(object.place(), format!("this is {}", object.describe())),
        );
    }
    if let Some(culprit) = values_object.as_ref().and_then(unreadable) {
        fields.report(
            Diagnostic::new(Code::ApplicationInvalid, "a control character, for which Argo CD drops all these values")
                .at(culprit.place(), "in this text")
                .help("take it out; binary data belongs into base64"),
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

/// A value with a character that YAML does not allow. Argo CD turns `valuesObject` into JSON and that into YAML; where
/// the second step fails, it goes on without any of the values.
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
    /// The names of the files in the chart's folder that override the source, in the order of their effect.
    #[must_use]
    pub fn override_files(&self) -> [String; 2] {
        [".argocd-source.yaml".to_owned(), format!(".argocd-source-{}.yaml", self.instance)]
    }

    /// The Helm options after overrides; `overrides` are the parsed override files that exist, in order.
    ///
    /// Only what concerns Helm is taken from them: Argo CD keeps repository, path, chart, and revision.
    pub fn options(&self, overrides: &[Node]) -> Result<HelmOptions> {
        let mut source = self.source.clone();
        let mut memory = source.clone();
        let mut diagnostics = Diagnostics::default();
        for patch in overrides {
            if !matches!(patch.value, Value::Mapping(_)) {
                diagnostics.push(
                    Diagnostic::new(Code::ApplicationInvalid, "this override is no mapping, which Argo CD refuses")
                        .at(patch.place(), format!("this is {}", patch.describe()))
                        .help("delete the file, or write `helm: {…}` into it"),
                );
                continue;
            }
            let mut fields = Fields::new(patch, "", Syntax::Application);
            fields.ignore(&["helm", "repoURL", "path", "targetRevision", "chart", "name", "ref", "tagPrefix"]);
            for key in ["kustomize", "directory", "plugin"] {
                if fields.node(key).is_some() {
                    fields.report(unsupported(key, patch.key_place(key), "only charts are rendered"));
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

    /// The variables that Argo CD substitutes. `revision` is the commit, which only Argo CD knows.
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

/// RFC 7396, as the library in Argo CD reads it: it also drops the nulls of mappings inside lists.
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

/// What Go's JSON reader leaves in a value that already holds something. Argo CD reads a source with an override applied
/// *over* the source as it was.
///
/// That has effects which its authors may not have meant, and which decide what is deployed: a key that the patch removes
/// with `null` keeps its old value, and an entry of a list keeps the old entry's keys that it does not name. Only inside
/// `valuesObject`, which Argo CD keeps as one piece of JSON (`raw`), does `null` remove.
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

/// What a source leaves in memory: a list that an override made shorter still holds the old entries behind its end, and
/// the next override that makes it longer reads over them. A list that was emptied is a new one.
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
    use super::*;
    use diagnostics::Source;
    use document::yaml;

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
    fn a_null_outside_values_removes_nothing() {
        assert_eq!(overridden("helm: {valueFiles: null}").value_files.len(), 2);
        assert_eq!(overridden("helm: null").value_files.len(), 2);
    }

    #[test]
    fn an_entry_keeps_what_the_old_entry_said() {
        let options = overridden("helm: {parameters: [{name: z, value: '9'}]}");
        assert_eq!(options.parameters.len(), 1);
        assert!(options.parameters[0].force_string, "Go reads the new entry over the old one");
    }

    #[test]
    fn a_shortened_list_remembers_its_old_entries() {
        let patch = |text: &str| yaml::parse_one(&Source::new(".argocd-source.yaml", text)).expect("YAML").root;
        let one = patch("helm: {parameters: [{name: x, value: '1'}]}");
        let two = patch("helm: {parameters: [{name: p, value: '1'}, {name: q}]}");
        let options = parsed(APPLICATION).options(&[one, two]).expect("valid");
        assert_eq!(options.parameters[1].value, "2", "of the entry that the first override cut off");
        let none = patch("helm: {parameters: []}");
        let two = patch("helm: {parameters: [{name: p, value: '1'}, {name: q}]}");
        let options = parsed(APPLICATION).options(&[none, two]).expect("valid");
        assert_eq!(options.parameters[1].value, "");
    }

    #[test]
    fn unsupported_fields_are_named_with_their_place() {
        let text = APPLICATION.replace("    path: charts/web\n", "    chart: web\n    kustomize: {}\n");
        let (_, diagnostics) = read_text(text);
        let told: Vec<_> =
            diagnostics.0.iter().map(|found| format!("{} {}", found.places[0].0, found.message)).collect();
        assert_eq!(
            told,
            [
                "web.yaml:10:5 `spec.source.chart` is not supported yet",
                "web.yaml:11:5 `spec.source.kustomize` is not supported yet"
            ]
        );
    }

    #[test]
    fn the_instance_name_carries_a_foreign_namespace() {
        assert_eq!(parsed(APPLICATION).instance, "web");
        assert_eq!(parsed(&APPLICATION.replace("namespace: argocd", "namespace: team")).instance, "team_web");
    }
}
