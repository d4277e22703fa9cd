//! Objects with two owners.
//!
//! Two Applications that render one object undo each other's work with every sync. Each default case is what is
//! deployed; two documents under argocd/ of one identity are the same mistake of whoever applies them.

use std::collections::BTreeMap;

use super::subject::Subject;
use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::Node;
use kubernetes::scope::{Scope, Scopes};
use workspace::plan::DEFAULT_CASE;

/// What this check finds.
pub const CODES: &[Code] = &[Code::ObjectShared];

/// Looks for objects that two Applications render, and for projects that stand twice under argocd/.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let scopes = Scopes::new(subject.objects);
    let mut owners = BTreeMap::new();
    for target in subject.targets.iter().filter(|target| target.id.case == DEFAULT_CASE) {
        let id = target.id.to_string();
        let application =
            subject.every_application().find(|written| written.deployment.is_some() && written.name == target.id.app);
        let Some(application) = application else { continue };
        // One that Kubernetes names anew with every sync is never the same, and one that is not synced is nobody's.
        let counts = |root: &Node| {
            root.find(&["metadata", "name"]).and_then(Node::as_str).is_some() && sync_order::order(root).is_some()
        };
        for object in subject.objects.iter().filter(|object| object.target == id && counts(&object.root)) {
            let mut key = object.key.clone();
            if scopes.of(&key.group, &key.kind) == Some(Scope::Cluster) {
                key.namespace.clear();
            } else if !object.explicit_namespace {
                // Where it lands is what the destination says, whatever its templates are told.
                application.namespace().clone_into(&mut key.namespace);
            }
            let Some(first) = owners.insert((application.cluster(), key.clone()), object) else { continue };
            if first.target == object.target {
                continue;
            }
            let place = object.root.get("kind").unwrap_or(&object.root).place();
            let message = format!("{key} is rendered by two Applications");
            diagnostics.push(
                object
                    .finding(Code::ObjectShared, message, place, "")
                    .at(first.root.get("kind").unwrap_or(&first.root).place(), format!("also by {}", first.target))
                    .help("render it in one of them, or give one another name or namespace"),
            );
        }
    }
    diagnostics.extend(projects(subject));
    diagnostics
}

fn projects(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut seen = BTreeMap::new();
    for project in subject.projects() {
        if let Some(first) = seen.insert(project.name.clone(), project.place.clone()) {
            diagnostics.push(
                Diagnostic::new(Code::ObjectShared, format!("two projects are named `{}`", project.name))
                    .target(&project.name)
                    .at(project.place, "the second one")
                    .at(first, "the first one")
                    .help("rename one: Kubernetes keeps only one of them"),
            );
        }
    }
    diagnostics
}
