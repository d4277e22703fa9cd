//! Kustomizations that build Applications, and that nothing deploys: `[[bootstrap]]` declares them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use document::Node;
use kustomize::inspect::{self, Inspection};
use kustomize::kustomization::{Kustomization, NAMES};
use toolbox::inputs;

use crate::{find, globs};

/// The keys of kustomizations that change nothing.
const NEUTRAL: [&str; 6] = ["apiversion", "kind", "metadata", "resources", "bases", "sortoptions"];

/// The kustomizations that change Applications, and that neither another kustomization nor any of `paths` refers to: their
/// paths, and the files with Applications that each builds. The files that match `excluded` are not searched.
#[must_use]
pub fn bootstrap_kustomizations(root: &Path, paths: &[&str], excluded: &[String]) -> Vec<(String, BTreeSet<String>)> {
    let is_kustomization = |path: &String| NAMES.contains(&path.rsplit('/').next().unwrap_or_default());
    let tracked = find::tracked(root).into_iter().filter(is_kustomization);
    let directories: BTreeSet<PathBuf> = tracked
        .filter(|name| !globs::matches(excluded, name))
        .filter_map(|name| Some(root.join(name).parent()?.to_path_buf()))
        .collect();
    let mut included = BTreeSet::new();
    let mut found: Vec<(PathBuf, Inspection)> = Vec::new();
    for directory in directories {
        let inspection = inspect::inspect(root, &directory, &[], &[], &|_| false);
        included.extend(inspection.kustomizations.iter().skip(1).map(|one| one.directory.clone()));
        if inspection.kustomizations.first().is_some_and(|own| !is_component(own)) && changes(&inspection) {
            found.push((directory, inspection));
        }
    }
    found.retain(|(directory, _)| !included.contains(directory));
    let mut roots = Vec::new();
    for (directory, inspection) in &found {
        let path = inputs::name(root, directory);
        let deployed = |one: &&str| {
            let one = one.trim_start_matches("./").trim_matches('/');
            path == one || !one.is_empty() && path.strip_prefix(one).is_some_and(|rest| rest.starts_with('/'))
        };
        if path.is_empty() || paths.iter().any(deployed) {
            continue;
        }
        let files: BTreeSet<String> =
            inspection.files.iter().filter(|file| defines(file)).map(|file| inputs::name(root, file)).collect();
        let inflates = inspection.charts.iter().any(|chart| chart.name.contains("argocd-app"));
        if !files.is_empty() || inflates {
            roots.push((path, files));
        }
    }
    roots
}

fn is_component(kustomization: &Kustomization) -> bool {
    kustomization.root.get("kind").and_then(Node::as_str) == Some("Component")
}

/// Whether a build does more than collect its files, in which Applications are found anyway.
fn changes(inspection: &Inspection) -> bool {
    let keys = inspection.kustomizations.iter().flat_map(|one| one.root.entries());
    keys.into_iter().any(|(key, _)| !NEUTRAL.contains(&key.name.to_ascii_lowercase().as_str()))
}

/// Whether a file defines an Application or an ApplicationSet.
fn defines(file: &Path) -> bool {
    let Ok(text) = toolbox::regular_file::read_to_string(file) else { return false };
    text.contains(find::GROUP)
        && text.lines().any(|line| {
            let kind = line.trim_start_matches("- ").strip_prefix("kind:").map(str::trim);
            kind.is_some_and(|kind| ["Application", "ApplicationSet"].contains(&kind.trim_matches(['"', '\''])))
        })
}
