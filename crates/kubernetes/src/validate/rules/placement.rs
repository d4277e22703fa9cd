//! Pod scheduling: node selectors, affinity, topology spread constraints, and tolerations.

use super::look::{At, Look};
use super::{names, selector};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Checks the scheduling fields of a pod spec.
pub(super) fn check<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    for (key, value) in spec.get("nodeSelector").map(|labels| labels.entries()).unwrap_or_default() {
        names::check_key(look, &value, key, names::qualified(&key.name));
        look.check_format(&value, value.text().and_then(names::label_value));
    }
    if let Some(nodes) = spec.walk(&["affinity", "nodeAffinity"]) {
        self::nodes(look, &nodes);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(pods) = spec.walk(&["affinity", kind]) else { continue };
        pods.list(REQUIRED).iter().for_each(|term| self::term(look, term));
        for preferred in pods.list(PREFERRED) {
            look.in_range(preferred.get("weight"), 1..=100);
            if let Some(term) = preferred.get("podAffinityTerm") {
                self::term(look, &term);
            }
        }
    }
    let constraints = spec.list("topologySpreadConstraints");
    for constraint in &constraints {
        spread(look, constraint);
    }
    for (constraint, label, _) in
        Look::duplicate_entries(&constraints, &[("topologyKey", ""), ("whenUnsatisfiable", "")])
    {
        look.reject(&constraint, "is a duplicate entry for `topologyKey` and `whenUnsatisfiable`", label);
    }
    spec.list("tolerations").iter().for_each(|toleration| self::toleration(look, toleration));
}

fn nodes<'a>(look: &mut Look<'a>, affinity: &At<'a>) {
    if let Some(required) = affinity.get(REQUIRED) {
        if let Some(terms) = required.get("nodeSelectorTerms").filter(|_| required.lacks("nodeSelectorTerms")) {
            look.reject(&terms, "must not be empty", "at least one term is required");
        }
        required.list("nodeSelectorTerms").iter().for_each(|term| requirements(look, term, true));
    }
    for preferred in affinity.list(PREFERRED) {
        look.in_range(preferred.get("weight"), 1..=100);
        if let Some(term) = preferred.get("preference") {
            requirements(look, &term, false);
        }
    }
}

/// The requirements of a node selector term. In a preferred term, the API server accepts values that no label can have.
fn requirements<'a>(look: &mut Look<'a>, term: &At<'a>, strict: bool) {
    for requirement in term.list("matchExpressions") {
        if let Some(key) = requirement.get("key") {
            look.check_format(&key, key.text().and_then(names::qualified));
        }
        let values = requirement.list("values");
        match requirement.get("operator").and_then(|at| at.text()) {
            Some("In" | "NotIn") if requirement.lacks("values") => {
                look.requires(&requirement, "values", "required by the operators `In` and `NotIn`");
            }
            Some("In" | "NotIn") if strict => {
                for value in values {
                    look.check_format(&value, value.text().and_then(names::label_value));
                }
            }
            Some(operator @ ("Exists" | "DoesNotExist")) => {
                if let Some(values) = requirement.get("values").filter(|_| !values.is_empty()) {
                    let what = format!("is not allowed with the operator `{operator}`");
                    look.reject(&values, what, "remove it, or use `In` or `NotIn`");
                }
            }
            Some(operator @ ("Gt" | "Lt")) if values.len() > 1 || requirement.lacks("values") => {
                let what = format!("must have exactly one value for the operator `{operator}`");
                look.reject(&requirement, what, "expected one entry in `values`");
            }
            _ => {}
        }
    }
    for requirement in term.list("matchFields") {
        look.supported(requirement.get("key"), &["metadata.name"]);
        if let Some(at) = requirement.get("operator").filter(|at| matches!(at.text(), Some("Exists" | "DoesNotExist")))
        {
            look.reject(&at, "has an unsupported value", "`matchFields` supports `In` and `NotIn`");
        } else if requirement.list("values").len() > 1 {
            look.reject(&requirement, "must have exactly one value", "use a separate term for each value");
        }
    }
}

fn term<'a>(look: &mut Look<'a>, term: &At<'a>) {
    for selector in term.present(&["labelSelector", "namespaceSelector"]) {
        selector::selector(look, &selector);
    }
    if let Some(key) = term.get("topologyKey") {
        look.check_format(&key, key.text().and_then(names::qualified));
    }
    for namespace in term.list("namespaces") {
        look.check_format(&namespace, namespace.text().and_then(names::label));
    }
}

fn spread<'a>(look: &mut Look<'a>, constraint: &At<'a>) {
    look.in_range(constraint.get("maxSkew"), 1..=i64::from(i32::MAX));
    look.in_range(constraint.get("minDomains"), 1..=i64::from(i32::MAX));
    look.not_empty(constraint.get("topologyKey"));
    if let Some(selector) = constraint.get("labelSelector") {
        selector::selector(look, &selector);
    }
    let when = constraint.get("whenUnsatisfiable").and_then(|at| at.text());
    if let Some(at) = constraint.get("minDomains").filter(|_| when == Some("ScheduleAnyway")) {
        let when = ("whenUnsatisfiable", "DoNotSchedule");
        look.reject_when(&at, "is only allowed", when, "`whenUnsatisfiable` is `ScheduleAnyway`");
    }
    if let Some(at) = constraint.get("matchLabelKeys").filter(|at| !at.node.items().is_empty())
        && constraint.is_unset("labelSelector")
    {
        look.reject(&at, "is only allowed with `labelSelector`", "`labelSelector` is not set");
    }
}

fn toleration<'a>(look: &mut Look<'a>, toleration: &At<'a>) {
    let text = |key: &str| toleration.get(key).and_then(|at| at.text()).filter(|text| !text.is_empty());
    let operator = text("operator");
    if let Some(value) = toleration.get("value").filter(|_| text("value").is_some()) {
        if operator == Some("Exists") {
            look.reject_when(&value, "is not allowed", ("operator", "Exists"), "remove it, or use `operator: Equal`");
        } else {
            look.check_format(&value, value.text().and_then(names::label_value));
        }
    }
    match toleration.get("key").filter(|key| key.text() != Some("")) {
        Some(key) => look.check_format(&key, key.text().and_then(names::qualified)),
        None if operator != Some("Exists") => {
            let label = "set `key`, or `operator: Exists` to tolerate every taint";
            look.requires(toleration, "key", label);
        }
        None => {}
    }
    if let Some(at) = toleration.get("tolerationSeconds")
        && matches!(text("effect"), None | Some("NoSchedule" | "PreferNoSchedule"))
    {
        look.reject_when(&at, "is only allowed", ("effect", "NoExecute"), "remove it, or set `effect: NoExecute`");
    }
}
