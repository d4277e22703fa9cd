//! Paths of `git` generators that match nothing because a folder in them is misspelled. The ApplicationSet then generates no
//! Applications, and deletes those that it generated before.
//!
//! A folder that does not exist yet is allowed, so a path is only reported if another folder has nearly its name.

use std::path::Path;

use diagnostics::{Code, Diagnostic, Diagnostics, did_you_mean, nearest};
use document::{Node, Value};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ApplicationSetInvalid];

/// Checks the ApplicationSets in files.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for file in &subject.workspace.argocd {
        let sets = file.documents.iter().map(|document| &document.root);
        for set in sets.filter(|root| root.get("kind").and_then(Node::as_str) == Some("ApplicationSet")) {
            if let Some(generators) = set.find(&["spec", "generators"]) {
                walk(subject, generators, &mut diagnostics);
            }
        }
    }
    diagnostics
}

/// Checks the generators below a node: matrix and merge generators contain others.
fn walk(subject: &Subject<'_>, node: &Node, diagnostics: &mut Diagnostics) {
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| walk(subject, item, diagnostics)),
        Value::Mapping(entries) => {
            for (key, value) in entries {
                if key.name == "git" {
                    diagnostics.0.extend(git(subject, value));
                } else {
                    walk(subject, value, diagnostics);
                }
            }
        }
        _ => {}
    }
}

fn git(subject: &Subject<'_>, git: &Node) -> Vec<Diagnostic> {
    if git.get("repoURL").and_then(Node::as_str) != Some(&subject.workspace.config.repository) {
        return Vec::new();
    }
    let items = ["directories", "files"].into_iter().flat_map(|key| git.items_at(&[key]));
    let included = items.filter(|item| !matches!(item.get("exclude").map(|node| &node.value), Some(Value::Bool(true))));
    included.filter_map(|item| missing(&subject.workspace.root, item.get("path")?)).collect()
}

/// The first folder of a path, before any pattern, that does not exist, if another one has nearly its name.
fn missing(root: &Path, node: &Node) -> Option<Diagnostic> {
    let path = node.as_str()?;
    let mut folder = root.to_path_buf();
    for step in path.split('/') {
        if step.is_empty() || step == ".." || step.contains(['*', '?', '[', '{', '\\']) {
            return None;
        }
        let next = folder.join(step);
        if next.exists() {
            folder = next;
            continue;
        }
        let names: Vec<String> = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        let near = nearest(step, names.iter().map(String::as_str))?;
        let message = format!("no path matches `{path}`: `{step}` does not exist");
        return Some(
            Diagnostic::new(Code::ApplicationSetInvalid, message)
                .at(node.place(), "generates no Application")
                .help(did_you_mean(path.replacen(step, near, 1))),
        );
    }
    None
}
