//! Fields of Applications and projects: their names, types, and values in Argo CD 3.5.
//!
//! Fields that affect a render are validated when the workspace is read. This check validates the other fields of
//! Applications in argocd/applications/, all fields of other Applications, such as the app of apps, and projects.
//! ApplicationSets are not validated, nor are `status` and `operation`, which Argo CD sets.

use std::path::Path;

use argocd::sync_options::Setter;
use argocd::{application, duration, jq_path, project, sync_options};
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, did_you_mean, nearest};
use document::{Fields, Node, Syntax, Value};
use workspace::written::Written;
use workspace::{CONFIG_FILE, Workspace};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ArgocdField];

/// Validates the manifests under argocd/.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        let mut found = Diagnostics::default();
        if !application.selected {
            unselected(&application, &subject.workspace.root, &mut found);
        }
        rest(application.root, &mut found);
        let found = if application.name.is_empty() { found } else { found.for_target(&application.name) };
        diagnostics.extend(found);
        let version = subject.workspace.config.argocd.version;
        for found in newer(application.root, &[&["spec", "source", "tagPrefix"]], version) {
            diagnostics.push(found.target(application.name));
        }
    }
    for document in subject.workspace.argocd.iter().flat_map(|file| &file.documents) {
        diagnostics.0.extend(identity(subject.workspace, &document.root));
        if project::is_project(document) {
            diagnostics.extend(project::read(document).1);
            diagnostics.extend(newer_in_project(&document.root, subject.workspace.config.argocd.version));
        }
        // The workspace reports duplicate keys in Applications that it renders.
        let selected = subject.workspace.config.selects(&document.root.source.name);
        let reported = text(&document.root, "kind") == "Application" && selected;
        let own = text(&document.root, "apiVersion").starts_with("argoproj.io/");
        for key in document.duplicates.iter().filter(|_| own && !reported) {
            let place = Place::new(&document.root.source, key.span.clone());
            diagnostics.push(
                invalid(format!("duplicate key `{}`", key.name), place, "second definition")
                    .help("delete one of them; Kubernetes uses the last"),
            );
        }
    }
    diagnostics
}

