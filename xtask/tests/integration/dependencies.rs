//! `cargo xtask deps` in a temporary workspace, with a directory or a loopback repository as mirror.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use helm::chart::Chart;
use helm::charts_lock::{ChartsLock, Pin};
use toolbox::archive::{read, tree_digest};

use crate::support::{HELM_4, helm};

const URL: &str = "https://charts.example.org";

const CONFIG: &str = "\
repository = \"https://github.com/example/homelab-chart.git\"

[argocd]
version = \"3.5\"

[kubernetes]
version = \"1.34.11\"
";

const APPLICATION: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: x
  namespace: argocd
spec:
  project: default
  source:
    repoURL: https://github.com/example/homelab-chart.git
    targetRevision: HEAD
    path: charts/x
  destination:
    server: https://kubernetes.default.svc
    namespace: x
";

/// A chart archive with one template.
fn archive(name: &str, version: &str, text: &str) -> Vec<u8> {
    let chart = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    let template = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  text: {text}\n");
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in [("Chart.yaml", &chart), ("templates/map.yaml", &template)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{name}/{path}"), text.as_bytes()).expect("in memory");
    }
    builder.into_inner().expect("in memory").finish().expect("in memory")
}

fn digest(archive: &[u8]) -> String {
    tree_digest(&read("archive", archive).expect("archive"))
}

/// A workspace with one chart that has one dependency, an empty cache, and an empty mirror.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new(version: &str) -> Self {
        let bench = Self { directory: tempfile::tempdir().expect("temporary directory") };
        let chart = format!(
            "apiVersion: v2\nname: x\nversion: 0.1.0\ndependencies:\n  - name: dep\n    version: {version:?}\n    repository: {URL}\n"
        );
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        bench.write("workspace/tools.lock", &fs::read(repository.join("tools.lock")).expect("tools.lock"));
        bench.write("workspace/charts.toml", CONFIG.as_bytes());
        bench.write("workspace/argocd/applications/x.yaml", APPLICATION.as_bytes());
        bench.write("workspace/charts/x/Chart.yaml", chart.as_bytes());
        fs::create_dir(bench.path("mirror")).expect("created");
        bench
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent directory")).expect("created");
        fs::write(path, bytes).expect("written");
    }

    fn pin(&self, version: &str, archive: &[u8]) {
        let lock = ChartsLock { pins: vec![Pin::new("dep", version, URL, &digest(archive))], ..ChartsLock::default() };
        self.write("workspace/charts.lock", lock.to_text().as_bytes());
    }

    fn pins(&self) -> Vec<(String, String)> {
        let lock = ChartsLock::load(&self.path("workspace")).expect("charts.lock");
        lock.pins.into_iter().map(|pin| (pin.version, pin.digest)).collect()
    }

    fn downloaded(&self, version: &str) -> Option<Vec<u8>> {
        fs::read(self.path(&format!("workspace/charts/x/charts/dep-{version}.tgz"))).ok()
    }

    /// Runs `xtask deps …` with a given mirror; by default, the mirror directory.
    fn deps(&self, args: &[&str], mirror: Option<&str>, helm: Option<&Path>) -> Answer {
        let folder = self.path("mirror");
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .arg("deps")
            .args(args)
            .arg("--root")
            .arg(self.path("workspace"))
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("XTASK_CACHE_DIR", self.path("cache"))
            .env("XTASK_CHART_MIRROR", mirror.map_or(folder.as_path(), Path::new));
        // With an invalid path, a run that needs helm fails.
        command.env("XTASK_HELM", helm.unwrap_or(Path::new("/nowhere/helm")));
        Answer::from(command.output().expect("xtask runs"))
    }
}

#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    text: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Self { code: output.status.code(), text }
    }
}

impl Answer {
    #[track_caller]
    fn says(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.text);
        for text in texts {
            assert!(self.text.contains(text), "{text:?} is not in:\n{}", self.text);
        }
    }
}

/// Serves files on the loopback address until the test ends. Returns the URL.
fn serve(files: BTreeMap<String, Vec<u8>>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            let text = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = text.split([' ', '?']).nth(1).unwrap_or_default().trim_start_matches('/');
            let (status, body) = files.get(path).map_or(("404 Not Found", &[][..]), |body| ("200 OK", body.as_slice()));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    url
}

#[test]
fn a_pinned_archive_is_installed_without_helm() {
    let dep = archive("dep", "1.0.0", "one");
    let bench = Bench::new("1.0.0");
    bench.pin("1.0.0", &dep);
    bench.write("mirror/dep-1.0.0.tgz", &dep);
    bench.deps(&[], None, None).says(0, &[]);
    assert_eq!(bench.downloaded("1.0.0"), Some(dep.clone()));
    // The next run uses the cache, and the last one the archive in charts/; neither needs the mirror.
    fs::remove_dir_all(bench.path("workspace/charts/x/charts")).expect("removed");
    bench.deps(&["--offline"], Some("/nowhere"), None).says(0, &[]);
    assert_eq!(bench.downloaded("1.0.0"), Some(dep));
    fs::remove_dir_all(bench.path("cache")).expect("removed");
    bench.deps(&["--offline"], Some("/nowhere"), None).says(0, &[]);
}

