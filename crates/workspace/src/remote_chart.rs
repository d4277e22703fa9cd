//! Charts from Helm repositories whose files are at hand.
//!
//! A target is planned without them: its pin says what is in the chart. They are needed to render it.

use std::path::Path;
use std::sync::Arc;

use argocd::release::Release;
use diagnostics::{Code, Diagnostic, Result};
use document::Node;
use helm::chart::Chart;
use helm::recipe::Recipe;

use crate::chart_recipe::{self, ChartPlace, Environment};
use crate::deployment::{Deployment, RemoteChart};
use crate::load::Workspace;
use crate::target::{RemoteChartPart, Unpacked};

/// The error about an archive that contains files that change how Argo CD renders it: overrides of the source, or files of
/// another tool.
fn reconfigured(directory: &Path, source: &RemoteChart) -> Option<Diagnostic> {
    let entries = std::fs::read_dir(directory).ok()?.flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let overrides = |name: &&String| name.strip_suffix(".yaml").is_some_and(|name| name.starts_with(".argocd-source"));
    let other = |name: &&String| kustomize::kustomization::NAMES.contains(&name.as_str());
    let name = names.iter().find(|name| overrides(name) || other(name))?;
    let message =
        format!("the archive of `{}` contains `{name}`, which changes how Argo CD renders it", source.pin.name);
    let place = source.source.node.get("chart").map_or_else(|| source.source.repository_place.clone(), Node::place);
    let found = Diagnostic::new(Code::NotRendered, message).at(place, "");
    Some(found.help("accept that it is not rendered with `[[unrendered]]`, or use an archive without this file"))
}

/// Finds the value files of a chart from a Helm repository that is unpacked, and completes its command line.
pub fn unpacked(
    workspace: &Workspace,
    argocd: Release,
    deployment: &Deployment,
    part: &RemoteChartPart<'_>,
    directory: &Path,
) -> Result<Unpacked> {
    if let Some(found) = reconfigured(directory, part.source) {
        return Err(found.into());
    }
    let outside = |path: &Path| path.starts_with(directory) || !path.starts_with(&workspace.root);
    let is_ignored = |path: &Path| !outside(path) && workspace.checkout.lacks(path);
    let environment = Environment { root: &workspace.root, config: &workspace.config, argocd, is_ignored: &is_ignored };
    let RemoteChart { source, options, pin } = part.source;
    let place = ChartPlace::Archive(pin, Some(directory));
    let planned = chart_recipe::Planned {
        application: &deployment.application,
        source,
        options,
        place,
        references: &deployment.references,
    };
    let complete = chart_recipe::recipe(&environment, &planned)?;
    let Recipe { value_files, set_file, .. } = complete;
    let recipe = Recipe { value_files, set_file, ..part.recipe.clone() };
    Ok(Unpacked { chart: Arc::new(Chart::load(&workspace.root, directory)?), recipe })
}
