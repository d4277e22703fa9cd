//! Compares the violations of the Pod Security Standards that the tool finds in many pods, listed in tests/agreement, with
//! those that a real API server reports.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::Source;
use document::{Node, yaml};
use kubernetes::pod_security;
use kubernetes::pod_security::policy::{Level, Policy, Version};
use kubernetes::pod_security::violation::Control;
use workspace::config::Config;

use crate::disposable::Cluster;
use crate::support::repository;

/// Older versions of the standards, at least one for each set of controls.
const OLDER: &[&str] =
    &["v1.0", "v1.7", "v1.18", "v1.21", "v1.22", "v1.24", "v1.26", "v1.28", "v1.30", "v1.31", "v1.32", "v1.33"];

/// What an API server says about a violation of each control, before the details in parentheses.
const REASONS: &[(&str, Control)] = &[
    ("allowPrivilegeEscalation != false", Control::PrivilegeEscalation),
    ("forbidden AppArmor profile", Control::AppArmor),
    ("forbidden AppArmor profiles", Control::AppArmor),
    ("forbidden sysctls", Control::Sysctls),
    ("host namespaces", Control::HostNamespaces),
    ("hostPath volumes", Control::HostPathVolumes),
    ("hostPort", Control::HostPorts),
    ("hostProcess", Control::HostProcess),
    ("non-default capabilities", Control::Capabilities),
    ("privileged", Control::Privileged),
    ("probe or lifecycle host", Control::HostProbes),
    ("procMount", Control::ProcMount),
    ("restricted volume types", Control::VolumeTypes),
    ("runAsNonRoot != true", Control::RunAsNonRoot),
    ("runAsUser=0", Control::RunAsUser),
    ("seLinuxOptions", Control::SeLinux),
    ("seccompProfile", Control::Seccomp),
    ("unrestricted capabilities", Control::Capabilities),
];

/// A pod and the controls that it violates at each level.
struct Case {
    name: String,
    text: String,
    baseline: BTreeSet<Control>,
    restricted: BTreeSet<Control>,
}

/// The Kubernetes version in charts.toml, which is that of the cluster in CI.
fn kubernetes() -> String {
    let text = std::fs::read_to_string(repository().join("charts.toml")).expect("text");
    Config::parse(&Source::new("charts.toml", text)).expect("a configuration").kubernetes
}

fn cases() -> Vec<Case> {
    let folder = repository().join("tests/agreement");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("text");
    let base = read("bases/pod.yaml");
    let root = yaml::parse_one(&Source::new("pod-security.yaml", read("pod-security.yaml"))).expect("YAML").root;
    let cases = root.items().iter().map(|entry| {
        let name = entry.get("name").and_then(Node::as_str).expect("a name").to_owned();
        let texts = |key: &str| -> Option<Vec<&str>> {
            Some(entry.get(key)?.items().iter().map(|item| item.as_str().expect("a string")).collect())
        };
        let controls = |names: Vec<&str>| -> BTreeSet<Control> {
            let control = |name| Control::ALL.iter().find(|control| control.name() == name).copied();
            names.into_iter().map(|name| control(name).unwrap_or_else(|| panic!("{name} is not a control"))).collect()
        };
        let mut text = base.clone();
        for pair in texts("replace").unwrap_or_default().chunks(2) {
            assert!(text.contains(pair[0]), "{name}: {:?} is not in the base", pair[0]);
            text = text.replacen(pair[0], pair[1], 1);
        }
        let baseline = controls(texts("baseline").unwrap_or_default());
        let restricted = texts("restricted").map_or_else(|| baseline.clone(), controls);
        Case { name, text, baseline, restricted }
    });
    let sound = Case { name: "sound".to_owned(), text: base.clone(), baseline: [].into(), restricted: [].into() };
    std::iter::once(sound).chain(cases).collect()
}

