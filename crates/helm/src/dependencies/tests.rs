//! End-to-end tests: small workspaces, a Helm repository on the loopback address, and the pinned Helm.

mod updates;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use toolbox::environment::Mirror;

use super::loopback::{Loopback, repository};
use super::testing::{Workspace, chart_archive, config_map, digest, helm, messages, packed, registry, render, served};
use crate::dependencies::*;

const CHART: &str = "charts/x";

/// A Chart.yaml with one dependency.
fn chart_yaml(name: &str, version: &str, url: &str) -> String {
    format!(
        "apiVersion: v2\nname: x\nversion: 0.1.0\ndependencies:\n  - name: {name}\n    version: {version:?}\n    repository: {url}\n"
    )
}

fn remote(version: &str, url: &str) -> Workspace {
    Workspace::new(&[("charts/x/Chart.yaml", &chart_yaml("dep", version, url))])
}

/// Updates everything that some charts need.
fn update(root: &Path, charts: &[&Chart], complete: bool, context: &Context<'_>) -> Result<Updated> {
    crate::dependencies::update(root, &Request { charts, wanted: &[], names: &[], complete }, context)
}

fn requests(server: &Loopback) -> usize {
    server.requests.lock().expect("log").len()
}

fn mirror_folder(workspace: &Workspace) -> Mirror {
    Mirror::Folder(workspace.path("mirror"))
}

fn refused(result: Result<impl std::fmt::Debug>) -> Diagnostics {
    result.expect_err("refused")
}

const URL: &str = "https://charts.example.org";

#[test]
fn a_pinned_archive_comes_from_the_mirror_folder_and_then_from_the_cache() {
    let archive = chart_archive("dep", "1.0.0", "one");
    let workspace = remote("1.0.0", URL);
    workspace.pin(&[("dep", "1.0.0", URL, &archive)]);
    workspace.write("mirror/deep/er/dep-1.0.0.tgz", &archive);
    let (before, diagnostics) = workspace.inspect(CHART);
    assert!(diagnostics.is_empty() && before.complete, "{diagnostics:?}");
    assert_eq!(before.absent().len(), 1);

    let mirror = mirror_folder(&workspace);
    let prepared = workspace.without_helm(Some(&mirror), |context| prepare(&workspace.chart(CHART), &before, context));
    assert_eq!(prepared.expect("prepared").directory, workspace.path(CHART));
    let (after, _) = workspace.inspect(CHART);
    assert!(after.absent().is_empty());
    assert_eq!(before.inputs(), after.inputs());
    assert_eq!(after.inputs()["dep"], digest(&archive));

    std::fs::remove_dir_all(workspace.path("charts/x/charts")).expect("removed");
    std::fs::remove_dir_all(workspace.path("mirror")).expect("removed");
    let again = workspace.without_helm(Some(&mirror), |context| prepare(&workspace.chart(CHART), &before, context));
    again.expect("from the cache");
    assert_eq!(std::fs::read(workspace.path("charts/x/charts/dep-1.0.0.tgz")).expect("there"), archive);
}

#[test]
fn a_corrupt_cache_entry_is_replaced() {
    let archive = chart_archive("dep", "1.0.0", "one");
    let workspace = remote("1.0.0", URL);
    workspace.pin(&[("dep", "1.0.0", URL, &archive)]);
    let hex = digest(&archive).replace("tree-sha256:", "");
    let cached = format!("cache/charts/{hex}/dep-1.0.0.tgz");
    workspace.write(&cached, &chart_archive("dep", "1.0.0", "other"));
    workspace.write("mirror/dep-1.0.0.tgz", &archive);
    let mirror = mirror_folder(&workspace);
    let (inspection, _) = workspace.inspect(CHART);
    workspace
        .without_helm(Some(&mirror), |context| prepare(&workspace.chart(CHART), &inspection, context))
        .expect("from the mirror");
    assert_eq!(std::fs::read(workspace.path(&cached)).expect("replaced"), archive);
}

