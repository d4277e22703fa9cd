//! What every part of an AppProject reports alike.

use std::collections::BTreeMap;

use diagnostics::{Code, Diagnostic, Place};

/// Something that Argo CD would refuse, or never match.
pub(crate) fn invalid(message: String, place: Place, label: &str) -> Diagnostic {
    Diagnostic::new(Code::ArgocdField, message).at(place, label)
}

/// What a list holds twice.
pub(crate) fn repeated(entries: impl IntoIterator<Item = (String, Place)>, what: &str) -> Vec<Diagnostic> {
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    let mut found = Vec::new();
    for (entry, place) in entries {
        match seen.get(&entry) {
            Some(first) => found.push(
                invalid(format!("the {what} `{entry}` stands twice"), place, "the second one")
                    .at(first.clone(), "the first one")
                    .help("delete one; Argo CD refuses a project that says it twice"),
            ),
            None => {
                seen.insert(entry, place);
            }
        }
    }
    found
}
