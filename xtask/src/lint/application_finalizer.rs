//! Cascading deletion of an Application that defines kinds.
//!
//! With Argo CD's finalizer, deleting or renaming an Application deletes what it deployed. Argo CD 3.5 spares the
//! CustomResourceDefinition itself, and takes the controller: every object of the kind in the cluster, whoever made it,
//! is left to nobody, and whoever cleans up after that deletes the definition, and with it those objects.

use super::subject::Subject;
use diagnostics::{Code, Diagnostics};
use document::Node;
use kubernetes::object::Object;
use kubernetes::scope;
use workspace::plan::DEFAULT_CASE;

/// What this check finds.
pub const CODES: &[Code] = &[Code::ApplicationFinalizer];

/// The finalizers that delete what was deployed.
pub const CASCADING: &[&str] = &[
    "resources-finalizer.argocd.argoproj.io",
    "resources-finalizer.argocd.argoproj.io/background",
    "resources-finalizer.argocd.argoproj.io/foreground",
];

/// Looks for the finalizer on Applications that render a definition.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        let target = format!("{}/{DEFAULT_CASE}", application.name);
        let definitions: Vec<&Object> =
            subject.objects.iter().filter(|object| object.target == target && scope::is_definition(object)).collect();
        let Some((definition, others)) = definitions.split_first() else { continue };
        let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        let name = &definition.key.name;
        let finalizers = application.root.find(&["metadata", "finalizers"]).map(Node::items).unwrap_or_default();
        for node in finalizers.iter().filter(|node| node.as_str().is_some_and(|text| CASCADING.contains(&text))) {
            diagnostics.push(
                application
                    .finding(
                        Code::ApplicationFinalizer,
                        format!("this Application defines `{name}`{more}, and cascades when it is deleted"),
                        node.place(),
                        "deletes what was deployed",
                    )
                    .at(definition.root.place(), "the definition")
                    .note("deleting or renaming it takes the controller away from every object of the kind")
                    .help("delete this finalizer"),
            );
        }
    }
    diagnostics
}
