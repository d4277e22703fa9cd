//! Applications in files that the Application around them never applies, such as those that are Helm tests.

use std::collections::HashSet;

use argocd::application::{in_instance, instance_name};
use argocd::sync_order;
use document::Node;

use crate::deployment::Rendered;
use crate::find;
use crate::load::Workspace;

impl Workspace {
    /// Drops the Applications in directories of manifests whose annotations keep a sync from applying them. Applied by hand,
    /// they exist.
    pub(crate) fn drop_unapplied(&mut self) {
        let sources = self.deployments.iter().flat_map(|one| &one.sources);
        let directories = sources.filter_map(|source| match source {
            Rendered::Directory(source) => Some(&source.contents.files),
            _ => None,
        });
        let files: HashSet<&str> = directories.flatten().map(|file| file.name.as_str()).collect();
        let mut unapplied = HashSet::new();
        for file in self.argocd.iter().filter(|file| files.contains(file.name.as_str())) {
            for root in file.documents.iter().map(|document| &document.root) {
                let text = |path: &[&str]| root.find(path).and_then(Node::as_str).unwrap_or_default();
                let ours = text(&["kind"]) == "Application" && text(&["apiVersion"]).starts_with(find::GROUP);
                if ours && sync_order::order(root).is_none() {
                    let id = instance_name(text(&["metadata", "name"]), text(&["metadata", "namespace"]));
                    unapplied.insert(in_instance(id, &file.instance));
                }
            }
        }
        self.deployments.retain(|one| !unapplied.contains(&one.application.instance));
        self.unrendered.retain(|one| !unapplied.contains(&one.instance));
    }
}
