//! `schemas`: the folder of schemas, made of what an API server says of itself.
//!
//! What is wanted follows from the objects: the kinds of all targets and of argocd/, without those that a rendered
//! `CustomResourceDefinition` defines. The document is asked of a cluster that is named, or read from a file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::rendering;
use super::{Outcome, Session};
use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use document::Node;
use golden::objects;
use kubernetes::schemas;
use kubernetes::schemas::{Kind, VERSION_FILE, Version, crd, openapi};
use kubernetes::validate::subject;
use kubernetes::validate::subject::Subject;
use toolbox::environment::Environment;
use toolbox::process::Invocation;
use toolbox::progress::Progress;
use toolbox::whole;
use workspace::Workspace;
use workspace::plan;
use workspace::plan::Inspections;

/// What was asked for.
#[derive(Debug, Default)]
pub struct Request {
    /// The cluster to ask.
    pub kubeconfig: Option<PathBuf>,
    /// The file to read.
    pub from: Option<PathBuf>,
    /// Write nothing.
    pub check: bool,
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    if !request.check && session.environment.ci {
        return Err(Diagnostic::new(Code::Usage, "`schemas` writes nothing where CI is set")
            .help("run it where people look at the diff, and commit schemas/; in CI, `--check`")
            .into());
    }
    let (workspace, mut diagnostics) = Workspace::load(&session.root)?;
    let wanted = wanted(session, &workspace, &mut diagnostics);
    // What could not be read or rendered may use any kind.
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let document = document(session, &workspace, request)?;
    let present = schemas::present(&session.root);
    let (mut written, mut removed) = (Vec::new(), Vec::new());
    let mut used: BTreeSet<String> = wanted.keys().filter_map(Kind::file).collect();
    match &document {
        None => diagnostics.extend(missing(&wanted, &present, &workspace)),
        Some(document) => {
            let kubernetes = version(&workspace, document)?;
            let derived = openapi::derive(document, &wanted.keys().cloned().collect());
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
            // The version comes last: whoever is stopped in between is told to run this again.
            files.push((VERSION_FILE.to_owned(), Version::text(&kubernetes)));
            for (file, text) in files {
                let path = session.root.join(schemas::FOLDER).join(&file);
                if std::fs::read_to_string(&path).is_ok_and(|now| now == text) {
                    continue;
                }
                if request.check {
                    diagnostics.push(outdated(&file, path.is_file()));
                } else {
                    whole::write(&path, text.as_bytes())?;
                    session.printer.status("Wrote", &format!("{}/{file}", schemas::FOLDER));
                    written.push(file);
                }
            }
        }
    }
    for file in present.difference(&used) {
        if request.check {
            diagnostics.push(
                Diagnostic::new(Code::SchemasOutdated, "no object has this kind any more")
                    .at(schemas::place(file), "")
                    .help("delete this file, or let `cargo xtask schemas` do it"),
            );
        } else {
            let path = session.root.join(schemas::FOLDER).join(file);
            std::fs::remove_file(&path).map_err(|error| Diagnostic::io("remove", &path, &error))?;
            session.printer.status("Removed", &format!("{}/{file}", schemas::FOLDER));
            removed.push(file.clone());
        }
    }
    diagnostics.sort();
    session.printer.finished(&format!("{} in use", plural(wanted.len(), "kind")));
    let kinds: Vec<String> = wanted.keys().map(ToString::to_string).collect();
    let fields = vec![("kinds", json!(kinds)), ("written", json!(written)), ("removed", json!(removed))];
    Ok(Outcome { diagnostics, fields })
}

