//! Entries of `ignoreDifferences` that have no effect: no rendered object matches them, or the kind has no such field.
//!
//! A field that is not rendered may still be set by a controller, so only fields that the schema of the kind does not have
//! are reported. An entry that matches an object of another case of the Application is accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use argocd::pattern::Glob;
use diagnostics::{Code, Diagnostic, Diagnostics, did_you_mean, nearest};
use document::Node;
use kubernetes::object::Object;
use kubernetes::schemas::{self, Kind, files};
use kubernetes::validate::pointer;
use serde_json::Value;
use workspace::target::DEFAULT_CASE;
use workspace::written::Written;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::IgnoreDifferencesUnmatched];

/// A field of an entry, whether it matches an object, and what it is compared with.
type Criterion = (&'static str, fn(&Node, &Object) -> bool, fn(&Object) -> &str);

/// Schemas that were read, by kind.
type Schemas = BTreeMap<Kind, Option<Value>>;

/// Checks the entries of every Application that is rendered.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut objects: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    let mut rendered: BTreeSet<&str> = BTreeSet::new();
    for object in subject.objects {
        let (app, case) = object.target.split_once('/').unwrap_or((&object.target, DEFAULT_CASE));
        objects.entry(app).or_default().push(object);
        if case == DEFAULT_CASE {
            rendered.insert(app);
        }
    }
    let mut schemas = Schemas::new();
    // An entry of an ApplicationSet is one for all its Applications: it is needed if one of them renders an object.
    let mut needed: BTreeSet<(String, usize)> = BTreeSet::new();
    let applications = subject.applications();
    for application in applications.iter().filter(|application| application.made_by.is_some()) {
        let objects = objects.get(application.name).map(Vec::as_slice).unwrap_or_default();
        let complete = rendered.contains(application.name);
        let matched = |entry: &&Node| !complete || objects.iter().any(|object| matches(entry, object));
        needed.extend(entries(application).iter().filter(matched).map(start));
    }
    for application in applications {
        let Some(objects) = objects.get(application.name).filter(|_| rendered.contains(application.name)) else {
            continue;
        };
        for entry in entries(&application) {
            let matching: Vec<&Object> = objects.iter().copied().filter(|object| matches(entry, object)).collect();
            if matching.is_empty() && !needed.contains(&start(entry)) {
                diagnostics.0.extend(unmatched(&application, entry, objects));
            } else if !matching.is_empty() {
                diagnostics.0.extend(unknown(&application, entry, &matching, &subject.workspace.root, &mut schemas));
            }
        }
    }
    diagnostics
}

/// The file of a node, and where it begins.
fn start(node: &Node) -> (String, usize) {
    (node.source.name.clone(), node.span.start)
}

/// The entries of `ignoreDifferences`.
fn entries<'a>(application: &Written<'a>) -> &'a [Node] {
    application.root.find(&["spec", "ignoreDifferences"]).map(Node::items).unwrap_or_default()
}

/// The path in an entry of `ignoreDifferences` to a field that the Application renders, so that a sync applies it. Nothing
/// for fields that only others set, such as defaults, and for paths that cannot be followed.
pub(super) fn rendered_path<'a>(subject: &Subject<'_>, application: &Written<'a>) -> Option<&'a Node> {
    let target = format!("{}/{DEFAULT_CASE}", application.name);
    let objects = subject.by_target.of(&target);
    objects.first()?;
    entries(application).iter().find_map(|entry| {
        let list = |key: &str| entry.get(key).map(Node::items).unwrap_or_default().iter();
        let matching = || objects.iter().filter(|object| matches(entry, object));
        let pointed = list("jsonPointers").find(|node| {
            let steps = node.as_str().map(pointer::steps);
            steps.is_some_and(|steps| matching().any(|object| pointer::node(&object.root, &steps).is_some()))
        });
        let selected = || {
            list("jqPathExpressions").find(|node| {
                let path = node.as_str().map(jq_path);
                path.is_some_and(|(steps, rest)| {
                    rest.trim().is_empty() && matching().any(|object| contains(&object.root, &steps))
                })
            })
        };
        pointed.or_else(selected)
    })
}

/// Whether a node has a field at a path, in which [`EACH`] is any item of a list.
fn contains(node: &Node, steps: &[String]) -> bool {
    match steps {
        [] => true,
        [each, rest @ ..] if each == EACH => {
            node.items().iter().chain(node.entries().iter().map(|(_, value)| value)).any(|item| contains(item, rest))
        }
        [step, rest @ ..] => {
            let item = step.parse::<usize>().ok().and_then(|index| node.items().get(index));
            item.or_else(|| node.get(step)).is_some_and(|inner| contains(inner, rest))
        }
    }
}

