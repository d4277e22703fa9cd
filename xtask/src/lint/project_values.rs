//! Projects in values for a chart that renders them, such as argocd-apps: Argo CD is often installed by hand with such values.

use std::collections::BTreeSet;
use std::path::Path;

use document::{Node, Value, yaml};
use workspace::find;

/// The key of the values with the projects.
const PROJECTS: &str = "projects";

/// The names of the projects in all YAML files of a repository.
pub(super) fn projects(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let is_yaml = |path: &String| [".yaml", ".yml"].iter().any(|end| path.ends_with(end));
    for path in find::tracked(root).into_iter().filter(is_yaml) {
        let Ok(source) = toolbox::source::read(root, &root.join(&path)) else { continue };
        if !source.text.contains("projects:") || !source.text.contains("sourceRepos") {
            continue;
        }
        for document in yaml::parse(&source).unwrap_or_default() {
            // Those of a dependency are below its name.
            let below = document.root.entries().iter().map(|(_, value)| value);
            for values in std::iter::once(&document.root).chain(below) {
                found.extend(values.get(PROJECTS).into_iter().flat_map(names));
            }
        }
    }
    found
}

fn names(projects: &Node) -> Vec<String> {
    let is_project = |node: &Node| node.get("sourceRepos").is_some();
    if let Value::Sequence(items) = &projects.value {
        let own = items.iter().filter(|item| is_project(item));
        return own.filter_map(|item| item.get("name").and_then(Node::as_str).map(str::to_owned)).collect();
    }
    let entries = projects.entries().iter().filter(|(_, value)| is_project(value));
    entries.map(|(key, _)| key.name.clone()).collect()
}
