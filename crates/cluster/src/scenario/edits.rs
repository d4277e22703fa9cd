//! The edits that steps commit: names of files and texts that are nearly those of the repository.
//!
//! What an earlier step of the scenario may have changed is unknown, and so are texts with a variable.

use std::collections::BTreeSet;
use std::path::Path;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, did_you_mean};
use document::Node;
use toolbox::regular_file;

/// Checks the edits of all steps of a scenario.
#[must_use]
pub(super) fn check(root: &Path, scenario: &Node) -> Diagnostics {
    let mut changed: BTreeSet<&str> = BTreeSet::new();
    let mut diagnostics = Diagnostics::default();
    for edit in scenario.items_at(&["steps"]).iter().flat_map(|step| step.items_at(&["commit"])) {
        let text = |key: &str| edit.get(key).and_then(Node::as_str);
        let Some((node, file)) = edit.get("file").zip(text("file")) else { continue };
        let known = !file.contains("${") && !changed.iter().any(|other| is_related(other, file));
        if known && (edit.get("replace").is_some() || edit.get("delete").is_some()) {
            diagnostics.0.extend(missing(root, node, file, &changed).or_else(|| not_there(root, edit, file)));
        }
        changed.insert(file);
    }
    diagnostics
}

/// Whether one path is the other, or a folder around it.
fn is_related(one: &str, other: &str) -> bool {
    one == other || other.starts_with(&format!("{one}/")) || one.starts_with(&format!("{other}/"))
}

/// Reports a file whose name is nearly that of one that exists, or that an earlier step adds.
fn missing(root: &Path, node: &Node, file: &str, changed: &BTreeSet<&str>) -> Option<Diagnostic> {
    if root.join(file).exists() {
        return None;
    }
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten();
    let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let added = changed.iter().filter_map(|other| other.strip_prefix(folder)?.strip_prefix('/'));
    let near = diagnostics::nearest(name, names.iter().map(String::as_str).chain(added))?;
    let found = Diagnostic::new(Code::ScenarioInvalid, format!("`{file}` does not exist in the repository"));
    Some(found.at(node.place(), "").help(did_you_mean(near)))
}

/// Reports a text that the file contains only with other letter case or blanks. What is not there at all may have changed
/// with the file.
fn not_there(root: &Path, edit: &Node, file: &str) -> Option<Diagnostic> {
    let node = edit.get("replace")?;
    let text = node.as_str().filter(|text| !text.trim().is_empty() && !text.contains("${"))?;
    let content = regular_file::read_to_string(root.join(file)).ok()?;
    if content.contains(text) || !plain(&content).contains(&plain(text)) {
        return None;
    }
    let message = format!("`{file}` does not contain the text to replace");
    let found = Diagnostic::new(Code::ScenarioInvalid, message).at(node.place(), "must occur exactly once");
    let found = found.fact(Fact::File(file.to_owned()));
    Some(found.help("copy the text from the file, with its letter case, blanks, and line breaks"))
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}
