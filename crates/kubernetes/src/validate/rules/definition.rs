//! `CustomResourceDefinitions`: their names, their versions, and how one becomes another.

use super::look::{At, Look};
use super::{names, structural};
use crate::schemas::crd::KIND;

/// The types that a column may have.
const COLUMNS: &[&str] = &["boolean", "date", "integer", "number", "string"];

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
    look.known(spec.get("scope"), &["Namespaced", "Cluster"]);
    let versions = spec.list("versions");
    look.unique(versions.iter().filter_map(|version| version.get("name")));
    let stored = versions.iter().filter(|version| version.says("storage", true)).count();
    if let Some(list) = spec.get("versions").filter(|_| stored != 1) {
        look.refuse(&list, format!("stores {stored} versions"), "exactly one has to say `storage: true`");
    }
    if let Some(group) = spec.get("group") {
        look.form(&group, group.text().and_then(names::subdomain));
        if group.text().is_some_and(|text| names::subdomain(text).is_none() && !text.contains('.')) {
            look.refuse(&group, "is no domain", "expected one with a dot, such as `example.com`");
        }
    }
    named(look, &spec);
    conversion(look, &spec);
    for version in &versions {
        if let Some(name) = version.get("name") {
            look.form(&name, name.text().and_then(names::label_1035));
        }
        shown(look, version);
        match version.walk(&["schema", "openAPIV3Schema"]) {
            Some(schema) => structural::root(look, &schema),
            None => {
                look.refuse(version, "has no schema", "expected `schema.openAPIV3Schema`");
            }
        }
    }
}

fn named<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let Some(all) = spec.get("names") else { return };
    if let Some(singular) = all.get("singular").filter(|at| at.text() != Some("")) {
        look.form(&singular, singular.text().and_then(names::label_1035));
    }
    for name in ["shortNames", "categories"].iter().flat_map(|key| all.list(key)) {
        look.form(&name, name.text().and_then(names::label_1035));
    }
    let text = |key: &str| all.get(key).and_then(|at| at.text());
    if let (Some(list), Some(kind)) = (all.get("listKind"), text("kind"))
        && list.text() == Some(kind)
    {
        look.refuse(&list, "is the kind itself", format!("expected another one, `{kind}List`"));
    }
}

fn conversion<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    if let Some(at) = spec.get("preserveUnknownFields").filter(|_| spec.says("preserveUnknownFields", true)) {
        let help = "say `x-kubernetes-preserve-unknown-fields: true` in the schema, where they are to be kept";
        look.refuse(&at, "is no longer allowed", "expected `false`").helps.push(help.to_owned());
    }
    let Some(conversion) = spec.get("conversion") else { return };
    let strategy = conversion.get("strategy");
    match (strategy.as_ref().and_then(At::text), conversion.get("webhook")) {
        (Some("Webhook"), None) if conversion.lacks("webhook") => {
            look.refuse(&conversion, "has no `webhook`", "the strategy Webhook needs it");
        }
        (Some("None"), Some(webhook)) => {
            look.refuse(&webhook, "does not go with the strategy None", "delete this, or change `strategy`");
        }
        _ => {}
    }
    look.known(strategy, &["None", "Webhook"]);
}

/// What others read of an object: its replicas, and its columns.
fn shown<'a>(look: &mut Look<'a>, version: &At<'a>) {
    if let Some(scale) = version.walk(&["subresources", "scale"]) {
        for (key, parent) in [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")] {
            if let Some(path) = scale.get(key)
                && path.text().is_some_and(|text| !text.starts_with(parent))
            {
                look.refuse(&path, "leads elsewhere", format!("expected a path that begins with `{parent}`"));
            }
        }
    }
    for column in version.list("additionalPrinterColumns") {
        look.filled(column.get("name"));
        look.known(column.get("type"), COLUMNS);
        if let Some(path) = column.get("jsonPath")
            && path.text().is_some_and(|text| !text.starts_with('.'))
        {
            look.refuse(&path, "is no path", "expected one that begins with `.`, such as `.spec.size`");
        }
    }
    if let Some(warning) = version.get("deprecationWarning").filter(|_| !version.says("deprecated", true)) {
        look.refuse(&warning, "warns of nothing", "expected `deprecated: true` beside it");
    }
}
