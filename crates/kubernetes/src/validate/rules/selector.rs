//! Label selectors of every kind that has one: keys, operators, and values.

use document::Key;

use super::look::{At, Look};
use super::names;

const OPERATORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist"];

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    let spec = root.get("spec");
    let kind = &look.subject.kind;
    let selectors = match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job")
        | ("policy", "PodDisruptionBudget")
        | ("", "PersistentVolumeClaim") => spec.iter().filter_map(|spec| spec.get("selector")).collect(),
        ("networking.k8s.io", "NetworkPolicy") => spec.as_ref().map(policy_selectors).unwrap_or_default(),
        ("rbac.authorization.k8s.io", "ClusterRole") => {
            root.get("aggregationRule").map(|rule| rule.list("clusterRoleSelectors")).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    for selector in &selectors {
        self::selector(look, selector);
    }
}

fn policy_selectors<'a>(spec: &At<'a>) -> Vec<At<'a>> {
    let rules = [("ingress", "from"), ("egress", "to")]
        .into_iter()
        .flat_map(|(direction, peers)| spec.list(direction).into_iter().flat_map(move |rule| rule.list(peers)));
    let peers = rules.flat_map(|peer| peer.present(&["podSelector", "namespaceSelector"]));
    spec.get("podSelector").into_iter().chain(peers).collect()
}

pub(super) fn selector<'a>(look: &mut Look<'a>, selector: &At<'a>) {
    if let Some(wanted) = selector.get("matchLabels") {
        labels(look, &wanted);
    }
    for expression in selector.list("matchExpressions") {
        if let Some(key) = expression.get("key") {
            look.check_format(&key, key.text().and_then(names::qualified));
        }
        let operator = expression.get("operator");
        match operator.as_ref().and_then(At::text) {
            Some("In" | "NotIn") if expression.lacks("values") => {
                look.requires(&expression, "values", "required by the operators `In` and `NotIn`");
            }
            Some(operator @ ("Exists" | "DoesNotExist")) => {
                if let (Some(values), false) = (expression.get("values"), expression.list("values").is_empty()) {
                    let what = format!("is not allowed with the operator `{operator}`");
                    look.reject(&values, what, "remove it, or use `In` or `NotIn`");
                }
            }
            _ => {}
        }
        look.supported(operator, OPERATORS);
        for value in expression.list("values") {
            look.check_format(&value, value.text().and_then(names::label_value));
        }
    }
}

/// Checks a mapping of labels in a selector.
pub(super) fn labels<'a>(look: &mut Look<'a>, labels: &At<'a>) {
    for (key, at) in labels.entries() {
        names::check_key(look, &at, key, names::qualified(&key.name));
        look.check_format(&at, at.text().and_then(names::label_value));
    }
}

/// The valid labels of a mapping.
pub(super) fn valid_labels<'a>(labels: &At<'a>) -> Vec<(&'a str, &'a str, At<'a>)> {
    let valid = |key: &str, value: &str| names::qualified(key).is_none() && names::label_value(value).is_none();
    let label = |(key, at): (&'a Key, At<'a>)| Some((key.name.as_str(), at.text()?, at));
    labels.entries().into_iter().filter_map(label).filter(|(key, value, _)| valid(key, value)).collect()
}

/// Whether an expression matches labels; `None` if the expression is invalid.
pub(super) fn matches(expression: &At<'_>, labels: Option<&At<'_>>) -> Option<bool> {
    let key = expression.get("key").and_then(|at| at.text()).filter(|key| names::qualified(key).is_none())?;
    let label = labels.and_then(|labels| labels.get(key));
    let values = expression.list("values");
    let listed = || {
        let label = label.as_ref().and_then(At::text);
        label.is_some() && values.iter().any(|value| value.text() == label)
    };
    match expression.get("operator").and_then(|at| at.text()) {
        Some("In") if !values.is_empty() => Some(listed()),
        Some("NotIn") => Some(!listed()),
        Some("Exists") => Some(label.is_some()),
        Some("DoesNotExist") => Some(label.is_none()),
        _ => None,
    }
}
