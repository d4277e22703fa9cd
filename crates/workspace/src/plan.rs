//! The plan: the targets to render, each with its command lines and its inputs.
//!
//! A target is rendered only if its inputs differ from those in render.lock.
//!
//! Reads files; starts no process and writes nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use argocd::release::Release;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Result, suggestion};
use helm::dependencies::Inspection;
use helm::recipe::Recipe;
use toolbox::archive::sha256;
use toolbox::inputs;
use toolbox::timings;

use crate::chart_recipe::{self, ChartPlace, Environment};
use crate::deployment::{ChartSource, Deployment, Elsewhere, RemoteChart, Rendered};
use crate::find;
use crate::jsonnet;
use crate::kustomized::KustomizeSource;
use crate::load::Workspace;
use crate::plain::DirectorySource;
use crate::plugin::PluginSource;
use crate::repeated;
use crate::target::{
    ChartPart, DEFAULT_CASE, Inspected, Inspections, KustomizePart, Part, RemoteChartPart, Target, TargetId,
};
use crate::target_inputs::TargetInputs;
use crate::tree::Tree;

/// Returns the selected targets sorted by name, or all if the selection is empty.
///
/// The selection consists of `<app>` and `<app>/<case>`, both of which may be globs. The diagnostics include those about the
/// dependencies of all charts.
#[must_use]
pub fn plan<'a>(workspace: &'a Workspace, argocd: Release, selection: &[String]) -> (Vec<Target<'a>>, Diagnostics) {
    let mut diagnostics = workspace.inspections().found.clone();
    let (targets, found) = planned(workspace, argocd, selection);
    diagnostics.extend(found);
    (targets, diagnostics)
}

/// The same, without the diagnostics about dependencies.
pub(crate) fn planned<'a>(
    workspace: &'a Workspace,
    argocd: Release,
    selection: &[String],
) -> (Vec<Target<'a>>, Diagnostics) {
    let inspections = workspace.inspections();
    let _phase = timings::phase("plan");
    let mut diagnostics = Diagnostics::default();
    let selected = select(workspace, selection, &mut diagnostics);
    let is_ignored = |path: &Path| workspace.checkout.lacks(path);
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
    let (empty, found): (Vec<_>, Vec<_>) = diagnostics.0.into_iter().partition(|one| one.code == Code::DirectoryEmpty);
    let mut diagnostics = Diagnostics(found);
    let optional = if empty.is_empty() { BTreeSet::new() } else { optional(workspace) };
    let empty =
        empty.into_iter().filter(|one| !one.places.iter().any(|(place, _)| optional.contains(&place.to_string())));
    diagnostics.0.extend(repeated::fold(empty.map(|one| ("", one)).collect()));
    let chosen = |app: &str| selected.as_ref().is_none_or(|selected| selected.covers(app));
    let unrendered = workspace.unrendered.iter().filter(|one| chosen(&one.instance));
    let unrendered = unrendered.filter(|one| workspace.acceptance(one).is_none());
    let reasons = unrendered.flat_map(|one| one.reasons.0.iter().map(|found| (one.instance.as_str(), found.clone())));
    diagnostics.0.extend(repeated::fold(reasons.collect()));
    if selected.is_none() {
        diagnostics.extend(of_workspace(workspace));
    }
    targets.sort_by(|left, right| left.id.cmp(&right.id));
    (targets, diagnostics)
}

/// The places of directories that some Applications of an ApplicationSet have besides other sources, and that others do not
/// fill.
fn optional(workspace: &Workspace) -> BTreeSet<String> {
    let several = workspace.deployments.iter().filter(|one| one.sources.len() > 1);
    let filled = several.flat_map(|one| &one.sources).filter_map(|source| match source {
        Rendered::Directory(source) if !source.contents.files.is_empty() => Some(source.source.path_place.to_string()),
        _ => None,
    });
    filled.collect()
}