/// The kinds that need a schema, each with the first object of it, if there is one.
fn wanted(
    session: &Session<'_>,
    workspace: &Workspace,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<Kind, Option<Subject>> {
    let (inspections, found) = Inspections::new(workspace);
    diagnostics.extend(found);
    let (targets, found) = plan::plan(workspace, &inspections, workspace.config.argocd, &[]);
    diagnostics.extend(found);
    let renderings = rendering::render(session, workspace, workspace.config.argocd, targets, false, diagnostics);
    let mut subjects = Vec::new();
    for one in &renderings {
        if let Some(Err(found)) = &one.rendered {
            diagnostics.extend(found.clone().for_target(&one.target.id));
        }
        subjects.extend(objects::subjects(&one.target, &one.golden, &one.manifests().unwrap_or_default()));
    }
    subjects.extend(workspace.argocd.iter().flat_map(|file| subject::of_argocd(&file.name, &file.documents)));
    let roots =
        subjects.iter().filter(|subject| subject.kind.kind == crd::KIND).map(|one| schemas::json(&one.object.root));
    let defined: BTreeSet<Kind> =
        roots.flat_map(|root| crd::served(&root).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>()).collect();
    let mut wanted = BTreeMap::new();
    for subject in subjects {
        // `lint` reads these, and a folder for `--crds` may describe them.
        let own = subject.argocd && subject.kind.group == "argoproj.io";
        if !own && !defined.contains(&subject.kind) {
            wanted.entry(subject.kind.clone()).or_insert(Some(subject));
        }
    }
    wanted.entry(Kind::new("apiextensions.k8s.io/v1", crd::KIND)).or_insert(None);
    wanted
}

/// What the server says of itself; nothing where no one was asked.
fn document(session: &Session<'_>, workspace: &Workspace, request: &Request) -> Result<Option<Value>> {
    let (bytes, name) = if let Some(kubeconfig) = &request.kubeconfig {
        (ask(session, workspace, kubeconfig)?, kubeconfig.display().to_string())
    } else if let Some(path) = &request.from {
        let mut bytes = Vec::new();
        let read = if path == Path::new("-") {
            std::io::stdin().read_to_end(&mut bytes).map(|_| ())
        } else {
            std::fs::read(path).map(|read| bytes = read)
        };
        read.map_err(|error| Diagnostic::io("read", path, &error))?;
        (bytes, path.display().to_string())
    } else {
        return Ok(None);
    };
    let refused = |what: String| {
        Diagnostic::new(Code::Usage, what)
            .at(Place::file(name.clone()), "")
            .help("give it what `kubectl get --raw /openapi/v2` prints")
    };
    let document: Value =
        serde_json::from_slice(&bytes).map_err(|error| refused(format!("this is no JSON: {error}")))?;
    if !openapi::is_openapi(&document) {
        return Err(refused("this is no OpenAPI document of version 2".to_owned()).into());
    }
    Ok(Some(document))
}

/// Asks a cluster that is named; the current context of whoever runs this has no say.
fn ask(session: &Session<'_>, workspace: &Workspace, kubeconfig: &Path) -> Result<Vec<u8>> {
    let tools = session.tools(workspace);
    let kubectl = match (workspace.config.tool("kubectl"), Environment::tool("kubectl")) {
        (Ok(version), _) => tools.require("kubectl", version)?.path,
        (Err(_), Some(path)) => path,
        (Err(_), None) => {
            return Err(Diagnostic::new(Code::ToolUnavailable, "charts.toml pins no kubectl")
                .help("name one with XTASK_KUBECTL")
                .help("or use `--from FILE`, with what `kubectl get --raw /openapi/v2` prints")
                .into());
        }
    };
    let kubeconfig = std::path::absolute(kubeconfig).unwrap_or_else(|_| kubeconfig.to_owned());
    if !kubeconfig.is_file() {
        return Err(Diagnostic::new(Code::Usage, format!("`{}` is not there", kubeconfig.display())).into());
    }
    let invocation = Invocation::new(&kubectl, &session.root)
        .args(["get", "--raw", "/openapi/v2", "--request-timeout", "30s", "--kubeconfig"])
        .args([&kubeconfig]);
    let output = invocation.run()?;
    if output.success() {
        return Ok(output.stdout);
    }
    Err(Diagnostic::new(Code::ProcessFailed, "the cluster does not say what it knows")
        .note(format!("command: {}", invocation.command_line()))
        .note(output.stderr.trim().to_owned())
        .into())
}

/// The version that a document is of, which has to be that of charts.toml up to the patch level.
fn version(workspace: &Workspace, document: &Value) -> Result<String> {
    let Some(version) = openapi::version(document) else {
        return Err(Diagnostic::new(Code::Usage, "the OpenAPI document names no Kubernetes version")
            .note("`info.version` should be one, such as `v1.34.4`")
            .into());
    };
    if schemas::minor(version) == schemas::minor(&workspace.config.kubernetes) {
        return Ok(version.to_owned());
    }
    let message = format!(
        "the OpenAPI document is of Kubernetes {version}, and charts.toml says {}",
        workspace.config.kubernetes
    );
    Err(Diagnostic::new(Code::Usage, message)
        .help("ask a cluster of the same minor version, or change charts.toml")
        .into())
}

/// A kind that the document does not have.
fn unknown(kind: &Kind, wanted: &BTreeMap<Kind, Option<Subject>>) -> Diagnostic {
    let message = format!("the API server does not know `{kind}`");
    let help = format!(
        "install its CustomResourceDefinition there, or allow it in charts.toml: `[[validate.unchecked]]`, `kind = \"{kind}\"`"
    );
    match wanted.get(kind).and_then(Option::as_ref) {
        Some(subject) => {
            let node = subject.object.root.get("apiVersion").unwrap_or(&subject.object.root);
            subject.finding(Code::SchemaMissing, message, node.place(), "").help(help)
        }
        None => Diagnostic::new(Code::SchemaMissing, message).help(help),
    }
}

/// Kinds without a schema, where no document tells more.
fn missing(wanted: &BTreeMap<Kind, Option<Subject>>, present: &BTreeSet<String>, workspace: &Workspace) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (kind, subject) in wanted {
        let there = kind.file().is_some_and(|file| present.contains(&file));
        if there || workspace.config.validate.unchecked.iter().any(|one| one.kind == *kind) {
            continue;
        }
        let help = "`cargo xtask schemas --from-cluster --kubeconfig FILE` adds it";
        let message = format!("`{kind}` has no schema");
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

fn outdated(file: &str, there: bool) -> Diagnostic {
    let message = if there { "this is not what the API server says" } else { "this schema is missing" };
    Diagnostic::new(Code::SchemasOutdated, message)
        .at(schemas::place(file), "")
        .help("run `cargo xtask schemas` with the same document, and commit what it writes")
}
