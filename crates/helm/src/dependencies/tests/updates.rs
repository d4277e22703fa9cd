//! Updates: what they lock and pin, and what they reject.

use super::*;

#[test]
fn an_update_locks_and_pins_and_a_second_prepare_uses_no_network() {
    let Some(helm) = helm() else { return };
    let (old, new) = (chart_archive("dep", "1.0.0", "one"), chart_archive("dep", "1.2.0", "two"));
    let server = served(&[("dep-1.0.0.tgz", &old), ("dep-1.2.0.tgz", &new)]);
    let workspace = remote("^1.0", &server.url());
    workspace.write("charts/x/charts/dep-1.0.0.tgz", &old);
    let updated = workspace
        .with(&helm, None, |context| update(workspace.root(), &[&workspace.chart(CHART)], true, context))
        .expect("updated");
    assert!(matches!(updated.pins.as_slice(), [PinChange::Added(pin)] if pin.version == "1.2.0"), "{updated:?}");
    assert_eq!(updated.removed, [workspace.path("charts/x/charts/dep-1.0.0.tgz")]);
    assert!(requests(&server) > 0, "helm must contact the server");
    let chart = workspace.chart(CHART);
    assert!(chart.lock_matches(), "{}", workspace.text("charts/x/Chart.lock"));
    assert_eq!(workspace.lock().pins[0].digest, digest(&new));

    let asked = requests(&server);
    let (inspection, diagnostics) = workspace.inspect(CHART);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    workspace.without_helm(None, |context| prepare(&chart, &inspection, context)).expect("already present");
    std::fs::remove_dir_all(workspace.path("charts/x/charts")).expect("removed");
    let (inspection, _) = workspace.inspect(CHART);
    workspace.without_helm(None, |context| prepare(&chart, &inspection, context)).expect("from the cache");
    assert_eq!(requests(&server), asked);

    // Without changes nothing is written, not even a date. Apart from the date, Chart.lock equals Helm's own.
    let before = workspace.files();
    let again =
        workspace.with(&helm, None, |context| update(workspace.root(), &[&workspace.chart(CHART)], true, context));
    let again = again.expect("updated");
    assert!(again.written.is_empty() && again.pins.is_empty(), "{again:?}");
    assert_eq!(workspace.files(), before);
    let written = workspace.text("charts/x/Chart.lock");
    std::fs::remove_file(workspace.path("charts/x/Chart.lock")).expect("removed");
    let own = toolbox::process::Invocation::new(&helm, &workspace.path(CHART)).args(["dependency", "update"]);
    assert!(own.run().expect("helm runs").success());
    let without_date =
        |text: &str| text.lines().filter(|line| !line.starts_with("generated")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_date(&workspace.text("charts/x/Chart.lock")), without_date(&written));
}

#[test]
fn a_chart_that_cannot_be_updated_keeps_its_pins() {
    let Some(helm) = helm() else { return };
    let (old, new) = (chart_archive("dep", "1.0.0", "one"), chart_archive("dep", "1.2.0", "two"));
    let server = served(&[("dep-1.2.0.tgz", &new)]);
    let gone = chart_archive("gone", "1.0.0", "one");
    let workspace = remote("^1.0", &server.url());
    workspace.write("charts/y/Chart.yaml", chart_yaml("gone", "^1.0", "http://127.0.0.1:9").as_bytes());
    let stray = ("stray", "1.0.0", URL, old.as_slice());
    workspace.pin(&[("dep", "1.0.0", &server.url(), &old), ("gone", "1.0.0", "http://127.0.0.1:9", &gone), stray]);
    let charts = [workspace.chart(CHART), workspace.chart("charts/y")];
    let update = |complete| {
        workspace.with(&helm, None, |context| update(workspace.root(), &charts.each_ref(), complete, context))
    };
    let versions =
        || -> Vec<String> { workspace.lock().pins.iter().map(|pin| format!("{} {}", pin.name, pin.version)).collect() };
    let updated = update(false).expect("one of them");
    assert_eq!(messages(&updated.errors), ["dependency-unavailable: `gone` ^1.0 could not be downloaded"]);
    assert_eq!(updated.errors.0[0].places[0].0.source.name, "charts/y/Chart.yaml");
    assert_eq!(updated.failed, [workspace.path("charts/y")]);
    assert_eq!(versions(), ["dep 1.0.0", "dep 1.2.0", "gone 1.0.0", "stray 1.0.0"], "other charts may need the rest");
    assert!(!workspace.path("charts/y/Chart.lock").exists());
    update(true).expect("one of them");
    assert_eq!(versions(), ["dep 1.2.0", "gone 1.0.0"]);
}