/// The diagnostics about the workspace rather than about an Application.
pub(crate) fn of_workspace(workspace: &Workspace) -> Diagnostics {
    let mut diagnostics = workspace.unused_acceptances();
    diagnostics.extend(workspace.unused_repositories());
    diagnostics.0.extend(workspace.no_application());
    diagnostics
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
    targets: BTreeSet<TargetId>,
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

/// The errors about names in a selection that no target has.
pub(crate) fn unknown(workspace: &Workspace, selection: &[String]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let _ = select(workspace, selection, &mut diagnostics);
    diagnostics
}

fn select(workspace: &Workspace, selection: &[String], diagnostics: &mut Diagnostics) -> Option<Selection> {
    if selection.is_empty() {
        return None;
    }
    let ids = target_ids(workspace);
    let mut selected = Selection { targets: BTreeSet::new(), patterns: Vec::new() };
    for name in selection {
        let (app, case) = split(name);
        let found: Vec<_> = ids.iter().filter(|id| fits(app, case, id)).cloned().collect();
        let unrendered = || workspace.unrendered.iter().any(|one| workspace_glob(app, &one.instance));
        if found.is_empty() && !unrendered() {
            let apps = workspace.deployments.iter().map(|deployment| deployment.application.instance.clone());
            let names: Vec<String> = apps.chain(ids.iter().map(ToString::to_string)).collect();
            diagnostics.push(
                Diagnostic::new(Code::TargetUnknown, format!("target `{name}` does not exist"))
                    .fact(Fact::missing("target", name))
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

/// A source with its command line, before a case is chosen.
enum Planned<'a> {
    Chart { source: &'a ChartSource, recipe: Recipe, inspected: &'a Inspected, named: Vec<(String, PathBuf)> },
    RemoteChart { source: &'a RemoteChart, recipe: Recipe, inside: String, named: Vec<(String, PathBuf)> },
    Kustomize { source: &'a KustomizeSource, recipe: kustomize::recipe::Recipe },
    Directory(&'a DirectorySource),
    Plugin(&'a PluginSource),
    Elsewhere { tree: &'a Tree, planned: Box<Planned<'a>> },
}

/// The case of a target, and what it has consisted of so far.
struct Draft<'i> {
    case_file: Option<&'i Path>,
    namespace: String,
    inputs: TargetInputs,
}

impl<'a> Planner<'a, '_> {
    /// Plans the sources of an Application; nothing if one of them cannot be rendered.
    fn sources(&self, deployment: &'a Deployment, diagnostics: &mut Diagnostics) -> Option<Vec<Planned<'a>>> {
        deployment.sources.iter().map(|source| self.source(deployment, source, None, diagnostics)).collect()
    }

    /// Plans a source whose files are in a tree, or else in the checkout.
    fn source(
        &self,
        deployment: &'a Deployment,
        rendered: &'a Rendered,
        tree: Option<&'a Tree>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Planned<'a>> {
        let Workspace { root, config, .. } = self.workspace;
        let own = tree.map(Tree::checkout);
        let is_ignored = |path: &Path| (self.is_ignored)(path) || own.as_ref().is_some_and(|own| own.lacks(path));
        let environment = Environment { root, config, argocd: self.argocd, is_ignored: &is_ignored };
        let Deployment { application, references, .. } = deployment;
        let commit = tree.and_then(|tree| tree.commit.as_deref());
        Some(match rendered {
            Rendered::Chart(source) => {
                let inspected = self.inspections.charts.get(&source.chart.directory)?;
                let ChartSource { source: own, options, chart } = source;
                let place = match tree {
                    Some(tree) => ChartPlace::Tree(tree, &chart.directory),
                    None => ChartPlace::Checkout(&chart.directory),
                };
                let chart = chart_recipe::Planned { application, source: own, options, place, references };
                let recipe = diagnostics.take(chart_recipe::recipe(&environment, &chart))?;
                diagnostics.extend(chart_recipe::warnings(&chart, &recipe));
                let named = chart_recipe::named_roots(&environment, &chart);
                Planned::Chart { source, recipe, inspected, named }
            }
            Rendered::RemoteChart(source) => {
                let RemoteChart { source: own, options, pin } = source;
                let place = ChartPlace::Archive(pin, None);
                let chart = chart_recipe::Planned { application, source: own, options, place, references };
                let recipe = diagnostics.take(chart_recipe::recipe(&environment, &chart))?;
                diagnostics.extend(chart_recipe::warnings(&chart, &recipe));
                let inside = chart_recipe::inside(&environment, &chart);
                let named = chart_recipe::named_roots(&environment, &chart);
                Planned::RemoteChart { source, recipe, inside, named }
            }
            Rendered::Kustomize(source) => {
                let recipe = diagnostics.take(source.recipe(config, application, commit))?;
                diagnostics.extend(source.warnings(commit));
                Planned::Kustomize { source, recipe }
            }
            Rendered::Directory(source) => {
                diagnostics.extend(source.warnings.clone());
                Planned::Directory(source)
            }
            Rendered::Plugin(source) => Planned::Plugin(source),
            Rendered::Elsewhere(source) => {
                let Elsewhere { tree, rendered } = &**source;
                let mut found = Diagnostics::default();
                let planned = self.source(deployment, rendered, Some(tree), &mut found);
                diagnostics.extend(tree.named(found, &application.place.source));
                Planned::Elsewhere { tree, planned: Box::new(planned?) }
            }
        })
    }

    /// The target of one case.
    fn target(
        &self,
        deployment: &'a Deployment,
        planned: &[Planned<'a>],
        id: TargetId,
        case_file: Option<&Path>,
    ) -> Result<Target<'a>> {
        let own = &deployment.application.namespace;
        let mut draft = Draft { case_file, namespace: own.clone(), inputs: TargetInputs::default() };
        let mut parts = Vec::with_capacity(planned.len());
        for (index, source) in planned.iter().enumerate() {
            let prefix = if planned.len() > 1 { format!("source {} ", index + 1) } else { String::new() };
            let part = self.part(source, &self.workspace.root, &prefix, &mut draft);
            parts.push(part.map_err(|found| found.for_target(&id))?);
        }
        let Draft { namespace, inputs, .. } = draft;
        let namespace = if planned.len() > 1 { own.clone() } else { namespace };
        Ok(Target { id, deployment, namespace, parts, inputs })
    }

    /// Plans a part of a target, whose files are below a root. Its inputs are added to those of the target.
    fn part(&self, planned: &Planned<'a>, root: &Path, prefix: &str, draft: &mut Draft<'_>) -> Result<Part<'a>> {
        Ok(match planned {
            Planned::Chart { source, recipe, inspected, named } => {
                let recipe = Recipe { case_file: draft.case_file.map(Path::to_path_buf), ..recipe.clone() };
                draft.namespace.clone_from(&recipe.namespace);
                self.chart_inputs(&recipe, inspected, (root, named, prefix), &mut draft.inputs)?;
                Part::Chart(ChartPart { source, recipe, inspected })
            }
            Planned::RemoteChart { source, recipe, inside, named } => {
                let recipe = recipe.clone();
                draft.namespace.clone_from(&recipe.namespace);
                let contents = Arc::default();
                let inspected = Inspected { dependencies: Inspection::default(), refused: None, contents };
                self.chart_inputs(&recipe, &inspected, (root, named, prefix), &mut draft.inputs)?;
                draft
                    .inputs
                    .insert(format!("{prefix}chart {}", source.pin.name).into(), source.pin.digest.as_str().into());
                if !inside.is_empty() {
                    let digest = format!("sha256:{}", sha256(inside.as_bytes()));
                    draft.inputs.insert(format!("{prefix}value files in the chart").into(), digest.into());
                }
                Part::RemoteChart(RemoteChartPart { source, recipe, inspected })
            }
            Planned::Kustomize { source, recipe } => {
                source.add_inputs(root, recipe, prefix, &mut draft.inputs.own)?;
                draft.inputs.insert("kustomize".into(), self.argocd.kustomize.into());
                if source.inflates(recipe) {
                    draft.inputs.insert("helm".into(), self.argocd.helm.into());
                }
                Part::Kustomize(KustomizePart { source, recipe: recipe.clone() })
            }
            Planned::Directory(source) => {
                draft.inputs.extend(source.contents.inputs.clone());
                // Nothing else affects it, but a target without inputs would never be stale.
                draft.inputs.insert(format!("{prefix}application").into(), "directory".into());
                if let Some(evaluation) = &source.evaluation {
                    draft.inputs.extend(evaluation.imported.clone());
                    draft.inputs.insert(format!("{prefix}application").into(), evaluation.digest(root).into());
                    let version = self.workspace.config.tool(jsonnet::TOOL).unwrap_or_default();
                    draft.inputs.insert(jsonnet::TOOL.into(), version.into());
                }
                Part::Directory(source)
            }
            Planned::Plugin(source) => {
                // Nobody knows what a plugin reads.
                let goldens = format!("{}/", find::GOLDENS);
                for name in find::tracked(root).into_iter().filter(|name| !name.starts_with(&goldens)) {
                    let digest = inputs::file_digest(&root.join(&name))?;
                    draft.inputs.insert(name.into(), digest.into());
                }
                draft.inputs.insert(format!("{prefix}application").into(), source.digest().into());
                draft.inputs.insert("kubernetes".into(), self.workspace.config.kubernetes.as_str().into());
                let tools = [("helm", self.argocd.helm), ("kustomize", self.argocd.kustomize)];
                let tools = tools.into_iter().filter(|(name, _)| source.plugin.mentions(name));
                draft.inputs.extend(tools.map(|(name, version)| (name.into(), version.into())));
                Part::Plugin(source)
            }
            Planned::Elsewhere { tree, planned } => {
                let mut inner =
                    Draft { case_file: None, namespace: draft.namespace.clone(), inputs: TargetInputs::default() };
                let part = self.part(planned, &tree.root, prefix, &mut inner)?;
                draft.namespace = inner.namespace;
                let settings = ["helm", "jsonnet", "kubernetes", "kustomize"];
                let mut files = String::new();
                for (name, digest) in inner.inputs.all() {
                    let is_file = !settings.contains(&&*name) && tree.root.join(&*name).is_file();
                    match &tree.commit {
                        Some(_) if is_file => files.push_str(&format!("{name} {digest}\n")),
                        None if is_file => {
                            draft.inputs.insert(format!("{}{name}", tree.label).into(), digest);
                        }
                        _ => draft.inputs.insert(name, digest),
                    }
                }
                if let Some(commit) = &tree.commit {
                    draft.inputs.insert(format!("{prefix}revision {}", tree.title()).into(), commit.as_str().into());
                    let digest = format!("sha256:{}", sha256(files.as_bytes()));
                    draft.inputs.insert(format!("{prefix}files of {}", tree.title()).into(), digest.into());
                }
                Part::Elsewhere(tree, Box::new(part))
            }
        })
    }

    fn chart_inputs(
        &self,
        recipe: &Recipe,
        inspected: &Inspected,
        (root, named, prefix): (&Path, &[(String, PathBuf)], &str),
        inputs: &mut TargetInputs,
    ) -> Result<()> {
        let name = |file: &Path| chart_recipe::file_name(root, named, file);
        inputs.add_chart(&inspected.contents)?;
        for file in recipe.files() {
            let name = name(file);
            if !inputs.contains(&name) {
                inputs.own.insert(name.into(), inputs::file_digest(file)?.into());
            }
        }
        let inputs = &mut inputs.own;
        let dependencies = inspected.dependencies.inputs().into_iter();
        inputs.extend(dependencies.map(|(name, digest)| (format!("dependency {name}").into(), digest.into())));
        inputs.insert(format!("{prefix}application").into(), recipe.digest(name).into());
        inputs.insert("helm".into(), self.argocd.helm.into());
        inputs.insert("kubernetes".into(), recipe.kube_version.as_str().into());
        Ok(())
    }
}
