//! Destinations: each Application has one cluster and one namespace, and renders objects only into that namespace.
//!
//! An object in another namespace needs a wider project. For cluster-scoped objects, Argo CD ignores the namespace.

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, did_you_mean, is_series, nearest_within};
use document::Node;
use kubernetes::forms;
use kubernetes::object::Object;
use kubernetes::scope::{Scope, Scopes};
use workspace::Deployment;
use workspace::target::DEFAULT_CASE;
use workspace::written::Written;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ApplicationDestination, Code::NamespaceMismatch];

/// Checks the destinations of Applications and the namespaces of objects.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let path = ["spec", "destination"];
    let scopes = Scopes::new(subject.objects);
    let declared: Vec<&str> = subject.workspace.config.clusters.iter().map(|one| one.cluster.name.as_str()).collect();
    for application in subject.applications().iter().filter(|application| application.root.find(&path).is_some()) {
        diagnostics.0.extend(cluster_misspelled(application, &declared));
        diagnostics.extend(destination(application));
        diagnostics.0.extend(without_namespace(subject, application, &scopes));
        diagnostics.0.extend(invalid_namespace(subject, application, &scopes));
    }
    for target in subject.targets {
        let expected = &target.deployment.application.namespace;
        // Templates should use the namespace of the release. Elsewhere, a namespace is set on purpose.
        let expected = if target.charts().next().is_some() { expected.as_str() } else { "" };
        for object in subject.by_target.of(&target.id.to_string()) {
            diagnostics.0.extend(namespace(object, expected, &scopes));
        }
    }
    diagnostics
}

fn destination(application: &Written<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let path = ["spec", "destination"];
    let finding =
        |message: &str, place, label: &str| application.finding(Code::ApplicationDestination, message, place, label);
    let server = application.text(&["spec", "destination", "server"]);
    let name = application.text(&["spec", "destination", "name"]);
    if let Some(server) = server.filter(|server| !is_address(server)) {
        diagnostics.push(
            finding(
                &format!("`{server}` is not the URL of an API server"),
                application.place(&["spec", "destination", "server"]),
                "expected an `https://` URL",
            )
            .help("use `https://kubernetes.default.svc` for the cluster that Argo CD runs in, or set `name` instead"),
        );
    }
    match (server, name) {
        (Some(_), Some(_)) => diagnostics.push(
            finding(
                "`server` and `name` of a destination are mutually exclusive",
                application.place(&["spec", "destination", "name"]),
                "",
            )
            .at(application.place(&["spec", "destination", "server"]), "")
            .help("delete one of them"),
        ),
        (None, None) => diagnostics.push(
            finding("destination has neither `server` nor `name`", application.place(&path), "")
                .help("add `server: https://kubernetes.default.svc` for the cluster that Argo CD runs in"),
        ),
        _ => {}
    }
    let namespace = application.namespace();
    let charts = application.deployment.into_iter().flat_map(Deployment::charts);
    let mut namespaces = charts.filter_map(|chart| chart.options.namespace.as_deref());
    if let Some(release) = namespaces.find(|name| *name != namespace) {
        let place = application.place(&["spec", "source", "helm", "namespace"]);
        diagnostics.push(
            finding(&format!("`helm.namespace` differs from the destination namespace `{namespace}`"), place, "")
                .note(format!(
                    "`.Release.Namespace` is `{release}`, but objects without a namespace are deployed to `{namespace}`"
                ))
                .help("delete `spec.source.helm.namespace`"),
        );
    }
    diagnostics
}

/// The name of the cluster that Argo CD runs in.
const OWN: &str = "in-cluster";

/// Reports the name of a cluster that is nearly that of Argo CD's own, or of a declared one. Other clusters may exist.
fn cluster_misspelled(application: &Written<'_>, declared: &[&str]) -> Option<Diagnostic> {
    let path = ["spec", "destination", "name"];
    let name = application.text(&path).filter(|name| *name != OWN && !declared.contains(name))?;
    let near = nearest_within(name, 2, declared.iter().copied().filter(|one| one.len() > 5).chain([OWN]))?;
    if is_series(near, name) {
        return None;
    }
    let message = format!("cluster `{name}` is not declared");
    let found = application.finding(Code::ApplicationDestination, message, application.place(&path), "");
    Some(found.help(did_you_mean(near)))
}