#[test]
fn a_mirror_without_the_archive_or_with_a_different_one_is_an_error() {
    let workspace = remote("1.0.0", URL);
    workspace.pin(&[("dep", "1.0.0", URL, &chart_archive("dep", "1.0.0", "one"))]);
    workspace.write("mirror/dep-1.0.1.tgz", b"");
    let mirror = mirror_folder(&workspace);
    let (inspection, _) = workspace.inspect(CHART);
    let fails = || {
        refused(workspace.without_helm(Some(&mirror), |context| prepare(&workspace.chart(CHART), &inspection, context)))
    };
    let missing = fails();
    assert_eq!(missing.0[0].code, Code::DependencyUnavailable);
    assert!(missing.0[0].message.ends_with("mirror` does not contain `dep-1.0.0.tgz`"), "{missing:?}");

    let before = workspace.files();
    for wrong in [chart_archive("dep", "1.0.0", "two"), chart_archive("dep", "1.0.1", "one"), b"no archive".to_vec()] {
        workspace.write("mirror/dep-1.0.0.tgz", &wrong);
        assert_eq!(fails().0[0].code, Code::ArchiveTampered);
        std::fs::remove_file(workspace.path("mirror/dep-1.0.0.tgz")).expect("removed");
        assert_eq!(workspace.files(), before, "nothing must be written");
    }
    std::fs::remove_dir_all(workspace.path("mirror")).expect("removed");
    assert!(fails().0[0].message.ends_with("mirror` is not a directory"));
}

#[test]
fn offline_does_not_use_the_network() {
    let workspace = remote("1.0.0", URL);
    workspace.pin(&[("dep", "1.0.0", URL, &chart_archive("dep", "1.0.0", "one"))]);
    let (inspection, _) = workspace.inspect(CHART);
    let error = refused(workspace.without_helm(None, |context| {
        prepare(&workspace.chart(CHART), &inspection, &Context { offline: true, ..*context })
    }));
    assert_eq!(error.0[0].code, Code::DependencyUnavailable);
    assert!(error.0[0].message.contains("--offline"), "{error:?}");
}

#[test]
fn subcharts_are_checked() {
    let archive = chart_archive("dep", "1.0.0", "one");
    let check = |files: &[(&str, &[u8])], expected: &[&str]| {
        let workspace = remote("1.0.0", URL);
        workspace.pin(&[("dep", "1.0.0", URL, &archive)]);
        for (path, bytes) in files {
            workspace.write(&format!("charts/x/charts/{path}"), bytes);
        }
        let (inspection, diagnostics) = workspace.inspect(CHART);
        assert_eq!(
            messages(&diagnostics),
            expected,
            "{files:?}",
            files = files.iter().map(|(path, _)| path).collect::<Vec<_>>()
        );
        assert!(inspection.complete || !diagnostics.is_empty());
    };
    let other = chart_archive("dep", "1.0.0", "two");
    let older = chart_archive("dep", "0.9.0", "one");
    let stray = chart_archive("stray", "1.0.0", "one");
    check(&[("dep-1.0.0.tgz", &archive)], &[]);
    check(&[("dep-1.0.0.tgz", &archive), (".hidden", b"x"), ("_ignored/x", b"x")], &[]);
    check(
        &[("dep-1.0.0.tgz", &other)],
        &["archive-tampered: `charts/x/charts/dep-1.0.0.tgz` differs from the `dep` 1.0.0 pinned in charts.lock"],
    );
    check(
        &[("dep-0.9.0.tgz", &older)],
        &["vendored-version: `charts/x/charts/dep-0.9.0.tgz` is dep 0.9.0, but Chart.yaml requires 1.0.0"],
    );
    check(
        &[("dep-1.0.0.tgz", &archive), ("dep-0.9.0.tgz", &older)],
        &["vendored-version: `charts/x/charts/dep-0.9.0.tgz` is dep 0.9.0, but Chart.yaml requires 1.0.0"],
    );
    check(
        &[("dep-1.0.0.tgz", &archive), ("copy.tgz", &archive)],
        &["vendored-version: `dep` is in `charts/x/charts` more than once"],
    );
    check(
        &[("dep-1.0.0.tgz", &stray)],
        &[
            "vendored-version: `charts/x/charts/dep-1.0.0.tgz` contains `stray` 1.0.0, which is not a declared dependency",
        ],
    );
    check(
        &[("dep/Chart.yaml", b"apiVersion: v2\nname: dep\nversion: 1.0.0\n")],
        &["vendored-drift: `charts/x/charts/dep` differs from the `dep` 1.0.0 pinned in charts.lock"],
    );
    check(
        &[
            ("dep/Chart.yaml", b"apiVersion: v2\nname: dep\nversion: 1.0.0\n"),
            ("dep/templates/map.yaml", config_map("one").as_bytes()),
        ],
        &[],
    );
}