#[test]
fn a_tampered_archive_is_rejected() {
    let bench = Bench::new("1.0.0");
    bench.pin("1.0.0", &archive("dep", "1.0.0", "one"));
    bench.write("mirror/dep-1.0.0.tgz", &archive("dep", "1.0.0", "two"));
    bench.deps(&[], None, None).says(3, &["archive-tampered", "dep-1.0.0.tgz"]);
    assert_eq!(bench.downloaded("1.0.0"), None);
}

/// Renders an archive with Helm alone.
fn rendered(helm: &Path, bench: &Bench, archive: &Path) -> String {
    let mut command = Command::new(helm);
    command.args(["template", "release"]).arg(archive).env_clear().env("HOME", bench.path("home"));
    let output = command.output().expect("helm runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Other tar readers skip entries of these types, so their files are missing from a digest, and Helm loads them.
#[test]
fn an_object_that_is_hidden_from_the_digest_is_refused() {
    let binding = "kind: ClusterRoleBinding\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: evil}\n";
    let sound = archive("dep", "1.0.0", "one");
    for kind in *b"7ADMVZ" {
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(sound.as_slice()).read_to_end(&mut tar).expect("gzip");
        tar.truncate(tar.len() - 1024);
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        builder.get_mut().write_all(&tar).expect("in memory");
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(binding.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, "dep/templates/binding.yaml", binding.as_bytes()).expect("in memory");
        let tampered = builder.into_inner().expect("in memory").finish().expect("in memory");

        let message = format!("contains `dep/templates/binding.yaml`, which has the tar type `{}`", char::from(kind));
        let bench = Bench::new("1.0.0");
        bench.pin("1.0.0", &sound);
        bench.write("mirror/dep-1.0.0.tgz", &tampered);
        bench.deps(&[], None, None).says(3, &["archive-unsafe", &message]);
        assert_eq!(bench.downloaded("1.0.0"), None);
        bench.write("workspace/charts/x/charts/dep-1.0.0.tgz", &tampered);
        bench.deps(&[], None, None).says(3, &["archive-unsafe", "charts/x/charts/dep-1.0.0.tgz", &message]);
        if let Some(helm) = helm(HELM_4) {
            let text = rendered(&helm, &bench, &bench.path("mirror/dep-1.0.0.tgz"));
            assert!(text.contains("ClusterRoleBinding"), "Helm does not load type {}:\n{text}", char::from(kind));
        }
    }
}

#[test]
fn helm_loads_the_files_that_were_verified() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = Bench::new("1.0.0");
    let pack = |program: &Path, args: &[&str]| {
        let output = Command::new(program).args(args).current_dir(bench.path("source")).output();
        output.is_ok_and(|output| output.status.success())
    };
    let list =
        "{{ range $path, $content := .Files }}\n# {{ $path }} {{ $content | toString | sha256sum }}\n{{ end }}\n";
    let mut packed = 0;
    for (format, length) in [("helm", 120), ("v7", 20), ("ustar", 80), ("gnu", 120), ("posix", 120)] {
        bench.write("source/dep/Chart.yaml", b"apiVersion: v2\nname: dep\nversion: 1.0.0\n");
        bench.write("source/dep/templates/list.yaml", list.as_bytes());
        bench.write("source/dep/files/a", b"1");
        let long = format!("source/dep/files/{}/{}", "b".repeat(length / 2), "c".repeat(length));
        bench.write(&long, &vec![b'2'; 10_000]);
        let archive = bench.path("source/dep-1.0.0.tgz");
        let made = if format == "helm" {
            pack(&helm, &["package", "dep"])
        } else {
            pack(Path::new("tar"), &["-czf", "dep-1.0.0.tgz", &format!("--format={format}"), "dep"])
        };
        if made {
            let tree = toolbox::archive::read_chart(format, &fs::read(&archive).expect("archive")).expect("archive");
            let text = rendered(&helm, &bench, &archive);
            let loaded: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# files/")).collect();
            let verified = tree.iter().filter_map(|(path, content)| {
                Some(format!("{} {}", path.strip_prefix("dep/files/")?, toolbox::archive::sha256(content)))
            });
            assert_eq!(loaded, verified.collect::<Vec<_>>(), "{format}");
            assert_eq!(tree.len(), 4, "{format}");
            packed += 1;
        }
        fs::remove_dir_all(bench.path("source")).expect("removed");
    }
    assert!(packed > 0);
}

#[test]
fn the_error_for_a_missing_archive_names_the_mirror() {
    let bench = Bench::new("1.0.0");
    bench.pin("1.0.0", &archive("dep", "1.0.0", "one"));
    bench
        .deps(&[], None, None)
        .says(3, &["dependency-unavailable", "does not contain `dep-1.0.0.tgz`", "XTASK_CHART_MIRROR"]);
}

#[test]
fn outdated_locks_are_errors() {
    let bench = Bench::new("1.0.0");
    bench.deps(&[], None, None).says(2, &["dependency-unlocked", "xtask deps --update"]);
    bench.write("workspace/charts/x/Chart.lock", b"dependencies: []\ndigest: sha256:0\ngenerated: \"\"\n");
    bench.deps(&[], None, None).says(2, &["chart-lock-outdated", "xtask deps --update"]);
}

#[test]
fn an_update_writes_the_same_locks_with_any_mirror() {
    let Some(helm) = helm(HELM_4) else { return };
    let (old, new) = (archive("dep", "1.0.0", "one"), archive("dep", "1.4.0", "two"));
    let index =
        "apiVersion: v1\nentries:\n  dep:\n  - {apiVersion: v2, name: dep, version: 1.4.0, urls: [a/dep.tgz]}\n";
    let url = serve(BTreeMap::from([
        ("index.yaml".to_owned(), index.as_bytes().to_vec()),
        ("a/dep.tgz".to_owned(), new.clone()),
    ]));
    for mirror in [None, Some(url.as_str())] {
        let bench = Bench::new("^1.0");
        bench.pin("1.0.0", &old);
        bench.write("mirror/dep-1.4.0.tgz", &new);
        bench.write("mirror/dep-1.0.0.tgz", &old);
        bench.write("workspace/charts/x/charts/dep-1.0.0.tgz", &old);
        bench.deps(&["--update"], mirror, Some(&helm)).says(0, &[]);
        assert_eq!(bench.pins(), [("1.4.0".to_owned(), digest(&new))]);
        assert_eq!((bench.downloaded("1.0.0"), bench.downloaded("1.4.0")), (None, Some(new.clone())));
        let chart = Chart::load(&bench.path("workspace"), Path::new("charts/x")).expect("chart");
        assert!(chart.lock_matches());
        let lock = fs::read_to_string(bench.path("workspace/charts/x/Chart.lock")).expect("Chart.lock");
        assert!(lock.contains(&format!("repository: {URL}\n")), "{lock}");
        // A second update changes nothing, and then `deps` needs no helm.
        bench.deps(&["--update"], mirror, Some(&helm)).says(0, &[]);
        assert_eq!(fs::read_to_string(bench.path("workspace/charts/x/Chart.lock")).expect("Chart.lock"), lock);
        bench.deps(&[], mirror, None).says(0, &[]);
    }
}

#[test]
fn an_update_sets_the_version_that_it_is_given() {
    let Some(helm) = helm(HELM_4) else { return };
    let (old, new) = (archive("dep", "1.0.0", "one"), archive("dep", "1.4.0", "two"));
    let bench = Bench::new("1.0.0");
    bench.pin("1.0.0", &old);
    bench.write("mirror/dep-1.0.0.tgz", &old);
    bench.write("mirror/dep-1.4.0.tgz", &new);
    let path = bench.path("workspace/charts/x/Chart.yaml");
    let before = fs::read_to_string(&path).expect("Chart.yaml");
    for (argument, message) in [
        ("dpe", "did you mean `dep`?"),
        ("dep@1.4", "does not name a dependency and an exact version"),
        ("dpe@1.4.0", "did you mean `dep`?"),
    ] {
        bench.deps(&["--update", argument], None, Some(&helm)).says(2, &["error[usage]", message]);
    }
    bench.deps(&["--update", "dep@1.5.0"], None, Some(&helm)).says(3, &["dependency-unavailable"]);
    assert_eq!(fs::read_to_string(&path).expect("Chart.yaml"), before, "nothing is written unless all of it came");
    bench.deps(&["--update", "dep@1.4.0"], None, Some(&helm)).says(0, &["dep 1.0.0 → 1.4.0"]);
    assert_eq!(fs::read_to_string(&path).expect("Chart.yaml"), before.replace("1.0.0", "1.4.0"));
    assert_eq!(bench.pins(), [("1.4.0".to_owned(), digest(&new))]);
    assert!(Chart::load(&bench.path("workspace"), Path::new("charts/x")).expect("chart").lock_matches());
}

#[test]
fn the_error_for_an_unreachable_mirror_contains_helms_output() {
    let Some(helm) = helm(HELM_4) else { return };
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).expect("a port");
    let bench = Bench::new("1.0.0");
    let mirror = format!("http://{free}");
    bench
        .deps(&["--update"], Some(&mirror), Some(&helm))
        .says(3, &["dependency-unavailable", "connection refused", "XTASK_CHART_MIRROR"]);
    assert!(!bench.path("workspace/charts.lock").exists());
}
