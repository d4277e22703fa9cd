use super::case::{all, change, check, container, created, of_kind, removed, updated, workload};
use crate::change::action::Action;

#[test]
fn opened_and_deleted_network_policies_are_cautions() {
    let open = "caution change-network: NetworkPolicy `a` allows more ingress traffic";
    for (before, after, expected) in [
        (
            "ingress: [{from: [{podSelector: {}}]}]",
            "ingress: [{from: [{podSelector: {}}]}, {from: [{namespaceSelector: {}}]}]",
            open,
        ),
        ("ingress: [{from: [{podSelector: {}}]}]", "ingress: [{}]", open),
        ("ingress: [{from: [{podSelector: {}}]}]", "ingress: [{ports: [{port: 25}]}]", open),
        ("ingress: []", "ingress: [{from: [{podSelector: {}}]}]", open),
        ("ingress: [{ports: [{port: 25}]}]", "ingress: [{ports: [{port: 25}, {port: 26}]}]", open),
        ("ingress: [{ports: [{port: 25, endPort: 30}]}]", "ingress: [{ports: [{port: 26, endPort: 31}]}]", open),
        ("ingress: [{ports: [{port: 25}]}]", "ingress: [{ports: [{port: 25, protocol: UDP}]}]", open),
        (
            "ingress: [{from: [{podSelector: {matchLabels: {a: b, c: d}}}]}]",
            "ingress: [{from: [{podSelector: {matchLabels: {a: b}}}]}]",
            open,
        ),
        (
            "ingress: [{from: [{podSelector: {matchLabels: {a: b}}}]}]",
            "ingress: [{from: [{podSelector: {matchLabels: {a: b}}, namespaceSelector: {}}]}]",
            open,
        ),
        (
            "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/16}}]}]",
            "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]",
            open,
        ),
        (
            "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]",
            "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]",
            open,
        ),
        (
            "policyTypes: [Ingress, Egress], egress: []",
            "policyTypes: [Ingress]",
            "caution change-network: NetworkPolicy `a` no longer restricts egress traffic",
        ),
        // Narrower, or the same in other words.
        ("ingress: [{}]", "ingress: [{from: [{podSelector: {}}]}]", "notice change-resources"),
        (
            "ingress: [{from: [{podSelector: {}}, {namespaceSelector: {}}]}]",
            "ingress: [{from: [{namespaceSelector: {}}, {podSelector: {}}]}]",
            "",
        ),
        (
            "ingress: [{from: [{podSelector: {matchLabels: {a: b}}}]}]",
            "ingress: [{from: [{podSelector: {matchLabels: {a: b, c: d}}}]}]",
            "notice change-resources",
        ),
        (
            "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]",
            "ingress: [{from: [{ipBlock: {cidr: 10.2.0.0/16, except: [10.2.3.0/24]}}]}]",
            "notice change-resources",
        ),
        (
            "ingress: [{ports: [{port: 25, endPort: 30}]}]",
            "ingress: [{ports: [{port: 26, protocol: TCP}]}]",
            "notice change-resources",
        ),
        (
            "ingress: [{ports: [{port: 25}]}, {ports: [{port: 26}]}]",
            "ingress: [{ports: [{port: 25}]}]",
            "notice change-resources",
        ),
        ("policyTypes: [Ingress]", "policyTypes: [Ingress, Egress]", "notice change-resources"),
    ] {
        let spec = |text: &str| format!("spec: {{podSelector: {{}}, {text}}}");
        check(&updated("NetworkPolicy", &spec(before), &spec(after)), expected, after);
    }
    let policy = "spec: {podSelector: {matchLabels: {app: a}}}";
    check(
        &removed("NetworkPolicy", policy, Action::Prune),
        "caution change-network: NetworkPolicy `a` is deleted",
        "deleted",
    );
    check(&removed("NetworkPolicy", policy, Action::Leave), "notice change-resources", "left");
    // Nothing is exposed if the pods are deleted, too.
    let (before, pods) = (of_kind("NetworkPolicy", policy), of_kind("Deployment", &container("")));
    let both = [before.clone(), pods.clone()];
    let gone = change(Some(&before), None, Action::Prune);
    check(&all(&gone, &both, &[]), "notice change-resources", "with its pods");
    check(&all(&gone, &both, &[pods]), "caution change-network", "without its pods");
}

