//! Finds what a repository shows of the settings of its Argo CD: build options of kustomize, and plugins.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use document::Node;
use document::yaml::Document;
use kustomize::kustomization::NAMES;
use workspace::{Workspace, find};

use super::documents::{is, yaml_files};
use crate::init;

/// Whether a file configures KSOPS.
pub(super) fn uses_ksops(root: &Path) -> bool {
    let configures = |text: String| text.lines().any(|line| line.starts_with("apiVersion: viaduct.ai/"));
    let mut texts = yaml_files(root).filter_map(|path| toolbox::regular_file::read_to_string(root.join(path)).ok());
    texts.any(configures)
}

/// Whether a kustomization has `helmCharts`.
pub(super) fn inflates_charts(root: &Path) -> bool {
    let kustomization = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        NAMES.contains(&name)
    };
    let inflates = |path: String| {
        toolbox::regular_file::read_to_string(root.join(path))
            .is_ok_and(|text| text.lines().any(|line| line.starts_with("helmCharts:")))
    };
    find::tracked(root).into_iter().filter(kustomization).any(inflates)
}

/// `kustomize.buildOptions` of Argo CD, if most files that set it agree.
pub(super) fn build_options(root: &Path) -> Option<String> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for path in yaml_files(root) {
        let text = toolbox::regular_file::read_to_string(root.join(path)).unwrap_or_default();
        if let Some(options) = init::build_options(&text) {
            *found.entry(options).or_default() += 1;
        }
    }
    found.into_iter().max_by_key(|(_, count)| *count).map(|(options, _)| options)
}

/// The plugins that sources need, with the commands that the repository gives them.
pub(super) fn plugins(workspace: &Workspace, documents: &[Document]) -> Vec<init::Plugin> {
    let mut needed = BTreeSet::new();
    let generated = workspace.generated.iter().map(|one| &one.root);
    let files = documents.iter().map(|one| &one.root).filter(|root| is(root, "Application"));
    for root in generated.chain(files) {
        let sources = root.items_at(&["spec", "sources"]).iter().chain(root.find(&["spec", "source"]));
        for plugin in sources.filter_map(|source| source.get("plugin")) {
            needed.insert(plugin.get("name").and_then(Node::as_str).unwrap_or_default().to_owned());
        }
    }
    let root = &workspace.root;
    let mut known: Vec<init::Plugin> = Vec::new();
    for path in yaml_files(root) {
        let text = toolbox::regular_file::read_to_string(root.join(&path)).unwrap_or_default();
        known.extend(init::plugins(&path, &text));
    }
    // Archived Applications and examples give way to those that are used.
    let used: BTreeSet<String> =
        known.iter().filter(|one| !init::is_aside(&one.file)).map(|one| one.name.clone()).collect();
    known.retain(|one| !init::is_aside(&one.file) || !used.contains(&one.name));
    let mut plugins = Vec::new();
    for name in needed {
        // Without a name, Argo CD takes the first one that discovers the source.
        let fits = |one: &&init::Plugin| {
            if name.is_empty() {
                !one.discover.is_empty()
            } else {
                name == one.name || name.starts_with(&format!("{}-v", one.name))
            }
        };
        let before = plugins.len();
        plugins.extend(known.iter().filter(fits).cloned());
        if plugins.len() == before && !name.is_empty() {
            plugins.push(init::Plugin {
                name,
                command: Vec::new(),
                discover: String::new(),
                explicit: false,
                file: String::new(),
            });
        }
    }
    // A source without any stanza is rendered by a plugin that discovers it.
    plugins.extend(known.iter().filter(|one| !one.discover.is_empty() && !one.explicit).cloned());
    plugins.sort();
    plugins.dedup_by(|one, other| one.name == other.name && one.command == other.command);
    plugins
}
