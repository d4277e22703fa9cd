//! The references among the objects that a scenario applies, and from them to what is deployed: names, keys, labels, and
//! ports are checked as those of rendered objects, before a cluster is created.
//!
//! The objects of a scenario are a target of their own cluster, which also has what the Applications render. What a scenario
//! deploys with other values, and what its commands create, is unknown.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cluster::scenario::{FOLDER, GITOPS_FOLDER, Scenario, Step};
use diagnostics::{Code, Diagnostic, Diagnostics};
use kubernetes::inventory::Unrendered;
use kubernetes::inventory::entry::Member;
use kubernetes::object::Object;
use toolbox::source;
use workspace::target::{DEFAULT_CASE, Target};

use super::clusters::Clusters;
use super::scenario_manifests::ScenarioManifests;
use super::subject::{ByTarget, Subject};
use super::{probe_ports, references, service_names, service_pods, sub_path};

/// The codes of the checks that it runs.
pub const CODES: &[Code] =
    &[Code::PortUndeclared, Code::ReferenceKey, Code::ReferenceMissing, Code::ReferencePort, Code::SelectorUnmatched];

/// Checks that read nothing but objects and what the cluster has.
const CHECKS: [fn(&Subject<'_>) -> Diagnostics; 5] =
    [probe_ports::check, references::check, service_names::check, service_pods::check, sub_path::check];

/// Words of commands that create objects.
const CREATING: [&str; 3] = ["create", "apply", "expose"];

/// Checks the scenarios of all Applications.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    if !subject.complete {
        return diagnostics;
    }
    // Several scenarios may apply the same file, in different namespaces.
    let mut seen = BTreeSet::new();
    for folder in [FOLDER, GITOPS_FOLDER] {
        for target in subject.targets.iter().filter(|target| target.id.case == DEFAULT_CASE) {
            let scenarios = subject.scenarios.of(subject.workspace, folder, &target.id.app);
            for found in scenarios.all.iter().flat_map(|scenario| of_scenario(subject, target, scenario).0) {
                if seen.insert((found.code, position(&subject.workspace.root, &found))) {
                    diagnostics.push(found);
                }
            }
        }
    }
    diagnostics
}

/// The file and the line of the main place. Scenarios share files through symbolic links.
fn position(root: &Path, found: &Diagnostic) -> Option<(PathBuf, usize)> {
    let (place, _) = found.places.first()?;
    let file = root.join(&place.source.name);
    Some((file.canonicalize().unwrap_or(file), place.position()?.0))
}

fn of_scenario(subject: &Subject<'_>, target: &Target<'_>, scenario: &Scenario) -> Diagnostics {
    let applied = ScenarioManifests::of(&subject.workspace.root, scenario);
    if applied.objects.is_empty() {
        return Diagnostics::default();
    }
    let of = |app: &str| subject.by_target.of(&format!("{app}/{DEFAULT_CASE}"));
    // The Application again, in another namespace, and perhaps with other values.
    let deployed = scenario.steps.iter().filter(|step| step.action.deploys());
    let deployed: BTreeSet<&str> = deployed.map(|step| step.action.namespace().unwrap_or(&target.namespace)).collect();
    let copies = deployed.iter().map(|namespace| {
        let moved = |object: &Object| {
            let mut object = object.clone();
            if object.key.namespace == target.namespace {
                (*namespace).clone_into(&mut object.key.namespace);
            }
            object
        };
        (*namespace, of(&target.id.app).iter().map(moved).collect::<Vec<_>>())
    });
    let copies: Vec<(&str, Vec<Object>)> = copies.collect();
    let mut members = vec![Member {
        target: "",
        app: "",
        deployed: true,
        namespace: &target.namespace,
        objects: applied.objects.iter().collect(),
    }];
    for (namespace, objects) in &copies {
        members.push(member("copy", namespace, objects));
    }
    for other in subject.targets.iter().filter(|other| other.id.case == DEFAULT_CASE) {
        members.push(member(&other.id.app, &other.namespace, of(&other.id.app)));
    }
    let mut unrendered: Vec<Unrendered> =
        deployed.iter().map(|namespace| Unrendered::Namespace((*namespace).to_owned())).collect();
    if scenario.steps.iter().any(creates) || !subject.workspace.unrendered.is_empty() {
        unrendered.push(Unrendered::Anywhere);
    }
    let clusters = Clusters::single(members, unrendered);
    let by_target = ByTarget::new(&applied.objects);
    let own = Subject {
        objects: &applied.objects,
        by_target: &by_target,
        clusters: &clusters,
        targets: &[],
        complete: false,
        ..*subject
    };
    let found = CHECKS.iter().flat_map(|check| check(&own).0);
    let mut found: Vec<Diagnostic> = found.filter_map(|found| applied.finish(found)).collect();
    if let Some(view) = clusters.view("") {
        let values = scenario.steps.iter().filter_map(|step| step.action.values());
        let files = values
            .map(|file| scenario.folder.join(file))
            .chain([scenario.folder.join(format!("{}.yaml", scenario.name))]);
        let sources = files.filter_map(|file| source::read(&subject.workspace.root, &file).ok());
        let names = sources.flat_map(|source| service_names::in_file(&view, &source).0);
        found.extend(names.filter_map(|found| applied.finish(found)));
    }
    Diagnostics(found)
}

/// Whether a step may create objects that are in no file: with a command, or with a commit that Argo CD syncs.
pub(super) fn creates(step: &Step) -> bool {
    let command = step.action.arguments().iter().any(|argument| CREATING.contains(&argument.as_str()));
    command || step.action.needs_git()
}

fn member<'a>(target: &'a str, namespace: &'a str, objects: &'a [Object]) -> Member<'a> {
    Member { target, app: target, deployed: true, namespace, objects: objects.iter().collect() }
}
