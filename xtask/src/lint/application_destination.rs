//! Where an Application is deployed: one cluster, one namespace, and every object that it renders in just that one.
//!
//! An object in another namespace is outside of what the Application says of itself, and needs a wider project. Of
//! objects that belong to the cluster, Argo CD drops the namespace.

use super::subject::Subject;
use diagnostics::{Code, Diagnostic, Diagnostics};
use kubernetes::object::Object;
use kubernetes::scope::{Scope, Scopes};
use workspace::written;

/// What this check finds.
pub const CODES: &[Code] = &[Code::ApplicationDestination, Code::NamespaceMismatch];

/// Looks at destinations, and at the namespaces that objects name.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        diagnostics.extend(destination(&application));
    }
    let scopes = Scopes::new(subject.objects);
    for target in subject.targets {
        let expected = &target.deployment.application.namespace;
        let id = target.id.to_string();
        for object in subject.objects.iter().filter(|object| object.target == id) {
            diagnostics.0.extend(namespace(object, expected, &scopes));
        }
    }
    diagnostics
}

fn destination(application: &written::Written<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let path = ["spec", "destination"];
    if application.root.find(&path).is_none() {
        // That the whole is missing is told where fields are read.
        return diagnostics;
    }
    let finding =
        |message: &str, place, label: &str| application.finding(Code::ApplicationDestination, message, place, label);
    let server = application.text(&["spec", "destination", "server"]);
    let name = application.text(&["spec", "destination", "name"]);
    if let Some(server) = server.filter(|server| !is_address(server)) {
        diagnostics.push(
            finding(
                &format!("no cluster has the address `{server}`"),
                application.place(&["spec", "destination", "server"]),
                "expected a URL",
            )
            .help("write `https://kubernetes.default.svc` for the cluster that Argo CD runs in, or give its `name`"),
        );
    }
    match (server, name) {
        (Some(_), Some(_)) => diagnostics.push(
            finding("the destination names its cluster twice", application.place(&["spec", "destination", "name"]), "")
                .at(application.place(&["spec", "destination", "server"]), "the other")
                .help("keep `server` or `name`; Argo CD refuses both"),
        ),
        (None, None) => diagnostics.push(
            finding("the destination names no cluster", application.place(&path), "`server` or `name` belongs here")
                .help("add `server: https://kubernetes.default.svc`, the cluster that Argo CD runs in"),
        ),
        _ => {}
    }
    let namespace = application.namespace();
    if namespace.is_empty() {
        diagnostics.push(
            finding("the destination names no namespace", application.place(&path), "`namespace` belongs here")
                .note("Argo CD then says `Namespace … is missing` of every object that names none itself"),
        );
    }
    let options = application.deployment.map(|deployment| &deployment.options);
    if let Some(release) = options.and_then(|options| options.namespace.as_deref()).filter(|name| *name != namespace) {
        let place = application.place(&["spec", "source", "helm", "namespace"]);
        diagnostics.push(
            finding(&format!("the release's namespace is `{release}`, the destination's `{namespace}`"), place, "")
                .note("templates see the one, objects that name no namespace land in the other")
                .help("delete `spec.source.helm.namespace`"),
        );
    }
    diagnostics
}

/// Whether a text is the address of a cluster.
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
            object_finding(format!("{what} belongs to the cluster and names a namespace"), String::new())
                .note("Argo CD drops it; `kubectl` and other tools may not")
                .help("delete `metadata.namespace` in the template"),
        );
    }
    (!named.is_empty() && !expected.is_empty() && named != expected).then(|| {
        object_finding(
            format!("{what} is rendered into another namespace"),
            format!("the Application deploys into `{expected}`"),
        )
        .help("use `{{ .Release.Namespace }}`, or let an Application of its own deploy it")
    })
}
