//! `[[cluster]]` entries in charts.toml that no ApplicationSet and no destination can need.

use diagnostics::{Code, Diagnostic, Diagnostics, did_you_mean, nearest};
use document::{Node, toml};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ClusterUnused];

/// Reports each entry, unless an ApplicationSet selects clusters: it may select them by their labels later.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let workspace = subject.workspace;
    if workspace.config.clusters.is_empty() || !subject.complete || selects_clusters(subject) {
        return Diagnostics::default();
    }
    let Ok(root) = toml::parse(&workspace.config.source) else { return Diagnostics::default() };
    let mut found = Diagnostics::default();
    let destinations = destinations(subject);
    let names: Vec<&str> = destinations.iter().filter(|(key, _)| *key == "name").map(|(_, name)| *name).collect();
    let has = |key: &str, is: &dyn Fn(&str) -> bool| destinations.iter().any(|(own, value)| *own == key && is(value));
    for entry in root.get("cluster").map(Node::items).unwrap_or_default() {
        let text = |key: &str| entry.get(key).and_then(Node::as_str).unwrap_or_default();
        let (name, server) = (text("name"), text("server"));
        let used = has("name", &|one| one == name) || has("server", &|one| same_server(one, server));
        if used {
            continue;
        }
        let place = entry.get("name").unwrap_or(entry).place();
        let message = format!("nothing is deployed to cluster `{name}`, and no ApplicationSet selects clusters");
        let entry = Diagnostic::new(Code::ClusterUnused, message).at(place, "this entry has no effect");
        found.push(match nearest(name, names.iter().copied()) {
            Some(near) => entry.help(did_you_mean(near)),
            None => entry.help("delete this entry, or correct its `name` and `server`"),
        });
    }
    found
}

/// The fields of all destinations: those of Applications, and those that projects permit.
fn destinations<'a>(subject: &Subject<'a>) -> Vec<(&'a str, &'a str)> {
    let applications = subject.every_application().filter_map(|one| one.root.find(&["spec", "destination"]));
    let documents = subject.workspace.argocd.iter().flat_map(|file| &file.documents);
    let permitted = documents.flat_map(|document| document.root.items_at(&["spec", "destinations"]));
    let all = applications.chain(permitted);
    all.flat_map(Node::entries).filter_map(|(key, value)| Some((key.name.as_str(), value.as_str()?))).collect()
}

fn same_server(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// Whether an ApplicationSet has a `clusters` generator, or one that reads clusters in another way.
fn selects_clusters(subject: &Subject<'_>) -> bool {
    let documents = subject.workspace.argocd.iter().flat_map(|file| &file.documents).map(|document| &document.root);
    let rendered = subject.objects.iter().map(|object| &object.root);
    let mut all = documents.chain(rendered);
    let is_set = |root: &Node| root.get("kind").and_then(Node::as_str) == Some("ApplicationSet");
    all.any(|root| {
        let text = &root.source.text;
        is_set(root) && (["clusters", "clusterDecisionResource", "plugin"].iter().any(|kind| text.contains(kind)))
    })
}
