//! charts.toml: what no Argo CD Application says.
//!
//! Deliberately absent: everything that an Application says. Two places for one fact would drift apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use argocd::release::Release;
use diagnostics::{Class, Code, Diagnostic, Diagnostics, Place, Result, Source, suggestion};
use document::{Fields, Node, Syntax, Value, toml};
use kubernetes::schemas::Kind;
use kubernetes::validate::Unchecked;
use toolbox::tools_lock::ToolsLock;

/// What charts.toml declares.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its text, for places.
    pub source: Arc<Source>,
    /// The Git repository that Argo CD reads, as every Application has to name it.
    pub repository: String,
    /// The Argo CD release whose rendering is reproduced.
    pub argocd: Release,
    /// The cluster's Kubernetes version, `major.minor.patch`.
    pub kubernetes: String,
    /// API versions that the cluster serves beside those that Helm knows, as `group/version[/Kind]`.
    pub api_versions: Vec<String>,
    /// Versions of the tools beside Helm, by name, and where each is named.
    pub tools: BTreeMap<String, (String, Place)>,
    /// The image of a kind cluster's node, and where it is named.
    pub kind_node_image: Option<(String, Place)>,
    /// Suppressed findings.
    pub silences: Vec<Suppression>,
    /// How objects are validated against schemas.
    pub validate: Validate,
    /// Warnings about deprecated keys.
    pub deprecated: Diagnostics,
}

/// What charts.toml says of schemas.
#[derive(Debug, Clone, Default)]
pub struct Validate {
    /// Where kubeconform may look for schemas beside those that are here.
    pub locations: Vec<String>,
    /// Kinds that may go without a schema.
    pub unchecked: Vec<Unchecked>,
}

/// A finding that somebody has looked at and accepts; why is in charts.toml, for people.
#[derive(Debug, Clone)]
pub struct Suppression {
    /// The check.
    pub check: Code,
    /// What it is not to complain about: `<app>/<case>`, `<app>`, `charts/<chart>`, or a file.
    pub target: String,
    /// Where the silence stands.
    pub place: Place,
}

impl Config {
    /// Reads charts.toml. All that is wrong with it is reported at once.
    pub fn parse(source: &Arc<Source>) -> Result<Self> {
        let root = toml::parse(source)?;
        let mut diagnostics = Diagnostics::default();
        let mut fields = Fields::new(&root, "", Syntax::Config);

        let repository = fields.required_string("repository").filter(|url| {
            if url.is_empty() {
                let place = root.get("repository").map_or_else(|| root.place(), Node::place);
                fields.report(
                    Diagnostic::new(Code::ConfigInvalid, "`repository` is empty")
                        .at(place, "the URL of the Git repository that Argo CD reads belongs here"),
                );
            }
            !url.is_empty()
        });
        let argocd = fields.required("argocd").and_then(|node| argocd(node, &mut diagnostics));
        let kubernetes = fields.required("kubernetes").and_then(|node| kubernetes(node, &mut diagnostics));
        let tools = fields.node("tools").map(|node| tools(node, &mut diagnostics)).unwrap_or_default();
        let kind_node_image = fields.node("kind").and_then(|node| {
            let mut fields = Fields::new(node, "kind", Syntax::Config);
            let image = fields.required_string("node-image");
            fields.finish(&mut diagnostics);
            Some((image?, node.get("node-image")?.place()))
        });
        let (silences, deprecated) = suppressions(&root, &mut fields, &mut diagnostics);
        let validate = fields.node("validate").map(|node| validate(node, &mut diagnostics)).unwrap_or_default();
        fields.finish(&mut diagnostics);

        let (Some(repository), Some(argocd), Some((kubernetes, api_versions))) = (repository, argocd, kubernetes)
        else {
            return Err(diagnostics);
        };
        let source = Arc::clone(source);
        diagnostics.into_result(Self {
            source,
            repository,
            argocd,
            kubernetes,
            api_versions,
            tools,
            kind_node_image,
            silences,
            validate,
            deprecated,
        })
    }
}

fn argocd(node: &Node, diagnostics: &mut Diagnostics) -> Option<Release> {
    let mut fields = Fields::new(node, "argocd", Syntax::Config);
    let version = fields.required_string("version");
    let release = version.and_then(|version| match Release::parse(&version) {
        Ok(release) => Some(release),
        Err(message) => {
            let place = node.get("version").map_or_else(|| node.place(), Node::place);
            fields.report(Diagnostic::new(Code::ConfigInvalid, message).at(place, ""));
            None
        }
    });
    fields.finish(diagnostics);
    release
}

