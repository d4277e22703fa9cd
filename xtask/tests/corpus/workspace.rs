//! The sound workspaces in tests/corpus/workspaces: charts, each with an Application and an AppProject.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::case::{self, Tree};
use crate::judge;
use crate::repository_copy::{Base, archives};
use crate::support::tree;

/// The number of workspaces in a batch.
const BATCH: usize = 11;

/// Findings about the completeness of a chart, which the charts here lack in order to be short: value schemas, cases, and
/// goldens. And a warning about kinds whose definitions are not in the repository, for which there is nothing to do.
const INCOMPLETE: [&str; 5] =
    ["branch-uncovered", "scope-unknown", "value-uncovered", "value-undocumented", "values-schema-missing"];

/// A workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) name: String,
    /// The charts that are deployed, each by an Application of the same name.
    apps: Vec<String>,
    /// The namespace of all of them; by default, each has its own.
    namespace: Option<String>,
    /// The Pod Security level of the namespaces.
    level: String,
    /// The cluster-scoped kinds that the projects permit.
    cluster: Vec<String>,
    /// Kinds that dependencies render, and that have no schema.
    kinds: Vec<String>,
    /// Whether the chart renders the Namespace itself.
    own: bool,
    files: Tree,
}

/// Reads all workspaces.
pub(crate) fn read(folder: &Path) -> Result<Vec<Arc<Workspace>>, String> {
    let files = tree(folder);
    files
        .into_iter()
        .map(|(path, bytes)| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = String::from_utf8(bytes).map_err(|error| format!("{}: {error}", path.display()))?;
            parse(&name, &text).map(Arc::new).map_err(|problem| format!("{}: {problem}", path.display()))
        })
        .collect()
}

fn parse(name: &str, text: &str) -> Result<Workspace, String> {
    let mut workspace = Workspace {
        name: name.to_owned(),
        apps: vec![name.to_owned()],
        namespace: None,
        level: "baseline".to_owned(),
        cluster: Vec::new(),
        kinds: Vec::new(),
        own: false,
        files: Tree::new(),
    };
    let (mut described, mut several) = (false, false);
    let mut file: Option<PathBuf> = None;
    for line in text.lines() {
        if let Some(path) = case::marker(line) {
            let chart = !several && path != "charts.toml";
            let path = if chart { Path::new("charts").join(name).join(path) } else { PathBuf::from(path) };
            let path = if several && !path.ends_with("charts.toml") { Path::new("charts").join(path) } else { path };
            workspace.files.insert(path.clone(), Vec::new());
            file = Some(path);
        } else if let Some(path) = &file {
            workspace.files.entry(path.clone()).or_default().extend(format!("{line}\n").as_bytes());
        } else if let Some((key, value)) = line.split_once(": ") {
            let words = || value.split(' ').map(str::to_owned).collect();
            match key {
                "about" => described = true,
                "apps" => (workspace.apps, several) = (words(), true),
                "namespace" => workspace.namespace = Some(value.to_owned()),
                "level" => value.clone_into(&mut workspace.level),
                "cluster" => workspace.cluster = words(),
                "kinds" => workspace.kinds = words(),
                "own" if value == "yes" => workspace.own = true,
                _ => return Err(format!("unknown key `{key}`")),
            }
        }
    }
    if described { Ok(workspace) } else { Err("there is no `about`".to_owned()) }
}

/// Workspaces that share a run; none of them refers to another.
pub(crate) struct Batch {
    workspaces: Vec<Arc<Workspace>>,
    silent: OnceLock<bool>,
}

impl Batch {
    /// Divides workspaces into batches.
    pub(crate) fn divide(workspaces: &[Arc<Workspace>], together: bool) -> Vec<Arc<Self>> {
        let size = if together { BATCH } else { 1 };
        let batch =
            |workspaces: &[Arc<Workspace>]| Arc::new(Self { workspaces: workspaces.to_vec(), silent: OnceLock::new() });
        workspaces.chunks(size).map(batch).collect()
    }

    pub(crate) fn workspaces(&self) -> &[Arc<Workspace>] {
        &self.workspaces
    }

    /// What is reported about one of its workspaces; empty if nothing is.
    pub(crate) fn findings(&self, base: &Base, workspace: &Workspace) -> Result<String, String> {
        if self.workspaces.len() > 1 {
            let all: Vec<&Workspace> = self.workspaces.iter().map(AsRef::as_ref).collect();
            if *self.silent.get_or_init(|| run(base, &all).is_ok_and(|found| found.is_empty())) {
                return Ok(String::new());
            }
        }
        run(base, &[workspace])
    }
}

fn run(base: &Base, workspaces: &[&Workspace]) -> Result<String, String> {
    let names: Vec<&str> = workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
    let findings = base.ci(&names.join(" "), files(base, workspaces), false, &[])?;
    if !findings.iter().any(|finding| finding.code == "golden-missing") {
        return Err(format!("nothing was rendered:\n{}", judge::list(&findings.iter().collect::<Vec<_>>())));
    }
    let found: Vec<_> = judge::relevant(&findings, None)
        .into_iter()
        .filter(|finding| !INCOMPLETE.contains(&finding.code.as_str()))
        .collect();
    Ok(if found.is_empty() { String::new() } else { judge::list(&found) })
}

