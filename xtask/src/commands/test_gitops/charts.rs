//! The dependencies of charts: as archives in the repository, or from Helm repositories that the Git server stands in for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use diagnostics::{Diagnostics, Result};
use helm::chart::Chart;
use helm::dependencies::{self, State};
use serde_json::{Value, json};
use toolbox::archive::sha256;
use workspace::Workspace;

use crate::commands::Session;

/// A file of a Helm repository: its host, its path, and its content.
pub(super) struct Served {
    pub(super) host: String,
    pub(super) path: String,
    pub(super) content: Vec<u8>,
}

/// Downloads the pinned dependencies of all charts into their charts/ directories.
pub(super) fn download(session: &Session<'_>, workspace: &Workspace) -> Result<Vec<Chart>> {
    let mut diagnostics = Diagnostics::default();
    let folders = workspace.chart_folders();
    let charts: Vec<Chart> =
        folders.iter().filter_map(|folder| diagnostics.take(Chart::load(&session.root, folder))).collect();
    let tools = session.tools(workspace);
    let helm = || -> Result<PathBuf> { Ok(tools.require("helm", workspace.config.argocd.helm)?.path) };
    let context = session.context(&helm);
    let all: Vec<&Chart> = charts.iter().collect();
    // Findings are those of `deps` and `lint`.
    diagnostics.take(dependencies::ensure_all(&session.root, &all, &[], &workspace.charts_lock, &context));
    diagnostics.into_result(charts)
}

/// The Helm repositories with the pinned dependencies, as files for the Git server: an index, and the archives. Those in
/// registries are not among them.
pub(super) fn repositories(session: &Session<'_>, workspace: &Workspace, charts: &[Chart]) -> Result<Vec<Served>> {
    let mut entries: BTreeMap<(String, String), serde_json::Map<String, Value>> = BTreeMap::new();
    let mut served = Vec::new();
    for chart in charts {
        let (inspection, _) = dependencies::inspect(&session.root, chart, &workspace.charts_lock);
        for dependency in &inspection.dependencies {
            let State::Pinned { pin, archive: Some(archive) } = &dependency.state else { continue };
            let Some((host, path)) = super::location::split(&pin.repository) else { continue };
            let content = toolbox::regular_file::read(archive)
                .map_err(|error| diagnostics::Diagnostic::io("read", archive, &error))?;
            let file = format!("{}-{}.tgz", pin.name, pin.version);
            let index = entries.entry((host.clone(), path.clone())).or_default();
            let versions = index.entry(pin.name.clone()).or_insert_with(|| json!([]));
            let entry = json!({
                "apiVersion": "v2", "name": pin.name, "version": pin.version, "urls": [file], "digest": sha256(&content),
            });
            if let Some(versions) = versions.as_array_mut().filter(|versions| !versions.contains(&entry)) {
                versions.push(entry);
                served.push(Served { host, path: format!("{path}/{file}"), content });
            }
        }
    }
    for ((host, path), entries) in entries {
        let index = json!({ "apiVersion": "v1", "entries": entries });
        served.push(Served { host, path: format!("{path}/index.yaml"), content: index.to_string().into_bytes() });
    }
    Ok(served)
}
