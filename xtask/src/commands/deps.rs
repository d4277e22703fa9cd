//! `deps`: downloads the pinned chart dependencies, and updates the locks with `--update`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Outcome, Session};
use diagnostics::wording::plural;
use diagnostics::{Diagnostics, Result};
use helm::chart::Chart;
use helm::dependencies;
use helm::dependencies::{Context, PinChange};
use toolbox::inputs;
use toolbox::progress::Progress;
use workspace::Workspace;

/// Runs the command.
pub fn run(session: &Session<'_>, update: bool) -> Result<Outcome> {
    let (workspace, mut diagnostics) = Workspace::load(&session.root)?;
    let charts = charts(&session.root, &mut diagnostics);
    let charts: Vec<&Chart> = charts.iter().collect();
    let tools = session.tools(&workspace);
    let helm = || Ok(tools.require("helm", workspace.config.argocd.helm)?.path);
    let context = session.context(&helm);
    let result = if update {
        self::update(session, &charts, &context)
    } else {
        ensure(session, &workspace, &charts, &context, &mut diagnostics)
    };
    diagnostics.extend(tools.warnings());
    let fields = diagnostics.take(result).unwrap_or_default();
    diagnostics.sort();
    Ok(Outcome { diagnostics, fields })
}

/// The command's fields of the JSON report.
type Fields = Vec<(&'static str, Value)>;

fn update(session: &Session<'_>, charts: &[&Chart], context: &Context<'_>) -> Result<Fields> {
    let updated = dependencies::update(&session.root, charts, context)?;
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
    session.printer.finished(&format!("{}: {what}", plural(charts.len(), "chart")));
    Ok(vec![("changes", json!(changes)), ("written", json!(written))])
}

fn ensure(
    session: &Session<'_>,
    workspace: &Workspace,
    charts: &[&Chart],
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Result<Fields> {
    let ensured = dependencies::ensure_all(&session.root, charts, &workspace.charts_lock, context)?;
    let mut downloaded = Vec::new();
    for (chart, pin) in &ensured.downloaded {
        session.printer.status("Installed", &format!("{} {} for {chart}", pin.name, pin.version));
        downloaded.push(json!({ "chart": chart, "name": pin.name, "version": pin.version }));
    }
    removed(session, &ensured.removed);
    diagnostics.extend(ensured.findings);
    session.printer.finished(&format!("{}: dependencies are up to date", plural(charts.len(), "chart")));
    Ok(vec![("brought", json!(downloaded))])
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