#[test]
fn wider_permissions_are_cautions() {
    let also = "caution change-permissions: Role `a` also allows";
    let pods = "{apiGroups: [''], resources: [pods], verbs: [get, list]}";
    for (before, after, expected) in [
        (pods, "{apiGroups: [''], resources: [pods], verbs: [get, list, watch]}", format!("{also} `watch` `pods`")),
        (
            pods,
            "{apiGroups: [''], resources: [pods, secrets], verbs: [get, list]}",
            format!("{also} `get` and `list` `secrets`"),
        ),
        (pods, "{apiGroups: [''], resources: [pods], verbs: ['*']}", format!("{also} everything with `pods`")),
        (pods, "{apiGroups: ['*'], resources: ['*'], verbs: ['*']}", format!("{also} everything with all resources")),
        (pods, "{apiGroups: ['', apps], resources: [pods], verbs: [get]}", format!("{also} `get` `pods.apps`")),
        (
            "{apiGroups: [''], resources: [secrets], resourceNames: [x], verbs: [get]}",
            "{apiGroups: [''], resources: [secrets], verbs: [get]}",
            format!("{also} `get` `secrets`"),
        ),
        (
            "{apiGroups: [''], resources: [secrets], resourceNames: [x], verbs: [get]}",
            "{apiGroups: [''], resources: [secrets], resourceNames: [x, z], verbs: [get]}",
            format!("{also} `get` `secrets` `z`"),
        ),
        (
            pods,
            "{apiGroups: [''], resources: [pods], verbs: [get, list]}, {nonResourceURLs: [/metrics], verbs: [get]}",
            format!("{also} `get` `/metrics`"),
        ),
        // Narrower, or the same in other words.
        (pods, "{apiGroups: [''], resources: [pods], verbs: [get]}", "notice change-resources".to_owned()),
        (pods, "{verbs: [list, get], resources: [pods], apiGroups: ['']}", String::new()),
        (
            pods,
            "{apiGroups: [''], resources: [pods], verbs: [get]}, {apiGroups: [''], resources: [pods], verbs: [list]}",
            "notice change-resources".to_owned(),
        ),
        (
            "{apiGroups: ['*'], resources: ['*'], verbs: ['*']}",
            "{apiGroups: [apps], resources: [deployments/scale], verbs: [get]}",
            "notice change-resources".to_owned(),
        ),
        (
            "{apiGroups: [''], resources: ['*/log'], verbs: [get]}",
            "{apiGroups: [''], resources: [pods/log], verbs: [get]}",
            "notice change-resources".to_owned(),
        ),
        (
            "{nonResourceURLs: [/healthz/*], verbs: [get]}",
            "{nonResourceURLs: [/healthz/a], verbs: [get]}",
            "notice change-resources".to_owned(),
        ),
        (pods, "", "notice change-resources".to_owned()),
    ] {
        let rules = |text: &str| format!("rules: [{text}]");
        check(&updated("Role", &rules(before), &rules(after)), &expected, after);
    }
    let binding =
        |role: &str, subjects: &str| format!("roleRef: {{kind: ClusterRole, name: {role}}}, subjects: [{subjects}]");
    let account = |name: &str| format!("{{kind: ServiceAccount, name: {name}}}");
    let (one, two) = (account("x"), format!("{}, {}", account("x"), account("z")));
    for (before, after, expected) in [
        (
            binding("view", &one),
            binding("view", &two),
            "caution change-permissions: RoleBinding `a` also grants ClusterRole `view` to ServiceAccount `web/z`",
        ),
        (
            binding("view", &one),
            binding("admin", &one),
            "caution change-permissions: RoleBinding `a` grants ClusterRole `admin` to ServiceAccount `web/x`",
        ),
        (binding("view", &two), binding("view", &one), "notice change-resources"),
        (
            binding("view", &one),
            binding("view", "{name: x, namespace: web, kind: ServiceAccount}"),
            "notice change-resources",
        ),
    ] {
        check(&updated("RoleBinding", &before, &after), expected, &after);
    }
    check(
        &created("ClusterRoleBinding", &binding("admin", "{kind: Group, name: all}")),
        "caution change-permissions: ClusterRoleBinding `a` grants ClusterRole `admin` to Group `all`",
        "created",
    );
    check(
        &created("Role", "rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]"),
        "notice change-resources",
        "a role alone grants nothing",
    );
    let label = "metadata: {name: a, labels: {rbac.authorization.k8s.io/aggregate-to-admin: 'true'}}, rules: []";
    check(
        &created("ClusterRole", label),
        "caution change-permissions: ClusterRole `a` extends ClusterRole `admin`",
        "label",
    );
    let selectors = |name: &str| format!("aggregationRule: {{clusterRoleSelectors: [{{matchLabels: {{a: {name}}}}}]}}");
    check(
        &updated("ClusterRole", &selectors("b"), &selectors("c")),
        "caution change-permissions: ClusterRole `a` aggregates more",
        "selectors",
    );
    // A rule with many combinations is new unless it is equal.
    let many = |last: u32| {
        let names = |prefix: &str, count: u32| (0..count).map(|index| format!("{prefix}{index}, ")).collect::<String>();
        format!("rules: [{{apiGroups: [{}], resources: [{}], verbs: [get{last}]}}]", names("g", 1200), names("r", 1200))
    };
    check(&updated("Role", &many(1), &many(2)), "caution change-permissions", "many");
    check(&updated("Role", &many(1), &many(1)), "", "many");
}

