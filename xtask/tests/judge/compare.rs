//! Compares what the binary and Argo CD make of a workspace: Applications by their name, objects by their identity, and
//! fields by their value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::ours::Ours;
use crate::verdict::{Application, Verdict};

/// A difference.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) application: String,
    /// The kind, namespace, and name; empty if the difference is not in an object.
    pub(crate) object: String,
    /// The path of the field; empty if the whole object differs.
    pub(crate) field: String,
    pub(crate) problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.application, &self.object, &self.field].into_iter().filter(|part| !part.is_empty());
        let place: Vec<&str> = parts.map(String::as_str).collect();
        write!(f, "{}: {}", place.join(", "), self.problem)
    }
}

/// All differences.
pub(crate) fn compare(ours: &Ours, theirs: &Verdict) -> Vec<Finding> {
    let mut findings = Vec::new();
    for set in theirs.application_sets.iter().flatten() {
        if let Some(error) = set.error.as_ref().filter(|_| !ours.reports(&set.instance())) {
            let problem = format!("Argo CD reports an error, and `render` does not: {error}");
            findings.push(finding(&format!("ApplicationSet {}", set.name), problem));
        }
    }
    let known: BTreeSet<&str> = theirs.applications.iter().map(|application| application.instance.as_str()).collect();
    for name in ours.rendered.keys().filter(|name| !known.contains(name.as_str())) {
        findings.push(finding(name, "rendered, but Argo CD does not have this Application".to_owned()));
    }
    for application in &theirs.applications {
        let listed = ours.listed.iter().find(|listed| listed["application"] == application.instance.as_str());
        if listed.is_none() {
            findings.push(finding(&application.instance, "not listed by `argocd list`".to_owned()));
        }
        if application.generator.is_some() {
            // An Application that no ApplicationSet of ours generates is missing, which is reported above.
            let ours = listed.map(|listed| &listed["generatedBy"]["manifest"]).filter(|manifest| manifest.is_object());
            let theirs = pruned(&application.resource);
            fields(&ours.map_or_else(|| theirs.clone(), pruned), &theirs, "", &mut |field, problem| {
                findings.push(Finding { field, ..finding(&application.instance, problem) });
            });
        }
        match (&application.error, ours.rendered.get(&application.instance)) {
            (None, Some(objects)) => compare_objects(application, objects, &mut findings),
            (None, None) => findings.push(finding(&application.instance, "not rendered".to_owned())),
            (Some(error), Some(_)) => {
                findings
                    .push(finding(&application.instance, format!("rendered, but Argo CD reports an error: {error}")));
            }
            (Some(error), None) if !ours.reports(&application.instance) => {
                let problem = format!("neither rendered nor reported; Argo CD reports an error: {error}");
                findings.push(finding(&application.instance, problem));
            }
            (Some(_), None) => {}
        }
    }
    findings
}

/// The metadata and the specification of an Application, without what is empty: Go omits some of it.
fn pruned(application: &Value) -> Value {
    fn prune(value: &Value) -> Option<Value> {
        let value = match value {
            Value::Object(fields) => {
                let fields = fields.iter().filter_map(|(key, value)| Some((key.clone(), prune(value)?)));
                Value::Object(fields.collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| prune(item).unwrap_or_default()).collect()),
            value => value.clone(),
        };
        let empty = match &value {
            Value::Object(fields) => fields.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::String(text) => text.is_empty(),
            Value::Null | Value::Bool(false) => true,
            Value::Bool(true) | Value::Number(_) => false,
        };
        (!empty).then_some(value)
    }
    let parts = ["metadata", "spec"].into_iter().filter_map(|part| Some((part.to_owned(), prune(&application[part])?)));
    Value::Object(parts.collect())
}

fn finding(application: &str, problem: String) -> Finding {
    Finding { application: application.to_owned(), object: String::new(), field: String::new(), problem }
}

fn compare_objects(application: &Application, objects: &[Value], findings: &mut Vec<Finding>) {
    let ours = by_identity(objects.iter());
    let applied = application.objects.iter().filter(|object| !object.replaced).map(|object| &object.manifest);
    let theirs = by_identity(applied);
    for (name, values) in &ours {
        let other = theirs.get(name).map_or(&[][..], Vec::as_slice);
        if values.len() > other.len() {
            let problem = format!("rendered {} ×, by Argo CD {} ×", values.len(), other.len());
            findings.push(Finding { object: name.clone(), ..finding(&application.instance, problem) });
        }
    }
    for (name, values) in &theirs {
        let other = ours.get(name).map_or(&[][..], Vec::as_slice);
        if values.len() > other.len() {
            let problem = format!("missing: rendered {} ×, by Argo CD {} ×", other.len(), values.len());
            findings.push(Finding { object: name.clone(), ..finding(&application.instance, problem) });
        }
        for (ours, theirs) in other.iter().zip(values) {
            fields(ours, theirs, "", &mut |field, problem| {
                findings.push(Finding { object: name.clone(), field, ..finding(&application.instance, problem) });
            });
        }
    }
}

/// Objects by kind, namespace, and name, in their order.
fn by_identity<'a>(objects: impl Iterator<Item = &'a Value>) -> BTreeMap<String, Vec<&'a Value>> {
    let mut all: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for object in objects {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let metadata = &object["metadata"];
        let group = object["apiVersion"].as_str().and_then(|version| version.split_once('/'));
        let group = group.map_or_else(String::new, |(group, _)| format!(".{group}"));
        let namespace = metadata["namespace"].as_str().map_or_else(String::new, |namespace| format!("{namespace}/"));
        let name = metadata.get("name").or_else(|| metadata.get("generateName"));
        let name = format!("{}{group} {namespace}{}", text(&object["kind"]), name.map_or_else(String::new, text));
        all.entry(name).or_default().push(object);
    }
    // Without a name, the order is the renderer's own.
    for objects in all.values_mut().filter(|objects| objects.len() > 1) {
        objects.sort_by_cached_key(ToString::to_string);
    }
    all
}

/// Reports each field that differs.
fn fields(ours: &Value, theirs: &Value, path: &str, report: &mut dyn FnMut(String, String)) {
    match (ours, theirs) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => fields(one, other, &path, report),
                    (Some(one), None) => report(path, format!("{}, in Argo CD absent", shown(one))),
                    (None, Some(other)) => report(path, format!("absent, in Argo CD {}", shown(other))),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                fields(one, other, &format!("{path}.{index}"), report);
            }
        }
        _ if equal(ours, theirs) => {}
        _ => report(path.to_owned(), format!("{}, in Argo CD {}", shown(ours), shown(theirs))),
    }
}

/// Whether two scalars are equal. Numbers that are not 64-bit integers are floats for Kubernetes.
fn equal(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(one), Value::Number(other)) if !one.is_i64() || !other.is_i64() => {
            one.as_f64() == other.as_f64()
        }
        _ => ours == theirs,
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= 200 {
        text
    } else {
        format!("{}… ({} bytes)", text.chars().take(200).collect::<String>(), text.len())
    }
}
