//! Relates findings by their places and objects.

use diagnostics::Diagnostic;

use super::facts::{application, first, line};

/// How many lines apart a value and what is incomplete without it may be.
const NEAR: usize = 12;

/// Whether the effect is only about the target of the cause.
pub(super) fn about_one(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.target.as_ref().is_some_and(|target| effect.notes.first() == Some(target))
}

/// Both follow from the same change of charts.toml.
pub(super) fn anywhere(_: &Diagnostic, _: &Diagnostic) -> bool {
    true
}

pub(super) fn same_line(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    line(cause).is_some() && line(cause) == line(effect)
}

/// Whether the effect is about the list or map that the cause leaves incomplete: close to it in its file.
pub(super) fn near_line(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let lines = line(cause).zip(line(effect));
    lines.is_some_and(|((file, line), (other, at))| file == other && line.abs_diff(at) <= NEAR)
}

pub(super) fn same_file(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let file = |found| first(found).map(|place| place.source.name.clone());
    file(cause).is_some() && file(cause) == file(effect)
}

/// The same, with any place of the effect: its main one may be a value.
pub(super) fn near_one_of_its_places(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some((file, line)) = line(cause) else { return false };
    let lines = effect.places.iter().filter_map(|(place, _)| Some((&place.source.name, place.position()?.0)));
    lines.into_iter().any(|(other, at)| *other == file && line.abs_diff(at) <= NEAR)
}

/// Whether the effect is about a line that the cause shows, too.
pub(super) fn one_of_its_places(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let lines = cause.places.iter().filter_map(|(place, _)| Some((place.source.name.clone(), place.position()?.0)));
    line(effect).is_some_and(|own| lines.into_iter().any(|one| one == own))
}

/// Whether both show one line of a file that people edit.
pub(super) fn share_a_place(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let lines = |found: &Diagnostic| -> Vec<(String, usize)> {
        let edited = found.places.iter().filter(|(place, _)| !place.source.name.starts_with("tests/golden/"));
        edited.filter_map(|(place, _)| Some((place.source.name.clone(), place.position()?.0))).collect()
    };
    let own = lines(cause);
    lines(effect).iter().any(|line| own.contains(line))
}

/// Whether the cause shows the file that the effect is about.
pub(super) fn shows_its_file(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some(own) = first(effect) else { return false };
    cause.places.iter().skip(1).any(|(place, _)| place.source.name == own.source.name)
}

/// Whether the cause is about a value of the chart whose values table the effect is about: its row follows from the value.
pub(super) fn in_its_row(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let folder = |found, file| first(found).and_then(|place| place.source.name.strip_suffix(file));
    folder(cause, "/values.yaml").is_some() && folder(cause, "/values.yaml") == folder(effect, "/README.md")
}

/// Whether the effect shows the file of the cause.
pub(super) fn in_its_file(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some(own) = first(cause) else { return false };
    effect.places.iter().any(|(place, _)| place.source.name == own.source.name)
}

/// Whether the cause is in what the effect is about as a whole.
pub(super) fn below_it(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some((place, (file, at))) = first(effect).zip(line(effect)) else { return false };
    let text = &place.source.text;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip(at - 1);
    let Some(start) = lines.next() else { return false };
    let own = indent(start);
    // The items of a list may be as deep as its key, but other items are not inside of one.
    let is_item = |line: &str| line[own..].starts_with("- ");
    let inside = lines.take_while(|line| {
        line.trim().is_empty() || indent(line) > own || indent(line) == own && is_item(line) && !is_item(start)
    });
    line(cause).is_some_and(|(other, line)| other == file && (at..=at + inside.count()).contains(&line))
}

/// Whether the effect is in the chart with the template that renders the object of the cause.
pub(super) fn in_the_chart(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let folder = |found| first(found).and_then(|place| Some(place.source.name.split_once("/templates/")?.0));
    folder(cause).is_some() && folder(cause) == folder(effect)
}

pub(super) fn same_application(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    application(cause).is_some() && application(cause) == application(effect)
}

pub(super) fn same_object(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let object = |found: &Diagnostic| {
        let origin = found.origin.as_ref()?;
        Some((origin.template.clone(), origin.kind.clone()))
    };
    same_application(cause, effect) && object(cause).is_some() && object(cause) == object(effect)
}

/// Whether both are about one field.
pub(super) fn same_field(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let path = |found: &Diagnostic| found.origin.as_ref().map(|origin| origin.path.clone());
    same_object(cause, effect) && path(cause).is_some_and(|path| !path.is_empty()) && path(cause) == path(effect)
}

/// Whether both are about fields next to each other.
pub(super) fn siblings(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let parent = |found: &Diagnostic| {
        let path = &found.origin.as_ref()?.path;
        Some(path[..path.len().checked_sub(1)?].to_vec())
    };
    same_object(cause, effect) && parent(cause).is_some() && parent(cause) == parent(effect)
}

/// Whether the cause is in the list of the project that the effect names.
pub(super) fn same_list(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let (Some(cause), list) = (first(cause), "destination") else { return false };
    let project = effect.places.iter().skip(1).any(|(place, _)| place.source.name == cause.source.name);
    let line = cause.span.clone().map(|span| cause.source.lines_of(&span).1);
    let before = line.and_then(|line| cause.source.text.get(..line.start));
    project && before.is_some_and(|before| before.lines().rev().any(|line| line.trim_start().starts_with(list)))
}

/// Whether the goldens belong to the case in a file with another name.
pub(super) fn of_the_file(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let file = first(cause).and_then(|place| place.source.name.rsplit('/').next()?.strip_suffix(".yaml"));
    file.zip(first(effect)).is_some_and(|(case, place)| place.source.name.ends_with(&format!("/{case}")))
}

/// Whether the case that covered it was removed.
pub(super) fn of_a_case(cause: &Diagnostic, _: &Diagnostic) -> bool {
    let name = first(cause).map(|place| place.source.name.as_str()).unwrap_or_default();
    name.matches('/').count() == 3 && !name.ends_with("/default")
}

pub(super) fn same_chart(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let folder = |found| {
        let name = first(found)?.source.name.clone();
        Some(name.rsplit_once('/')?.0.to_owned())
    };
    folder(cause).is_some() && folder(cause) == folder(effect)
}
