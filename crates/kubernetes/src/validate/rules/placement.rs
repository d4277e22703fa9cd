//! Where pods may run: node selectors, affinity, spread, and tolerations.

use super::look::{At, Look};
use super::{names, selector};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// `spec` is that of the pod.
pub(super) fn check<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    for (key, value) in spec.get("nodeSelector").map(|labels| labels.entries()).unwrap_or_default() {
        names::wrong_key(look, &value, key, names::qualified(&key.name));
        look.form(&value, value.text().and_then(names::label_value));
    }
    if let Some(nodes) = spec.walk(&["affinity", "nodeAffinity"]) {
        self::nodes(look, &nodes);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(pods) = spec.walk(&["affinity", kind]) else { continue };
        pods.list(REQUIRED).iter().for_each(|term| self::term(look, term));
        for preferred in pods.list(PREFERRED) {
            look.within(preferred.get("weight"), 1..=100);
            if let Some(term) = preferred.get("podAffinityTerm") {
                self::term(look, &term);
            }
        }
    }
    let constraints = spec.list("topologySpreadConstraints");
    for constraint in &constraints {
        spread(look, constraint);
    }
    look.once(&constraints, &[("topologyKey", ""), ("whenUnsatisfiable", "")]);
    spec.list("tolerations").iter().for_each(|toleration| self::toleration(look, toleration));
}

fn nodes<'a>(look: &mut Look<'a>, affinity: &At<'a>) {
    if let Some(required) = affinity.get(REQUIRED) {
        if let Some(terms) = required.get("nodeSelectorTerms").filter(|_| required.lacks("nodeSelectorTerms")) {
            look.refuse(&terms, "is empty", "expected at least one term");
        }
        required.list("nodeSelectorTerms").iter().for_each(|term| requirements(look, term, true));
    }
    for preferred in affinity.list(PREFERRED) {
        look.within(preferred.get("weight"), 1..=100);
        if let Some(term) = preferred.get("preference") {
            requirements(look, &term, false);
        }
    }
}

/// What a term asks of nodes. Of one that is only preferred, the server takes values that no label has.
fn requirements<'a>(look: &mut Look<'a>, term: &At<'a>, strict: bool) {
    for requirement in term.list("matchExpressions") {
        if let Some(key) = requirement.get("key") {
            look.form(&key, key.text().and_then(names::qualified));
        }
        let values = requirement.list("values");
        match requirement.get("operator").and_then(|at| at.text()) {
            Some("In" | "NotIn") if requirement.lacks("values") => {
                look.refuse(&requirement, "compares with nothing", "expected at least one of `values`");
            }
            Some("In" | "NotIn") if strict => {
                for value in values {
                    look.form(&value, value.text().and_then(names::label_value));
                }
            }
            Some(operator @ ("Exists" | "DoesNotExist")) => {
                if let Some(values) = requirement.get("values").filter(|_| !values.is_empty()) {
                    look.refuse(&values, format!("does not go with `{operator}`"), "delete this, or compare with `In`");
                }
            }
            Some(operator @ ("Gt" | "Lt")) if values.len() > 1 || requirement.lacks("values") => {
                look.refuse(&requirement, format!("needs one value for `{operator}`"), "expected one of `values`");
            }
            _ => {}
        }
    }
    for requirement in term.list("matchFields") {
        look.known(requirement.get("key"), &["metadata.name"]);
        if let Some(at) = requirement.get("operator").filter(|at| matches!(at.text(), Some("Exists" | "DoesNotExist")))
        {
            look.refuse(&at, "is not for a field", "expected In or NotIn");
        } else if requirement.list("values").len() > 1 {
            look.refuse(&requirement, "needs one value", "expected one of `values`: write a term for each");
        }
    }
}

fn term<'a>(look: &mut Look<'a>, term: &At<'a>) {
    for selector in term.present(&["labelSelector", "namespaceSelector"]) {
        selector::selector(look, &selector);
    }
    if let Some(key) = term.get("topologyKey") {
        look.form(&key, key.text().and_then(names::qualified));
    }
    for namespace in term.list("namespaces") {
        look.form(&namespace, namespace.text().and_then(names::label));
    }
}

fn spread<'a>(look: &mut Look<'a>, constraint: &At<'a>) {
    look.within(constraint.get("maxSkew"), 1..=i64::from(i32::MAX));
    look.within(constraint.get("minDomains"), 1..=i64::from(i32::MAX));
    look.filled(constraint.get("topologyKey"));
    if let Some(selector) = constraint.get("labelSelector") {
        selector::selector(look, &selector);
    }
    let when = constraint.get("whenUnsatisfiable").and_then(|at| at.text());
    if let Some(at) = constraint.get("minDomains").filter(|_| when == Some("ScheduleAnyway")) {
        look.refuse(&at, "does not go with `ScheduleAnyway`", "delete this, or write `DoNotSchedule`");
    }
    if let Some(at) = constraint.get("matchLabelKeys").filter(|at| !at.node.items().is_empty())
        && constraint.get("labelSelector").is_none()
        && !constraint.misspells("labelSelector")
    {
        look.refuse(&at, "has no `labelSelector` beside it", "expected one");
    }
}

fn toleration<'a>(look: &mut Look<'a>, toleration: &At<'a>) {
    let text = |key: &str| toleration.get(key).and_then(|at| at.text()).filter(|text| !text.is_empty());
    let operator = text("operator");
    if let Some(value) = toleration.get("value").filter(|_| text("value").is_some()) {
        if operator == Some("Exists") {
            look.refuse(&value, "does not go with `Exists`", "delete this, or compare with `Equal`");
        } else {
            look.form(&value, value.text().and_then(names::label_value));
        }
    }
    match toleration.get("key").filter(|key| key.text() != Some("")) {
        Some(key) => look.form(&key, key.text().and_then(names::qualified)),
        None if operator != Some("Exists") => {
            look.refuse(
                &toleration.clone(),
                "names no key",
                "expected a `key`, or `operator: Exists` to tolerate everything",
            );
        }
        None => {}
    }
    if let Some(at) = toleration.get("tolerationSeconds")
        && matches!(text("effect"), None | Some("NoSchedule" | "PreferNoSchedule"))
    {
        look.refuse(&at, "is only for `NoExecute`", "delete this, or write `effect: NoExecute`");
    }
}
