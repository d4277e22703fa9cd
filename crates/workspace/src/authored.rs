//! The values that people wrote for a target: files and inline values, each with its places.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use argocd::application::HelmOptions;
use diagnostics::{Place, Result, Source};
use document::yaml::Document;
use document::{Node, block, yaml};
use toolbox::source;

use crate::target::ChartTarget;

/// Where values are written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// values.yaml of the chart.
    Defaults,
    /// A value file of the Application, by its index in the recipe.
    File(usize),
    /// `valuesObject` of the Application.
    Object,
    /// `values` of the Application.
    Text,
    /// The value file of the case.
    Case,
}

/// Values in one file, or in an Application.
#[derive(Debug, Clone)]
pub struct Authored {
    /// Where they are written.
    pub origin: Origin,
    /// The file; `None` for values in an Application.
    pub path: Option<PathBuf>,
    /// The values.
    pub document: Document,
    /// The scalar in the Application that contains their text.
    block: Option<Place>,
}

impl Authored {
    /// The place in the author's file of a place in the values.
    #[must_use]
    pub fn in_file(&self, place: Place) -> Place {
        match &self.block {
            Some(block) => block::in_file(block, &place).unwrap_or_else(|| block.clone()),
            None => place,
        }
    }

    /// The place of a key.
    #[must_use]
    pub fn key_place(&self, node: &Node, key: &document::Key) -> Place {
        self.in_file(Place::new(&node.source, key.span.clone()))
    }
}

/// The values of a target, the ones that take precedence last. Values that cannot be parsed are left out.
#[must_use]
pub fn of_target(root: &Path, target: &ChartTarget<'_>) -> Vec<Authored> {
    let chart = target.chart.directory.join("values.yaml");
    let mut all: Vec<Authored> = file(root, chart, Origin::Defaults).into_iter().collect();
    let files = target.recipe.value_files.iter().enumerate();
    all.extend(files.filter_map(|(index, path)| file(root, path.clone(), Origin::File(index))));
    all.extend(inline(target.options));
    all.extend(target.recipe.case_file.clone().and_then(|path| file(root, path, Origin::Case)));
    all
}

/// Values in a file.
#[must_use]
pub fn file(root: &Path, path: PathBuf, origin: Origin) -> Option<Authored> {
    let document = parse(&source::read(root, &path).ok()?).ok()?;
    Some(Authored { origin, path: Some(path), document, block: None })
}

/// The inline values of an Application.
#[must_use]
pub fn inline(options: &HelmOptions) -> Option<Authored> {
    if let Some(object) = &options.values_object {
        let document = Document::of(object.clone());
        return Some(Authored { origin: Origin::Object, path: None, document, block: None });
    }
    let (text, place) = options.values.as_ref()?;
    let document = parse(&Source::new(place.source.name.clone(), text.clone())).ok()?;
    Some(Authored { origin: Origin::Text, path: None, document, block: Some(place.clone()) })
}

fn parse(source: &Arc<Source>) -> Result<Document> {
    yaml::parse_one(source)
}
