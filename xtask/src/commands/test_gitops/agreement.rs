//! Compares what Argo CD generated, and what is live, with the goldens.
//!
//! Argo CD keeps the state of every object in Redis: as its repo server generated it, as it is live, and both after its
//! normalization. What it generated has to equal the golden, apart from what Argo CD adds: its tracking annotation, and
//! the destination's namespace. What is live has to contain everything in the golden.

use std::thread;
use std::time::{Duration, Instant};

use argocd::application::split_instance;
use cluster::kubectl::{Kubectl, checked};
use cluster::scenario::gitops::NAMESPACE;
use diagnostics::{Code, Diagnostic, Result};
use serde::Deserialize;
use serde_json::Value;
use toolbox::pack;
use toolbox::process::check_interrupted;

use super::contained::contained;

/// The annotation by which Argo CD tracks its objects.
const TRACKING: &str = "argocd.argoproj.io/tracking-id";

/// The size limit of the state of an Application.
const MAX_STATE: u64 = 256 * 1024 * 1024;

/// The deadline for reading it.
const READ: Duration = Duration::from_secs(30);

/// How long Argo CD may take to write it. Where Redis was replaced, as in an upgrade, it is written by the next comparison,
/// which Argo CD is asked for.
const WRITTEN: Duration = Duration::from_secs(60);

/// The time after which it is asked once more.
const ASKED: Duration = Duration::from_secs(15);

/// The time between two attempts to read it.
const PULSE: Duration = Duration::from_secs(1);

/// An object as Argo CD keeps it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Managed {
    group: String,
    kind: String,
    namespace: String,
    name: String,
    /// As the repo server generated it.
    target_state: String,
    live_state: String,
    normalized_live_state: String,
    /// As it would be after a sync.
    predicted_live_state: String,
    hook: bool,
}

impl Managed {
    fn title(&self) -> String {
        let namespace = if self.namespace.is_empty() { String::new() } else { format!("{}/", self.namespace) };
        format!("{} {namespace}{}", self.kind, self.name)
    }
}

/// The state of the objects of an Application, as Argo CD stores it.
pub(super) fn managed(kubectl: &Kubectl, app: &str) -> Result<Vec<Managed>> {
    // The cluster has one instance of Argo CD.
    let (app, _) = split_instance(app);
    // The name of the key ends with a version of the format.
    let script = "export REDISCLI_AUTH=\"$REDIS_PASSWORD\"\n\
                  key=$(redis-cli --scan --pattern \"app|managed-resources|$0|*\")\n\
                  [ -z \"$key\" ] || redis-cli --raw get \"$key\"";
    let exec = ["exec", "deployment/argocd-redis", "--quiet", "--container", "redis", "--namespace", NAMESPACE];
    let invocation = kubectl.invocation().args(exec).args(["--", "sh", "-euc", script, app]).deadline(READ);
    let began = Instant::now();
    let mut asked: Option<Instant> = None;
    let mut output = checked(&invocation)?;
    while output.stdout.trim_ascii().is_empty() && began.elapsed() < WRITTEN {
        check_interrupted()?;
        if asked.is_none_or(|asked| asked.elapsed() >= ASKED) {
            let refresh = ["annotate", "--overwrite", "--namespace", NAMESPACE, "applications.argoproj.io", app];
            checked(&kubectl.invocation().args(refresh).args(["argocd.argoproj.io/refresh=normal"]).deadline(READ))?;
            asked = Some(Instant::now());
        }
        thread::sleep(PULSE);
        output = checked(&invocation)?;
    }
    let unreadable = |why: String| {
        Diagnostic::new(Code::ClusterFailed, format!("Argo CD's state of Application `{app}` cannot be read"))
            .note(why)
            .note(format!("command: {}", invocation.command_line()))
    };
    if output.stdout.trim_ascii().is_empty() {
        return Err(unreadable("Redis has no state of it".to_owned()).into());
    }
    let text = pack::decompress(&output.stdout, MAX_STATE).map_err(|error| unreadable(error.to_string()))?;
    Ok(serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?)
}

/// An expected object: its group, kind, and name, and its golden.
pub(super) struct Expected {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) object: Value,
}

/// How what the repo server generated differs from the goldens.
pub(super) fn generated(managed: &[Managed], expected: &[Expected]) -> Vec<String> {
    let mut differences = Vec::new();
    let is = |one: &Managed, other: &Expected| {
        (&one.group, &one.kind, &one.name) == (&other.group, &other.kind, &other.name)
    };
    for golden in expected {
        let found = managed.iter().find(|one| is(one, golden) && !one.target_state.is_empty());
        let Some(found) = found else {
            differences.push(format!("{} {}: Argo CD did not generate it", golden.kind, golden.name));
            continue;
        };
        let target = untracked(parse(&found.target_state));
        let golden = normalized(golden.object.clone(), &target);
        if let Some((path, golden, target)) = first_difference(&golden, &target, "") {
            let title = found.title();
            differences.push(format!("{title}: `{path}` is `{golden}` in the golden, and `{target}` in Argo CD"));
        }
    }
    let further = managed
        .iter()
        .filter(|one| !one.hook && !one.target_state.is_empty() && !expected.iter().any(|golden| is(one, golden)));
    differences.extend(further.map(|one| format!("{}: no golden has it, but Argo CD generated it", one.title())));
    differences
}

