//! Values that are all wrong in the same way at one place of a template: the template is wrong, and not each of the values.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place};

use super::facts::{application, line, missing};

/// The common part of findings that are one: the Application, the field, and the line of the template.
type Key = (String, Vec<String>, String, (String, usize));

/// Keeps the first of the findings about values that one line of a template renders with the wrong type, and marks this line.
pub(super) fn blame(diagnostics: &mut Diagnostics) {
    let mut groups: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (index, found) in diagnostics.0.iter().enumerate() {
        if let Some(key) = key(found) {
            groups.entry(key).or_default().push(index);
        }
    }
    let mut removed = Vec::new();
    for indexes in groups.into_values().filter(|indexes| indexes.len() > 1) {
        let first = &mut diagnostics.0[indexes[0]];
        first.places.swap(0, 1);
        first.places[0].1 = std::mem::take(&mut first.places[1].1);
        "from this value".clone_into(&mut first.places[1].1);
        first.notes.push(format!("the same with {}", plural(indexes.len() - 1, "other value")));
        removed.extend_from_slice(&indexes[1..]);
    }
    let mut index = 0..;
    diagnostics.0.retain(|_| index.next().is_none_or(|index| !removed.contains(&index)));
}

/// Keeps one of the names that one action prints in several cases, and that no object has: the first one that is marked in a
/// template, or else the first one that is marked in a value.
pub(super) fn one_name(diagnostics: &mut Diagnostics) {
    let in_template = |place: &Place| place.source.name.contains("/templates/");
    let mut order: Vec<usize> = (0..diagnostics.0.len()).collect();
    order.sort_by_key(|index| diagnostics.0[*index].places.first().is_none_or(|(place, _)| !in_template(place)));
    let mut known: BTreeMap<_, Option<(&str, &str)>> = BTreeMap::new();
    let mut removed = BTreeSet::new();
    for index in order {
        let found = &diagnostics.0[index];
        let Some(origin) = found.origin.as_ref().filter(|_| found.code == Code::ReferenceMissing) else { continue };
        let places = found.places.iter().map(|(place, _)| place).filter(|place| in_template(place));
        let keys = places.filter_map(|place| {
            Some((place.source.name.clone(), place.position()?.0, origin.path.clone(), application(found)?.to_owned()))
        });
        let keys: Vec<_> = keys.collect();
        let missing = missing(found);
        if keys.iter().any(|key| known.get(key).is_some_and(|other| *other != missing)) {
            removed.insert(index);
        } else {
            // The others may be those of what was meant.
            known.extend(keys.into_iter().next().map(|key| (key, missing)));
        }
    }
    let mut index = 0..;
    diagnostics.0.retain(|_| index.next().is_none_or(|index| !removed.contains(&index)));
}

fn key(found: &Diagnostic) -> Option<Key> {
    let origin = found.origin.as_ref().filter(|_| found.code == Code::ObjectInvalid)?;
    let [(value, _), (template, _), ..] = found.places.as_slice() else { return None };
    // The main place is a value, and the next one the line of the template that prints it.
    if !template.source.name.contains("/templates/") || value.source.name.contains("/templates/") {
        return None;
    }
    // A map that the template passes on has the keys of the object: then the values are wrong.
    let own = value.span.clone().and_then(|span| value.source.text.get(value.source.lines_of(&span).1));
    let own = own.and_then(|line| line.split(':').next()).map(|key| key.trim_start_matches([' ', '-']));
    if !found.helps.is_empty() || own == origin.path.last().map(String::as_str) || line(found).is_none() {
        return None;
    }
    let Fact::Type(_) = found.facts.first()? else { return None };
    let at = (template.source.name.clone(), template.position()?.0);
    Some((application(found)?.to_owned(), origin.path.clone(), origin.template.clone(), at))
}
