//! Finds what Applications deploy, or why they are not rendered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use argocd::application::{Application, Defined, Source, helm_options};
use argocd::chart_source::{chart_source, ignores_chart};
use argocd::source_type::SourceType;
use argocd::value_files::clean;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use document::{Node, Value, yaml};
use helm::chart::Chart;
use helm::charts_lock::{ChartsLock, Pin};
use helm::dependencies::remote::{self, Wanted};
use toolbox::inputs;

use crate::chart_recipe;
use crate::checkout::Checkout;
use crate::config::Config;
use crate::deployment::{ChartSource, Deployment, Elsewhere, RemoteChart, Rendered, Unrendered};
use crate::duplicate;
use crate::files::{CONFIG_FILE, GOLDENS};
use crate::kustomized::{KustomizeSource, Pinned};
use crate::plain::DirectorySource;
use crate::plugin::{self, PluginSource};
use crate::plugin_chart;
use crate::remote_base::RemoteBases;
use crate::source_directory::{no_chart, no_directory, no_kustomization, outside, overrides, source_type};
use crate::tree::{Shared, Tree};
use crate::trees::{Remotes, Trees};

/// Finds what Applications deploy.
#[derive(Debug)]
pub struct Deployer<'a> {
    root: &'a Path,
    config: &'a Config,
    lock: &'a ChartsLock,
    charts: BTreeMap<PathBuf, Result<Arc<Chart>>>,
    names: BTreeMap<String, Place>,
    checkout: &'a Checkout,
    trees: Trees<'a>,
    /// The links with which Argo CD rejects the repository.
    links: Diagnostics,
    /// The charts from Helm repositories that sources ask for, pinned or not.
    pub wanted: Vec<Wanted>,
    /// Findings that keep no Application from being rendered.
    pub found: Diagnostics,
}

impl<'a> Deployer<'a> {
    /// For the Applications of a repository, with the errors about its symbolic links.
    #[must_use]
    pub fn new(
        root: &'a Path,
        cache: &'a Path,
        config: &'a Config,
        lock: &'a ChartsLock,
        checkout: &'a Checkout,
        links: Diagnostics,
    ) -> Self {
        Self {
            root,
            config,
            lock,
            charts: BTreeMap::new(),
            names: BTreeMap::new(),
            trees: Trees::new(root, config, cache, checkout.top()),
            checkout,
            links,
            wanted: Vec::new(),
            found: Diagnostics::default(),
        }
    }

    /// The indexes of the `[[other-repository]]` entries that sources need.
    #[must_use]
    pub(crate) fn used_repositories(&self) -> BTreeSet<usize> {
        self.trees.used.borrow().clone()
    }

    /// The other repositories and files that sources ask for.
    #[must_use]
    pub fn remotes(&self) -> Remotes {
        self.trees.remotes.borrow().clone()
    }

    /// Finds what an Application deploys.
    pub fn deploy(&mut self, defined: Defined) -> std::result::Result<Deployment, Unrendered> {
        let Defined { instance, place, application } = defined;
        let deployment = application.and_then(|application| {
            self.check_name(&application)?;
            self.deployment(application)
        });
        deployment.map_err(|reasons| Unrendered { instance, place, reasons })
    }

    fn check_name(&mut self, application: &Application) -> Result<()> {
        if let Some(first) = self.names.insert(application.instance.clone(), application.place.clone()) {
            self.names.insert(application.instance.clone(), first.clone());
            return Err(duplicate::report(application, first).into());
        }
        Ok(())
    }

