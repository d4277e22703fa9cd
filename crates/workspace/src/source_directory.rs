//! The directory of a source: its type, its override files, and what is wrong with its path.

use std::path::{Component, Path};

use argocd::application::{Application, Source};
use argocd::source_type::{self, SourceType};
use diagnostics::{Code, Diagnostic, Result, did_you_mean, nearest};
use document::{Node, Value, yaml};
use toolbox::inputs;
use toolbox::source::read;

use crate::charts::chart_folders;
use crate::config::Config;

/// The type of a source. What looks like a chart without its Chart.yaml is one, so that its absence is reported, unless the
/// source only has value files for others.
pub(crate) fn source_type(source: &Source, node: &Node, directory: &Path) -> Result<SourceType> {
    if let Some(explicit) = source_type::explicit(node)? {
        return Ok(explicit);
    }
    if !directory.is_dir() {
        return Ok(SourceType::Helm);
    }
    let found = source_type::discover(directory)?;
    let remains = ["templates", "values.yaml", "charts"].iter().any(|name| directory.join(name).exists());
    let broken = found == SourceType::Directory && remains && !has_manifests(directory) && !directory.is_symlink();
    let chart = broken && source.node.get("directory").is_none() && source.reference.is_none();
    Ok(if chart { SourceType::Helm } else { found })
}

/// Whether a directory contains other YAML files than those of a chart.
fn has_manifests(directory: &Path) -> bool {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .any(|name| argocd::directory::is_manifest(&name) && !name.starts_with("values") && name != "Chart.lock")
}

pub(crate) fn no_directory(source: &Source) -> Diagnostic {
    Diagnostic::new(Code::ChartMissing, format!("`{}` does not exist", source.path))
        .at(source.path_place.clone(), "")
        .help("correct the path, or create the directory")
}

/// Reports a directory that only the options of a source make a kustomization.
pub(crate) fn no_kustomization(source: &Source, node: &Node, directory: &Path) -> Diagnostic {
    let message = format!("`{}` contains no kustomization file", source.path);
    let found = Diagnostic::new(Code::KustomizeRefused, message)
        .at(node.key_place("kustomize"), "Argo CD builds the directory with kustomize because of this");
    if directory.join("Chart.yaml").exists() {
        found.help("delete `kustomize`: the directory contains a chart")
    } else {
        found.help("add a kustomization.yaml, or delete `kustomize`")
    }
}

pub(crate) fn no_chart(root: &Path, config: &Config, source: &Source, directory: &Path) -> Diagnostic {
    let path = &source.path;
    let charts: Vec<String> = chart_folders(root, config).iter().map(|folder| inputs::name(root, folder)).collect();
    let what = if directory.is_dir() { "contains no Chart.yaml" } else { "does not exist" };
    let diagnostic = Diagnostic::new(Code::ChartMissing, format!("`{path}` {what}")).at(source.path_place.clone(), "");
    let is_chart = ["templates", "values.yaml", "charts"].iter().any(|name| directory.join(name).exists());
    match nearest(path, charts.iter().map(String::as_str)) {
        _ if is_chart => diagnostic.help(format!("add or restore {path}/Chart.yaml")),
        Some(near) => diagnostic.help(did_you_mean(near)),
        None if directory.is_dir() && source.node.get("helm").is_some() => {
            diagnostic.note("`helm` makes it the source of a chart").help("delete `helm`, or correct the path")
        }
        None if directory.is_dir() => diagnostic.help("add a Chart.yaml, or correct the path"),
        None if source.node.get("helm").is_some() => diagnostic.help("create the chart, or correct the path"),
        // It may be meant for a kustomization, too.
        None => diagnostic.help("correct the path, or create the directory"),
    }
}

/// The override files in the directory of a source.
pub(crate) fn overrides(root: &Path, application: &Application, directory: &Path) -> Result<Vec<Node>> {
    let mut nodes = Vec::new();
    for name in application.override_files() {
        let path = directory.join(name);
        if path.is_file() {
            // Argo CD reads only the first document.
            let source = read(root, &path)?;
            let first = yaml::parse(&source)?.into_iter().next().map(|document| document.root);
            nodes.push(first.unwrap_or(Node { value: Value::Null, span: 0..0, source }));
        }
    }
    Ok(nodes)
}

/// Reports a path that Argo CD rejects: an absolute one, or one outside the repository.
pub(crate) fn outside(source: &Source) -> Option<Diagnostic> {
    let path = source.path.as_str();
    let finding = |message: String| {
        Diagnostic::new(Code::ApplicationInvalid, message).at(source.path_place.clone(), "rejected by Argo CD")
    };
    let inner = path.trim_start_matches('/');
    if inner.len() < path.len() {
        return Some(finding(format!("`{path}` is an absolute path")).help(format!("use `{inner}`")));
    }
    let mut depth = 0_usize;
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir if depth == 0 => {
                return Some(
                    finding(format!("`{path}` is outside the repository"))
                        .help("use a path relative to the root of the repository, such as `charts/web`"),
                );
            }
            Component::ParentDir => depth -= 1,
            Component::CurDir => {}
            _ => depth += 1,
        }
    }
    None
}
