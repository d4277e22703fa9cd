//! charts.toml: versions, pins, and exceptions, which no Argo CD manifest contains.

mod pod_security;
mod suppress;
mod validate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use argocd::release::Release;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Result, Source, suggestion};
use document::{Fields, Node, Syntax, Value, toml};
use helm::charts_lock::ChartsLock;
use toolbox::tools_lock::ToolsLock;

pub use self::pod_security::{Namespace, PodSecurity};
pub use self::suppress::{EVERYWHERE, Suppression};
pub use self::validate::Validate;
use crate::acceptance::Acceptance;
use crate::bootstrap::Bootstrap;
use crate::declared::{self, DeclaredCluster, Sample};
use crate::external::External;
use crate::gitops::GitOps;
use crate::globs;
use crate::instance::{self, Instance};
use crate::other_repository::OtherRepository;
use crate::plugin::Plugin;
use crate::remote_file::RemoteFile;
use crate::sealing;

/// The contents of charts.toml.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its text.
    pub source: Arc<Source>,
    /// The URL of the Git repository that Argo CD reads.
    pub repository: String,
    /// The branch that this is a checkout of, or is merged into, if it is neither `main` nor `master`.
    pub branch: Option<String>,
    /// The Argo CD release to render like.
    pub argocd: Release,
    /// Patterns of the files whose Applications are rendered; all files without patterns.
    applications: Vec<String>,
    /// Patterns of the files in which no Applications are searched.
    exclude: Vec<String>,
    /// The instances of Argo CD that have a name.
    pub instances: Vec<Instance>,
    /// Patterns of the folders of charts; all folders without patterns.
    charts: Vec<String>,
    /// Argo CD's build options for Kustomize, split at white space.
    pub kustomize_build_options: Vec<String>,
    /// Whether Argo CD runs with `--enable-new-git-file-globbing`.
    pub new_git_file_globbing: bool,
    /// Whether Argo CD runs with `reposerver.allow.oob.symlinks`.
    pub allow_outside_links: bool,
    /// The clusters that Argo CD manages besides its own.
    pub clusters: Vec<DeclaredCluster>,
    /// Parameters of generators that need the outside.
    pub samples: Vec<Sample>,
    /// The cluster's Kubernetes version, `major.minor.patch`.
    pub kubernetes: String,
    /// API versions of the cluster besides Helm's built-in ones, as `group/version[/Kind]`.
    pub api_versions: Vec<String>,
    /// The Pod Security level of namespaces without a label, if charts.toml sets it.
    pub pod_security: Option<PodSecurity>,
    /// Namespaces whose labels are in no manifest.
    pub namespaces: Vec<Namespace>,
    /// The versions of the tools other than Helm by name, and their places.
    pub tools: BTreeMap<String, (String, Place)>,
    /// The names of the tools whose version tools.lock does not contain.
    unlocked: BTreeSet<String>,
    /// The node image of kind clusters and its place.
    pub kind_node_image: Option<(String, Place)>,
    /// The Sealed Secrets controller.
    pub sealing: sealing::Section,
    /// Whether findings about conventions are reported.
    pub conventions: bool,
    /// Suppressed findings.
    pub suppressions: Vec<Suppression>,
    /// Objects that exist outside of the repository.
    pub externals: Vec<External>,
    /// The Argo CD that `test-gitops` installs.
    pub gitops: Option<GitOps>,
    /// The sources that are applied by hand and render the first Applications.
    pub bootstraps: Vec<Bootstrap>,
    /// The commands of config management plugins.
    pub plugins: Vec<Plugin>,
    /// Where the files of other Git repositories are.
    pub other_repositories: Vec<OtherRepository>,
    /// Copies of files that kustomize would download.
    pub remote_files: Vec<RemoteFile>,
    /// Applications that are knowingly not rendered.
    pub unrendered: Vec<Acceptance>,
    /// How objects are validated against schemas.
    pub validate: Validate,
    /// Warnings about deprecated keys.
    pub deprecated: Diagnostics,
}

