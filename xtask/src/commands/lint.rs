//! `lint`: what can be known about charts and Applications without a cluster.
//!
//! Checks of a chart run for each chart that a selected target uses, and look at all cases of that chart; without a
//! selection, those that ask nothing of Helm run for every chart under charts/, deployed or not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::rendering::{self, Rendering};
use super::{Outcome, Session};
use crate::dependencies;
use crate::diagnostic::{Class, Code, Diagnostic, Diagnostics, Result};
use crate::inputs;
use crate::lint::{self, CHECKS, Helm, Subject, coverage, helm_lint, values_table};
use crate::objects::Object;
use crate::plan::{self, Inspections, Target};
use crate::progress::Progress;
use crate::report::plural;
use crate::side_by_side::side_by_side;
use crate::silence;
use crate::whole;
use crate::workspace::chart::Chart;
use crate::workspace::{self, Workspace};

/// What was asked for.
#[derive(Debug, Default)]
pub struct Request {
    /// Names of targets; all when empty.
    pub targets: Vec<String>,
    /// Mend what can be mended.
    pub fix: bool,
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    if request.fix && session.environment.ci {
        return Err(Diagnostic::new(Code::Usage, "`--fix` is refused where CI is set")
            .help("run `cargo xtask lint --fix` where people look at the diff, and commit what it writes")
            .into());
    }
    let (workspace, mut diagnostics) = Workspace::load(&session.root)?;
    let (inspections, found) = Inspections::new(&workspace);
    diagnostics.extend(found);
    let (all, found) = plan::plan(&workspace, &inspections, workspace.config.argocd, &[]);
    diagnostics.extend(found);
    let (selected, found) = plan::plan(&workspace, &inspections, workspace.config.argocd, &request.targets);
    // Without a selection, both plans tell the same; `sort` drops one of the two.
    diagnostics.extend(found);
    let renderings = rendering::render(session, &workspace, workspace.config.argocd, selected, false, &mut diagnostics);
    for one in &renderings {
        if let Some(Err(found)) = &one.rendered {
            diagnostics.extend(found.clone().for_target(&one.target.id));
        }
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

/// What checking found.
#[derive(Debug)]
pub struct Checked {
    /// The findings that are not silenced.
    pub diagnostics: Diagnostics,
    /// The charts that were looked at, by their path from the root.
    pub charts: Vec<String>,
}

/// Runs every check on targets that are rendered already. `all` are all targets of the workspace; `sound` says that
/// nothing kept any of them from being read and rendered.
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
    let deployed: Vec<&Chart> = deployed.iter().filter_map(|folder| charts.get(folder)).collect();
    with_helm(session, workspace, &deployed, &targets, all, &mut diagnostics);
    let complete = sound && request.targets.is_empty() && diagnostics.worst() <= Class::Finding;
    let diagnostics = silence::apply(diagnostics, &workspace.config.silences, &lint::codes(), complete);
    Checked { diagnostics, charts: charts.values().map(|chart| chart.path.clone()).collect() }
}

/// The table of values of a chart, written anew if that is asked for.
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

/// The checks that ask Helm.
fn with_helm(
    session: &Session<'_>,
    workspace: &Workspace,
    charts: &[&Chart],
    selected: &[&Target<'_>],
    all: &[&Target<'_>],
    diagnostics: &mut Diagnostics,
) {
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
        let of_chart = |target: &&Target<'_>| target.deployment.chart.directory == chart.directory;
        let every: Vec<&Target<'_>> = all.iter().copied().filter(of_chart).collect();
        let chosen: Vec<&Target<'_>> = selected.iter().copied().filter(of_chart).collect();
        let Some(first) = every.first().filter(|target| !target.inspected.refused) else { continue };
        let prepared = dependencies::prepare(&first.deployment.chart, &first.inspected.dependencies, &context);
        let Some(prepared) = diagnostics.take(prepared) else { continue };

        session.printer.status("Checking", &format!("{} ({})", chart.path, plural(every.len(), "case")));
        let answers = side_by_side(session.jobs, &chosen, |target| {
            (target.id.to_string(), helm_lint::messages(&helm, target, &prepared.directory))
        });
        let mut said = Vec::new();
        for (target, messages) in answers {
            if let Some(messages) = diagnostics.take(messages) {
                said.push((target, messages));
            }
        }
        diagnostics.extend(helm_lint::findings(&session.root, chart, &said));
        for found in [
            coverage::branches(&helm, chart, &every, &prepared.directory),
            coverage::values(&session.root, chart, &every),
        ] {
            diagnostics.extend(found.unwrap_or_else(|found| found));
        }
    }
}
