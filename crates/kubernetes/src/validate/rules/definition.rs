//! `CustomResourceDefinitions`: names, versions, conversion, and printer columns.

use super::look::{At, Look};
use super::{names, structural};
use crate::schemas::crd::KIND;

/// The types of a printer column.
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
        look.reject(&name, "must be `spec.names.plural`.`spec.group`", format!("expected `{plural}.{group}`"));
    }
    look.supported(spec.get("scope"), &["Namespaced", "Cluster"]);
    let versions = spec.list("versions");
    look.unique(versions.iter().filter_map(|version| version.get("name")));
    let stored = versions.iter().filter(|version| version.is_set_to("storage", true)).count();
    if let Some(list) = spec.get("versions").filter(|_| stored != 1) {
        let label = format!("{stored} versions have `storage: true`");
        look.reject(&list, "must have exactly one storage version", label);
    }
    if let Some(group) = spec.get("group") {
        look.check_format(&group, group.text().and_then(names::subdomain));
        if group.text().is_some_and(|text| names::subdomain(text).is_none() && !text.contains('.')) {
            look.reject(&group, "must be a domain with at least one dot", "expected a domain such as `example.com`");
        }
    }
    accepted_names(look, &spec);
    conversion(look, &spec);
    for version in &versions {
        if let Some(name) = version.get("name") {
            look.check_format(&name, name.text().and_then(names::label_1035));
        }
        presentation(look, version);
        match version.walk(&["schema", "openAPIV3Schema"]) {
            Some(schema) => structural::root(look, &schema),
            None => {
                look.requires(version, "schema.openAPIV3Schema", "a schema is required");
            }
        }
    }
}

fn accepted_names<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let Some(all) = spec.get("names") else { return };
    if let Some(singular) = all.get("singular").filter(|at| at.text() != Some("")) {
        look.check_format(&singular, singular.text().and_then(names::label_1035));
    }
    for name in ["shortNames", "categories"].iter().flat_map(|key| all.list(key)) {
        look.check_format(&name, name.text().and_then(names::label_1035));
    }
    let text = |key: &str| all.get(key).and_then(|at| at.text());
    if let (Some(list), Some(kind)) = (all.get("listKind"), text("kind"))
        && list.text() == Some(kind)
    {
        look.reject(&list, "must differ from `kind`", format!("expected `{kind}List`"));
    }
}

fn conversion<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    if let Some(at) = spec.get("preserveUnknownFields").filter(|_| spec.is_set_to("preserveUnknownFields", true)) {
        let help = "set `x-kubernetes-preserve-unknown-fields: true` in the schema, at the fields to preserve";
        look.reject(&at, "must be `false`", "not supported in `apiextensions.k8s.io/v1`").helps.push(help.to_owned());
    }
    let Some(conversion) = spec.get("conversion") else { return };
    let strategy = conversion.get("strategy");
    match (strategy.as_ref().and_then(At::text), conversion.get("webhook")) {
        (Some("Webhook"), None) if conversion.lacks("webhook") => {
            look.requires(&conversion, "webhook", "required when `strategy: Webhook`");
        }
        (Some("None"), Some(webhook)) => {
            look.reject_when(&webhook, "is not allowed", ("strategy", "None"), "remove it, or set `strategy: Webhook`");
        }
        _ => {}
    }
    look.supported(strategy, &["None", "Webhook"]);
}

/// The scale subresource and the printer columns of a version.
fn presentation<'a>(look: &mut Look<'a>, version: &At<'a>) {
    if let Some(scale) = version.walk(&["subresources", "scale"]) {
        for (key, parent) in [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")] {
            if let Some(path) = scale.get(key)
                && path.text().is_some_and(|text| !text.starts_with(parent))
            {
                look.reject(
                    &path,
                    format!("must be a JSON path under `{}`", parent.trim_end_matches('.')),
                    "not under it",
                );
            }
        }
    }
    for column in version.list("additionalPrinterColumns") {
        look.not_empty(column.get("name"));
        look.supported(column.get("type"), COLUMNS);
        if let Some(path) = column.get("jsonPath")
            && path.text().is_some_and(|text| !text.starts_with('.'))
        {
            look.reject(&path, "must be a JSON path that starts with `.`", "expected a path such as `.spec.size`");
        }
    }
    if let Some(warning) = version.get("deprecationWarning").filter(|_| !version.is_set_to("deprecated", true)) {
        look.reject(&warning, "is only allowed for deprecated versions", "set `deprecated: true`, or remove it");
    }
}
