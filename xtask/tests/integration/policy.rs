//! Policy checkers on both sides of a change: stubs, and kube-linter with `--ignored`.

use std::fs;
use std::path::Path;

use diagnostics::Code;
use xtask::policy;

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
spec:
  containers:
    - name: web
      image: registry.example.com/web:1.2.3
";

/// A folder with a Pod in the layout of tests/golden on each side.
fn sides(base: &str, head: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("temporary directory");
    for (side, text) in [("base", base), ("head", head)] {
        let folder = root.path().join(side).join("web/default");
        fs::create_dir_all(&folder).expect("created");
        fs::write(folder.join("pod-web.yaml"), text).expect("written");
    }
    root
}

fn compare(command: &str, root: &Path) -> diagnostics::Result<policy::Comparison> {
    policy::compare(command, root, &root.join("base"), &root.join("head"))
}

#[test]
#[ignore = "requires kube-linter on PATH, which is not among the pinned tools"]
fn kube_linter_reports_what_a_change_violates() {
    let command = "kube-linter lint --format json";
    let root = sides(POD, &POD.replace(":1.2.3", ":latest"));
    let comparison = compare(command, root.path()).expect("compared");
    let new: Vec<&str> = comparison.new.iter().map(|one| one.rule.as_str()).collect();
    assert_eq!(new, ["latest-tag"], "{comparison:?}");
    assert!(!comparison.existing.is_empty() && comparison.fixed.is_empty(), "{comparison:?}");
    let findings = policy::findings(command, &comparison);
    let found = &findings.0[0];
    assert_eq!(found.code, Code::PolicyViolated);
    assert!(
        found.message.starts_with("kube-linter: new violation `latest-tag` of Pod shop/web: "),
        "{}",
        found.message
    );
    assert_eq!(found.places[0].0.source.name, "tests/golden/web/default/pod-web.yaml");
    // The same findings, in another format.
    let sarif = compare("kube-linter lint --format sarif", root.path()).expect("compared");
    assert_eq!(sarif.new.len(), 1, "{sarif:?}");
    // A mistake in its configuration is not a clean result.
    let found = compare("kube-linter lint --format json --include no-such-check", root.path()).expect_err("an error");
    assert_eq!(found.0[0].code, Code::PolicyFailed);
}

#[test]
fn a_checker_that_fails_on_one_side_is_an_error() {
    let root = sides(POD, POD);
    let found = compare("case {} in */head) exit 3 ;; esac; :", root.path()).expect_err("an error");
    assert_eq!(found.0[0].code, Code::PolicyFailed);
    assert!(found.0[0].message.ends_with("exited with code 3 and printed nothing"), "{found:?}");
}

#[test]
fn paths_of_the_sides_do_not_make_differences() {
    let root = sides(POD, &format!("{POD}\n"));
    let comparison = compare("find {} -type f; false", root.path()).expect("compared");
    assert_eq!((comparison.new.len(), comparison.existing.len()), (0, 1), "{comparison:?}");
}
