//! The documents in the YAML files of a repository.

use std::path::{Path, PathBuf};

use document::yaml::Document;
use document::{Node, yaml};
use workspace::find;

/// The documents of files that can be read, with the names of the files.
pub(super) fn files(root: &Path, paths: &[PathBuf]) -> Vec<(String, Vec<Document>)> {
    let sources = paths.iter().filter_map(|path| toolbox::source::read(root, path).ok());
    sources.map(|source| (source.name.clone(), yaml::parse(&source).unwrap_or_default())).collect()
}

/// Whether a document is an object of Argo CD, or a List with one. Argo Workflows and others share its group.
pub(super) fn defines(root: &Node) -> bool {
    let ours = |node: &Node| ["Application", "ApplicationSet", "AppProject"].iter().any(|kind| is(node, kind));
    ours(root) || root.items_at(&["items"]).iter().any(ours)
}

pub(super) fn is(root: &Node, kind: &str) -> bool {
    let text = |key: &str| root.get(key).and_then(Node::as_str).unwrap_or_default();
    text("kind") == kind && text("apiVersion").starts_with(find::GROUP)
}

pub(super) fn yaml_files(root: &Path) -> impl Iterator<Item = String> {
    let is_yaml = |path: &String| [".yaml", ".yml"].iter().any(|end| path.ends_with(end));
    find::tracked(root).into_iter().filter(is_yaml)
}