fn kubernetes(node: &Node, diagnostics: &mut Diagnostics) -> Option<(String, Vec<String>)> {
    let mut fields = Fields::new(node, "kubernetes", Syntax::Config);
    let version = fields.required_string("version").filter(|version| {
        let parts: Vec<_> = version.split('.').collect();
        let fine = parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok());
        if !fine {
            let place = node.get("version").map_or_else(|| node.place(), Node::place);
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("`{version}` is no full Kubernetes version"))
                    .at(place, "expected `major.minor.patch`, such as 1.34.11"),
            );
        }
        fine
    });
    let api_versions = fields.strings("api-versions").into_iter().map(|(text, _)| text).collect();
    fields.finish(diagnostics);
    Some((version?, api_versions))
}

impl Config {
    /// The version of a tool; an error where none is named.
    pub fn tool(&self, name: &str) -> Result<&str> {
        self.tools.get(name).map(|(version, _)| version.as_str()).ok_or_else(|| {
            Diagnostic::new(Code::ConfigInvalid, format!("charts.toml pins no {name}"))
                .at(Place::file(crate::files::CONFIG_FILE), "")
                .help(format!("add `{name} = \"<version>\"` to `[tools]`"))
                .into()
        })
    }

    /// Names of tools that nothing pins: a version can neither be found nor brought of these.
    #[must_use]
    pub fn unknown_tools(&self, lock: &ToolsLock) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        for (name, (_, place)) in self.tools.iter().filter(|(name, _)| !lock.names().contains(name.as_str())) {
            diagnostics.push(
                Diagnostic::new(Code::ConfigUnknownKey, format!("no tool is named `{name}`"))
                    .at(place.clone(), "tools.lock has no entry for it")
                    .help(suggestion(name, lock.names())),
            );
        }
        diagnostics
    }
}

fn tools(node: &Node, diagnostics: &mut Diagnostics) -> BTreeMap<String, (String, Place)> {
    let mut tools = BTreeMap::new();
    for (key, value) in node.entries() {
        match &value.value {
            _ if key.name == "helm" => diagnostics.push(
                Diagnostic::new(Code::ConfigInvalid, "Helm's version is not set here: `argocd.version` decides it")
                    .at(Place::new(&node.source, key.span.clone()), "delete this line"),
            ),
            Value::String(version) => {
                let place = Place::new(&node.source, key.span.clone());
                tools.insert(key.name.clone(), (version.clone(), place));
            }
            _ => diagnostics.push(
                Diagnostic::new(Code::ConfigInvalid, format!("`tools.{}` should be a version in quotes", key.name))
                    .at(value.place(), format!("this is {}", value.describe())),
            ),
        }
    }
    tools
}

/// Reads `[[suppress]]` and its deprecated alias `[[silence]]`.
fn suppressions(
    root: &Node,
    fields: &mut Fields<'_>,
    diagnostics: &mut Diagnostics,
) -> (Vec<Suppression>, Diagnostics) {
    let mut deprecated = Diagnostics::default();
    if fields.node("silence").is_some() {
        deprecated.push(
            Diagnostic::new(Code::ConfigDeprecated, "`[[silence]]` is deprecated")
                .at(root.key_place("silence"), "renamed to `suppress`")
                .help("replace each `[[silence]]` with `[[suppress]]`; the next release rejects the old name"),
        );
    }
    let nodes = fields.sequence("suppress").iter().chain(fields.sequence("silence"));
    (nodes.filter_map(|node| suppression(node, diagnostics)).collect(), deprecated)
}

fn suppression(node: &Node, diagnostics: &mut Diagnostics) -> Option<Suppression> {
    let mut fields = Fields::new(node, "suppress[]", Syntax::Config);
    let target = fields.required_string("target");
    let check = fields.required("check");
    reason(&mut fields);
    let check = check.and_then(|name| {
        let known = Code::ALL.iter().filter(|code| code.class() <= Class::Finding);
        let code = known.clone().find(|code| name.as_str() == Some(code.name()));
        if code.is_none() {
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("{} is no check that finds anything", name.describe()))
                    .at(name.place(), "expected the code of a finding, as its message shows it in brackets")
                    .help(suggestion(name.as_str().unwrap_or_default(), known.map(|code| code.name()))),
            );
        }
        code.copied()
    });
    if let Some(pattern) = node.get("target").filter(|target| target.as_str().is_some_and(|text| text.contains('*'))) {
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, "a silence is for one target, and knows no patterns")
                .at(pattern.place(), "expected `<app>`, `<app>/<case>`, or a path, which stands for all below it"),
        );
    }
    fields.finish(diagnostics);
    Some(Suppression { check: check?, target: target?, place: node.place() })
}

