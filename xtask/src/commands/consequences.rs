//! Removes findings that only follow from another one, which its author fixes first.
//!
//! A field that nothing defines renders nothing, and what is rendered from it is often invalid, too; a kind that does not
//! exist has no scope. Each rule names both codes, and how their findings must be related.

use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostic, Diagnostics, Place};

/// Whether the second finding follows from the first.
type Follows = fn(&Diagnostic, &Diagnostic) -> bool;

/// The cause, its consequence, and how they are related.
const RULES: &[(Code, Code, Follows)] = &[
    (Code::AnnotationUnknown, Code::BranchUncovered, same_file),
    (Code::AnnotationUnknown, Code::ReferenceMissing, about_the_object),
    (Code::ApplicationDestination, Code::ProjectForbids, same_application),
    (Code::ApplicationProject, Code::ProjectUnused, same_application),
    (Code::ArgocdField, Code::ApplicationSync, meant),
    (Code::ArgocdField, Code::KeyDuplicate, same_line),
    (Code::ArgocdField, Code::ProjectForbids, same_list),
    (Code::ChartLockOutdated, Code::RepositoryMoved, same_line),
    (Code::ChartLockOutdated, Code::ValuesSchemaOpen, same_chart),
    (Code::FieldUnknown, Code::ReferencePort, siblings),
    (Code::NamespaceMismatch, Code::ProjectForbids, same_object),
    (Code::ObjectInvalid, Code::NetworkPolicyOpen, same_object),
    (Code::ObjectInvalid, Code::ReferencePort, siblings),
    (Code::ObjectRefused, Code::HelmLint, same_name),
    (Code::ObjectRefused, Code::ReferenceMissing, suggests_the_name),
    (Code::ObjectRefused, Code::SelectorUnmatched, same_labels),
    (Code::ProjectUnused, Code::ProjectForbids, same_line),
    (Code::RenderUnstable, Code::CacheDiffers, about_one),
    (Code::RepositoryMismatch, Code::ProjectForbids, same_repository),
    (Code::SchemaMissing, Code::HelmLint, same_version),
    (Code::SchemaMissing, Code::ScopeUnknown, same_object),
    (Code::TargetRevisionDiffers, Code::NotRendered, same_line),
    (Code::TargetRevisionUnknown, Code::NotRendered, same_line),
];

/// The maximum number of pairs that are compared for a rule: with more findings, nobody reads each of them.
const MAX_PAIRS: usize = 100_000;

/// Removes the findings that follow from others.
pub fn remove(diagnostics: &mut Diagnostics) {
    let lines: BTreeSet<(String, usize)> = of(diagnostics, Code::ValueUndefined).filter_map(line).collect();
    // Whatever is rendered from a value that is not defined.
    diagnostics.0.retain(|found| found.origin.is_none() || !line(found).is_some_and(|line| lines.contains(&line)));
    for (cause, effect, follows) in RULES {
        let causes: Vec<Diagnostic> = of(diagnostics, *cause).cloned().collect();
        if causes.is_empty() || causes.len() * of(diagnostics, *effect).count() > MAX_PAIRS {
            continue;
        }
        diagnostics.0.retain(|found| found.code != *effect || !causes.iter().any(|cause| follows(cause, found)));
    }
}

fn of(diagnostics: &Diagnostics, code: Code) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.0.iter().filter(move |found| found.code == code)
}

fn first(found: &Diagnostic) -> Option<&Place> {
    found.places.first().map(|(place, _)| place)
}

/// The file and the line of the main place.
fn line(found: &Diagnostic) -> Option<(String, usize)> {
    let place = first(found)?;
    Some((place.source.name.clone(), place.position()?.0))
}

/// Whether the effect is only about the target of the cause.
fn about_one(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.target.as_ref().is_some_and(|target| effect.notes.first() == Some(target))
}

fn same_line(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    line(cause).is_some() && line(cause) == line(effect)
}

fn same_file(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let file = |found| first(found).map(|place| place.source.name.clone());
    file(cause).is_some() && file(cause) == file(effect)
}

/// The name of the Application.
fn application(found: &Diagnostic) -> Option<&str> {
    found.target.as_deref()?.split('/').next()
}

fn same_application(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    application(cause).is_some() && application(cause) == application(effect)
}

fn same_object(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let object = |found: &Diagnostic| {
        let origin = found.origin.as_ref()?;
        Some((origin.template.clone(), origin.kind.clone()))
    };
    same_application(cause, effect) && object(cause).is_some() && object(cause) == object(effect)
}

/// Whether both are about fields next to each other.
fn siblings(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let parent = |found: &Diagnostic| {
        let path = &found.origin.as_ref()?.path;
        Some(path[..path.len().checked_sub(1)?].to_vec())
    };
    same_object(cause, effect) && parent(cause).is_some() && parent(cause) == parent(effect)
}

/// Whether the object of the cause is the one that is missing.
fn about_the_object(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let origin = cause.origin.as_ref();
    let title = origin.map(|origin| format!("{} `{}` does not exist", origin.kind, origin.name));
    same_application(cause, effect) && title.is_some_and(|title| effect.message.starts_with(&title))
}

/// Whether the effect lacks what the cause misspells.
fn meant(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let suggested = cause.helps.iter().filter_map(|help| help.strip_prefix("did you mean ")?.strip_suffix('?'));
    same_file(cause, effect) && suggested.into_iter().any(|name| effect.message.contains(name))
}

/// Whether the cause is in the list of the project that the effect names.
fn same_list(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let (Some(cause), list) = (first(cause), "destination") else { return false };
    let project = effect.places.iter().skip(1).any(|(place, _)| place.source.name == cause.source.name);
    let line = cause.span.clone().map(|span| cause.source.lines_of(&span).1);
    let before = line.and_then(|line| cause.source.text.get(..line.start));
    project && before.is_some_and(|before| before.lines().rev().any(|line| line.trim_start().starts_with(list)))
}

/// Whether both are about a repository that an Application or a project names.
fn same_repository(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let file = first(cause).map(|place| place.source.name.as_str());
    let places = || effect.places.iter().map(|(place, _)| place.source.name.as_str());
    effect.message.contains("does not allow repository") && places().any(|name| Some(name) == file)
}

fn same_chart(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let folder = |found| {
        let name = first(found)?.source.name.clone();
        Some(name.rsplit_once('/')?.0.to_owned())
    };
    folder(cause).is_some() && folder(cause) == folder(effect)
}

/// Whether Helm complains about the same invalid name.
fn same_name(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let named = cause.origin.as_ref().is_some_and(|origin| origin.path == ["metadata", "name"]);
    named && same_file(cause, effect) && effect.message.contains("object name does not conform")
}

/// Whether the object that is missing is probably the one with an invalid name.
fn suggests_the_name(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let invalid = cause.origin.as_ref().filter(|origin| origin.path == ["metadata", "name"]);
    invalid.is_some_and(|origin| {
        let title = format!("{} `", origin.kind);
        let help = format!("did you mean `{}`?", origin.name);
        same_application(cause, effect) && effect.message.starts_with(&title) && effect.helps.contains(&help)
    })
}

/// Whether the labels of the pods are not those of the selector of their own workload.
fn same_labels(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_application(cause, effect)
        && cause.message.contains("does not match the template labels")
        && effect.message.contains("matches no pod")
}

/// Whether Helm complains about the same version of the kind.
fn same_version(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_file(cause, effect) && effect.message.contains("is deprecated in")
}