#[test]
fn unlocked_dependencies_are_errors() {
    let check = |version: &str, expected: &[&str]| {
        let (inspection, diagnostics) = remote(version, URL).inspect(CHART);
        assert_eq!(messages(&diagnostics), expected);
        assert!(!inspection.complete);
    };
    check("1.0.0", &["dependency-unlocked: `dep` 1.0.0 is not pinned in charts.lock"]);
    check("^1.0", &["dependency-unlocked: the version range `^1.0` of `dep` is not locked"]);

    let workspace = remote("1.0.0", URL);
    workspace.write("charts/x/Chart.lock", b"dependencies: []\ndigest: sha256:0\ngenerated: \"\"\n");
    let (_, diagnostics) = workspace.inspect(CHART);
    assert_eq!(
        messages(&diagnostics),
        ["chart-lock-outdated: `charts/x/Chart.lock` does not match Chart.yaml: `dep` is not locked"]
    );
    for (name, repository, version, difference) in [
        ("dep", "https://old.example.org", "1.0.0", "the repository of `dep` differs"),
        ("dep", URL, "1.0.1", "the version of `dep` differs"),
        ("dep", URL, "1.0.0", "a field such as `version`, `alias`, `condition`, or `tags` changed"),
        ("other", URL, "1.0.0", "`dep` is not locked"),
    ] {
        let lock = format!(
            "dependencies:\n- name: {name}\n  repository: {repository}\n  version: {version}\ndigest: sha256:0\ngenerated: \"\"\n"
        );
        workspace.write("charts/x/Chart.lock", lock.as_bytes());
        let (_, diagnostics) = workspace.inspect(CHART);
        assert!(diagnostics.0[0].message.ends_with(difference), "{diagnostics:?}");
    }
}

#[test]
fn an_unpinned_folder_and_undeclared_charts_are_inputs() {
    let workspace = remote("^1.0", URL);
    workspace.write("charts/x/charts/dep/Chart.yaml", b"name: dep\nversion: 1.2.0\n");
    workspace.write("charts/x/charts/more/Chart.yaml", b"name: more\nversion: 1.0.0\n");
    let (inspection, diagnostics) = workspace.inspect(CHART);
    assert!(diagnostics.is_empty() && inspection.complete, "{diagnostics:?}");
    let before = inspection.inputs();
    assert_eq!(before.keys().collect::<Vec<_>>(), ["charts/more", "dep"]);
    workspace.write("charts/x/charts/dep/values.yaml", b"a: 1\n");
    workspace.write("charts/x/charts/more/values.yaml", b"a: 1\n");
    let after = workspace.inspect(CHART).0.inputs();
    assert!(before.iter().all(|(name, digest)| after[name] != *digest));
}

fn with_local(template: &str) -> Workspace {
    Workspace::new(&[
        ("charts/x/Chart.yaml", &chart_yaml("common", "1.x.x", "file://../../shared/common")),
        ("charts/x/templates/own.yaml", &config_map("own")),
        ("shared/common/Chart.yaml", "# a comment\napiVersion: v2\nname: common\nversion: 1.0.0\n"),
        ("shared/common/.helmignore", "ci/\n"),
        ("shared/common/ci/values.yaml", "a: 1\n"),
        ("shared/common/templates/map.yaml", &config_map(template)),
    ])
}

