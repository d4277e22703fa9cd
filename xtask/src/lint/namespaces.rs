//! The Pod Security levels of all namespaces, with the Namespaces that any target renders, selected or not.

use std::collections::HashSet;

use workspace::namespaces::Namespaces;

use super::subject::Subject;

/// Reads the labels of all namespaces.
pub(super) fn read(subject: &Subject<'_>) -> Namespaces {
    let mut seen = HashSet::new();
    let mut rendered = Vec::new();
    for target in subject.targets {
        let Some(view) = subject.clusters.view(&target.id.to_string()) else { continue };
        let namespaces = view.of_kind("", "Namespace", "").map(|entry| entry.object);
        // Those without a target are manifests under argocd/, which the workspace has.
        let namespaces = namespaces.filter(|object| !object.target.is_empty());
        rendered.extend(namespaces.filter(|object| seen.insert(std::ptr::from_ref(*object))));
    }
    Namespaces::new(subject.workspace, rendered)
}
