//! Directories of the app of apps: whether they exist, and whether they contain every Application and project.
//!
//! A manifest that the app of apps does not include, because it does not recurse or because of its `include` and `exclude`
//! patterns, is never deployed. Workspaces without an app of apps, and other kinds, are not checked.

use std::collections::BTreeMap;

use argocd::pattern::Glob;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Node, Value};
use workspace::written::Written;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ManifestUndeployed];

/// Reports missing directories, and manifests that no Application deploys.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let workspace = subject.workspace;
    let own = |root: &Written<'_>| {
        let url = root.text(&["spec", "source", "repoURL"]);
        url.is_none_or(|url| argocd::repository_url::same(url, &workspace.config.repository))
    };
    // A kustomization that is not rendered is not a directory of manifests, either.
    let is_plain = |root: &Written<'_>| {
        let path = root.text(&["spec", "source", "path"]).unwrap_or_default();
        let folder = workspace.root.join(path.trim_start_matches('/'));
        !["kustomization.yaml", "kustomization.yml", "Kustomization"].iter().any(|name| folder.join(name).is_file())
    };
    let roots: Vec<Written<'_>> =
        subject.every_application().filter(deploys_a_folder).filter(own).filter(is_plain).collect();
    for root in &roots {
        let path = ["spec", "source", "path"];
        let folder = root.text(&path).unwrap_or_default();
        let named = root.text(&["spec", "source", "repoURL"]).is_some();
        if named && (folder.is_empty() || !workspace.root.join(folder.trim_start_matches('/')).is_dir()) {
            let message = if folder.is_empty() {
                "`spec.source.path` is not set".to_owned()
            } else {
                format!("directory `{folder}` does not exist")
            };
            let label = "";
            diagnostics.push(root.finding(Code::ManifestUndeployed, message, root.place(&path), label).help(
                "set `spec.source.path` to the directory of the manifests, relative to the root of the repository",
            ));
        }
    }
    // A missing directory contains no manifests.
    if roots.is_empty() || !diagnostics.is_empty() {
        return diagnostics;
    }
    // The manifests that a field leaves out, by the field of the only app of apps.
    let mut left_out: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
    // Elsewhere, somebody may apply it by hand.
    let may_be_meant =
        |file: &str| workspace.config.conventions || roots.iter().any(|root| inside(root, file).is_some());
    for file in workspace.argocd.iter().filter(|file| may_be_meant(&file.name)) {
        // The app of apps and its project are applied manually.
        let by_hand = |document: &Node| {
            let name = document.find(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default();
            let kind = document.get("kind").and_then(Node::as_str);
            roots.iter().any(|root| root.file == file.name || kind == Some("AppProject") && root.project() == name)
        };
        if roots.iter().any(|root| deploys(root, &file.name)) {
            continue;
        }
        for document in file.documents.iter().map(|document| &document.root).filter(|document| !by_hand(document)) {
            let kind = document.get("kind").filter(|kind| matches!(kind.as_str(), Some("Application" | "AppProject")));
            let Some(kind) = kind else { continue };
            match roots.as_slice() {
                [root] if let Some(field) = excluding(root, &file.name) => {
                    left_out.entry(field).or_default().push(kind.place());
                }
                _ => {
                    let names: Vec<String> = roots.iter().map(|root| format!("`{}`", root.name)).collect();
                    let label = format!("not deployed by {}", names.join(" or "));
                    diagnostics.push(
                        Diagnostic::new(Code::ManifestUndeployed, "no Application deploys this manifest")
                            .at(kind.place(), label)
                            .help("move it, or correct `recurse`, `include`, or `exclude` in `spec.source.directory`"),
                    );
                }
            }
        }
    }
    for (field, manifests) in left_out {
        diagnostics.0.extend(roots.first().map(|root| excluded(root, field, &manifests)));
    }
    diagnostics
}

/// Reports the manifests that a field of the app of apps leaves out.
fn excluded(root: &Written<'_>, field: &str, manifests: &[Place]) -> Diagnostic {
    const SHOWN: usize = 3;
    let (message, label, help) = match field {
        "recurse" => ("subdirectories are not deployed", "`recurse` is not set", "set `recurse: true`".to_owned()),
        _ => (
            "manifests are not deployed",
            if field == "include" { "does not match them" } else { "matches them" },
            format!("correct `{field}`, or move the manifests"),
        ),
    };
    let directory = ["spec", "source", "directory"];
    let node = root.root.find(&directory).and_then(|directory| directory.get(field));
    let place = node.map_or_else(|| root.place(&directory), Node::place);
    let found = root.finding(Code::ManifestUndeployed, message, place, label).help(help);
    let found = manifests.iter().take(SHOWN).fold(found, |found, place| found.at(place.clone(), "not deployed"));
    if manifests.len() > SHOWN { found.note(format!("and {} more", manifests.len() - SHOWN)) } else { found }
}