#[test]
fn a_local_dependency_is_packed_into_a_staged_copy() {
    let Some(helm) = helm() else { return };
    let workspace = with_local("from-the-source");
    let before = workspace.files();
    let (inspection, diagnostics) = workspace.inspect(CHART);
    assert!(diagnostics.is_empty() && inspection.complete, "{diagnostics:?}");
    let prepared = workspace
        .with(&helm, None, |context| {
            prepare(&workspace.chart(CHART), &inspection, &Context { offline: true, ..*context })
        })
        .expect("prepared");
    let staged = prepared.directory.clone();
    let rendered = render(&helm, &staged);
    assert!(rendered.contains("text: from-the-source") && rendered.contains("text: own"), "{rendered}");
    assert_eq!(workspace.files(), before, "the work tree must not change");
    drop(prepared);
    assert!(!staged.exists());

    // Argo CD runs `helm dependency build` in the chart itself and then renders; the result must be the same.
    let build = toolbox::process::Invocation::new(&helm, &workspace.path(CHART)).args(["dependency", "build"]);
    assert!(build.run().expect("helm runs").success());
    assert_eq!(render(&helm, &workspace.path(CHART)), rendered);

    // The archive that Helm packed is now a vendored copy, equal to its source until that is edited.
    let (vendored, diagnostics) = workspace.inspect(CHART);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    assert!(matches!(vendored.dependencies[0].state, State::Vendored { .. }));
    workspace.write("shared/common/templates/map.yaml", config_map("edited").as_bytes());
    let (vendored, diagnostics) = workspace.inspect(CHART);
    assert_eq!(
        messages(&diagnostics),
        ["vendored-drift: `charts/x/charts/common-1.0.0.tgz` differs from `shared/common`"]
    );
    assert_eq!(diagnostics.0[0].notes, ["templates/map.yaml"]);
    let prepared = workspace.without_helm(None, |context| prepare(&workspace.chart(CHART), &vendored, context));
    assert!(render(&helm, &prepared.expect("prepared").directory).contains("text: from-the-source"));
}

#[test]
fn a_local_dependency_is_inspected_without_helm() {
    let workspace = with_local("x");
    let digest = |workspace: &Workspace| workspace.inspect(CHART).0.inputs()["common"].clone();
    let before = digest(&workspace);
    workspace.write("shared/common/templates/map.yaml", config_map("y").as_bytes());
    assert_ne!(digest(&workspace), before);

    // A directory copied by hand, including ignored files, is not drift.
    for (path, bytes) in folder::read(&workspace.path("shared/common")).expect("read") {
        workspace.write(&format!("charts/x/charts/common/{path}"), &bytes);
    }
    assert!(workspace.inspect(CHART).1.is_empty());
    std::fs::remove_dir_all(workspace.path("shared")).expect("removed");
    assert_eq!(
        messages(&workspace.inspect(CHART).1),
        ["vendored-drift: the source `shared/common` of `charts/x/charts/common` does not exist"]
    );
    std::fs::remove_dir_all(workspace.path("charts/x/charts")).expect("removed");
    assert_eq!(
        messages(&workspace.inspect(CHART).1),
        ["chart-invalid: the source `shared/common` of `common` does not exist"]
    );
    workspace.write("charts/x/Chart.yaml", chart_yaml("common", "1.0.0", "file:///elsewhere/common").as_bytes());
    assert_eq!(
        messages(&workspace.inspect(CHART).1),
        ["chart-invalid: the source `/elsewhere/common` of `common` is outside the repository"]
    );
}

