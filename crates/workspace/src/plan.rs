//! The plan: the targets to render, each with its command lines and its inputs.
//!
//! A target is rendered only if its inputs differ from those in render.lock.
//!
//! Reads files; starts no process and writes nothing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use argocd::release::Release;
use diagnostics::{Class, Code, Diagnostic, Diagnostics, Result, suggestion};
use helm::dependencies::{self, Inspection};
use helm::recipe::Recipe;
use toolbox::archive::sha256;
use toolbox::inputs;
use toolbox::inputs::Inputs;

use crate::chart_recipe::{self, ChartPlace, Environment};
use crate::checkout::Checkout;
use crate::deploy::{ChartSource, Deployment, RemoteChart, Rendered};
use crate::find;
use crate::kustomized::KustomizeSource;
use crate::load::Workspace;
use crate::plain::DirectorySource;
use crate::plugin::PluginSource;
use crate::target::{ChartPart, DEFAULT_CASE, Inspected, KustomizePart, Part, RemoteChartPart, Target, TargetId};

/// The dependencies and files of all deployed charts, by directory.
#[derive(Debug)]
pub struct Inspections(BTreeMap<PathBuf, Inspected>);

impl Inspections {
    /// Inspects every chart that an Application deploys.
    #[must_use]
    pub fn new(workspace: &Workspace) -> (Self, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        let mut inspections = BTreeMap::new();
        for ChartSource { chart, .. } in workspace.deployments.iter().flat_map(Deployment::charts) {
            inspections.entry(chart.directory.clone()).or_insert_with(|| {
                let (dependencies, found) = dependencies::inspect(&workspace.root, chart, &workspace.charts_lock);
                let broken = found.worst() > Class::Finding;
                let reported = diagnostics.report(found);
                let refused = broken.then_some(reported);
                let files = helm::chart_files::chart_files(&workspace.root, &chart.directory);
                Inspected { dependencies, refused, files }
            });
        }
        (Self(inspections), diagnostics)
    }
}

/// Returns the selected targets sorted by name, or all if the selection is empty.
///
/// The selection consists of `<app>` and `<app>/<case>`, both of which may be globs.
#[must_use]
pub fn plan<'a>(
    workspace: &'a Workspace,
    inspections: &'a Inspections,
    argocd: Release,
    selection: &[String],
) -> (Vec<Target<'a>>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let selected = select(workspace, selection, &mut diagnostics);
    let checkout = Checkout::new(&workspace.root);
    let is_ignored = |path: &Path| checkout.lacks(path);
    let mut targets = Vec::new();
    for deployment in &workspace.deployments {
        let cases = std::iter::once((DEFAULT_CASE, None))
            .chain(deployment.cases.iter().map(|(name, file)| (name.as_str(), Some(file.as_path()))));
        let wanted: Vec<_> = cases
            .map(|(case, file)| {
                (TargetId { app: deployment.application.instance.clone(), case: case.to_owned() }, file)
            })
            .filter(|(id, _)| selected.as_ref().is_none_or(|selected| selected.names(id)))
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let planner = Planner { workspace, inspections, argocd, is_ignored: &is_ignored };
        let Some(sources) = planner.sources(deployment, &mut diagnostics) else { continue };
        for (id, case_file) in wanted {
            let target = planner.target(deployment, &sources, id, case_file);
            targets.extend(diagnostics.take(target));
        }
    }
    let chosen = |app: &str| selected.as_ref().is_none_or(|selected| selected.covers(app));
    for unrendered in workspace.unrendered.iter().filter(|one| chosen(&one.instance)) {
        if workspace.acceptance(unrendered).is_none() {
            diagnostics.extend(unrendered.reasons.clone());
        }
    }
    if selected.is_none() {
        diagnostics.extend(workspace.unused_acceptances());
        diagnostics.0.extend(workspace.no_application());
    }
    targets.sort_by(|left, right| left.id.cmp(&right.id));
    (targets, diagnostics)
}

/// The names of all targets of a workspace, sorted.
#[must_use]
pub fn target_ids(workspace: &Workspace) -> Vec<TargetId> {
    let mut ids: Vec<_> = workspace
        .deployments
        .iter()
        .flat_map(|deployment| {
            let app = &deployment.application.instance;
            std::iter::once(DEFAULT_CASE)
                .chain(deployment.cases.keys().map(String::as_str))
                .map(|case| TargetId { app: app.clone(), case: case.to_owned() })
        })
        .collect();
    ids.sort();
    ids
}

/// Whether a selection names a target; an empty one names all.
#[must_use]
pub fn names(selection: &[String], id: &TargetId) -> bool {
    selection.is_empty() || selection.iter().map(|name| split(name)).any(|(app, case)| fits(app, case, id))
}

