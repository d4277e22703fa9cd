//! Findings with the cause of another one: the same field of several objects, and everything that lacks an Application.

use std::cmp::Ordering;

use diagnostics::{Diagnostic, Fact};

use super::facts::{first, line, missing, moves_to, written};
use super::places::same_object;

/// Whether both are about one line, so that one of them is enough: the one whose message comes first.
pub(super) fn again(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    line(cause).is_some()
        && line(cause) == line(effect)
        && cause.target == effect.target
        && order(cause, effect) == Ordering::Less
}

/// Whether one edit of a project would allow both.
pub(super) fn same_remedy(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    !cause.helps.is_empty()
        && cause.helps == effect.helps
        && cause.target == effect.target
        && order(cause, effect) == Ordering::Less
}

/// The order of findings with one cause: those at a line that people edit come first.
fn order(one: &Diagnostic, other: &Diagnostic) -> Ordering {
    let key = |found: &Diagnostic| {
        let golden = first(found).is_some_and(|place| place.source.name.starts_with("tests/golden/"));
        (golden, found.message.clone(), line(found))
    };
    key(one).cmp(&key(other))
}

/// Whether two rules of a schema refuse one value, and the second depends on others.
pub(super) fn also_refused(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let refused = cause.value().is_some() && cause.value() == effect.value();
    refused && line(cause).is_some() && line(cause) == line(effect) && cause.places.len() < effect.places.len()
}

/// Whether a value of the chart whose template cannot be rendered seems unused.
pub(super) fn of_its_template(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let chart = first(cause).and_then(|place| Some(place.source.name.split_once("/templates/")?.0));
    let values = first(effect).and_then(|place| place.source.name.strip_suffix("/values.yaml"));
    chart.is_some() && chart == values
}

/// Whether both lack the same object.
pub(super) fn same_missing(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    missing(cause).is_some() && missing(cause) == missing(effect)
}

/// Whether the object that is missing is the one that the change renames.
pub(super) fn of_the_renamed(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    missing(effect).is_some_and(|(kind, name)| cause.is(&Fact::object(kind, name)))
}

/// The Application that a scenario needs, and that does not exist.
fn needed(found: &Diagnostic) -> Option<&str> {
    missing(found).filter(|(kind, _)| *kind == "Application").map(|(_, name)| name)
}

/// Whether the effect is in a scenario that needs the Application, or in the folder with its scenarios.
pub(super) fn needs_it(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some(name) = needed(cause) else { return false };
    if needed(effect).is_some() {
        return needed(effect) == Some(name)
            && order(effect, cause) == Ordering::Greater
            && cause.helps != effect.helps;
    }
    let text = first(effect).map(|place| place.source.text.as_str()).unwrap_or_default();
    let mut lines = text.lines().skip_while(|line| !line.starts_with("needs:"));
    let list = lines.next().into_iter().chain(lines.take_while(|line| line.trim_start().starts_with('-')));
    list.into_iter().any(|line| {
        let mut words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        words.any(|word| word == name)
    })
}

/// Whether the effect is about the project or the goldens of the Application.
pub(super) fn without_that_application(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some(name) = needed(cause) else { return false };
    let file = first(effect).map(|place| place.source.name.as_str()).unwrap_or_default();
    [format!("/{name}"), format!("/{name}.yaml")].iter().any(|end| file.ends_with(end.as_str()))
}

/// Whether an Application is missing, which may render the definition of a kind.
pub(super) fn without_any(cause: &Diagnostic, _: &Diagnostic) -> bool {
    needed(cause).is_some()
}

/// Whether the field that names the project is misspelled.
pub(super) fn suggests_a_project(cause: &Diagnostic, _: &Diagnostic) -> bool {
    cause.suggested().any(|field| field == "project")
}

/// Whether an image is unpinned because the entry that would pin it names another one.
pub(super) fn of_that_image(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let image = written(effect).map(|text| text.trim_matches(['"', '\'']));
    image.is_some_and(|image| cause.suggested().any(|name| image.starts_with(name)))
}

/// Whether a container without an image is one that should not exist.
pub(super) fn without_an_image(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.is(&Fact::Required("image".to_owned())) && line(cause).is_some() && line(cause) == line(effect)
}

/// Whether the file of the cause names the project that nothing uses.
pub(super) fn names_it(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let name = first(effect).and_then(|place| place.source.text.get(place.span.clone()?));
    name.zip(first(cause)).is_some_and(|(name, place)| place.source.text.contains(&format!("project: {name}")))
}

/// Whether a field belongs into the one that the effect lacks, below the same owner.
pub(super) fn moved_inside(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let owner = moves_to(cause).and_then(|to| Some(to.split_last()?.1));
    let path = effect.origin.as_ref().map(|origin| origin.path.as_slice());
    let is_at =
        |path: &[String], owner: &[String]| path == owner || path.split_last().is_some_and(|(_, item)| item == owner);
    same_object(cause, effect) && owner.zip(path).is_some_and(|(owner, path)| is_at(path, owner))
}