#[test]
fn a_source_that_helm_cannot_pack_is_a_chart_error() {
    let Some(helm) = helm() else { return };
    let workspace = with_local("x");
    workspace.write("charts/x/Chart.yaml", chart_yaml("common", "^2.0", "file://../../shared/common").as_bytes());
    let (inspection, _) = workspace.inspect(CHART);
    let chart = workspace.chart(CHART);
    let error = refused(workspace.with(&helm, None, |context| prepare(&chart, &inspection, context)));
    assert_eq!(messages(&error), ["chart-invalid: helm cannot pack `common` ^2.0"]);
}

#[test]
fn archives_downloaded_into_a_source_are_ignored() {
    let inner = chart_archive("inner", "1.0.0", "inner");
    let workspace = with_local("x");
    workspace.write(
        "shared/common/Chart.yaml",
        chart_yaml("inner", "1.0.0", URL).replace("name: x", "name: common").replace("0.1.0", "1.0.0").as_bytes(),
    );
    workspace.pin(&[("inner", "1.0.0", URL, &inner)]);
    let clean = workspace.inspect(CHART).0.inputs();
    workspace.write("shared/common/charts/inner-1.0.0.tgz", &inner);
    assert_eq!(workspace.inspect(CHART).0.inputs(), clean);
    let Some(helm) = helm() else { return };
    let (inspection, _) = workspace.inspect(CHART);
    let prepared = workspace.with(&helm, None, |context| prepare(&workspace.chart(CHART), &inspection, context));
    assert!(!render(&helm, &prepared.expect("prepared").directory).contains("text: inner"));
}

#[test]
fn a_missing_version_and_an_unreachable_repository_are_different_errors() {
    let Some(helm) = helm() else { return };
    let server = served(&[("dep-1.0.0.tgz", &chart_archive("dep", "1.0.0", "one"))]);
    let fails = |url: &str, mirror: Option<&Mirror>| {
        let workspace = remote("2.0.0", url);
        workspace.pin(&[("dep", "2.0.0", url, &chart_archive("dep", "2.0.0", "one"))]);
        let (inspection, _) = workspace.inspect(CHART);
        let chart = workspace.chart(CHART);
        let error = refused(workspace.with(&helm, mirror, |context| prepare(&chart, &inspection, context)));
        assert_eq!(error.0[0].code, Code::DependencyUnavailable);
        error.0[0].clone()
    };
    assert_eq!(fails(&server.url(), None).message, "the repository does not contain `dep` 2.0.0");
    let mirror = Mirror::Url(server.url());
    assert_eq!(
        fails(URL, Some(&mirror)).message,
        format!("the chart mirror `{}` does not contain `dep` 2.0.0", server.url())
    );

    // Nothing listens on a port that was just released.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr()).expect("a port").port();
    let unreachable = format!("http://127.0.0.1:{port}");
    let error = fails(&unreachable, None);
    assert_eq!(error.message, "`dep` 2.0.0 could not be downloaded");
    assert!(error.notes.concat().contains("connection refused"), "{error:?}");
    assert!(error.helps.concat().contains("XTASK_CHART_MIRROR"), "{error:?}");
    let mirror = Mirror::Url(unreachable.clone());
    assert_eq!(
        fails(URL, Some(&mirror)).message,
        format!("`dep` 2.0.0 could not be downloaded from the chart mirror `{unreachable}`")
    );
}

#[test]
fn many_threads_prepare_one_chart_with_one_download() {
    let Some(helm) = helm() else { return };
    let archive = chart_archive("dep", "1.0.0", "one");
    let server = served(&[("dep-1.0.0.tgz", &archive)]);
    let workspace = remote("1.0.0", &server.url());
    workspace.pin(&[("dep", "1.0.0", &server.url(), &archive)]);
    let (inspection, _) = workspace.inspect(CHART);
    let chart = workspace.chart(CHART);
    workspace.with(&helm, None, |context| {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| prepare(&chart, &inspection, context).expect("prepared"));
            }
        });
    });
    let log = server.requests.lock().expect("log");
    assert_eq!(log.iter().filter(|path| path.contains("dep-1.0.0")).count(), 1, "{log:?}");
    let entries = folder::entries(&workspace.path("charts/x/charts")).expect("listed");
    assert_eq!(entries, [workspace.path("charts/x/charts/dep-1.0.0.tgz")]);
}