/// How what is live differs from the goldens, by Argo CD's comparison and by our own.
pub(super) fn live(managed: &[Managed], expected: &[Expected]) -> Vec<String> {
    let mut differences = Vec::new();
    for one in managed.iter().filter(|one| !one.target_state.is_empty() && !one.hook) {
        if one.live_state.is_empty() || one.live_state == "null" {
            differences.push(format!("{} does not exist in the cluster", one.title()));
            continue;
        }
        let (now, predicted) = (parse(&one.normalized_live_state), parse(&one.predicted_live_state));
        if let Some((path, now, then)) = first_difference(&now, &predicted, "") {
            differences.push(format!("{}: `{path}` is `{now}`, and a sync would make it `{then}`", one.title()));
        }
        let golden = expected
            .iter()
            .find(|golden| (&golden.group, &golden.kind, &golden.name) == (&one.group, &one.kind, &one.name));
        // Argo CD hides the values of Secrets.
        let golden = golden.filter(|golden| golden.kind != "Secret");
        if let Some(difference) = golden.and_then(|golden| contained(&golden.object, &parse(&one.live_state), "")) {
            differences.push(format!("{}: {difference}", one.title()));
        }
    }
    differences
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// An object without what Argo CD adds.
fn untracked(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(TRACKING);
        }
        if metadata.get("annotations").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
            metadata.remove("annotations");
        }
    }
    object
}

/// A golden with what Argo CD fills in or hides in its own copy.
fn normalized(mut golden: Value, target: &Value) -> Value {
    let metadata = &target["metadata"];
    if golden["metadata"].get("namespace").is_none() && metadata.get("namespace").is_some() {
        golden["metadata"]["namespace"] = metadata["namespace"].clone();
    }
    if let Some(metadata) = golden["metadata"].as_object_mut()
        && metadata.get("annotations").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty)
    {
        metadata.remove("annotations");
    }
    if golden["kind"] == "Secret" {
        for data in ["data", "stringData"] {
            if let Some(values) = golden.get_mut(data).and_then(Value::as_object_mut) {
                for (key, value) in values {
                    *value = target[data][key].clone();
                }
            }
        }
    }
    golden
}

/// The first difference between two values: its path, and both values. A field that is `null` is not set.
fn first_difference(left: &Value, right: &Value, path: &str) -> Option<(String, String, String)> {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (left, right) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
            let at = |map: &serde_json::Map<String, Value>, key: &str| map.get(key).cloned().unwrap_or_default();
            keys.into_iter().find_map(|key| first_difference(&at(one, key), &at(other, key), &below(key)))
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(index, (one, other))| first_difference(one, other, &below(&index.to_string())))
        }
        _ if left == right => None,
        _ => Some((path.to_owned(), shown(left), shown(right))),
    }
}

fn shown(value: &Value) -> String {
    if value.is_null() { "not set".to_owned() } else { diagnostics::excerpt::excerpt(&value.to_string()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(target: &Value, live: &Value) -> Managed {
        let text = |value: &Value| value.to_string();
        Managed {
            kind: "ConfigMap".to_owned(),
            namespace: "web".to_owned(),
            name: "web".to_owned(),
            target_state: text(target),
            live_state: text(live),
            normalized_live_state: text(live),
            predicted_live_state: text(live),
            ..Managed::default()
        }
    }

    fn golden(object: Value) -> Expected {
        Expected { group: String::new(), kind: "ConfigMap".to_owned(), name: "web".to_owned(), object }
    }

    #[test]
    fn only_what_argo_cd_adds_may_differ() {
        let object = json!({ "kind": "ConfigMap", "metadata": { "name": "web" }, "data": { "a": "1" } });
        let mut target = object.clone();
        target["metadata"]["namespace"] = json!("web");
        target["metadata"]["annotations"] = json!({ TRACKING: "web:/ConfigMap:web/web" });
        let managed = [one(&target, &target)];
        assert_eq!(generated(&managed, &[golden(object.clone())]), Vec::<String>::new());
        assert_eq!(live(&managed, &[golden(object.clone())]), Vec::<String>::new());
        let mut other = object;
        other["data"]["a"] = json!("2");
        assert_eq!(
            generated(&managed, &[golden(other.clone())]),
            ["ConfigMap web/web: `data.a` is `\"2\"` in the golden, and `\"1\"` in Argo CD"]
        );
        assert_eq!(live(&managed, &[golden(other)]), ["ConfigMap web/web: `data.a` is `\"1\"`, expected `\"2\"`"]);
        assert_eq!(generated(&managed, &[]), ["ConfigMap web/web: no golden has it, but Argo CD generated it"]);
    }
}