    fn deployment(&mut self, application: Application) -> Result<Deployment> {
        let mut reasons = Diagnostics::default();
        let mut sources = Vec::with_capacity(application.sources.len());
        check_references(&application, &mut reasons);
        let mut references = BTreeMap::new();
        for source in &application.sources {
            if source.renders() {
                sources.extend(reasons.take(self.rendered(&application, source)));
            }
            let Some(name) = source.reference.clone().filter(|_| self.chart_source(source).is_none()) else {
                continue;
            };
            let found = self.tree(source);
            // This was reported where it is rendered.
            let tree = if source.renders() { found.ok() } else { reasons.take(found) };
            references.extend(tree.flatten().map(|tree| (name, tree)));
        }
        let mut cases = BTreeMap::new();
        if let [Rendered::Chart(ChartSource { chart, .. })] = &sources[..] {
            cases = self::cases(self.root, &chart.directory, &mut self.found);
        }
        reasons.into_result(Deployment { application, sources, references, cases })
    }

    /// The chart that a source takes from a repository; `None` if charts.toml says where the files of its artifact are.
    fn chart_source(&self, source: &Source) -> Option<argocd::chart_source::ChartSource> {
        let found = chart_source(&source.repository, source.chart.as_deref())?;
        let is_here = || {
            let mut entries = self.config.other_repositories.iter().filter(|one| !one.locked);
            entries.any(|one| one.is_for(&source.repository, &source.target_revision))
        };
        (!source.repository.starts_with(REGISTRY) || !is_here()).then_some(found)
    }

    fn rendered(&mut self, application: &Application, source: &Source) -> Result<Rendered> {
        if let Some(chart) = self.chart_source(source) {
            return self.remote_chart(source, &chart.repository, &chart.name).map(Rendered::RemoteChart);
        }
        let tree = self.tree(source)?;
        if source.path.is_empty() {
            let message = format!("`{}.path` must not be empty", source.field);
            return Err(Diagnostic::new(Code::ApplicationInvalid, message)
                .at(source.path_place.clone(), "rejected by Argo CD")
                .help("use `.` for the root of the repository")
                .into());
        }
        if let Some(found) = outside(source) {
            return Err(found.into());
        }
        let Some(tree) = tree else { return self.inside(application, source, None) };
        let found = self.inside(application, source, Some(&tree));
        let rendered = found.map_err(|found| {
            let mut found = tree.named(found, &source.node.source);
            for one in &mut found.0 {
                one.notes.push(format!("in the files of `{}`", tree.title()));
            }
            found
        })?;
        Ok(Rendered::Elsewhere(Box::new(Elsewhere { tree, rendered })))
    }

    /// The renderer of a source whose files are in a tree, or else in the checkout.
    fn inside(&mut self, application: &Application, source: &Source, tree: Option<&Tree>) -> Result<Rendered> {
        let root = tree.map_or(self.root, |tree| &tree.root).to_path_buf();
        let root = root.as_path();
        let directory = root.join(clean(Path::new(&source.path)));
        let node = overrides(root, application, &directory).and_then(|overrides| source.overridden(&overrides))?;
        let own = tree.map(Tree::checkout);
        let kind = source_type(source, &node, &directory)?;
        let of_plugin = argocd::source_type::explicit(&node)?.is_none()
            && plugin::discovered(&self.config.plugins, &directory, false).is_some();
        let kind = if of_plugin { SourceType::Plugin } else { kind };
        match kind {
            SourceType::Kustomize | SourceType::Directory | SourceType::Plugin if !directory.is_dir() => {
                Err(no_directory(source).into())
            }
            SourceType::Kustomize => {
                let config = self.config;
                let options = &config.kustomize_build_options;
                let found = self.kustomization(source, &node, (root, &directory), own.as_ref(), options)?;
                if found.inspection.kustomizations.is_empty() {
                    return Err(no_kustomization(source, &node, &directory).into());
                }
                Ok(Rendered::Kustomize(found))
            }
            SourceType::Directory => {
                let checkout = (own.as_ref().unwrap_or(self.checkout), self.config);
                let commit = tree.and_then(|tree| tree.commit.as_deref());
                let source = (source, &node, commit.unwrap_or_else(|| chart_recipe::revision(source)));
                DirectorySource::new((root, &directory), checkout, application, source).map(Rendered::Directory)
            }
            SourceType::Plugin => {
                let place = (root, directory.as_path());
                let plugin = PluginSource::new(&self.config.plugins, application, source, &node, directory.clone())?;
                let api_versions = &self.config.api_versions;
                let options = plugin_chart::helm_options(&plugin.plugin, &plugin.variables, api_versions);
                if let Some(options) = options.filter(|_| directory.join("Chart.yaml").is_file()) {
                    let chart = self.chart(source, &node, place)?;
                    return Ok(Rendered::Chart(ChartSource { options, ..chart }));
                }
                let Some(flags) = plugin.plugin.kustomize_flags() else { return Ok(Rendered::Plugin(plugin)) };
                let built = self.kustomization(source, &node, place, own.as_ref(), &flags)?;
                Ok(Rendered::Kustomize(KustomizeSource { of_plugin: Some(flags), ..built }))
            }
            SourceType::Helm => {
                let chart = self.chart(source, &node, (root, &directory))?;
                if let Some(tree) = tree {
                    self.want_dependencies(tree, &chart.chart, &source.node);
                }
                Ok(Rendered::Chart(chart))
            }
        }
    }

