//! Compares the verdict of `validate` on many objects, listed in tests/agreement, with that of a real API server.
//!
//! The expected findings are always checked. If `XTASK_TEST_KUBECONFIG` names a disposable cluster, its API server must
//! agree, and it must accept everything that this repository renders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use diagnostics::Source;
use document::{Node, yaml};
use serde_json::Value;

use crate::disposable::Cluster;
use crate::support::{Bench, HELM_4, helm, kubeconform, lay_schemas, repository};

const SEALED_SECRETS: &str =
    "tests/golden/sealed-secrets/default/customresourcedefinition-sealedsecrets.bitnami.com.yaml";

/// Nulls that an API server drops, but rejects with server-side apply. `validate` does not report them yet.
const NULLS: &[&str] = &["null-sealed-value", "selector-null-label"];

/// An object and its expected verdicts.
struct Case {
    name: String,
    base: String,
    text: String,
    /// The codes that `validate` reports.
    codes: BTreeSet<String>,
    /// Whether an API server accepts it.
    accepted: bool,
    /// Whether it also accepts it with server-side apply.
    server_side: bool,
}

fn cases() -> Vec<Case> {
    let folder = repository().join("tests/agreement");
    let mut cases = Vec::new();
    let mut bases = BTreeMap::new();
    for entry in std::fs::read_dir(folder.join("bases")).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("text");
        cases.push(Case {
            name: format!("sound-{name}"),
            base: name.clone(),
            text: text.clone(),
            codes: BTreeSet::new(),
            accepted: true,
            server_side: true,
        });
        bases.insert(name, text);
    }
    let text = std::fs::read_to_string(folder.join("mutations.yaml")).expect("text");
    let root = yaml::parse_one(&Source::new("mutations.yaml", text)).expect("YAML").root;
    for (section, entries) in root.entries() {
        for entry in entries.items() {
            let get = |key: &str| entry.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
            let texts = |key: &str| -> Vec<&str> {
                entry.get(key).map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str).collect()
            };
            let mut text = bases[&get("base")].clone();
            for pair in texts("replace").chunks(2) {
                assert!(text.contains(pair[0]), "{}: {:?} is not in its base", get("name"), pair[0]);
                text = text.replacen(pair[0], pair[1], 1);
            }
            let codes: BTreeSet<String> = texts("codes").into_iter().map(str::to_owned).collect();
            assert_eq!(codes.is_empty(), section.name == "accepted", "{}", get("name"));
            let accepted = section.name != "rejected";
            let server_side = accepted && section.name != "server-side";
            cases.push(Case { name: get("name"), base: get("base"), text, codes, accepted, server_side });
        }
    }
    assert!(cases.iter().filter(|case| !case.accepted).count() > 100);
    cases
}

/// Objects of exactly the maximum size, and one byte above it. They are generated, since they are too large for files, and
/// not applied, since `kubectl apply` copies the object into an annotation.
fn sizes() -> Vec<Case> {
    let object = |name: &str, annotation: usize, text: usize, code: Option<&str>| Case {
        name: format!("size-{name}"),
        base: "configmap".to_owned(),
        text: format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: size\n  namespace: default\n  annotations: {{k: {}}}\n\
             data: {{k: {}}}\n",
            "x".repeat(annotation),
            "x".repeat(text)
        ),
        codes: code.into_iter().map(str::to_owned).collect(),
        accepted: code.is_none(),
        server_side: code.is_none(),
    };
    let (annotations, data) = (256 * 1024, 1024 * 1024);
    vec![
        object("annotations-max", annotations - 1, 1, None),
        object("annotations-over", annotations, 1, Some("object-refused")),
        object("data-max", 1, data, None),
        object("data-over", 1, data + 1, Some("object-refused")),
    ]
}

