//! Normalizes field values as the API server does: defaults, quantities, and values that count as unset.

use document::{Node, Value};

use crate::amount::quantity;

/// The defaults of fields, by the names of the mapping around a field and of the field itself. The mapping is empty where
/// the name of the field suffices. Items of a list count as the list.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("", "apiVersion", "v1"),
    ("", "completionMode", "NonIndexed"),
    ("", "concurrencyPolicy", "Allow"),
    ("", "defaultMode", "420"),
    ("", "dnsPolicy", "ClusterFirst"),
    ("", "externalTrafficPolicy", "Cluster"),
    ("", "failedJobsHistoryLimit", "1"),
    ("", "internalTrafficPolicy", "Cluster"),
    ("", "kind", "PersistentVolumeClaim"),
    ("", "podManagementPolicy", "OrderedReady"),
    ("", "preemptionPolicy", "PreemptLowerPriority"),
    ("", "progressDeadlineSeconds", "600"),
    ("", "protocol", "TCP"),
    ("", "reclaimPolicy", "Delete"),
    ("", "restartPolicy", "Always"),
    ("", "revisionHistoryLimit", "10"),
    ("", "schedulerName", "default-scheduler"),
    ("", "sessionAffinity", "None"),
    ("", "successfulJobsHistoryLimit", "3"),
    ("", "terminationGracePeriodSeconds", "30"),
    ("", "terminationMessagePath", "/dev/termination-log"),
    ("", "terminationMessagePolicy", "File"),
    ("", "volumeBindingMode", "Immediate"),
    ("", "volumeMode", "Filesystem"),
    ("fieldRef", "apiVersion", "v1"),
    ("httpGet", "path", "/"),
    ("httpGet", "scheme", "HTTP"),
    ("roleRef", "apiGroup", "rbac.authorization.k8s.io"),
    ("rollingUpdate", "maxSurge", "25%"),
    ("rollingUpdate", "partition", "0"),
    ("serviceAccountToken", "expirationSeconds", "3600"),
    ("spec", "completions", "1"),
    ("spec", "parallelism", "1"),
    ("spec", "type", "ClusterIP"),
    ("strategy", "type", "RollingUpdate"),
    ("updateStrategy", "type", "RollingUpdate"),
];

/// The defaults of the fields of a probe.
const PROBE: &[(&str, &str)] =
    &[("failureThreshold", "3"), ("periodSeconds", "10"), ("successThreshold", "1"), ("timeoutSeconds", "1")];

/// Fields in the template of a pod that the API server stores as unset, whatever that means for the pod.
const WITHOUT_DEFAULT: &[&str] =
    &["allowPrivilegeEscalation", "automountServiceAccountToken", "enableServiceLinks", "hostUsers", "runAsNonRoot"];

/// The mappings of resource names to quantities.
const QUANTITIES: &[&str] =
    &["capacity", "default", "defaultRequest", "hard", "limits", "max", "maxLimitRequestRatio", "min", "requests"];

/// Fields with a quantity.
const QUANTITY: &[&str] = &["averageValue", "sizeLimit", "storage"];

/// Whether a field has a value: the API server drops nulls and most empty values.
#[must_use]
pub fn is_set(node: &Node) -> bool {
    match &node.value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Sequence(items) => !items.is_empty(),
        // A mapping whose values are all unset remains: `emptyDir: {medium: ""}` is compared entry by entry.
        Value::Mapping(entries) => !entries.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// A scalar as text. Where a number and a string with the same digits differ, the schema allows only one of them.
#[must_use]
pub fn written(node: &Node) -> String {
    match &node.value {
        Value::String(text) | Value::Number(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        _ => String::new(),
    }
}

/// The names of the fields on a path, last first, without the indexes of lists.
fn names(path: &[String]) -> impl Iterator<Item = &str> {
    path.iter().rev().map(String::as_str).filter(|step| !step.chars().all(|c| c.is_ascii_digit()))
}

/// Whether a field contains a quantity.
#[must_use]
pub(crate) fn is_quantity(path: &[String]) -> bool {
    let mut names = names(path);
    let (name, owner) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    QUANTITIES.contains(&owner) || QUANTITY.contains(&name)
}

/// Whether two quantities are equal, such as `1` and `1000m`.
#[must_use]
pub fn same_quantity(before: Option<&Node>, after: Option<&Node>) -> bool {
    match (before.and_then(quantity), after.and_then(quantity)) {
        // `300m` is not exactly 0.3.
        (Some(before), Some(after)) => (before - after).abs() <= before.abs().max(after.abs()) * 1e-12,
        _ => false,
    }
}

/// Whether the API server stores a field as unset, so `false` and unset differ.
#[must_use]
pub(crate) fn is_stored_unset(path: &[String]) -> bool {
    path.last().is_some_and(|name| WITHOUT_DEFAULT.contains(&name.as_str()))
}

/// The default of a field in a mapping.
#[must_use]
pub fn default(path: &[String], owner: Option<&Node>) -> Option<String> {
    let mut names = names(path);
    let (name, around) = (names.next()?, names.next().unwrap_or_default());
    if name == "imagePullPolicy" {
        return Some(pull_policy(owner?.get("image")?.as_str()?).to_owned());
    }
    // Of a DaemonSet and of a StatefulSet, it is 1.
    if (name, around) == ("maxUnavailable", "rollingUpdate") {
        let whose = names.next().unwrap_or_default();
        return Some(if whose == "strategy" { "25%" } else { "1" }.to_owned());
    }
    if name == "targetPort" {
        return owner?.get("port").map(written);
    }
    let table = |wanted: &str| DEFAULTS.iter().find(|(of, field, _)| *of == wanted && *field == name);
    let own = table(around).or_else(|| table("")).map(|(.., value)| *value);
    let probe = || around.ends_with("Probe").then(|| PROBE.iter().find(|(field, _)| *field == name)).flatten();
    own.or_else(|| probe().map(|(_, value)| *value)).map(str::to_owned)
}

/// The pull policy of an image without one: `Always` for the tag `latest`.
fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or(image);
    let latest = match name.split_once('@') {
        Some(_) => false,
        None => name.split_once(':').is_none_or(|(_, tag)| tag == "latest"),
    };
    if latest { "Always" } else { "IfNotPresent" }
}
