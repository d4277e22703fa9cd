//! Compares what `lint` reports about changes of objects, listed in tests/agreement/changes.yaml, with a real API server.
//!
//! The expected fields are always checked. If `XTASK_TEST_KUBECONFIG` names a disposable cluster, each object is created
//! there, and its API server must answer to the change as expected, with client-side and with server-side apply.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diagnostics::Source;
use document::{Node, yaml};
use kubernetes::change::refusal::{self, Update};
use kubernetes::manifest;
use kubernetes::object::{self, Home, Object};
use kubernetes::validate::pointer;

use crate::disposable::Cluster;
use crate::support::repository;

/// A change and its expected verdicts.
struct Case {
    name: String,
    before: String,
    after: String,
    /// Objects that it needs.
    with: Option<String>,
    /// The fields that `lint` reports.
    fields: BTreeSet<String>,
    /// Whether client-side apply is not refused.
    server_side_only: bool,
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(repository().join("tests/agreement/changes.yaml")).expect("text");
    let root = yaml::parse_one(&Source::new("changes.yaml", text)).expect("YAML").root;
    let base = |name: &str| root.find(&["bases", name]).and_then(Node::as_str).expect("a base").to_owned();
    let mut cases = Vec::new();
    for section in ["refused", "accepted"] {
        for entry in root.get(section).expect("a list").items() {
            let get = |key: &str| entry.get(key).and_then(Node::as_str);
            let name = get("name").expect("a name").to_owned();
            let texts = |key: &str| -> Vec<&str> {
                entry.get(key).map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str).collect()
            };
            let replaced = |mut text: String, key: &str| {
                for pair in texts(key).chunks(2) {
                    assert!(text.contains(pair[0]), "{name}: {:?} is not in its base", pair[0]);
                    text = text.replacen(pair[0], pair[1], 1);
                }
                text
            };
            let before = replaced(base(get("base").expect("a base")), "before");
            let after = replaced(before.clone(), "replace");
            let fields: BTreeSet<String> = texts("fields").into_iter().map(str::to_owned).collect();
            assert_eq!(fields.is_empty(), section == "accepted", "{name}");
            let server_side_only = get("only").is_some();
            cases.push(Case { before, after, with: get("with").map(base), fields, server_side_only, name });
        }
    }
    let names: BTreeSet<&String> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len(), "names are unique");
    cases
}

fn object(text: &str) -> Object {
    let manifest = manifest::read(text.as_bytes(), "web").expect("an object").remove(0);
    let home = Home { target: "web/default", source: "web.yaml", golden: "web.yaml", template_file: None };
    object::of_manifest(&home, &manifest).remove(0)
}

#[test]
fn the_expected_fields_are_refused() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (before, after) = (object(&case.before), object(&case.after));
        for update in [Update::ClientSideApply, Update::ServerSideApply, Update::Replace] {
            let refusals = refusal::refusals(&before, &after, update);
            let fields: BTreeSet<String> = refusals.iter().map(|refusal| pointer::path(&refusal.field.path)).collect();
            let none = case.server_side_only && update == Update::ClientSideApply;
            let expected = if none { BTreeSet::new() } else { case.fields.clone() };
            if fields != expected {
                wrong.push(format!("{} ({update:?}): expected {expected:?}, got {fields:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_api_server_refuses_the_same_changes() {
    let Some(cluster) = Cluster::of_environment() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut wrong = Vec::new();
    for (prefix, extra) in [("c", [].as_slice()), ("s", &["--server-side", "--force-conflicts"])] {
        // kubectl itself rejects what Argo CD reconciles before it applies.
        let cases: Vec<Case> = cases().into_iter().filter(|case| prefix == "s" || !case.server_side_only).collect();
        let changes: Vec<_> = cases.iter().map(|case| create(&cluster, folder.path(), prefix, case, extra)).collect();
        for (case, answer) in cases.iter().zip(cluster.apply(&changes, extra)) {
            if answer.is_ok() != case.fields.is_empty() {
                wrong.push(format!("{prefix}-{}: the API server answered {answer:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Creates the object of a case in a namespace of its own. Returns the file with the changed object, and the namespace.
fn create(cluster: &Cluster, folder: &Path, prefix: &str, case: &Case, extra: &[&str]) -> (PathBuf, String) {
    let namespace = format!("{prefix}-{}", case.name);
    let write = |name: &str, text: &str| {
        let file = folder.join(format!("{namespace}-{name}.yaml"));
        std::fs::write(&file, text.replace('@', &namespace)).expect("written");
        file
    };
    let run = |args: &[&str], file: &Path| {
        let file = file.to_string_lossy();
        cluster.kubectl(&[args, extra, &["--namespace", &namespace, "--filename", &file]].concat())
    };
    cluster.kubectl(&["create", "namespace", &namespace]).expect("created");
    for (name, text) in case.with.iter().map(|text| ("with", text)).chain([("before", &case.before)]) {
        run(&["apply"], &write(name, text)).unwrap_or_else(|what| panic!("{namespace}: {what}"));
    }
    let waits = [
        ("CustomResourceDefinition", "condition=Established"),
        ("PersistentVolumeClaim", "jsonpath={.status.phase}=Bound"),
    ];
    for (kind, condition) in waits {
        if case.before.contains(&format!("kind: {kind}\nmetadata")) {
            let file = folder.join(format!("{namespace}-before.yaml"));
            let file = file.to_string_lossy();
            let wait = ["wait", "--namespace", &namespace, "--for", condition, "--timeout=30s", "--filename", &file];
            let answer = cluster.kubectl(&wait);
            // A class that waits for a pod binds nothing, which makes no difference to what is refused.
            assert!(answer.is_ok() || case.with.is_none(), "{namespace}: {answer:?}");
        }
    }
    (write("after", &case.after), namespace)
}
