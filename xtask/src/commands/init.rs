//! `init`: writes charts.toml for a repository that has none, from what the repository contains.

use std::path::{Path, PathBuf};

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use document::Node;
use document::yaml;
use document::yaml::Document;
use toolbox::atomic_file;
use toolbox::git::Repository;
use toolbox::progress::Progress;
use workspace::bootstrap_charts::{BootstrapChart, bootstrap_charts};
use workspace::config::Config;
use workspace::{CONFIG_FILE, Workspace, find};

use super::Outcome;
use crate::init::{self, Survey};
use crate::report;
use crate::report::Printer;
use crate::report::json::{self, Output};

/// Runs the command. Without `root`, the repository is the one around the current directory.
pub fn run(root: Option<PathBuf>, cache: &Path, printer: &Printer) -> Result<Outcome> {
    let given = root.is_some();
    let start = std::path::absolute(root.unwrap_or_else(|| PathBuf::from("."))).unwrap_or_default();
    let start = argocd::value_files::clean(&start);
    let around = start.ancestors().find(|folder| folder.join(".git").exists()).filter(|_| !given);
    let root = around.map_or_else(|| start.clone(), Path::to_path_buf);
    if !root.is_dir() {
        return Err(Diagnostic::new(Code::Usage, format!("`{}` is not a directory", root.display())).into());
    }
    let path = root.join(CONFIG_FILE);
    if path.exists() {
        return Err(Diagnostic::new(Code::Usage, format!("`{}` exists already", path.display()))
            .help("run `cargo xtask render`, or delete the file to write a new one")
            .into());
    }
    let documents: Vec<Document> = find::candidates(&root, |_| true)
        .iter()
        .filter_map(|path| toolbox::source::read(&root, path).ok())
        .flat_map(|source| yaml::parse(&source).unwrap_or_default())
        .collect();
    let remotes = Repository::around(&root).map(|git| git.remotes()).transpose()?.unwrap_or_default();
    let used = init::repositories(documents.iter().map(|document| &document.root));
    let mut survey =
        Survey { repository: "-".to_owned(), inflates_charts: inflates_charts(&root), ..Survey::default() };
    let charts = bootstraps(&root, &survey, &used);
    survey.bootstraps = charts.iter().map(|chart| (chart.name.clone(), chart.path.clone())).collect();
    // Applications in the values of a chart are in no manifest.
    let values: Vec<Document> = charts
        .iter()
        .filter_map(|chart| toolbox::source::read(&root, &chart.directory.join("values.yaml")).ok())
        .flat_map(|source| yaml::parse(&source).unwrap_or_default())
        .collect();
    let used = init::repositories(documents.iter().chain(&values).map(|document| &document.root));
    let repository = init::repository(&used, &remotes, |path| root.join(path.trim_start_matches('/')).exists());
    let Some(repository) = repository else {
        let found = Diagnostic::new(Code::Usage, "cannot tell from which Git repository Argo CD deploys");
        let (note, help) = match remotes.first() {
            None => ("the repository has no remote".to_owned(), "add a remote"),
            Some(remote) => {
                (format!("the remote `{remote}` is not a URL that Argo CD can read"), "add a remote with a URL")
            }
        };
        return Err(found
            .note(format!("no Application has a source whose path exists here, and {note}"))
            .help(format!("{help}, or write {CONFIG_FILE} with `repository = \"URL\"`"))
            .into());
    };
    survey.repository = repository;
    atomic_file::write(&path, init::configuration(&survey).as_bytes())?;
    let (mut workspace, mut found) = Workspace::load(&root, cache)?;
    let duplicates = duplicates(&workspace);
    survey.instances = init::instances(duplicates.iter().map(|(one, two)| (one.as_str(), two.as_str())));
    if !survey.instances.is_empty() {
        atomic_file::write(&path, init::configuration(&survey).as_bytes())?;
        (workspace, found) = Workspace::load(&root, cache)?;
    }
    printer.status("Created", CONFIG_FILE);
    let count = |kind: &str| documents.iter().filter(|one| is(&one.root, kind)).count();
    printer.result(&format!(
        "{}, {}, {} in files\n",
        plural(count("Application"), "Application"),
        plural(count("ApplicationSet"), "ApplicationSet"),
        plural(count("AppProject"), "AppProject"),
    ));
    let called = report::called();
    printer.result(&format!(
        "next: correct the versions in {CONFIG_FILE}, list the Applications with `{called} argocd list`, and render them \
         with `{called} render`\n"
    ));
    let rendered = workspace.deployments.len();
    let unrendered = workspace.unrendered.len();
    printer.finished(&format!("{}, {unrendered} not rendered", plural(rendered, "Application")));
    let output = json::Init {
        repository: survey.repository,
        applications: rendered,
        unrendered,
        bootstraps: survey.bootstraps.into_iter().map(|(_, path)| path).collect(),
    };
    let mut diagnostics = Diagnostics::default();
    diagnostics.extend(found);
    diagnostics.sort();
    Ok(Outcome { diagnostics, output: Output::Init(output) })
}

fn is(root: &Node, kind: &str) -> bool {
    let text = |key: &str| root.get(key).and_then(Node::as_str).unwrap_or_default();
    text("kind") == kind && text("apiVersion").starts_with(find::GROUP)
}

/// Whether a kustomization has `helmCharts`.
fn inflates_charts(root: &Path) -> bool {
    let kustomization = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
    };
    let inflates = |path: String| {
        toolbox::regular_file::read_to_string(root.join(path))
            .is_ok_and(|text| text.lines().any(|line| line.starts_with("helmCharts:")))
    };
    find::tracked(root).into_iter().filter(kustomization).any(inflates)
}

/// Charts that render Applications, and that no Application deploys.
fn bootstraps(root: &Path, survey: &Survey, used: &[(String, Vec<String>)]) -> Vec<BootstrapChart> {
    let Ok(config) = Config::parse(&Source::new(CONFIG_FILE, init::configuration(survey))) else { return Vec::new() };
    let deployed = |path: &str| used.iter().any(|(_, paths)| paths.iter().any(|one| one.trim_matches('/') == path));
    bootstrap_charts(root, &config).into_iter().filter(|chart| !deployed(&chart.path)).collect()
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
