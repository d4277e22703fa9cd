//! Applications and what their sources consist of, or why an Application is not rendered.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use argocd::application::{Application, Defined, HelmOptions, Source, helm_options};
use argocd::chart_source::{chart_source, ignores_chart};
use argocd::repository_url;
use argocd::source_type::{self, SourceType};
use argocd::symbolic_links;
use diagnostics::{Class, Code, Diagnostic, Diagnostics, Place, Result, nearest};
use document::{Node, Value, yaml};
use helm::chart::Chart;
use helm::charts_lock::{ChartsLock, Pin};
use helm::dependencies::remote::{self, Wanted};
use toolbox::inputs;
use toolbox::source::read;

use crate::charts::chart_folders;
use crate::checkout::Checkout;
use crate::config::Config;
use crate::files::CONFIG_FILE;
use crate::kustomized::{KustomizeSource, Pinned};
use crate::plain::DirectorySource;
use crate::plugin::PluginSource;
use crate::revision;

/// An Application that can be rendered.
#[derive(Debug)]
pub struct Deployment {
    /// The Application.
    pub application: Application,
    /// What its sources render, in their order.
    pub sources: Vec<Rendered>,
    /// Its cases besides the default one: names and absolute paths of their value files.
    pub cases: BTreeMap<String, PathBuf>,
}

/// What a source renders.
#[derive(Debug)]
pub enum Rendered {
    /// A chart in the checkout.
    Chart(ChartSource),
    /// A chart from a Helm repository.
    RemoteChart(RemoteChart),
    /// A kustomization.
    Kustomize(KustomizeSource),
    /// A directory of manifests.
    Directory(DirectorySource),
    /// What a config management plugin renders.
    Plugin(PluginSource),
}

/// A chart in the checkout that a source renders.
#[derive(Debug)]
pub struct ChartSource {
    /// The source.
    pub source: Source,
    /// The chart, which several Applications may share.
    pub chart: Arc<Chart>,
    /// Its Helm options, with overrides applied.
    pub options: HelmOptions,
}

/// A chart from a Helm repository that a source renders.
#[derive(Debug)]
pub struct RemoteChart {
    /// The source.
    pub source: Source,
    /// Its Helm options.
    pub options: HelmOptions,
    /// The pin of the chart.
    pub pin: Pin,
}

impl Deployment {
    /// The charts in the checkout that it renders.
    pub fn charts(&self) -> impl Iterator<Item = &ChartSource> {
        self.sources.iter().filter_map(|source| match source {
            Rendered::Chart(chart) => Some(chart),
            Rendered::RemoteChart(_) | Rendered::Kustomize(_) | Rendered::Directory(_) | Rendered::Plugin(_) => None,
        })
    }

    /// The charts from Helm repositories that it renders.
    pub fn remote_charts(&self) -> impl Iterator<Item = &RemoteChart> {
        self.sources.iter().filter_map(|source| match source {
            Rendered::RemoteChart(chart) => Some(chart),
            Rendered::Chart(_) | Rendered::Kustomize(_) | Rendered::Directory(_) | Rendered::Plugin(_) => None,
        })
    }

    /// The Helm options of the charts that it renders.
    pub fn helm_options(&self) -> impl Iterator<Item = &HelmOptions> {
        self.sources.iter().filter_map(|source| match source {
            Rendered::Chart(chart) => Some(&chart.options),
            Rendered::RemoteChart(chart) => Some(&chart.options),
            Rendered::Kustomize(_) | Rendered::Directory(_) | Rendered::Plugin(_) => None,
        })
    }
}

/// An Application that is not rendered.
#[derive(Debug, Clone)]
pub struct Unrendered {
    /// Its instance name; empty if it has no name.
    pub instance: String,
    /// The place of its name.
    pub place: Place,
    /// The reasons, of which at least one is an error.
    pub reasons: Diagnostics,
}

impl Unrendered {
    /// Whether it is invalid, so that nobody can render it.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.reasons.worst() > Class::Finding
    }
}

