//! What findings say about themselves: their places, their Applications, and what their messages name.

use diagnostics::{Code, Diagnostic, Diagnostics, Place};

/// The end of the message about the tool of a step.
pub(super) const UNPINNED: &str = " is not pinned in charts.toml";

/// The end of the message about scenarios of an Application that does not exist.
pub(super) const NEVER_RUN: &str = ", so its scenarios never run";

/// The end of the message about a selector of a workload that does not match its own pods.
pub(super) const LABELS: &str = " does not match the template labels";

pub(super) fn of(diagnostics: &Diagnostics, code: Code) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.0.iter().filter(move |found| found.code == code)
}

pub(super) fn first(found: &Diagnostic) -> Option<&Place> {
    found.places.first().map(|(place, _)| place)
}

/// The label of the main place.
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

/// The name of a port that the pods do not have, from either message about it.
pub(super) fn missing_port(found: &Diagnostic) -> Option<&str> {
    let message = found.message.as_str();
    let used = message.starts_with("target port `") && message.ends_with(" is not a port of its pods");
    let name = match message.split_once(" has a port named `") {
        Some((_, name)) => name,
        None if used || message.contains("` is not a port of container `") => message.split_once("port `")?.1,
        None => return None,
    };
    name.split('`').next().filter(|name| !name.is_empty())
}

/// Whether it is the Service that names a port that its pods do not have.
pub(super) fn is_target_port(found: &Diagnostic) -> bool {
    found.message.starts_with("target port `")
}

/// The text that a finding is about, as rendered or as written.
pub(super) fn written(found: &Diagnostic) -> Option<&str> {
    let rendered = found.places.iter().find(|(place, label)| label == "as rendered" && place.span.is_some());
    let (place, _) = rendered.or(found.places.first())?;
    place.source.text.get(place.span.clone()?)
}
