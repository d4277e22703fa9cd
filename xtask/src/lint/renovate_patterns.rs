//! Patterns in renovate.json that begin like a regular expression and do not end like one: Renovate takes them for the names
//! of files, of which there are none.

use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Source};
use document::{Node, yaml};

/// The lists of patterns that are regular expressions between slashes, or globs.
const LISTS: &[&str] = &["managerFilePatterns", "matchDepNames", "matchFileNames", "matchPackageNames"];

/// Checks the patterns of a configuration, which must be valid JSON.
pub(super) fn check(source: &Arc<Source>) -> Diagnostics {
    let mut found = Diagnostics::default();
    if let Ok(document) = yaml::parse_one(source) {
        lists(&document.root, &mut found);
    }
    found
}

fn lists(node: &Node, found: &mut Diagnostics) {
    for (key, value) in node.entries() {
        if LISTS.contains(&key.name.as_str()) {
            found.0.extend(value.items().iter().filter_map(|item| open(&key.name, item)));
        }
        lists(value, found);
    }
    node.items().iter().for_each(|item| lists(item, found));
}

fn open(key: &str, node: &Node) -> Option<Diagnostic> {
    let text = node.as_str()?;
    let inner = text.strip_prefix("!/").or_else(|| text.strip_prefix('/'))?;
    // What only a regular expression contains.
    let expression = inner.starts_with('^') || inner.ends_with('$') || inner.contains('\\');
    if !expression || inner.ends_with('/') || inner.ends_with("/i") {
        return None;
    }
    let message = format!("a pattern in `{key}` is a regular expression without an end");
    let found =
        Diagnostic::new(Code::WorkflowInvalid, message).at(node.place(), "Renovate reads it as the name of a file");
    Some(found.help("end it with `/`"))
}
