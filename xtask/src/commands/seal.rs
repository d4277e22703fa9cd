//! `seal`: seals values for an Application offline, and prints them where its chart, or the cluster, expects them.
//!
//! Values are read from files or from standard input, and reach kubeseal through its standard input: never as an argument
//! and never through a file.
//!
//! Where a chart expects ciphertexts shows the rendered output: if a case of the Application renders a SealedSecret of this
//! name, the value file of that case has its ciphertexts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use document::{Node, yaml};
use golden::{Golden, objects};
use kubernetes::forms;
use kubernetes::object::Object;
use toolbox::process::Invocation;
use toolbox::progress::Progress;
use toolbox::source;
use workspace::plan;
use workspace::sealing::{self, Certificate};
use workspace::target::{DEFAULT_CASE, Target};
use workspace::{Workspace, files};

use super::{Outcome, Session, app_of_apps};
pub use crate::cli::Seal as Request;
use crate::lint::sealed_secret;
use crate::report::json::{self, Output};

/// The time limit of kubeseal, which only encrypts.
const DEADLINE: Duration = Duration::from_secs(30);

/// The file that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let wanted = wanted(&request.values)?;
    // Broken Applications are ignored, because sealing is often what repairs them.
    let (workspace, _) = app_of_apps::load(session)?;
    let (certificate, diagnostics) = certificate(session, &workspace)?;
    let app = std::slice::from_ref(&request.app);
    let (targets, found) = plan::plan(&workspace, workspace.config.argocd, app);
    let Some(first) = targets.first() else { return Err(found) };
    let namespace = first.deployment.application.namespace.clone();
    if namespace.is_empty() {
        let message = format!("the Application `{}` has no namespace to seal for", request.app);
        return Err(Diagnostic::new(Code::Usage, message).help("set `spec.destination.namespace`").into());
    }
    let rendered = rendered(session, &targets, &namespace);
    let name = match &request.name {
        Some(name) => name.clone(),
        None => only_name(&request.app, &rendered)?,
    };
    if let Some(expected) = forms::subdomain(&name) {
        return Err(
            Diagnostic::new(Code::Usage, format!("`{name}` is not a valid name of a Secret: {expected}")).into()
        );
    }
    if let Some(wider) = rendered.iter().find(|one| one.name == name).and_then(|one| one.wider.clone()) {
        return Err(wider.into());
    }
    let tools = session.tools(&workspace);
    let kubeseal = tools.require("kubeseal", workspace.config.tool("kubeseal")?)?.path;
    let mut encrypted = BTreeMap::new();
    for Wanted { key, file } in wanted {
        let value = read(session, &key, &file)?;
        let ciphertext = seal(&kubeseal, &session.root, &certificate, &namespace, &name, value)?;
        encrypted.insert(key, ciphertext);
    }
    let path = rendered.iter().find(|one| one.name == name).and_then(|one| one.path.clone());
    let text = path.as_ref().map_or_else(|| manifest(&namespace, &name, &encrypted), |path| values(path, &encrypted));
    session.printer.result(&text);
    session.printer.finished(&format!("sealing {} for Secret {namespace}/{name}", plural(encrypted.len(), "value")));
    let sealed = json::Seal { namespace, name, encrypted_data: encrypted, path };
    Ok(Outcome { diagnostics, output: Output::Seal(sealed) })
}

/// A value to seal.
struct Wanted {
    key: String,
    file: String,
}

fn wanted(given: &[String]) -> Result<Vec<Wanted>> {
    let mut diagnostics = Diagnostics::default();
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut keys = BTreeSet::new();
    for text in given {
        // Only the part before `=` is repeated: the rest may be a value that was passed by mistake.
        let wrong = |message: String| {
            Diagnostic::new(Code::Usage, message).help("for example: `sasl_passwd=-`, with the value on standard input")
        };
        match text.split_once('=') {
            Some((key, file)) if !file.is_empty() => {
                if let Some(expected) = forms::config_key(key) {
                    diagnostics.push(wrong(format!("`{key}` is not a valid key of a Secret: {expected}")));
                } else if !keys.insert(key) {
                    diagnostics.push(wrong(format!("the key `{key}` is passed twice")));
                } else {
                    wanted.push(Wanted { key: key.to_owned(), file: file.to_owned() });
                }
            }
            Some((key, _)) => diagnostics.push(wrong(format!("`{key}=` has no file name"))),
            None => diagnostics.push(wrong("expected `KEY=FILE`".to_owned())),
        }
    }
    if wanted.iter().filter(|one| one.file == STANDARD_INPUT).count() > 1 {
        diagnostics.push(Diagnostic::new(Code::Usage, "only one value can be read from standard input"));
    }
    diagnostics.into_result(wanted)
}

