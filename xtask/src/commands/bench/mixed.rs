//! Rows about Applications of mixed kinds: charts, kustomizations, directories, and several sources.

use std::path::{Path, PathBuf};

use diagnostics::Result;
use toolbox::process::Invocation;
use workspace::Workspace;

use super::amount::Amount;
use super::context::{COMPARES, Context};
use super::generated::{self, REPOSITORY, name, put};
use super::helm;
use super::measure::{finish, finish_all, median, ratio, timed};
use super::measured::Measured;

/// The number of Applications, a quarter of each kind.
const APPLICATIONS: usize = 100;

/// The workspace, written once.
const FOLDER: &str = "mixed";

const RENDER: [&str; 1] = ["render"];

pub(super) fn fresh(context: &Context<'_>) -> Result<Measured> {
    let root = workspace(context)?;
    Ok(Measured::Amount(Amount::Time(context.warm(&root, &RENDER, &[0])?)))
}

/// The time of all renders in proportion to that of the commands of Helm and Kustomize for the same sources.
pub(super) fn cold(context: &Context<'_>) -> Result<Measured> {
    let root = workspace(context)?;
    let (workspace, _) = Workspace::load(&root, &context.scratch("cache"))?;
    let mut bare = helm::commands(context, &workspace)?;
    let kustomize = kustomize(context)?;
    let built = (0..APPLICATIONS).filter(|index| index % 4 == 1).map(name);
    bare.extend(
        built.map(|name| Invocation::new(&kustomize, &root).args(["build".to_owned(), format!("apps/{name}")])),
    );
    let forced = context.command(&root, &["render", "--force", "--engine", "helm"]).env("XTASK_KUSTOMIZE", kustomize);
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..context.rounds {
        own.push(timed(|| finish(&forced, &[0]))?);
        other.push(timed(|| finish_all(context.session.jobs, &bare))?);
    }
    Ok(Measured::Amount(Amount::Ratio(ratio(median(own), median(other)))))
}

fn kustomize(context: &Context<'_>) -> Result<PathBuf> {
    let tools = context.session.tools(context.workspace);
    Ok(tools.require("kustomize", context.workspace.config.argocd.kustomize)?.path)
}

/// Writes the workspace, and records its goldens.
fn workspace(context: &Context<'_>) -> Result<PathBuf> {
    let root = context.scratch(FOLDER);
    if root.is_dir() {
        return Ok(root);
    }
    let config = &context.workspace.config;
    let versions = format!(
        "repository = \"{REPOSITORY}\"\n\n[argocd]\nversion = \"{}\"\n\n[kubernetes]\nversion = \"{}\"\n",
        config.argocd.version, config.kubernetes
    );
    put(&root.join(workspace::CONFIG_FILE), versions.as_bytes())?;
    for index in 0..APPLICATIONS {
        application(&root, index)?;
    }
    generated::commit(&root, true)?;
    let accept = context.command(&root, &["render", "--accept"]).env("CI", "");
    finish(&accept.env("XTASK_KUSTOMIZE", kustomize(context)?), &COMPARES)?;
    Ok(root)
}

fn application(root: &Path, index: usize) -> Result<()> {
    let name = name(index);
    let own = format!("repoURL: {REPOSITORY}, targetRevision: main");
    let sources = match index % 4 {
        // A chart with values of another directory, and manifests beside it.
        3 => format!(
            "  sources:\n    - {{{own}, path: apps/{name}, helm: {{valueFiles: [$values/values/{name}.yaml]}}}}\n    - \
             {{{own}, ref: values}}\n    - {{{own}, path: extra/{name}}}\n"
        ),
        _ => format!("  source: {{{own}, path: apps/{name}}}\n"),
    };
    let manifest = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\n  namespace: argocd\nspec:\n  \
         project: default\n{sources}  destination:\n    server: https://kubernetes.default.svc\n    namespace: {name}\n"
    );
    let write = |path: String, text: &str| put(&root.join(path), text.as_bytes());
    write(format!("argocd/{name}.yaml"), &manifest)?;
    let object = |number: usize, value: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config-{number}\ndata:\n  message: {value}\n")
    };
    let app = format!("apps/{name}");
    match index % 4 {
        1 => {
            let files: String = (0..OBJECTS).map(|number| format!("  - config-{number}.yaml\n")).collect();
            write(format!("{app}/kustomization.yaml"), &format!("namePrefix: web-\nresources:\n{files}"))?;
        }
        2 => {}
        _ => {
            write(format!("{app}/Chart.yaml"), &format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n"))?;
            write(format!("{app}/values.yaml"), "message: hello\n")?;
            for number in 0..OBJECTS {
                write(format!("{app}/templates/config-{number}.yaml"), &object(number, "{{ .Values.message }}"))?;
            }
            if index % 4 == 3 {
                write(format!("values/{name}.yaml"), "message: goodbye\n")?;
                write(format!("extra/{name}/extra.yaml"), &object(OBJECTS, "hello"))?;
            }
            return Ok(());
        }
    }
    (0..OBJECTS).try_for_each(|number| write(format!("{app}/config-{number}.yaml"), &object(number, "hello")))
}

/// The number of objects of each Application.
const OBJECTS: usize = 10;
