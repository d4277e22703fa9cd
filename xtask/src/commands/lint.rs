//! `lint`: runs all checks that need no cluster.
//!
//! Chart checks run for each chart that a selected target uses, with all cases of that chart. Without a selection, the
//! checks that do not need Helm run for every chart under charts/, deployed or not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::rendering::{self, Rendering};
use super::{Outcome, Session};
use crate::dependencies;
use crate::diagnostic::{Class, Code, Diagnostic, Diagnostics, Result};
use crate::inputs;
use crate::lint::{
    self, CHECKS, Helm, Subject, chart_version, coverage, helm_lint, images, second_render, values_table,
};
use crate::objects::Object;
use crate::plan::{self, Inspections, Target};
use crate::progress::Progress;
use crate::side_by_side::side_by_side;
use crate::silence;
use crate::whole;
use crate::wording::plural;
use crate::workspace::chart::Chart;
use crate::workspace::{self, Workspace};

/// The command's arguments.
#[derive(Debug, Default)]
pub struct Request {
    /// Names of targets; empty for all.
    pub targets: Vec<String>,
    /// Fix findings where possible.
    pub fix: bool,
    /// The revision to compare chart versions with.
    pub base: Option<String>,
    /// Only list images.
    pub images: bool,
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    if request.fix && session.environment.ci {
        return Err(Diagnostic::new(Code::Usage, "`--fix` is not allowed when CI is set")
            .help("run `cargo xtask lint --fix` locally, review the diff, and commit it")
            .into());
    }
    let (workspace, mut diagnostics) = Workspace::load(&session.root)?;
    let (inspections, found) = Inspections::new(&workspace);
    diagnostics.extend(found);
    let (all, found) = plan::plan(&workspace, &inspections, workspace.config.argocd, &[]);
    diagnostics.extend(found);
    let (selected, found) = plan::plan(&workspace, &inspections, workspace.config.argocd, &request.targets);
    // Without a selection, both plans have the same diagnostics; `sort` removes the duplicates.
    diagnostics.extend(found);
    let renderings = rendering::render(session, &workspace, workspace.config.argocd, selected, false, &mut diagnostics);
    for one in &renderings {
        if let Some(Err(found)) = &one.rendered {
            diagnostics.extend(found.clone().for_target(&one.target.id));
        }
    }
    if request.images {
        return Ok(list_images(session, &renderings, diagnostics));
    }
    let sound = workspace.sound && !diagnostics.has_errors();
    let all: Vec<&Target<'_>> = all.iter().collect();
    let checked = check(session, request, &workspace, &all, &renderings, sound);
    diagnostics.extend(checked.diagnostics);

    diagnostics.sort();
    let counts = format!("{}, {}", plural(checked.charts.len(), "chart"), plural(renderings.len(), "target"));
    let findings = diagnostics.0.len();
    let found = if findings == 0 { "nothing found".to_owned() } else { plural(findings, "finding") };
    session.printer.finished(&format!("{counts}: {found}"));
    let targets: Vec<String> = renderings.iter().map(|one| one.target.id.to_string()).collect();
    Ok(Outcome { diagnostics, fields: vec![("charts", json!(checked.charts)), ("targets", json!(targets))] })
}

/// Lists the images of all rendered objects, one per line, with the targets that use it.
fn list_images(session: &Session<'_>, renderings: &[Rendering<'_>], mut diagnostics: Diagnostics) -> Outcome {
    diagnostics.sort();
    let objects: Vec<Object> = renderings.iter().flat_map(Rendering::objects).collect();
    let images = images::list(&objects);
    let width = images.keys().map(|reference| reference.chars().count()).max().unwrap_or_default();
    for (reference, targets) in &images {
        let targets = targets.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        session.printer.result(&format!("{reference:width$}  {targets}\n"));
    }
    session.printer.finished(&plural(images.len(), "image"));
    let images: Vec<_> =
        images.iter().map(|(reference, targets)| json!({ "reference": reference, "targets": targets })).collect();
    Outcome { diagnostics, fields: vec![("images", json!(images))] }
}

/// The result of all checks.
#[derive(Debug)]
pub struct Checked {
    /// The findings that are not suppressed.
    pub diagnostics: Diagnostics,
    /// The paths of the checked charts from the root.
    pub charts: Vec<String>,
}

