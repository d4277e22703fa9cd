//! `templatePatch`: a strategic merge patch of the generated Application.

use std::collections::HashSet;

use diagnostics::Source;
use document::{Mapping, Node, Value as Yaml};

use super::failure::{Failure, Result};
use super::origin::Origins;
use super::render::Engine;
use crate::go_template::value::Map;

/// Renders a patch and applies it. The project stays as it is.
pub(super) fn apply(application: Node, patch: &Node, engine: Engine, values: &Map) -> Result<Node> {
    let Some(template) = patch.as_str() else { return Ok(application) };
    let text = engine.text(patch, template, values)?;
    let invalid = |label: String| Failure::invalid("`templatePatch` does not render a mapping", patch.place(), label);
    let source = Source::new("the rendered patch", text);
    let documents = document::yaml::parse(&source).map_err(|errors| {
        let error = errors.0.first();
        let line = error.and_then(|error| error.places.first()?.0.position()).map(|(line, _)| line);
        let message = error.map(|error| error.message.clone()).unwrap_or_default();
        match line.and_then(|line| source.text.lines().nth(line - 1)) {
            Some(line) => invalid(format!("{message}: {}", line.trim())),
            None => invalid(message),
        }
    })?;
    let Some(document) = documents.first() else { return Ok(application) };
    match &document.root.value {
        Yaml::Null => return Ok(application),
        Yaml::Mapping(_) => {}
        _ => return Err(invalid(format!("found {}", document.root.describe()))),
    }
    let rendered = Origins::new(patch, template, &source).of(&document.root);
    check(&rendered)?;
    let project = application.find(&["spec", "project"]).cloned();
    let patched = merge(&application, &rendered, &mut Vec::new())?;
    let Yaml::Mapping(entries) = patched.value else { return Ok(application) };
    let entries = entries
        .into_iter()
        .map(|(key, node)| {
            let node = match (&project, key.name.as_str()) {
                (Some(project), "spec") => super::template::with(node, "project", project.clone()),
                (None, "spec") => super::template::without(node, "project"),
                _ => node,
            };
            (key, node)
        })
        // Argo CD reads the result as an Application, which has no other parts that matter.
        .filter(|(key, _)| key.name != "status" && key.name != "operation")
        .collect();
    Ok(Node { value: Yaml::Mapping(entries), ..application })
}

/// Fields with a text, of which Argo CD rejects other values.
const TEXTS: [&str; 10] =
    ["chart", "name", "namespace", "path", "project", "ref", "releaseName", "repoURL", "server", "targetRevision"];

/// Reports values of the wrong type, which are often texts without quotes, such as `yes`.
fn check(patch: &Node) -> Result<()> {
    let metadata = patch.get("metadata");
    let maps = ["labels", "annotations"].into_iter().filter_map(|key| metadata?.get(key));
    for (key, value) in maps.flat_map(Node::entries) {
        text(value, &key.name)?;
    }
    let spec = patch.get("spec");
    let at = |path: &[&str]| spec.and_then(|spec| spec.find(path));
    let sources = at(&["sources"]).map(Node::items).unwrap_or_default();
    let parts = [metadata, spec, at(&["destination"]), at(&["source"]), at(&["source", "helm"])];
    for (key, value) in parts.into_iter().flatten().chain(sources).flat_map(Node::entries) {
        if TEXTS.contains(&key.name.as_str()) {
            text(value, &key.name)?;
        }
    }
    Ok(())
}

fn text(node: &Node, key: &str) -> Result<()> {
    if matches!(node.value, Yaml::String(_) | Yaml::Null) {
        return Ok(());
    }
    let message = format!("`{key}` must be a string in `templatePatch`");
    let label = format!("renders {}", node.describe());
    Err(Failure::invalid(message, node.place(), label).help("quote the value, or pipe the parameter to `quote`"))
}

fn merge(original: &Node, patch: &Node, above: &mut Vec<String>) -> Result<Node> {
    match patch.get("$patch").and_then(Node::as_str) {
        Some("replace") => return Ok(plain(patch)),
        Some("delete") => return Ok(Node { value: Yaml::Mapping(Mapping::default()), ..original.clone() }),
        Some("merge") | None => {}
        Some(other) => {
            let message = format!("unknown directive `$patch: {other}` in `templatePatch`");
            return Err(
                Failure::invalid(message, patch.place(), "").help("use one of `replace`, `delete`, and `merge`")
            );
        }
    }
    let mut merged = original.entries().iter().cloned().collect::<Mapping<Node>>();
    let mut removed = HashSet::new();
    for (key, value) in patch.entries().iter().filter(|(key, _)| !key.name.starts_with('$')) {
        if matches!(value.value, Yaml::Null) {
            removed.insert(key.name.as_str());
            continue;
        }
        let Some(before) = merged.value_mut(&key.name) else {
            merged.set(key.clone(), plain(value));
            continue;
        };
        match (&before.value, &value.value) {
            (Yaml::Mapping(_), Yaml::Mapping(_)) => {
                if above.last().is_some_and(|last| last == "valuesObject") {
                    let message =
                        format!("`templatePatch` cannot merge `valuesObject.{}` into that of the template", key.name);
                    let label = "Argo CD has no type for it";
                    return Err(Failure::invalid(message, value.place(), label)
                        .help("set it in the template or in the patch, but not in both, or use `helm.values`"));
                }
                above.push(key.name.clone());
                *before = merge(before, value, above)?;
                above.pop();
            }
            (Yaml::Sequence(items), Yaml::Sequence(more)) if key.name == "finalizers" => {
                let others = items.iter().filter(|item| !more.iter().any(|other| other.as_str() == item.as_str()));
                let all = more.iter().chain(others).cloned().collect();
                *before = Node { value: Yaml::Sequence(all), ..value.clone() };
            }
            _ => *before = plain(value),
        }
    }
    if !removed.is_empty() {
        merged.retain(|(key, _)| !removed.contains(key.name.as_str()));
    }
    Ok(Node { value: Yaml::Mapping(merged), ..original.clone() })
}

/// A part of a patch without directives and nulls in its mappings.
fn plain(node: &Node) -> Node {
    let Yaml::Mapping(entries) = &node.value else { return node.clone() };
    let kept = entries.iter().filter(|(key, value)| !key.name.starts_with('$') && !matches!(value.value, Yaml::Null));
    Node { value: Yaml::Mapping(kept.map(|(key, value)| (key.clone(), plain(value))).collect()), ..node.clone() }
}
