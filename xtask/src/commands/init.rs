//! `init`: writes charts.toml for a repository that has none, from what the repository contains.

mod base_paths;
mod by_hand;
mod documents;
mod instances;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use argocd::glob;
use diagnostics::wording::{self, plural};
use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use document::yaml;
use document::yaml::Document;
use document::{Node, Value};
use helm::chart::Chart;
use kustomize::kustomization::NAMES;
use toolbox::atomic_file;
use toolbox::git::Repository;
use toolbox::progress::Progress;
use workspace::bootstrap_charts::{BootstrapChart, bootstrap_charts};
use workspace::config::Config;
use workspace::written::{self, Written};
use workspace::{CONFIG_FILE, Workspace, find, globs};

use self::documents::{defines, files, is, yaml_files};
use self::instances::instances;
use self::settings::{build_options, inflates_charts, plugins, uses_ksops};
use super::Outcome;
use crate::init::{self, Cluster, Read, Survey};
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
    let files = files(&root, &find::candidates(&root, |_| true));
    let excluded = excluded(&root, &files);
    // Where everything is an example, the examples are what Argo CD deploys.
    let (aside, templates): (Vec<_>, Vec<_>) = excluded.into_iter().partition(|pattern| pattern.ends_with("/**"));
    let is_left = |name: &str| !globs::matches(&aside, name) && !globs::matches(&templates, name);
    let anything = files.iter().any(|(name, documents)| !documents.is_empty() && is_left(name));
    let mut excluded = if anything { [aside, templates].concat() } else { templates };
    excluded.sort();
    let kept: Vec<_> = files.into_iter().filter(|(name, _)| !globs::matches(&excluded, name)).collect();
    let unlisted = unlisted(&root, &kept);
    let kept = kept.into_iter();
    let documents: Vec<Document> = kept.flat_map(|(_, documents)| documents).collect();
    let remotes = Repository::around(&root).map(|git| git.remotes()).transpose()?.unwrap_or_default();
    let has_jsonnet = find::tracked(&root).iter().any(|path| path.ends_with(".jsonnet"));
    let mut survey = Survey {
        repository: "-".to_owned(),
        inflates_charts: inflates_charts(&root),
        uses_ksops: uses_ksops(&root),
        build_options: build_options(&root),
        has_jsonnet,
        excluded,
        ..Survey::default()
    };
    // An Application that only the values of a chart mention cannot be found.
    let ours = documents.iter().map(|one| &one.root).filter(|root| defines(root));
    let charts = bootstraps(&root, &survey, &init::repositories(ours));
    survey.jsonnet = jsonnet(&root, &documents);
    survey.bootstraps = charts.iter().flat_map(by_hand::of_chart).collect();
    survey.namespace = by_hand::namespace(documents.iter().map(|one| &one.root).filter(|root| defines(root)));
    // Applications in the values of a chart are in no manifest.
    let apps = by_hand::apps_values(&root, &survey.excluded);
    let values: Vec<Document> = charts
        .iter()
        .filter_map(|chart| toolbox::source::read(&root, &chart.directory.join("values.yaml")).ok())
        .flat_map(|source| yaml::parse(&source).unwrap_or_default())
        .collect();
    let values = [values, apps.clone()].concat();
    let used = init::repositories(documents.iter().chain(&values).map(|document| &document.root));
    let sources: Vec<(String, String)> = documents.iter().chain(&values).flat_map(sources).collect();
    survey.bootstraps.extend(by_hand::kustomizations(&root, &sources, &survey.excluded));
    survey.bootstraps.extend(by_hand::of_values(&apps, &documents));
    // Only now, as a kustomization that changes Applications is found by what it lists.
    survey.unlisted = unlisted;
    declare_instances(&mut survey);
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
    survey.branch = branch(&root, &documents, &repository);
    survey.repository = repository;
    atomic_file::write(&path, init::configuration(&survey).as_bytes())?;
    let (mut workspace, mut found) = Workspace::load(&root, cache)?;
    survey.instances = instances(&workspace, &documents);
    declare_instances(&mut survey);
    survey.clusters = clusters(&workspace, &documents, &survey);
    let sets = documents.iter().map(|one| &one.root).filter(|root| is(root, "ApplicationSet"));
    survey.samples = init::samples(&sets.collect::<Vec<_>>());
    survey.plugins = plugins(&workspace, &documents);
    let found_more = !survey.clusters.is_empty() || !survey.samples.is_empty() || !survey.plugins.is_empty();
    if !survey.instances.is_empty() || found_more {
        atomic_file::write(&path, init::configuration(&survey).as_bytes())?;
        (workspace, found) = Workspace::load(&root, cache)?;
    }
    let before = survey.bootstraps.len();
    retain_bootstraps(&mut survey, &workspace);
    if survey.bootstraps.len() < before {
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
    printer.result(&next_steps(&workspace, &survey, &documents));
    let rendered = workspace.deployments.len();
    let unrendered = workspace.unrendered.len();
    printer.finished(&format!("{}, {unrendered} not rendered", plural(rendered, "Application")));
    let output = json::Init {
        repository: survey.repository,
        applications: rendered,
        unrendered,
        bootstraps: survey.bootstraps.into_iter().map(|one| one.path).collect(),
    };
    let mut diagnostics = Diagnostics::default();
    diagnostics.extend(found);
    diagnostics.sort();
    Ok(Outcome { diagnostics, output: Output::Init(output) })
}

