//! `spec.source.kustomize`.

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use document::{Fields, Node, Syntax, Value};

/// `spec.source.kustomize`, with overrides applied.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are the fields of the Application")]
pub struct Options {
    /// Set as `namePrefix`, unless empty.
    pub name_prefix: String,
    /// Set as `nameSuffix`, unless empty.
    pub name_suffix: String,
    /// `[name=]image[:tag|@digest]`, with variables.
    pub images: Vec<(String, Place)>,
    /// The numbers of replicas by name.
    pub replicas: Vec<(String, i64)>,
    /// Labels, with variables.
    pub common_labels: Vec<(String, String)>,
    /// Whether to replace labels that the kustomization sets.
    pub force_common_labels: bool,
    /// Whether to leave out selectors.
    pub label_without_selector: bool,
    /// Whether to add the labels to templates, too.
    pub label_include_templates: bool,
    /// Annotations.
    pub common_annotations: Vec<(String, String)>,
    /// Whether to replace annotations that the kustomization sets.
    pub force_common_annotations: bool,
    /// Whether the annotations contain variables.
    pub common_annotations_envsubst: bool,
    /// Set as `namespace`, unless empty.
    pub namespace: String,
    /// Patches, as JSON.
    pub patches: Vec<String>,
    /// The files of patches, relative to the kustomization.
    pub patch_files: Vec<(String, Place)>,
    /// Components, relative to the kustomization.
    pub components: Vec<(String, Place)>,
    /// Whether to leave out components that do not exist.
    pub ignore_missing_components: bool,
    /// The name of a kustomize version that is registered with Argo CD.
    pub version: Option<(String, Place)>,
    /// The Kubernetes version for Helm, instead of that of the cluster.
    pub kube_version: Option<(String, Place)>,
    /// The API versions for Helm, instead of those of the cluster.
    pub api_versions: Vec<String>,
}

/// Reads the options of a source, after its override files were applied; `field` is the path of the source in messages.
pub fn options(source: &Node, field: &str) -> Result<Options> {
    let mut diagnostics = Diagnostics::default();
    let mut options = Options::default();
    let Some(node) = source.get("kustomize").filter(|node| !matches!(node.value, Value::Null)) else {
        return Ok(options);
    };
    let path = format!("{field}.kustomize");
    let mut fields = Fields::new(node, &path, Syntax::Application);
    options.name_prefix = fields.string("namePrefix").unwrap_or_default();
    options.name_suffix = fields.string("nameSuffix").unwrap_or_default();
    options.images = fields.strings("images");
    options.replicas = replicas(fields.sequence("replicas"), &format!("{path}.replicas[]"), &mut diagnostics);
    options.common_labels = texts(&mut fields, "commonLabels");
    options.force_common_labels = fields.bool("forceCommonLabels");
    options.label_without_selector = fields.bool("labelWithoutSelector");
    options.label_include_templates = fields.bool("labelIncludeTemplates");
    options.common_annotations = texts(&mut fields, "commonAnnotations");
    options.force_common_annotations = fields.bool("forceCommonAnnotations");
    options.common_annotations_envsubst = fields.bool("commonAnnotationsEnvsubst");
    options.namespace = fields.string("namespace").unwrap_or_default();
    let one = format!("{path}.patches[]");
    options.patches = fields.sequence("patches").iter().map(|item| patch(item, &one, &mut diagnostics)).collect();
    let files = fields.sequence("patches").iter().filter_map(|item| item.get("path"));
    options.patch_files = files.filter_map(|path| Some((path.as_str()?.to_owned(), path.place()))).collect();
    options.components = fields.strings("components");
    options.ignore_missing_components = fields.bool("ignoreMissingComponents");
    options.version = placed(&mut fields, "version");
    options.kube_version = placed(&mut fields, "kubeVersion");
    options.api_versions = fields.strings("apiVersions").into_iter().map(|(text, _)| text).collect();
    fields.finish(&mut diagnostics);
    if options.label_include_templates && !options.label_without_selector && !options.common_labels.is_empty() {
        diagnostics.push(
            Diagnostic::new(Code::ApplicationInvalid, "`labelIncludeTemplates` requires `labelWithoutSelector: true`")
                .at(node.key_place("labelIncludeTemplates"), "kustomize rejects it alone")
                .help("set `labelWithoutSelector: true`, or delete `labelIncludeTemplates`"),
        );
    }
    diagnostics.into_result(options)
}

