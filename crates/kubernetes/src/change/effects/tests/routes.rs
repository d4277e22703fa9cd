use super::case::{all, change, check, of_kind, removed, updated, updated_with, workload};
use crate::change::action::Action;

fn ingress(hosts: &[&str], tls: &str) -> String {
    let rules: Vec<String> = hosts.iter().map(|host| format!("{{host: {host}}}")).collect();
    format!("spec: {{rules: [{}], tls: [{tls}]}}", rules.join(", "))
}

#[test]
fn hosts_that_are_no_longer_served_are_cautions() {
    let both = ingress(&["a.example.com", "b.example.com"], "");
    let one = ingress(&["a.example.com"], "");
    check(
        &updated("Ingress", &both, &one),
        "caution change-disruptive: Ingress `a` no longer serves `b.example.com`",
        "updated",
    );
    check(&updated("Ingress", &one, &both), "notice change-resources", "added");
    check(
        &removed("Ingress", &both, Action::Prune),
        "caution change-disruptive: Ingress `a` is deleted, and `a.example.com` and `b.example.com` are no longer served",
        "deleted",
    );
    check(&removed("Ingress", &both, Action::Leave), "notice change-resources", "left");
    check(
        &removed("HTTPRoute", "spec: {rules: []}", Action::Prune),
        "caution change-disruptive: HTTPRoute `a` is deleted, and its clients",
        "without hosts",
    );
    let route = of_kind("HTTPRoute", "metadata: {name: b}, spec: {hostnames: [a.example.com, b.example.com]}");
    check(&updated_with("Ingress", &both, &one, std::slice::from_ref(&route)), "notice change-resources", "elsewhere");
    let before = of_kind("Ingress", &both);
    let found = all(&change(Some(&before), None, Action::Prune), std::slice::from_ref(&before), &[route]);
    check(&found, "notice change-resources: Ingress `a` is deleted", "replaced");
}

#[test]
fn hosts_without_tls_are_cautions() {
    let hosts = ["a.example.com"];
    for (before, after, expected) in [
        (
            "{hosts: [a.example.com]}",
            "",
            "caution change-disruptive: Ingress `a` no longer has TLS for `a.example.com`",
        ),
        ("{secretName: a}", "", "caution change-disruptive: Ingress `a` no longer has TLS for `a.example.com`"),
        ("{hosts: [a.example.com]}", "{hosts: ['*.example.com']}", "notice change-resources"),
        ("{hosts: [a.example.com]}", "{secretName: a}", "notice change-resources"),
        ("", "{hosts: [a.example.com]}", "notice change-resources"),
    ] {
        check(&updated("Ingress", &ingress(&hosts, before), &ingress(&hosts, after)), expected, after);
    }
}

#[test]
fn load_balancers_for_more_addresses_are_cautions() {
    let service = |ranges: &str| format!("spec: {{type: LoadBalancer, loadBalancerSourceRanges: [{ranges}]}}");
    for (before, after, expected) in [
        ("10.0.0.0/8", "", "caution change-network: Service `a` accepts traffic from all addresses"),
        (
            "10.0.0.0/8",
            "10.0.0.0/8, 192.0.2.0/24",
            "caution change-network: Service `a` also accepts traffic from `192.0.2.0/24`",
        ),
        ("10.0.0.0/8", "10.1.0.0/16", "notice change-resources"),
        ("", "10.1.0.0/16", "notice change-resources"),
    ] {
        check(&updated("Service", &service(before), &service(after)), expected, after);
    }
}

#[test]
fn policies_that_isolate_running_pods_are_cautions() {
    let pods = of_kind("Deployment", &workload("containers: [{name: a}]"));
    let created = |rest: &str, before: &[crate::object::Object]| {
        let policy = of_kind("NetworkPolicy", &format!("metadata: {{name: p}}, spec: {{{rest}}}"));
        let after = [before, std::slice::from_ref(&policy)].concat();
        all(&change(None, Some(&policy), Action::Create), before, &after)
    };
    let isolates = "caution change-network: NetworkPolicy `p` isolates the pods of Deployment `a`, which accepted all ingress traffic";
    let running = std::slice::from_ref(&pods);
    check(&created("podSelector: {}, ingress: []", running), isolates, "all");
    check(&created("podSelector: {matchLabels: {app: a}}", running), isolates, "by label");
    check(&created("podSelector: {matchLabels: {app: b}}", running), "notice change-resources", "others");
    check(&created("podSelector: {}, ingress: [{}]", running), "notice change-resources", "everything is allowed");
    check(&created("podSelector: {}, ingress: []", &[]), "notice change-resources", "no pods");
    let other = of_kind("NetworkPolicy", "spec: {podSelector: {}, ingress: []}");
    check(
        &created("podSelector: {}, ingress: []", &[pods.clone(), other]),
        "notice change-resources",
        "isolated already",
    );
}