/// The step of a jq path to each item of a list.
const EACH: &str = "[]";

/// The string in a field; empty if it is absent.
fn text<'a>(entry: &'a Node, key: &str) -> &'a str {
    entry.get(key).and_then(Node::as_str).unwrap_or_default()
}

/// Whether a text matches a pattern, as Argo CD compares groups and kinds. An invalid pattern is reported elsewhere.
fn fits(pattern: &str, text: &str) -> bool {
    pattern == text || Glob::parse(pattern).is_none_or(|glob| glob.matches(text, None))
}

fn is_kind(entry: &Node, object: &Object) -> bool {
    fits(text(entry, "kind"), &object.key.kind)
}

fn is_group(entry: &Node, object: &Object) -> bool {
    fits(text(entry, "group"), &object.key.group)
}

fn is_name(entry: &Node, object: &Object) -> bool {
    let name = text(entry, "name");
    name.is_empty() || fits(name, &object.key.name)
}

fn is_namespace(entry: &Node, object: &Object) -> bool {
    let namespace = text(entry, "namespace");
    namespace.is_empty() || fits(namespace, &object.key.namespace)
}

fn matches(entry: &Node, object: &Object) -> bool {
    [is_kind, is_group, is_name, is_namespace].iter().all(|check| check(entry, object))
}

/// Reports an entry that matches no object, at the first field that excludes all of them.
fn unmatched(application: &Written<'_>, entry: &Node, objects: &[&Object]) -> Option<Diagnostic> {
    // Without a kind, the entry is invalid, which is reported.
    entry.get("kind")?.as_str()?;
    let steps: [Criterion; 4] = [
        ("kind", is_kind, |object| &object.key.kind),
        ("group", is_group, |object| &object.key.group),
        ("name", is_name, |object| &object.key.name),
        ("namespace", is_namespace, |object| &object.key.namespace),
    ];
    let mut left: Vec<&Object> = objects.to_vec();
    for (field, fits, value) in steps {
        let kept: Vec<&Object> = left.iter().copied().filter(|object| fits(entry, object)).collect();
        if !kept.is_empty() {
            left = kept;
            continue;
        }
        let typed = text(entry, field);
        let kind = text(entry, "kind");
        let label = match field {
            "kind" => format!("no {kind} is rendered"),
            "group" if typed.is_empty() => format!("`group` is not set, and {kind} is not in the core group"),
            _ => format!("no {kind} with this {field} is rendered"),
        };
        let place = entry.get(field).map_or_else(|| entry.key_place("kind"), Node::place);
        let found = application
            .finding(
                Code::IgnoreDifferencesUnmatched,
                "entry of `ignoreDifferences` matches no rendered object",
                place,
                label,
            )
            .note("the entry has no effect");
        let mut known: Vec<&str> = left.iter().map(|object| value(object)).collect();
        known.sort_unstable();
        known.dedup();
        return Some(match (nearest(typed, known.iter().copied()), known.as_slice()) {
            (_, [only]) if field == "group" && !only.is_empty() => found.help(format!("set `group: {only}`")),
            (_, [""]) if field == "group" => found.help("remove `group`: this kind is in the core group"),
            (Some(near), _) if !typed.is_empty() => found.help(did_you_mean(near)),
            (_, [only]) if field != "kind" && !only.is_empty() => found.help(format!("use `{field}: {only}`")),
            _ => found.help("correct the entry, or delete it"),
        });
    }
    None
}