    /// The tree with the files of a source; `None` if they are in the checkout.
    fn tree(&self, source: &Source) -> Result<Option<Shared>> {
        let tree = self.trees.of(source)?;
        let links = match &tree {
            None => self.links.clone(),
            Some(_) if self.config.allow_outside_links => Diagnostics::default(),
            Some(tree) => tree.named(tree.links().clone(), &source.node.source),
        };
        if links.has_errors() { Err(links) } else { Ok(tree) }
    }

    /// Remembers what a chart that is not in the checkout depends on: its own lock selects the versions, and charts.lock
    /// pins them.
    fn want_dependencies(&mut self, tree: &Tree, chart: &Chart, node: &Node) {
        for (index, dependency) in chart.dependencies.iter().enumerate() {
            let Some(version) = chart.settled_version(index) else { continue };
            let vendored = |name: &str| chart.directory.join("charts").join(name).exists();
            let name = &dependency.name;
            let remote = ["http://", "https://", "oci://"].iter().any(|one| dependency.repository.starts_with(one));
            if remote && !vendored(name) && !vendored(&format!("{name}-{version}.tgz")) {
                let mut place = dependency.place.clone();
                tree.rename(&mut place, &node.source);
                self.wanted.push(Wanted::new(&dependency.repository, name, version, place));
            }
        }
    }

    /// A chart from a Helm repository, if it is pinned.
    fn remote_chart(&mut self, source: &Source, repository: &str, name: &str) -> Result<RemoteChart> {
        let version = source.target_revision.as_str();
        let place = source.node.get("targetRevision").map_or_else(|| source.repository_place.clone(), Node::place);
        if version.is_empty() {
            return Err(Diagnostic::new(
                Code::ApplicationInvalid,
                format!("`{}.targetRevision` is required for a chart from a Helm repository", source.field),
            )
            .at(place, "rejected by Argo CD")
            .help("set it to a version of the chart")
            .into());
        }
        only_helm(source)?;
        let wanted = Wanted::new(repository, name, version, place);
        self.wanted.push(wanted.clone());
        let mut reasons = Diagnostics::default();
        let pin = pinned(self.lock, &wanted).map_err(|mut found| {
            for one in &mut found.0 {
                if ignores_chart(&source.repository, source.chart.as_deref()) {
                    let message = "`repoURL` starts with `oci://`, so it names the chart and Argo CD ignores `chart`";
                    one.notes.push(message.to_owned());
                }
            }
            found
        });
        let pin = reasons.take(pin);
        match (pin, reasons.take(source.helm_options(&[]))) {
            (Some(pin), Some(options)) => Ok(RemoteChart { source: source.clone(), options, pin }),
            _ => Err(reasons),
        }
    }

