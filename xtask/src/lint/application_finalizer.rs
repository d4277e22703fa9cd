//! Cascading deletion of Applications with CustomResourceDefinitions.
//!
//! With Argo CD's finalizer, deleting or renaming an Application deletes its resources. Argo CD 3.5 keeps the
//! CustomResourceDefinition but deletes the controller, so that nothing reconciles the custom resources in the cluster.
//! Deleting the CustomResourceDefinition later deletes them, too.

use argocd::effect::CASCADING;
use diagnostics::{Code, Diagnostics, wording};
use document::Node;
use kubernetes::object::Object;
use kubernetes::scope;
use workspace::target::DEFAULT_CASE;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ApplicationFinalizer];

/// The kinds of what may be a controller.
const WORKLOADS: [&str; 4] = ["Deployment", "StatefulSet", "DaemonSet", "Pod"];

/// Reports the finalizer on Applications that render a CustomResourceDefinition.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        let target = format!("{}/{DEFAULT_CASE}", application.name);
        let objects = subject.by_target.of(&target);
        // Without a controller, there is nothing to delete but the definitions, which remain.
        if !objects.iter().any(|object| WORKLOADS.contains(&object.key.kind.as_str())) {
            continue;
        }
        let definitions: Vec<&Object> = objects.iter().filter(|object| scope::is_definition(object)).collect();
        let Some((definition, others)) = definitions.split_first() else { continue };
        let more = wording::and_more(others.len());
        let name = &definition.key.name;
        let finalizers = application.root.find(&["metadata", "finalizers"]).map(Node::items).unwrap_or_default();
        for node in finalizers.iter().filter(|node| node.as_str().is_some_and(|text| CASCADING.contains(&text))) {
            diagnostics.push(
                application
                    .finding(
                        Code::ApplicationFinalizer,
                        format!("Application with CustomResourceDefinition `{name}`{more} has a cascading finalizer"),
                        node.place(),
                        "",
                    )
                    .at(definition.root.place(), "the CustomResourceDefinition")
                    .note("deleting or renaming the Application deletes the controller of all custom resources of this kind")
                    .help("delete this finalizer"),
            );
        }
    }
    diagnostics
}
