//! `init`: writes charts.toml for a repository that has none, from what the repository contains.

use std::path::{Path, PathBuf};

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use document::Node;
use document::yaml;
use document::yaml::Document;
use helm::chart::Chart;
use toolbox::atomic_file;
use toolbox::git::Repository;
use toolbox::inputs;
use toolbox::progress::Progress;
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
    let repository = init::repository(&used, &remotes, |path| root.join(path.trim_start_matches('/')).exists());
    let Some(repository) = repository else {
        return Err(Diagnostic::new(Code::Usage, "cannot tell from which Git repository Argo CD deploys")
            .note("no Application has a source whose path exists here, and the repository has no remote")
            .help(format!("add a remote, or write {CONFIG_FILE} with `repository = \"URL\"`"))
            .into());
    };
    let mut survey = Survey { repository, inflates_charts: inflates_charts(&root), bootstraps: Vec::new() };
    survey.bootstraps = bootstraps(&root, &survey, &used);
    let text = init::configuration(&survey);
    atomic_file::write(&path, text.as_bytes())?;
    printer.status("Created", CONFIG_FILE);

    let (workspace, found) = Workspace::load(&root, cache)?;
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
fn bootstraps(root: &Path, survey: &Survey, used: &[(String, Vec<String>)]) -> Vec<(String, String)> {
    let Ok(config) = Config::parse(&Source::new(CONFIG_FILE, init::configuration(survey))) else { return Vec::new() };
    let deployed = |path: &str| used.iter().any(|(_, paths)| paths.iter().any(|one| one.trim_matches('/') == path));
    let renders = |folder: &PathBuf| {
        let files = find::files(&folder.join("templates"));
        files.iter().any(|file| {
            toolbox::regular_file::read_to_string(file)
                .is_ok_and(|text| text.contains("argoproj.io/") && text.contains("kind: Application"))
        })
    };
    workspace::charts::chart_folders(root, &config)
        .into_iter()
        .filter(renders)
        .filter(|folder| !deployed(&inputs::name(root, folder)))
        .filter_map(|folder| Some((Chart::load(root, &folder).ok()?.name, inputs::name(root, &folder))))
        .collect()
}
