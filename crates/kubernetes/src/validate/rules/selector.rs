//! Label selectors: their keys, operators, and values, wherever one selects pods, namespaces, volumes, or roles.

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
        ("networking.k8s.io", "NetworkPolicy") => spec.as_ref().map(of_policy).unwrap_or_default(),
        ("rbac.authorization.k8s.io", "ClusterRole") => {
            root.get("aggregationRule").map(|rule| rule.list("clusterRoleSelectors")).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    for selector in &selectors {
        self::selector(look, selector);
    }
}

fn of_policy<'a>(spec: &At<'a>) -> Vec<At<'a>> {
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
            look.form(&key, key.text().and_then(names::qualified));
        }
        let operator = expression.get("operator");
        match operator.as_ref().and_then(At::text) {
            Some("In" | "NotIn") if expression.lacks("values") => {
                look.refuse(&expression, "compares with nothing", "expected `values`");
            }
            Some("Exists" | "DoesNotExist") => {
                if let (Some(values), false) = (expression.get("values"), expression.list("values").is_empty()) {
                    let help = "delete `values`, or compare with `In` or `NotIn`";
                    look.refuse(&values, "does not go with this operator", "it looks at the key alone")
                        .helps
                        .push(help.to_owned());
                }
            }
            _ => {}
        }
        look.known(operator, OPERATORS);
        for value in expression.list("values") {
            look.form(&value, value.text().and_then(names::label_value));
        }
    }
}

/// Labels that are asked for.
pub(super) fn labels<'a>(look: &mut Look<'a>, labels: &At<'a>) {
    for (key, at) in labels.entries() {
        names::wrong_key(look, &at, key, names::qualified(&key.name));
        look.form(&at, at.text().and_then(names::label_value));
    }
}

/// Whether pods with such labels are meant by an expression; whoever cannot be read means all of them.
pub(super) fn means(expression: &At<'_>, labels: Option<&At<'_>>) -> bool {
    let Some(key) = expression.get("key").and_then(|at| at.text()) else { return true };
    if names::qualified(key).is_some() {
        return true;
    }
    let label = labels.and_then(|labels| labels.get(key));
    let values = expression.list("values");
    let named = || {
        let label = label.as_ref().and_then(At::text);
        label.is_some() && values.iter().any(|value| value.text() == label)
    };
    match expression.get("operator").and_then(|at| at.text()) {
        Some("In") => values.is_empty() || named(),
        Some("NotIn") => !named(),
        Some("Exists") => label.is_some(),
        Some("DoesNotExist") => label.is_none(),
        _ => true,
    }
}