fn certificate(session: &Session<'_>, workspace: &Workspace) -> Result<(Certificate, Diagnostics)> {
    let Some(setting) = &workspace.config.sealing.certificate else {
        return Err(Diagnostic::new(Code::ConfigInvalid, "`sealed-secrets.certificate` is not set in charts.toml")
            .at(Place::file(files::CONFIG_FILE), "")
            .help("write the controller's certificate with `kubeseal --fetch-cert > sealed-secrets.pem`, and set `certificate = \"sealed-secrets.pem\"` in `[sealed-secrets]`")
            .into());
    };
    let (certificate, diagnostics) = sealing::certificate(&session.root, setting, session.environment.now);
    certificate.map(|certificate| (certificate, diagnostics.clone())).ok_or(diagnostics)
}

/// A SealedSecret that a target renders.
struct Rendered {
    name: String,
    /// Whether the Application itself renders it, and not only a case.
    deployed: bool,
    /// Where the values have its ciphertexts.
    path: Option<Vec<String>>,
    /// The error if its scope is not strict: the controller would not decrypt what is sealed for its name.
    wider: Option<Diagnostic>,
}

fn rendered(session: &Session<'_>, targets: &[Target<'_>], namespace: &str) -> Vec<Rendered> {
    let mut found = Vec::new();
    for target in targets {
        let Ok(golden) = Golden::load(&session.root, &target.id) else { continue };
        let recorded = golden.recorded(namespace);
        for object in objects::read(target, &golden, &recorded) {
            if object.key.kind != "SealedSecret" || object.key.group != "bitnami.com" {
                continue;
            }
            let (path, wider) = (value_path(session, target, &object), wider(&object));
            found.push(Rendered { name: object.key.name, deployed: target.id.case == DEFAULT_CASE, path, wider });
        }
    }
    found
}

fn wider(object: &Object) -> Option<Diagnostic> {
    let (scope, place) = sealed_secret::scope(object.root.get("metadata")?)?;
    let message = format!("{} has the scope {scope}, but `seal` binds values to its name", object.key);
    let label = "the controller cannot decrypt them with this annotation";
    let help = format!(
        "remove the annotation, or run `kubeseal --raw --scope {scope} --cert FILE`, and read docs/checks.md#sealed-secret-scope"
    );
    Some(object.finding(Code::SealedSecretScope, message, place, label).help(help))
}

/// The path of the mapping in the values of a target that has the first ciphertext of a SealedSecret.
fn value_path(session: &Session<'_>, target: &Target<'_>, object: &Object) -> Option<Vec<String>> {
    let data = object.root.get("spec")?.get("encryptedData")?;
    let ciphertext = data.entries().iter().find_map(|(_, value)| value.as_str())?;
    target.charts().find_map(|chart| {
        let recipe = chart.recipe;
        let inline = recipe.inline_values.as_ref().map(|text| diagnostics::Source::new("", text.as_str()));
        let own = chart.chart.directory.join("values.yaml");
        let read = |path: &PathBuf| source::read(&session.root, path).ok();
        let files = recipe.case_file.iter().chain(recipe.value_files.iter().rev()).chain([&own]).filter_map(read);
        files.chain(inline).find_map(|source| {
            let document = yaml::parse_one(&source).ok()?;
            let mut path = Vec::new();
            holds(&document.root, ciphertext, &mut path).then_some(path)
        })
    })
}

/// Finds the mapping with a value, and returns its path in `path`.
fn holds(node: &Node, wanted: &str, path: &mut Vec<String>) -> bool {
    if node.entries().iter().any(|(_, value)| value.as_str() == Some(wanted)) {
        return true;
    }
    node.entries().iter().any(|(key, value)| {
        path.push(key.name.clone());
        let found = holds(value, wanted, path);
        if !found {
            path.pop();
        }
        found
    })
}