/// The field of an app of apps that leaves out a manifest below its directory.
fn excluding(root: &Written<'_>, file: &str) -> Option<&'static str> {
    let inside = inside(root, file)?;
    let directory = root.root.find(&["spec", "source", "directory"])?;
    if matches(directory, "exclude", inside) == Some(true) {
        Some("exclude")
    } else if !recurses(directory) && inside.contains('/') {
        Some("recurse")
    } else {
        (matches(directory, "include", inside) == Some(false)).then_some("include")
    }
}

/// Whether an Application's source is a directory of manifests.
fn deploys_a_folder(application: &Written<'_>) -> bool {
    let source = application.root.find(&["spec", "source"]);
    let other = ["helm", "chart", "kustomize", "plugin", "ref"];
    application.deployment.is_none()
        && source.is_some_and(|source| {
            let path = source.get("path").and_then(Node::as_str).unwrap_or_default();
            let manifests = path.trim_start_matches("./").split('/').next() == Some("argocd");
            (source.get("directory").is_some() || manifests) && other.iter().all(|key| source.get(key).is_none())
        })
}

/// Whether an Application deploys a manifest in the directory of its source.
#[must_use]
pub fn deploys(application: &Written<'_>, file: &str) -> bool {
    let Some(inside) = inside(application, file).filter(|_| deploys_a_folder(application)) else { return false };
    let directory = application.root.find(&["spec", "source", "directory"]);
    let recurses = directory.is_some_and(recurses);
    let matches = |key: &str| directory.and_then(|directory| matches(directory, key, inside));
    (recurses || !inside.contains('/')) && matches("include") != Some(false) && matches("exclude") != Some(true)
}

/// The paths of files in the directory of an Application, if that is a directory of manifests for Argo CD.
#[must_use]
pub(crate) fn files_inside<'f>(
    application: &Written<'_>,
    files: impl Iterator<Item = &'f str>,
) -> Option<Vec<&'f str>> {
    let inside: Vec<&str> = files.filter_map(|file| inside(application, file)).collect();
    (deploys_a_folder(application) && !inside.is_empty()).then_some(inside)
}

/// The path of a file in the directory of an Application.
fn inside<'f>(application: &Written<'_>, file: &'f str) -> Option<&'f str> {
    let path = application.root.find(&["spec", "source", "path"]).and_then(Node::as_str)?;
    let path = path.trim_start_matches("./").trim_matches('/');
    file.strip_prefix(path)?.strip_prefix('/')
}

fn recurses(directory: &Node) -> bool {
    directory.get("recurse").is_some_and(|node| matches!(node.value, Value::Bool(true)))
}

/// Whether `include` or `exclude` matches a file.
fn matches(directory: &Node, key: &str, inside: &str) -> Option<bool> {
    let pattern = directory.get(key).and_then(Node::as_str).filter(|pattern| !pattern.is_empty())?;
    Some(Glob::parse(pattern).is_some_and(|glob| glob.matches(inside, None)))
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn deploys_the_files_that_argo_cd_reads() {
        let deployed = |source: &str, file: &str| {
            let text = format!("spec: {{source: {source}}}");
            let root = yaml::parse_one(&Source::new("argocd/root.yaml", text)).expect("YAML").root;
            let application = Written {
                name: "root",
                argocd: "",
                file: "argocd/root.yaml",
                root: &root,
                deployment: None,
                selected: false,
                made_by: None,
            };
            deploys(&application, file)
        };
        let all = "{path: argocd, directory: {recurse: true, exclude: root.yaml}}";
        assert!(deployed(all, "argocd/projects/root.yaml"));
        assert!(!deployed(all, "argocd/root.yaml"));
        assert!(!deployed("{path: argocd}", "argocd/projects/web.yaml"), "without `recurse`, not in subdirectories");
        assert!(deployed("{path: ./argocd/projects/}", "argocd/projects/web.yaml"));
        assert!(!deployed("{path: argo}", "argocd/projects/web.yaml"));
        assert!(!deployed("{path: argocd, directory: {recurse: true, include: '*/apps/*'}}", "argocd/projects/a.yaml"));
        assert!(deployed(
            "{path: argocd, directory: {recurse: true, include: 'projects/{a,b}.yaml'}}",
            "argocd/projects/a.yaml"
        ));
    }
}
