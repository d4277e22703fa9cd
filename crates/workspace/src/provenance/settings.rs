//! Finds where a value is set: by the target, or by the defaults of a chart or of its dependencies.

use std::path::Path;

use diagnostics::{Place, Source};
use document::{Node, Value, yaml};
use helm::dependencies::ChartTree;
use helm::template::flow::value::ANY;

use crate::render::values::{Setting, Values, descend};
use crate::target::ChartTarget;

/// The key of the values that all charts share.
const GLOBAL: &str = "global";

/// The values that a target sets, and the defaults of dependencies.
#[derive(Debug)]
pub struct Settings<'a> {
    own: Values<'a>,
    /// The path of each dependency's values, and its values.yaml; outer charts first.
    defaults: Vec<(Vec<String>, Node)>,
    /// The path of each dependency's values, and the values that decide whether it is rendered.
    conditions: Vec<(Vec<String>, Vec<Vec<String>>)>,
}

impl<'a> Settings<'a> {
    /// Reads the values of a target. Files that cannot be read are left out.
    #[must_use]
    pub fn read(root: &Path, target: &ChartTarget<'a>, tree: &ChartTree) -> Self {
        let mut defaults = Vec::new();
        let conditions =
            tree.0.iter().flat_map(|member| member.values.iter().map(|path| (path.clone(), member.conditions.clone())));
        let conditions = conditions.filter(|(_, conditions)| !conditions.is_empty()).collect();
        for member in tree.0.iter().filter(|member| !member.folder.is_empty()) {
            let text = member.files.get("values.yaml").and_then(|bytes| std::str::from_utf8(bytes).ok());
            let source = text.map(|text| Source::new(format!("{}values.yaml", member.label), text));
            let Some(document) = source.and_then(|source| yaml::parse_one(&source).ok()) else { continue };
            defaults.extend(member.values.iter().map(|path| (path.clone(), document.root.clone())));
        }
        defaults.sort_by_key(|(path, _)| path.len());
        Self { own: Values::read(root, target), defaults, conditions }
    }

    /// For a target that has no values.
    #[must_use]
    pub fn none() -> Self {
        Self { own: Values::none(), defaults: Vec::new(), conditions: Vec::new() }
    }

    /// Where a value is set that a template reads. For one in a list or map of which any is read, the list or map.
    #[must_use]
    pub fn find(&self, path: &[String]) -> Option<Setting> {
        self.ways(&known(path)).iter().find_map(|path| self.find_exactly(path))
    }

    fn find_exactly(&self, path: &[String]) -> Option<Setting> {
        self.own.find(path).or_else(|| {
            let node = self.below(path).next()?;
            let place = node.place();
            let written = place.source.text.get(node.span.clone()).unwrap_or_default().to_owned();
            Some(Setting { place, written, parameter: None })
        })
    }

    /// Where the target sets a key, unless a parameter does.
    #[must_use]
    pub fn key(&self, path: &[String]) -> Option<Place> {
        self.own.find_key(path).filter(|_| !self.own.is_parameter(path))
    }

    /// The value at a path, unless it is a parameter or not set.
    #[must_use]
    pub fn node(&self, path: &[String]) -> Option<&Node> {
        self.own.trees().find_map(|tree| descend(tree, path)).or_else(|| {
            self.defaults.iter().find_map(|(chart, tree)| descend(tree, path.strip_prefix(chart.as_slice())?))
        })
    }

    /// Whether parameters of the Application set a value or a part of it, which no other value overrides.
    #[must_use]
    pub fn is_parameter(&self, path: &[String]) -> bool {
        self.own.is_parameter(path)
    }

    /// The nodes at a path in the defaults of dependencies, outer charts first.
    fn below<'s>(&'s self, path: &'s [String]) -> impl Iterator<Item = &'s Node> {
        self.defaults.iter().filter_map(move |(chart, tree)| descend(tree, path.strip_prefix(chart.as_slice())?))
    }

    /// The path at which a value is set that a template reads at another one, as a global value.
    #[must_use]
    pub fn canonical(&self, path: &[String]) -> Vec<String> {
        let ways = self.ways(path);
        let set = ways.iter().find(|way| self.find_exactly(&known(way)).is_some());
        set.or(ways.first()).cloned().unwrap_or_default()
    }

    /// The paths at which a value may be set: a global value of a dependency is first that of the charts around it.
    #[must_use]
    pub fn ways(&self, path: &[String]) -> Vec<Vec<String>> {
        let mut ways = Vec::new();
        if let Some(at) = path.iter().position(|step| step == GLOBAL) {
            let charts =
                |length: &usize| *length == 0 || self.defaults.iter().any(|(chart, _)| *chart == path[..*length]);
            ways.extend((0..at).filter(charts).map(|length| [&path[..length], &path[at..]].concat()));
        }
        ways.push(path.to_vec());
        ways
    }

    /// The values that decide whether a chart is rendered, with the charts around it.
    pub fn conditions<'s>(&'s self, chart: &'s [String]) -> impl Iterator<Item = &'s Vec<String>> {
        self.conditions.iter().filter(move |(path, _)| chart.starts_with(path)).flat_map(|(_, conditions)| conditions)
    }

    /// All texts at or below a path, as `tpl` may render them.
    #[must_use]
    pub fn texts(&self, path: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        for path in self.ways(&known(path)) {
            self.own.all(&path).chain(self.below(&path)).for_each(|node| collect(node, &mut found));
            found.extend(self.own.parameters(&path).map(str::to_owned));
        }
        found
    }
}

/// A path up to the list or map of which it has any entry.
fn known(path: &[String]) -> Vec<String> {
    path.iter().take_while(|step| *step != ANY).cloned().collect()
}

fn collect(node: &Node, found: &mut Vec<String>) {
    if let Value::String(text) = &node.value {
        found.push(text.clone());
    }
    node.entries().iter().for_each(|(_, value)| collect(value, found));
    node.items().iter().for_each(|item| collect(item, found));
}
