//! `schemas`: generates schemas/ from an API server's OpenAPI document.
//!
//! It covers the kinds of all targets and of argocd/, except for those that a rendered `CustomResourceDefinition` defines,
//! and all kinds of Kubernetes itself, so that a chart that renders another one needs no cluster.
//! The same document lists the resources and verbs of the API server, which RBAC rules are checked against.
//! The document is fetched from a given cluster or read from a file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use document::Node;
use golden::objects;
use kubernetes::discovery::{self, Discovery};
use kubernetes::schemas;
use kubernetes::schemas::{Kind, VERSION_FILE, Version, crd, files, openapi};
use kubernetes::validate::subject;
use kubernetes::validate::subject::Subject;
use serde_json::Value;
use toolbox::environment::Environment;
use toolbox::process::Invocation;
use toolbox::progress::Progress;
use toolbox::{atomic_file, links};
use workspace::Workspace;

use super::app_of_apps;
use super::{Outcome, Session, rendering};
pub use crate::cli::Schemas as Request;
use crate::report::json::{self, Output};

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    if !request.check && session.environment.ci {
        return Err(Diagnostic::new(Code::Usage, "`schemas` does not write files in CI")
            .help("run it locally and commit schemas/, or use `--check`")
            .into());
    }
    let (workspace, mut diagnostics) = app_of_apps::load(session)?;
    let wanted = wanted(session, &workspace, &mut diagnostics);
    // An Application that failed to load or render could use any kind.
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let document = document(session, &workspace, request)?;
    let generated = files::generated(&session.root);
    let present = if generated { files::present(&session.root) } else { BTreeSet::new() };
    let (mut written, mut removed) = (Vec::new(), Vec::new());
    let mut used: BTreeSet<String> = wanted.keys().filter_map(Kind::file).collect();
    match &document {
        None => {
            diagnostics.extend(missing(&wanted, &present, &workspace));
            match Discovery::load(&workspace.root) {
                Ok(resources) => used.extend(resources.kinds().iter().filter_map(Kind::file)),
                Err(found) => diagnostics.extend(found),
            }
        }
        Some(document) => {
            let kubernetes = version(&workspace, document)?;
            let resources = Discovery::derive(document);
            let own = resources.kinds();
            used.extend(own.iter().filter_map(Kind::file));
            let derived = openapi::derive(document, &wanted.keys().chain(&own).cloned().collect());
            for kind in &derived.missing {
                used.extend(kind.file().is_some_and(|file| present.contains(&file)).then(|| kind.file()).flatten());
                if !workspace.config.validate.unchecked.iter().any(|one| one.kind == *kind) {
                    diagnostics.push(unknown(kind, &wanted));
                }
            }
            let mut files: Vec<(String, String)> = derived
                .schemas
                .iter()
                .filter_map(|(kind, schema)| Some((kind.file()?, schemas::text(schema))))
                .collect();
            // A document without paths is a part of one, which says nothing about them.
            if !resources.groups.is_empty() {
                files.push((discovery::FILE.to_owned(), resources.text()));
            }
            // The version is written last, so that an interrupted run is reported as outdated.
            files.push((VERSION_FILE.to_owned(), Version::text(&kubernetes)));
            for (file, text) in files {
                let path = session.root.join(schemas::FOLDER).join(&file);
                if toolbox::regular_file::read_to_string(&path).is_ok_and(|now| now == text) {
                    continue;
                }
                if request.check {
                    diagnostics.push(outdated(&file, path.is_file()));
                } else {
                    links::refuse_outside(&session.root, &path)?;
                    atomic_file::write(&path, text.as_bytes())?;
                    session.printer.status("Wrote", &format!("{}/{file}", schemas::FOLDER));
                    written.push(file);
                }
            }
        }
    }
    for file in present.difference(&used) {
        if request.check {
            diagnostics.push(
                Diagnostic::new(Code::SchemasOutdated, "unused schema: no object has this kind")
                    .at(schemas::place(file), "")
                    .help("delete the file, or run `cargo xtask schemas --from-cluster --kubeconfig FILE`"),
            );
        } else {
            let path = session.root.join(schemas::FOLDER).join(file);
            links::refuse_outside(&session.root, &path)?;
            std::fs::remove_file(&path).map_err(|error| Diagnostic::io("remove", &path, &error))?;
            session.printer.status("Removed", &format!("{}/{file}", schemas::FOLDER));
            removed.push(file.clone());
        }
    }
    diagnostics.sort();
    session.printer.finished(&format!("{} in use", plural(wanted.len(), "kind")));
    let kinds = wanted.keys().map(ToString::to_string).collect();
    Ok(Outcome { diagnostics, output: Output::Schemas(json::Schemas { kinds, written, removed }) })
}