    /// A kustomization, if what it would download is pinned.
    fn kustomization(
        &mut self,
        source: &Source,
        node: &Node,
        place: (&Path, &Path),
        checkout: Option<&Checkout>,
        build_options: &[String],
    ) -> Result<KustomizeSource> {
        let (lock, all) = (self.lock, &mut self.wanted);
        let mut find = |wanted: Wanted| {
            let pin = pinned(lock, &wanted);
            all.push(wanted);
            pin
        };
        // Without the option, kustomize rejects charts, whether they are pinned or not.
        let enabled = build_options.iter().any(|option| option.contains("--enable-helm"));
        let find = enabled.then_some(&mut find as &mut Pinned<'_>);
        let remotes = RemoteBases { root: self.root, config: self.config, trees: &self.trees };
        KustomizeSource::new(place, checkout.unwrap_or(self.checkout), (source, node), find, remotes)
    }

    fn chart(&mut self, source: &Source, node: &Node, (root, directory): (&Path, &Path)) -> Result<ChartSource> {
        let config = self.config;
        let chart = self.charts.entry(directory.to_path_buf()).or_insert_with(|| {
            if directory.is_symlink() && source.node.get("helm").is_none() {
                return Err(Diagnostic::new(
                    Code::ChartMissing,
                    format!("`{}` is a symbolic link, from which Argo CD renders nothing", source.path),
                )
                .at(source.path_place.clone(), "")
                .help(format!("set `{}.path` to the target of the link", source.field))
                .into());
            }
            if directory.join("Chart.yaml").is_file() {
                return Chart::load(root, directory).map(Arc::new);
            }
            Err(no_chart(root, config, source, directory).into())
        });
        let mut reasons = Diagnostics::default();
        let chart = reasons.take(chart.clone());
        let options = reasons.take(helm_options(node, &source.field));
        match (chart, options) {
            (Some(chart), Some(options)) => Ok(ChartSource { source: source.clone(), chart, options }),
            _ => Err(reasons),
        }
    }
}

/// The scheme of artifacts in a registry.
const REGISTRY: &str = "oci://";

/// Reports sections of a source for other tools than Helm.
fn only_helm(source: &Source) -> Result<()> {
    for key in ["kustomize", "directory", "plugin"] {
        if source.node.get(key).is_none_or(|node| matches!(node.value, Value::Null)) {
            continue;
        }
        let url = &source.repository;
        let found = Diagnostic::new(
            Code::NotRendered,
            format!(
                "`{}.{key}` says that `{url}` is not a Helm chart, and only Helm charts are downloaded",
                source.field
            ),
        );
        let found = found.at(source.node.key_place(key), "");
        return Err(if url.starts_with(REGISTRY) {
            let help = format!(
                "unpack the artifact, for example with `oras pull`, and declare its directory in {CONFIG_FILE}: \
                 `[[other-repository]]` with `url = \"{url}\"` and `path`"
            );
            found.help(help)
        } else {
            found.help(format!("delete `{key}`, or accept it with `[[unrendered]]` in {CONFIG_FILE}"))
        }
        .into());
    }
    Ok(())
}

/// Reports names in `ref` that Argo CD rejects.
fn check_references(application: &Application, reasons: &mut Diagnostics) {
    let mut names: BTreeMap<&str, Place> = BTreeMap::new();
    for source in &application.sources {
        let Some(name) = source.reference.as_deref() else { continue };
        let place = source.node.get("ref").unwrap_or(&source.node).place();
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            reasons.push(
                Diagnostic::new(Code::ApplicationInvalid, format!("`{name}` is not a valid `ref`"))
                    .at(place.clone(), "only letters, digits, `-`, and `_` are allowed"),
            );
        }
        if let Some(first) = names.insert(name, place.clone()) {
            reasons.push(
                Diagnostic::new(Code::ApplicationInvalid, format!("two sources have `ref: {name}`"))
                    .at(place, "second source")
                    .at(first, "first source")
                    .help("rename one of them"),
            );
        }
    }
}

/// The pin of a chart. Without one, what deploys the chart is not rendered.
fn pinned(lock: &ChartsLock, wanted: &Wanted) -> Result<Pin> {
    let pin = remote::inspect(wanted, lock).map_err(|mut found| {
        for one in &mut found.0 {
            one.code = Code::NotRendered;
        }
        found
    });
    pin.cloned()
}

