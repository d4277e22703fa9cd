use super::case::{check, of_kind, removed, updated, updated_with, workload};
use crate::change::action::Action;

fn namespace(labels: &str) -> String {
    format!("metadata: {{name: web, labels: {{{labels}}}}}")
}

fn enforces(level: &str) -> String {
    namespace(&format!("pod-security.kubernetes.io/enforce: {level}"))
}

#[test]
fn namespaces_that_allow_more_are_cautions_and_those_that_reject_pods_are_blockers() {
    let pods = of_kind("Deployment", &workload("containers: [{name: a, image: 'a:1'}]"));
    for (before, after, expected) in [
        (
            enforces("baseline"),
            enforces("privileged"),
            "caution change-admission: Namespace `web` enforces Pod Security level `privileged` instead of `baseline`",
        ),
        (
            enforces("restricted"),
            namespace("a: b"),
            "caution change-admission: Namespace `web` no longer enforces Pod Security level `restricted`",
        ),
        (enforces("privileged"), namespace("a: b"), ""),
        (enforces("privileged"), enforces("baseline"), ""),
        (enforces("baseline"), enforces("odd"), ""),
        (
            enforces("baseline"),
            enforces("restricted"),
            "blocker change-admission: Namespace `web` enforces Pod Security level `restricted`, and admission rejects new pods of Deployment `a`",
        ),
    ] {
        check(&updated_with("Namespace", &before, &after, std::slice::from_ref(&pods)), expected, &after);
    }
    let elsewhere =
        of_kind("Deployment", &format!("metadata: {{name: a, namespace: b}}, {}", workload("containers: [{name: a}]")));
    check(
        &updated_with("Namespace", &enforces("baseline"), &enforces("restricted"), &[elsewhere]),
        "",
        "another namespace",
    );
}

#[test]
fn webhooks_and_policies_that_reject_less_are_cautions() {
    let hook = |rest: &str| format!("webhooks: [{{name: a.example.com{rest}}}, {{name: b.example.com}}]");
    let kind = "ValidatingWebhookConfiguration";
    for (before, after, expected) in [
        (
            hook(""),
            hook(", failurePolicy: Ignore"),
            "caution change-admission: webhook `a.example.com` of ValidatingWebhookConfiguration `a` no longer rejects requests",
        ),
        (hook(", failurePolicy: Ignore"), hook(""), "notice change-resources"),
        (
            hook(""),
            "webhooks: [{name: b.example.com}]".to_owned(),
            "caution change-admission: ValidatingWebhookConfiguration `a` no longer has webhook `a.example.com`",
        ),
    ] {
        check(&updated(kind, &before, &after), expected, &after);
    }
    check(
        &removed(kind, &hook(""), Action::Prune),
        "caution change-admission: ValidatingWebhookConfiguration `a` is deleted, and its webhooks no longer check objects",
        "deleted",
    );
    check(&removed(kind, &hook(""), Action::Leave), "notice change-resources", "left");
    check(
        &updated(
            "ValidatingAdmissionPolicyBinding",
            "spec: {validationActions: [Deny]}",
            "spec: {validationActions: [Audit]}",
        ),
        "caution change-admission: ValidatingAdmissionPolicyBinding `a` no longer denies",
        "actions",
    );
}

#[test]
fn projects_that_allow_more_are_cautions() {
    let project = |rest: &str| format!("spec: {{sourceRepos: [https://a], {rest}}}");
    for (before, after, expected) in [
        (
            "destinations: [{server: s, namespace: a}]",
            "destinations: [{server: s, namespace: b}]",
            "AppProject `a` also allows destination `s b`",
        ),
        ("destinations: [{server: s, namespace: '*'}]", "destinations: [{server: s, namespace: b}]", ""),
        ("destinations: [{server: s, namespace: a-*}]", "destinations: [{server: s, namespace: a-b}]", ""),
        (
            "clusterResourceWhitelist: []",
            "clusterResourceWhitelist: [{group: '*', kind: '*'}]",
            "AppProject `a` also allows cluster-scoped kind `* *`",
        ),
        (
            "namespaceResourceWhitelist: [{group: '', kind: Pod}]",
            "namespaceResourceWhitelist: []",
            "AppProject `a` also allows all kinds",
        ),
        ("namespaceResourceWhitelist: []", "namespaceResourceWhitelist: [{group: '', kind: Pod}]", ""),
        ("namespaceResourceBlacklist: [{group: '', kind: Pod}]", "a: b", "AppProject `a` also allows kind `Pod`"),
        (
            "destinations: [{server: s, namespace: '!a'}]",
            "destinations: [{server: s, namespace: '!b'}]",
            "AppProject `a` also allows destination `s a`",
        ),
    ] {
        let found = updated("AppProject", &project(before), &project(after));
        let expected = if expected.is_empty() {
            "notice change-resources".to_owned()
        } else {
            format!("caution change-permissions: {expected}")
        };
        check(&found, &expected, after);
    }
}