impl Config {
    /// Reads charts.toml, and reports all errors at once.
    pub fn parse(source: &Arc<Source>) -> Result<Self> {
        let root = toml::parse(source)?;
        let mut diagnostics = Diagnostics::default();
        let mut fields = Fields::new(&root, "", Syntax::Config);

        let repository = fields.required_string("repository").filter(|url| {
            if url.is_empty() {
                let place = root.get("repository").map_or_else(|| root.place(), Node::place);
                fields.report(
                    Diagnostic::new(Code::ConfigInvalid, "`repository` must not be empty")
                        .at(place, "expected the URL of the Git repository that Argo CD reads"),
                );
            }
            !url.is_empty()
        });
        let branch = fields.string("branch").filter(|branch| !branch.is_empty());
        let argocd = fields.required("argocd").and_then(|node| argocd(node, &mut diagnostics));
        let kustomize_build_options =
            fields.node("kustomize").map(|node| build_options(node, &mut diagnostics)).unwrap_or_default();
        let charts = fields.node("charts").map(|node| charts(node, &mut diagnostics)).unwrap_or_default();
        let instances = fields.sequence("instance").iter();
        let instances: Vec<Instance> = instances.filter_map(|node| Instance::read(node, &mut diagnostics)).collect();
        instance::check_names(&instances, &mut diagnostics);
        let clusters = fields.sequence("cluster").iter();
        let clusters: Vec<DeclaredCluster> =
            clusters.filter_map(|node| declared::cluster(node, &mut diagnostics)).collect();
        let samples = fields.sequence("sample").iter();
        let samples = samples.filter_map(|node| declared::sample(node, &mut diagnostics)).collect();
        let kubernetes = fields.required("kubernetes").and_then(|node| kubernetes(node, &mut diagnostics));
        let tools = fields.node("tools").map(|node| tools(node, &mut diagnostics)).unwrap_or_default();
        let kind_node_image = fields.node("kind").and_then(|node| {
            let mut fields = Fields::new(node, "kind", Syntax::Config);
            let image = fields.required_string("node-image");
            fields.finish(&mut diagnostics);
            Some((image?, node.get("node-image")?.place()))
        });
        let sealing = fields.node("sealed-secrets").map(|node| sealing::section(node, &mut diagnostics));
        let namespaces = fields.sequence("namespace").iter();
        let namespaces = namespaces.filter_map(|node| pod_security::namespace(node, &mut diagnostics)).collect();
        let conventions = fields.node("lint").and_then(|node| conventions(node, &mut diagnostics)).unwrap_or(true);
        let (suppressions, deprecated) = suppress::read(&root, &mut fields, &mut diagnostics);
        let externals = fields.sequence("external").iter();
        let externals = externals.filter_map(|node| External::read(node, &mut diagnostics)).collect();
        let release = argocd.as_ref().map(|argocd| argocd.release);
        let gitops = fields.node("gitops").and_then(|node| GitOps::read(node, release, &mut diagnostics));
        let bootstraps = fields.sequence("bootstrap").iter();
        let bootstraps: Vec<Bootstrap> =
            bootstraps.filter_map(|node| Bootstrap::read(node, &mut diagnostics)).collect();
        let named = clusters.iter().map(|one| &one.instance).chain(bootstraps.iter().map(|one| &one.instance));
        instance::check_references(&instances, named.flatten(), &mut diagnostics);
        let plugins = fields.sequence("plugin").iter();
        let plugins = plugins.filter_map(|node| Plugin::read(node, &mut diagnostics)).collect();
        let other_repositories = fields.sequence("other-repository").iter();
        let other_repositories =
            other_repositories.filter_map(|node| OtherRepository::read(node, &mut diagnostics)).collect();
        let remote_files = fields.sequence("remote-file").iter();
        let remote_files = remote_files.filter_map(|node| RemoteFile::read(node, &mut diagnostics)).collect();
        let unrendered = fields.sequence("unrendered").iter();
        let unrendered = unrendered.filter_map(|node| Acceptance::read(node, &mut diagnostics)).collect();
        let validate = fields.node("validate").map(|node| validate::read(node, &mut diagnostics)).unwrap_or_default();
        fields.finish(&mut diagnostics);

        let (Some(repository), Some(argocd), Some(Kubernetes { version, api_versions, pod_security })) =
            (repository, argocd, kubernetes)
        else {
            return Err(diagnostics);
        };
        let source = Arc::clone(source);
        diagnostics.into_result(Self {
            source,
            repository,
            branch,
            argocd: argocd.release,
            applications: argocd.applications,
            exclude: argocd.exclude,
            instances,
            charts,
            kustomize_build_options,
            new_git_file_globbing: argocd.new_git_file_globbing,
            allow_outside_links: argocd.allow_outside_links,
            clusters,
            samples,
            kubernetes: version,
            api_versions,
            pod_security,
            namespaces,
            tools,
            unlocked: BTreeSet::new(),
            kind_node_image,
            sealing: sealing.unwrap_or_default(),
            conventions,
            suppressions,
            externals,
            gitops,
            bootstraps,
            plugins,
            other_repositories,
            remote_files,
            unrendered,
            validate,
            deprecated,
        })
    }
}