/// The files of a repository with the root Application of this one, and these workspaces.
fn files(base: &Base, workspaces: &[&Workspace]) -> Tree {
    let shared = ["argocd/root.yaml", "argocd/projects/root.yaml", "advisories.toml", "schemas", "tools.lock"];
    let keep = |path: &Path| shared.iter().any(|start| path.starts_with(start));
    let mut files: Tree =
        base.files.iter().filter(|(path, _)| keep(path)).map(|(a, b)| (a.clone(), b.clone())).collect();
    let known = kinds(&files);
    let mut rendered = BTreeSet::new();
    let configuration = base.files.get(Path::new("charts.toml")).map(|text| String::from_utf8_lossy(text).into_owned());
    let configuration = configuration.unwrap_or_default();
    let mut toml = configuration.split("[[validate.unchecked]]").next().unwrap_or_default().to_owned();
    for workspace in workspaces {
        for (path, bytes) in &workspace.files {
            let text = String::from_utf8_lossy(bytes);
            if path == Path::new("charts.toml") {
                toml.push_str(&text);
            } else {
                if path.components().any(|part| part.as_os_str() == "templates") {
                    rendered.extend(objects(&text));
                }
                files.insert(path.clone(), bytes.clone());
            }
            // A chart with the locked dependencies of this repository gets their archives and pins.
            if path.ends_with("Chart.lock") {
                for (own, bytes) in archives(&base.files) {
                    let name = own.file_name().unwrap_or_default();
                    files.insert(path.with_file_name("charts").join(name), bytes.clone());
                }
                let pins = base.files.get_key_value(Path::new("charts.lock"));
                files.extend(pins.map(|(path, bytes)| (path.clone(), bytes.clone())));
            }
        }
        rendered.extend(workspace.kinds.iter().cloned());
        for app in &workspace.apps {
            files.insert(format!("argocd/applications/{app}.yaml").into(), workspace.application(app).into_bytes());
            files.insert(format!("argocd/projects/{app}.yaml").into(), workspace.project(app).into_bytes());
        }
    }
    let defined: String = workspaces
        .iter()
        .flat_map(|workspace| &workspace.files)
        .filter(|(path, _)| path.components().any(|part| part.as_os_str() == "crds"))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes))
        .collect();
    for kind in rendered.difference(&known) {
        let name = kind.rsplit('/').next().unwrap_or_default();
        if !defined.contains(&format!("kind: {name},")) {
            toml.push_str(&format!(
                "\n[[validate.unchecked]]\nkind = \"{kind}\"\nreason = \"There is no schema for it here.\"\n"
            ));
        }
    }
    files.insert("charts.toml".into(), toml.into_bytes());
    files
}

/// The kinds with a schema, such as `apps/v1/Deployment`.
fn kinds(files: &Tree) -> BTreeSet<String> {
    let schemas = files.iter().filter(|(path, _)| path.starts_with("schemas") && path.components().count() == 3);
    schemas
        .filter_map(|(_, bytes)| {
            let schema: serde_json::Value = serde_json::from_slice(bytes).ok()?;
            let name = |key: &str| Some(schema["properties"][key]["enum"][0].as_str()?.to_owned());
            Some(format!("{}/{}", name("apiVersion")?, name("kind")?))
        })
        .collect()
}

/// The kinds of the objects in a template, such as `apps/v1/Deployment`.
fn objects(text: &str) -> Vec<String> {
    let mut version = None;
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("apiVersion: ") {
            version = Some(value);
        } else if let (Some(kind), Some(version)) = (line.strip_prefix("kind: "), version) {
            found.push(format!("{version}/{kind}"));
        }
    }
    found
}

impl Workspace {
    fn namespace_of<'a>(&'a self, app: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(app)
    }

    fn application(&self, app: &str) -> String {
        let (namespace, level) = (self.namespace_of(app), &self.level);
        // The namespace belongs to the first Application, or to its chart.
        let first = self.apps.first().is_some_and(|first| first == app) || self.namespace.is_none();
        let creates = first && !self.own;
        let option = if creates { "      - CreateNamespace=true\n" } else { "" };
        let labels = if creates {
            format!(
                "    managedNamespaceMetadata:\n      labels:\n        pod-security.kubernetes.io/enforce: {level}\n"
            )
        } else {
            String::new()
        };
        format!(
            "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {app}
  namespace: argocd
spec:
  project: {app}
  source:
    repoURL: https://github.com/example/homelab-chart.git
    targetRevision: main
    path: charts/{app}
    helm:
      releaseName: {app}
  destination:
    server: https://kubernetes.default.svc
    namespace: {namespace}
  syncPolicy:
    automated:
      prune: true
      selfHeal: true
    syncOptions:
{option}      - ServerSideApply=true
{labels}    retry:
      limit: 5
"
        )
    }

    fn project(&self, app: &str) -> String {
        let namespace = self.namespace_of(app);
        let kinds = self.cluster.iter().map(|kind| format!("    - group: \"*\"\n      kind: {kind}\n"));
        let kinds: String = kinds.collect();
        format!(
            "apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata:
  name: {app}
  namespace: argocd
  annotations:
    argocd.argoproj.io/sync-wave: \"-2\"
spec:
  sourceRepos:
    - https://github.com/example/homelab-chart.git
  destinations:
    - server: https://kubernetes.default.svc
      namespace: {namespace}
  clusterResourceWhitelist:
    - group: \"\"
      kind: Namespace
      name: {namespace}
{kinds}"
        )
    }
}
