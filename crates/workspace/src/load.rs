//! The repository: charts.toml, and everything that it defines for Argo CD.
//!
//! Later stages only get what is valid. The rest is reported, and left out.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use argocd::application::Defined;
use argocd::project::Project;
use argocd::symbolic_links;
use diagnostics::wording::names;
use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use document::yaml::Document;
use document::{Node, yaml};
use helm::charts_lock::ChartsLock;
use helm::dependencies::remote::Wanted;
use toolbox::inputs;
use toolbox::parallel::{cores, parallel};
use toolbox::source::read;
use toolbox::tools_lock::ToolsLock;

use crate::acceptance::Acceptance;
use crate::bootstrap::Bootstrap;
use crate::bootstrap_charts::bootstrap_charts;
use crate::chart_contents::ReadCharts;
use crate::charts;
use crate::checkout::Checkout;
use crate::config::Config;
use crate::deploy::Deployer;
use crate::deployment::{Deployment, Unrendered};
use crate::files::CONFIG_FILE;
use crate::find;
use crate::generate::{Generated, GeneratedApplication, Generator};
use crate::survey::Survey;
use crate::target::Inspections;
use crate::trees::Remotes;

/// The lock file of chart archives.
pub const CHARTS_LOCK_FILE: &str = "charts.lock";
/// The lock file of tools.
pub const TOOLS_LOCK_FILE: &str = "tools.lock";

/// How many charts a finding names.
const NAMED: usize = 4;

/// The tools.lock that this tool was built with, for workspaces without one.
const OWN_TOOLS: &str = include_str!("../../../tools.lock");

/// A repository.
#[derive(Debug)]
pub struct Workspace {
    /// The absolute path of its root.
    pub root: PathBuf,
    /// The tool's cache directory, which contains the revisions that are not checked out.
    pub cache: PathBuf,
    /// charts.toml.
    pub config: Config,
    /// charts.lock; empty if there is none.
    pub charts_lock: ChartsLock,
    /// tools.lock, or the tool's own if there is none.
    pub tools_lock: ToolsLock,
    /// The readable files with manifests for Argo CD, sorted by path.
    pub argocd: Vec<ArgocdFile>,
    /// Where the documents of these files are, by the names of Applications.
    pub(crate) by_instance: OnceLock<HashMap<String, Vec<(usize, usize)>>>,
    /// The projects in these files, once something needs them.
    pub(crate) projects: OnceLock<Vec<Project>>,
    /// Whether all of these files could be read.
    pub argocd_complete: bool,
    /// The Applications that can be rendered, by instance name.
    pub deployments: Vec<Deployment>,
    /// The Applications that ApplicationSets generate, with what made them.
    pub generated: Vec<GeneratedApplication>,
    /// The projects that targets render and that are in no file.
    pub rendered_projects: Vec<Project>,
    /// The names of the Applications that targets render, differently from any file.
    pub(crate) replaced: BTreeSet<String>,
    /// The instance names of ApplicationSets that generate nothing.
    pub empty_sets: Vec<String>,
    /// The Applications that are not rendered, by instance name.
    pub unrendered: Vec<Unrendered>,
    /// The charts from Helm repositories that Applications ask for, pinned or not.
    pub wanted: Vec<Wanted>,
    /// The other repositories and files that something asks for and charts.toml does not declare, pinned or not.
    pub remotes: Remotes,
    /// The indexes of the `[[other-repository]]` entries in charts.toml that something needs.
    pub(crate) used_repositories: BTreeSet<usize>,
    /// Whether everything could be read, so something missing was really deleted.
    pub sound: bool,
    /// The charts that were read.
    pub(crate) read_charts: ReadCharts,
    /// The inspections of the deployed charts, once a command plans targets.
    pub(crate) inspections: OnceLock<Inspections>,
    /// The files that a clone would not contain.
    pub(crate) checkout: Arc<Checkout>,
    /// The symbolic links with which Argo CD rejects the repository.
    pub(crate) links: Diagnostics,
    /// The directories of the charts in the repository that charts.toml does not exclude, sorted.
    pub charts: Vec<PathBuf>,
}

