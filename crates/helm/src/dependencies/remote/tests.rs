//! Charts from repositories on the loopback address, with the pinned Helm.

use diagnostics::{Code, Place, Source};
use toolbox::environment::Mirror;

use super::super::testing::{
    Workspace, chart_archive, config_map, digest, helm, messages, packed, registry, render, served,
};
use super::super::{Request, Updated, ensure_all, update};
use super::*;

fn wanted(repository: &str, name: &str, version: &str) -> Wanted {
    Wanted::new(repository, name, version, Place::new(&Source::new("app.yaml", version), 0..version.len()))
}

fn updated(workspace: &Workspace, wanted: &[Wanted], names: &[&str], context: &Context<'_>) -> Result<Updated> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    update(workspace.root(), &Request { charts: &[], wanted, names: &names, complete: true }, context)
}

fn pins(workspace: &Workspace) -> Vec<String> {
    let pin = |pin: &Pin| {
        let ranges: Vec<&str> = pin.requested.iter().map(String::as_str).collect();
        format!("{} {} {}", pin.name, pin.version, ranges.join(" ")).trim_end().to_owned()
    };
    workspace.lock().pins.iter().map(pin).collect()
}

#[test]
fn names_with_slashes_are_paths_of_a_registry() {
    let subject = |repository: &str, name: &str| {
        let wanted = wanted(repository, name, "1.0.0");
        format!("{} {}", wanted.repository, wanted.name)
    };
    assert_eq!(subject("oci://registry.example.com/a/", "b/c"), "oci://registry.example.com/a/b c");
    assert_eq!(subject("https://charts.example.com/a/", "b"), "https://charts.example.com/a b");
}

#[test]
fn ranges_are_resolved_pinned_and_rendered_without_the_network() {
    let Some(helm) = helm() else { return };
    let (old, new) = (chart_archive("web", "1.0.0", "one"), chart_archive("web", "1.2.0", "two"));
    let server = served(&[("web-1.0.0.tgz", &old), ("web-1.2.0.tgz", &new)]);
    let workspace = Workspace::new(&[]);
    let asked = [
        wanted(&server.url(), "web", "1.0.0"),
        wanted(&server.url(), "web", "^1"),
        wanted(&server.url(), "web", "1.x"),
    ];
    workspace.with(&helm, None, |context| updated(&workspace, &asked, &[], context)).expect("updated");
    assert_eq!(pins(&workspace), ["web 1.0.0", "web 1.2.0 1.x ^1"]);
    drop(server);

    let lock = workspace.lock();
    let pin = inspect(&asked[1], &lock).expect("pinned");
    assert_eq!(pin.digest, digest(&new));
    let prepare = || workspace.without_helm(None, |context| prepare(pin, context)).expect("from the cache");
    let folder = prepare();
    assert!(render(&helm, &folder).contains("text: two"));
    std::fs::write(folder.join("templates/added.yaml"), "a: 1").expect("written");
    assert_eq!(prepare(), folder);
    assert!(!folder.join("templates/added.yaml").exists(), "replaced by the verified files");
    std::fs::remove_dir_all(&folder).expect("removed");
    std::os::unix::fs::symlink(workspace.root(), &folder).expect("link");
    prepare();
    assert!(!folder.is_symlink());

    let missing = inspect(&wanted("https://charts.example.com", "web", "^1"), &lock).expect_err("another repository");
    assert_eq!(messages(&missing), ["dependency-unlocked: `web` ^1 is not pinned in charts.lock"]);
}

#[test]
fn an_update_of_some_charts_keeps_the_others() {
    let Some(helm) = helm() else { return };
    let (old, new) = (chart_archive("web", "1.0.0", "one"), chart_archive("web", "1.2.0", "two"));
    let mail = chart_archive("mail", "2.0.0", "one");
    let first = served(&[("web-1.0.0.tgz", &old), ("mail-2.0.0.tgz", &mail)]);
    let workspace = Workspace::new(&[]);
    let mirror = |server: &Loopback| Mirror::Url(server.url());
    let asked = [
        wanted("https://charts.example.com", "web", "^1"),
        wanted("https://charts.example.com", "mail", "*"),
        wanted("https://charts.example.com", "gone", "1.0.0"),
    ];
    let run = |server: &Loopback, names: &[&str]| {
        workspace
            .with(&helm, Some(&mirror(server)), |context| updated(&workspace, &asked, names, context))
            .expect("some")
    };
    let result = run(&first, &[]);
    assert_eq!(pins(&workspace), ["mail 2.0.0 *", "web 1.0.0 ^1"]);
    assert_eq!(result.failed_sources, [asked[2].clone()]);
    assert!(messages(&result.errors)[0].contains("does not contain `gone` 1.0.0"), "{:?}", result.errors);
    assert_eq!(result.errors.0[0].places[0].0.source.name, "app.yaml");
    // Another mirror lacks mail, which keeps its pin also if it is selected.
    let second = served(&[("web-1.2.0.tgz", &new)]);
    assert!(run(&second, &["web"]).errors.is_empty());
    assert_eq!(pins(&workspace), ["mail 2.0.0 *", "web 1.2.0 ^1"]);
    assert_eq!(run(&second, &[]).failed_sources.len(), 2);
    assert_eq!(pins(&workspace), ["mail 2.0.0 *", "web 1.2.0 ^1"]);
}