/// The name of the SealedSecret of an Application, if it has exactly one.
fn only_name(app: &str, rendered: &[Rendered]) -> Result<String> {
    let names = |deployed: bool| -> BTreeSet<&str> {
        rendered.iter().filter(|one| one.deployed || !deployed).map(|one| one.name.as_str()).collect()
    };
    let (own, all) = (names(true), names(false));
    let chosen = if own.is_empty() { &all } else { &own };
    if let (Some(name), 1) = (chosen.first(), chosen.len()) {
        return Ok((*name).to_owned());
    }
    let usage = |message: String, help: String| Err(Diagnostic::new(Code::Usage, message).help(help).into());
    let listed = chosen.iter().map(|name| format!("`--name {name}`")).collect::<Vec<_>>().join(" or ");
    match chosen.len() {
        0 => usage(
            format!("the name of the Secret is required: `{app}` renders no SealedSecret"),
            "add `--name NAME`, the name of the Secret that the workload uses".to_owned(),
        ),
        _ => usage(
            format!("the name of the Secret is required: `{app}` and its cases render several SealedSecrets"),
            format!("add {listed}"),
        ),
    }
}

fn read(session: &Session<'_>, key: &str, file: &str) -> Result<Vec<u8>> {
    if file != STANDARD_INPUT {
        // Relative to the current directory, as in every other program.
        let path = Path::new(file);
        return std::fs::read(path).map_err(|error| Diagnostic::io("read", path, &error).into());
    }
    let mut input = std::io::stdin();
    let typed = input.is_terminal();
    if typed {
        session.printer.status("Reading", &format!("the value of `{key}`: end it with Ctrl-D at the start of a line"));
    }
    let mut value = Vec::new();
    let read = input.read_to_end(&mut value);
    read.map_err(|error| Diagnostic::io("read", Path::new("standard input"), &error))?;
    // A person ends the last line; a program decides whether a line break belongs to the value.
    if typed && value.last() == Some(&b'\n') {
        value.pop();
    }
    if value.is_empty() {
        let message = format!("the value of `{key}` on standard input is empty");
        return Err(Diagnostic::new(Code::Usage, message).into());
    }
    Ok(value)
}

fn seal(
    kubeseal: &Path,
    root: &Path,
    certificate: &Certificate,
    namespace: &str,
    name: &str,
    value: Vec<u8>,
) -> Result<String> {
    let invocation = Invocation::new(kubeseal, root)
        .args(["--raw", "--scope", "strict", "--from-file", "/dev/stdin", "--namespace", namespace, "--name", name])
        .args(["--cert"])
        .args([certificate.path.as_path()])
        .deadline(DEADLINE)
        .input(value);
    let output = invocation.run()?;
    let ciphertext = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.success() && !ciphertext.is_empty() {
        return Ok(ciphertext);
    }
    Err(Diagnostic::new(Code::ProcessFailed, "kubeseal failed").note(output.stderr.trim().to_owned()).into())
}

/// The ciphertexts as values of a chart.
fn values(path: &[String], encrypted: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (depth, key) in path.iter().enumerate() {
        text.push_str(&format!("{}{}:\n", "  ".repeat(depth), scalar(key)));
    }
    for (key, ciphertext) in encrypted {
        text.push_str(&format!("{}{}: {ciphertext}\n", "  ".repeat(path.len()), scalar(key)));
    }
    text
}

/// A SealedSecret. Without a scope annotation, it is strict.
fn manifest(namespace: &str, name: &str, encrypted: &BTreeMap<String, String>) -> String {
    let spec = values(&["spec".to_owned(), "encryptedData".to_owned()], encrypted);
    let (name, namespace) = (scalar(name), scalar(namespace));
    let metadata =
        |indent: &str| format!("{indent}metadata:\n{indent}  name: {name}\n{indent}  namespace: {namespace}\n");
    let (own, template) = (metadata(""), metadata("    "));
    format!("apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n{own}{spec}  template:\n{template}")
}

/// A key or a name in YAML. They consist of letters, digits, `-`, `_`, and `.`, but may look like another type.
fn scalar(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !matches!(key.to_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n");
    if plain { key.to_owned() } else { format!("{key:?}") }
}
