//! Every field of an Application or AppProject: known to Argo CD 3.5, of its type, and with a value that it takes.
//!
//! What decides a render is read, and told, when the workspace is; here is the rest of an Application in
//! argocd/applications/, and all of those elsewhere, such as the root Application. Projects are read in
//! `workspace::project`; this file tells what was wrong with them.
//!
//! Deliberately absent: ApplicationSets, and what Argo CD writes itself (`status`, `operation`).

use super::subject::Subject;
use argocd::sync_options;
use argocd::sync_options::Setter;
use argocd::{application, duration, project};
use diagnostics::{Code, Diagnostic, Diagnostics, Place, nearest};
use document::{Fields, Node, Syntax, Value};
use workspace::APPLICATIONS;
use workspace::written::Written;

/// What this check finds.
pub const CODES: &[Code] = &[Code::ArgocdField];

/// Reads all of Argo CD's manifests to the end.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        let mut found = Diagnostics::default();
        if application.is_in_its_folder() {
            rest(application.root, &mut found);
        } else {
            whole(&application, &mut found);
        }
        let found = if application.name.is_empty() { found } else { found.for_target(&application.name) };
        diagnostics.extend(found);
        let version = subject.workspace.config.argocd.version;
        for found in newer(application.root, &[&["spec", "source", "tagPrefix"]], version) {
            diagnostics.push(found.target(application.name));
        }
    }
    for document in subject.workspace.argocd.iter().flat_map(|file| &file.documents) {
        diagnostics.0.extend(identity(&document.root));
        if project::is_project(document) {
            diagnostics.extend(project::read(document).1);
            diagnostics.extend(newer_in_project(&document.root, subject.workspace.config.argocd.version));
        }
        // Of Applications in their folder, the workspace tells.
        let told = text(&document.root, "kind") == "Application" && document.root.source.name.starts_with(APPLICATIONS);
        let own = text(&document.root, "apiVersion").starts_with("argoproj.io/");
        for key in document.duplicates.iter().filter(|_| own && !told) {
            let place = Place::new(&document.root.source, key.span.clone());
            diagnostics.push(
                invalid(format!("`{}` stands twice", key.name), place, "the second one")
                    .help("keep one; Kubernetes would silently take the last"),
            );
        }
    }
    diagnostics
}

/// Fields that came with Argo CD 3.5, for the releases before it.
fn newer(root: &Node, paths: &[&[&str]], version: &str) -> Vec<Diagnostic> {
    if !matches!(version, "3.3" | "3.4") {
        return Vec::new();
    }
    let there = paths.iter().filter_map(|path| {
        let (last, before) = path.split_last()?;
        let owner = root.find(before)?;
        owner.get(last)?;
        let message = format!("Argo CD {version} does not know `{last}`");
        Some(invalid(message, owner.key_place(last), "it came with 3.5").help("delete it, or raise `argocd.version`"))
    });
    there.collect()
}

fn newer_in_project(root: &Node, version: &str) -> Diagnostics {
    let mut found = newer(root, &[&["spec", "sourceIntegrity"]], version);
    for window in root.find(&["spec", "syncWindows"]).map(Node::items).unwrap_or_default() {
        found.extend(newer(window, &[&["syncOverrun"]], version));
    }
    Diagnostics(found)
}

fn text<'a>(root: &'a Node, key: &str) -> &'a str {
    root.get(key).and_then(Node::as_str).unwrap_or_default()
}

/// What looks like one of Argo CD's objects, and is none to Argo CD.
fn identity(root: &Node) -> Option<Diagnostic> {
    const KINDS: &[&str] = &["AppProject", "Application", "ApplicationSet"];
    const VERSION: &str = "argoproj.io/v1alpha1";
    let (version, kind) = (text(root, "apiVersion"), text(root, "kind"));
    let at = |key: &str| root.get(key).unwrap_or(root).place();
    if is_list(root) {
        // Of one with Applications in it, the workspace tells.
        let ours = |item: &Node| text(item, "apiVersion").starts_with("argoproj.io/");
        let told = root.source.name.starts_with(APPLICATIONS);
        let first = root.get("items").map(Node::items).unwrap_or_default().iter().any(ours);
        return (first && !told).then(|| {
            invalid("what is of Argo CD is not read in a list".to_owned(), at("kind"), "")
                .help("write each as a document of its own, with `---` between them")
        });
    }
    if KINDS.contains(&kind) {
        // Another project has Applications too.
        if version != VERSION && !version.starts_with("app.k8s.io/") {
            let what = if version.is_empty() {
                format!("this {kind} says no `apiVersion`")
            } else {
                format!("`{version}` has no {kind}")
            };
            return Some(
                invalid(what, at("apiVersion"), "so nobody looks at this")
                    .help(format!("write `apiVersion: {VERSION}`")),
            );
        }
        // In their folder, the workspace tells.
        let missed = kind == "ApplicationSet" && !root.source.name.starts_with(APPLICATIONS);
        return missed.then(|| {
            invalid("nothing renders the Applications of this ApplicationSet".to_owned(), at("kind"), "")
                .help("write an Application for each chart")
        });
    }
    // In their folder, the workspace tells.
    let ours = version.starts_with("argoproj.io/") && !root.source.name.starts_with(APPLICATIONS);
    let near = nearest(kind, KINDS.iter().copied()).filter(|_| ours)?;
    Some(
        invalid(format!("Argo CD has no {kind}"), at("kind"), "so nobody looks at this")
            .help(format!("did you mean `{near}`?")),
    )
}

