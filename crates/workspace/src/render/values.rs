//! Finds where a value is set: the parameters, values, and files of a target, the one that takes precedence first.
//!
//! The defaults of dependencies are not among them, because they are not in files of the repository.

use std::path::Path;

use diagnostics::{Place, Source};
use document::{Key, Node, yaml};
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
            Some((_, values)) => in_block(values, &place).unwrap_or_else(|| values.clone()),
            None => place,
        }
    }
}

/// A place in the text of a block scalar, as a place in the file that contains it.
pub(super) fn in_block(block: &Place, place: &Place) -> Option<Place> {
    let start = block.span.as_ref()?.start;
    let (line, _) = place.position()?;
    let first = block.position()?.0 + usize::from(block.source.text[start..].starts_with(['|', '>']));
    let outer = Place::line(&block.source, first + line - 1);
    let inner = Place::line(&place.source, line);
    let (Some(outer_span), Some(inner_span), Some(span)) = (&outer.span, &inner.span, &place.span) else {
        return Some(outer);
    };
    // Both lines start at their first character that is not white space.
    let exact = span.start.checked_sub(inner_span.start).map(|offset| outer_span.start + offset);
    let exact = exact.map(|start| start..start + span.len()).filter(|span| span.end <= outer_span.end);
    Some(exact.map_or_else(|| outer.clone(), |span| Place::new(&block.source, span)))
}

/// The value at a path.
#[must_use]
pub fn descend<'n>(tree: &'n Node, pointer: &[String]) -> Option<&'n Node> {
    pointer.iter().try_fold(tree, |node, step| node.get(step).or_else(|| node.items().get(step.parse::<usize>().ok()?)))
}

fn text(place: &Place) -> String {
    place.span.clone().and_then(|span| place.source.text.get(span)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_block_scalar_is_one_in_its_file() {
        let file = "spec:\n  values: |\n    # A comment.\n    image:\n      tag: latest\n  other: 1\n";
        let source = Source::new("web.yaml", file);
        let root = yaml::parse_one(&source).expect("YAML").root;
        let block = descend(&root, &["spec".to_owned(), "values".to_owned()]).expect("values");
        let span = block.span.clone();
        let inner = Source::new("web.yaml", block.as_str().expect("a string"));
        let values = yaml::parse_one(&inner).expect("YAML").root;
        let tag = descend(&values, &["image".to_owned(), "tag".to_owned()]).expect("tag");
        let place = in_block(&Place::new(&source, span), &tag.place()).expect("a place");
        assert_eq!(place.to_string(), "web.yaml:5:12");
        assert_eq!(text(&place), "latest");
    }
}
