//! Charts from Helm repositories whose files are at hand.
//!
//! A target is planned without them: its pin says what is in the chart. They are needed to render it.

use std::path::Path;
use std::sync::Arc;

use argocd::release::Release;
use diagnostics::Result;
use helm::chart::Chart;
use helm::recipe::Recipe;

use crate::chart_recipe::{self, ChartPlace, Environment};
use crate::deploy::{Deployment, RemoteChart};
use crate::load::Workspace;
use crate::target::{RemoteChartPart, Unpacked};

/// Finds the value files of a chart from a Helm repository that is unpacked, and completes its command line.
pub fn unpacked(
    workspace: &Workspace,
    argocd: Release,
    deployment: &Deployment,
    part: &RemoteChartPart<'_>,
    directory: &Path,
) -> Result<Unpacked> {
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
