//! Charts that render Applications: in their templates, or in their values for a dependency that does.
//!
//! One that no Application deploys is applied by hand, and `[[bootstrap]]` declares it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use argocd::value_files::clean;
use diagnostics::Source;
use document::{Value, yaml};
use helm::chart::Chart;
use kustomize::kustomization::{Kustomization, NAMES};
use toolbox::{inputs, regular_file};

use crate::charts::chart_folders;
use crate::config::Config;
use crate::find;

/// The chart that renders the Applications and ApplicationSets in its values.
const OF_VALUES: &str = "argocd-apps";
/// The values that it reads.
const LISTS: [&str; 2] = ["applications", "applicationsets"];

/// A chart that renders Applications.
#[derive(Debug)]
pub struct BootstrapChart {
    /// Its name.
    pub name: String,
    /// Its path from the root.
    pub path: String,
    /// The absolute path of its directory.
    pub directory: PathBuf,
}

/// The charts of the repository that render Applications and that no kustomization inflates, sorted by path.
#[must_use]
pub fn bootstrap_charts(root: &Path, config: &Config) -> Vec<BootstrapChart> {
    let inflated = inflated(root);
    let folders = chart_folders(root, config).into_iter().filter(|folder| !inflated.contains(folder));
    let charts = folders.filter_map(|directory| {
        let chart = Chart::load(root, &directory).ok()?;
        let path = inputs::name(root, &directory);
        (in_templates(&directory) || in_values(&chart)).then_some(BootstrapChart { name: chart.name, path, directory })
    });
    charts.collect()
}

/// The directories of the charts in this repository that kustomizations inflate.
fn inflated(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for name in find::tracked(root).iter().filter(|name| NAMES.contains(&name.rsplit('/').next().unwrap_or_default())) {
        let path = root.join(name);
        let Some(directory) = path.parent() else { continue };
        let text = regular_file::read_to_string(&path).unwrap_or_default();
        let local = Kustomization::new(directory, &Source::new(name.clone(), text)).charts().into_iter();
        let local = local.filter(|chart| chart.repository.is_empty());
        found.extend(local.map(|chart| clean(&directory.join(chart.home).join(chart.name))));
    }
    found
}

fn defines(text: &str) -> bool {
    text.contains(find::GROUP) && text.contains("kind: Application")
}

fn in_templates(directory: &Path) -> bool {
    let files = find::files(&directory.join("templates"));
    files.iter().any(|file| regular_file::read_to_string(file).is_ok_and(|text| defines(&text)))
}

fn in_values(chart: &Chart) -> bool {
    let argo = |name: &str| name.contains("argo");
    if !argo(&chart.name) && !chart.dependencies.iter().any(|one| argo(&one.name)) {
        return false;
    }
    let Ok(text) = regular_file::read_to_string(chart.directory.join("values.yaml")) else { return false };
    if defines(&text) {
        return true;
    }
    let source = Source::new("", text);
    let values = yaml::parse(&source).ok().and_then(|all| all.into_iter().next());
    let Some(values) = values.map(|document| document.root) else { return false };
    let of_apps = chart.dependencies.iter().filter(|one| one.name == OF_VALUES);
    let mut lists = of_apps.flat_map(|one| {
        let own = values.get(if one.alias.is_empty() { &one.name } else { &one.alias });
        LISTS.iter().filter_map(move |list| own?.get(list))
    });
    lists.any(|list| matches!(list.value, Value::Mapping(_) | Value::Sequence(_)))
}
