//! The fields of an ApplicationSet.

use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Fields, Node, Syntax, Value as Yaml};

use super::generators::KINDS;

/// Reports unknown fields, wrong types, and missing fields, except in the template's `spec`, which is read as that of an
/// Application after it is rendered.
#[must_use]
pub(super) fn check(root: &Node) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut top = read(root, "");
    top.ignore(&["apiVersion", "kind", "status"]);
    if let Some(metadata) = top.required("metadata") {
        let mut fields = read(metadata, "metadata");
        fields.required_string("name");
        fields.string("namespace");
        fields.ignore(&["annotations", "finalizers", "generateName", "labels", "ownerReferences"]);
        fields.ignore(&["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"]);
        fields.finish(&mut diagnostics);
    }
    if let Some(spec) = top.required("spec") {
        self::spec(spec, &mut diagnostics);
    }
    top.finish(&mut diagnostics);
    diagnostics
}

fn read<'a>(node: &'a Node, path: &str) -> Fields<'a> {
    Fields::new(node, path, Syntax::ApplicationSet)
}

fn spec(spec: &Node, diagnostics: &mut Diagnostics) {
    let mut fields = read(spec, "spec");
    fields.bool("goTemplate");
    let options = fields.strings("goTemplateOptions");
    for (option, place) in options {
        let known = ["missingkey=default", "missingkey=error", "missingkey=invalid", "missingkey=zero"];
        if !known.contains(&option.as_str()) {
            fields.report(
                Diagnostic::new(Code::ApplicationSetInvalid, format!("unknown option `{option}`"))
                    .at(place, "of `goTemplateOptions`")
                    .help(diagnostics::suggestion(&option, known)),
            );
        }
    }
    fields.bool("applyNestedSelectors");
    fields.string("templatePatch");
    fields.ignore(&["strategy", "ignoreApplicationDifferences"]);
    let generators = fields.required("generators");
    if generators.is_some() {
        for (index, entry) in fields.sequence("generators").iter().enumerate() {
            generator(entry, &format!("spec.generators[{index}]"), 2, diagnostics);
        }
    }
    if let Some(template) = fields.required("template") {
        self::template(template, "spec.template", diagnostics);
    }
    if let Some(policy) = fields.node("syncPolicy") {
        let mut policy = read(policy, "spec.syncPolicy");
        policy.bool("preserveResourcesOnDeletion");
        policy.string("applicationsSync");
        policy.finish(diagnostics);
    }
    if let Some(preserved) = fields.node("preservedFields") {
        let mut preserved = read(preserved, "spec.preservedFields");
        preserved.strings("annotations");
        preserved.strings("labels");
        preserved.finish(diagnostics);
    }
    fields.finish(diagnostics);
}

fn template(node: &Node, path: &str, diagnostics: &mut Diagnostics) {
    let mut fields = read(node, path);
    if let Some(metadata) = fields.node("metadata") {
        let mut metadata = read(metadata, &format!("{path}.metadata"));
        metadata.string("name");
        metadata.string("namespace");
        metadata.texts("labels");
        metadata.texts("annotations");
        metadata.strings("finalizers");
        metadata.finish(diagnostics);
    }
    fields.ignore(&["spec"]);
    fields.finish(diagnostics);
}

/// Checks an entry of `generators`; `depth` is how many levels may follow.
fn generator(entry: &Node, path: &str, depth: usize, diagnostics: &mut Diagnostics) {
    let mut fields = read(entry, path);
    let mut found = false;
    for kind in KINDS {
        let Some(node) = fields.node(kind) else { continue };
        found = true;
        let path = format!("{path}.{kind}");
        if ["matrix", "merge"].contains(&kind) {
            if depth == 0 {
                fields.report(
                    Diagnostic::new(Code::ApplicationSetInvalid, format!("a `{kind}` is nested too deeply"))
                        .at(node.place(), "Argo CD ignores it")
                        .help("nest at most one `matrix` or `merge` in another"),
                );
                continue;
            }
            let mut inner = read(node, &path);
            for (index, entry) in inner.sequence("generators").iter().enumerate() {
                generator(entry, &format!("{path}.generators[{index}]"), depth - 1, diagnostics);
            }
            if kind == "merge" {
                inner.strings("mergeKeys");
            }
            own_template(&mut inner, &path, diagnostics);
            inner.finish(diagnostics);
        } else {
            terminal(kind, node, &path, diagnostics);
        }
    }
    if let Some(selector) = fields.node("selector") {
        self::selector(selector, &format!("{path}.selector"), diagnostics);
    }
    if !found && entry.entries().is_empty() && matches!(entry.value, Yaml::Mapping(_) | Yaml::Null) {
        fields.report(
            Diagnostic::new(Code::ApplicationSetInvalid, format!("`{path}` has no generator"))
                .at(entry.place(), "")
                .help(format!("add one of {}", diagnostics::wording::names(&KINDS))),
        );
    }
    fields.finish(diagnostics);
}

fn own_template(fields: &mut Fields<'_>, path: &str, diagnostics: &mut Diagnostics) {
    if let Some(node) = fields.node("template") {
        template(node, &format!("{path}.template"), diagnostics);
    }
}

fn terminal(kind: &str, node: &Node, path: &str, diagnostics: &mut Diagnostics) {
    let mut fields = read(node, path);
    match kind {
        "list" => {
            fields.sequence("elements");
            fields.string("elementsYaml");
        }
        "clusters" => {
            if let Some(selector) = fields.node("selector") {
                self::selector(selector, &format!("{path}.selector"), diagnostics);
            }
            fields.texts("values");
            fields.bool("flatList");
        }
        "git" => {
            fields.required_string("repoURL");
            fields.string("revision");
            fields.string("pathParamPrefix");
            fields.texts("values");
            fields.ignore(&["requeueAfterSeconds"]);
            for key in ["directories", "files"] {
                for (index, item) in fields.sequence(key).iter().enumerate() {
                    let mut item = read(item, &format!("{path}.{key}[{index}]"));
                    item.required_string("path");
                    item.bool("exclude");
                    item.finish(diagnostics);
                }
            }
        }
        // Nothing of the others can be evaluated here.
        _ => {
            fields.texts("values");
            own_template(&mut fields, path, diagnostics);
            fields.finish_part(diagnostics);
            return;
        }
    }
    own_template(&mut fields, path, diagnostics);
    fields.finish(diagnostics);
}

fn selector(node: &Node, path: &str, diagnostics: &mut Diagnostics) {
    let mut fields = read(node, path);
    fields.texts("matchLabels");
    fields.sequence("matchExpressions");
    fields.finish(diagnostics);
}