impl Config {
    /// Adds what charts.lock pins. What charts.toml declares takes precedence.
    pub fn add_pins(&mut self, lock: &ChartsLock, cache: &Path) {
        for pin in &lock.repositories {
            if !self.other_repositories.iter().any(|one| one.is_for(&pin.url, &pin.revision)) {
                self.other_repositories.push(OtherRepository::locked(pin));
            }
        }
        for pin in &lock.files {
            if !self.remote_files.iter().any(|one| one.url == pin.url) {
                self.remote_files.push(RemoteFile::locked(pin, cache));
            }
        }
    }
}

/// The `[argocd]` section.
struct ArgoCd {
    release: Release,
    applications: Vec<String>,
    exclude: Vec<String>,
    new_git_file_globbing: bool,
    allow_outside_links: bool,
}

fn argocd(node: &Node, diagnostics: &mut Diagnostics) -> Option<ArgoCd> {
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
    let applications = globs::globs(&mut fields, "applications", "apps/**/*.yaml");
    let exclude = globs::globs(&mut fields, "exclude", "examples/**");
    let new_git_file_globbing = fields.bool("new-git-file-globbing");
    let allow_outside_links = fields.bool("allow-out-of-bounds-symlinks");
    fields.finish(diagnostics);
    Some(ArgoCd { release: release?, applications, exclude, new_git_file_globbing, allow_outside_links })
}

/// The `[kustomize]` section: Argo CD's `kustomize.buildOptions`.
fn build_options(node: &Node, diagnostics: &mut Diagnostics) -> Vec<String> {
    let mut fields = Fields::new(node, "kustomize", Syntax::Config);
    let options = fields.string("build-options").unwrap_or_default();
    fields.finish(diagnostics);
    options.split_whitespace().map(str::to_owned).collect()
}

/// The value in `[lint]`.
fn conventions(node: &Node, diagnostics: &mut Diagnostics) -> Option<bool> {
    let mut fields = Fields::new(node, "lint", Syntax::Config);
    let conventions = fields.flag("conventions");
    fields.finish(diagnostics);
    conventions
}

/// The patterns in `[charts]`.
fn charts(node: &Node, diagnostics: &mut Diagnostics) -> Vec<String> {
    let mut fields = Fields::new(node, "charts", Syntax::Config);
    let folders = globs::globs(&mut fields, "folders", "apps/*");
    fields.finish(diagnostics);
    folders
}

/// The `[kubernetes]` section.
struct Kubernetes {
    version: String,
    api_versions: Vec<String>,
    pod_security: Option<PodSecurity>,
}

fn kubernetes(node: &Node, diagnostics: &mut Diagnostics) -> Option<Kubernetes> {
    let mut fields = Fields::new(node, "kubernetes", Syntax::Config);
    let version = fields.required_string("version").filter(|version| {
        let parts: Vec<_> = version.split('.').collect();
        let fine = parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok());
        if !fine {
            let place = node.get("version").map_or_else(|| node.place(), Node::place);
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("`{version}` is not a full Kubernetes version"))
                    .at(place, "expected `major.minor.patch`, such as `1.34.11`"),
            );
        }
        fine
    });
    let api_versions = fields.strings("api-versions").into_iter().map(|(text, _)| text).collect();
    let pod_security = pod_security::pod_security(node, &mut fields);
    fields.finish(diagnostics);
    Some(Kubernetes { version: version?, api_versions, pod_security })
}

impl Config {
    /// Whether the Applications in a file are rendered; `file` is its path from the root.
    #[must_use]
    pub fn selects(&self, file: &str) -> bool {
        let patterns = &self.applications;
        let selected = patterns.is_empty() || globs::matches(patterns, file) || !self.instance_of(file).is_empty();
        selected && !self.excludes(file)
    }

    /// Whether nothing in a file counts, because its name matches `argocd.exclude`.
    #[must_use]
    pub fn excludes(&self, file: &str) -> bool {
        globs::matches(&self.exclude, file)
    }

    /// The Argo CD instance to which the Applications and projects in a file belong; empty for the one without a name.
    #[must_use]
    pub fn instance_of(&self, file: &str) -> &str {
        self.instances.iter().find(|instance| instance.selects(file)).map_or("", |instance| instance.name.as_str())
    }

