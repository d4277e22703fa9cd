//! The repository: charts.toml, the Applications, and their charts, read and validated.
//!
//! Later stages only get what is valid. The rest is reported, and left out.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use argocd::application::{Application, HelmOptions};
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::yaml::Document;
use document::{Node, Value, yaml};
use helm::chart::Chart;
use helm::charts_lock::ChartsLock;
use toolbox::inputs;
use toolbox::source::read;
use toolbox::tools_lock::ToolsLock;

use crate::config::Config;
use crate::files::CONFIG_FILE;

/// The lock file of chart archives.
pub const CHARTS_LOCK_FILE: &str = "charts.lock";
/// The lock file of tools.
pub const TOOLS_LOCK_FILE: &str = "tools.lock";

/// The folder of Applications.
pub const APPLICATIONS: &str = "argocd/applications";

/// The tools.lock that this tool was built with, for workspaces without one.
const OWN_TOOLS: &str = include_str!("../../../tools.lock");

/// A repository.
#[derive(Debug)]
pub struct Workspace {
    /// The absolute path of its root.
    pub root: PathBuf,
    /// charts.toml.
    pub config: Config,
    /// charts.lock; empty if there is none.
    pub charts_lock: ChartsLock,
    /// tools.lock, or the tool's own if there is none.
    pub tools_lock: ToolsLock,
    /// The readable manifests under argocd/, sorted by path.
    pub argocd: Vec<ArgocdFile>,
    /// Whether every manifest under argocd/ could be read.
    pub argocd_complete: bool,
    /// The Applications whose source is a valid chart, by instance name.
    pub deployments: Vec<Deployment>,
    /// Instance names of invalid Applications, as far as they can be read.
    pub broken: Vec<String>,
    /// Whether everything could be read, so that something missing was really deleted.
    pub sound: bool,
}

/// A file under argocd/.
#[derive(Debug)]
pub struct ArgocdFile {
    /// Its path relative to the root.
    pub name: String,
    /// Its documents.
    pub documents: Vec<Document>,
}

/// An Application and its chart.
#[derive(Debug)]
pub struct Deployment {
    /// The Application.
    pub application: Application,
    /// Its chart, which several Applications may share.
    pub chart: Arc<Chart>,
    /// Its Helm options, with overrides applied.
    pub options: HelmOptions,
    /// Its cases besides the default one: names and absolute paths of their value files.
    pub cases: BTreeMap<String, PathBuf>,
}

/// Returns the root of the workspace that contains a directory: the nearest ancestor with a charts.toml.
pub fn find_root(from: &Path) -> Result<PathBuf> {
    let found = from.ancestors().find(|folder| folder.join(CONFIG_FILE).is_file());
    found.map(Path::to_path_buf).ok_or_else(|| {
        Diagnostic::new(
            Code::WorkspaceMissing,
            format!("no {CONFIG_FILE} in `{}` or any parent directory", from.display()),
        )
        .help("run this command in the repository, or set `--root DIR`")
        .into()
    })
}

/// The folders of all charts under charts/, sorted, including charts that no Application deploys.
#[must_use]
pub fn chart_folders(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root.join("charts")).into_iter().flatten();
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.join("Chart.yaml").is_file()).collect();
    folders.sort();
    folders
}