/// The kinds that need a schema, with the first object of each, if any.
fn wanted(
    session: &Session<'_>,
    workspace: &Workspace,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<Kind, Option<Subject>> {
    let argocd = workspace.config.argocd;
    let renderings = rendering::plan_and_render(session, workspace, argocd, &[], diagnostics);
    let mut subjects = Vec::new();
    for one in &renderings {
        subjects.extend(objects::subjects(&one.target, &one.golden, &one.manifests().unwrap_or_default()));
    }
    subjects.extend(workspace.argocd.iter().flat_map(|file| subject::of_argocd(&file.name, &file.documents)));
    let roots =
        subjects.iter().filter(|subject| subject.kind.kind == crd::KIND).map(|one| schemas::json(&one.object.root));
    let defined: BTreeSet<Kind> =
        roots.flat_map(|root| crd::served(&root).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>()).collect();
    let mut wanted = BTreeMap::new();
    for subject in subjects {
        // `lint` checks these, and `--crds` may provide their definitions.
        let linted = subject.argocd && subject.kind.group == "argoproj.io";
        if !linted && !defined.contains(&subject.kind) {
            wanted.entry(subject.kind.clone()).or_insert(Some(subject));
        }
    }
    wanted.entry(Kind::new("apiextensions.k8s.io/v1", crd::KIND)).or_insert(None);
    wanted
}

/// The OpenAPI document, if a cluster or a file is given.
fn document(session: &Session<'_>, workspace: &Workspace, request: &Request) -> Result<Option<Value>> {
    let (bytes, name) = if let Some(kubeconfig) = &request.kubeconfig {
        (fetch(session, workspace, kubeconfig)?, kubeconfig.display().to_string())
    } else if let Some(path) = &request.from {
        let mut bytes = Vec::new();
        let read = if path == Path::new("-") {
            std::io::stdin().read_to_end(&mut bytes).map(|_| ())
        } else {
            toolbox::regular_file::read(path).map(|read| bytes = read)
        };
        read.map_err(|error| Diagnostic::io("read", path, &error))?;
        (bytes, path.display().to_string())
    } else {
        return Ok(None);
    };
    let invalid = |what: String| {
        Diagnostic::new(Code::Usage, what)
            .at(Place::file(name.clone()), "")
            .help("pass the output of `kubectl get --raw /openapi/v2`")
    };
    let document: Value =
        serde_json::from_slice(&bytes).map_err(|error| invalid(format!("not valid JSON: {error}")))?;
    if !openapi::is_openapi(&document) {
        return Err(invalid("not an OpenAPI v2 document".to_owned()).into());
    }
    Ok(Some(document))
}

/// Fetches the document from a given cluster, never from the user's current context.
fn fetch(session: &Session<'_>, workspace: &Workspace, kubeconfig: &Path) -> Result<Vec<u8>> {
    let tools = session.tools(workspace);
    let kubectl = match (workspace.config.tool("kubectl"), Environment::tool("kubectl")) {
        (Ok(version), _) => tools.require("kubectl", version)?.path,
        (Err(_), Some(path)) => path,
        (Err(_), None) => {
            return Err(Diagnostic::new(Code::ToolUnavailable, "kubectl is not pinned in charts.toml")
                .help("set XTASK_KUBECTL to the path of a kubectl")
                .help("or use `--from FILE` with the output of `kubectl get --raw /openapi/v2`")
                .into());
        }
    };
    let kubeconfig = std::path::absolute(kubeconfig).unwrap_or_else(|_| kubeconfig.to_owned());
    if !kubeconfig.is_file() {
        return Err(Diagnostic::new(Code::Usage, format!("kubeconfig `{}` not found", kubeconfig.display())).into());
    }
    let invocation = Invocation::new(&kubectl, &session.root)
        .args(["get", "--raw", "/openapi/v2", "--request-timeout", "30s", "--kubeconfig"])
        .args([&kubeconfig]);
    let output = invocation.run()?;
    if output.success() {
        return Ok(output.stdout);
    }
    Err(Diagnostic::new(Code::ProcessFailed, "cannot fetch the OpenAPI document from the cluster")
        .note(format!("command: {}", invocation.command_line()))
        .note(output.stderr.trim().to_owned())
        .into())
}

/// The Kubernetes version of a document, which must have the same minor version as charts.toml.
fn version(workspace: &Workspace, document: &Value) -> Result<String> {
    let Some(version) = openapi::version(document) else {
        return Err(Diagnostic::new(Code::Usage, "no Kubernetes version in the OpenAPI document")
            .note("`info.version` must be a version such as `v1.34.4`")
            .into());
    };
    if schemas::minor(version) == schemas::minor(&workspace.config.kubernetes) {
        return Ok(version.to_owned());
    }
    let message = format!(
        "the OpenAPI document is for Kubernetes {version}, but charts.toml has {}",
        workspace.config.kubernetes
    );
    Err(Diagnostic::new(Code::Usage, message)
        .help("use a cluster of the same minor version, or change `kubernetes.version` in charts.toml")
        .into())
}

/// Reports a kind that is not in the document.
fn unknown(kind: &Kind, wanted: &BTreeMap<Kind, Option<Subject>>) -> Diagnostic {
    let message = format!("the API server does not serve `{kind}`");
    let help = format!(
        "install its CustomResourceDefinition, or add `[[validate.unchecked]]` with `kind = \"{kind}\"` to charts.toml"
    );
    match wanted.get(kind).and_then(Option::as_ref) {
        Some(subject) => {
            let node = subject.object.root.get("apiVersion").unwrap_or(&subject.object.root);
            subject.finding(Code::SchemaMissing, message, node.place(), "").help(help)
        }
        None => Diagnostic::new(Code::SchemaMissing, message).help(help),
    }
}

/// Reports kinds without a schema, if there is no document to generate them from.
fn missing(wanted: &BTreeMap<Kind, Option<Subject>>, present: &BTreeSet<String>, workspace: &Workspace) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (kind, subject) in wanted {
        let exists = kind.file().is_some_and(|file| present.contains(&file));
        if exists || workspace.config.validate.unchecked.iter().any(|one| one.kind == *kind) {
            continue;
        }
        let help = "generate it: `cargo xtask schemas --from-cluster --kubeconfig FILE`";
        let message = format!("no schema found for `{kind}`");
        diagnostics.push(match subject {
            Some(subject) => {
                let node =
                    subject.object.root.get("apiVersion").map_or_else(|| subject.object.root.place(), Node::place);
                subject.finding(Code::SchemasOutdated, message, node, "").help(help)
            }
            None => Diagnostic::new(Code::SchemasOutdated, message).help(help),
        });
    }
    if let Err(found) = Version::load(&workspace.root) {
        diagnostics.extend(found);
    }
    diagnostics
}

fn outdated(file: &str, exists: bool) -> Diagnostic {
    let message = if exists { "outdated schema: it differs from the OpenAPI document" } else { "missing schema" };
    Diagnostic::new(Code::SchemasOutdated, message)
        .at(schemas::place(file), "")
        .help("run `cargo xtask schemas --from FILE` with the same document, and commit the result")
}
