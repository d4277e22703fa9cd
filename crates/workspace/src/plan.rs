//! The targets to render, each with its Helm command line and its inputs.
//!
//! A target is `<app>/<case>`: `default` is the Application itself, and each `ci/<case>-values.yaml` of its chart is
//! another case. A target is rendered only if its inputs differ from those in render.lock.
//!
//! Reads files; starts no process and writes nothing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::{Path, PathBuf};

use argocd::application::Application;
use argocd::release::Release;
use argocd::substitute;
use argocd::value_files::Resolver;
use diagnostics::{Class, Code, Diagnostic, Diagnostics, Reported, Result, suggestion};
use helm::dependencies::Inspection;
use helm::recipe::Recipe;
use helm::{dependencies, recipe};
use toolbox::inputs;
use toolbox::inputs::Inputs;

use crate::load::{Deployment, Workspace};

/// The name of a target, `<app>/<case>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetId {
    /// The Application's instance name.
    pub app: String,
    /// `default`, or the name of a value file in the chart's ci/.
    pub case: String,
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.app, self.case)
    }
}

/// The case of the Application itself.
pub const DEFAULT_CASE: &str = "default";

/// The commit SHA to render with, as the real one is unknown before the merge.
const UNKNOWN_REVISION: &str = "0000000000000000000000000000000000000000";

/// A target to render.
#[derive(Debug)]
pub struct Target<'a> {
    /// Its name.
    pub id: TargetId,
    /// The Application and its chart.
    pub deployment: &'a Deployment,
    /// The Helm command line.
    pub recipe: Recipe,
    /// The digests of everything that the render depends on.
    pub inputs: Inputs,
    /// The dependencies and files of its chart.
    pub inspected: &'a Inspected,
}

impl Target<'_> {
    /// The file of a template relative to the repository root, unless it belongs to a dependency.
    #[must_use]
    pub fn template_file(&self, template: &str) -> Option<String> {
        let chart = &self.deployment.chart;
        let inside = template.strip_prefix(&chart.name)?.strip_prefix('/')?;
        chart.directory.join(inside).is_file().then(|| format!("{}/{inside}", chart.path))
    }
}

/// The dependencies and files of all deployed charts, by directory.
#[derive(Debug)]
pub struct Inspections(BTreeMap<PathBuf, Inspected>);

/// The dependencies and files of a chart.
#[derive(Debug)]
pub struct Inspected {
    /// Its dependencies.
    pub dependencies: Inspection,
    /// Set if the dependencies are too broken to render.
    pub refused: Option<Reported>,
    /// Its own files.
    files: Result<Inputs>,
}

