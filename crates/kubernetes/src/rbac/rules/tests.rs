//! Tests of the rules of roles.

use std::path::Path;

use super::*;
use crate::discovery::Discovery;
use crate::manifest;
use crate::object::{Home, of_manifest};

fn objects(text: &str) -> Vec<Object> {
    let home = Home { target: "web/default", source: "x", golden: "x.yaml", template_file: None };
    let pieces = text.split("---\n").map(|piece| manifest::read_golden(piece, "shop").expect("an object"));
    pieces.flat_map(|manifest| of_manifest(&home, &manifest)).collect()
}

/// The messages and helps about the first object.
fn reported(text: &str) -> Vec<String> {
    let objects = objects(text);
    let discovery = Discovery::load(Path::new("/nonexistent")).expect("the built-in table");
    let found = unknown(&objects[0], &Known::new(&discovery, &objects));
    found.into_iter().map(|found| format!("{}: {}", found.message.replace(" in Role `a`", ""), found.help)).collect()
}

fn role(rules: &str) -> String {
    format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: a}}\nrules: [{rules}]\n")
}

#[test]
fn unknown_names_are_reported() {
    for (rule, expected) in [
        ("apiGroups: [''], resources: [pods], verbs: [get, lst]", "unknown verb `lst`: did you mean `list`?"),
        ("apiGroups: [''], resources: [pods], verbs: [GET]", "unknown verb `GET`: did you mean `get`?"),
        (
            "apiGroups: [apps], resources: [deployments], verbs: [read]",
            "unknown verb `read`: use `get`, `list`, and `watch`",
        ),
        ("apiGroups: [example.com], resources: [x], verbs: [wacth]", "unknown verb `wacth`: did you mean `watch`?"),
        (
            "apiGroups: [''], resources: [configmap], verbs: [get]",
            "unknown resource `configmap`: did you mean `configmaps`?",
        ),
        (
            "apiGroups: [''], resources: [ConfigMap], verbs: [get]",
            "unknown resource `ConfigMap`: did you mean `configmaps`?",
        ),
        (
            "apiGroups: [''], resources: [configmaps, ingress], verbs: [get]",
            "unknown resource `ingress`: did you mean `ingresses` in API group `networking.k8s.io`?",
        ),
        (
            "apiGroups: [''], resources: [gadgets], verbs: [get]",
            "unknown resource `gadgets`: use the plural, lowercase name that `kubectl api-resources` prints",
        ),
        (
            "apiGroups: [''], resources: [deployments], verbs: [get]",
            "resource `deployments` is not in the core API group: set `apiGroups: [\"apps\"]`",
        ),
        (
            "apiGroups: [''], resources: [pods, deployments/scale, daemonsets], verbs: [get]",
            "resources `deployments/scale` and `daemonsets` are not in the core API group: move them to a rule with `apiGroups: [\"apps\"]`",
        ),
        (
            "apiGroups: ['', apps], resources: [ingresses], verbs: [get]",
            "resource `ingresses` is not in the core API group or API group `apps`: set `apiGroups: [\"networking.k8s.io\"]`",
        ),
        (
            "apiGroups: [''], resources: [pods/logs], verbs: [get]",
            "unknown subresource `pods/logs`: did you mean `pods/log`?",
        ),
        (
            "apiGroups: [''], resources: [pods/*], verbs: [get]",
            "`pods/*` matches nothing: name the subresources, such as `pods/attach`",
        ),
        ("apiGroups: [app], resources: [deployments], verbs: [get]", "unknown API group `app`: did you mean `apps`?"),
        (
            "apiGroups: [apps/v1], resources: [deployments], verbs: [get]",
            "unknown API group `apps/v1`: remove the version: `apps`",
        ),
        (
            "apiGroups: [v1], resources: [pods], verbs: [get]",
            "unknown API group `v1`: for the core API group, write `\"\"`",
        ),
        (
            "apiGroups: [apps.k8s.io], resources: [deployments], verbs: [get]",
            "unknown API group `apps.k8s.io`: did you mean `apps`?",
        ),
        (
            "apiGroups: [networking], resources: [ingresses], verbs: [get]",
            "unknown API group `networking`: did you mean `networking.k8s.io`?",
        ),
        (
            "apiGroups: [netwroking.k8s.io], resources: [ingresses], verbs: [get]",
            "unknown API group `netwroking.k8s.io`: did you mean `networking.k8s.io`?",
        ),
        (
            "apiGroups: [''], resources: [pods/eviction], verbs: [delete]",
            "verb `delete` does not apply to `pods/eviction`: `pods/eviction` has `create`",
        ),
        (
            "nonResourceURLs: [/metrics], verbs: [gett]",
            "unknown verb `gett` for `nonResourceURLs`: did you mean `get`?",
        ),
    ] {
        assert_eq!(reported(&role(&format!("{{{rule}}}"))), [expected], "{rule}");
    }
}

