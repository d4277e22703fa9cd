//! Duplicate keys in values files and in an Application's inline values.
//!
//! Helm silently uses the last one, so changing the first has no effect. Duplicate keys in rendered objects are reported
//! by `validate`, and files that cannot be parsed by Helm.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use document::{block, yaml};
use toolbox::inputs;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ValueDuplicate];

/// Checks every values file that a target uses, and the values.yaml of every chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let root = &subject.workspace.root;
    let mut files: BTreeSet<PathBuf> = subject.charts.iter().map(|chart| chart.directory.join("values.yaml")).collect();
    for target in subject.targets.iter().flat_map(|target| target.charts()) {
        files.extend(target.recipe.value_files.iter().chain(&target.recipe.case_file).cloned());
    }
    let mut found = Vec::new();
    for path in files.iter().filter(|path| path.is_file()) {
        let Ok(source) = toolbox::source::read(root, path) else { continue };
        let name = inputs::name(root, path);
        found.extend(duplicates(&source).into_iter().map(|(key, place)| finding(&format!("`{name}`"), &key, place)));
    }
    let deployments = subject.workspace.deployments.iter();
    for (deployment, chart) in deployments.flat_map(|one| one.charts().map(move |chart| (one, chart))) {
        let Some((text, place)) = &chart.options.values else { continue };
        let name = &deployment.application.instance;
        let of = format!("the values of Application `{name}`");
        for (key, at) in duplicates(&Source::new("values", text.clone())) {
            found.push(finding(&of, &key, block::in_file(place, &at).unwrap_or_else(|| place.clone())).target(name));
        }
    }
    Diagnostics(found)
}

fn duplicates(source: &Arc<Source>) -> Vec<(String, Place)> {
    let Ok(document) = yaml::parse_one(source) else { return Vec::new() };
    let place = |span: &std::ops::Range<usize>| Place::new(source, span.clone());
    document.duplicates.iter().map(|key| (key.name.clone(), place(&key.span))).collect()
}

fn finding(file: &str, key: &str, place: Place) -> Diagnostic {
    Diagnostic::new(Code::ValueDuplicate, format!("duplicate key `{key}` in {file}"))
        .at(place, "overrides the earlier one")
        .help("remove one of them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_key_in_the_same_mapping_is_found() {
        let found = |text: &str| {
            let found = duplicates(&Source::new("v", text));
            found.into_iter().map(|(key, place)| format!("{key} {place}")).collect::<Vec<_>>()
        };
        assert_eq!(found("a: 1\nb: {a: 1, c: 1, c: 2}\na: 2\n"), ["c v:2:17", "a v:3:1"]);
        assert!(found("a: {a: 1}\nb: [{a: 1}, {a: 1}]\n").is_empty() && found("{").is_empty());
    }
}
