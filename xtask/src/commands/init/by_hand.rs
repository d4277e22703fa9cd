//! Finds charts and kustomizations that are applied by hand: they render Applications, and no Application deploys them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use document::yaml::Document;
use document::{Node, yaml};
use workspace::bootstrap_charts::BootstrapChart;
use workspace::bootstrap_kustomizations::bootstrap_kustomizations;
use workspace::{find, globs};

use crate::init::ByHand;

/// A chart, once for each environment.
pub(super) fn of_chart(chart: &BootstrapChart) -> Vec<ByHand> {
    let files: Vec<String> = find::files(&chart.directory)
        .iter()
        .map(|path| toolbox::inputs::name(&chart.directory, path))
        .filter(|name| !name.starts_with("charts/"))
        .collect();
    ByHand::chart(&chart.name, &chart.path, &files)
}

/// The charts that no other chart deploys, as far as their templates say. One that deploys itself gets the name of the
/// Application that does, which takes its place. `files` are those that may be templates, and `is_deployed` says whether an
/// Application deploys a path.
pub(super) fn roots(
    root: &Path,
    charts: Vec<BootstrapChart>,
    files: impl Iterator<Item = String>,
    is_deployed: &dyn Fn(&str) -> bool,
) -> Vec<BootstrapChart> {
    // The directories of the templates that deploy each path, and the names of the Applications.
    let mut deployed: BTreeMap<String, Vec<(String, Option<String>)>> = BTreeMap::new();
    for file in files.filter(|file| file.contains("/templates/") && !charts.is_empty()) {
        let text = toolbox::regular_file::read_to_string(root.join(&file)).unwrap_or_default();
        let directory = file.split("/templates/").next().unwrap_or_default().to_owned();
        for document in text.split("\n---") {
            for path in values(document, "path").filter(|path| !path.contains("{{")) {
                let name = values(document, "name").next().filter(|name| !name.contains("{{")).map(str::to_owned);
                deployed.entry(path.to_owned()).or_default().push((directory.clone(), name));
            }
        }
    }
    let by_other = |chart: &BootstrapChart| {
        deployed.get(&chart.path).into_iter().flatten().any(|(directory, _)| *directory != chart.path)
    };
    // An Application deploys the chart that deploys it.
    let by_root = |chart: &BootstrapChart| {
        deployed.get(&chart.path).into_iter().flatten().any(|(directory, _)| is_deployed(directory))
    };
    let charts = charts.into_iter().filter(|chart| !by_root(chart));
    let (others, mut kept): (Vec<_>, Vec<_>) = charts.partition(by_other);
    if kept.is_empty() {
        kept = others;
    }
    for chart in &mut kept {
        let own = deployed.get(&chart.path).into_iter().flatten().find(|(directory, _)| *directory == chart.path);
        if let Some(name) = own.and_then(|(_, name)| name.clone()) {
            chart.name = name;
        }
    }
    kept
}

/// The values of a key in a text of YAML.
fn values<'t>(text: &'t str, key: &str) -> impl Iterator<Item = &'t str> {
    text.lines().filter_map(move |line| {
        let value = line.trim_start_matches([' ', '-']).strip_prefix(key)?.strip_prefix(':')?;
        Some(value.trim().trim_matches(['"', '\'']).trim_matches('/'))
    })
}

/// The kustomizations that change Applications, and that none of `sources` deploys: paths, each with its file.
pub(super) fn kustomizations(root: &Path, sources: &[(String, String)], excluded: &[String]) -> Vec<ByHand> {
    let roots: Vec<(String, BTreeSet<String>)> = bootstrap_kustomizations(root, sources, excluded);
    ByHand::kustomizations(&roots)
}

/// The files outside of charts that may be values for argocd-apps.
pub(super) fn apps_values(root: &Path, excluded: &[String]) -> Vec<Document> {
    let may_be = |path: &String| {
        let is_yaml = [".yaml", ".yml"].iter().any(|end| path.ends_with(end));
        let file = root.join(path);
        let mut folders = file.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
        is_yaml && !globs::matches(excluded, path) && !folders.any(|folder| folder.join("Chart.yaml").exists())
    };
    let sources = find::tracked(root).into_iter().filter(may_be).filter_map(|path| {
        let source = toolbox::source::read(root, &root.join(path)).ok()?;
        (source.text.contains("\napplication") || source.text.starts_with("application")).then_some(source)
    });
    sources.flat_map(|source| yaml::parse(&source).unwrap_or_default()).collect()
}

/// The chart argocd-apps for the values in some files, except for those that an Application mentions.
pub(super) fn of_values(values: &[Document], documents: &[Document]) -> Vec<ByHand> {
    let files = values.iter().map(|one| (one.root.source.name.as_str(), &one.root));
    let is_used = |file: &str| {
        let name = file.rsplit('/').next().unwrap_or(file);
        let texts = documents.iter().map(|one| &one.root.source.text);
        texts.into_iter().any(|text| text.contains("valueFiles") && text.contains(name))
    };
    crate::init::of_values(files, is_used)
}

/// The namespace of most of the objects of Argo CD.
pub(super) fn namespace<'a>(objects: impl Iterator<Item = &'a Node>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for root in objects {
        if let Some(name) = root.find(&["metadata", "namespace"]).and_then(Node::as_str) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let usual = counts.into_iter().filter(|(name, _)| !name.contains("{{")).max_by_key(|(_, count)| *count);
    usual.map_or("argocd", |(name, _)| name).to_owned()
}
