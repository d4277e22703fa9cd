//! Values that one rule of a values.schema.json refuses: with several of them in several files, the rule is what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::wording::all;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place};

use super::facts::line;

/// How many values a finding names.
const NAMED: usize = 3;

/// How many values of one file a rule must refuse to be blamed for that.
const MANY: usize = 3;

/// Replaces the findings about values that one rule refuses with one about the rule.
pub(super) fn merge(diagnostics: &mut Diagnostics) {
    let mut rules: BTreeMap<(String, usize, usize), (Place, Vec<usize>)> = BTreeMap::new();
    for (index, found) in diagnostics.0.iter().enumerate() {
        let rule = found.rule().filter(|_| found.value().is_some());
        let Some((place, span)) = rule.and_then(|place| Some((place, place.span.clone()?))) else { continue };
        let key = (place.source.name.clone(), span.start, span.end);
        rules.entry(key).or_insert_with(|| (place.clone(), Vec::new())).1.push(index);
    }
    let mut removed: BTreeSet<usize> = BTreeSet::new();
    let mut added = Vec::new();
    for (place, indices) in rules.into_values() {
        let refused: Vec<&Diagnostic> = indices.iter().map(|index| &diagnostics.0[*index]).collect();
        if let Some(found) = blame(place, &refused) {
            removed.extend(indices);
            added.push(found);
        }
    }
    let mut index = 0..;
    diagnostics.0.retain(|_| index.next().is_none_or(|index| !removed.contains(&index)));
    diagnostics.0.extend(added);
}

/// Whether the effect is about a condition of the schema, or about what contains the value, whose type is wrong: then
/// whatever the condition reads is not what its author had in mind.
pub(super) fn confused_by_the_type(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some(rule) = cause.rule().filter(|_| cause.facts.iter().any(|fact| matches!(fact, Fact::Type(_)))) else {
        return false;
    };
    let contains = || {
        let inner = cause.value().zip(effect.value()).and_then(|(inner, outer)| inner.strip_prefix(outer));
        inner.is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    if line(cause).is_some() && line(cause) == line(effect) && contains() {
        return true;
    }
    let chart = rule.source.name.strip_suffix("values.schema.json").filter(|chart| !chart.is_empty());
    let in_chart =
        chart.is_some_and(|chart| effect.places.iter().any(|(place, _)| place.source.name.starts_with(chart)));
    effect.rule().is_none() && effect.places.len() > 1 && (in_chart || cause.target == effect.target)
}

/// The finding about a rule that refuses values in several files, or many.
fn blame(place: Place, refused: &[&Diagnostic]) -> Option<Diagnostic> {
    let places: BTreeSet<(String, usize)> = refused.iter().filter_map(|found| line(found)).collect();
    let files: BTreeSet<&String> = places.iter().map(|(file, _)| file).collect();
    if files.len() < 2 && places.len() < MANY {
        return None;
    }
    let values: BTreeSet<&str> = refused.iter().filter_map(|found| found.value()).collect();
    let mut names: Vec<String> = values.iter().take(NAMED).map(|value| format!("`{value}`")).collect();
    if values.len() > NAMED {
        names.push(format!("{} more", values.len() - NAMED));
    }
    let message = format!(
        "this rule of values.schema.json refuses {}",
        all(&names.iter().map(String::as_str).collect::<Vec<_>>())
    );
    let mut seen = BTreeSet::new();
    let shown = refused.iter().filter(|found| line(found).is_some_and(|line| seen.insert(line))).take(2);
    let found = shown.fold(Diagnostic::new(Code::HelmRefused, message).at(place, ""), |found, one| {
        let (place, _) = &one.places[0];
        found.at(place.clone(), one.message.clone())
    });
    let target = refused.iter().filter_map(|one| one.target.clone()).min();
    let found = Diagnostic { target, ..found };
    Some(found.help("correct the rule, or all of these values"))
}