/// Whether something is a list of objects, as `kubectl get` prints one.
fn is_list(root: &Node) -> bool {
    text(root, "kind") == "List" && root.get("items").is_some()
}

fn invalid(message: String, place: Place, label: &str) -> Diagnostic {
    Diagnostic::new(Code::ArgocdField, message).at(place, label)
}

/// What the workspace leaves unread of an Application.
fn rest(root: &Node, diagnostics: &mut Diagnostics) {
    // That one of these is no mapping, the workspace tells.
    let mapping = |path: &[&str]| root.find(path).filter(|node| matches!(node.value, Value::Mapping(_)));
    if let Some(metadata) = mapping(&["metadata"]) {
        let mut fields = Fields::new(metadata, "metadata", Syntax::Argocd);
        fields.texts("labels");
        fields.texts("annotations");
        fields.strings("finalizers");
        fields.finish_part(diagnostics);
    }
    let Some(spec) = mapping(&["spec"]) else { return };
    let mut fields = Fields::new(spec, "spec", Syntax::Argocd);
    policies(&mut fields, diagnostics);
    fields.finish_part(diagnostics);
    if let Some(destination) = mapping(&["spec", "destination"]) {
        let mut fields = Fields::new(destination, "spec.destination", Syntax::Argocd);
        fields.string("server");
        fields.string("name");
        fields.finish_part(diagnostics);
    }
    if let Some(source) = mapping(&["spec", "source"]) {
        let mut fields = Fields::new(source, "spec.source", Syntax::Argocd);
        fields.string("name");
        fields.string("tagPrefix");
        fields.finish_part(diagnostics);
    }
    if let Some(helm) = mapping(&["spec", "source", "helm"]) {
        let mut fields = Fields::new(helm, "spec.source.helm", Syntax::Argocd);
        fields.flag("passCredentials");
        fields.finish_part(diagnostics);
    }
}

/// All of an Application that the workspace does not read.
fn whole(application: &Written<'_>, diagnostics: &mut Diagnostics) {
    let root = application.root;
    let mut top = Fields::new(root, "", Syntax::Argocd);
    top.ignore(&["apiVersion", "kind", "status", "operation"]);
    let metadata = top.required("metadata");
    let spec = top.required("spec");
    top.finish(diagnostics);
    if let Some(metadata) = metadata {
        project::read_metadata(metadata, diagnostics);
    }
    let Some(spec) = spec else { return };
    let mut fields = Fields::new(spec, "spec", Syntax::Argocd);
    fields.required_string("project");
    policies(&mut fields, diagnostics);
    let destination = fields.required("destination");
    fields.ignore(&["sources", "sourceHydrator"]);
    let several = spec.get("sources").or(spec.get("sourceHydrator")).is_some();
    let source = if several { fields.node("source") } else { fields.required("source") };
    fields.finish(diagnostics);
    if let Some(destination) = destination {
        let mut fields = Fields::new(destination, "spec.destination", Syntax::Argocd);
        for key in ["server", "name", "namespace"] {
            fields.string(key);
        }
        fields.finish(diagnostics);
    }
    let Some(source) = source else { return };
    let mut fields = Fields::new(source, "spec.source", Syntax::Argocd);
    fields.required_string("repoURL");
    for key in ["path", "targetRevision", "chart", "ref", "name", "tagPrefix"] {
        fields.string(key);
    }
    fields.ignore(&["helm", "kustomize", "plugin"]);
    let directory = fields.node("directory");
    fields.finish(diagnostics);
    diagnostics.extend(application::helm_options(source).err().unwrap_or_default());
    if let Some(directory) = directory {
        let mut fields = Fields::new(directory, "spec.source.directory", Syntax::Argocd);
        fields.flag("recurse");
        fields.string("include");
        fields.string("exclude");
        fields.ignore(&["jsonnet"]);
        fields.finish(diagnostics);
    }
    let renders = source.get("directory").is_none()
        && ["helm", "chart", "kustomize", "plugin"].iter().any(|key| source.get(key).is_some());
    if renders {
        let label = format!("Applications are looked for in {APPLICATIONS}/");
        diagnostics.push(
            invalid("nothing renders this Application".to_owned(), root.get("kind").unwrap_or(root).place(), &label)
                .help(format!("move it to {APPLICATIONS}/{}.yaml", application.name)),
        );
    }
}

