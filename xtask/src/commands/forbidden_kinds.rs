//! Merges the findings about several kinds that one list of a project does not have: most likely, the list is incomplete.

use std::collections::BTreeMap;

use diagnostics::wording::all as listed;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};

/// A kind that a list lacks.
struct Lacking {
    /// The list and its project, as the help names them.
    list: String,
    /// The entry to add.
    entry: String,
    /// The object, as the message names it.
    object: String,
    project: String,
}

impl Lacking {
    fn of(found: &Diagnostic) -> Option<Self> {
        let help = found.helps.iter().find_map(|help| help.strip_prefix("or add "));
        let (entry, list) = help.filter(|_| found.code == Code::ProjectForbids)?.split_once(" to ")?;
        let (project, object) = found.message.strip_prefix("project `")?.split_once("` does not allow ")?;
        list.contains("ResourceWhitelist` of project").then(|| Self {
            list: list.to_owned(),
            entry: entry.to_owned(),
            object: object.to_owned(),
            project: project.to_owned(),
        })
    }
}

/// Merges the findings of each Application about one list.
pub(super) fn merge(diagnostics: &mut Diagnostics) {
    let mut lists: BTreeMap<(Option<String>, String), Vec<usize>> = BTreeMap::new();
    for (index, found) in diagnostics.0.iter().enumerate() {
        let Some(lacking) = Lacking::of(found) else { continue };
        lists.entry((found.target.clone(), lacking.list)).or_default().push(index);
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
    let lacking: Vec<Lacking> = all.iter().filter_map(|found| Lacking::of(found)).collect();
    let first = lacking.first()?;
    let list = first.list.split('`').nth(1)?.strip_prefix("spec.")?;
    let in_project = |found: &Diagnostic| -> Option<(Place, String)> {
        found.places.iter().skip(1).find(|(place, _)| place.source.text.contains("kind: AppProject")).cloned()
    };
    let (place, _) = in_project(all.first()?)?;
    let message = format!("`{list}` of project `{}` lacks {} kinds", first.project, lacking.len());
    let mut found = Diagnostic { message, helps: Vec::new(), notes: Vec::new(), ..(*all.first()?).clone() };
    found.origin = None;
    let objects = all.iter().zip(&lacking).filter_map(|(found, lacking)| {
        let (place, _) = found.places.first()?;
        Some((place.clone(), lacking.object.clone()))
    });
    found.places =
        std::iter::once((place, "does not allow what the Application renders".to_owned())).chain(objects).collect();
    let entries: Vec<&str> = lacking.iter().map(|one| one.entry.as_str()).collect();
    found.helps.push(format!("add {} to {}", listed(&entries), first.list));
    found.helps.push("or remove the objects from the chart, or disable them in the values".to_owned());
    Some(found)
}