#[test]
fn gained_privileges_are_cautions() {
    let gain = |text: &str| format!("caution change-privileges: the pods of Deployment `a` gain privileges: {text}");
    for (before, after, expected) in [
        (container(""), container("securityContext: {privileged: true}"), gain("`privileged: true` of container `c`")),
        (
            container(""),
            container("ports: [{containerPort: 25, hostPort: 25}]"),
            gain("`hostPort: 25` of container `c`"),
        ),
        (
            container(""),
            container("securityContext: {capabilities: {add: [SYS_ADMIN]}}"),
            gain("`add: SYS_ADMIN` of container `c`"),
        ),
        (
            workload("containers: [{name: c}]"),
            workload("containers: [{name: c}], hostNetwork: true"),
            gain("`hostNetwork: true`"),
        ),
        (
            workload("containers: [{name: c}]"),
            workload("containers: [{name: c}], volumes: [{name: v, hostPath: {path: /}}]"),
            gain("volume `v` with `hostPath: /`"),
        ),
        (
            workload("containers: [{name: c}], volumes: [{name: v, hostPath: {path: /var/log}}]"),
            workload("containers: [{name: c}], volumes: [{name: v, hostPath: {path: /}}]"),
            gain("volume `v` with `hostPath: /`"),
        ),
        (
            container("securityContext: {runAsNonRoot: true}"),
            container("securityContext: {runAsNonRoot: false}"),
            gain("`runAsNonRoot: false` of container `c`"),
        ),
        (
            container("securityContext: {allowPrivilegeEscalation: false}"),
            container("securityContext: {}"),
            gain("`allowPrivilegeEscalation is not set` of container `c`"),
        ),
        // What the pods had before, and what they lose.
        (
            workload("containers: [{name: b}, {name: c, securityContext: {privileged: true}}]"),
            workload("containers: [{name: c, securityContext: {privileged: true}}, {name: b, tty: true}]"),
            "notice change-restart".to_owned(),
        ),
        (container("securityContext: {privileged: true}"), container(""), "notice change-restart".to_owned()),
        (container(""), container("securityContext: {runAsUser: 0}"), gain("`runAsUser: 0` of container `c`")),
    ] {
        check(&updated("Deployment", &before, &after), &expected, &after);
    }
    let found = created("DaemonSet", &workload("containers: [{name: c}], hostNetwork: true"));
    check(
        &found,
        "caution change-privileges: the pods of DaemonSet `a` gain privileges: `hostNetwork: true`",
        "created",
    );
    check(&created("Deployment", &container("")), "notice change-resources: Deployment `a` is created", "created");
}