/// Whether a selection names an Application or some of its targets; an empty one names all.
#[must_use]
pub fn selects(selection: &[String], application: &str) -> bool {
    selection.is_empty() || selection.iter().any(|name| workspace_glob(split(name).0, application))
}

/// The patterns of the Application and of the case in a name.
fn split(name: &str) -> (&str, &str) {
    let name = name.trim_end_matches('/');
    name.split_once('/').unwrap_or((name, "*"))
}

fn fits(app: &str, case: &str, id: &TargetId) -> bool {
    workspace_glob(app, &id.app) && workspace_glob(case, &id.case)
}

/// The targets that a command selects.
struct Selection {
    targets: Vec<TargetId>,
    /// The patterns of Applications.
    patterns: Vec<String>,
}

impl Selection {
    fn names(&self, id: &TargetId) -> bool {
        self.targets.contains(id)
    }

    /// Whether it selects an Application that has no targets.
    fn covers(&self, app: &str) -> bool {
        self.patterns.iter().any(|pattern| workspace_glob(pattern, app))
    }
}

fn select(workspace: &Workspace, selection: &[String], diagnostics: &mut Diagnostics) -> Option<Selection> {
    if selection.is_empty() {
        return None;
    }
    let ids = target_ids(workspace);
    let mut selected = Selection { targets: Vec::new(), patterns: Vec::new() };
    for name in selection {
        let (app, case) = split(name);
        let found: Vec<_> = ids.iter().filter(|id| fits(app, case, id)).cloned().collect();
        let unrendered = || workspace.unrendered.iter().any(|one| workspace_glob(app, &one.instance));
        if found.is_empty() && !unrendered() {
            let apps = workspace.deployments.iter().map(|deployment| deployment.application.instance.clone());
            let names: Vec<String> = apps.chain(ids.iter().map(ToString::to_string)).collect();
            diagnostics.push(
                Diagnostic::new(Code::TargetUnknown, format!("target `{name}` does not exist"))
                    .help(suggestion(name, names.iter().map(String::as_str))),
            );
        }
        selected.targets.extend(found);
        selected.patterns.push(app.to_owned());
    }
    Some(selected)
}

fn workspace_glob(pattern: &str, text: &str) -> bool {
    argocd::glob::matches(pattern, text).unwrap_or(false)
}

/// Plans the targets of Applications.
struct Planner<'a, 'i> {
    workspace: &'a Workspace,
    inspections: &'a Inspections,
    argocd: Release,
    is_ignored: &'i dyn Fn(&Path) -> bool,
}