/// Finds what Applications deploy.
#[derive(Debug)]
pub struct Deployer<'a> {
    root: &'a Path,
    config: &'a Config,
    lock: &'a ChartsLock,
    charts: BTreeMap<PathBuf, Result<Arc<Chart>>>,
    names: BTreeMap<String, Place>,
    checkout: Checkout,
    /// The links with which Argo CD refuses the repository.
    links: Diagnostics,
    /// The charts from Helm repositories that sources ask for, pinned or not.
    pub wanted: Vec<Wanted>,
    /// Findings that keep no Application from being rendered.
    pub found: Diagnostics,
}

impl<'a> Deployer<'a> {
    /// For the Applications of a repository.
    #[must_use]
    pub fn new(root: &'a Path, config: &'a Config, lock: &'a ChartsLock) -> Self {
        let checkout = Checkout::new(root);
        let mut links = Diagnostics::default();
        if !config.allow_outside_links {
            let found = symbolic_links::find(checkout.top(), &|path| checkout.lacks(path));
            links = symbolic_links::report(checkout.top(), &found);
        }
        Self {
            root,
            config,
            lock,
            charts: BTreeMap::new(),
            names: BTreeMap::new(),
            checkout,
            links,
            wanted: Vec::new(),
            found: Diagnostics::default(),
        }
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
            return Err(Diagnostic::new(
                Code::ApplicationDuplicate,
                format!("Application `{}` is defined twice in one namespace", application.name),
            )
            .at(application.place.clone(), "second definition")
            .at(first, "first definition")
            .help("rename one of them; Kubernetes keeps only one object per name and namespace")
            .into());
        }
        Ok(())
    }

    fn deployment(&mut self, application: Application) -> Result<Deployment> {
        let mut reasons = Diagnostics::default();
        let mut sources = Vec::new();
        check_references(&application, &mut reasons);
        for source in &application.sources {
            if source.renders() {
                sources.extend(reasons.take(self.rendered(&application, source)));
            } else {
                reasons.take(self.check_repository(source));
            }
        }
        let mut cases = BTreeMap::new();
        if let [Rendered::Chart(ChartSource { chart, .. })] = &sources[..] {
            cases = self::cases(self.root, &chart.directory, &mut self.found);
        }
        reasons.into_result(Deployment { application, sources, cases })
    }

    fn rendered(&mut self, application: &Application, source: &Source) -> Result<Rendered> {
        if let Some(chart) = chart_source(&source.repository, source.chart.as_deref()) {
            return self.remote_chart(source, &chart.repository, &chart.name).map(Rendered::RemoteChart);
        }
        self.check_repository(source)?;
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
        let directory = self.root.join(argocd::value_files::clean(Path::new(&source.path)));
        let node = overrides(self.root, application, &directory).and_then(|overrides| source.overridden(&overrides))?;
        match source_type(source, &node, &directory)? {
            SourceType::Kustomize if !directory.is_dir() => Err(no_directory(source).into()),
            SourceType::Kustomize => self.kustomization(source, &node, &directory).map(Rendered::Kustomize),
            SourceType::Directory => {
                DirectorySource::new(self.root, &self.checkout, source, &node, &directory).map(Rendered::Directory)
            }
            SourceType::Plugin => {
                PluginSource::new(&self.config.plugins, application, source, &node, directory).map(Rendered::Plugin)
            }
            SourceType::Helm => self.chart(source, &node, &directory).map(Rendered::Chart),
        }
    }

    /// Reports a source in another repository than the one in charts.toml.
    fn check_repository(&self, source: &Source) -> Result<()> {
        if repository_url::same(&source.repository, &self.config.repository) {
            if self.links.has_errors() {
                return Err(self.links.clone());
            }
            let Some(what) = revision::elsewhere(self.checkout.top(), &source.target_revision) else { return Ok(()) };
            let message = format!("`{}` is {what}, not what is checked out", source.target_revision);
            let place = source.node.get("targetRevision").map_or_else(|| source.repository_place.clone(), Node::place);
            return Err(Diagnostic::new(Code::NotRendered, message)
                .at(place, "Argo CD renders this revision")
                .help("check it out in another directory, and run the command there")
                .into());
        }
        // The same path here means that the URL is wrong or old, not that the source is elsewhere.
        let top = matches!(source.path.trim_matches(['.', '/']), "");
        if top || !self.root.join(source.path.trim_start_matches('/')).exists() {
            let message = format!("`{}` is another repository", source.repository);
            return Err(Diagnostic::new(Code::NotRendered, message)
                .at(source.repository_place.clone(), format!("{CONFIG_FILE} has `{}`", self.config.repository))
                .into());
        }
        Err(Diagnostic::new(
            Code::RepositoryMismatch,
            format!("Application uses a different repository than {CONFIG_FILE}"),
        )
        .at(source.repository_place.clone(), format!("{CONFIG_FILE} has `{}`", self.config.repository))
        .help(format!("change the URL here, or `repository` in {CONFIG_FILE}"))
        .into())
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
                    let message =
                        "`repoURL` starts with `oci://`, so that it names the chart and Argo CD ignores `chart`";
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
    fn kustomization(&mut self, source: &Source, node: &Node, directory: &Path) -> Result<KustomizeSource> {
        let (lock, all) = (self.lock, &mut self.wanted);
        let mut find = |wanted: Wanted| {
            let pin = pinned(lock, &wanted);
            all.push(wanted);
            pin
        };
        // Without the option, kustomize refuses charts, whether they are pinned or not.
        let enabled = self.config.kustomize_build_options.iter().any(|option| option.contains("--enable-helm"));
        let find = enabled.then_some(&mut find as &mut Pinned<'_>);
        KustomizeSource::new((self.root, directory), &self.checkout, (source, node), find)
    }

    fn chart(&mut self, source: &Source, node: &Node, directory: &Path) -> Result<ChartSource> {
        let (root, config) = (self.root, self.config);
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

/// Reports sections of a source for other tools than Helm.
fn only_helm(source: &Source) -> Result<()> {
    for key in ["kustomize", "directory", "plugin"] {
        if source.node.get(key).is_some_and(|node| !matches!(node.value, Value::Null)) {
            return Err(Diagnostic::new(Code::NotRendered, format!("`{}.{key}` is not supported yet", source.field))
                .at(source.node.key_place(key), "affects the render")
                .help("only Helm charts are rendered")
                .into());
        }
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

/// The type of a source. What looks like a chart without its Chart.yaml is one, so that its absence is reported.
fn source_type(source: &Source, node: &Node, directory: &Path) -> Result<SourceType> {
    if let Some(explicit) = source_type::explicit(node)? {
        return Ok(explicit);
    }
    if !directory.is_dir() {
        return Ok(SourceType::Helm);
    }
    let found = source_type::discover(directory)?;
    let remains = ["templates", "values.yaml", "charts"].iter().any(|name| directory.join(name).exists());
    let broken = found == SourceType::Directory && remains && !has_manifests(directory) && !directory.is_symlink();
    Ok(if broken && source.node.get("directory").is_none() { SourceType::Helm } else { found })
}

/// Whether a directory contains other YAML files than those of a chart.
fn has_manifests(directory: &Path) -> bool {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .any(|name| argocd::directory::is_manifest(&name) && !name.starts_with("values") && name != "Chart.lock")
}

fn no_directory(source: &Source) -> Diagnostic {
    Diagnostic::new(Code::ChartMissing, format!("`{}` does not exist", source.path))
        .at(source.path_place.clone(), "")
        .help("correct the path, or create the directory")
}

fn no_chart(root: &Path, config: &Config, source: &Source, directory: &Path) -> Diagnostic {
    let path = &source.path;
    let charts: Vec<String> = chart_folders(root, config).iter().map(|folder| inputs::name(root, folder)).collect();
    let what = if directory.is_dir() { "contains no Chart.yaml" } else { "does not exist" };
    let diagnostic = Diagnostic::new(Code::ChartMissing, format!("`{path}` {what}")).at(source.path_place.clone(), "");
    let is_chart = ["templates", "values.yaml", "charts"].iter().any(|name| directory.join(name).exists());
    match nearest(path, charts.iter().map(String::as_str)) {
        _ if is_chart => diagnostic.help(format!("add or restore {path}/Chart.yaml")),
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None if directory.is_dir() => {
            diagnostic.help("only Helm charts are rendered; move plain manifests into a chart")
        }
        None => diagnostic.help("create the chart, or correct the path"),
    }
}

/// The override files in the directory of a source.
fn overrides(root: &Path, application: &Application, directory: &Path) -> Result<Vec<Node>> {
    let mut nodes = Vec::new();
    for name in application.override_files() {
        let path = directory.join(name);
        if path.is_file() {
            // Argo CD reads only the first document.
            let source = read(root, &path)?;
            let first = yaml::parse(&source)?.into_iter().next().map(|document| document.root);
            nodes.push(first.unwrap_or(Node { value: Value::Null, span: 0..0, source }));
        }
    }
    Ok(nodes)
}

/// Reports a path that Argo CD rejects: an absolute one, or one outside the repository.
fn outside(source: &Source) -> Option<Diagnostic> {
    let path = source.path.as_str();
    let finding = |message: String| {
        Diagnostic::new(Code::ApplicationInvalid, message).at(source.path_place.clone(), "rejected by Argo CD")
    };
    let inner = path.trim_start_matches('/');
    if inner.len() < path.len() {
        return Some(finding(format!("`{path}` is an absolute path")).help(format!("use `{inner}`")));
    }
    let mut depth = 0_usize;
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir if depth == 0 => {
                return Some(
                    finding(format!("`{path}` is outside the repository"))
                        .help("use a path relative to the root of the repository, such as `charts/web`"),
                );
            }
            Component::ParentDir => depth -= 1,
            Component::CurDir => {}
            _ => depth += 1,
        }
    }
    None
}

/// The cases of a chart besides the default one: each `ci/<case>-values.yaml`.
fn cases(root: &Path, chart: &Path, diagnostics: &mut Diagnostics) -> BTreeMap<String, PathBuf> {
    let folder = chart.join("ci");
    let mut cases = BTreeMap::new();
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
            Diagnostic::new(Code::ChartInvalid, message)
                .at(Place::file(inputs::name(root, &path)), label)
                .help("rename the file")
        };
        if name.ends_with("-values.yml") {
            let message = format!("`{name}` does not end with `-values.yaml`");
            diagnostics.push(misnamed(message, "not rendered"));
        }
        match name.strip_suffix("-values.yaml") {
            Some(case) if case.eq_ignore_ascii_case("default") => {
                let message = format!("case name `{case}` is reserved for the Application itself");
                diagnostics.push(misnamed(message, ""));
            }
            Some(case) if [".", ".."].contains(&case) || case.contains(char::is_control) => {
                diagnostics
                    .push(misnamed(format!("invalid case name `{case}`"), "a case is a directory in tests/golden"));
            }
            Some(case) if !case.is_empty() => {
                cases.insert(case.to_owned(), path);
            }
            _ => {}
        }
    }
    let mut lowercase: BTreeMap<String, String> = BTreeMap::new();
    for (case, path) in &cases {
        if let Some(other) = lowercase.insert(case.to_lowercase(), case.clone()) {
            diagnostics.push(
                Diagnostic::new(Code::ChartInvalid, format!("cases `{other}` and `{case}` differ only in case"))
                    .at(Place::file(inputs::name(root, path)), "")
                    .note("their goldens would be in one directory where names are case-insensitive, as on macOS")
                    .help("rename one of the files"),
            );
        }
    }
    cases
}