impl Workspace {
    /// Reads a workspace. Fails only if charts.toml or a lock file is invalid.
    pub fn load(root: &Path) -> Result<(Self, Diagnostics)> {
        let mut diagnostics = Diagnostics::default();
        let config = diagnostics.take(read(root, &root.join(CONFIG_FILE)).and_then(|source| Config::parse(&source)));
        let charts_lock = lock(root, CHARTS_LOCK_FILE, "version = 1\n").and_then(|source| ChartsLock::parse(&source));
        let charts_lock = diagnostics.take(charts_lock);
        let tools_lock = lock(root, TOOLS_LOCK_FILE, OWN_TOOLS).and_then(|source| ToolsLock::parse(&source));
        let tools_lock = diagnostics.take(tools_lock);
        let (Some(config), Some(charts_lock), Some(tools_lock)) = (config, charts_lock, tools_lock) else {
            // Also report invalid Applications.
            for path in manifests(&root.join(APPLICATIONS)) {
                let documents = read(root, &path).and_then(|source| yaml::parse(&source));
                if let Some(documents) = diagnostics.take(documents) {
                    diagnostics.extend(argocd::application::read(&documents).1);
                }
            }
            return Err(diagnostics);
        };

        let mut workspace = Self {
            root: root.to_path_buf(),
            config,
            charts_lock,
            tools_lock,
            argocd: Vec::new(),
            argocd_complete: true,
            deployments: Vec::new(),
            broken: Vec::new(),
            sound: false,
        };
        let mut charts = BTreeMap::new();
        for path in manifests(&root.join("argocd")) {
            let documents = read(root, &path).and_then(|source| yaml::parse(&source));
            let Some(documents) = diagnostics.take(documents) else {
                workspace.argocd_complete = false;
                continue;
            };
            workspace.check_repository(&documents, &mut diagnostics);
            if path.starts_with(root.join(APPLICATIONS)) {
                let (applications, found) = argocd::application::read(&documents);
                if found.has_errors() {
                    workspace.broken.extend(names(&documents));
                }
                diagnostics.extend(found);
                for application in applications {
                    workspace.deploy(application, &mut charts, &mut diagnostics);
                }
            }
            workspace.argocd.push(ArgocdFile { name: inputs::name(root, &path), documents });
        }
        workspace.sound = !diagnostics.has_errors();
        diagnostics.extend(workspace.config.deprecated.clone());
        diagnostics.extend(workspace.config.check_tools(&workspace.tools_lock));
        workspace.broken.sort();
        workspace.broken.dedup();
        workspace.deployments.sort_by(|left, right| left.application.instance.cmp(&right.application.instance));
        Ok((workspace, diagnostics))
    }

    fn deploy(
        &mut self,
        application: Application,
        charts: &mut BTreeMap<PathBuf, Result<Arc<Chart>>>,
        diagnostics: &mut Diagnostics,
    ) {
        if let Some(other) = self.deployments.iter().find(|other| other.application.instance == application.instance) {
            diagnostics.push(
                Diagnostic::new(
                    Code::ApplicationDuplicate,
                    format!("Application `{}` is defined twice in one namespace", application.name),
                )
                .at(application.place.clone(), "second definition")
                .at(other.application.place.clone(), "first definition")
                .help("rename one of them; Kubernetes keeps only one object per name and namespace"),
            );
            return;
        }
        if let Some(found) = outside(&application) {
            diagnostics.push(found);
            self.broken.push(application.instance);
            return;
        }
        let directory = self.root.join(argocd::value_files::clean(Path::new(&application.path)));
        let chart = charts.entry(directory.clone()).or_insert_with(|| {
            if directory.is_symlink() && application.source.get("helm").is_none() {
                return Err(Diagnostic::new(
                    Code::ChartMissing,
                    format!("`{}` is a symbolic link, from which Argo CD renders nothing", application.path),
                )
                .at(application.path_place.clone(), "")
                .help("set `spec.source.path` to the target of the link")
                .into());
            }
            if directory.join("Chart.yaml").is_file() {
                return Chart::load(&self.root, &directory).map(Arc::new);
            }
            Err(self.no_chart(&application, &directory).into())
        });
        let read_options = || {
            let overrides = self.overrides(&application, &directory)?;
            application.options(&overrides)
        };
        let options = diagnostics.take(read_options());
        match (chart, options) {
            (Ok(chart), Some(options)) => {
                let chart = Arc::clone(chart);
                let cases = cases(&self.root, &chart.directory, diagnostics);
                self.deployments.push(Deployment { application, chart, options, cases });
            }
            (chart, _) => {
                if let Err(found) = chart {
                    diagnostics.extend(found.clone());
                }
                self.broken.push(application.instance);
            }
        }
    }

