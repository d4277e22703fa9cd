//! Merges the findings about several kinds that one list of a project does not have: most likely, the list is incomplete.

use std::collections::BTreeMap;

use diagnostics::wording::all as listed;
use diagnostics::{Diagnostic, Diagnostics, Fact, Place};

/// A kind that a list lacks.
struct Lacking<'f> {
    list: &'f str,
    entry: &'f str,
    what: &'f str,
    project: &'f str,
}

impl<'f> Lacking<'f> {
    fn of(found: &'f Diagnostic) -> Option<Self> {
        found.facts.iter().find_map(|fact| match fact {
            Fact::Unlisted { list, entry, what, project } => Some(Self { list, entry, what, project }),
            _ => None,
        })
    }
}

/// Merges the findings of each Application about one list.
pub(super) fn merge(diagnostics: &mut Diagnostics) {
    let mut lists: BTreeMap<(Option<String>, String, String), Vec<usize>> = BTreeMap::new();
    for (index, found) in diagnostics.0.iter().enumerate() {
        let Some(lacking) = Lacking::of(found) else { continue };
        let list = (found.target.clone(), lacking.list.to_owned(), lacking.project.to_owned());
        lists.entry(list).or_default().push(index);
    }
    let mut merged = Vec::new();
    for indexes in lists.into_values().filter(|indexes| indexes.len() > 1) {
        let all: Vec<&Diagnostic> = indexes.iter().map(|index| &diagnostics.0[*index]).collect();
        if let Some(found) = one_of(&all) {
            merged.push((indexes, found));
        }
    }
    let mut removed: Vec<usize> = Vec::new();
    for (indexes, found) in merged {
        diagnostics.0[indexes[0]] = found;
        removed.extend(&indexes[1..]);
    }
    let mut index = 0..;
    diagnostics.0.retain(|_| index.next().is_none_or(|index| !removed.contains(&index)));
}

/// The finding about all kinds that a list lacks.
fn one_of(all: &[&Diagnostic]) -> Option<Diagnostic> {
    let lacking: Vec<Lacking<'_>> = all.iter().filter_map(|found| Lacking::of(found)).collect();
    let first = lacking.first()?;
    let (list, project) = (first.list, first.project);
    let in_project = |found: &Diagnostic| -> Option<(Place, String)> {
        found.places.iter().skip(1).find(|(place, _)| place.source.text.contains("kind: AppProject")).cloned()
    };
    let (place, _) = in_project(all.first()?)?;
    let message = format!("`{list}` of project `{project}` lacks {} kinds", lacking.len());
    let mut found =
        Diagnostic { message, helps: Vec::new(), notes: Vec::new(), facts: Vec::new(), ..(*all.first()?).clone() };
    found.origin = None;
    let objects = all.iter().zip(&lacking).filter_map(|(found, lacking)| {
        let (place, _) = found.places.first()?;
        Some((place.clone(), lacking.what.to_owned()))
    });
    found.places =
        std::iter::once((place, "does not allow what the Application renders".to_owned())).chain(objects).collect();
    let entries: Vec<String> = lacking.iter().map(|one| format!("`{}`", one.entry)).collect();
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    found.helps.push(format!("add {} to `spec.{list}` of project `{project}`", listed(&entries)));
    found.helps.push("or remove the objects from the chart, or disable them in the values".to_owned());
    Some(found)
}