#[test]
fn deps_downloads_everything_and_deletes_outdated_archives() {
    let archive = chart_archive("dep", "1.0.0", "one");
    let workspace = remote("1.0.0", URL);
    workspace.pin(&[("dep", "1.0.0", URL, &archive)]);
    workspace.write("mirror/dep-1.0.0.tgz", &archive);
    workspace.write("charts/x/charts/dep-0.9.0.tgz", &chart_archive("dep", "0.9.0", "one"));
    let mirror = mirror_folder(&workspace);
    let charts = [workspace.chart(CHART)];
    let ensured = workspace
        .without_helm(Some(&mirror), |context| {
            ensure_all(workspace.root(), &charts.each_ref(), &[], &workspace.lock(), context)
        })
        .expect("downloaded");
    assert_eq!(ensured.downloaded.len(), 1);
    assert_eq!(ensured.removed, [workspace.path("charts/x/charts/dep-0.9.0.tgz")]);
    assert!(workspace.inspect(CHART).1.is_empty());
}

#[test]
fn charts_are_downloaded_from_an_oci_registry() {
    let Some(helm) = helm() else { return };
    let archive = chart_archive("dep", "1.0.0", "one");
    let server = registry("charts", "dep", "1.0.0", &archive);
    let url = server.url().replace("http://", "oci://") + "/charts";
    for (repository, mirror) in [(url.as_str(), None), (URL, Some(Mirror::Url(url.clone())))] {
        let workspace = remote("1.0.0", repository);
        let charts = [workspace.chart(CHART)];
        workspace
            .with(&helm, mirror.as_ref(), |context| update(workspace.root(), &charts.each_ref(), true, context))
            .expect("updated");
        assert_eq!(workspace.lock().pins[0].digest, digest(&archive));
        assert!(workspace.chart(CHART).lock_matches());
    }
}

#[test]
fn the_error_for_a_moved_repository_names_its_successor() {
    let Some(helm) = helm() else { return };
    let dead = "https://bitnami-labs.github.io/sealed-secrets";
    let workspace = remote("2.19.1", dead);
    workspace.pin(&[("dep", "2.19.1", dead, &chart_archive("dep", "2.19.1", "one"))]);
    let (inspection, _) = workspace.inspect(CHART);
    // This Helm cannot reach the network, even if the machine can.
    let isolated = workspace.path("helm");
    let script = format!("#!/bin/sh\nHTTPS_PROXY=http://127.0.0.1:9 exec {} \"$@\"\n", helm.display());
    workspace.write("helm", script.as_bytes());
    std::fs::set_permissions(&isolated, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
    let chart = workspace.chart(CHART);
    let error = refused(workspace.with(&isolated, None, |context| prepare(&chart, &inspection, context)));
    assert!(
        error.0[0].helps[0].contains("its charts moved to `https://bitnami.github.io/sealed-secrets`"),
        "{error:?}"
    );
}

#[test]
fn an_archive_has_the_same_digest_as_its_directory() {
    let files = [("Chart.yaml", "name: dep\nversion: 1.0.0\n"), ("templates/a.yaml", "a: 1\n")];
    let workspace = remote("1.0.0", URL);
    for (path, text) in files {
        workspace.write(&format!("charts/x/charts/dep/{path}"), text.as_bytes());
    }
    workspace.pin(&[("dep", "1.0.0", URL, &packed("dep", &files))]);
    assert!(workspace.inspect(CHART).1.is_empty());
}

#[test]
fn parent_directories_are_resolved_lexically() {
    let chart = remote("1.0.0", URL).chart(CHART);
    let folder: PathBuf = local::source_folder(&chart, "../../shared/./common");
    assert!(folder.ends_with(Path::new("shared/common")) && !folder.to_string_lossy().contains(".."));
}