impl Inspections {
    /// Inspects every chart that an Application deploys.
    #[must_use]
    pub fn new(workspace: &Workspace) -> (Self, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        let mut inspections = BTreeMap::new();
        for deployment in &workspace.deployments {
            let chart = &deployment.chart;
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
pub fn plan<'a>(
    workspace: &'a Workspace,
    inspections: &'a Inspections,
    argocd: Release,
    selection: &[String],
) -> (Vec<Target<'a>>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let selected = select(workspace, selection, &mut diagnostics);
    let mut targets = Vec::new();
    for deployment in &workspace.deployments {
        let cases = std::iter::once((DEFAULT_CASE, None))
            .chain(deployment.cases.iter().map(|(name, file)| (name.as_str(), Some(file.as_path()))));
        let wanted: Vec<_> = cases
            .map(|(case, file)| {
                (TargetId { app: deployment.application.instance.clone(), case: case.to_owned() }, file)
            })
            .filter(|(id, _)| selected.as_ref().is_none_or(|selected| selected.contains(id)))
            .collect();
        let Some(inspected) = inspections.0.get(&deployment.chart.directory) else { continue };
        if wanted.is_empty() {
            continue;
        }
        let Some(recipe) = diagnostics.take(recipe(workspace, deployment, argocd)) else { continue };
        diagnostics.extend(warnings(deployment, &recipe));
        for (id, case_file) in wanted {
            let recipe = Recipe { case_file: case_file.map(Path::to_path_buf), ..recipe.clone() };
            let inputs = all_inputs(workspace, argocd, &recipe, inspected);
            if let Some(inputs) = diagnostics.take(inputs.map_err(|found| found.for_target(&id))) {
                targets.push(Target { id, deployment, recipe, inputs, inspected });
            }
        }
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

fn select(workspace: &Workspace, selection: &[String], diagnostics: &mut Diagnostics) -> Option<Vec<TargetId>> {
    if selection.is_empty() {
        return None;
    }
    let ids = target_ids(workspace);
    let mut selected = Vec::new();
    for name in selection {
        let (app, case) = name.trim_end_matches('/').split_once('/').unwrap_or((name.trim_end_matches('/'), "*"));
        let fits = |pattern: &str, text: &str| workspace_glob(pattern, text);
        let found: Vec<_> = ids.iter().filter(|id| fits(app, &id.app) && fits(case, &id.case)).cloned().collect();
        let exists = !found.is_empty() || workspace.broken.iter().any(|broken| fits(app, broken));
        if !exists {
            let apps = workspace.deployments.iter().map(|deployment| deployment.application.instance.clone());
            let names: Vec<String> = apps.chain(ids.iter().map(ToString::to_string)).collect();
            diagnostics.push(
                Diagnostic::new(Code::TargetUnknown, format!("target `{name}` does not exist"))
                    .help(suggestion(name, names.iter().map(String::as_str))),
            );
        }
        selected.extend(found);
    }
    Some(selected)
}

fn workspace_glob(pattern: &str, text: &str) -> bool {
    argocd::glob::matches(pattern, text).unwrap_or(false)
}

/// The Helm command line of an Application's default case.
fn recipe(workspace: &Workspace, deployment: &Deployment, argocd: Release) -> Result<Recipe> {
    let Deployment { application, chart, options, .. } = deployment;
    let mut diagnostics = Diagnostics::default();
    let variables = application.variables(revision(application));
    let resolver = Resolver {
        root: &workspace.root,
        chart: &chart.directory,
        variables: &variables,
        globs: argocd.value_file_globs,
    };
    let value_files =
        diagnostics.take(resolver.value_files(application, &options.value_files, options.ignore_missing_value_files));
    let mut set_file = BTreeMap::new();
    for parameter in &options.file_parameters {
        if let Some(path) = diagnostics.take(resolver.file_parameter(application, &parameter.path, &parameter.place)) {
            set_file.insert(parameter.name.clone(), path);
        }
    }
    let parameters = |force_string: bool| {
        options
            .parameters
            .iter()
            .filter(|parameter| parameter.force_string == force_string)
            .map(|parameter| (parameter.name.clone(), substitute::expand(&parameter.value, &variables)))
            .collect()
    };
    let kube_version = match &options.kube_version {
        None => workspace.config.kubernetes.clone(),
        Some((version, place)) => diagnostics.take(kube_version(version, place)).unwrap_or_default(),
    };
    let own_api_versions = !options.api_versions.is_empty();
    diagnostics.into_result(Recipe {
        release: options.release_name.clone().unwrap_or_else(|| application.name.clone()),
        namespace: options.namespace.clone().unwrap_or_else(|| application.namespace.clone()),
        kube_version,
        set: parameters(false),
        set_string: parameters(true),
        set_file,
        value_files: value_files.unwrap_or_default(),
        inline_values: match (&options.values_object, &options.values) {
            (Some(object), _) => Some(object.to_json()),
            (None, values) => values.as_ref().map(|(text, _)| text.clone()),
        },
        case_file: None,
        api_versions: if own_api_versions { &options.api_versions } else { &workspace.config.api_versions }.clone(),
        include_crds: !options.skip_crds,
        skip_schema_validation: options.skip_schema_validation,
        skip_tests: options.skip_tests,
    })
}

/// The commit SHA that Argo CD would render, which is known only if the Application pins it.
fn revision(application: &Application) -> &str {
    let revision = &application.target_revision;
    let pinned = revision.len() == 40 && revision.chars().all(|c| c.is_ascii_hexdigit());
    if pinned { revision } else { UNKNOWN_REVISION }
}

/// A Kubernetes version as Argo CD passes it to Helm: only its numeric components.
fn kube_version(text: &str, place: &diagnostics::Place) -> Result<String> {
    let body = text.trim_start();
    let body = body.strip_prefix('v').unwrap_or(body);
    let end = body.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(body.len());
    let parts: Vec<&str> = body[..end].trim_end_matches('.').split('.').collect();
    let numbers: Option<Vec<String>> = parts.iter().map(|part| Some(part.parse::<u64>().ok()?.to_string())).collect();
    match numbers {
        Some(numbers) if numbers.len() >= 2 && (parts[0] == "0" || !parts[0].starts_with('0')) => Ok(numbers.join(".")),
        _ => Err(Diagnostic::new(Code::ApplicationInvalid, format!("`{text}` is not a valid Kubernetes version"))
            .at(place.clone(), "expected `major.minor` or `major.minor.patch`")
            .into()),
    }
}

fn warnings(deployment: &Deployment, recipe: &Recipe) -> Diagnostics {
    let Deployment { application, options, .. } = deployment;
    let mut diagnostics = Diagnostics::default();
    for (outer, inner) in recipe::overlaps(recipe) {
        let place = |name: &str| {
            let parameter = options.parameters.iter().find(|parameter| parameter.name == name);
            let file = options.file_parameters.iter().find(|parameter| parameter.name == name);
            parameter.map(|parameter| &parameter.place).or(file.map(|file| &file.place)).unwrap_or(&application.place)
        };
        diagnostics.push(
            Diagnostic::new(
                Code::ParametersOverlap,
                format!("parameters `{outer}` and `{inner}` overlap, and Argo CD passes them in random order"),
            )
            .at(place(&inner).clone(), format!("part of `{outer}`"))
            .at(place(&outer).clone(), "")
            .help("set both in `valuesObject` instead"),
        );
    }
    for (index, parameter) in options.parameters.iter().enumerate() {
        if let Some(later) = options.parameters[index + 1..].iter().find(|later| later.name == parameter.name) {
            diagnostics.push(
                Diagnostic::new(Code::ParametersOverlap, format!("parameter `{}` is defined twice", parameter.name))
                    .at(parameter.place.clone(), "has no effect")
                    .at(later.place.clone(), "overrides it")
                    .help("delete one of them"),
            );
        }
    }
    if revision(application) == UNKNOWN_REVISION {
        let entries = options.value_files.iter().map(|(text, place)| (text, place));
        let parameters = options.parameters.iter().map(|parameter| (&parameter.value, &parameter.place));
        let files = options.file_parameters.iter().map(|parameter| (&parameter.path, &parameter.place));
        for (text, place) in entries.chain(parameters).chain(files) {
            if substitute::mentions(text, "ARGOCD_APP_REVISION") {
                diagnostics.push(
                    Diagnostic::new(Code::RevisionUnknown, "`$ARGOCD_APP_REVISION` is unknown before the merge")
                        .at(place.clone(), "rendered with zeros"),
                );
            }
        }
    }
    diagnostics
}

fn all_inputs(workspace: &Workspace, argocd: Release, recipe: &Recipe, inspected: &Inspected) -> Result<Inputs> {
    let mut inputs = inspected.files.clone()?;
    for file in recipe.files() {
        let name = inputs::name(&workspace.root, file);
        if let Entry::Vacant(entry) = inputs.entry(name) {
            entry.insert(inputs::file_digest(file)?);
        }
    }
    let dependencies = inspected.dependencies.inputs().into_iter();
    inputs.extend(dependencies.map(|(name, digest)| (format!("dependency {name}"), digest)));
    inputs.insert("application".to_owned(), recipe.digest(&workspace.root));
    inputs.insert("helm".to_owned(), argocd.helm.to_owned());
    inputs.insert("kubernetes".to_owned(), recipe.kube_version.clone());
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use diagnostics::{Place, Source};

    use super::*;

    #[test]
    fn kubernetes_versions_are_reduced_to_numbers() {
        let place = Place::new(&Source::new("x", ""), 0..0);
        for (text, expected) in
            [("1.30", "1.30"), ("v1.30.2", "1.30.2"), ("1.30.2+k3s1", "1.30.2"), ("v1.29.0-eks-a5", "1.29.0")]
        {
            assert_eq!(kube_version(text, &place).expect("valid"), expected);
        }
        for text in ["1", "latest", "1.x"] {
            assert!(kube_version(text, &place).is_err(), "{text}");
        }
    }
}
