//! Finds the author's edit that is the likely reason why an object is no longer rendered under its name.
//!
//! Compares the values of the chart, and the sources of the Application, with the base. An edit is the reason only if it is
//! the only one, or the only one whose value the template of the object names.

use std::collections::BTreeMap;
use std::path::Path;

use diagnostics::{Place, Source};
use document::{Node, Value, yaml};
use workspace::authored::{self, Origin};
use workspace::target::Target;
use workspace::written::Written;

use crate::lint::base::Base;

/// A value that differs from the base.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    /// Its path, such as `persistence.enabled`.
    path: String,
    /// Where it is set now, or what contained it.
    pub(super) place: Place,
    /// The label of the place, which shows the former value.
    pub(super) label: String,
}

/// The fields that determine where a source is, and not what it renders.
const LOCATION: [&str; 4] = ["chart", "ref", "repoURL", "targetRevision"];

/// The maximum number of values to compare. With more, the comparison takes too long.
const MOST: usize = 20_000;

/// The longest value that a label quotes.
const SHORT: usize = 40;

/// The differences from the base in the sources of an Application, and in the value files of its chart.
pub(super) fn edits(
    root: &Path,
    base: &Base,
    target: &Target<'_>,
    application: Written<'_>,
    before: Option<&Node>,
) -> Vec<Edit> {
    let mut edits = Vec::new();
    if let Some(before) = before {
        for key in ["source", "sources"] {
            let path = ["spec", key];
            if let (Some(before), Some(now)) = (before.find(&path), application.root.find(&path)) {
                compare(base, before, now, &mut edits);
            }
        }
    }
    let Some(chart) = target.charts().next() else { return edits };
    let files = [(chart.chart.directory.join("values.yaml"), Origin::Defaults)].into_iter();
    let files = files.chain(chart.recipe.value_files.iter().cloned().zip((0..).map(Origin::File)));
    for (path, origin) in files {
        let Some(now) = authored::file(root, path, origin) else { continue };
        let name = now.document.root.source.name.clone();
        let Ok(Some(text)) = base.repository.file(&base.commit, &name) else { continue };
        if text == now.document.root.source.text {
            continue;
        }
        if let Ok(before) = yaml::parse_one(&Source::new(name, text)) {
            compare(base, &before.root, &now.document.root, &mut edits);
        }
    }
    edits
}

/// The edit that explains what became of an object that this template rendered.
pub(super) fn of<'e>(edits: &'e [Edit], template: Option<&str>) -> Option<&'e Edit> {
    if let [only] = edits {
        return Some(only);
    }
    let mut named = edits.iter().filter(|edit| {
        !edit.path.is_empty() && template.is_some_and(|text| text.contains(&format!(".Values.{}", edit.path)))
    });
    named.next().filter(|_| named.next().is_none())
}

fn compare(base: &Base, before: &Node, now: &Node, edits: &mut Vec<Edit>) {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    leaves(before, &mut Vec::new(), &mut old);
    leaves(now, &mut Vec::new(), &mut new);
    if old.len().max(new.len()) > MOST {
        return;
    }
    let value = |path: &[String]| -> String {
        let path = path.join(".");
        path.strip_prefix("helm.").map_or(path.clone(), |rest| rest.trim_start_matches("valuesObject.").to_owned())
    };
    for (path, node) in &new {
        let label = match old.get(path).map(|node| text(node)) {
            Some(text) if text == self::text(node) => continue,
            Some(text) if text.len() <= SHORT => format!("was `{text}` at `{}`", base.name),
            Some(_) => format!("differs from `{}`", base.name),
            None => format!("not set at `{}`", base.name),
        };
        edits.push(Edit { path: value(path), place: node.place(), label });
    }
    for (path, _) in old.iter().filter(|(path, _)| !new.contains_key(*path)) {
        // A value that became a list or a mapping is among the new values.
        if new.keys().any(|other| other.starts_with(path) || path.starts_with(other)) {
            continue;
        }
        let mut parents = (0..path.len()).rev().map(|length| &path[..length]);
        let parent = parents.find_map(|path| now.find(&path.iter().map(String::as_str).collect::<Vec<_>>()));
        let label = format!("`{}` was set at `{}`", value(path), base.name);
        edits.push(Edit { path: value(path), place: parent.unwrap_or(now).place(), label });
    }
}

/// The scalars of a tree, and its empty lists and mappings, by their path.
fn leaves<'n>(node: &'n Node, path: &mut Vec<String>, found: &mut BTreeMap<Vec<String>, &'n Node>) {
    if found.len() > MOST {
        return;
    }
    let located = |path: &[String]| path.len() == 1 && LOCATION.contains(&path[0].as_str());
    if !located(path) && node.entries().is_empty() && node.items().is_empty() {
        found.insert(path.clone(), node);
    }
    for (key, value) in node.entries() {
        path.push(key.name.clone());
        leaves(value, path, found);
        path.pop();
    }
    for (index, value) in node.items().iter().enumerate() {
        path.push(index.to_string());
        leaves(value, path, found);
        path.pop();
    }
}

fn text(node: &Node) -> String {
    match &node.value {
        Value::String(text) => text.clone(),
        _ => node.to_json(),
    }
}
