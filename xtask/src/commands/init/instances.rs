//! Finds the Argo CD instances that seem to deploy from a repository.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::Code;
use document::Node;
use document::yaml::Document;
use workspace::Workspace;

use super::documents::is;
use crate::init;

/// The Argo CD instances that seem to deploy from the repository, with patterns of their files.
pub(super) fn instances(workspace: &Workspace, documents: &[Document]) -> BTreeMap<String, BTreeSet<String>> {
    let duplicates = duplicates(workspace);
    let mut instances = init::instances(duplicates.iter().map(|(one, two)| (one.as_str(), two.as_str())));
    let files: Vec<&str> = documents.iter().map(|one| one.root.source.name.as_str()).collect();
    init::add_directories(&mut instances, files.iter().copied());
    init::innermost(&mut instances, &files);
    let applications = documents.iter().map(|one| &one.root).filter(|root| is(root, "Application"));
    let deployed: Vec<_> = applications.flat_map(init::deployed).collect();
    let beside = init::join(&mut instances, &deployed, &duplicates);
    let values = |kind: &'static str, path: &'static [&'static str]| {
        let objects = documents.iter().map(|one| &one.root).filter(move |root| is(root, kind));
        objects.filter_map(move |root| Some((root.source.name.as_str(), root.find(path)?.as_str()?)))
    };
    let projects: Vec<_> = values("AppProject", &["metadata", "name"]).collect();
    let users = values("Application", &["spec", "project"]);
    let users: Vec<_> = users.chain(values("ApplicationSet", &["spec", "template", "spec", "project"])).collect();
    let mut found = BTreeMap::new();
    if init::are_separate(&instances, &projects, &users) {
        let patterns = |all: BTreeSet<String>| all.into_iter().map(|directory| format!("{directory}/**")).collect();
        found.extend(instances.into_iter().map(|(name, directories)| (name, patterns(directories))));
        for (name, files) in beside {
            found.entry(name).or_insert_with(BTreeSet::new).extend(files);
        }
    }
    // One that was copied and not renamed deploys something else.
    let source = |file: &str| {
        let mut roots = documents.iter().map(|one| &one.root).filter(|root| is(root, "Application"));
        let root = roots.find(|root| root.source.name == file)?;
        let text = |key: &str| root.find(&["spec", "source", key]).and_then(Node::as_str).unwrap_or_default();
        Some((text("path"), text("chart"))).filter(|source| *source != ("", ""))
    };
    let is_same = |(one, two): &&(String, String)| source(one).is_some() && source(one) == source(two);
    let alike: Vec<(&str, &str)> =
        duplicates.iter().filter(is_same).map(|(one, two)| (one.as_str(), two.as_str())).collect();
    for (name, patterns) in init::of_names(&alike) {
        found.entry(name).or_insert_with(BTreeSet::new).extend(patterns);
    }
    found
}

/// The files of each two Applications that have one name.
fn duplicates(workspace: &Workspace) -> Vec<(String, String)> {
    let found = workspace.unrendered.iter().flat_map(|one| &one.reasons.0);
    let found = found.filter(|one| one.code == Code::ApplicationDuplicate);
    let files = found.filter_map(|one| match one.places.as_slice() {
        [(second, _), (first, _)] => Some((first.source.name.clone(), second.source.name.clone())),
        _ => None,
    });
    files.filter(|(first, second)| first != second).collect()
}