#[test]
fn the_locks_do_not_depend_on_the_mirror() {
    let Some(helm) = helm() else { return };
    let archive = chart_archive("dep", "1.0.0", "one");
    let server = served(&[("dep-1.0.0.tgz", &archive)]);
    let locks = |mirror: &Mirror, workspace: &Workspace| {
        let charts = [workspace.chart(CHART)];
        workspace
            .with(&helm, Some(mirror), |context| update(workspace.root(), &charts.each_ref(), true, context))
            .expect("updated");
        assert!(workspace.chart(CHART).lock_matches(), "{}", workspace.text("charts/x/Chart.lock"));
        assert!(workspace.text("charts/x/Chart.lock").contains(&format!("repository: {URL}\n")));
        (workspace.text("charts.lock"), workspace.chart(CHART).lock.expect("Chart.lock").digest)
    };
    let by_url = locks(&Mirror::Url(server.url()), &remote("~1.0.0", URL));
    let workspace = remote("~1.0.0", URL);
    workspace.write("mirror/deep/dep-1.0.0.tgz", &archive);
    let by_folder = locks(&mirror_folder(&workspace), &workspace);
    assert_eq!(by_url, by_folder);

    // Downloads use a mirror URL too.
    std::fs::remove_dir_all(workspace.path("charts/x/charts")).expect("removed");
    std::fs::remove_dir_all(workspace.path("cache")).expect("removed");
    let (inspection, _) = workspace.inspect(CHART);
    let mirror = Mirror::Url(server.url());
    workspace
        .with(&helm, Some(&mirror), |context| prepare(&workspace.chart(CHART), &inspection, context))
        .expect("downloaded");
    assert!(workspace.inspect(CHART).0.absent().is_empty());
}

#[test]
fn the_lock_digest_equals_helms_with_every_field() {
    let Some(helm) = helm() else { return };
    let archive = chart_archive("dep", "1.0.0", "one");
    let server = served(&[("dep-1.0.0.tgz", &archive)]);
    let workspace = remote("1.0.0", &server.url());
    let text = format!(
        "apiVersion: v2\nname: x\nversion: 0.1.0\ndependencies:\n- name: dep\n  version: '>=1.0.0 <2'\n  repository: {0}\n  alias: one\n  \
         condition: one.enabled,global.<&>\n  tags: [front-end, \"é\\u2028\"]\n  import-values: [data, {{parent: p, child: c}}]\n\
         - name: dep\n  version: 1.0.0\n  repository: {0}/\n  enabled: true\n- name: inside\n  version: '*'\n- name: common\n  version: '*'\n  repository: file://../common\n",
        server.url()
    );
    workspace.write("charts/x/Chart.yaml", text.as_bytes());
    workspace.write("charts/x/charts/inside/Chart.yaml", b"apiVersion: v2\nname: inside\nversion: 0.1.0\n");
    workspace.write("charts/common/Chart.yaml", b"apiVersion: v2\nname: common\nversion: 0.3.0\n");
    let own = toolbox::process::Invocation::new(&helm, &workspace.path(CHART)).args(["dependency", "update"]);
    let output = own.run().expect("helm runs");
    assert!(output.success(), "{}", output.stderr);
    assert!(workspace.chart(CHART).lock_matches());
    let helm_lock = workspace.text("charts/x/Chart.lock");
    let charts = [workspace.chart(CHART)];
    workspace
        .with(&helm, None, |context| update(workspace.root(), &charts.each_ref(), true, context))
        .expect("updated");
    assert_eq!(workspace.text("charts/x/Chart.lock"), helm_lock, "the lock must not change");
    let (inspection, diagnostics) = workspace.inspect(CHART);
    assert!(inspection.complete && diagnostics.is_empty(), "{diagnostics:?}");
}

#[test]
fn an_archive_that_changed_after_it_was_pinned_is_rejected() {
    let Some(helm) = helm() else { return };
    let server = served(&[("dep-1.0.0.tgz", &chart_archive("dep", "1.0.0", "swapped"))]);
    let workspace = remote("1.0.0", &server.url());
    workspace.pin(&[("dep", "1.0.0", &server.url(), &chart_archive("dep", "1.0.0", "one"))]);
    let before = workspace.files();
    let (inspection, _) = workspace.inspect(CHART);
    let chart = workspace.chart(CHART);
    let prepared = refused(workspace.with(&helm, None, |context| prepare(&chart, &inspection, context)));
    assert_eq!(prepared.0[0].code, Code::ArchiveTampered);
    let charts = [chart];
    let updated =
        refused(workspace.with(&helm, None, |context| update(workspace.root(), &charts.each_ref(), true, context)));
    assert_eq!(updated.0[0].code, Code::ArchiveTampered);
    assert_eq!(workspace.files(), before, "nothing must be written");
    assert!(!workspace.path("cache").exists(), "the cache must not be written either");
}

#[test]
fn an_index_that_does_not_match_its_archive_is_rejected() {
    let Some(helm) = helm() else { return };
    let mut files = repository(BTreeMap::from([("dep-1.0.0.tgz".to_owned(), chart_archive("dep", "1.0.0", "one"))]));
    files.insert("dep-1.0.0.tgz".to_owned(), chart_archive("dep", "6.6.6", "one"));
    let server = Loopback::serve(files).expect("served");
    let workspace = remote("1.0.0", &server.url());
    let before = workspace.files();
    let charts = [workspace.chart(CHART)];
    let error =
        refused(workspace.with(&helm, None, |context| update(workspace.root(), &charts.each_ref(), true, context)));
    assert_eq!(messages(&error), ["archive-tampered: no downloaded archive is `dep` 1.0.0"]);
    assert_eq!(workspace.files(), before);
}