fn placed(fields: &mut Fields<'_>, key: &'static str) -> Option<(String, Place)> {
    let text = fields.string(key).filter(|text| !text.is_empty())?;
    let place = fields.node(key)?.place();
    Some((text, place))
}

/// Reads a mapping of strings, sorted by key, because Argo CD passes it in random order.
fn texts(fields: &mut Fields<'_>, key: &'static str) -> Vec<(String, String)> {
    fields.texts(key);
    let entries = fields.node(key).map(Node::entries).unwrap_or_default();
    let mut texts: Vec<_> =
        entries.iter().filter_map(|(key, value)| Some((key.name.clone(), value.as_str()?.to_owned()))).collect();
    texts.sort();
    texts
}

fn replicas(items: &[Node], path: &str, diagnostics: &mut Diagnostics) -> Vec<(String, i64)> {
    let mut replicas = Vec::new();
    for item in items {
        let mut fields = Fields::new(item, path, Syntax::Application);
        let name = fields.required_string("name");
        let count = fields.required("count").and_then(|node| {
            let count = match &node.value {
                Value::Number(text) | Value::String(text) => text.parse().ok(),
                _ => None,
            };
            if count.is_none() {
                fields.report(
                    Diagnostic::new(Code::ApplicationInvalid, format!("`{path}.count` must be an integer"))
                        .at(node.place(), format!("found {}", node.describe())),
                );
            }
            count
        });
        fields.finish(diagnostics);
        replicas.extend(name.zip(count));
    }
    replicas
}

