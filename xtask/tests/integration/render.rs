//! `render` over several runs and in different directories. Fixtures cover single runs.

use crate::support::{Bench, HELM_3, HELM_4, helm};

#[test]
fn a_fresh_run_writes_nothing_and_starts_nothing() {
    let bench = Bench::of("render-fresh");
    std::fs::remove_dir_all(bench.cache()).expect("removed");
    // A started process would leave files in its temporary directory or home, and PATH has no helm.
    bench.xtask("render").env("XTASK_HELM", "/bin/false").env("PATH", "/nowhere").run().says(0, &["1 target: 1 fresh"]);
    assert!(!bench.cache().exists(), "a fresh run must not use the cache");
    assert!(bench.left_over().is_empty());
}

#[test]
fn the_workspace_is_found_from_a_subdirectory_and_by_root() {
    let bench = Bench::of("render-fresh");
    let mut inside = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = inside.arg("render").current_dir(bench.root().join("charts/web/templates")).output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let bench = Bench::of("error-no-workspace");
    let fresh = crate::support::repository().join("tests/fixtures/bases/recorded");
    bench.xtask(&format!("render --root {}", fresh.display())).run().says(0, &["1 target: 1 fresh"]);
}

#[test]
fn both_helm_versions_render_the_same() {
    let (Some(four), Some(three)) = (helm(HELM_4), helm(HELM_3)) else { return };
    // Fixtures whose output could differ but does not. `argocd-3.4-differs` is one whose output differs.
    for fixture in ["app-crds", "app-hooks", "app-nulls", "app-parameters", "app-values-object"] {
        let bench = Bench::of(fixture);
        bench.xtask("render --accept").helm(&four).run().says(0, &[]);
        let lock = bench.goldens();
        bench.xtask("render --argocd 3.4").helm(&three).run().says(0, &["1 target: 1 unchanged"]);
        assert!(bench.goldens() == lock, "{fixture}: `--argocd` must record nothing");
        // The target is not fresh either, because its goldens were recorded with the other helm.
        bench.xtask("render --argocd 3.4 --offline").run().says(3, &["tool-unavailable", HELM_3]);
    }
}

#[test]
fn the_output_is_deterministic() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = Bench::of("error-one-of-three");
    let first = bench.xtask("render --force --jobs 1").helm(&helm).run();
    for _ in 0..5 {
        let again = bench.xtask("render --force --jobs 8").helm(&helm).run();
        assert_eq!((&again.stdout, &again.stderr), (&first.stdout, &first.stderr));
    }
}

#[test]
fn color_is_used_only_on_request() {
    let bench = Bench::of("render-fresh");
    let plain = bench.xtask("render").run();
    assert!(!plain.stdout.contains('\u{1b}') && !plain.stderr.contains('\u{1b}'), "{plain}");
    let colored = bench.xtask("render --color always").run();
    assert!(colored.stdout.contains('\u{1b}') && colored.stderr.contains('\u{1b}'), "{colored}");
}

#[test]
fn secret_fingerprints_depend_on_the_machine() {
    let Some(helm) = helm(HELM_4) else { return };
    let output = |bench: &Bench| bench.xtask("render").helm(&helm).run().stdout;
    let bench = Bench::of("render-secret-added");
    let first = output(&bench);
    assert_eq!(output(&bench), first);
    // A cache without a key gets a new one, which persists and is readable only by its owner.
    let key = bench.cache().join("fingerprint.key");
    std::fs::remove_file(&key).expect("removed");
    let other = output(&bench);
    assert_ne!(other, first);
    assert_eq!(output(&bench), other);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).expect("created").permissions());
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
