//! Checks that the parts of an AppProject share.

use std::collections::BTreeMap;

use diagnostics::{Code, Diagnostic, Place};

/// A field that Argo CD rejects, or that never matches.
pub(crate) fn invalid(message: String, place: Place, label: &str) -> Diagnostic {
    Diagnostic::new(Code::ArgocdField, message).at(place, label)
}

/// Reports duplicate entries of a list.
pub(crate) fn repeated(entries: impl IntoIterator<Item = (String, Place)>, what: &str) -> Vec<Diagnostic> {
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    let mut found = Vec::new();
    for (entry, place) in entries {
        match seen.get(&entry) {
            Some(first) => found.push(
                invalid(format!("{what} `{entry}` is listed twice"), place, "second entry")
                    .at(first.clone(), "first entry")
                    .help("delete one of them; Argo CD rejects a project with duplicates"),
            ),
            None => {
                seen.insert(entry, place);
            }
        }
    }
    found
}
