//! `spec.source.helm`.

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use document::{Fields, Node, Syntax, Value};

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
    /// The place of the path.
    pub place: Place,
}

/// Reads `helm` of a source; `field` is the path of the source.
pub fn helm_options(source: &Node, field: &str) -> Result<HelmOptions> {
    let Some(node) = source.get("helm").filter(|node| !matches!(node.value, Value::Null)) else {
        return Ok(HelmOptions::default());
    };
    let mut diagnostics = Diagnostics::default();
    let path = format!("{field}.helm");
    let mut fields = Fields::new(node, &path, Syntax::Application);
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
                "control character in `valuesObject`, which makes Argo CD ignore all its values",
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
        parameters: fields.sequence("parameters").iter().map(|item| parameter(item, &path, &mut diagnostics)).collect(),
        file_parameters: fields
            .sequence("fileParameters")
            .iter()
            .filter_map(|item| file_parameter(item, &path, &mut diagnostics))
            .collect(),
        skip_crds: fields.bool("skipCrds"),
        skip_tests: fields.bool("skipTests"),
        skip_schema_validation: fields.bool("skipSchemaValidation"),
    };
    fields.finish(&mut diagnostics);
    diagnostics.into_result(options)
}

fn parameter(node: &Node, helm: &str, diagnostics: &mut Diagnostics) -> Parameter {
    let path = format!("{helm}.parameters[]");
    let mut fields = Fields::new(node, &path, Syntax::Application);
    // Helm ignores one without a name, which templates of Applications render from empty values.
    let name = fields.string("name").unwrap_or_default();
    let value = fields.string("value").unwrap_or_default();
    let force_string = fields.bool("forceString");
    fields.finish(diagnostics);
    Parameter { name, value, force_string, place: node.place() }
}

fn file_parameter(node: &Node, helm: &str, diagnostics: &mut Diagnostics) -> Option<FileParameter> {
    let path = format!("{helm}.fileParameters[]");
    let mut fields = Fields::new(node, &path, Syntax::Application);
    let name = fields.required_string("name");
    let path = fields.required_string("path");
    fields.finish(diagnostics);
    let place = node.get("path").unwrap_or(node).place();
    Some(FileParameter { name: name?, path: path?, place })
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
