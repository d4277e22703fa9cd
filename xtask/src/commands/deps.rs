//! `deps`: downloads the pinned chart dependencies, and updates the locks with `--update`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source, suggestion};
use document::edit;
use document::edit::Edit;
use helm::chart::{Chart, is_exact};
use helm::dependencies;
use helm::dependencies::{Context, PinChange, Request};
use toolbox::progress::Progress;
use toolbox::{atomic_file, inputs};
use workspace::Workspace;

use super::{Outcome, Session};
use crate::report::json::{self, Output};

/// Runs the command. `update` resolves the dependencies again, those listed as `NAME@VERSION` at these versions.
pub fn run(session: &Session<'_>, update: Option<&[String]>) -> Result<Outcome> {
    let (workspace, mut diagnostics) = Workspace::load(&session.root)?;
    let mut charts = charts(&session.root, &mut diagnostics);
    let edited = set_versions(&mut charts, update.unwrap_or_default())?;
    let charts: Vec<&Chart> = charts.iter().collect();
    let tools = session.tools(&workspace);
    let helm = || Ok(tools.require("helm", workspace.config.argocd.helm)?.path);
    let context = session.context(&helm);
    let result = if update.is_some() {
        self::update(session, &charts, &edited, &context, &mut diagnostics)
    } else {
        ensure(session, &workspace, &charts, &context, &mut diagnostics)
    };
    diagnostics.extend(tools.warnings());
    let output = diagnostics.take(result).unwrap_or_default();
    diagnostics.sort();
    Ok(Outcome { diagnostics, output })
}

/// Sets the versions of dependencies, and returns each Chart.yaml that changes, with its new text. Nothing is written yet.
fn set_versions(charts: &mut [Chart], wanted: &[String]) -> Result<Vec<(PathBuf, String)>> {
    let mut edits: BTreeMap<PathBuf, (Arc<Source>, Vec<Edit>)> = BTreeMap::new();
    let mut diagnostics = Diagnostics::default();
    for text in wanted {
        let Some((name, version)) = text.split_once('@').filter(|(_, version)| is_exact(version)) else {
            let message = format!("`{text}` does not name a dependency and an exact version");
            diagnostics.push(Diagnostic::new(Code::Usage, message).help("write it as `NAME@1.2.3`"));
            continue;
        };
        let known: Vec<String> =
            charts.iter().flat_map(|chart| &chart.dependencies).map(|one| one.name.clone()).collect();
        if !known.iter().any(|one| one == name) {
            diagnostics.push(
                Diagnostic::new(Code::Usage, format!("no chart has a dependency `{name}`"))
                    .help(suggestion(name, known.iter().map(String::as_str))),
            );
        }
        for chart in charts.iter_mut() {
            let path = chart.directory.join(chart.dependencies_file());
            for dependency in chart.dependencies.iter_mut().filter(|one| one.name == name && one.version != version) {
                let place = &dependency.version_place;
                let Some(span) = place.span.clone().filter(|_| place != &dependency.place) else {
                    diagnostics.push(
                        Diagnostic::new(Code::EditRefused, format!("dependency `{name}` has no `version` to set"))
                            .at(dependency.place.clone(), "")
                            .help(format!("add `version: {version}`")),
                    );
                    continue;
                };
                let written = place.source.text.get(span.clone()).unwrap_or_default();
                let edit = Edit::new(span, edit::scalar_like(written, version));
                edits.entry(path.clone()).or_insert((Arc::clone(&place.source), Vec::new())).1.push(edit);
                version.clone_into(&mut dependency.version);
            }
        }
    }
    let texts =
        edits.into_iter().filter_map(|(path, (source, edits))| Some((path, edit::apply(&source.text, &edits)?)));
    diagnostics.into_result(texts.collect())
}

fn update(
    session: &Session<'_>,
    charts: &[&Chart],
    edited: &[(PathBuf, String)],
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Result<Output> {
    // A chart that cannot be read may need any of the pins.
    let complete = workspace::chart_folders(&session.root).len() == charts.len();
    let request = Request { charts, wanted: &[], names: &[], complete };
    let mut updated = dependencies::update(&session.root, &request, context)?;
    let failed = |path: &Path| updated.failed.iter().any(|chart| path.starts_with(chart));
    let edited: Vec<_> = edited.iter().filter(|(path, _)| !failed(path)).collect();
    for (path, text) in edited {
        atomic_file::write(path, text.as_bytes())?;
        updated.written.push(path.clone());
    }
    let mut changes = Vec::new();
    for change in &updated.pins {
        let line = match change {
            PinChange::Added(pin) => format!("added {} {} from {}", pin.name, pin.version, pin.repository),
            PinChange::Changed { from, to } if from.version != to.version => {
                format!("{} {} → {}", to.name, from.version, to.version)
            }
            PinChange::Changed { to, .. } => format!("{} {} now from {}", to.name, to.version, to.repository),
            PinChange::Dropped(pin) => format!("dropped {} {}", pin.name, pin.version),
        };
        session.printer.result(&format!("{line}\n"));
        changes.push(line);
    }
    let written: Vec<String> = updated.written.iter().map(|path| inputs::name(&session.root, path)).collect();
    for name in &written {
        session.printer.status("Wrote", name);
    }
    removed(session, &updated.removed);
    let what = if updated.written.is_empty() { "locks already up to date" } else { "locks updated" };
    let failed = match updated.failed.len() {
        0 => String::new(),
        count => format!(", {count} failed"),
    };
    session.printer.finished(&format!("{}: {what}{failed}", plural(charts.len(), "chart")));
    diagnostics.extend(updated.errors);
    Ok(Output::DepsUpdate(json::DepsUpdate { changes, written }))
}

fn ensure(
    session: &Session<'_>,
    workspace: &Workspace,
    charts: &[&Chart],
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Result<Output> {
    let ensured = dependencies::ensure_all(&session.root, charts, &[], &workspace.charts_lock, context)?;
    let mut downloaded = Vec::new();
    for (chart, pin) in &ensured.downloaded {
        session.printer.status("Installed", &format!("{} {} for {chart}", pin.name, pin.version));
        let (name, version) = (pin.name.clone(), pin.version.clone());
        downloaded.push(json::Dependency { chart: chart.clone(), name, version });
    }
    removed(session, &ensured.removed);
    diagnostics.extend(ensured.findings);
    session.printer.finished(&format!("{}: dependencies are up to date", plural(charts.len(), "chart")));
    Ok(Output::Deps(json::Deps { downloaded }))
}

fn removed(session: &Session<'_>, paths: &[PathBuf]) {
    for path in paths {
        session.printer.status("Removed", &inputs::name(&session.root, path));
    }
}

/// All charts below charts/, including those that no Application deploys.
fn charts(root: &Path, diagnostics: &mut Diagnostics) -> Vec<Chart> {
    let folders = workspace::chart_folders(root);
    folders.iter().filter_map(|folder| diagnostics.take(Chart::load(root, folder))).collect()
}