/// How an Application is synced and compared, which no render depends on.
fn policies(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) {
    fields.integer("revisionHistoryLimit");
    for node in fields.sequence("info") {
        let mut fields = Fields::new(node, "spec.info[]", Syntax::Argocd);
        fields.required_string("name");
        fields.required_string("value");
        fields.finish(diagnostics);
    }
    for node in fields.sequence("ignoreDifferences") {
        ignored_difference(node, diagnostics);
    }
    let Some(policy) = fields.node("syncPolicy") else { return };
    let mut fields = Fields::new(policy, "spec.syncPolicy", Syntax::Argocd);
    let automated = fields.node("automated");
    let managed = fields.node("managedNamespaceMetadata");
    let retry = fields.node("retry");
    for (option, place) in fields.strings("syncOptions") {
        if let Some((what, help)) = sync_options::wrong(&option, Setter::Application) {
            fields.report(invalid(what, place, "has no effect").help(help));
        }
    }
    fields.finish(diagnostics);
    if let Some(node) = automated {
        let mut fields = Fields::new(node, "spec.syncPolicy.automated", Syntax::Argocd);
        for key in ["prune", "selfHeal", "allowEmpty", "enabled"] {
            fields.flag(key);
        }
        fields.finish(diagnostics);
    }
    if let Some(node) = managed {
        let mut fields = Fields::new(node, "spec.syncPolicy.managedNamespaceMetadata", Syntax::Argocd);
        fields.texts("labels");
        fields.texts("annotations");
        fields.finish(diagnostics);
    }
    if let Some(node) = retry {
        self::retry(node, diagnostics);
    }
}

fn retry(node: &Node, diagnostics: &mut Diagnostics) {
    let mut fields = Fields::new(node, "spec.syncPolicy.retry", Syntax::Argocd);
    fields.integer("limit");
    fields.flag("refresh");
    let backoff = fields.node("backoff");
    fields.finish(diagnostics);
    let Some(backoff) = backoff else { return };
    let mut fields = Fields::new(backoff, "spec.syncPolicy.retry.backoff", Syntax::Argocd);
    fields.integer("factor");
    for key in ["duration", "maxDuration"] {
        let path = fields.path_of(key);
        // A lone number means seconds here.
        let fine = |text: &str| text.is_empty() || text.parse::<i64>().is_ok() || duration::parse(text).is_some();
        if let Some(text) = fields.string(key).filter(|text| !fine(text)) {
            let place = backoff.get(key).unwrap_or(backoff).place();
            let found = invalid(format!("`{path}` is no duration: `{text}`"), place, "expected something like `1m30s`");
            fields.report(found.note("Argo CD then retries nothing"));
        }
    }
    fields.finish(diagnostics);
}

fn ignored_difference(node: &Node, diagnostics: &mut Diagnostics) {
    let mut fields = Fields::new(node, "spec.ignoreDifferences[]", Syntax::Argocd);
    fields.required_string("kind");
    for key in ["group", "name", "namespace"] {
        fields.string(key);
    }
    let pointers = fields.strings("jsonPointers");
    let expressions = fields.strings("jqPathExpressions");
    let managers = fields.strings("managedFieldsManagers");
    for (pointer, place) in &pointers {
        if !pointer.starts_with('/') {
            fields.report(
                invalid(
                    format!("`{pointer}` is no JSON pointer"),
                    place.clone(),
                    "expected `/spec/replicas` and its like",
                )
                .help(format!("write `/{}`", pointer.trim_start_matches('.').replace('.', "/"))),
            );
        }
    }
    let keys = ["jsonPointers", "jqPathExpressions", "managedFieldsManagers"];
    if pointers.is_empty()
        && expressions.is_empty()
        && managers.is_empty()
        && keys.iter().all(|key| node.get(key).is_none())
    {
        let label = "expected `jsonPointers`, `jqPathExpressions`, or `managedFieldsManagers`";
        fields.report(invalid("this ignores nothing".to_owned(), node.place(), label));
    }
    fields.finish(diagnostics);
}
