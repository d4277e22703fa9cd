//! The `git` generator: directories and files of a repository.

use std::collections::BTreeSet;
use std::sync::Arc;

use diagnostics::{Place, Source};
use document::{Node, Value as Yaml};
use toolbox::path_match::PathPattern;

use super::failure::{Failure, Result};
use super::globs;
use super::parameters::{Origin, Parameters, flattened};
use super::render::Engine;
use super::surroundings::{Repository, Surroundings};
use super::values;
use crate::go_template::normalize;
use crate::go_template::value::{Map, Value};

/// The parameters of a `git` generator.
pub(super) fn parameters(git: &Node, engine: Engine, around: &dyn Surroundings) -> Result<Vec<Parameters>> {
    let text = |key: &str| git.get(key).and_then(Node::as_str).unwrap_or_default();
    let place = git.get("repoURL").unwrap_or(git).place();
    if git.items_at(&["directories"]).is_empty() && git.items_at(&["files"]).is_empty() {
        let label = "`directories` or `files` is missing";
        return Err(Failure::invalid("a `git` generator requires `directories` or `files`", git.place(), label));
    }
    let repository = around.repository(text("repoURL"), text("revision"), &place).map_err(|unknown| {
        let failure = Failure::unavailable(unknown.reason, place);
        unknown.help.into_iter().fold(failure, Failure::help)
    })?;
    // Argo CD ignores `files` beside `directories`.
    if git.items_at(&["directories"]).is_empty() {
        files(git, engine, &*repository, around.new_globbing())
    } else {
        directories(git, engine, &*repository)
    }
}

/// The items of a list with their paths, and whether they exclude.
fn items<'a>(git: &'a Node, key: &str) -> impl Iterator<Item = (&'a Node, &'a str, bool)> {
    git.items_at(&[key]).iter().map(|item| {
        let path = item.get("path");
        let excludes = matches!(item.get("exclude").map(|node| &node.value), Some(Yaml::Bool(true)));
        (path.unwrap_or(item), path.and_then(Node::as_str).unwrap_or_default(), excludes)
    })
}

fn directories(git: &Node, engine: Engine, repository: &dyn Repository) -> Result<Vec<Parameters>> {
    // Argo CD skips an invalid pattern, which then matches nothing.
    let patterns: Vec<(Option<PathPattern>, bool, &Node)> =
        items(git, "directories").map(|(node, path, excludes)| (PathPattern::parse(path), excludes, node)).collect();
    let mut all = Vec::new();
    for path in globs::directories(repository.paths()) {
        let mut matching =
            patterns.iter().filter(|(pattern, ..)| pattern.as_ref().is_some_and(|pattern| pattern.matches(&path)));
        let Some((_, _, node)) = matching.clone().find(|(_, excludes, _)| !excludes) else { continue };
        if matching.any(|(_, excludes, _)| *excludes) {
            continue;
        }
        let values = Map::default();
        describe(git, engine, &values, &path, None);
        values::append(git, engine, &values)?;
        all.push(Parameters { values, origins: vec![Origin { text: path, place: node.place() }] });
    }
    Ok(all)
}

fn files(git: &Node, engine: Engine, repository: &dyn Repository, new: bool) -> Result<Vec<Parameters>> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    for wanted in [false, true] {
        for (node, pattern, excludes) in items(git, "files") {
            if excludes != wanted {
                continue;
            }
            for path in matching(node, pattern, repository, new)? {
                if excludes {
                    found.remove(&path);
                } else {
                    found.insert(path);
                }
            }
        }
    }
    let mut all = Vec::new();
    for path in found {
        let source = repository
            .read(&path)
            .map_err(|reason| Failure::unavailable(format!("`{path}` is unavailable: {reason}"), git.place()))?;
        let text = path.clone();
        for (values, place) in contents(&source, engine)? {
            let directory = directory(&path);
            describe(git, engine, &values, directory, Some(&path));
            values::append(git, engine, &values)?;
            all.push(Parameters { values, origins: vec![Origin { text: text.clone(), place }] });
        }
    }
    Ok(all)
}

