//! Characters in values, templates, and Argo CD manifests that are not what they look like: no-break spaces in keys, line
//! breaks that editors do not show, and typographic quotes.
//!
//! In rendered objects, `validate` reports what they break. Files that cannot be parsed are reported when they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use document::lookalike::{self, Lookalike};
use toolbox::{inputs, source};
use workspace::authored::{self, Authored, Origin};

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::CharacterMisleading];

/// Checks the values of all targets and charts, and the text of all files that are YAML or become it.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let root = &subject.workspace.root;
    let mut found = Found::default();
    let mut files: BTreeMap<String, Arc<Source>> = BTreeMap::new();
    let mut values: BTreeSet<PathBuf> = BTreeSet::new();
    for chart in subject.charts {
        for (path, source) in &subject.sources.of(chart).texts {
            if matches!(path.as_str(), "Chart.yaml" | "values.yaml") || is_template(path) {
                files.insert(source.name.clone(), Arc::clone(source));
            }
        }
        values.insert(chart.directory.join("values.yaml"));
    }
    for target in subject.targets.iter().flat_map(|target| target.charts()) {
        for path in target.recipe.value_files.iter().chain(&target.recipe.case_file) {
            let name = inputs::name(root, path);
            if !files.contains_key(&name)
                && let Ok(source) = source::read(root, path)
            {
                files.insert(name, source);
            }
            values.insert(path.clone());
        }
        found.values(authored::inline(target.options).as_ref());
    }
    for path in values {
        // `lookalike` only finds characters outside of ASCII.
        let ascii = files.get(&inputs::name(root, &path)).is_some_and(|source| source.text.is_ascii());
        if !ascii {
            found.values(authored::file(root, path, Origin::Defaults).as_ref());
        }
    }
    for file in &subject.workspace.argocd {
        if let Ok(source) = source::read(root, &root.join(&file.name)) {
            files.insert(file.name.clone(), source);
        }
    }
    for source in files.values() {
        for one in lookalike::line_breaks(&source.text) {
            found.add(Place::new(source, one.span.clone()), one);
        }
    }
    Diagnostics(found.0.into_values().collect())
}

fn is_template(path: &str) -> bool {
    let end = std::path::Path::new(path).extension().and_then(|end| end.to_str()).unwrap_or_default();
    path.starts_with("templates/") && matches!(end, "yaml" | "yml" | "tpl")
}

/// Findings by place, because targets share values.
#[derive(Default)]
struct Found(BTreeMap<(String, Option<usize>), Diagnostic>);

impl Found {
    fn values(&mut self, values: Option<&Authored>) {
        if let Some(values) = values {
            let source: &Arc<Source> = &values.document.root.source;
            for one in lookalike::in_tree(&values.document.root) {
                let span: Range<usize> = one.span.clone();
                self.add(values.in_file(Place::new(source, span)), one);
            }
        }
    }

    fn add(&mut self, place: Place, one: Lookalike) {
        let key = (place.source.name.clone(), place.span.as_ref().map(|span| span.start));
        let Lookalike { message, label, help, .. } = one;
        self.0
            .entry(key)
            .or_insert_with(|| Diagnostic::new(Code::CharacterMisleading, message).at(place, label).help(help));
    }
}
