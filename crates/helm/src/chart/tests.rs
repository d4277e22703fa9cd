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
        ]
    );
}

#[test]
fn a_misspelled_required_field_is_marked() {
    let error = chart("apiVersion: v2\nname: x\nversoin: 1.0.0\n").expect_err("misspelled");
    let found = &error.0[0];
    assert_eq!(
        (found.places[0].0.to_string().as_str(), found.message.as_str()),
        ("Chart.yaml:3:1", "`version` is required")
    );
    assert_eq!(found.helps, ["did you mean `version`?"]);
    // `home` is another field, although it resembles `name`.
    let error = chart("apiVersion: v2\nhome: x\nversion: 1.0.0\n").expect_err("missing");
    assert_eq!(error.0[0].places[0].0.to_string(), "Chart.yaml:1:1");
}

#[test]
fn duplicate_dependencies_are_rejected() {
    let error = chart(&format!("{HEAD}dependencies:\n- name: a\n- name: b\n  alias: a\n")).expect_err("duplicate");
    assert_eq!(error.0[0].message, "duplicate dependency `a`");
}

#[test]
fn older_charts_have_requirements() {
    // Helm 4.2.1 generated the lock.
    let root = tempfile::tempdir().expect("temporary directory");
    let write = |name: &str, text: &str| std::fs::write(root.path().join(name), text).expect("written");
    write("Chart.yaml", "apiVersion: v1\nname: a\nversion: 1.0.0\n");
    let requirements = "dependencies:\n- name: dep\n  version: 1.0.0\n  repository: \"file://../d\"\n  alias: al\n";
    write("requirements.yaml", requirements);
    let lock = "dependencies:\n- name: dep\n  repository: file://../d\n  version: 1.0.0\n\
                digest: sha256:2d3869bee82450c02e41049984d187cb3ac21fd753571c9647d3be8ab5ac5acd\n";
    let load = || Chart::load(root.path(), root.path()).expect("valid");
    let chart = load();
    assert_eq!((chart.dependencies_file(), chart.lock_file()), ("requirements.yaml", "requirements.lock"));
    assert_eq!(chart.dependencies[0].alias, "al");
    write("requirements.lock", lock);
    assert!(load().lock_matches());
    let old = load().helm_2_digest();
    write("requirements.lock", &format!("{}digest: {old}\n", lock.split("digest").next().expect("before")));
    assert!(load().lock_matches());
    write("requirements.yaml", &requirements.replace("al", "other"));
    assert!(!load().lock_matches());
    write("requirements.yaml", "# none\n");
    assert!(Chart::load(root.path(), root.path()).is_err(), "not a mapping");
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