/// A file with manifests for Argo CD.
#[derive(Debug)]
pub struct ArgocdFile {
    /// Its path relative to the root.
    pub name: String,
    /// The declared Argo CD instance that it belongs to; empty for the one without a name.
    pub instance: String,
    /// Its documents.
    pub documents: Vec<Document>,
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

/// Reads charts.toml and the lock files.
fn configuration(root: &Path) -> Result<(Config, ChartsLock, ToolsLock)> {
    let mut diagnostics = Diagnostics::default();
    let config = read(root, &root.join(CONFIG_FILE)).and_then(|source| Config::parse(&source));
    let config = diagnostics.take(config);
    let charts_lock = lock(root, CHARTS_LOCK_FILE, "version = 1\n").and_then(|source| ChartsLock::parse(&source));
    let charts_lock = diagnostics.take(charts_lock);
    let tools_lock = lock(root, TOOLS_LOCK_FILE, OWN_TOOLS).and_then(|source| ToolsLock::parse(&source));
    let (Some(config), Some(charts_lock), Some(mut tools_lock)) = (config, charts_lock, diagnostics.take(tools_lock))
    else {
        return Err(diagnostics);
    };
    helm::batch_sources::add(&mut tools_lock);
    Ok((config, charts_lock, tools_lock))
}

/// The errors in Applications where they usually are, if charts.toml cannot say which files contain them.
fn invalid_applications(root: &Path) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for path in find::candidates(root, |_| false) {
        let documents = read(root, &path).and_then(|source| yaml::parse(&source));
        if let Some(documents) = diagnostics.take(documents) {
            diagnostics.extend(argocd::application::read(&documents).findings());
        }
    }
    diagnostics
}

impl Workspace {
    /// Reads a workspace; `cache` is the tool's cache directory. Fails only if charts.toml or a lock file is invalid.
    pub fn load(root: &Path, cache: &Path) -> Result<(Self, Diagnostics)> {
        Self::load_as(root, root, cache)
    }

