//! `render` over several runs, and where it is run. One run each is in the fixtures.

use crate::support::{Bench, HELM_3, HELM_4, helm};

#[test]
fn a_fresh_run_writes_nothing_and_starts_nothing() {
    let bench = Bench::of("render-fresh");
    std::fs::remove_dir_all(bench.cache()).expect("removed");
    // Whatever is started writes into its temporary folder or its home, and a helm would have to be looked for.
    bench.xtask("render").env("XTASK_HELM", "/bin/false").env("PATH", "/nowhere").run().says(0, &["1 target: 1 fresh"]);
    assert!(!bench.cache().exists(), "a fresh run has no use for the cache");
    assert!(bench.left_over().is_empty());
}

#[test]
fn the_workspace_is_found_from_within_and_by_name() {
    let bench = Bench::of("render-fresh");
    let mut inside = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = inside.arg("render").current_dir(bench.root().join("charts/web/templates")).output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let bench = Bench::of("error-no-workspace");
    let fresh = crate::support::repository().join("tests/fixtures/bases/recorded");
    bench.xtask(&format!("render --root {}", fresh.display())).run().says(0, &["1 target: 1 fresh"]);
}

#[test]
fn both_helms_render_alike() {
    let (Some(four), Some(three)) = (helm(HELM_4), helm(HELM_3)) else { return };
    // Fixtures in which something could differ, and does not; `argocd-3.4-differs` is one in which something does.
    for fixture in ["app-crds", "app-hooks", "app-nulls", "app-parameters", "app-values-object"] {
        let bench = Bench::of(fixture);
        bench.xtask("render --accept").helm(&four).run().says(0, &[]);
        let lock = bench.goldens();
        bench.xtask("render --argocd 3.4").helm(&three).run().says(0, &["1 target: 1 unchanged"]);
        assert!(bench.goldens() == lock, "{fixture}: another Argo CD records nothing");
        // Nor is it fresh: what is recorded is of the other helm.
        bench.xtask("render --argocd 3.4 --offline").run().says(3, &["tool-unavailable", HELM_3]);
    }
}

#[test]
fn two_runs_tell_the_same() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = Bench::of("error-one-of-three");
    let first = bench.xtask("render --jobs 1").helm(&helm).run();
    for _ in 0..5 {
        let again = bench.xtask("render --jobs 8").helm(&helm).run();
        assert_eq!((&again.stdout, &again.stderr), (&first.stdout, &first.stderr));
    }
}

#[test]
fn colour_is_only_where_it_is_asked_for() {
    let bench = Bench::of("render-fresh");
    let plain = bench.xtask("render").run();
    assert!(!plain.stdout.contains('\u{1b}') && !plain.stderr.contains('\u{1b}'), "{plain}");
    let coloured = bench.xtask("render --color always").run();
    assert!(coloured.stdout.contains('\u{1b}') && coloured.stderr.contains('\u{1b}'), "{coloured}");
}

#[test]
fn secrets_have_one_fingerprint_on_one_machine_and_another_on_the_next() {
    let Some(helm) = helm(HELM_4) else { return };
    let told = |bench: &Bench| bench.xtask("render").helm(&helm).run().stdout;
    let bench = Bench::of("render-secret-added");
    let first = told(&bench);
    assert_eq!(told(&bench), first);
    // A cache without a key gets one of its own, which stays, and which nobody else may read.
    let key = bench.cache().join("fingerprint.key");
    std::fs::remove_file(&key).expect("removed");
    let other = told(&bench);
    assert_ne!(other, first);
    assert_eq!(told(&bench), other);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).expect("made").permissions());
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
