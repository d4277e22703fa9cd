//! `cargo xtask new`, as far as fixtures cannot test it: locks with timestamps, several runs, and kills.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{Answer, Bench, HELM_4, helm, repository, tree};

const CONFIG: &str = "repository = \"https://git.example.org/home.git\"\n\n[argocd]\nversion = \"3.5\"\n\n[kubernetes]\nversion = \"1.34.11\"\n";

const UMBRELLA: &str = "new cache --dependency store@1.2.3 --repository https://charts.example.com";

/// An empty workspace, and a mirror that contains a chart with the given values and template.
fn bench(values: &str, template: &str) -> Bench {
    let bench = Bench::new();
    bench.write("charts.toml", CONFIG);
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let chart = "apiVersion: v2\nname: store\nversion: 1.2.3\nappVersion: \"9.8\"\n";
    for (path, text) in [("Chart.yaml", chart), ("values.yaml", values), ("templates/all.yaml", template)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("store/{path}"), text.as_bytes()).expect("in memory");
    }
    let archive = builder.into_inner().expect("in memory").finish().expect("in memory");
    fs::create_dir(bench.base().join("mirror")).expect("created");
    fs::write(bench.base().join("mirror/store-1.2.3.tgz"), archive).expect("written");
    bench
}

fn run(bench: &Bench, helm: &Path, args: &str) -> Answer {
    bench.xtask(args).helm(helm).env("XTASK_CHART_MIRROR", bench.base().join("mirror")).run()
}

fn read(bench: &Bench, path: &str) -> String {
    fs::read_to_string(bench.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Asserts that all goldens are recorded and that no check finds anything.
#[track_caller]
fn assert_clean(bench: &Bench, helm: &Path) {
    run(bench, helm, "render").says(0, &["targets: 2 fresh"]);
    let lint = run(bench, helm, "lint");
    lint.says(0, &["nothing found"]);
    assert!(!lint.stderr.contains("error") && !lint.stderr.contains("warning"), "{lint}");
    // Also without the cache of renders.
    run(bench, helm, "render --force").says(0, &["2 targets: 2 unchanged"]);
    run(bench, helm, "argocd list").says(0, &[" 2        fresh\n"]);
}

#[test]
fn a_new_chart_passes_every_check() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = bench("", "");
    run(&bench, &helm, "new blog --offline").says(0, &["created charts/blog/values.yaml\n"]);
    assert_clean(&bench, &helm);
    let before = tree(&bench.root());
    run(&bench, &helm, "new blog").says(2, &["name-taken", "charts/blog", "images/blog", "tests/golden/blog"]);
    assert_eq!(tree(&bench.root()), before, "a second run must change nothing");
}

#[test]
fn the_schema_of_a_new_chart_rejects_invalid_values() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = bench("", "");
    run(&bench, &helm, "new blog").says(0, &[]);
    for wrong in [
        "replica: 2\n",
        "image: {tag: latest}\n",
        "containerPort: 80\n",
        "env: {PORT: '1'}\n",
        "networkPolicy: {ingressFrom: []}\n",
    ] {
        bench.write("charts/blog/ci/wrong-values.yaml", wrong);
        let answer = run(&bench, &helm, "render blog/wrong");
        answer.says(2, &["helm-refused"]);
    }
}

#[test]
fn the_project_of_an_umbrella_chart_allows_exactly_what_it_renders() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = bench(
        "podAnnotations: {}\n",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: store-reader\n---\n\
         apiVersion: apps/v1\nkind: DaemonSet\nmetadata:\n  name: store\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata:\n      labels: {a: b}\n      annotations: {{ .Values.podAnnotations | toJson }}\n    spec:\n      hostNetwork: true\n      containers: [{name: store, image: registry.example.com/store:9.8}]\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: store, namespace: elsewhere}\n",
    );
    let config = read(&bench, "charts.toml");
    run(&bench, &helm, UMBRELLA)
        .says(0, &["created charts/cache/Chart.lock\n", "changed charts.lock\n", "changed charts.toml: "]);
    // The object in another namespace is accepted in charts.toml, where a reviewer sees it.
    let silence = "[[suppress]]\ncheck = \"namespace-mismatch\"\ntarget = \"cache\"\nreason = \"The chart store sets the namespace of ConfigMap store itself; argocd/projects/cache.yaml allows that namespace.\"\n";
    assert_eq!(read(&bench, "charts.toml"), format!("{config}\n{silence}"));
    assert_clean(&bench, &helm);
    assert!(
        read(&bench, "charts.lock")
            .contains("name = \"store\"\nversion = \"1.2.3\"\nrepository = \"https://charts.example.com\"\n")
    );
    let chart = read(&bench, "charts/cache/Chart.yaml");
    assert!(chart.contains("appVersion: \"9.8\"\n") && chart.contains("    version: 1.2.3\n"), "{chart}");
    assert!(read(&bench, "charts/cache/Chart.lock").contains("repository: https://charts.example.com\n"));
    assert!(
        read(&bench, "charts/cache/ci/values-values.yaml")
            .ends_with("store:\n  podAnnotations: {example.com/case: values}\n")
    );
    let application = read(&bench, "argocd/applications/cache.yaml");
    let level = "        # No stricter level, because DaemonSet store violates baseline: `spec.template.spec.hostNetwork: true`.\n        pod-security.kubernetes.io/enforce: privileged\n";
    assert!(application.contains(level) && application.contains("  finalizers:\n"), "{application}");
    let project = read(&bench, "argocd/projects/cache.yaml");
    for allowed in [
        "      namespace: cache\n",
        "      namespace: elsewhere\n",
        "      kind: ClusterRole\n      name: store-reader\n",
    ] {
        assert!(project.contains(allowed), "{project}");
    }
    assert!(!project.contains("DaemonSet"), "{project}");
}

