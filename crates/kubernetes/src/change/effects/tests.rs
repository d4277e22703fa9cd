use super::*;

mod access;
mod admission;
mod case;
mod data;
mod routes;
mod routine;
mod running;

use self::case::{created, removed, updated};

#[test]
fn every_rule_has_a_test_and_a_code_of_its_own_kind() {
    for (code, severity, _) in RULES {
        assert!(code.name().starts_with("change-") || *code == Code::DisruptionBlocked, "{code:?} {severity}");
    }
    assert!(RULES.is_sorted_by_key(|(_, severity, _)| Reverse(*severity)), "the most severe first");
}

#[test]
fn odd_objects_do_no_harm() {
    let kinds = [
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "CronJob",
        "Role",
        "ClusterRole",
        "RoleBinding",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "Secret",
        "ConfigMap",
        "PersistentVolumeClaim",
        "Namespace",
        "Pod",
        "CustomResourceDefinition",
        "Gadget",
        "AppProject",
        "Ingress",
        "HTTPRoute",
        "ValidatingWebhookConfiguration",
        "ValidatingAdmissionPolicyBinding",
    ];
    let odd = [
        "spec: null",
        "spec: []",
        "spec: {replicas: x, selector: [], template: [], ports: {}, ingress: {}, versions: [1, null]}",
        "spec: {template: {spec: {containers: [null, 1, {name: 1}]}}, ingress: [1, {from: 1, ports: [1]}]}",
        "rules: {a: b}, subjects: 1, roleRef: []",
        "rules: [1, null, {verbs: 1, resources: [1]}], subjects: [1, null]",
        "spec: {replicas: 99999999999999999999, podSelector: 1, policyTypes: [1], egress: [{to: [{ipBlock: {cidr: 1/0}}]}]}",
        "spec: {ingress: [{from: [{ipBlock: {cidr: '0.0.0.0/0'}}, {ipBlock: {cidr: '::/0'}}, {ipBlock: {cidr: '1.1.1.1/33'}}]}]}",
        "data: 1, stringData: []",
        "spec: {rules: [1, {host: 1}], tls: [1, {hosts: 1}], hostnames: 1, sourceRepos: 1, destinations: [1, {server: 1}]}",
        "webhooks: [1, {name: 1}, {name: a, failurePolicy: 1}]",
        "metadata: {name: a, labels: 1}",
    ];
    for kind in kinds {
        for before in odd {
            for after in odd {
                updated(kind, before, after);
            }
            created(kind, before);
            removed(kind, before, Action::Prune);
        }
    }
}
