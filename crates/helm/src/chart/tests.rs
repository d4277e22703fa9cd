//! Charts, and the digest of their dependencies.

use super::*;

fn chart(text: &str) -> Result<Chart> {
    Chart::parse(&Source::new("Chart.yaml", text), PathBuf::from("/w/charts/x"), "charts/x".to_owned())
}

fn locked(chart_text: &str, lock_text: &str) -> Chart {
    let mut chart = chart(chart_text).expect("Chart.yaml");
    chart.lock = Some(ChartLock::parse(&Source::new("Chart.lock", lock_text)).expect("Chart.lock"));
    chart
}

const HEAD: &str = "apiVersion: v2\nname: x\nversion: 0.1.0\n";

#[test]
fn computes_helms_digest() {
    // Helm 4.2.1 generated both digests.
    let plain = locked(
        &format!(
            "{HEAD}dependencies:\n- {{name: sealed-secrets, version: 2.19.1, repository: \"https://bitnami.github.io/sealed-secrets\"}}\n"
        ),
        "dependencies:\n- name: sealed-secrets\n  repository: https://bitnami.github.io/sealed-secrets\n  version: 2.19.1\n\
         digest: sha256:a3411bb61935d9d3f83b2ff6c1230a9a25a500524eb1f809b8cfff5343c2a3fd\ngenerated: \"2026-11-23T08:39:11Z\"\n",
    );
    assert!(plain.lock_matches());
    let other = locked(
        &format!(
            "{HEAD}dependencies:\n- {{name: sealed-secrets, version: 2.19.0, repository: \"https://bitnami.github.io/sealed-secrets\"}}\n"
        ),
        "dependencies:\n- name: sealed-secrets\n  repository: https://bitnami.github.io/sealed-secrets\n  version: 2.19.1\n\
         digest: sha256:a3411bb61935d9d3f83b2ff6c1230a9a25a500524eb1f809b8cfff5343c2a3fd\ngenerated: \"2026-11-23T08:39:11Z\"\n",
    );
    assert!(!other.lock_matches());
}

#[test]
fn json_is_like_gos() {
    let chart = chart(&format!(
        "{HEAD}dependencies:\n- name: a\n  version: '>=1 <2'\n  repository: https://x/?a&b\n  alias: b\n  condition: a.enabled\n  \
         tags: [t]\n  enabled: true\n  import-values: [data, {{parent: p, child: c}}]\n- name: c\n"
    ))
    .expect("Chart.yaml");
    assert_eq!(
        go_list(Some(&chart.dependencies)),
        r#"[{"name":"a","version":"\u003e=1 \u003c2","repository":"https://x/?a\u0026b","condition":"a.enabled","tags":["t"],"enabled":true,"import-values":["data",{"child":"c","parent":"p"}],"alias":"b"},{"name":"c","repository":""}]"#
    );
    assert_eq!(go_list(None), "null");
}

#[test]
fn numbers_are_strings_and_unknown_fields_are_ignored() {
    let chart = chart("apiVersion: v2\nname: x\nversion: 1\nhome: 5\nunknown: [1]\n").expect("Chart.yaml");
    assert_eq!((chart.name.as_str(), chart.version.as_str()), ("x", "1"));
}

#[test]
fn wrong_types_are_reported() {
    let error = chart("name: [x]\ndependencies:\n- name: a\n  tags: t\n- 5\n").expect_err("wrong");
    let reported: Vec<String> =
        error.0.iter().map(|found| format!("{} {}", found.places[0].0, found.message)).collect();
    assert_eq!(
        reported,
        [
            "Chart.yaml:1:7 `name` must be a string",
            "Chart.yaml:1:1 `version` is required",
            "Chart.yaml:4:9 `dependencies[0].tags` must be a list",
            "Chart.yaml:5:3 `dependencies[1]` must be a mapping",
            "Chart.yaml:3:3 `dependencies` requires `apiVersion: v2`",
        ]
    );
}

#[test]
fn duplicate_dependencies_are_rejected() {
    let error = chart(&format!("{HEAD}dependencies:\n- name: a\n- name: b\n  alias: a\n")).expect_err("duplicate");
    assert_eq!(error.0[0].message, "duplicate dependency `a`");
}

#[test]
fn requirements_yaml_is_rejected() {
    let root = tempfile::tempdir().expect("temporary directory");
    std::fs::write(root.path().join("Chart.yaml"), "name: x\nversion: 0.1.0\n").expect("written");
    std::fs::write(root.path().join("requirements.yaml"), "dependencies: []\n").expect("written");
    let error = Chart::load(root.path(), root.path()).expect_err("rejected");
    assert!(error.0[0].message.contains("requirements.yaml` is not supported"), "{error:?}");
}

#[test]
fn exact_versions_are_distinguished_from_constraints() {
    for exact in ["1.2.3", "v1.2.3", "1.2.3-rc.1", "1.2.3+build.5"] {
        assert!(is_exact(exact), "{exact}");
    }
    for range in ["1.2", "^1.2.3", "1.2.x", ">=1.2.3", "1.2.3 - 2.0.0", "", "*", "1.2.3 || 2.0.0"] {
        assert!(!is_exact(range), "{range}");
    }
}
