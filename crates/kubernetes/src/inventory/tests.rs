//! Tests of the lookup of objects by name, labels, and namespace.

use std::collections::BTreeMap;

use super::entry::{Id, Member};
use super::*;
use crate::manifest;
use crate::object::{self, Home};

/// The objects of YAML documents, rendered by a target.
fn objects(target: &str, text: &str) -> Vec<Object> {
    let documents = text.split("\n---\n").filter_map(|text| manifest::read_golden(text, "shop"));
    let home = Home { target, source: "golden", golden: "golden", template_file: None };
    documents.flat_map(|manifest| object::of_manifest(&home, &manifest)).collect()
}

struct Cluster {
    targets: BTreeMap<String, Vec<Object>>,
    unrendered: Vec<Unrendered>,
}

impl Cluster {
    fn new(targets: &[(&str, &str)]) -> Self {
        let targets = targets.iter().map(|(target, text)| ((*target).to_owned(), objects(target, text)));
        Self { targets: targets.collect(), unrendered: Vec::new() }
    }

    fn inventory(&self) -> Inventory<'_> {
        let members = self.targets.iter().map(|(target, objects)| {
            let (app, case) = target.split_once('/').expect("app/case");
            let objects: Vec<&Object> = objects.iter().collect();
            Member { target, app, deployed: case == "default", namespace: "shop", objects }
        });
        let objects = self.targets.values().flatten();
        Inventory::new(members.collect(), self.unrendered.clone(), &Scopes::new(objects))
    }

    /// Whether an object exists as a target sees it, in a word.
    fn presence(&self, target: &str, kind: &str, name: &str) -> &'static str {
        let inventory = self.inventory();
        let group = match kind {
            "ClusterRole" => "rbac.authorization.k8s.io",
            "PriorityClass" => "scheduling.k8s.io",
            _ => "",
        };
        let namespace = if group.is_empty() { "shop" } else { "" };
        let id = Id { group, kind, namespace, name };
        match inventory.view(target).expect("a target").presence(&id) {
            Presence::Rendered(_) => "rendered",
            Presence::Made(..) => "made",
            Presence::Provided(_) => "provided",
            Presence::Uncertain => "uncertain",
            Presence::Missing => "missing",
        }
    }

    fn keys(&self, target: &str, name: &str) -> Keys {
        let inventory = self.inventory();
        let id = Id { group: "", kind: "Secret", namespace: "shop", name };
        match inventory.view(target).expect("a target").presence(&id) {
            Presence::Rendered(entry) => Keys::of(entry.object),
            Presence::Made(_, keys) => keys.clone(),
            other => panic!("{other:?}"),
        }
    }
}

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n")
}

fn custom(group: &str, kind: &str, rest: &str) -> String {
    format!("apiVersion: {group}/v1\nkind: {kind}\n{rest}\n")
}

#[test]
fn a_case_replaces_the_objects_of_its_own_application_only() {
    let cluster = Cluster::new(&[
        ("web/default", &config_map("web")),
        ("web/other", &config_map("other")),
        ("mail/default", &config_map("mail")),
        ("mail/other", &config_map("mail-other")),
    ]);
    for (target, visible, hidden) in [
        ("web/default", ["web", "mail"], ["other", "mail-other"]),
        ("web/other", ["other", "mail"], ["web", "mail-other"]),
        ("mail/default", ["web", "mail"], ["other", "mail-other"]),
    ] {
        for name in visible {
            assert_eq!(cluster.presence(target, "ConfigMap", name), "rendered", "{target} {name}");
        }
        for name in hidden {
            assert_eq!(cluster.presence(target, "ConfigMap", name), "missing", "{target} {name}");
        }
    }
}

#[test]
fn the_cluster_provides_objects() {
    let cluster = Cluster::new(&[("web/default", &config_map("web"))]);
    for (kind, name, expected) in [
        ("ServiceAccount", "default", "provided"),
        ("ServiceAccount", "web", "missing"),
        ("ConfigMap", "kube-root-ca.crt", "provided"),
        ("ClusterRole", "view", "provided"),
        ("ClusterRole", "system:auth-delegator", "provided"),
        ("ClusterRole", "viewer", "missing"),
        ("PriorityClass", "system-cluster-critical", "provided"),
        ("PriorityClass", "important", "missing"),
    ] {
        assert_eq!(cluster.presence("web/default", kind, name), expected, "{kind} {name}");
    }
}

#[test]
fn controllers_make_objects_with_known_keys() {
    let certificate = custom("cert-manager.io", "Certificate", "metadata: {name: web}\nspec: {secretName: web-tls}");
    let external = custom(
        "external-secrets.io",
        "ExternalSecret",
        "metadata: {name: login}\nspec: {data: [{secretKey: user}], target: {name: web-login}}",
    );
    let sealed = custom(
        "bitnami.com",
        "SealedSecret",
        "metadata: {name: sealed}\nspec: {encryptedData: {a: x}, template: {data: {b: y}}}",
    );
    let set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  replicas: 2\n  volumeClaimTemplates: [{metadata: {name: data}}]\n";
    let text = [certificate, external, sealed, set.to_owned()].join("\n---\n");
    let cluster = Cluster::new(&[("web/default", &text)]);
    assert_eq!(cluster.keys("web/default", "web-tls"), Keys::known(["ca.crt", "tls.crt", "tls.key"]));
    assert_eq!(cluster.keys("web/default", "web-login"), Keys::known(["user"]));
    assert_eq!(cluster.keys("web/default", "sealed"), Keys::known(["a", "b"]));
    assert_eq!(cluster.presence("web/default", "PersistentVolumeClaim", "data-db-1"), "made");
    assert_eq!(cluster.presence("web/default", "PersistentVolumeClaim", "data-db-2"), "missing");
}