/// What a source renders, before a case is chosen.
enum Planned<'a> {
    Chart { source: &'a ChartSource, recipe: Recipe, inspected: &'a Inspected },
    RemoteChart { source: &'a RemoteChart, recipe: Recipe, inside: String },
    Kustomize { source: &'a KustomizeSource, recipe: kustomize::recipe::Recipe },
    Directory(&'a DirectorySource),
    Plugin(&'a PluginSource),
}

impl<'a> Planner<'a, '_> {
    /// What the sources of an Application render; nothing if one of them cannot be rendered.
    fn sources(&self, deployment: &'a Deployment, diagnostics: &mut Diagnostics) -> Option<Vec<Planned<'a>>> {
        let mut planned = Vec::new();
        let Workspace { root, config, .. } = self.workspace;
        let environment = Environment { root, config, argocd: self.argocd, is_ignored: self.is_ignored };
        let application = &deployment.application;
        for source in &deployment.sources {
            match source {
                Rendered::Chart(source) => {
                    let inspected = self.inspections.0.get(&source.chart.directory)?;
                    let place = ChartPlace::Checkout(&source.chart.directory);
                    let ChartSource { source: own, options, .. } = source;
                    let chart = chart_recipe::Planned { application, source: own, options, place };
                    let recipe = diagnostics.take(chart_recipe::recipe(&environment, &chart))?;
                    diagnostics.extend(chart_recipe::warnings(&chart, &recipe));
                    planned.push(Planned::Chart { source, recipe, inspected });
                }
                Rendered::RemoteChart(source) => {
                    let RemoteChart { source: own, options, pin } = source;
                    let place = ChartPlace::Archive(pin, None);
                    let chart = chart_recipe::Planned { application, source: own, options, place };
                    let recipe = diagnostics.take(chart_recipe::recipe(&environment, &chart))?;
                    diagnostics.extend(chart_recipe::warnings(&chart, &recipe));
                    let inside = chart_recipe::inside(&environment, &chart);
                    planned.push(Planned::RemoteChart { source, recipe, inside });
                }
                Rendered::Kustomize(source) => {
                    let recipe = source.recipe(&self.workspace.config, &deployment.application);
                    let Some(recipe) = diagnostics.take(recipe) else { continue };
                    diagnostics.extend(source.warnings());
                    planned.push(Planned::Kustomize { source, recipe });
                }
                Rendered::Directory(source) => {
                    diagnostics.extend(source.warnings.clone());
                    planned.push(Planned::Directory(source));
                }
                Rendered::Plugin(source) => planned.push(Planned::Plugin(source)),
            }
        }
        Some(planned)
    }

    /// The target of one case.
    fn target(
        &self,
        deployment: &'a Deployment,
        planned: &[Planned<'a>],
        id: TargetId,
        case_file: Option<&Path>,
    ) -> Result<Target<'a>> {
        let mut inputs = Inputs::new();
        let mut parts = Vec::new();
        let mut namespace = deployment.application.namespace.clone();
        let several = planned.len() > 1;
        for (index, source) in planned.iter().enumerate() {
            let prefix = if several { format!("source {} ", index + 1) } else { String::new() };
            match source {
                Planned::Chart { source, recipe, inspected } => {
                    let recipe = Recipe { case_file: case_file.map(Path::to_path_buf), ..recipe.clone() };
                    namespace.clone_from(&recipe.namespace);
                    let found = self.chart_inputs(&recipe, inspected, &prefix, &mut inputs);
                    found.map_err(|found| found.for_target(&id))?;
                    parts.push(Part::Chart(ChartPart { source, recipe, inspected }));
                }
                Planned::RemoteChart { source, recipe, inside } => {
                    let recipe = recipe.clone();
                    namespace.clone_from(&recipe.namespace);
                    let inspected =
                        Inspected { dependencies: Inspection::default(), refused: None, files: Ok(Inputs::new()) };
                    let found = self.chart_inputs(&recipe, &inspected, &prefix, &mut inputs);
                    found.map_err(|found| found.for_target(&id))?;
                    inputs.insert(format!("{prefix}chart {}", source.pin.name), source.pin.digest.clone());
                    if !inside.is_empty() {
                        let digest = format!("sha256:{}", sha256(inside.as_bytes()));
                        inputs.insert(format!("{prefix}value files in the chart"), digest);
                    }
                    parts.push(Part::RemoteChart(RemoteChartPart { source, recipe, inspected }));
                }
                Planned::Kustomize { source, recipe } => {
                    let found = source.add_inputs(&self.workspace.root, recipe, &prefix, &mut inputs);
                    found.map_err(|found| found.for_target(&id))?;
                    inputs.insert("kustomize".to_owned(), self.argocd.kustomize.to_owned());
                    if source.inflates(recipe) {
                        inputs.insert("helm".to_owned(), self.argocd.helm.to_owned());
                    }
                    parts.push(Part::Kustomize(KustomizePart { source, recipe: recipe.clone() }));
                }
                Planned::Directory(source) => {
                    inputs.extend(source.contents.inputs.clone());
                    // Nothing else affects it, but a target without inputs would never be stale.
                    inputs.insert(format!("{prefix}application"), "directory".to_owned());
                    parts.push(Part::Directory(source));
                }
                Planned::Plugin(source) => {
                    // Nobody knows what a plugin reads.
                    let root = &self.workspace.root;
                    let goldens = format!("{}/", find::GOLDENS);
                    for name in find::tracked(root).into_iter().filter(|name| !name.starts_with(&goldens)) {
                        let digest = inputs::file_digest(&root.join(&name)).map_err(|found| found.for_target(&id))?;
                        inputs.insert(name, digest);
                    }
                    inputs.insert(format!("{prefix}application"), source.digest());
                    inputs.insert("kubernetes".to_owned(), self.workspace.config.kubernetes.clone());
                    let tools = [("helm", self.argocd.helm), ("kustomize", self.argocd.kustomize)];
                    let tools = tools.into_iter().filter(|(name, _)| source.plugin.mentions(name));
                    inputs.extend(tools.map(|(name, version)| (name.to_owned(), version.to_owned())));
                    parts.push(Part::Plugin(source));
                }
            }
        }
        if several {
            namespace.clone_from(&deployment.application.namespace);
        }
        Ok(Target { id, deployment, namespace, parts, inputs })
    }

    fn chart_inputs(&self, recipe: &Recipe, inspected: &Inspected, prefix: &str, inputs: &mut Inputs) -> Result<()> {
        let root = &self.workspace.root;
        inputs.extend(inspected.files.clone()?);
        for file in recipe.files() {
            if let Entry::Vacant(entry) = inputs.entry(inputs::name(root, file)) {
                entry.insert(inputs::file_digest(file)?);
            }
        }
        let dependencies = inspected.dependencies.inputs().into_iter();
        inputs.extend(dependencies.map(|(name, digest)| (format!("dependency {name}"), digest)));
        inputs.insert(format!("{prefix}application"), recipe.digest(root));
        inputs.insert("helm".to_owned(), self.argocd.helm.to_owned());
        inputs.insert("kubernetes".to_owned(), recipe.kube_version.clone());
        Ok(())
    }
}
