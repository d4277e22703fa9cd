//! What the binary makes of a workspace, run as a user runs it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use diagnostics::Source;
use document::yaml;
use serde_json::Value;

use crate::support::Answer;
use crate::workspace::Workspace;

/// What the binary rendered and listed.
pub(crate) struct Ours {
    /// The objects of each Application that it rendered.
    pub(crate) rendered: BTreeMap<String, Vec<Value>>,
    /// `applications` of `argocd list --format json`.
    pub(crate) listed: Vec<Value>,
    render: Answer,
    list: Answer,
}

/// The programs that the binary may run.
pub(crate) struct Programs<'a> {
    pub(crate) helm: &'a Path,
    pub(crate) kustomize: Option<&'a Path>,
    pub(crate) jsonnet: Option<PathBuf>,
}

/// Runs the binary.
pub(crate) fn run(workspace: &Workspace, programs: &Programs<'_>) -> Result<Ours, String> {
    let Programs { helm, kustomize, jsonnet } = programs;
    let bench = &workspace.bench;
    let run = |arguments: &str| {
        let mut run = bench.xtask(arguments).helm(helm).env("PATH", std::env::var("PATH").unwrap_or_default());
        if let Some(kustomize) = kustomize {
            run = run.kustomize(kustomize);
        }
        if let Some(jsonnet) = jsonnet {
            run = run.jsonnet(jsonnet);
        }
        if workspace.mirror().is_dir() {
            run = run.env("XTASK_CHART_MIRROR", workspace.mirror());
        }
        run.run()
    };
    let render = run("render --offline --output out");
    let list = run("argocd list --offline --format json");
    let answer: Value = serde_json::from_str(&list.stdout).unwrap_or_default();
    let listed = answer["applications"].as_array().cloned().unwrap_or_default();
    Ok(Ours { rendered: rendered(&bench.root().join("out"))?, listed, render, list })
}

/// The objects of each Application in a directory that `render --output` wrote.
fn rendered(folder: &Path) -> Result<BTreeMap<String, Vec<Value>>, String> {
    let mut all = BTreeMap::new();
    for application in fs::read_dir(folder).into_iter().flatten() {
        let application = application.map_err(|error| error.to_string())?;
        let mut objects = Vec::new();
        // Cases of charts are not Applications.
        let Ok(files) = fs::read_dir(application.path().join("default")) else { continue };
        for file in files {
            let path = file.map_err(|error| error.to_string())?.path();
            if path.extension().is_some_and(|end| end == "yaml") {
                objects.extend(read(&path)?);
            }
        }
        all.insert(application.file_name().to_string_lossy().into_owned(), objects);
    }
    Ok(all)
}

/// The objects in a file, without lists.
fn read(path: &Path) -> Result<Vec<Value>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let source = Source::new(path.display().to_string(), text);
    let documents = yaml::parse(&source).map_err(|problem| format!("{}: {problem:?}", path.display()))?;
    let mut objects = Vec::new();
    for document in documents {
        let value = serde_json::from_str(&document.root.to_json()).map_err(|error| error.to_string())?;
        flatten(value, &mut objects);
    }
    Ok(objects)
}

fn flatten(value: Value, objects: &mut Vec<Value>) {
    let list = value["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match value {
        Value::Null => {}
        Value::Object(mut fields)
            if list && fields.get("items").is_some_and(|items| items.is_array() || items.is_null()) =>
        {
            if let Some(Value::Array(items)) = fields.remove("items") {
                for item in items {
                    flatten(item, objects);
                }
            }
        }
        value => objects.push(value),
    }
}

impl Ours {
    /// Whether the binary says that it does not render an Application, or that it cannot evaluate an ApplicationSet.
    pub(crate) fn reports(&self, instance: &str) -> bool {
        let listed = self.listed.iter().filter(|listed| listed["application"] == instance);
        // 1: everything differs from the goldens, which do not exist.
        listed.into_iter().any(|listed| listed["broken"] == true) || !matches!(self.render.code, Some(0 | 1))
    }
}

impl fmt::Display for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`render --output`: {}", self.render)?;
        if self.list.code == Some(0) { Ok(()) } else { write!(f, "`argocd list`: {}", self.list) }
    }
}
