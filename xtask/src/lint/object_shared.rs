//! Objects that two Applications render.
//!
//! The two Applications overwrite each other's changes with every sync. Only default cases are deployed, so only these
//! count. Two Applications that share objects are one finding, however many objects there are. Where they deploy the same
//! release, `application_release` reports that as the cause.
//!
//! Two projects of the same name under argocd/, or in one directory, are the same mistake.

use std::collections::{BTreeMap, HashMap};

use argocd::application::split_instance;
use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place};
use document::Node;
use kubernetes::manifest::ObjectKey;
use kubernetes::object::Object;
use kubernetes::scope::{Scope, Scopes};
use workspace::find;
use workspace::target::DEFAULT_CASE;
use workspace::written::Written;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ObjectShared];

/// How many further objects a finding names.
const NAMED: usize = 4;

/// An object that two Applications render, as each of them does.
type Shared<'a> = (ObjectKey, &'a Object, &'a Object);

/// Checks the objects of all Applications, and the projects under argocd/.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let scopes = Scopes::new(subject.objects);
    let mut owners: BTreeMap<_, (Written<'_>, &Object)> = BTreeMap::new();
    let mut shared: BTreeMap<(&str, &str), Vec<Shared<'_>>> = BTreeMap::new();
    let deployed = subject.every_application().filter(|written| written.deployment.is_some());
    let applications: HashMap<&str, Written<'_>> = deployed.map(|written| (written.name, written)).collect();
    for target in subject.targets.iter().filter(|target| target.id.case == DEFAULT_CASE) {
        let Some(application) = applications.get(target.id.app.as_str()) else { continue };
        let objects = subject.by_target.of(&target.id.to_string());
        // Objects with `generateName` are never the same, and objects that are not synced have no owner.
        let counts = |root: &Node| {
            root.find(&["metadata", "name"]).and_then(Node::as_str).is_some() && sync_order::order(root).is_some()
        };
        for object in objects.iter().filter(|object| counts(&object.root)) {
            let mut key = object.key.clone();
            if scopes.of(&key.group, &key.kind) == Some(Scope::Cluster) {
                key.namespace.clear();
            } else if !object.explicit_namespace {
                // The destination decides, whatever namespace the templates are given.
                application.namespace().clone_into(&mut key.namespace);
            }
            let previous = owners.insert((application.cluster(), key.clone()), (*application, object));
            let Some((other, first)) = previous.filter(|(_, first)| first.target != object.target) else { continue };
            if !reported_as_release(subject, &other, application) {
                shared.entry((&first.target, &object.target)).or_default().push((key, first, object));
            }
        }
    }
    diagnostics.0.extend(shared.values().filter_map(|objects| finding(objects)));
    diagnostics.extend(projects(subject));
    diagnostics
}

/// Whether two Applications deploy the same release, and nobody suppresses that finding.
fn reported_as_release(subject: &Subject<'_>, one: &Written<'_>, two: &Written<'_>) -> bool {
    let release = |written: &Written<'_>| {
        let name = written.deployment.and_then(|deployment| deployment.charts().next()?.options.release_name.clone());
        name.unwrap_or_else(|| split_instance(written.name).0.to_owned())
    };
    let suppressed = subject.workspace.config.suppressions.iter().any(|one| one.check == Code::ApplicationRelease);
    !suppressed && release(one) == release(two) && one.namespace() == two.namespace()
}

/// The finding about all objects that two Applications share.
fn finding(objects: &[Shared<'_>]) -> Option<Diagnostic> {
    let ((key, first, object), others) = objects.split_first()?;
    // Nobody edits the template of a dependency.
    let of_dependency = |object: &Object| object.template.contains("/charts/");
    let (first, object) =
        if of_dependency(object) && !of_dependency(first) { (object, first) } else { (first, object) };
    let more = match others.len() {
        0 => "is".to_owned(),
        1 => "and 1 more object are".to_owned(),
        count => format!("and {count} more objects are"),
    };
    let message = format!("{key} {more} rendered by two Applications");
    let mut found = object
        .finding(Code::ObjectShared, message, object.name_place(), "")
        .fact(Fact::SharedWith(first.target.clone()))
        .at(first.name_place(), format!("also by {}", first.target))
        .help("render it in one of them, or use another name or namespace in one of them");
    if !others.is_empty() {
        let named: Vec<String> = others.iter().take(NAMED).map(|(key, ..)| key.to_string()).collect();
        let rest = others.len() - named.len();
        let rest = if rest > 0 { format!(", and {rest} more") } else { String::new() };
        found = found.note(format!("also {}{rest}", named.join(", ")));
    }
    Some(found)
}

/// Whether two files belong to the same Argo CD: those of different directories may belong to different environments. Where
/// an Application deploys both, they are among its objects.
fn is_one_place(one: &Place, two: &Place) -> bool {
    let [one, two] = [one, two].map(|place| place.source.name.rsplit_once('/').map_or("", |(directory, _)| directory));
    let in_argocd = |directory: &str| directory.split('/').next() == Some(find::ARGOCD);
    one == two || in_argocd(one) && in_argocd(two)
}

fn projects(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut seen = BTreeMap::new();
    for project in subject.workspace.projects() {
        let name = (project.argocd.clone(), project.name.clone());
        let first = seen.insert(name, project.place.clone());
        if let Some(first) = first.filter(|first| is_one_place(first, &project.place)) {
            diagnostics.push(
                Diagnostic::new(Code::ObjectShared, format!("two projects are named `{}`", project.name))
                    .fact(Fact::Redefined)
                    .target(&project.name)
                    .at(project.place.clone(), "defined again here")
                    .at(first, "first defined here")
                    .help("rename one of them: Kubernetes keeps only one"),
            );
        }
    }
    diagnostics
}
