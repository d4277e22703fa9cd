//! Finds where a value is set: the parameters, values, and files of a target, the one that takes precedence first.
//!
//! The defaults of dependencies are not among them, because they are not in files of the repository.

use std::path::Path;

use diagnostics::{Place, Source};
use document::{Key, Node, block, yaml};
use toolbox::source;

use crate::plan::Target;

/// A value and where it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The place of the value.
    pub place: Place,
    /// The value as it is written there.
    pub written: String,
    /// Whether it is a parameter of the Application, and if so, one with `forceString`.
    pub parameter: Option<bool>,
}

/// The values that a target sets.
#[derive(Debug)]
pub struct Values<'a> {
    target: &'a Target<'a>,
    /// Trees of values, the one that takes precedence first.
    trees: Vec<Node>,
}

impl<'a> Values<'a> {
    /// Reads the values of a target. Files that cannot be read are left out.
    #[must_use]
    pub fn read(root: &Path, target: &'a Target<'a>) -> Self {
        let options = &target.deployment.options;
        let file = |path: &Path| Some(yaml::parse_one(&source::read(root, path).ok()?).ok()?.root);
        let inline = options.values_object.clone().or_else(|| {
            let (text, place) = options.values.as_ref()?;
            Some(yaml::parse_one(&Source::new(place.source.name.clone(), text.clone())).ok()?.root)
        });
        let case_file = target.recipe.case_file.as_deref().and_then(file);
        let files = target.recipe.value_files.iter().rev().filter_map(|path| file(path));
        let defaults = file(&target.deployment.chart.directory.join("values.yaml"));
        let trees = case_file.into_iter().chain(inline).chain(files).chain(defaults).collect();
        Self { target, trees }
    }

    /// Where a value is set.
    #[must_use]
    pub fn find(&self, pointer: &[String]) -> Option<Setting> {
        self.parameter(pointer).or_else(|| {
            let value = self.trees.iter().find_map(|tree| descend(tree, pointer))?;
            let place = value.place();
            Some(Setting { written: text(&place), place: self.in_file(place), parameter: None })
        })
    }

    /// Where a key is set.
    pub(super) fn find_key(&self, pointer: &[String]) -> Option<Place> {
        if let Some(parameter) = self.parameter(pointer) {
            return Some(parameter.place);
        }
        let (last, parent) = pointer.split_last()?;
        self.trees.iter().find_map(|tree| {
            let mapping = descend(tree, parent)?;
            let (key, _) = mapping.entries().iter().find(|(key, _)| key.name == *last)?;
            Some(self.in_file(Place::new(&mapping.source, key.span.clone())))
        })
    }

    /// The keys that are set in a mapping, without those of parameters.
    pub(super) fn keys(&self, pointer: &[String]) -> Vec<&Key> {
        let mappings = self.trees.iter().filter_map(|tree| descend(tree, pointer));
        mappings.flat_map(Node::entries).map(|(key, _)| key).collect()
    }

    /// The paths of all mappings that contain a key.
    pub(super) fn parents(&self, key: &str) -> Vec<Vec<String>> {
        fn walk(node: &Node, key: &str, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
            if node.get(key).is_some() && !out.contains(path) {
                out.push(path.clone());
            }
            for (name, value) in node.entries() {
                path.push(name.name.clone());
                walk(value, key, path, out);
                path.pop();
            }
        }
        let mut parents = Vec::new();
        for tree in &self.trees {
            walk(tree, key, &mut Vec::new(), &mut parents);
        }
        parents
    }

    /// All nodes at a path, the one that takes precedence first.
    pub fn all<'s>(&'s self, pointer: &'s [String]) -> impl Iterator<Item = &'s Node> {
        self.trees.iter().filter_map(move |tree| descend(tree, pointer))
    }

    /// The trees of values, the one that takes precedence first.
    pub fn trees(&self) -> impl Iterator<Item = &Node> {
        self.trees.iter()
    }

    /// Whether a parameter sets a value, a part of it, or what contains it.
    #[must_use]
    pub fn is_parameter(&self, pointer: &[String]) -> bool {
        let options = &self.target.deployment.options;
        let parameters = options.parameters.iter().map(|parameter| &parameter.name);
        let files = options.file_parameters.iter().map(|parameter| &parameter.name);
        parameters.chain(files).any(|name| {
            let name = name.replace('[', ".").replace(']', "");
            name.split('.').zip(pointer).all(|(one, two)| one == two)
        })
    }

    /// The values of parameters at or below a path.
    pub fn parameters<'s>(&'s self, pointer: &'s [String]) -> impl Iterator<Item = &'s str> {
        let dotted = pointer.join(".");
        let options = &self.target.deployment.options;
        options.parameters.iter().filter_map(move |parameter| {
            let name = parameter.name.replace('[', ".").replace(']', "");
            let below = name.strip_prefix(&dotted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            (below || dotted.is_empty()).then_some(parameter.value.as_str())
        })
    }

    fn parameter(&self, pointer: &[String]) -> Option<Setting> {
        let options = &self.target.deployment.options;
        let dotted = pointer.join(".");
        let same = |name: &str| name.replace('[', ".").replace(']', "") == dotted;
        if let Some(file) = options.file_parameters.iter().rev().find(|parameter| same(&parameter.name)) {
            return Some(Setting { place: file.place.clone(), written: String::new(), parameter: Some(true) });
        }
        // Helm applies `--set-string` after `--set`.
        let found = options.parameters.iter().rev().filter(|parameter| same(&parameter.name));
        let found = found.max_by_key(|parameter| parameter.force_string)?;
        let written = found.value.clone();
        Some(Setting { place: found.place.clone(), written, parameter: Some(found.force_string) })
    }

    /// The place in the Application, for a place in its `values` text.
    pub(super) fn in_file(&self, place: Place) -> Place {
        let values = self.target.deployment.options.values.as_ref();
        match values.filter(|(text, _)| *text == place.source.text) {
            Some((_, values)) => block::in_file(values, &place).unwrap_or_else(|| values.clone()),
            None => place,
        }
    }
}

/// The value at a path.
#[must_use]
pub fn descend<'n>(tree: &'n Node, pointer: &[String]) -> Option<&'n Node> {
    pointer.iter().try_fold(tree, |node, step| node.get(step).or_else(|| node.items().get(step.parse::<usize>().ok()?)))
}

fn text(place: &Place) -> String {
    place.span.clone().and_then(|span| place.source.text.get(span)).unwrap_or_default().to_owned()
}