#[test]
fn an_operator_may_make_objects_with_the_name_of_its_resource() {
    let database =
        custom("postgresql.cnpg.io", "Cluster", "metadata: {name: db}\nspec: {superuserSecret: {name: root}}");
    let cluster = Cluster::new(&[("web/default", &database)]);
    assert_eq!(cluster.presence("web/default", "Secret", "db-app"), "uncertain");
    assert_eq!(cluster.presence("web/default", "Secret", "root"), "uncertain");
    assert_eq!(cluster.presence("web/default", "Secret", "other"), "missing");
    let inventory = cluster.inventory();
    let view = inventory.view("web/default").expect("a target");
    assert!(view.may_contain("Secret", "shop") && !view.may_contain("Secret", "mail"));
    assert!(!view.may_contain("PriorityClass", ""));

    let monitor =
        Cluster::new(&[("web/default", &custom("monitoring.coreos.com", "ServiceMonitor", "metadata: {name: db}"))]);
    assert_eq!(monitor.presence("web/default", "Secret", "db-app"), "missing");
}

#[test]
fn a_program_may_make_the_objects_that_its_arguments_name() {
    let workload = |kind: &str, args: &str| {
        format!(
            "apiVersion: batch/v1\nkind: {kind}\nmetadata: {{name: make}}\nspec: {{template: {{spec: {{containers: [{{name: a, args: [{args}]}}]}}}}}}\n"
        )
    };
    for (kind, args, expected) in [
        ("Job", "'kubectl create secret generic web-cert'", "uncertain"),
        ("Job", "'kubectl create secret generic my-web-cert'", "missing"),
        ("Deployment", "--secret-name=web-cert", "uncertain"),
        ("Deployment", "web-cert", "missing"),
    ] {
        let cluster = Cluster::new(&[("web/default", &workload(kind, args))]);
        assert_eq!(cluster.presence("web/default", "Secret", "web-cert"), expected, "{kind} {args}");
    }
}

#[test]
fn an_application_that_is_not_rendered_may_contain_anything() {
    let mut cluster = Cluster::new(&[("web/default", &config_map("web"))]);
    let contains = |cluster: &Cluster, kind: &str, namespace: &str| {
        cluster.inventory().view("web/default").expect("a target").may_contain(kind, namespace)
    };
    assert!(!contains(&cluster, "Secret", "shop"));
    cluster.unrendered = vec![Unrendered::Namespace("shop".to_owned())];
    assert!(contains(&cluster, "Secret", "shop") && !contains(&cluster, "Secret", "mail"));
    assert!(contains(&cluster, "ClusterRole", ""));
    cluster.unrendered = vec![Unrendered::Anywhere];
    assert!(contains(&cluster, "Secret", "mail"));
}

#[test]
fn a_copied_object_exists_in_every_namespace() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: pull\n  namespace: infra\n  annotations: {reflector.v1.k8s.emberstack.com/reflection-allowed: 'true'}\n";
    let cluster = Cluster::new(&[("web/default", text)]);
    assert_eq!(cluster.presence("web/default", "Secret", "pull"), "uncertain");
    assert_eq!(cluster.presence("web/default", "ConfigMap", "pull"), "missing");
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web, tier: front}}\nspec: {containers: [{name: a, ports: [{containerPort: 80, name: http}]}]}\n";

#[test]
fn selectors_select_pods_and_services_are_found_by_pods() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}}\n";
    let set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: a}]}}}\n";
    let cluster = Cluster::new(&[("web/default", &[POD, service, set].join("\n---\n"))]);
    let inventory = cluster.inventory();
    let view = inventory.view("web/default").expect("a target");
    let selects = |selector: &str| {
        let source = diagnostics::Source::new("s", selector);
        let node = document::yaml::parse_one(&source).expect("YAML").root;
        let selected = view.selected("shop", &Selector::of_labels(&node));
        selected.iter().map(|pods| pods.object.key.name.clone()).collect::<Vec<_>>().join(" ")
    };
    for (selector, expected) in [
        ("{matchLabels: {app: web}}", "web"),
        ("{matchLabels: {app: web, tier: back}}", ""),
        ("{}", "web db"),
        ("{matchExpressions: [{key: tier, operator: Exists}]}", "web"),
        ("{matchExpressions: [{key: app, operator: In, values: [db, x]}]}", "db"),
        ("{matchExpressions: [{key: app, operator: NotIn, values: [db]}]}", "web"),
        ("{matchLabels: {statefulset.kubernetes.io/pod-name: db-0}}", "db"),
        ("{matchLabels: {statefulset.kubernetes.io/pod-name: web-0}}", ""),
        ("{matchLabels: null, matchExpressions: 5}", "web db"),
    ] {
        assert_eq!(selects(selector), expected, "{selector}");
    }
    let services = |name: &str| {
        let pods = view.pods("shop").find(|pods| pods.object.key.name == name).expect("pods");
        view.services_of(pods).len()
    };
    assert_eq!((services("web"), services("db")), (1, 0));
}

#[test]
fn odd_trees_have_no_pods() {
    for text in ["spec: null", "spec: {template: []}", "spec: {template: {spec: {containers: {}}}}", "spec: 1"] {
        let text = format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\n{text}\n");
        let cluster = Cluster::new(&[("web/default", &text)]);
        assert_eq!(cluster.inventory().view("web/default").expect("a target").pods("shop").count(), 0, "{text}");
    }
}