/// The next steps after the file was written.
fn next_steps(workspace: &Workspace, survey: &Survey, documents: &[Document]) -> String {
    let called = report::called();
    if workspace.deployments.is_empty() && workspace.unrendered.is_empty() && survey.jsonnet.is_empty() {
        return format!(
            "no Application was found: none is in a YAML or JSON file, and no chart or kustomization mentions one\n\
             next: declare what renders the first Applications with `[[bootstrap]]` in {CONFIG_FILE}\n"
        );
    }
    let assumed = [
        (true, "versions"),
        (!survey.clusters.is_empty(), "clusters"),
        (!survey.samples.is_empty(), "samples"),
        (!survey.plugins.is_empty(), "commands of plugins"),
    ];
    let assumed: Vec<&str> = assumed.into_iter().filter_map(|(applies, what)| applies.then_some(what)).collect();
    let mut text = format!("next: correct the {} in {CONFIG_FILE}\n", wording::all(&assumed));
    let depends =
        |folder: PathBuf| Chart::load(&workspace.root, &folder).is_ok_and(|chart| !chart.dependencies.is_empty());
    let (repositories, files) = (&workspace.remotes.repositories, &workspace.remotes.files);
    let remote = !workspace.wanted.is_empty() || !repositories.is_empty() || !files.is_empty();
    if remote || workspace.chart_folders().into_iter().any(depends) {
        let _ = writeln!(text, "next: download and pin charts, repositories, and files with `{called} deps --update`");
    }
    for file in documents.iter().filter(|one| deploys_goldens(&one.root)).map(|one| &one.root.source.name) {
        let _ = writeln!(text, "next: exclude `{GOLDENS}`, which contains the recorded manifests, in {file}");
    }
    let _ = writeln!(
        text,
        "next: list the Applications with `{called} argocd list`, and render them with `{called} render --accept`"
    );
    text
}

/// The directory around the goldens.
const GOLDENS: &str = "tests";

/// Whether a `git` generator of an ApplicationSet makes an Application of the directory with the goldens.
fn deploys_goldens(node: &Node) -> bool {
    let directories = node.items_at(&["git", "directories"]);
    let matches = |entry: &Node| {
        let pattern = entry.get("path").and_then(Node::as_str).unwrap_or_default();
        glob::matches_path(pattern, GOLDENS).unwrap_or_default()
    };
    let is_excluding = |entry: &&Node| matches!(entry.get("exclude").map(|node| &node.value), Some(Value::Bool(true)));
    let excluded = directories.iter().filter(is_excluding).any(matches);
    let own = !excluded && directories.iter().any(matches);
    let mut inner = node.entries().iter().map(|(_, value)| value).chain(node.items());
    own || inner.any(deploys_goldens)
}

/// The branch that most Applications track, if the clone does not contain it, as one of a single branch.
fn branch(root: &Path, documents: &[Document], repository: &str) -> Option<String> {
    let name = init::usual_revision(documents.iter().map(|one| &one.root), repository)?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let is_commit = name.len() >= 7 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_version = name.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
    if !is_name || is_commit || is_version || ["HEAD", "main", "master"].contains(&name.as_str()) {
        return None;
    }
    let git = Repository::around(root)?;
    let remotes = git.named_remotes().ok()?.into_iter().map(|(remote, _)| format!("refs/remotes/{remote}/{name}"));
    let mut names = remotes.chain([name.clone()]);
    let is_unknown = names.all(|one| matches!(git.commit(&one), Ok(None)));
    is_unknown.then_some(name)
}

/// The paths of sources in a document, each with its file.
fn sources(document: &Document) -> Vec<(String, String)> {
    let paths = init::repositories(std::iter::once(&document.root)).into_iter().flat_map(|(_, paths)| paths);
    paths.map(|path| (document.root.source.name.clone(), path)).collect()
}