#[test]
fn an_umbrella_chart_with_definitions_has_no_finalizer() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = bench(
        "replicaCount: 1\n",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: things.example.com\nspec:\n  group: example.com\n  scope: Cluster\n  names: {kind: Thing, plural: things}\n  versions: []\n---\n\
         apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: one}\nspec: {replicas: {{ .Values.replicaCount }}}\n",
    );
    run(&bench, &helm, UMBRELLA).says(0, &[]);
    assert_clean(&bench, &helm);
    assert!(!read(&bench, "argocd/applications/cache.yaml").contains("finalizers:"));
    let project = read(&bench, "argocd/projects/cache.yaml");
    assert!(project.contains("      kind: Thing\n      name: one\n"), "{project}");
}

#[test]
fn a_failed_run_leaves_the_workspace_unchanged() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = bench("", "{{ fail \"set a password\" }}");
    let before = tree(&bench.root());
    let unchanged = |answer: &Answer| assert_eq!(tree(&bench.root()), before, "{answer}");
    // The chart has required values.
    let answer = run(&bench, &helm, UMBRELLA);
    unchanged(answer.says(2, &["helm-refused", "set a password"]));
    // The mirror does not contain this version.
    let answer = run(&bench, &helm, &UMBRELLA.replace("1.2.3", "1.2.4"));
    unchanged(answer.says(3, &["dependency-unavailable", "1.2.4"]));
    // The network may not be used.
    let answer = bench.xtask(&format!("{UMBRELLA} --offline")).helm(&helm).run();
    unchanged(answer.says(3, &["dependency-unavailable", "--offline"]));
    // The repository is unreachable.
    let answer = bench.xtask(&UMBRELLA.replace("https://charts.example.com", "http://127.0.0.1:9")).helm(&helm).run();
    unchanged(answer.says(3, &["dependency-unavailable"]));
}

#[test]
fn a_killed_run_leaves_only_the_staging_directory() {
    let bench = bench("", "");
    let script = format!("touch {}; sleep 30", bench.base().join("started").display());
    let slow = bench.stub(&script);
    let before = tree(&bench.root());
    let mut child = bench.xtask("new blog").helm(&slow).spawn();
    let begun = Instant::now();
    while !bench.base().join("started").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "helm did not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let seen: BTreeMap<PathBuf, Vec<u8>> =
        tree(&bench.root()).into_iter().filter(|(path, _)| !path.starts_with(".xtask-new")).collect();
    assert_eq!(seen, before);
    let Some(helm) = helm(HELM_4) else { return };
    run(&bench, &helm, "new other").says(0, &[]);
    assert!(!bench.root().join(".xtask-new").exists() && !bench.root().join("charts/blog").exists());
}

/// `new` works in this repository itself and changes no existing file.
#[test]
fn new_works_in_this_repository() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = Bench::new();
    for part in ["argocd", "charts", "images", "tests/golden", "charts.toml", "charts.lock", "tools.lock"] {
        let (from, to) = (repository().join(part), bench.root().join(part));
        if from.is_dir() {
            crate::support::copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("copied");
        }
    }
    let before = tree(&bench.root());
    bench.xtask("new blog").helm(&helm).run().says(0, &[]);
    let mut after = tree(&bench.root());
    after.retain(|path, _| !path.to_string_lossy().contains("blog"));
    assert_eq!(after, before, "existing files must not change");
    bench.xtask("render blog").helm(&helm).run().says(0, &["2 targets: 2 fresh"]);
    bench.xtask("lint blog").helm(&helm).run().says(0, &["nothing found"]);
}