/// Reports a destination without a namespace if an object needs one. Cluster-scoped objects, and objects that name their
/// namespace, do not; but the release of a chart is then in the namespace `default`.
fn without_namespace(subject: &Subject<'_>, application: &Written<'_>, scopes: &Scopes) -> Option<Diagnostic> {
    if !application.namespace().is_empty() {
        return None;
    }
    let released = application.deployment.is_some_and(|deployment| deployment.charts().next().is_some());
    let need = |object: &Object| {
        let scope = scopes.of(&object.key.group, &object.key.kind);
        let named = object.find(&["metadata", "namespace"]).and_then(Node::as_str).unwrap_or_default();
        match named {
            _ if scope != Some(Scope::Namespaced) => None,
            "" => Some("has no namespace either"),
            "default" if released => Some("is rendered into the namespace `default`"),
            _ => None,
        }
    };
    let objects = subject.by_target.of(&format!("{}/{DEFAULT_CASE}", application.name));
    let (object, label) = objects.iter().find_map(|object| Some((object, need(object)?)))?;
    let place = application.place(&["spec", "destination"]);
    let found = application
        .finding(Code::ApplicationDestination, "destination has no `namespace`", place, "")
        .fact(Fact::Required("namespace".to_owned()))
        .at(object.root.get("kind").unwrap_or(&object.root).place(), label);
    let found = if released {
        found.note("`.Release.Namespace` is `default`")
    } else {
        found.note("Argo CD rejects objects without `metadata.namespace`: `Namespace … is missing`")
    };
    Some(found.help("add `namespace` to `spec.destination`"))
}

/// Reports a destination namespace that cannot exist, once instead of for each object, if the sync creates it, or an object
/// is in it. Objects that name their namespace, and cluster-scoped ones, do not need it.
fn invalid_namespace(subject: &Subject<'_>, application: &Written<'_>, scopes: &Scopes) -> Option<Diagnostic> {
    let namespace = application.namespace();
    let expected = forms::label(namespace).filter(|_| !namespace.is_empty())?;
    let is_in_it = |object: &&Object| {
        let named = object.find(&["metadata", "namespace"]).and_then(Node::as_str).unwrap_or_default();
        scopes.of(&object.key.group, &object.key.kind) == Some(Scope::Namespaced)
            && (named.is_empty() || named == namespace)
    };
    let object = subject.by_target.of(&format!("{}/{DEFAULT_CASE}", application.name)).iter().find(is_in_it);
    if object.is_none() && !application.has_sync_option("CreateNamespace=true") {
        return None;
    }
    let place = application.place(&["spec", "destination", "namespace"]);
    let message = format!("invalid namespace `{namespace}`");
    Some(application.finding(Code::ApplicationDestination, message, place, expected))
}

/// Whether a text may be the URL of an API server.
pub(super) fn is_address(server: &str) -> bool {
    server.starts_with("https://") || server.starts_with("http://")
}

fn namespace(object: &Object, expected: &str, scopes: &Scopes) -> Option<Diagnostic> {
    let node = object.find(&["metadata", "namespace"])?;
    let named = node.as_str()?;
    let object_finding =
        |message: String, label: String| object.finding(Code::NamespaceMismatch, message, node.place(), label);
    let what = format!("{} `{}`", object.key.kind, object.key.name);
    if scopes.of(&object.key.group, &object.key.kind) == Some(Scope::Cluster) {
        return Some(
            object_finding(format!("cluster-scoped {what} has a namespace"), String::new())
                .note("Argo CD ignores it; `kubectl` and other tools may not")
                .help("delete `metadata.namespace` in the template"),
        );
    }
    // The Role that lets an extension API server read its configuration is only in that namespace.
    let configuration = named == "kube-system"
        && object.find(&["roleRef", "name"]).and_then(Node::as_str)
            == Some("extension-apiserver-authentication-reader");
    (!named.is_empty() && !expected.is_empty() && named != expected && !configuration).then(|| {
        object_finding(
            format!("{what} is rendered into namespace `{named}`"),
            format!("destination namespace is `{expected}`"),
        )
        .fact(Fact::Namespace(named.to_owned()))
        .help("use `{{ .Release.Namespace }}`, or deploy the object with a separate Application")
    })
}