/// Checks a patch, and returns the JSON that Argo CD appends to the kustomization: without empty fields.
fn patch(item: &Node, path: &str, diagnostics: &mut Diagnostics) -> String {
    let mut fields = Fields::new(item, path, Syntax::Application);
    let mut parts = Vec::new();
    for key in ["path", "patch"] {
        if let Some(text) = fields.string(key).filter(|text| !text.is_empty()) {
            parts.push(format!("\"{key}\":{}", Node::string(&text).to_json()));
        }
    }
    if let Some(target) = fields.node("target") {
        let mut fields = Fields::new(target, &format!("{path}.target"), Syntax::Application);
        let keys = ["group", "version", "kind", "name", "namespace", "annotationSelector", "labelSelector"];
        let texts: Vec<String> = keys
            .into_iter()
            .filter_map(|key| {
                let text = fields.string(key).filter(|text| !text.is_empty())?;
                Some(format!("\"{key}\":{}", Node::string(&text).to_json()))
            })
            .collect();
        fields.finish(diagnostics);
        parts.push(format!("\"target\":{{{}}}", texts.join(",")));
    }
    if let Some(options) = fields.node("options").filter(|node| !node.entries().is_empty()) {
        for (key, value) in options.entries() {
            if !matches!(value.value, Value::Bool(_)) {
                let message = format!("`{path}.options.{}` must be a boolean", key.name);
                fields.report(
                    Diagnostic::new(Code::ApplicationInvalid, message)
                        .at(value.place(), format!("found {}", value.describe())),
                );
            }
        }
        parts.push(format!("\"options\":{}", options.to_json()));
    }
    fields.finish(diagnostics);
    format!("{{{}}}", parts.join(","))
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn read(text: &str) -> Result<Options> {
        options(&yaml::parse_one(&Source::new("web.yaml", text)).expect("valid").root, "spec.source")
    }

    #[test]
    fn all_fields_are_read() {
        let text = "kustomize:\n  namePrefix: a-\n  nameSuffix: -b\n  images: ['web=example.com/web:2']\n  replicas: [{name: web, count: 2}, {name: db, count: '3'}]\n  \
                    commonLabels: {b: '2', a: '1'}\n  forceCommonLabels: true\n  labelWithoutSelector: true\n  labelIncludeTemplates: true\n  \
                    commonAnnotations: {x: z}\n  forceCommonAnnotations: true\n  commonAnnotationsEnvsubst: true\n  namespace: web\n  \
                    patches:\n    - {path: '', patch: \"a: 1\\n\", target: {kind: Deployment, name: ''}, options: {allowNameChange: true}}\n    - path: p.yaml\n  \
                    components: [../c]\n  ignoreMissingComponents: true\n  version: v5.0.0\n  kubeVersion: v1.30.1\n  apiVersions: [a/v1]\n";
        let found = read(text).expect("valid");
        assert_eq!(
            (found.name_prefix.as_str(), found.name_suffix.as_str(), found.namespace.as_str()),
            ("a-", "-b", "web")
        );
        assert_eq!(found.images[0].0, "web=example.com/web:2");
        assert_eq!(found.replicas, [("web".to_owned(), 2), ("db".to_owned(), 3)]);
        assert_eq!(found.common_labels[0], ("a".to_owned(), "1".to_owned()));
        assert_eq!(
            found.patches,
            [
                r#"{"patch":"a: 1\n","target":{"kind":"Deployment"},"options":{"allowNameChange":true}}"#,
                r#"{"path":"p.yaml"}"#
            ]
        );
        assert_eq!(
            (found.components[0].0.as_str(), found.version.map(|(text, _)| text).as_deref()),
            ("../c", Some("v5.0.0"))
        );
        assert!(found.ignore_missing_components && found.force_common_annotations && found.label_include_templates);
    }

    #[test]
    fn nothing_is_set_by_default() {
        for text in
            ["path: a\n", "kustomize: null\n", "kustomize: {}\n", "kustomize: {images: null, namePrefix: null}\n"]
        {
            let found = read(text).expect("valid");
            assert!(found.images.is_empty() && found.name_prefix.is_empty() && found.version.is_none(), "{text}");
        }
    }

    #[test]
    fn mistakes_are_reported() {
        for (text, expected) in [
            ("kustomize: {namePrefx: a}", "unknown field `namePrefx` in `spec.source.kustomize`"),
            ("kustomize: {images: web}", "`spec.source.kustomize.images` must be a list"),
            (
                "kustomize: {replicas: [{name: a, count: many}]}",
                "`spec.source.kustomize.replicas[].count` must be an integer",
            ),
            ("kustomize: {replicas: [{count: 1}]}", "`spec.source.kustomize.replicas[].name` is required"),
            ("kustomize: {commonLabels: {a: 1}}", "`spec.source.kustomize.commonLabels[a]` must be a string"),
            ("kustomize: {patches: [{pach: a}]}", "unknown field `pach` in `spec.source.kustomize.patches[]`"),
            (
                "kustomize: {patches: [{target: {kin: a}}]}",
                "unknown field `kin` in `spec.source.kustomize.patches[].target`",
            ),
            (
                "kustomize: {patches: [{options: {a: b}}]}",
                "`spec.source.kustomize.patches[].options.a` must be a boolean",
            ),
            (
                "kustomize: {commonLabels: {a: b}, labelIncludeTemplates: true}",
                "`labelIncludeTemplates` requires `labelWithoutSelector: true`",
            ),
            ("kustomize: 3", "`spec.source.kustomize` must be a mapping"),
        ] {
            assert_eq!(read(text).expect_err(text).0[0].message, expected, "{text}");
        }
    }
}
