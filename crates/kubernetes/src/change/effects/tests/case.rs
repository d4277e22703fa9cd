//! Changes and what is expected of them.

use crate::change::action::Action;
use crate::change::effects::{Change, Surroundings, of};
use crate::change::refusal::Update;
use crate::manifest;
use crate::object::{self, Home, Object};

pub(super) fn object(text: &str) -> Object {
    let manifest = manifest::read_golden(&format!("{text}\n"), "web").unwrap_or_else(|| panic!("no object: {text}"));
    let home = Home { target: "web/default", source: "x.yaml", golden: "x.yaml", template_file: None };
    object::of_manifest(&home, &manifest).remove(0)
}

/// An object of a kind with the name `a` and other fields.
pub(super) fn of_kind(kind: &str, rest: &str) -> Object {
    let api = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" => "apps/v1",
        "Job" | "CronJob" => "batch/v1",
        "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" => "rbac.authorization.k8s.io/v1",
        "Ingress" | "NetworkPolicy" => "networking.k8s.io/v1",
        "PodDisruptionBudget" => "policy/v1",
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        "StorageClass" => "storage.k8s.io/v1",
        "CustomResourceDefinition" => "apiextensions.k8s.io/v1",
        "AppProject" | "Application" => "argoproj.io/v1alpha1",
        "ExternalSecret" => "external-secrets.io/v1",
        "HTTPRoute" => "gateway.networking.k8s.io/v1",
        "ValidatingWebhookConfiguration" | "ValidatingAdmissionPolicyBinding" => "admissionregistration.k8s.io/v1",
        "Gadget" => "example.com/v1",
        _ => "v1",
    };
    if rest.starts_with("metadata") {
        return object(&format!("{{apiVersion: {api}, kind: {kind}, {rest}}}"));
    }
    object(&format!("{{apiVersion: {api}, kind: {kind}, metadata: {{name: a}}, {rest}}}"))
}

/// The effects as `severity code: message`.
pub(super) fn all(change: &Change<'_>, before: &[Object], after: &[Object]) -> Vec<String> {
    let effects = of(change, &Surroundings::new(before, after));
    effects.iter().map(|effect| format!("{} {}: {}", effect.severity, effect.code.name(), effect.message)).collect()
}

pub(super) fn change<'a>(before: Option<&'a Object>, after: Option<&'a Object>, action: Action) -> Change<'a> {
    let update = (action != Action::Replace).then_some(Update::ClientSideApply);
    Change { before, after, action, update, ignored: &|_| false }
}

/// The effects of an update, with other objects that do not change.
pub(super) fn updated_with(kind: &str, before: &str, after: &str, others: &[Object]) -> Vec<String> {
    let (before, after) = (of_kind(kind, before), of_kind(kind, after));
    let side = |object: &Object| [std::slice::from_ref(object), others].concat();
    all(&change(Some(&before), Some(&after), Action::Update), &side(&before), &side(&after))
}

pub(super) fn updated(kind: &str, before: &str, after: &str) -> Vec<String> {
    updated_with(kind, before, after, &[])
}

pub(super) fn removed(kind: &str, rest: &str, action: Action) -> Vec<String> {
    let before = of_kind(kind, rest);
    all(&change(Some(&before), None, action), std::slice::from_ref(&before), &[])
}

pub(super) fn created(kind: &str, rest: &str) -> Vec<String> {
    let after = of_kind(kind, rest);
    all(&change(None, Some(&after), Action::Create), &[], std::slice::from_ref(&after))
}

/// Fails unless one of the effects begins with a text; an empty text means that there are none but routine ones.
#[track_caller]
pub(super) fn check(found: &[String], expected: &str, about: &str) {
    let fits = if expected.is_empty() {
        found.iter().all(|effect| effect.starts_with("routine"))
    } else {
        found.first().is_some_and(|effect| effect.starts_with(expected))
    };
    assert!(fits, "{about}: expected {expected:?}, found {found:?}");
}

pub(super) fn workload(rest: &str) -> String {
    format!(
        "spec: {{replicas: 2, selector: {{matchLabels: {{app: a}}}}, template: {{metadata: {{labels: {{app: a}}}}, spec: {{{rest}}}}}}}"
    )
}

pub(super) fn container(rest: &str) -> String {
    workload(&format!("containers: [{{name: c, image: 'r/i:1.2.3', {rest}}}]"))
}