/// Reports fields that older releases than Argo CD 3.5 do not have.
fn newer(root: &Node, paths: &[&[&str]], version: &str) -> Vec<Diagnostic> {
    if !matches!(version, "3.3" | "3.4") {
        return Vec::new();
    }
    let there = paths.iter().filter_map(|path| {
        let (last, before) = path.split_last()?;
        let owner = root.find(before)?;
        owner.get(last)?;
        let message = format!("`{last}` is not supported by Argo CD {version}");
        Some(
            invalid(message, owner.key_place(last), "added in Argo CD 3.5")
                .help("delete it, or upgrade `argocd.version` in charts.toml"),
        )
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

/// Reports an object that looks like one of Argo CD's, but has another kind or API version.
fn identity(workspace: &Workspace, root: &Node) -> Option<Diagnostic> {
    const KINDS: &[&str] = &["AppProject", "Application", "ApplicationSet"];
    const VERSION: &str = "argoproj.io/v1alpha1";
    let (version, kind) = (text(root, "apiVersion"), text(root, "kind"));
    let at = |key: &str| root.get(key).unwrap_or(root).place();
    if KINDS.contains(&kind) {
        // The Kubernetes SIG Apps project also has a kind Application.
        if version != VERSION && !version.starts_with("app.k8s.io/") {
            let what = if version.is_empty() {
                format!("{kind} has no `apiVersion`")
            } else {
                format!("wrong `apiVersion: {version}` for {kind}")
            };
            return Some(
                invalid(what, at("apiVersion"), "ignored by Argo CD").help(format!("set `apiVersion: {VERSION}`")),
            );
        }
        return None;
    }
    // The workspace reports unknown kinds in files that it selects.
    let ours = version.starts_with("argoproj.io/") && !workspace.config.selects(&root.source.name);
    let near = nearest(kind, KINDS.iter().copied()).filter(|_| ours)?;
    Some(invalid(format!("unknown Argo CD kind `{kind}`"), at("kind"), "").help(did_you_mean(near)))
}

fn invalid(message: String, place: Place, label: &str) -> Diagnostic {
    Diagnostic::new(Code::ArgocdField, message).at(place, label)
}

/// Validates the fields of an Application that the workspace does not read.
pub(super) fn rest(root: &Node, diagnostics: &mut Diagnostics) {
    // The workspace reports a value that is not a mapping.
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
        let set = |key: &str| source.get(key).and_then(Node::as_str).is_some_and(|text| !text.is_empty());
        if set("chart") && set("path") {
            let found = invalid("`path` has no effect".to_owned(), source.key_place("path"), "ignored by Argo CD");
            let found = found.fact(Fact::Ineffective).fact(Fact::Field("path".to_owned()));
            let found = found.at(source.key_place("chart"), "a chart in the Helm repository `repoURL`");
            diagnostics.push(found.help("delete `chart` for a directory of a Git repository, or `path` for a chart"));
        }
        if set("chart")
            && !set("path")
            && text(source, "repoURL")
                .strip_prefix("https://")
                .is_some_and(|url| url.rsplit_once('.').is_some_and(|(_, end)| end == "git"))
        {
            let message = "`chart` is not allowed for a Git repository".to_owned();
            let label = "the name of a chart in a Helm repository";
            let found = invalid(message, source.key_place("chart"), label);
            let found = found.at(source.get("repoURL").unwrap_or(source).place(), "a Git repository");
            diagnostics.push(found.help("use `path` with the directory of the chart"));
        }
        let several = spec.get("sources").filter(|sources| !sources.items().is_empty());
        if let Some(sources) = several {
            let found = invalid("`source` has no effect".to_owned(), spec.key_place("source"), "ignored by Argo CD");
            let found = found.at(sources.place(), "used instead");
            diagnostics.push(found.help("move it into `sources`, or delete one of the two"));
        }
    }
    if let Some(helm) = mapping(&["spec", "source", "helm"]) {
        let mut fields = Fields::new(helm, "spec.source.helm", Syntax::Argocd);
        fields.flag("passCredentials");
        fields.finish_part(diagnostics);
        let set = |key: &str| helm.get(key).filter(|node| !matches!(node.value, Value::Null));
        if let (Some(object), Some(text)) = (set("valuesObject"), set("values"))
            && !object.entries().is_empty()
            && text.as_str().is_some_and(|text| !text.trim().is_empty())
        {
            let found = invalid("`values` has no effect".to_owned(), helm.key_place("values"), "ignored by Argo CD");
            let found = found.fact(Fact::Ineffective);
            let found = found.at(helm.key_place("valuesObject"), "used instead");
            diagnostics.push(found.help("move the values into `valuesObject`, and delete `values`"));
        }
        // Templates of Applications render empty ones from what is not set.
        let is_nameless = |item: &&Node| text(item, "name").is_empty() && !text(item, "value").is_empty();
        for item in helm.items_at(&["parameters"]).iter().filter(is_nameless) {
            let found = invalid("parameter has no effect without a name".to_owned(), item.place(), "ignored by Helm");
            diagnostics.push(found.help("add its `name`, or delete it"));
        }
    }
}

/// Validates an Application that charts.toml does not select, and reports one that renders a chart.
fn unselected(application: &Written<'_>, workspace: &Path, diagnostics: &mut Diagnostics) {
    let root = application.root;
    let Ok(read) = application::read_one(root).application.map_err(|found| diagnostics.extend(found)) else {
        return;
    };
    let has = |source: &application::Source, keys: &[&str]| keys.iter().any(|key| source.node.get(key).is_some());
    let folder = |source: &application::Source| {
        let path = source.node.get("path").and_then(Node::as_str).filter(|path| !path.is_empty());
        let files = ["Chart.yaml", "kustomization.yaml"];
        path.is_some_and(|path| files.iter().any(|file| workspace.join(path).join(file).is_file()))
    };
    let renders = |source: &&application::Source| {
        !has(source, &["directory"]) && (has(source, &["helm", "chart", "kustomize", "plugin"]) || folder(source))
    };
    if read.sources.iter().any(|source| renders(&source)) {
        diagnostics.push(
            invalid("Application is not rendered".to_owned(), root.get("kind").unwrap_or(root).place(), "")
                .fact(Fact::Unselected)
                .help(format!("add `{}` to `argocd.applications` in {CONFIG_FILE}", application.file)),
        );
    }
}

/// Validates the fields for syncing and comparing, which do not affect a render.
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
        if let Some(wrong) = sync_options::wrong(&option, Setter::Application) {
            fields.report(
                invalid(wrong.what, place, "ignored by Argo CD")
                    .facts(wrong.invalid.map(|name| Fact::Unsupported(name.to_owned())))
                    .help(wrong.help),
            );
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
        // A number without a unit means seconds.
        let fine = |text: &str| text.is_empty() || text.parse::<i64>().is_ok() || duration::parse(text).is_some();
        if let Some(text) = fields.string(key).filter(|text| !fine(text)) {
            let place = backoff.get(key).unwrap_or(backoff).place();
            let found =
                invalid(format!("invalid duration `{text}` in `{path}`"), place, "expected a duration such as `1m30s`");
            fields.report(found.note("with an invalid duration, Argo CD does not retry"));
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
                invalid(format!("invalid JSON pointer `{pointer}`"), place.clone(), "must start with `/`")
                    .help(format!("use `/{}`", pointer.trim_start_matches('.').replace('.', "/"))),
            );
        }
    }
    for (expression, place) in &expressions {
        if let Some(fault) = jq_path::fault(expression) {
            let message = format!("invalid jq expression `{expression}`");
            let found = invalid(message, place.clone(), &fault.problem)
                .note("Argo CD then compares no object of the Application");
            fields.report(match fault.fix {
                Some(fix) => found.help(fix),
                None => found,
            });
        }
    }
    let keys = ["jsonPointers", "jqPathExpressions", "managedFieldsManagers"];
    if pointers.is_empty()
        && expressions.is_empty()
        && managers.is_empty()
        && keys.iter().all(|key| node.get(key).is_none())
    {
        let label = "`jsonPointers`, `jqPathExpressions`, or `managedFieldsManagers` is required";
        let found = invalid("entry of `ignoreDifferences` has no effect".to_owned(), node.place(), label);
        fields.report(found.fact(Fact::Ineffective));
    }
    fields.finish(diagnostics);
}