    /// Reads a workspace as charts.toml and the lock files of another root configure it.
    pub fn load_as(root: &Path, configured: &Path, cache: &Path) -> Result<(Self, Diagnostics)> {
        let (mut config, charts_lock, tools_lock) = configuration(configured).map_err(|mut found| {
            found.extend(invalid_applications(root));
            found
        })?;
        config.add_pins(&charts_lock, cache);
        let mut diagnostics = Diagnostics::default();
        let checkout = Arc::new(Checkout::new(root));
        let Survey { manifests, links, charts } = Survey::of(root, &checkout);
        let links = outside(&checkout, &links, &config);
        let charts = charts::selected(root, charts, &config);
        let mut workspace = Self {
            root: root.to_path_buf(),
            cache: cache.to_path_buf(),
            config,
            charts_lock,
            tools_lock,
            argocd: Vec::new(),
            by_instance: OnceLock::new(),
            projects: OnceLock::new(),
            argocd_complete: true,
            deployments: Vec::new(),
            generated: Vec::new(),
            rendered_projects: Vec::new(),
            replaced: BTreeSet::new(),
            empty_sets: Vec::new(),
            unrendered: Vec::new(),
            wanted: Vec::new(),
            remotes: Remotes::default(),
            used_repositories: BTreeSet::new(),
            sound: false,
            read_charts: ReadCharts::default(),
            inspections: OnceLock::new(),
            checkout,
            links,
            charts,
        };
        let (mut defined, mut sets) = (Vec::new(), Vec::new());
        for (path, documents) in candidates(root, manifests, &workspace.config) {
            let selected = workspace.config.selects(&inputs::name(root, &path));
            if documents.is_err() && workspace.config.application_patterns().is_none() && find::is_template(root, &path)
            {
                continue;
            }
            let Some(documents) = diagnostics.take(documents) else {
                workspace.argocd_complete = false;
                continue;
            };
            let name = inputs::name(root, &path);
            let instance = workspace.config.instance_of(&name).to_owned();
            if selected {
                let manifests = argocd::application::read(&documents);
                diagnostics.extend(manifests.diagnostics);
                defined.extend(manifests.applications.into_iter().map(|one| one.in_instance(&instance)));
                sets.extend(manifests.sets.into_iter().map(|set| (set, instance.clone())));
            }
            let documents = documents.into_iter().flat_map(items).collect();
            workspace.argocd.push(ArgocdFile { name, instance, documents });
        }
        let generator = Generator::new(root, cache, &workspace.config);
        for (set, instance) in &sets {
            let Generated { set, applications, unrendered } = generator.generate(set, instance);
            if applications.is_empty() && unrendered.is_empty() {
                workspace.empty_sets.push(set);
            }
            workspace.unrendered.extend(unrendered);
            for (one, application) in applications {
                workspace.generated.push(application);
                defined.push(one);
            }
        }
        defined.extend(workspace.config.bootstraps.iter().map(|one| bootstrapped(one, &workspace.config.repository)));
        let mut used_repositories = generator.used_repositories();
        let (config, lock) = (&workspace.config, &workspace.charts_lock);
        let links = workspace.links.clone();
        let mut deployer = Deployer::new(root, cache, config, lock, &workspace.checkout, links);
        for one in defined {
            match deployer.deploy(one) {
                Ok(deployment) => workspace.deployments.push(deployment),
                Err(unrendered) => workspace.unrendered.push(unrendered),
            }
        }
        used_repositories.extend(deployer.used_repositories());
        let mut remotes = generator.remotes();
        remotes.extend(deployer.remotes());
        workspace.remotes = remotes;
        diagnostics.extend(deployer.found);
        workspace.wanted = deployer.wanted;
        workspace.used_repositories = used_repositories;
        workspace.sound = !diagnostics.has_errors() && workspace.unrendered.iter().all(|one| !one.is_broken());
        diagnostics.extend(workspace.config.deprecated.clone());
        diagnostics.extend(workspace.config.check_tools(&workspace.tools_lock));
        workspace.sort();
        let charts: BTreeSet<&Path> =
            workspace.deployments.iter().flat_map(Deployment::charts).map(|one| &*one.chart.directory).collect();
        workspace.read_charts.prefetch(root, &charts.into_iter().collect::<Vec<_>>());
        Ok((workspace, diagnostics))
    }

    /// Sorts the Applications by name, without those that are never applied.
    pub(crate) fn sort(&mut self) {
        self.drop_unapplied();
        self.unrendered.sort_by(|left, right| left.instance.cmp(&right.instance));
        self.deployments.sort_by(|left, right| left.application.instance.cmp(&right.application.instance));
    }
}

impl Workspace {
    /// The Application with an instance name, if it can be rendered.
    #[must_use]
    pub fn deployment(&self, instance: &str) -> Option<&Deployment> {
        let found = self.deployments.binary_search_by(|one| one.application.instance.as_str().cmp(instance));
        self.deployments.get(found.ok()?)
    }

    /// The folders of all charts, sorted: those that Applications deploy, and all others that charts.toml does not exclude.
    #[must_use]
    pub fn chart_folders(&self) -> Vec<PathBuf> {
        let mut folders: BTreeSet<PathBuf> = self.charts.iter().cloned().collect();
        let deployed = self.deployments.iter().flat_map(Deployment::charts);
        folders.extend(deployed.map(|one| one.chart.directory.clone()));
        folders.into_iter().collect()
    }

    /// The entry in charts.toml that accepts that an Application is not rendered. An invalid Application is an error
    /// nevertheless.
    #[must_use]
    pub fn acceptance(&self, unrendered: &Unrendered) -> Option<&Acceptance> {
        self.config.unrendered.iter().find(|entry| !unrendered.is_broken() && entry.accepts(&unrendered.instance))
    }

