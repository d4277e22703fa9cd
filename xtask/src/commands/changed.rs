//! Findings about two places that contradict each other: the one that the change has edited is the main place.
//!
//! A project that does not allow a namespace, and a schema that refuses a value, are as likely wrong as what they refuse.
//! What changed since the base revision tells which of them the author is working on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diagnostics::{Code, Diagnostic, Diagnostics, Place};

use crate::lint::base::Base;

/// Moves the places that changed to the front. Without a base revision, all findings stay as they are.
pub(crate) fn blame(diagnostics: &mut Diagnostics, root: &Path, base: Option<&str>) {
    if !diagnostics.0.iter().any(is_open) {
        return;
    }
    let Some(base) = Base::find(root, base).ok().flatten() else { return };
    let mut earlier = Earlier { base: &base, texts: BTreeMap::new() };
    for found in diagnostics.0.iter_mut().filter(|found| is_open(found)) {
        earlier.reorder(found);
    }
    // Findings at several values may have the same main place now.
    let mut seen: BTreeSet<(Code, String, String)> = BTreeSet::new();
    diagnostics.0.retain(|found| {
        let refused = found.code == Code::HelmRefused && found.places.len() > 1;
        let place = found.places.first().map(|(place, _)| place.to_string()).unwrap_or_default();
        !refused || seen.insert((found.code, found.message.clone(), place))
    });
}

/// Whether a finding shows more than one place that its author may have edited.
fn is_open(found: &Diagnostic) -> bool {
    let places = found.places.iter().filter(|(place, _)| is_written(place)).count();
    places > 1 || places == 1 && found.rule().is_some()
}

/// Whether a place is in a file that people write: neither in a golden, nor in an archive.
fn is_written(place: &Place) -> bool {
    let name = &place.source.name;
    place.span.is_some() && !name.starts_with(golden::FOLDER) && !name.contains(".tgz") && !name.contains(" (")
}

/// The texts of files in the base revision.
struct Earlier<'a> {
    base: &'a Base,
    texts: BTreeMap<String, Option<String>>,
}

impl Earlier<'_> {
    /// The text of a file; `None` if the base revision does not contain it.
    fn text(&mut self, name: &str) -> Option<&str> {
        let base = self.base;
        let read = || base.repository.file(&base.commit, name).ok().flatten();
        self.texts.entry(name.to_owned()).or_insert_with(read).as_deref()
    }

    /// Whether the file of a place is not the same in the base revision.
    fn file_differs(&mut self, place: &Place) -> bool {
        self.text(&place.source.name).is_none_or(|text| text != place.source.text)
    }

    /// Whether a line of a place is not in the base revision.
    fn differs(&mut self, place: &Place) -> bool {
        let Some(span) = place.span.clone() else { return false };
        let (line, bytes) = place.source.lines_of(&span);
        let count = place.source.text.get(bytes).unwrap_or_default().lines().count();
        self.text(&place.source.name).is_none_or(|earlier| changed(earlier, &place.source.text, line - 1, count))
    }

    fn reorder(&mut self, found: &mut Diagnostic) {
        let Some((first, _)) = found.places.first().cloned().filter(|(place, _)| place.span.is_some()) else { return };
        if is_written(&first) && self.differs(&first) {
            return;
        }
        let changed = (1..found.places.len()).find(|index| {
            let place = &found.places[*index].0;
            is_written(place) && self.differs(place)
        });
        if let Some(index) = changed {
            let place = found.places.remove(index);
            found.places.insert(0, place);
            return;
        }
        let rule = found.rule().cloned();
        let Some(rule) = rule.filter(|rule| self.file_differs(rule) && !self.file_differs(&first)) else { return };
        found.places.insert(0, (rule, "refuses the value".to_owned()));
        found.helps = vec!["correct the schema, or the value".to_owned()];
    }
}

/// Whether one of some lines, counted from 0, is not among those of an earlier text between the lines that both have at their
/// start and at their end.
fn changed(earlier: &str, now: &str, line: usize, count: usize) -> bool {
    let (earlier, now): (Vec<&str>, Vec<&str>) = (earlier.lines().collect(), now.lines().collect());
    let start = earlier.iter().zip(&now).take_while(|(one, other)| one == other).count();
    let rest = earlier.len().min(now.len()) - start;
    let same_end = earlier.iter().rev().zip(now.iter().rev()).take(rest).take_while(|(one, other)| one == other);
    let end = same_end.count();
    let removed: BTreeSet<&str> = earlier[start..earlier.len() - end].iter().map(|line| line.trim()).collect();
    let added = start..now.len() - end;
    let mut lines = (line..line + count).filter(|line| added.contains(line)).filter_map(|line| now.get(line));
    lines.any(|line| !removed.contains(line.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_changed_if_it_is_not_among_those_that_were_there() {
        let differs = |now: &str, line: usize| changed("a\nb\nc\nd\n", now, line, 1);
        assert!(differs("a\nx\nc\nd\n", 1) && !differs("a\nx\nc\nd\n", 2));
        assert!(differs("a\nb\na\nc\nd\n", 2) && !differs("a\nb\na\nc\nd\n", 0), "a line that is there twice now");
        assert!(!differs("a\nx\nc\ny\n", 2), "a line between two changes");
        assert!(!differs("a\nd\n", 1), "lines that were deleted");
    }
}