#[test]
fn a_mirror_folder_and_a_registry_provide_charts() {
    let Some(helm) = helm() else { return };
    let archive = chart_archive("web", "1.0.0", "one");
    let workspace = Workspace::new(&[]);
    workspace.write("mirror/deep/web-1.0.0.tgz", &archive);
    let mirror = Mirror::Folder(workspace.path("mirror"));
    let server = registry("charts", "web", "1.0.0", &archive);
    let registry = server.url().replace("http://", "oci://");
    for (asked, mirror) in [
        (wanted("https://charts.example.com", "web", ">=1"), Some(&mirror)),
        (wanted("oci://registry.example.com/charts", "web", "1.0.0"), Some(&mirror)),
        (wanted(&registry, "charts/web", "1.0.0"), None),
        (wanted(&registry, "charts/web", "1.x"), None),
    ] {
        let asked = std::slice::from_ref(&asked);
        workspace.with(&helm, mirror, |context| updated(&workspace, asked, &[], context)).expect("updated");
        assert_eq!(workspace.lock().pins[0].digest, digest(&archive));
        std::fs::remove_dir_all(workspace.path("cache")).expect("removed");
        let ensured = workspace
            .with(&helm, mirror, |context| ensure_all(workspace.root(), &[], asked, &workspace.lock(), context))
            .expect("downloaded");
        assert_eq!(ensured.charts.len(), 1);
    }
}

#[test]
fn an_archive_that_changes_or_contains_another_chart_is_refused() {
    let Some(helm) = helm() else { return };
    let workspace = Workspace::new(&[]);
    let url = "https://charts.example.com";
    workspace.pin(&[("web", "1.0.0", url, &chart_archive("web", "1.0.0", "one"))]);
    let before = workspace.text("charts.lock");
    let server = served(&[("web-1.0.0.tgz", &chart_archive("web", "1.0.0", "two"))]);
    let mirror = Mirror::Url(server.url());
    let run = |mirror: &Mirror| {
        let asked = [wanted(url, "web", "1.0.0")];
        workspace.with(&helm, Some(mirror), |context| updated(&workspace, &asked, &[], context)).expect_err("refused")
    };
    assert_eq!(run(&mirror).0[0].code, Code::ArchiveTampered);
    let other = chart_archive("other", "1.0.0", "one");
    let index =
        "apiVersion: v1\nentries: {web: [{name: web, version: 1.0.0, apiVersion: v2, urls: [web-1.0.0.tgz]}]}\n";
    let files = [("web-1.0.0.tgz".to_owned(), other), ("index.yaml".to_owned(), index.as_bytes().to_vec())];
    let server = Loopback::serve(files.into()).expect("served");
    assert_eq!(
        messages(&run(&Mirror::Url(server.url()))),
        ["archive-tampered: `web-1.0.0.tgz` contains the chart `other` 1.0.0"]
    );
    assert_eq!(workspace.text("charts.lock"), before);
}

#[test]
fn an_archive_may_have_a_folder_of_another_name() {
    let chart = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
    let archive = packed("folder", &[("Chart.yaml", chart), ("templates/map.yaml", &config_map("one"))]);
    let workspace = Workspace::new(&[]);
    workspace.write("mirror/web-1.0.0.tgz", &archive);
    let mirror = Mirror::Folder(workspace.path("mirror"));
    workspace.pin(&[("web", "1.0.0", "https://charts.example.com", &archive)]);
    for _ in 0..2 {
        let lock = workspace.lock();
        let folder =
            workspace.without_helm(Some(&mirror), |context| prepare(&lock.pins[0], context)).expect("unpacked");
        assert!(folder.join("Chart.yaml").is_file());
    }
}