/// Reports paths to fields that the kind does not have.
fn unknown(
    application: &Written<'_>,
    entry: &Node,
    matching: &[&Object],
    root: &Path,
    schemas: &mut Schemas,
) -> Vec<Diagnostic> {
    let (Some(first), kind) = (matching.first(), text(entry, "kind")) else { return Vec::new() };
    let kind = Kind::new(first.api_version(), kind);
    if first.key.kind != kind.kind {
        return Vec::new();
    }
    let schema = schemas
        .entry(kind.clone())
        .or_insert_with(|| serde_json::from_str(&files::read(root, &kind.file()?).ok()?).ok());
    let Some(schema) = schema else { return Vec::new() };
    let list = |key: &str| entry.get(key).map(Node::items).unwrap_or_default().iter();
    let pointers = list("jsonPointers").filter_map(|node| Some((node, pointer::steps(node.as_str()?))));
    let expressions = list("jqPathExpressions").filter_map(|node| Some((node, jq_steps(node.as_str()?))));
    let found = pointers.chain(expressions).filter_map(|(node, steps)| {
        let (step, known) = missing(schema, &steps)?;
        let message = format!("path in `ignoreDifferences` does not exist: {} has no field `{step}`", kind.kind);
        let found = application.finding(Code::IgnoreDifferencesUnmatched, message, node.place(), "has no effect");
        Some(match nearest(&step, known.iter().map(String::as_str)) {
            Some(near) => found.help(did_you_mean(near)),
            None => found.help("correct the path, or delete it"),
        })
    });
    found.collect()
}

/// The first step of a path that a schema does not allow, with the fields that it has there.
fn missing(schema: &Value, steps: &[String]) -> Option<(String, Vec<String>)> {
    for (depth, step) in steps.iter().enumerate() {
        let here = schemas::at(schema, &steps[..depth])?;
        if schemas::at(schema, &steps[..=depth]).is_some() {
            continue;
        }
        let known = here.get("properties").and_then(Value::as_object)?;
        let closed = here.get("additionalProperties") == Some(&Value::Bool(false));
        // Fields of `status` are not in every schema.
        let reported = closed && !known.contains_key(step) && !(depth == 0 && step == "status");
        return reported.then(|| (step.clone(), known.keys().cloned().collect()));
    }
    None
}

/// The path at the beginning of a jq expression, with the first item for each one.
fn jq_steps(expression: &str) -> Vec<String> {
    let (steps, _) = jq_path(expression);
    steps.into_iter().map(|step| if step == EACH { "0".to_owned() } else { step }).collect()
}

/// The path at the beginning of a jq expression: `.spec.template.spec.containers[]`, `.metadata["annotations"]`. And what
/// follows it.
fn jq_path(expression: &str) -> (Vec<String>, &str) {
    let mut steps = Vec::new();
    let mut rest = expression.trim_start();
    loop {
        let step;
        (step, rest) = if let Some(inside) = rest.strip_prefix(".\"").or_else(|| rest.strip_prefix("[\"")) {
            let Some((name, after)) = inside.split_once('"') else { return (steps, rest) };
            (name.to_owned(), after.strip_prefix(']').unwrap_or(after))
        } else if let Some(inside) = rest.strip_prefix('[').or_else(|| rest.strip_prefix(".[")) {
            let Some((index, after)) = inside.split_once(']') else { return (steps, rest) };
            if let Some(name) = index.strip_prefix('"').and_then(|index| index.strip_suffix('"')) {
                (name.to_owned(), after)
            } else if index.bytes().all(|byte| byte.is_ascii_digit()) {
                (if index.is_empty() { EACH.to_owned() } else { index.to_owned() }, after)
            } else {
                return (steps, rest);
            }
        } else if let Some(inside) = rest.strip_prefix('.') {
            let end = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
            if end == 0 {
                return (steps, rest);
            }
            (inside[..end].to_owned(), &inside[end..])
        } else {
            return (steps, rest);
        };
        steps.push(step);
        rest = rest.strip_prefix('?').unwrap_or(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_jq_expression_is_read() {
        let steps = |text: &str| jq_steps(text).join("/");
        assert_eq!(steps(".spec.replicas"), "spec/replicas");
        assert_eq!(
            steps(".spec.template.spec.containers[] | select(.name == \"x\").image"),
            "spec/template/spec/containers/0"
        );
        assert_eq!(steps(".webhooks[0]?.clientConfig.caBundle"), "webhooks/0/clientConfig/caBundle");
        assert_eq!(steps(".metadata.annotations[\"a/b\"]"), "metadata/annotations/a/b");
        assert_eq!(steps(".metadata.\"labels\""), "metadata/labels");
        assert_eq!(steps(".. | .x"), "");
        assert_eq!(steps("del(.x)"), "");
        assert_eq!(steps(".[\"spec\"].x"), "spec/x");
        assert_eq!(steps(".spec[\"a"), "spec");
        assert_eq!(
            jq_path(".spec.ports[].nodePort"),
            (["spec", "ports", EACH, "nodePort"].map(str::to_owned).to_vec(), "")
        );
        assert_eq!(jq_path(".spec | .x").1, " | .x");
    }
}