fn validate(node: &Node, diagnostics: &mut Diagnostics) -> Validate {
    let mut fields = Fields::new(node, "validate", Syntax::Config);
    let mut locations = Vec::new();
    for (location, place) in fields.strings("schema-locations") {
        let json = std::path::Path::new(&location).extension().is_some_and(|end| end == "json");
        if location.starts_with("https://") && json {
            locations.push(location);
        } else {
            let message = format!("`{location}` is no address of schemas");
            fields.report(Diagnostic::new(Code::ConfigInvalid, message).at(
                place,
                "expected `https://…{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`, as kubeconform takes it",
            ));
        }
    }
    let unchecked = fields.sequence("unchecked").iter().filter_map(|node| unchecked(node, diagnostics)).collect();
    fields.finish(diagnostics);
    Validate { locations, unchecked }
}

fn unchecked(node: &Node, diagnostics: &mut Diagnostics) -> Option<Unchecked> {
    let mut fields = Fields::new(node, "validate.unchecked[]", Syntax::Config);
    let kind = fields.required("kind");
    reason(&mut fields);
    let kind = kind.and_then(|name| {
        let kind = name.as_str().and_then(Kind::parse);
        if kind.is_none() {
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("{} is no kind", name.describe()))
                    .at(name.place(), "expected `<group>/<version>/<Kind>`, or `v1/<Kind>` for the core group"),
            );
        }
        kind
    });
    fields.finish(diagnostics);
    Some(Unchecked { kind: kind?, place: node.place() })
}

/// Reads a reason, which has to say something.
fn reason(fields: &mut Fields<'_>) {
    let Some(node) = fields.required("reason") else { return };
    if node.as_str().is_none_or(|text| text.trim().is_empty()) {
        let path = fields.path_of("reason");
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, format!("`{path}` says nothing"))
                .at(node.place(), "expected a sentence for whoever wonders later"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "repository = \"https://git.example.com/x.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.11\"\n";

    #[test]
    fn silence_is_a_deprecated_alias_of_suppress() {
        let entry = |key: &str| format!("[[{key}]]\ncheck = \"helm-lint\"\ntarget = \"web\"\nreason = \"r\"\n");
        let parse = |keys: &[&str]| {
            let entries: String = keys.iter().map(|key| entry(key)).collect();
            Config::parse(&Source::new("charts.toml", format!("{CONFIG}{entries}"))).expect("valid")
        };
        let current = parse(&["suppress", "suppress"]);
        assert_eq!((current.silences.len(), current.deprecated.0.len()), (2, 0));
        let old = parse(&["silence", "suppress", "silence"]);
        assert_eq!((old.silences.len(), old.deprecated.0.len()), (3, 1), "one warning for the file");
        let warning = &old.deprecated.0[0];
        assert_eq!(warning.code, Code::ConfigDeprecated);
        assert_eq!(warning.places[0].0.to_string(), "charts.toml:6:3");
        assert!(warning.helps[0].contains("`[[suppress]]`"), "{warning:?}");
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let text = "repositry = \"x\"\n[argocd]\nversion = \"2.9\"\n[kubernetes]\nversion = \"1.34\"\nfoo = 1\n";
        let errors = Config::parse(&Source::new("charts.toml", text)).expect_err("invalid");
        let messages: Vec<_> = errors.0.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "Argo CD 2.9 is not known here; known are 3.5, 3.4, 3.3",
                "`1.34` is no full Kubernetes version",
                "unknown key `foo` in `kubernetes`",
                "unknown key `repositry`",
            ]
        );
    }

    #[test]
    fn the_release_decides_helm() {
        assert_eq!(Release::parse("3.5.7").expect("known").helm, "4.2.1");
        assert_eq!(Release::parse("v3.4").expect("known").helm, "3.19.4");
        assert!(Release::parse("4.0").is_err());
    }
}
