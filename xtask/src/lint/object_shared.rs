//! Objects that two Applications deploy, and projects that are defined twice.
//!
//! Two Applications that manage the same object overwrite each other's changes with every sync. Only default cases are
//! considered, as they are what is deployed.

use std::collections::BTreeMap;

use super::scope::{Scope, Scopes};
use super::{Subject, sync_order, written};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::Node;
use crate::plan::DEFAULT_CASE;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ObjectShared];

/// Reports objects that two Applications render, and projects that are defined twice.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let scopes = Scopes::new(subject.objects);
    let mut owners = BTreeMap::new();
    for target in subject.targets.iter().filter(|target| target.id.case == DEFAULT_CASE) {
        let id = target.id.to_string();
        let application =
            written::every(subject).find(|written| written.deployment.is_some() && written.name == target.id.app);
        let Some(application) = application else { continue };
        // Not objects with `generateName`, nor those that a sync never applies.
        let counts = |root: &Node| {
            root.find(&["metadata", "name"]).and_then(Node::as_str).is_some() && sync_order::order(root).is_some()
        };
        for object in subject.objects.iter().filter(|object| object.target == id && counts(&object.root)) {
            let mut key = object.key.clone();
            if scopes.of(&key.group, &key.kind) == Some(Scope::Cluster) {
                key.namespace.clear();
            } else if !object.explicit_namespace {
                // It is deployed to the destination namespace, whatever `.Release.Namespace` is.
                application.namespace().clone_into(&mut key.namespace);
            }
            let Some(first) = owners.insert((application.cluster(), key.clone()), object) else { continue };
            if first.target == object.target {
                continue;
            }
            let place = object.root.get("kind").unwrap_or(&object.root).place();
            let message = format!("{key} is part of two Applications");
            diagnostics.push(
                object
                    .finding(Code::ObjectShared, message, place, "")
                    .at(first.root.get("kind").unwrap_or(&first.root).place(), format!("also part of {}", first.target))
                    .help("render it in only one of them, or change its name or namespace"),
            );
        }
    }
    diagnostics.extend(projects(subject));
    diagnostics
}

fn projects(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut seen = BTreeMap::new();
    for project in written::projects(subject) {
        if let Some(first) = seen.insert(project.name.clone(), project.place.clone()) {
            diagnostics.push(
                Diagnostic::new(Code::ObjectShared, format!("project `{}` is defined twice", project.name))
                    .target(&project.name)
                    .at(project.place, "second definition")
                    .at(first, "first definition")
                    .help("rename one of them; Kubernetes keeps only one object per name"),
            );
        }
    }
    diagnostics
}