    /// The place of the patterns that select Applications, if there are any.
    #[must_use]
    pub(crate) fn application_patterns(&self) -> Option<Place> {
        let root = toml::parse(&self.source).ok()?;
        root.find(&["argocd", "applications"]).map(Node::place).filter(|_| !self.applications.is_empty())
    }

    /// Whether the chart in a folder is one of the repository's, deployed or not; `folder` is its path from the root.
    #[must_use]
    pub(crate) fn selects_chart(&self, folder: &str) -> bool {
        self.charts.is_empty() || globs::matches(&self.charts, folder)
    }

    /// The version of a tool, or an error if there is none. The error is empty if tools.lock does not contain the version.
    pub fn tool(&self, name: &str) -> Result<&str> {
        if self.unlocked.contains(name) {
            return Err(Diagnostics::default());
        }
        self.tools.get(name).map(|(version, _)| version.as_str()).ok_or_else(|| {
            Diagnostic::new(Code::ConfigInvalid, format!("version of {name} is not set in charts.toml"))
                .at(Place::file(crate::files::CONFIG_FILE), "")
                .help(format!("add `{name} = \"<version>\"` to `[tools]`"))
                .into()
        })
    }

    /// Reports tools and versions that tools.lock does not contain, so that they cannot be installed.
    pub(crate) fn check_tools(&mut self, lock: &ToolsLock) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        for (name, (version, place)) in &self.tools {
            let found = if !lock.names().contains(name.as_str()) {
                Diagnostic::new(Code::ConfigUnknownKey, format!("unknown tool `{name}`"))
                    .fact(Fact::Unknown(name.clone()))
                    .at(place.clone(), "not in tools.lock")
                    .help(suggestion(name, lock.names()))
            } else if lock.pin(name, version).is_none() {
                let places = vec![(place.clone(), format!("selects version {version}"))];
                Diagnostic { places, ..lock.missing(name, version) }
            } else {
                continue;
            };
            self.unlocked.insert(name.clone());
            diagnostics.push(found);
        }
        diagnostics
    }
}

fn tools(node: &Node, diagnostics: &mut Diagnostics) -> BTreeMap<String, (String, Place)> {
    let mut tools = BTreeMap::new();
    for (key, value) in node.entries() {
        match &value.value {
            _ if matches!(key.name.as_str(), "helm" | "kustomize") => diagnostics.push(
                Diagnostic::new(
                    Code::ConfigInvalid,
                    format!("`tools.{}` is not allowed: `argocd.version` determines its version", key.name),
                )
                .at(Place::new(&node.source, key.span.clone()), "")
                .help("delete this line"),
            ),
            Value::String(version) => {
                let place = Place::new(&node.source, key.span.clone());
                tools.insert(key.name.clone(), (version.clone(), place));
            }
            _ => diagnostics.push(
                Diagnostic::new(Code::ConfigInvalid, format!("`tools.{}` must be a quoted version", key.name))
                    .at(value.place(), format!("found {}", value.describe())),
            ),
        }
    }
    tools
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
        assert_eq!((current.suppressions.len(), current.deprecated.0.len()), (2, 0));
        let old = parse(&["silence", "suppress", "silence"]);
        assert_eq!((old.suppressions.len(), old.deprecated.0.len()), (3, 1), "one warning for the file");
        let warning = &old.deprecated.0[0];
        assert_eq!(warning.code, Code::ConfigDeprecated);
        assert_eq!(warning.places[0].0.to_string(), "charts.toml:6:3");
        assert!(warning.helps[0].contains("`[[suppress]]`"), "{warning:?}");
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let text = "repositry = \"x\"\n[argocd]\nversion = \"2.9\"\n[kubernetes]\nversion = \"1.34\"\nfoo = 1\n";
        let errors = Config::parse(&Source::new("charts.toml", text)).expect_err("invalid");
        let messages: Vec<_> = errors.0.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "Argo CD 2.9 is not supported; supported versions are 3.5, 3.4, 3.3",
                "`1.34` is not a full Kubernetes version",
                "unknown key `foo` in `kubernetes`",
                "unknown key `repositry`",
            ]
        );
    }

    #[test]
    fn the_release_determines_helm() {
        assert_eq!(Release::parse("3.5.7").expect("known").helm, "4.2.1");
        assert_eq!(Release::parse("v3.4").expect("known").helm, "3.19.4");
        assert!(Release::parse("4.0").is_err());
    }
}
