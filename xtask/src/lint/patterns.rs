//! Patterns in charts.toml that match nothing, so that the charts and Applications that they were meant for are not checked,
//! and `exclude` of an app of apps that names no manifest.

use std::path::Path;

use argocd::glob;
use diagnostics::{Code, Diagnostic, Diagnostics, did_you_mean, nearest};
use document::{Node, toml};
use toolbox::inputs;
use workspace::find;

use super::argocd_folder;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::PatternUnmatched];

/// Reports each pattern for which there is no file or folder.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let workspace = subject.workspace;
    // Without any Application, that is reported.
    let mut found = directories(subject);
    let nothing = workspace.deployments.is_empty() && workspace.unrendered.is_empty();
    let Ok(root) = toml::parse(&workspace.config.source) else { return found };
    if nothing {
        return found;
    }
    let instances = root.get("instance").map(Node::items).unwrap_or_default().iter();
    let lists = root.find(&["argocd", "applications"]).into_iter();
    let applications = lists.chain(instances.filter_map(|instance| instance.get("applications"))).flat_map(entries);
    let read: Vec<&str> = workspace.argocd.iter().map(|file| file.name.as_str()).collect();
    let applications: Vec<&Node> = applications.filter(|pattern| !matches_any(pattern, &read)).collect();
    if !applications.is_empty() {
        let files: Vec<String> =
            find::manifests(&workspace.root).iter().map(|path| inputs::name(&workspace.root, path)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let unmatched = applications.into_iter().filter(|pattern| !matches_any(pattern, &files));
        found.0.extend(unmatched.map(|pattern| finding(&workspace.root, pattern, "YAML or JSON file")));
    }
    let folders = root.find(&["charts", "folders"]).map(entries).unwrap_or_default();
    if !folders.is_empty() {
        let charts = workspace.chart_folders();
        let charts: Vec<String> = charts.iter().map(|folder| inputs::name(&workspace.root, folder)).collect();
        let charts: Vec<&str> = charts.iter().map(String::as_str).collect();
        let unmatched = folders.iter().filter(|pattern| !matches_any(pattern, &charts));
        found.0.extend(unmatched.map(|pattern| finding(&workspace.root, pattern, "folder with a Chart.yaml")));
    }
    found
}

/// The `exclude` of apps of apps that names no manifest of their directory.
fn directories(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let files = || subject.workspace.argocd.iter().map(|file| file.name.as_str());
    for application in subject.every_application().filter(|one| one.made_by.is_none()) {
        let key = "exclude";
        let node = application.root.find(&["spec", "source", "directory", key]);
        let Some((node, pattern)) = node.and_then(|node| Some((node, node.as_str()?))) else { continue };
        let Some(inside) = argocd_folder::files_inside(&application, files()) else { continue };
        // A pattern that excludes what may come, such as `**/*.txt`, names no file.
        let literal = !pattern.is_empty() && !pattern.contains(['*', '?', '[', '{']);
        if !literal || inside.contains(&pattern) {
            continue;
        }
        let message = format!("`{key}: {pattern}` matches no manifest of the directory");
        let label = "relative to the path of the source";
        let found = application.finding(Code::PatternUnmatched, message, node.place(), label);
        diagnostics.push(match nearest(pattern, inside.iter().copied()) {
            Some(near) => found.help(did_you_mean(near)),
            None => found.help("correct the pattern, or delete it"),
        });
    }
    diagnostics
}

/// The entries of a list, or the only one.
fn entries(node: &Node) -> Vec<&Node> {
    let items: Vec<&Node> = node.items().iter().collect();
    if items.is_empty() { vec![node] } else { items }
}

/// Whether a pattern matches one of these paths. Patterns that are not valid are reported where they are read.
fn matches_any(pattern: &Node, paths: &[&str]) -> bool {
    let Some(pattern) = pattern.as_str() else { return true };
    paths.iter().any(|path| glob::matches_path(pattern, path).unwrap_or(true))
}

fn finding(root: &Path, node: &Node, what: &str) -> Diagnostic {
    let pattern = node.as_str().unwrap_or_default();
    let found = Diagnostic::new(Code::PatternUnmatched, format!("pattern `{pattern}` matches nothing"));
    let found = found.at(node.place(), format!("there is no such {what}"));
    match corrected(root, pattern) {
        Some(near) => found.help(did_you_mean(near)),
        None => found.help("correct the pattern, or delete it"),
    }
}

/// The pattern with its first name that does not exist replaced by a similar one that does.
fn corrected(root: &Path, pattern: &str) -> Option<String> {
    let names: Vec<&str> = pattern.split('/').collect();
    let mut folder = root.to_path_buf();
    for (index, name) in names.iter().enumerate() {
        if name.contains(['*', '?', '[', '{', '\\']) {
            return None;
        }
        let next = folder.join(name);
        if !next.exists() {
            let entries =
                std::fs::read_dir(&folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let entries: Vec<String> = entries.collect();
            let near = nearest(name, entries.iter().map(String::as_str))?;
            return Some([&names[..index], &[near], &names[index + 1..]].concat().join("/"));
        }
        folder = next;
    }
    None
}
