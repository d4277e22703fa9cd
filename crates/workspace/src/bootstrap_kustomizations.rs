//! Kustomizations that build Applications, and that nothing deploys: `[[bootstrap]]` declares them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use document::Node;
use kustomize::inspect::{self, Inspection};
use kustomize::kustomization::{Kustomization, NAMES};
use toolbox::inputs;

use crate::{find, globs};

/// The keys of kustomizations that change nothing.
const NEUTRAL: [&str; 6] = ["apiversion", "kind", "metadata", "resources", "bases", "sortoptions"];

/// The kustomizations that change Applications, and that neither another kustomization nor a source refers to: their paths,
/// and the files with Applications that each builds. `sources` are the paths of sources, each with the file that contains
/// it. The files that match `excluded` are not searched.
#[must_use]
pub fn bootstrap_kustomizations(
    root: &Path,
    sources: &[(String, String)],
    excluded: &[String],
) -> Vec<(String, BTreeSet<String>)> {
    let is_kustomization = |path: &String| NAMES.contains(&path.rsplit('/').next().unwrap_or_default());
    let tracked = find::tracked(root);
    let directories: BTreeSet<PathBuf> = tracked
        .iter()
        .filter(|name| is_kustomization(name) && !globs::matches(excluded, name))
        .filter_map(|name| Some(root.join(name).parent()?.to_path_buf()))
        .collect();
    let mut included = BTreeSet::new();
    let mut found: Vec<Candidate> = Vec::new();
    for directory in directories {
        let inspection = inspect::inspect(root, &directory, &[], &[], &|_| false);
        included.extend(inspection.kustomizations.iter().skip(1).map(|one| one.directory.clone()));
        if inspection.kustomizations.first().is_some_and(|own| !is_component(own)) && changes(&inspection) {
            found.push(Candidate::new(root, directory, &inspection));
        }
    }
    found.retain(|one| !included.contains(&one.directory) && !one.path.is_empty());
    let patched = patched(root, &tracked, &found);
    // The Application of one that deploys itself is found in its files, unless each of several overlays has another one.
    let is_overlay =
        |one: &Candidate| found.iter().any(|other| other.path != one.path && other.shares(&one.applications));
    let is_deployed = |one: &Candidate| {
        let overlay = is_overlay(one);
        let counts = |file: &str| !overlay || !one.has(file);
        let by_patch = patched.get(one.path.as_str());
        let mut by_patch = by_patch.into_iter().flatten().filter(|file| counts(file));
        sources.iter().any(|(file, path)| one.is_at(path) && counts(file)) || by_patch.next().is_some()
    };
    let (deployed, others): (Vec<&Candidate>, Vec<&Candidate>) = found.iter().partition(|one| is_deployed(one));
    // An overlay for a cluster that nothing deploys to, of what something deploys to others.
    let covered: BTreeSet<&String> = deployed.iter().flat_map(|one| &one.applications).collect();
    let is_left = |one: &Candidate| !one.applications.iter().all(|file| covered.contains(file));
    let roots = others.iter().filter(|one| is_left(one) || one.applications.is_empty() && one.inflates);
    roots.map(|one| (one.path.clone(), one.applications.clone())).collect()
}

/// A kustomization that changes what it builds.
struct Candidate {
    directory: PathBuf,
    /// Its path from the root.
    path: String,
    /// The files that it builds.
    files: BTreeSet<String>,
    /// Those that define Applications.
    applications: BTreeSet<String>,
    /// Whether it inflates a chart of Applications.
    inflates: bool,
}

impl Candidate {
    fn new(root: &Path, directory: PathBuf, inspection: &Inspection) -> Self {
        let name = |file: &PathBuf| inputs::name(root, file);
        Self {
            path: inputs::name(root, &directory),
            files: inspection.files.iter().map(name).collect(),
            applications: inspection.files.iter().filter(|file| defines(file)).map(name).collect(),
            inflates: inspection.charts.iter().any(|chart| chart.name.contains("argocd-app")),
            directory,
        }
    }

    /// Whether it builds one of some files with Applications.
    fn shares(&self, applications: &BTreeSet<String>) -> bool {
        !self.applications.is_disjoint(applications)
    }

    /// Whether a file is in its directory, or part of what it builds: it may deploy itself.
    fn has(&self, file: &str) -> bool {
        self.files.contains(file) || file.strip_prefix(&self.path).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Whether it is at or below the path of a source.
    fn is_at(&self, source: &str) -> bool {
        let source = source.trim_start_matches("./").trim_matches('/');
        self.path == source
            || !source.is_empty() && self.path.strip_prefix(source).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// The files with patches that set the path of an Application to that of a candidate, by this path.
fn patched<'a>(root: &Path, tracked: &'a [String], found: &'a [Candidate]) -> BTreeMap<&'a str, Vec<&'a String>> {
    let paths: BTreeSet<&str> = found.iter().map(|one| one.path.as_str()).collect();
    let mut patched: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    let is_yaml = |name: &&String| [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
    for name in tracked.iter().filter(is_yaml) {
        let text = toolbox::regular_file::read_to_string(root.join(name)).unwrap_or_default();
        let values = text.lines().map(|line| line.trim_start_matches([' ', '-']));
        let values = values.filter_map(|line| line.strip_prefix("value:").or_else(|| line.strip_prefix("path:")));
        for value in values {
            let value = value.trim().trim_matches(['"', '\'']).trim_start_matches("./").trim_end_matches('/');
            if let Some(path) = paths.get(value) {
                patched.entry(path).or_default().push(name);
            }
        }
    }
    patched
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
