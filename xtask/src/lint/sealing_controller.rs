//! `[sealed-secrets] controller` in charts.toml: the Service of a controller that the repository deploys itself.
//!
//! A controller that is installed by other means is unknown, and so is its Service: only a name that is close to one that
//! is deployed, or the same name in another namespace, is a mistake.

use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, did_you_mean, nearest_within};
use document::toml;
use kubernetes::object::Object;
use workspace::target::DEFAULT_CASE;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ReferenceMissing];

/// The CustomResourceDefinition that a release of the controller contains.
const DEFINITION: &str = "sealedsecrets.bitnami.com";

/// Reports a Service that no release of the controller has, if one has a similar name.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    found(subject).map(Diagnostics::from).unwrap_or_default()
}

fn found(subject: &Subject<'_>) -> Option<Diagnostic> {
    let config = &subject.workspace.config;
    let root = toml::parse(&config.source).ok()?;
    let node = root.find(&["sealed-secrets", "controller"]).filter(|_| subject.complete)?;
    let (namespace, name) = (config.sealing.namespace.as_str(), config.sealing.name.as_str());
    let services = services(subject);
    let is = |service: &&Object| service.key.namespace == namespace && service.key.name == name;
    if services.is_empty() || services.iter().any(is) {
        return None;
    }
    let message = format!("Service `{name}` does not exist in namespace `{namespace}`");
    let finding =
        Diagnostic::new(Code::ReferenceMissing, message).at(node.place(), "Service of the Sealed Secrets controller");
    let near = nearest_within(name, 3, services.iter().map(|service| service.key.name.as_str()))?;
    let meant = services.iter().find(|service| service.key.name == near)?;
    let help = did_you_mean(format!("{}/{}", meant.key.namespace, meant.key.name));
    let elsewhere = (meant.key.name == name).then(|| [Fact::Elsewhere, Fact::Namespace(meant.key.namespace.clone())]);
    let finding = elsewhere.into_iter().flatten().fold(finding, Diagnostic::fact);
    Some(finding.fact(Fact::missing("Service", name)).at(meant.name_place(), "rendered here").help(help))
}

/// The Services of the Applications that deploy a controller.
fn services<'a>(subject: &Subject<'a>) -> Vec<&'a Object> {
    let deployed = |object: &&Object| object.target.ends_with(&format!("/{DEFAULT_CASE}"));
    let objects = || subject.objects.iter().filter(deployed);
    let defines = |object: &&Object| object.key.kind == "CustomResourceDefinition" && object.key.name == DEFINITION;
    let targets: BTreeSet<&str> = objects().filter(defines).map(|object| object.target.as_str()).collect();
    let is_service = |object: &&Object| object.key.kind == "Service" && object.key.group.is_empty();
    objects().filter(is_service).filter(|object| targets.contains(object.target.as_str())).collect()
}
