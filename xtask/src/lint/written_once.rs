//! Where a text of a rendered object is written, if it is written only once: what passes through functions such as `fromYaml`
//! cannot be traced.

use std::path::PathBuf;
use std::sync::Arc;

use diagnostics::{Place, Source};
use kubernetes::object::Object;
use toolbox::source;
use workspace::target::ChartTarget;

use super::subject::Subject;

/// The only place of a word or a path in the chart and the values of an object, where its author most likely wrote it.
pub(super) fn written(subject: &Subject<'_>, object: &Object, path: &str) -> Option<Place> {
    let name = object.template.split('/').next()?;
    let chart = subject.charts.iter().find(|chart| chart.name == name)?;
    let part = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let root = &subject.workspace.root;
    let target = subject.targets.iter().find(|target| target.id.to_string() == object.target);
    let of_chart = |chart: &ChartTarget<'_>| -> Vec<PathBuf> {
        chart.recipe.value_files.iter().chain(&chart.recipe.case_file).cloned().collect()
    };
    let files = target.iter().flat_map(|target| target.charts()).flat_map(|chart| of_chart(&chart));
    let values: Vec<Arc<Source>> = files.filter_map(|file| source::read(root, &file).ok()).collect();
    let texts = subject.sources.of(chart).texts.iter().map(|(_, source)| source);
    let values = values.iter().filter(|file| !texts.clone().any(|source| source.name == file.name));
    let places = texts.clone().chain(values).flat_map(|source| {
        let found = source.text.match_indices(path);
        let found = found
            .filter(|(at, _)| !source.text[at + path.len()..].starts_with(part) && !source.text[..*at].ends_with(part));
        found.map(move |(at, _)| Place::new(source, at..at + path.len()))
    });
    let places: Vec<Place> = places.take(2).collect();
    if let [place] = places.as_slice() { Some(place.clone()) } else { None }
}