/// Runs every check on rendered targets. `all` are all targets of the workspace; `sound` says whether all of them could be
/// read and rendered.
#[must_use]
pub fn check(
    session: &Session<'_>,
    request: &Request,
    workspace: &Workspace,
    all: &[&Target<'_>],
    renderings: &[Rendering<'_>],
    sound: bool,
) -> Checked {
    let mut diagnostics = Diagnostics::default();
    let mut charts: BTreeMap<PathBuf, Chart> = BTreeMap::new();
    for one in renderings {
        let chart = &one.target.deployment.chart;
        charts.entry(chart.directory.clone()).or_insert_with(|| chart.as_ref().clone());
    }
    let deployed: Vec<PathBuf> = charts.keys().cloned().collect();
    if request.targets.is_empty() {
        for folder in workspace::chart_folders(&session.root) {
            if !charts.contains_key(&folder)
                && let Some(chart) = diagnostics.take(Chart::load(&session.root, &folder))
            {
                charts.insert(folder, chart);
            }
        }
    }
    for chart in charts.values() {
        diagnostics.extend(table(session, request, chart));
    }
    let targets: Vec<&Target<'_>> = renderings.iter().map(|one| &one.target).collect();
    let objects: Vec<Object> = renderings.iter().flat_map(Rendering::objects).collect();
    let every: Vec<&Chart> = charts.values().collect();
    let subject = Subject { workspace, charts: &every, targets: &targets, objects: &objects };
    for (_, check) in CHECKS {
        diagnostics.extend(check(&subject));
    }
    diagnostics
        .extend(chart_version::check(&session.root, &every, request.base.as_deref()).unwrap_or_else(|found| found));
    remove_reported(&mut diagnostics, renderings);
    let deployed: Vec<&Chart> = deployed.iter().filter_map(|folder| charts.get(folder)).collect();
    with_helm(session, workspace, &deployed, renderings, all, &mut diagnostics);
    let complete = sound && request.targets.is_empty() && diagnostics.worst() <= Class::Finding;
    let diagnostics = silence::apply(diagnostics, &workspace.config.silences, &lint::codes(), complete);
    Checked { diagnostics, charts: charts.values().map(|chart| chart.path.clone()).collect() }
}

/// Removes findings about a schema or values that Helm already reported at the same place.
fn remove_reported(diagnostics: &mut Diagnostics, renderings: &[Rendering<'_>]) {
    let failed = renderings.iter().filter_map(|one| one.rendered.as_ref()?.as_ref().err());
    let refused = failed.flat_map(|found| &found.0).filter(|found| found.code == Code::HelmRefused);
    let reported: Vec<_> = refused.map(|found| (&found.message, &found.places)).collect();
    let places: Vec<_> = reported.iter().filter_map(|(_, places)| places.first()).map(|(place, _)| place).collect();
    diagnostics.0.retain(|found| match found.code {
        Code::ValuesSchemaInvalid => !reported.contains(&(&found.message, &found.places)),
        // Neither Helm nor this tool's own parser can read these values.
        Code::YamlSyntax => !found.places.first().is_some_and(|(place, _)| places.contains(&place)),
        _ => true,
    });
}

/// Checks the values table of a chart, and updates it with `--fix`.
fn table(session: &Session<'_>, request: &Request, chart: &Chart) -> Diagnostics {
    let checked = match values_table::check(&session.root, chart) {
        Ok(checked) => checked,
        Err(found) => return found,
    };
    let mut diagnostics = checked.diagnostics;
    if let (Some(text), true) = (checked.readme, request.fix) {
        let path = chart.directory.join("README.md");
        match whole::write(&path, text.as_bytes()) {
            Ok(()) => {
                diagnostics.0.retain(|found| found.code != Code::ValuesTableOutdated);
                session.printer.status("Wrote", &inputs::name(&session.root, &path));
            }
            Err(found) => diagnostics.extend(found),
        }
    }
    diagnostics
}

/// Runs the checks that need Helm.
fn with_helm(
    session: &Session<'_>,
    workspace: &Workspace,
    charts: &[&Chart],
    renderings: &[Rendering<'_>],
    all: &[&Target<'_>],
    diagnostics: &mut Diagnostics,
) {
    // Targets that do not render are already reported.
    let failed = |one: &&Rendering<'_>| matches!(one.rendered, Some(Err(_)));
    let of = |chart: &Chart, target: &Target<'_>| target.deployment.chart.directory == chart.directory;
    let renders = |chart: &&&Chart| renderings.iter().any(|one| of(chart, &one.target) && !failed(&one));
    let charts: Vec<&Chart> = charts.iter().filter(renders).copied().collect();
    if charts.is_empty() {
        return;
    }
    let cache = &session.environment.cache;
    let tools = session.tools(workspace);
    let Some(tool) = diagnostics.take(tools.require("helm", workspace.config.argocd.helm)) else { return };
    diagnostics.extend(tools.warnings());
    let helm_path = || Ok(tool.path.clone());
    let context = session.context(&helm_path);
    let helm = Helm { program: &tool.path, root: &session.root, cache, jobs: session.jobs };
    for chart in charts {
        let every: Vec<&Target<'_>> = all.iter().copied().filter(|target| of(chart, target)).collect();
        let of_this: Vec<&Rendering<'_>> = renderings.iter().filter(|one| of(chart, &one.target)).collect();
        let chosen: Vec<&Rendering<'_>> = of_this.iter().copied().filter(|one| !failed(one)).collect();
        let Some(first) = every.first().filter(|target| !target.inspected.refused) else { continue };
        let prepared = dependencies::prepare(&first.deployment.chart, &first.inspected.dependencies, &context);
        let Some(prepared) = diagnostics.take(prepared) else { continue };

        session.printer.status("Checking", &format!("{} ({})", chart.path, plural(every.len(), "case")));
        let answers = side_by_side(session.jobs, &chosen, |one| {
            (one.target.id.to_string(), helm_lint::messages(&helm, &one.target, &prepared.directory))
        });
        let mut output = Vec::new();
        for (target, messages) in answers {
            if let Some(messages) = diagnostics.take(messages) {
                output.push((target, messages));
            }
        }
        diagnostics.extend(helm_lint::findings(&session.root, chart, &output));
        for found in side_by_side(session.jobs, &chosen, |one| twice(&helm, one, &prepared.directory)) {
            diagnostics.extend(found.unwrap_or_else(|found| found));
        }
        if chosen.len() < of_this.len() {
            // It is unknown what the failed targets would have reached or changed.
            continue;
        }
        for found in [
            coverage::branches(&helm, chart, &every, &prepared.directory),
            coverage::values(&session.root, chart, &every),
        ] {
            diagnostics.extend(found.unwrap_or_else(|found| found));
        }
    }
}

/// Reports what differs between two renders of a target.
fn twice(helm: &Helm<'_>, one: &Rendering<'_>, directory: &Path) -> Result<Diagnostics> {
    let manifests = one.manifests().unwrap_or_default();
    let lines = second_render::differences(helm, &one.target, directory, &manifests, one.rendered.is_none())?;
    Ok(if lines.is_empty() { Diagnostics::default() } else { second_render::findings(&lines, &one.objects()) })
}
