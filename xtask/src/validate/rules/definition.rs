//! `CustomResourceDefinitions`: their name, their versions, and the form of their schemas.

use super::{At, Look};
use crate::document::Value;
use crate::schemas::crd::KIND;

/// The types that a schema may have.
const TYPES: &[&str] = &["array", "boolean", "integer", "number", "object", "string"];

pub(super) fn check(look: &mut Look<'_>) {
    if look.subject.kind.group != "apiextensions.k8s.io" || look.subject.kind.kind != KIND {
        return;
    }
    let root = look.root();
    let Some(spec) = root.get("spec") else { return };
    let text = |path: &[&str]| spec.walk(path).and_then(|at| at.text());
    if let (Some(plural), Some(group), Some(name)) =
        (text(&["names", "plural"]), text(&["group"]), root.walk(&["metadata", "name"]))
        && name.text().is_some_and(|text| text != format!("{plural}.{group}"))
    {
        look.refuse(&name, "is not `<plural>.<group>`", format!("expected `{plural}.{group}`"));
    }
    if let Some(scope) = spec.get("scope")
        && scope.text().is_some_and(|text| text != "Namespaced" && text != "Cluster")
    {
        look.refuse(&scope, "has a value that it may not have", "expected `Namespaced` or `Cluster`");
    }
    let versions = spec.list("versions");
    look.unique(versions.iter().filter_map(|version| version.get("name")));
    let stored = versions.iter().filter(|version| yes(version, "storage")).count();
    if let Some(list) = spec.get("versions").filter(|_| stored != 1) {
        look.refuse(&list, format!("stores {stored} versions"), "exactly one has to say `storage: true`");
    }
    for version in &versions {
        match version.walk(&["schema", "openAPIV3Schema"]) {
            Some(schema) => typed(look, &schema, true),
            None => {
                look.refuse(version, "has no schema", "expected `schema.openAPIV3Schema`");
            }
        }
    }
}

fn yes(at: &At<'_>, key: &str) -> bool {
    at.get(key).is_some_and(|at| matches!(at.node.value, Value::Bool(true)))
}

/// Every part of a schema says its type, or that it has none.
fn typed<'a>(look: &mut Look<'a>, schema: &At<'a>, root: bool) {
    let free = yes(schema, "x-kubernetes-int-or-string") || yes(schema, "x-kubernetes-preserve-unknown-fields");
    match schema.get("type") {
        Some(at) if root && at.text().is_some_and(|text| text != "object") => {
            look.refuse(&at, "is not `object`", "an object of the cluster is one");
        }
        Some(at) if at.text().is_some_and(|text| !TYPES.contains(&text)) => {
            look.refuse(&at, "is no type", format!("expected one of {}", TYPES.join(", ")));
        }
        None if root || !free => {
            look.refuse(schema, "has no `type`", "each part of the schema says what it is");
        }
        _ => {}
    }
    for (_, property) in schema.get("properties").map(|properties| properties.entries()).unwrap_or_default() {
        typed(look, &property, false);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key).filter(|inner| matches!(inner.node.value, Value::Mapping(_))) {
            typed(look, &inner, false);
        }
    }
}