fn matching(node: &Node, pattern: &str, repository: &dyn Repository, new: bool) -> Result<Vec<String>> {
    let found = if new {
        globs::with_doublestar(pattern, repository.paths()).map_err(|mismatch| match mismatch {
            globs::Mismatch::Malformed => Failure::invalid(format!("invalid pattern `{pattern}`"), node.place(), ""),
            globs::Mismatch::Directory(directory) => {
                let message = format!("`{pattern}` matches the directory `{directory}`");
                Failure::invalid(message, node.place(), "Argo CD cannot read it as a file")
                    .help("add the name of the files to the pattern")
            }
        })?
    } else {
        globs::with_git(pattern, repository.paths()).ok_or_else(|| {
            let message = format!("`{pattern}` is outside of the repository");
            Failure::invalid(message, node.place(), "").help("write a path relative to the root of the repository")
        })?
    };
    Ok(found.into_iter().cloned().collect())
}

/// The parameters in a file: of its mapping, or of each mapping in its list.
fn contents(source: &Arc<Source>, engine: Engine) -> Result<Vec<(Map, Place)>> {
    let documents = document::yaml::parse(source).map_err(|errors| {
        errors.0.into_iter().next().map_or_else(
            || Failure::invalid("invalid YAML", Place { source: Arc::clone(source), span: None }, ""),
            Failure::from,
        )
    })?;
    let whole = Place { source: Arc::clone(source), span: None };
    // Like Go's library, Argo CD reads only the first document.
    let Some(document) = documents.first() else { return Ok(vec![(Map::default(), whole)]) };
    let invalid = |node: &Node| {
        let label = format!("found {}", node.describe());
        Failure::invalid(
            "a file for a `git` generator must contain a mapping or a list of mappings",
            node.place(),
            label,
        )
    };
    let objects: Vec<&Node> = match &document.root.value {
        Yaml::Null | Yaml::Mapping(_) => vec![&document.root],
        Yaml::Sequence(items) => items.iter().collect(),
        _ => return Err(invalid(&document.root)),
    };
    let mut all = Vec::new();
    for object in objects {
        let values = match Value::of_node(object) {
            Value::Map(map) => map,
            Value::Nil => Map::default(),
            _ => return Err(invalid(object)),
        };
        let values = if engine.go {
            values
        } else {
            let flat = Map::default();
            for (path, text) in flattened(&values) {
                flat.set(&path, Value::string(&text));
            }
            flat
        };
        all.push((values, object.place()));
    }
    Ok(all)
}

/// Adds the parameters `path`, `path.basename`, and so on.
fn describe(git: &Node, engine: Engine, values: &Map, directory: &str, file: Option<&str>) {
    let prefix = git.get("pathParamPrefix").and_then(Node::as_str).unwrap_or_default();
    let base = name(directory);
    let mut parts = vec![("basename", base.to_owned()), ("basenameNormalized", normalize(base))];
    if let Some(file) = file {
        parts.push(("filename", name(file).to_owned()));
        parts.push(("filenameNormalized", normalize(name(file))));
    }
    let segments: Vec<&str> = directory.split('/').collect();
    if engine.go {
        let path = Map::default();
        path.set("path", Value::string(directory));
        for (key, text) in parts {
            path.set(key, Value::string(&text));
        }
        path.set("segments", Value::list(segments.into_iter().map(Value::string).collect()));
        if prefix.is_empty() {
            values.set("path", Value::Map(path));
        } else {
            let outer = Map::default();
            outer.set("path", Value::Map(path));
            values.set(prefix, Value::Map(outer));
        }
        return;
    }
    let path = if prefix.is_empty() { "path".to_owned() } else { format!("{prefix}.path") };
    values.set(&path, Value::string(directory));
    for (key, text) in parts {
        values.set(&format!("{path}.{key}"), Value::string(&text));
    }
    for (index, segment) in segments.into_iter().enumerate().filter(|(_, segment)| !segment.is_empty()) {
        values.set(&format!("{path}[{index}]"), Value::string(segment));
    }
}

/// The directory of a file; `.` at the root.
fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or(".", |(directory, _)| directory)
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
