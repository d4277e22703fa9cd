//! Pod Security levels in charts.toml, for namespaces without a manifest: the API server's default, and
//! `[[namespace]]`.

use diagnostics::{Code, Diagnostic, Diagnostics, Place, suggestion};
use document::{Fields, Node, Syntax};
use kubernetes::pod_security::policy::{Level, Version};

/// A level of the Pod Security Standards that charts.toml or a label states.
#[derive(Debug, Clone)]
pub struct PodSecurity {
    /// The level.
    pub level: Level,
    /// The version of the standards.
    pub version: Version,
    /// The place of the level.
    pub place: Place,
}

/// A `[[namespace]]` entry: a namespace whose labels are in no manifest of the repository.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// The place of the name.
    pub place: Place,
    /// The enforced level.
    pub pod_security: Option<PodSecurity>,
}

/// Reads `pod-security` and `pod-security-version` of a table.
pub(super) fn pod_security(node: &Node, fields: &mut Fields<'_>) -> Option<PodSecurity> {
    let level = fields.string("pod-security");
    let version = fields.string("pod-security-version");
    let place = |key: &str| node.get(key).map_or_else(|| node.place(), Node::place);
    let parsed = level.as_deref().and_then(Level::parse);
    if let Some(level) = level.filter(|_| parsed.is_none()) {
        let known = Level::ALL.iter().map(|level| level.name());
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, format!("unknown Pod Security level `{level}`"))
                .at(place("pod-security"), "")
                .help(suggestion(&level, known)),
        );
    }
    let parsed_version = version.as_deref().map_or(Some(Version::Latest), Version::parse);
    if let Some(version) = version.filter(|_| parsed_version.is_none()) {
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, format!("invalid Pod Security version `{version}`"))
                .at(place("pod-security-version"), "expected `latest` or a version such as `v1.34`"),
        );
    }
    Some(PodSecurity { level: parsed?, version: parsed_version?, place: place("pod-security") })
}

/// Reads a `[[namespace]]` entry.
pub(super) fn namespace(node: &Node, diagnostics: &mut Diagnostics) -> Option<Namespace> {
    let mut fields = Fields::new(node, "namespace[]", Syntax::Config);
    let name = fields.required_string("name");
    let pod_security = pod_security(node, &mut fields);
    if node.get("pod-security").is_none() {
        fields.required("pod-security");
    }
    fields.finish(diagnostics);
    Some(Namespace { name: name?, place: node.get("name")?.place(), pod_security })
}