/// A workspace with one chart that renders every case, and an Application with these sync options.
fn workspace(cases: &[Case], options: &str) -> Bench {
    let bench = Bench::new();
    bench.write(
        "charts.toml",
        "repository = \"https://git.example.org/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.4\"\n\
         [tools]\nkubeconform = \"0.8.0\"\n",
    );
    bench.write(
        "argocd/applications/web.yaml",
        &format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: web, namespace: argocd}}\nspec:\n  project: home\n  \
             source: {{repoURL: https://git.example.org/home.git, targetRevision: main, path: charts/web}}\n  \
             destination: {{server: https://kubernetes.default.svc, namespace: default}}\n  \
             syncPolicy: {{syncOptions: [{options}]}}\n"
        ),
    );
    bench.write("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    let definition = std::fs::read_to_string(repository().join(SEALED_SECRETS)).expect("text");
    bench.write("charts/web/crds/sealedsecrets.yaml", &definition);
    for case in cases {
        // Objects of one target must have distinct identities.
        let text = case.text.replace("namespace: default", &format!("namespace: n-{}", case.name));
        let text =
            if case.base == "crd" { text.replace("example.com", &format!("{}.example.com", case.name)) } else { text };
        bench.write(&format!("charts/web/templates/{}.yaml", case.name), &text);
    }
    bench
}

/// The codes that `validate` reports, by template.
fn findings(bench: &Bench, helm: &Path, kubeconform: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let answer = bench.xtask("validate --format json").helm(helm).kubeconform(kubeconform).run();
    assert_eq!(answer.code, Some(1), "{answer}");
    let document: Value = serde_json::from_str(&answer.stdout).expect("JSON");
    let mut findings: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for found in document["diagnostics"].as_array().expect("a list") {
        let mut files = found["places"].as_array().into_iter().flatten().filter_map(|place| place["file"].as_str());
        let template = files.find_map(|file| file.strip_prefix("charts/web/templates/"));
        let name =
            template.unwrap_or_else(|| panic!("a finding without a template: {found}")).trim_end_matches(".yaml");
        findings.entry(name.to_owned()).or_default().insert(found["code"].as_str().expect("a code").to_owned());
    }
    findings
}

/// Compares findings with those expected for each case.
fn compare(cases: &[Case], findings: &BTreeMap<String, BTreeSet<String>>) {
    let mut wrong = Vec::new();
    for case in cases {
        let actual = findings.get(&case.name).cloned().unwrap_or_default();
        if actual != case.codes {
            wrong.push(format!("{}: expected {:?}, got {actual:?}", case.name, case.codes));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn validate_reports_the_expected_codes() {
    let (Some(helm), Some(kubeconform)) = (helm(HELM_4), kubeconform()) else { return };
    let mut cases = cases();
    cases.extend(sizes());
    let bench = workspace(&cases, "ServerSideApply=true");
    lay_schemas(&bench.root());
    compare(&cases, &findings(&bench, &helm, &kubeconform));
}

/// Only server-side apply rejects duplicate merge keys, so they are warnings without it.
#[test]
fn duplicate_merge_keys_are_warnings_without_server_side_apply() {
    let (Some(helm), Some(kubeconform)) = (helm(HELM_4), kubeconform()) else { return };
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.accepted && !case.server_side).collect();
    let bench = workspace(&cases, "CreateNamespace=true");
    lay_schemas(&bench.root());
    let answer = bench.xtask("validate --format json").helm(&helm).kubeconform(&kubeconform).run();
    assert_eq!(answer.code, Some(0), "{answer}");
    let document: Value = serde_json::from_str(&answer.stdout).expect("JSON");
    let codes: Vec<_> =
        document["diagnostics"].as_array().expect("a list").iter().map(|found| &found["code"]).collect();
    assert_eq!(codes, vec!["merge-key-duplicate"; cases.len()], "{answer}");
}

#[test]
fn an_api_server_has_the_same_size_limits() {
    let Some(cluster) = Cluster::of_environment() else { return };
    let folder = tempfile::tempdir().expect("temporary directory");
    for case in sizes() {
        let file = folder.path().join(&case.name);
        std::fs::write(&file, &case.text).expect("written");
        let answer = cluster.kubectl(&["create", "--dry-run=server", "--filename", &file.to_string_lossy()]);
        assert_eq!(answer.is_ok(), case.accepted, "{}: {answer:?}", case.name);
    }
}

#[test]
fn an_api_server_agrees_with_validate() {
    let Some(cluster) = Cluster::of_environment() else { return };
    let (Some(helm), Some(kubeconform)) = (helm(HELM_4), kubeconform()) else { return };
    let definition = repository().join(SEALED_SECRETS).to_string_lossy().into_owned();
    cluster.kubectl(&["apply", "--filename", &definition]).expect("the definition is applied");
    let established = ["wait", "--for=condition=Established", "--timeout=60s", "--filename", &definition];
    cluster.kubectl(&established).expect("the definition is established");

    // With schemas from this API server, all kinds have a schema.
    let cases = cases();
    let bench = workspace(&cases, "ServerSideApply=true");
    let kubeconfig = cluster.kubeconfig.to_string_lossy().into_owned();
    let schemas = bench
        .xtask(&format!("schemas --from-cluster --kubeconfig {kubeconfig}"))
        .helm(&helm)
        .env("XTASK_KUBECTL", &cluster.kubectl)
        .run();
    schemas.says(1, &["the API server does not serve `apps/v1beta1/Deployment`", "Wrote schemas/kubernetes.toml"]);
    compare(&cases, &findings(&bench, &helm, &kubeconform));

    let folder = tempfile::tempdir().expect("temporary directory");
    let files: Vec<(PathBuf, String)> = cases
        .iter()
        .map(|case| {
            let path = folder.path().join(format!("{}.yaml", case.name));
            std::fs::write(&path, &case.text).expect("written");
            (path, "default".to_owned())
        })
        .collect();
    let mut wrong = Vec::new();
    for (case, answer) in cases.iter().zip(cluster.apply(&files, &[])) {
        if answer.is_ok() != case.accepted {
            wrong.push(format!("{}: the API server answered {answer:?}", case.name));
        }
    }
    // Rejected objects need no second request, and stricter ones may differ with server-side apply.
    let (remaining, files): (Vec<_>, Vec<_>) = cases
        .iter()
        .zip(files)
        .filter(|(case, _)| case.accepted && (case.codes.is_empty() || !case.server_side))
        .unzip();
    for (case, answer) in remaining.iter().zip(cluster.apply(&files, &["--server-side"])) {
        if answer.is_ok() != case.server_side && !NULLS.contains(&case.name.as_str()) {
            wrong.push(format!("{}: with server-side apply, the API server answered {answer:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_api_server_accepts_everything_that_this_repository_renders() {
    let Some(cluster) = Cluster::of_environment() else { return };
    let definition = repository().join(SEALED_SECRETS).to_string_lossy().into_owned();
    cluster.kubectl(&["apply", "--filename", &definition]).expect("the definition is applied");
    let unchecked = std::fs::read_to_string(repository().join("charts.toml")).expect("text");
    let mut files = Vec::new();
    for (path, bytes) in crate::support::tree(&repository().join("tests/golden")) {
        let text = String::from_utf8(bytes).expect("text");
        let document = yaml::parse_one(&Source::new("golden", &text));
        let Ok(document) = document else { continue };
        let get = |key: &str| document.root.get(key).and_then(Node::as_str).unwrap_or_default();
        let kind = format!("\"{}/{}\"", get("apiVersion"), get("kind"));
        if path.extension().is_none_or(|end| end != "yaml") || unchecked.contains(&kind) {
            continue;
        }
        let application = path.iter().next().expect("an application").to_string_lossy().into_owned();
        let metadata = document.root.get("metadata").expect("metadata");
        let namespace = metadata.get("namespace").and_then(Node::as_str).map_or(application, str::to_owned);
        files.push((repository().join("tests/golden").join(path), namespace));
    }
    let namespaces: BTreeSet<&str> = files.iter().map(|(_, namespace)| namespace.as_str()).collect();
    for namespace in namespaces {
        if let Err(what) = cluster.kubectl(&["create", "namespace", namespace]) {
            assert!(what.contains("AlreadyExists"), "{what}");
        }
        // The API server rejects pods until the controller manager has created the account.
        let wait = ["wait", "--for=create", "serviceaccount/default", "--namespace", namespace, "--timeout=60s"];
        cluster.kubectl(&wait).expect("the namespace has its default service account");
    }
    assert!(files.len() > 50);
    let answers = files.iter().zip(cluster.apply(&files, &[]));
    let wrong: Vec<_> = answers.filter_map(|((file, _), answer)| Some((file, answer.err()?))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");

    let bench = Bench::new();
    let kubeconfig = cluster.kubeconfig.display();
    let check = format!("schemas --check --from-cluster --kubeconfig {kubeconfig} --root {}", repository().display());
    bench.xtask(&check).env("XTASK_KUBECTL", &cluster.kubectl).run().says(0, &["kinds in use"]);
}
