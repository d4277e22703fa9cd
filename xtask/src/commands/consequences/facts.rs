//! The places, Applications, and facts of findings, for relating them.

use diagnostics::fact::{PORT, Subject, TARGET_PORT};
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place};
use kubernetes::object;

pub(super) fn of(diagnostics: &Diagnostics, code: Code) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.0.iter().filter(move |found| found.code == code)
}

pub(super) fn first(found: &Diagnostic) -> Option<&Place> {
    found.places.first().map(|(place, _)| place)
}

/// The label of the main place, by which alike findings are recognized.
pub(super) fn label(found: &Diagnostic) -> &str {
    found.places.first().map(|(_, label)| label.as_str()).unwrap_or_default()
}

/// The file and the line of the main place.
pub(super) fn line(found: &Diagnostic) -> Option<(String, usize)> {
    let place = first(found)?;
    Some((place.source.name.clone(), place.position()?.0))
}

/// The name of the Application.
pub(super) fn application(found: &Diagnostic) -> Option<&str> {
    found.target.as_deref()?.split('/').next()
}

/// The kind and the name of what does not exist.
pub(super) fn missing(found: &Diagnostic) -> Option<(&str, &str)> {
    found.facts.iter().find_map(|fact| match fact {
        Fact::Missing { kind, name } => Some((kind.as_str(), name.as_str())),
        _ => None,
    })
}

/// The name of a port that the pods do not have.
pub(super) fn missing_port(found: &Diagnostic) -> Option<&str> {
    missing(found).filter(|(kind, _)| matches!(*kind, PORT | TARGET_PORT)).map(|(_, name)| name)
}

/// Whether it is the Service that names a port that its pods do not have.
pub(super) fn is_target_port(found: &Diagnostic) -> bool {
    missing(found).is_some_and(|(kind, _)| kind == TARGET_PORT)
}

/// The name of a port that is not valid.
pub(super) fn invalid_port(found: &Diagnostic) -> Option<&str> {
    found.facts.iter().find_map(|fact| match fact {
        Fact::InvalidPort(name) => Some(name.as_str()),
        _ => None,
    })
}

/// The name of something of a kind that a project does not allow.
pub(super) fn forbids(found: &Diagnostic, subject: Subject) -> Option<&str> {
    found.facts.iter().find_map(|fact| match fact {
        Fact::Forbidden { kind, name } if *kind == subject => Some(name.as_str()),
        _ => None,
    })
}

/// The list of a project that lacks a kind.
pub(super) fn unlisted(found: &Diagnostic) -> Option<&Fact> {
    found.facts.iter().find(|fact| matches!(fact, Fact::Unlisted { .. }))
}

/// The path of a field whose value cannot be read.
pub(super) fn malformed_field(found: &Diagnostic) -> Option<&str> {
    found.facts.iter().find_map(|fact| match fact {
        Fact::Malformed(path) => Some(path.as_str()),
        _ => None,
    })
}

/// The path of the field into which a field belongs.
pub(super) fn moves_to(found: &Diagnostic) -> Option<&[String]> {
    found.facts.iter().find_map(|fact| match fact {
        Fact::MovesTo(path) => Some(path.as_slice()),
        _ => None,
    })
}

/// The text that a finding is about, as rendered or as written.
pub(super) fn written(found: &Diagnostic) -> Option<&str> {
    let rendered = found.places.iter().find(|(place, label)| label == object::AS_RENDERED && place.span.is_some());
    let (place, _) = rendered.or(found.places.first())?;
    place.source.text.get(place.span.clone()?)
}
