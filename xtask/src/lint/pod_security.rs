//! Workloads that violate the Pod Security level that their namespace enforces.
//!
//! The API server rejects the pods, whether Argo CD applies them or the controller of a workload creates them. Levels that
//! are only audited, or that only cause warnings, are not checked.

use std::collections::{BTreeMap, BTreeSet};

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place};
use kubernetes::object::Object;
use kubernetes::pod_security::policy::{Policy, Version};
use kubernetes::pod_security::violation::{Control, Problem, Violation};
use kubernetes::{pod_security, workload};
use workspace::namespaces::Enforced;

use super::namespaces;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::PodSecurity];

/// How many places and fixes a finding shows.
const SHOWN: usize = 8;

/// Controls that also protect the node, whose violation some pods cannot do without.
const OF_THE_NODE: &[Control] =
    &[Control::HostNamespaces, Control::HostPathVolumes, Control::HostPorts, Control::HostProcess, Control::Privileged];

/// Checks the pods of every workload.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let labels = namespaces::read(subject);
    let deployed = subject.every_application().filter(|one| one.deployment.is_some());
    let applications: BTreeMap<&str, _> = deployed.map(|one| (one.name, (one, one.cluster()))).collect();
    for object in subject.objects {
        let Some((path, template)) = workload::template(object) else { continue };
        let Some((app, case)) = object.target.split_once('/') else { continue };
        let Some((application, cluster)) = applications.get(app) else { continue };
        if sync_order::order(&object.root).is_none() {
            continue;
        }
        let namespace = if object.explicit_namespace { &object.key.namespace } else { application.namespace() };
        let levels = labels.of(cluster, namespace, app, case);
        // Two different levels are reported as such.
        let Some((enforced, others)) = levels.split_first() else { continue };
        if others.iter().any(|other| other.level != enforced.level) {
            continue;
        }
        let policy = Policy::new(enforced.level, enforced.version, &subject.workspace.config.kubernetes);
        let violations = pod_security::check(template, path, &policy);
        diagnostics.0.extend(finding(object, enforced, &violations));
    }
    diagnostics
}

/// The finding about all violations of an object.
fn finding(object: &Object, enforced: &Enforced, violations: &[Violation]) -> Option<Diagnostic> {
    let (first, others) = violations.split_first()?;
    let level = enforced.level;
    let controls: BTreeSet<&str> = violations.iter().map(|violation| violation.control.name()).collect();
    let controls: Vec<&str> = controls.into_iter().collect();
    let what = if others.is_empty() { format!("{first} ({})", first.control) } else { controls.join(", ") };
    let message = format!("{} violates Pod Security level `{level}`: {what}", object.title());

    let mut places = places(violations).into_iter();
    let (place, label) = places.next()?;
    let privileged = violations.iter().any(|violation| violation.control == Control::Privileged);
    let mut found = object
        .finding(Code::PodSecurity, message, place, label)
        .facts(privileged.then(|| Fact::Unsupported("privileged".to_owned())));
    for (place, label) in places.by_ref().take(SHOWN - 1) {
        found = found.at(place, label);
    }
    let version = match enforced.version {
        Version::Latest => String::new(),
        version @ Version::Minor(_) => format!(" in version {version}"),
    };
    found = found.at(enforced.place.clone(), format!("its namespace enforces `{level}`{version}"));
    let more = places.count();
    if more > 0 {
        found = found.note(format!("violated at {more} more places"));
    }
    found = found.note(consequence(&object.key.kind));
    let fixes = fixes(violations);
    let rest = fixes.len().saturating_sub(SHOWN);
    for fix in fixes.into_iter().take(SHOWN) {
        found = found.help(fix);
    }
    if rest > 0 {
        found = found.help(format!("correct {rest} more fields in the same way"));
    }
    if violations.iter().any(|violation| OF_THE_NODE.contains(&violation.control)) {
        found = found.help("deploy a pod that needs access to the node to its own namespace");
    }
    Some(found)
}

/// The places of violations, each with a label about all violations there.
fn places(violations: &[Violation]) -> Vec<(Place, String)> {
    let mut places: Vec<(Place, Vec<String>, Vec<String>)> = Vec::new();
    for violation in violations {
        let index = places.iter().position(|(place, ..)| *place == violation.place).unwrap_or_else(|| {
            places.push((violation.place.clone(), Vec::new(), Vec::new()));
            places.len() - 1
        });
        let (_, forbidden, missing) = &mut places[index];
        match &violation.problem {
            Problem::Forbidden { setting, .. } => forbidden.push(format!("`{setting}`")),
            Problem::Missing { setting, .. } => missing.push(format!("`{setting}`")),
        }
    }
    let label = |forbidden: &[String], missing: &[String]| {
        let verb = |count: usize| if count == 1 { "is" } else { "are" };
        let clauses = [(forbidden, "not allowed"), (missing, "required")];
        let clauses = clauses.iter().filter(|(settings, _)| !settings.is_empty());
        let clauses = clauses.map(|(all, what)| format!("{} {} {what}", all.join(", "), verb(all.len())));
        clauses.collect::<Vec<_>>().join("; ")
    };
    places.into_iter().map(|(place, forbidden, missing)| (place, label(&forbidden, &missing))).collect()
}

/// How to correct violations, once for each field that is set and each security context that lacks fields.
fn fixes(violations: &[Violation]) -> Vec<String> {
    let mut fixes = Vec::new();
    let mut contexts: Vec<(&str, Vec<String>)> = Vec::new();
    for violation in violations {
        match &violation.problem {
            Problem::Forbidden { fix, .. } => fixes.push(fix.clone()),
            Problem::Missing { setting, context } => {
                let setting = format!("`{setting}`");
                match contexts.iter_mut().find(|(other, _)| other == context) {
                    Some((_, settings)) => settings.push(setting),
                    None => contexts.push((context, vec![setting])),
                }
            }
        }
    }
    fixes.extend(contexts.into_iter().map(|(context, settings)| format!("set {} in `{context}`", settings.join(", "))));
    fixes
}

/// The consequence of applying a workload whose pods violate the level.
fn consequence(kind: &str) -> String {
    match kind {
        "Pod" => "the API server rejects the Pod, so the sync fails".to_owned(),
        "PodTemplate" => "the API server rejects pods that are created from it".to_owned(),
        "Deployment" => "the API server accepts the Deployment, but its ReplicaSet cannot create the pods".to_owned(),
        "CronJob" => "the API server accepts the CronJob, but its Jobs cannot create their pods".to_owned(),
        _ => format!("the API server accepts the {kind}, but it cannot create its pods"),
    }
}
