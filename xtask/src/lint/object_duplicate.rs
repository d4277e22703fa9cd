//! Objects that a target renders several times, of which Argo CD applies the last one.

use diagnostics::{Code, Diagnostics, Place};
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ObjectDuplicate];

/// Reports each object that replaces others.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects.iter().filter(|object| !object.replaced.is_empty()) {
        let count = object.replaced.len() + 1;
        let message = format!("{} is rendered {}", object.key, if count == 2 { "twice".into() } else { times(count) });
        let mut found = object.finding(Code::ObjectDuplicate, message, object.name_place(), "the one that is applied");
        let own = object.template_file.as_deref().unwrap_or(&object.template);
        for template in others(object) {
            let file = file(object, template);
            found = if file == own { found } else { found.at(Place::file(file), "also rendered here") };
        }
        let note = "Argo CD applies only the last of them, and shows the condition RepeatedResourceWarning";
        diagnostics.push(found.note(note).help("render the object only once, or rename one of them"));
    }
    diagnostics
}

fn times(count: usize) -> String {
    format!("{count} times")
}

/// The other templates, each once.
fn others(object: &Object) -> Vec<&str> {
    let mut others: Vec<&str> = object.replaced.iter().map(String::as_str).filter(|one| !one.is_empty()).collect();
    others.sort_unstable();
    others.dedup();
    others
}

/// The file of a template, which is in the same chart as the object's own if its name begins like that one.
fn file(object: &Object, template: &str) -> String {
    let common = object.template.split('/').next().filter(|_| object.template.contains('/'));
    let base = object.template_file.as_deref().and_then(|file| file.strip_suffix(object.template.split_once('/')?.1));
    match (base, common.and_then(|chart| template.strip_prefix(chart)?.strip_prefix('/'))) {
        (Some(base), Some(rest)) => format!("{base}{rest}"),
        _ => template.to_owned(),
    }
}