/// The case of `ci/default-values.yaml`.
const OF_CHART: &str = "default-values";

/// Whether an Application has goldens of a case.
fn has_goldens(root: &Path, case: &str) -> bool {
    let applications = std::fs::read_dir(root.join(GOLDENS)).into_iter().flatten().flatten();
    applications.into_iter().any(|application| application.path().join(case).is_dir())
}

/// Whether a file sets something, and only keys that the chart's values.yaml has, too: other files in ci/ configure tests.
fn has_values(chart: &Path, file: &Path) -> bool {
    let root = |path: &Path| {
        let text = toolbox::regular_file::read_to_string(path).ok()?;
        Some(yaml::parse_one(&diagnostics::Source::new("", text)).ok()?.root)
    };
    let (Some(set), Some(defaults)) = (root(file), root(&chart.join("values.yaml"))) else { return false };
    let Value::Mapping(entries) = &set.value else { return false };
    !entries.is_empty() && entries.iter().all(|(key, _)| defaults.get(&key.name).is_some())
}

/// The cases of a chart besides the default one: each `ci/<case>-values.yaml`.
fn cases(root: &Path, chart: &Path, diagnostics: &mut Diagnostics) -> BTreeMap<String, PathBuf> {
    let folder = chart.join("ci");
    let mut named: Vec<(String, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(&folder).into_iter().flatten() {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                diagnostics.push(Diagnostic::io("read", &folder, &error));
                continue;
            }
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let misnamed = |message: String, label: &str| {
            Diagnostic::new(Code::ChartInvalid, message).at(Place::file(inputs::name(root, &path)), label).help(
                match name.rsplit_once('.') {
                    Some((stem, "yaml")) if !stem.ends_with("-values") => format!("rename it to `{stem}-values.yaml`"),
                    Some((stem, "yml")) => format!("rename it to `{stem}.yaml`"),
                    _ => "rename the file".to_owned(),
                },
            )
        };
        if name.ends_with("-values.yml") {
            let message = format!("`{name}` does not end with `-values.yaml`");
            diagnostics.push(misnamed(message, "not rendered"));
        }
        let stem = name.strip_suffix(".yaml").filter(|stem| !stem.ends_with("-values"));
        if stem.is_some_and(|stem| has_goldens(root, stem)) {
            let message = format!("`{name}` does not end with `-values.yaml`");
            diagnostics.push(misnamed(message, "no longer rendered, but there are goldens"));
        } else if stem.is_some() && has_values(chart, &path) {
            let message = format!("`{name}` does not end with `-values.yaml`");
            diagnostics.push(misnamed(message, "not rendered, although it only contains values of the chart"));
        }
        match name.strip_suffix("-values.yaml") {
            // A usual name for chart-testing, but `default` is the Application itself.
            Some(case) if case.eq_ignore_ascii_case("default") => {
                named.push((OF_CHART.to_owned(), path));
            }
            Some(case) if [".", ".."].contains(&case) || case.contains(char::is_control) => {
                diagnostics
                    .push(misnamed(format!("invalid case name `{case}`"), "a case is a directory in tests/golden"));
            }
            Some(case) if !case.is_empty() => {
                named.push((case.to_owned(), path));
            }
            _ => {}
        }
    }
    named.sort();
    let mut lowercase: BTreeMap<String, String> = BTreeMap::new();
    for (case, path) in &named {
        let Some(other) = lowercase.insert(case.to_lowercase(), case.clone()) else { continue };
        let found = |message: String| {
            let found = Diagnostic::new(Code::ChartInvalid, message).at(Place::file(inputs::name(root, path)), "");
            found.help("rename one of the files")
        };
        diagnostics.push(if other == *case {
            found(format!("two files define the case `{case}`"))
        } else {
            found(format!("cases `{other}` and `{case}` differ only in case"))
                .note("their goldens would be in one directory where names are case-insensitive, as on macOS")
        });
    }
    named.into_iter().collect()
}