    /// Reports the entries that accept nothing.
    #[must_use]
    pub(crate) fn unused_acceptances(&self) -> Diagnostics {
        let accepted =
            |entry: &Acceptance| self.unrendered.iter().any(|one| !one.is_broken() && entry.accepts(&one.instance));
        let unused = self.config.unrendered.iter().filter(|entry| !accepted(entry));
        Diagnostics(unused.map(Acceptance::unused).collect())
    }

    /// Reports the declared repositories that nothing needs, unless something that is not rendered may need them.
    #[must_use]
    pub(crate) fn unused_repositories(&self) -> Diagnostics {
        if !self.sound || !self.unrendered.is_empty() {
            return Diagnostics::default();
        }
        let all = self.config.other_repositories.iter().enumerate();
        Diagnostics(
            all.filter(|(index, entry)| !entry.locked && !self.used_repositories.contains(index))
                .map(|(_, entry)| entry.unused())
                .collect(),
        )
    }

    /// Reports that there is no Application at all, unless another error is the reason.
    #[must_use]
    pub(crate) fn no_application(&self) -> Option<Diagnostic> {
        if !self.sound || !self.deployments.is_empty() || !self.unrendered.is_empty() {
            return None;
        }
        let found = Diagnostic::new(Code::ApplicationMissing, "no Application was found");
        if let Some(place) = self.config.application_patterns() {
            let help = "correct the patterns, or delete them to search all files that Git does not ignore";
            return Some(found.at(place, "no file that matches defines one").help(help));
        }
        let searched = "all YAML and JSON files were searched, except those that Git ignores and templates of charts";
        let found = found.note(searched);
        let charts = bootstrap_charts(&self.root, &self.config);
        if charts.is_empty() {
            let found = found.help("add an Application, for example with `cargo xtask new NAME`");
            return Some(
                found.help(format!("or declare what is applied by hand with `[[bootstrap]]` in {CONFIG_FILE}")),
            );
        }
        let named: Vec<&str> = charts.iter().take(NAMED).map(|chart| chart.path.as_str()).collect();
        let (renders, it) = if charts.len() == 1 { ("renders", "it") } else { ("render", "each") };
        let help = format!("declare {it} with `[[bootstrap]]` in {CONFIG_FILE}, with its `name` and `path`");
        Some(found.note(format!("{} {renders} Applications", names(&named))).help(help))
    }
}

/// A `[[bootstrap]]` entry as an Application.
fn bootstrapped(one: &Bootstrap, repository: &str) -> Defined {
    let application = one.application(repository);
    Defined { instance: application.instance.clone(), place: application.place.clone(), application: Ok(application) }
}

/// The errors about the symbolic links that lead out of the repository.
fn outside(checkout: &Checkout, links: &[PathBuf], config: &Config) -> Diagnostics {
    symbolic_links::report(checkout.top(), if config.allow_outside_links { &[] } else { links })
}

/// The documents of the files that may define something for Argo CD. They are parsed on all cores.
fn candidates(root: &Path, files: Vec<PathBuf>, config: &Config) -> Vec<(PathBuf, Result<Vec<Document>>)> {
    let files = find::relevant(root, files, |name| config.selects(name), |name| config.excludes(name));
    let parsed = parallel(cores(), &files, |path| read(root, path).and_then(|source| yaml::parse(&source)));
    files.into_iter().zip(parsed).collect()
}

/// The objects of a List of Argo CD's kinds, or else the document itself.
fn items(document: Document) -> Vec<Document> {
    let ours =
        |item: &Node| item.get("apiVersion").and_then(Node::as_str).is_some_and(|it| it.starts_with(find::GROUP));
    let items = document.root.items_at(&["items"]);
    if !items.iter().any(ours) {
        return vec![document];
    }
    let item = |root: &Node| Document { aliases: document.aliases, ..Document::of(root.clone()) };
    items.iter().map(item).collect()
}

/// The text of a lock file, or `missing` if there is none.
fn lock(root: &Path, name: &str, missing: &str) -> Result<Arc<Source>> {
    let path = root.join(name);
    if path.exists() { read(root, &path) } else { Ok(Source::new(name, missing)) }
}