/// The controls that the tool finds violated.
fn found(case: &Case, policy: &Policy) -> BTreeSet<Control> {
    let pod = yaml::parse_one(&Source::new(case.name.clone(), case.text.clone())).expect("YAML").root;
    pod_security::check(&pod, &[], policy).iter().map(|violation| violation.control).collect()
}

#[test]
fn violations_are_those_expected() {
    let kubernetes = kubernetes();
    let mut reported = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in cases() {
        for (level, expected) in [(Level::Baseline, &case.baseline), (Level::Restricted, &case.restricted)] {
            let found = found(&case, &Policy::new(level, Version::Latest, &kubernetes));
            if found != *expected {
                wrong.push(format!("{}: {level}: expected {expected:?}, found {found:?}", case.name));
            }
            reported.extend(found);
        }
        assert!(found(&case, &Policy::new(Level::Privileged, Version::Latest, &kubernetes)).is_empty());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(reported, Control::ALL.iter().copied().collect(), "each control has a case");
}

/// The controls that an API server reports as violated, by pod.
fn answered(cluster: &Cluster, namespace: &str, cases: &[Case]) -> BTreeMap<String, BTreeSet<Control>> {
    let pods = cases.iter().map(|case| {
        let text = case.text.replace("namespace: default", &format!("namespace: {namespace}"));
        text.replacen("name: web\n", &format!("name: {}\n", case.name), 1)
    });
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    std::fs::write(file.path(), pods.collect::<Vec<_>>().join("---\n")).expect("written");
    let file = file.path().to_string_lossy().into_owned();
    let answer = cluster.kubectl(&["create", "--dry-run=server", "--filename", &file]);
    let mut answers = BTreeMap::new();
    for line in answer.err().unwrap_or_default().lines().filter(|line| line.contains("rror")) {
        let pod = line.split("pods \"").nth(1).and_then(|rest| rest.split('"').next());
        let (Some(pod), Some((_, reasons))) = (pod, line.split_once("violates PodSecurity \"")) else {
            panic!("{namespace}: not refused by PodSecurity: {line}");
        };
        let controls = REASONS
            .iter()
            .filter(|(reason, _)| [": ", ", "].iter().any(|before| reasons.contains(&format!("{before}{reason} ("))));
        answers.insert(pod.to_owned(), controls.map(|(_, control)| *control).collect());
    }
    answers
}

#[test]
fn an_api_server_reports_the_same_violations() {
    let Some(cluster) = Cluster::of_environment() else { return };
    let (cases, kubernetes) = (cases(), kubernetes());
    let mut wrong = Vec::new();
    for level in [Level::Baseline, Level::Restricted] {
        for version in std::iter::once(&"latest").chain(OLDER) {
            let namespace = format!("{level}-{}", version.replace('.', "-"));
            if let Err(what) = cluster.kubectl(&["create", "namespace", &namespace]) {
                assert!(what.contains("AlreadyExists"), "{what}");
            }
            let labels = [
                format!("pod-security.kubernetes.io/enforce={level}"),
                format!("pod-security.kubernetes.io/enforce-version={version}"),
            ];
            let label = ["label", "--overwrite", "namespace", &namespace, &labels[0], &labels[1]];
            cluster.kubectl(&label).expect("the namespace is labeled");
            // The API server rejects pods until the controller manager has created the account.
            let wait = ["wait", "--for=create", "serviceaccount/default", "--namespace", &namespace, "--timeout=60s"];
            cluster.kubectl(&wait).expect("the namespace has its default service account");

            let policy = Policy::new(level, Version::parse(version).expect("a version"), &kubernetes);
            let answers = answered(&cluster, &namespace, &cases);
            for case in &cases {
                let found = found(case, &policy);
                let mut answer = answers.get(&case.name).cloned().unwrap_or_default();
                // With `hostNetwork`, the API server sets each `hostPort`.
                if found.contains(&Control::HostNamespaces) && !case.text.contains("hostPort") {
                    answer.remove(&Control::HostPorts);
                }
                if found != answer {
                    wrong.push(format!("{namespace}/{}: found {found:?}, the API server {answer:?}", case.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