#[test]
fn ordinary_rules_are_accepted() {
    for rule in [
        "apiGroups: ['*'], resources: ['*'], verbs: ['*']",
        "apiGroups: [''], resources: [configmaps, pods/log, pods/exec, nodes/metrics, nodes/stats], verbs: [get, list, watch, create]",
        "apiGroups: [''], resources: ['*', '*/scale', configmaps/status, services/finalizers], verbs: [update, deletecollection]",
        "apiGroups: [''], resources: [pods, external], verbs: [get]",
        "apiGroups: [apps], resources: [deployments/status], verbs: [list]",
        // Products of groups and resources, and groups that are not known.
        "apiGroups: ['', extensions, apps], resources: [deployments, ingresses, pods], verbs: [get]",
        "apiGroups: ['', example.com], resources: [widgets, configmap], verbs: [promote]",
        "apiGroups: [extensions, networking.k8s.io], resources: [ingresses, ingresses/status], verbs: [get]",
        "apiGroups: [policy], resources: [podsecuritypolicies], resourceNames: [a], verbs: [use]",
        "apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [a/*], verbs: [approve, sign]",
        "apiGroups: [''], resources: [users, groups, serviceaccounts], verbs: [impersonate]",
        "apiGroups: [authentication.k8s.io], resources: [userextras/scopes, tokenreviews], verbs: [impersonate, create]",
        "apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create]",
        "apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind, escalate]",
        "apiGroups: [metrics.k8s.io, custom.metrics.k8s.io, scheduling.x-k8s.io], resources: [pods], verbs: [get]",
        "apiGroups: [gateway.networking.k8s.io, autoscaling.k8s.io, snapshot.storage.k8s.io], resources: [a], verbs: [get]",
        "apiGroups: [resource.k8s.io], resources: [devicetaintrules], verbs: [get]",
        "apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]",
        "nonResourceURLs: [/metrics, '*'], verbs: [get, list, post]",
        "apiGroups: null, resources: [1, {a: b}], verbs: [~, 7]",
        "verbs: x, resources: {}, apiGroups: 3",
    ] {
        assert_eq!(reported(&role(&format!("{{{rule}}}"))), [""; 0], "{rule}");
    }
    for odd in ["null", "7", "[]"] {
        assert_eq!(reported(&role(odd)), [""; 0], "{odd}");
    }
}

#[test]
fn rendered_definitions_add_their_resources() {
    let definition = "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
                      metadata: {name: widgets.shop.example.com}\n\
                      spec: {group: shop.example.com, names: {plural: widgets}}\n";
    let rule = |group: &str, resource: &str| {
        reported(&(role(&format!("{{apiGroups: [{group}], resources: [{resource}], verbs: [get]}}")) + definition))
    };
    assert_eq!(rule("shop.example.com", "widgets"), [""; 0]);
    assert_eq!(rule("shop.example.com", "widgets/status"), [""; 0]);
    // The group may have further resources.
    assert_eq!(rule("shop.example.com", "gadgets"), [""; 0]);
    assert_eq!(rule("shop.example.com", "services"), [""; 0]);
    assert_eq!(rule("shop.example.com", "widget"), ["unknown resource `widget`: did you mean `widgets`?"]);
    assert_eq!(
        rule("shop.exmaple.com", "widgets"),
        ["unknown API group `shop.exmaple.com`: did you mean `shop.example.com`?"]
    );
    assert_eq!(rule("shop.example.io", "widgets"), [""; 0], "a group of others");
    let twice = role(
        "{apiGroups: [shop.exmaple.com], resources: [widgets], verbs: [get]}, \
         {apiGroups: [shop.exmaple.com], resources: [widgets/status], verbs: [get]}",
    );
    assert_eq!(reported(&(twice + definition)).len(), 1);
}

#[test]
fn aggregation_labels_are_compared() {
    let reported = |label: &str| {
        reported(&format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: a\n  labels: {{rbac.authorization.k8s.io/aggregate-to-{label}: 'true'}}\n"
        ))
    };
    assert_eq!(
        reported("veiw"),
        [
            "unknown aggregation label `rbac.authorization.k8s.io/aggregate-to-veiw` on ClusterRole `a`: did you mean `rbac.authorization.k8s.io/aggregate-to-view`?"
        ]
    );
    assert_eq!(reported("view"), [""; 0]);
    assert_eq!(reported("monitoring"), [""; 0]);
}