/// Patterns of the files that define Applications for nobody.
fn excluded(root: &Path, files: &[(String, Vec<Document>)]) -> Vec<String> {
    let roots = |documents: &'_ [Document]| -> Vec<Node> { documents.iter().map(|one| one.root.clone()).collect() };
    let files: Vec<(&str, Vec<Node>)> =
        files.iter().map(|(name, documents)| (name.as_str(), roots(documents))).collect();
    let used = init::repositories(files.iter().flat_map(|(_, roots)| roots));
    let paths: Vec<&str> = used.iter().flat_map(|(_, paths)| paths).map(String::as_str).collect();
    let mentions = |directory: &str, name: &str| {
        let texts = NAMES.iter().map(|file| root.join(directory).join(file));
        let mut texts = texts.filter_map(|path| toolbox::regular_file::read_to_string(path).ok());
        texts.any(|text| text.lines().any(|line| line.trim_start_matches([' ', '-', '.', '/']).starts_with(name)))
    };
    let mut excluded =
        init::excluded(files.iter().map(|(name, roots)| (*name, roots.iter().collect())), &paths, mentions);
    let text = |name: &str| toolbox::regular_file::read_to_string(root.join(name)).unwrap_or_default();
    let invalid = files.iter().filter(|(name, roots)| roots.is_empty() && !find::is_template(root, &root.join(name)));
    let templates: Vec<&str> = invalid
        .map(|(name, _)| *name)
        .filter(|name| !globs::matches(&excluded, name) && init::is_template(&text(name)))
        .collect();
    excluded.extend(init::templates(&templates));
    excluded
}

/// Patterns of the files with Applications that the kustomization around them does not list.
fn unlisted(root: &Path, files: &[(String, Vec<Document>)]) -> Vec<String> {
    let files = files.iter().map(|(name, documents)| (name.as_str(), documents.iter().map(|one| &one.root).collect()));
    init::unlisted(files, |folder| {
        let directory = root.join(folder);
        let mut sources = NAMES.iter().filter_map(|file| toolbox::source::read(root, &directory.join(file)).ok());
        let (source, document) = sources.find_map(|one| Some((one.clone(), yaml::parse_one(&one).ok()?)))?;
        let lists =
            ["resources", "bases", "components", "patches", "patchesStrategicMerge", "generators", "transformers"];
        let entries = lists.iter().flat_map(|list| document.root.items_at(&[list]));
        let paths = entries.filter_map(|entry| entry.as_str().or_else(|| entry.get("path")?.as_str()));
        let path = |entry: &str| toolbox::inputs::name(root, &argocd::value_files::clean(&directory.join(entry)));
        let comments = source.text.lines().filter_map(|line| line.trim_start().strip_prefix('#'));
        let comments = comments.filter_map(|line| line.trim_start().strip_prefix('-')).map(str::trim);
        Some(init::Listing { entries: paths.map(path).collect(), comments: comments.map(path).collect() })
    })
}

/// The clusters that ApplicationSets select by labels.
fn clusters(workspace: &Workspace, documents: &[Document], survey: &Survey) -> Vec<Cluster> {
    let sets: Vec<&Node> = documents.iter().map(|one| &one.root).filter(|root| is(root, "ApplicationSet")).collect();
    let root = &workspace.root;
    let declares = |path: &PathBuf| {
        let text = toolbox::regular_file::read_to_string(path).unwrap_or_default();
        text.contains("argocd.argoproj.io/secret-type")
    };
    let mut paths: Vec<PathBuf> = find::manifests(root).into_iter().filter(declares).collect();
    paths.retain(|path| !globs::matches(&survey.excluded, &toolbox::inputs::name(root, path)));
    let secrets: Vec<Document> = files(root, &paths).into_iter().flat_map(|(_, documents)| documents).collect();
    let text = |one: &Written<'_>, key: &str| one.text(&["spec", "destination", key]).map(str::to_owned);
    let applications = written::applications(workspace);
    let destinations: Vec<_> = applications.map(|one| (text(&one, "name"), text(&one, "server"))).collect();
    let read = if sets.is_empty() { Read::default() } else { read(root) };
    let mut known = known(root, &read.keys());
    known.extend(base_paths::base_paths(root, &read.keys()));
    let files = find::tracked(root);
    let secrets = secrets.iter().map(|one| &one.root);
    init::clusters(&sets, &files, secrets, &destinations, &read, &known, &survey.repository)
}