    fn no_chart(&self, application: &Application, directory: &Path) -> Diagnostic {
        let charts: Vec<String> =
            chart_folders(&self.root).iter().map(|folder| inputs::name(&self.root, folder)).collect();
        let what = if directory.is_dir() { "contains no Chart.yaml" } else { "does not exist" };
        let diagnostic = Diagnostic::new(Code::ChartMissing, format!("`{}` {what}", application.path))
            .at(application.path_place.clone(), "");
        let is_chart = ["templates", "values.yaml", "charts"].iter().any(|name| directory.join(name).exists());
        match diagnostics::nearest(&application.path, charts.iter().map(String::as_str)) {
            _ if is_chart => diagnostic.help(format!("add or restore {}/Chart.yaml", application.path)),
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if directory.is_dir() => {
                diagnostic.help("only Helm charts are rendered; move plain manifests into a chart")
            }
            None => diagnostic.help("create the chart, or correct the path"),
        }
    }

    fn overrides(&self, application: &Application, directory: &Path) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        for name in application.override_files() {
            let path = directory.join(name);
            if path.is_file() {
                // Argo CD reads only the first document.
                let source = read(&self.root, &path)?;
                let first = yaml::parse(&source)?.into_iter().next().map(|document| document.root);
                nodes.push(first.unwrap_or(Node { value: Value::Null, span: 0..0, source }));
            }
        }
        Ok(nodes)
    }

    /// Reports repository URLs under argocd/ that name another repository than charts.toml.
    fn check_repository(&self, documents: &[Document], diagnostics: &mut Diagnostics) {
        for document in documents {
            let spec = document.root.get("spec");
            let Some(kind) = document.root.get("kind").and_then(Node::as_str) else { continue };
            let urls: Vec<&Node> = match kind {
                "Application" => {
                    let sources = spec.and_then(|spec| spec.get("sources")).map(Node::items).unwrap_or_default();
                    let source = spec.and_then(|spec| spec.get("source"));
                    source.into_iter().chain(sources).filter_map(|source| source.get("repoURL")).collect()
                }
                "AppProject" => {
                    spec.and_then(|spec| spec.get("sourceRepos")).map(Node::items).unwrap_or_default().iter().collect()
                }
                _ => continue,
            };
            for url in urls {
                if url.as_str().is_some_and(|text| argocd::repository_url::same(text, &self.config.repository)) {
                    continue;
                }
                diagnostics.push(
                    Diagnostic::new(
                        Code::RepositoryMismatch,
                        format!("{kind} uses a different repository than {CONFIG_FILE}"),
                    )
                    .at(url.place(), format!("{CONFIG_FILE} has `{}`", self.config.repository))
                    .help(format!("change the URL here, or `repository` in {CONFIG_FILE}")),
                );
            }
        }
    }
}

/// Reports a path that Argo CD rejects: an absolute one, or one outside the repository.
fn outside(application: &Application) -> Option<Diagnostic> {
    let path = application.path.as_str();
    let finding = |message: String| {
        Diagnostic::new(Code::ApplicationInvalid, message).at(application.path_place.clone(), "rejected by Argo CD")
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

/// The text of a lock file, or `missing` if there is none.
fn lock(root: &Path, name: &str, missing: &str) -> Result<Arc<Source>> {
    let path = root.join(name);
    if path.exists() { read(root, &path) } else { Ok(Source::new(name, missing)) }
}

/// The YAML and JSON files of a folder and its subfolders, sorted by path.
#[must_use]
pub fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The instance names of the Applications in a file, as far as they can be read.
fn names(documents: &[Document]) -> Vec<String> {
    let name = |root: &Node| {
        let metadata = root.get("metadata")?;
        let namespace = metadata.get("namespace").and_then(Node::as_str).unwrap_or_default();
        Some(argocd::application::instance_name(metadata.get("name")?.as_str()?, namespace))
    };
    documents.iter().filter_map(|document| name(&document.root)).collect()
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
            Some("default") => {
                let message = "case name `default` is reserved for the Application itself".to_owned();
                diagnostics.push(misnamed(message, ""));
            }
            Some(case @ ("." | "..")) => {
                diagnostics
                    .push(misnamed(format!("invalid case name `{case}`"), "a case is a directory in tests/golden"));
            }
            Some(case) if !case.is_empty() => {
                cases.insert(case.to_owned(), path);
            }
            _ => {}
        }
    }
    cases
}
