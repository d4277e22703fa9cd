//! Finds where a value is set: the parameters, values, and files of a target, the one that takes precedence first.
//!
//! The defaults of dependencies are not among them, because they are not in files of the repository.

use std::path::Path;

use argocd::application::HelmOptions;
use diagnostics::Place;
use document::{Key, Node};
use helm::set_path;

use crate::authored::{self, Authored};
use crate::target::ChartTarget;

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
    /// The parameters of the target; nothing for one that is not a chart.
    options: Option<&'a HelmOptions>,
    /// The values that people wrote, those that take precedence first.
    authored: Vec<Authored>,
}

impl<'a> Values<'a> {
    /// Reads the values of a target. Files that cannot be read are left out.
    #[must_use]
    pub fn read(root: &Path, target: &ChartTarget<'a>) -> Self {
        let mut authored = authored::of_target(root, target);
        authored.reverse();
        Self { options: Some(target.options), authored }
    }

    /// The values of a target that has none.
    #[must_use]
    pub fn none() -> Self {
        Self { options: None, authored: Vec::new() }
    }

    /// Where a value is set.
    #[must_use]
    pub fn find(&self, pointer: &[String]) -> Option<Setting> {
        self.parameter(pointer).or_else(|| {
            self.authored.iter().find_map(|one| {
                let place = descend(&one.document.root, pointer)?.place();
                Some(Setting { written: text(&place), place: one.in_file(place), parameter: None })
            })
        })
    }

    /// Where a key is set.
    #[must_use]
    pub(crate) fn find_key(&self, pointer: &[String]) -> Option<Place> {
        if let Some(parameter) = self.parameter(pointer) {
            return Some(parameter.place);
        }
        let (last, parent) = pointer.split_last()?;
        self.authored.iter().find_map(|one| {
            let mapping = descend(&one.document.root, parent)?;
            let (key, _) = mapping.entry(last)?;
            Some(one.key_place(mapping, key))
        })
    }

    /// The keys that are set in a mapping, without those of parameters.
    pub(super) fn keys(&self, pointer: &[String]) -> Vec<&Key> {
        let mappings = self.trees().filter_map(|tree| descend(tree, pointer));
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
        for tree in self.trees() {
            walk(tree, key, &mut Vec::new(), &mut parents);
        }
        parents
    }

    /// All nodes at a path, the one that takes precedence first.
    pub fn all<'s>(&'s self, pointer: &'s [String]) -> impl Iterator<Item = &'s Node> {
        self.trees().filter_map(move |tree| descend(tree, pointer))
    }

    /// The trees of values, the one that takes precedence first.
    pub fn trees(&self) -> impl Iterator<Item = &Node> {
        self.authored.iter().map(|one| &one.document.root)
    }

    /// Whether a parameter sets a value, a part of it, or what contains it.
    #[must_use]
    pub fn is_parameter(&self, pointer: &[String]) -> bool {
        let Some(options) = self.options else { return false };
        let parameters = options.parameters.iter().map(|parameter| &parameter.name);
        let files = options.file_parameters.iter().map(|parameter| &parameter.name);
        let leads = |name: &String| {
            set_path::read(name).is_some_and(|steps| steps.iter().zip(pointer).all(|(one, two)| one == two))
        };
        parameters.chain(files).any(leads)
    }

    /// The values of parameters at or below a path.
    pub fn parameters<'s>(&'s self, pointer: &'s [String]) -> impl Iterator<Item = &'s str> {
        let below = |name: &str| set_path::read(name).is_some_and(|steps| steps.starts_with(pointer));
        let parameters = self.options.map(|options| options.parameters.as_slice()).unwrap_or_default();
        let parameters = parameters.iter().filter(move |parameter| below(&parameter.name));
        parameters.map(|parameter| parameter.value.as_str())
    }

    /// The name and the place of a parameter that sets a value inside the one at a path, which may not be meant to have any.
    #[must_use]
    pub(crate) fn parameter_inside(&self, pointer: &[String]) -> Option<(&str, &Place)> {
        let inside = |name: &str| {
            set_path::read(name).is_some_and(|steps| steps.len() > pointer.len() && steps.starts_with(pointer))
        };
        let parameters = self.options?.parameters.iter().filter(|parameter| inside(&parameter.name));
        parameters.map(|parameter| (parameter.name.as_str(), &parameter.place)).next_back()
    }

    fn parameter(&self, pointer: &[String]) -> Option<Setting> {
        let options = self.options?;
        let same = |name: &str| set_path::read(name).is_some_and(|steps| steps == pointer);
        if let Some(file) = options.file_parameters.iter().rev().find(|parameter| same(&parameter.name)) {
            return Some(Setting { place: file.place.clone(), written: String::new(), parameter: Some(true) });
        }
        // Helm applies `--set-string` after `--set`, and Argo CD passes the last of several parameters with a name.
        let found = options.parameters.iter().filter(|parameter| same(&parameter.name));
        let found = found.max_by_key(|parameter| parameter.force_string)?;
        let written = found.value.clone();
        Some(Setting { place: found.place.clone(), written, parameter: Some(found.force_string) })
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