/// The labels and annotations of clusters that templates of ApplicationSets use. Charts render ApplicationSets, too.
fn read(root: &Path) -> Read {
    let mut read = Read::default();
    let paths = find::tracked(root).into_iter();
    let paths = paths.filter(|path| [".yaml", ".yml", ".tpl"].iter().any(|end| path.ends_with(end)));
    for text in paths.filter_map(|path| toolbox::regular_file::read_to_string(root.join(path)).ok()) {
        read.add(&text);
    }
    read
}

/// The values that the first file gives to keys, which are labels and annotations of clusters.
fn known(root: &Path, keys: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    if keys.is_empty() {
        return known;
    }
    let kinds = [".yaml", ".yml", ".tf", ".tfvars", ".md", ".example", ".sh"];
    for path in find::tracked(root).into_iter().filter(|path| kinds.iter().any(|end| path.ends_with(end))) {
        if known.len() == keys.len() {
            break;
        }
        let Ok(text) = toolbox::regular_file::read_to_string(root.join(path)) else { continue };
        for key in keys.iter().filter(|key| text.contains(**key)) {
            let value = text.lines().find_map(|line| init::value_of(line, key));
            if let Some(value) = value {
                known.entry((*key).to_owned()).or_insert_with(|| value.to_owned());
            }
        }
    }
    known
}

/// Keeps the charts that no generated Application deploys.
fn retain_bootstraps(survey: &mut Survey, workspace: &Workspace) {
    // Those in files were looked at before: one of them may be what it deploys itself.
    let generated: BTreeSet<&str> = workspace.generated.iter().map(|one| one.id.as_str()).collect();
    let deployments = workspace.deployments.iter();
    let deployments = deployments.filter(|one| generated.contains(one.application.instance.as_str()));
    let sources = deployments.flat_map(|one| &one.application.sources);
    let sources = sources.filter(|source| source.field != "bootstrap[]");
    let deployed: BTreeSet<&str> = sources.map(|source| source.path.trim_matches('/')).collect();
    survey.bootstraps.retain(|one| one.chart.is_some() || !deployed.contains(one.path.as_str()));
    let named: BTreeSet<String> = survey.bootstraps.iter().filter_map(|one| one.instance.clone()).collect();
    survey.instances.retain(|name, directories| !directories.is_empty() || named.contains(name));
}

/// Declares the instances that are named by what is applied by hand.
fn declare_instances(survey: &mut Survey) {
    for name in survey.bootstraps.iter().filter_map(|one| one.instance.as_ref()) {
        survey.instances.entry(name.clone()).or_default();
    }
}

/// The directories with Jsonnet that mentions Applications, itself or in what it imports, and that no Application deploys.
fn jsonnet(root: &Path, documents: &[Document]) -> Vec<String> {
    let tracked = find::tracked(root);
    let text = |path: &&String| toolbox::regular_file::read_to_string(root.join(path)).unwrap_or_default();
    let of = |end: &'static str| tracked.iter().filter(move |path| path.ends_with(end));
    let group = |text: String| text.contains(find::GROUP) && text.contains("Application");
    let imported = || of(".libsonnet").any(|path| group(text(&path)));
    let mentions = |path: &&String| {
        let own = text(path);
        own.contains("Application") && (own.contains(find::GROUP) || own.contains("import") && imported())
    };
    let used = init::repositories(documents.iter().map(|one| &one.root).filter(|root| defines(root)));
    let paths: Vec<&str> = used.iter().flat_map(|(_, paths)| paths).map(|path| path.trim_matches(['.', '/'])).collect();
    let is_deployed = |directory: &str| {
        let below = |path: &&str| directory.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        paths.iter().any(|path| *path == directory || !path.is_empty() && below(path))
    };
    let directories: BTreeSet<&str> = of(".jsonnet")
        .filter(mentions)
        .map(|path| path.rsplit_once('/').map_or("", |(directory, _)| directory))
        .filter(|directory| !is_deployed(directory))
        .collect();
    directories.into_iter().map(|path| if path.is_empty() { "." } else { path }.to_owned()).collect()
}

/// Charts that render Applications, and that no Application deploys.
fn bootstraps(root: &Path, survey: &Survey, used: &[(String, Vec<String>)]) -> Vec<BootstrapChart> {
    let Ok(config) = Config::parse(&Source::new(CONFIG_FILE, init::configuration(survey))) else { return Vec::new() };
    let deployed = |path: &str| used.iter().any(|(_, paths)| paths.iter().any(|one| one.trim_matches('/') == path));
    let charts: Vec<BootstrapChart> =
        bootstrap_charts(root, &config).into_iter().filter(|chart| !deployed(&chart.path)).collect();
    by_hand::roots(root, charts, yaml_files(root), &deployed)
}
