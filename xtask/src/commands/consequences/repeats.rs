//! Findings with the cause of another one: the same field of several objects, and everything that lacks an Application.

use std::cmp::Ordering;

use diagnostics::{Diagnostic, Fact, Place};

use super::facts::{first, line, missing, moves_to, written};
use super::places::{same_application, same_object};

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

/// Whether the value that nothing reads is the tag or the digest of the image that lacks them: a value beside the one that
/// the image is made of.
pub(super) fn beside_its_repository(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let (Some(path), Some(key)) = (effect.value(), first(effect)) else { return false };
    let version = path.rsplit('.').next().is_some_and(|name| ["tag", "digest", "version"].contains(&name));
    let beside = |place: &Place| place.source.name == key.source.name && is_one_mapping(place, key);
    version && cause.places.iter().skip(1).any(|(place, _)| beside(place))
}

/// Whether two lines of a file are entries of one mapping: equally indented, with no line between them that is less so.
fn is_one_mapping(one: &Place, other: &Place) -> bool {
    let Some((one, other)) = one.position().zip(other.position().map(|at| (at.0, &other.source.text))) else {
        return false;
    };
    let (first, last) = (one.0.min(other.0), one.0.max(other.0));
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = other.1.lines().skip(first - 1).take(last - first + 1).collect();
    let [start, .., end] = lines.as_slice() else { return false };
    indent(start) == indent(end) && lines.iter().all(|line| line.trim().is_empty() || indent(line) >= indent(start))
}

/// Whether a field refers to what was renamed by a change that the API server rejects.
pub(super) fn names_the_former(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let new = first(cause).and_then(|place| place.source.text.get(place.span.clone()?));
    let new = new.map(|text| text.trim_matches(['"', '\'']));
    let renamed = cause.origin.as_ref().is_some_and(|origin| origin.path.last().is_some_and(|step| step == "name"));
    renamed && same_object(cause, effect) && new.is_some_and(|new| effect.suggested().any(|name| name == new))
}

/// Whether the object that is missing is one whose kind is misspelled. A SealedSecret makes a Secret.
pub(super) fn would_define(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let (Some(origin), Some((_, name))) = (cause.origin.as_ref(), missing(effect)) else { return false };
    cause.suggested().next().is_some() && origin.name == name && same_application(cause, effect)
}

/// Whether the effect is about something inside of the item with a name that another item has, too.
pub(super) fn inside_its_item(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let path = |found: &Diagnostic| found.origin.as_ref().map(|origin| origin.path.clone());
    let (Some(own), Some(other)) = (path(cause), path(effect)) else { return false };
    let item = own.split_last().filter(|(name, _)| *name == "name").map(|(_, item)| item);
    same_object(cause, effect) && item.is_some_and(|item| other.len() > item.len() && other.starts_with(item))
}

/// Whether a file of a scenario cannot be read, which may contain what others in its folder need.
pub(super) fn unread_beside_it(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let folder = |found| first(found).and_then(|place| place.source.name.rsplit_once('/')).map(|(folder, _)| folder);
    folder(cause).is_some_and(|folder| folder.ends_with("/files")) && folder(cause) == folder(effect)
}

/// Whether the goldens are those of an Application that cannot be rendered, whose cases are therefore unknown.
pub(super) fn below_its_goldens(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let folder = cause.target.as_deref().and_then(|target| target.split('/').next());
    let golden = first(effect).and_then(|place| place.source.name.strip_prefix("tests/golden/"));
    folder.zip(golden).is_some_and(|(app, golden)| golden.split('/').next() == Some(app))
}

/// Whether a line is broken because of one before it in the file.
pub(super) fn after_it(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    line(cause).zip(line(effect)).is_some_and(|(one, other)| one.0 == other.0 && one.1 < other.1)
}

/// Whether both are about a project that the Application must name, but does not.
pub(super) fn names_no_project(cause: &Diagnostic, _: &Diagnostic) -> bool {
    cause.is(&Fact::Required("spec.project".to_owned()))
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
