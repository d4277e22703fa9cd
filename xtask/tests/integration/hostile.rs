//! Hostile input: what a pull request, a download, or another user of the machine can contain. docs/security.md names the
//! tests.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use crate::git::{Git, git};
use crate::support::{Answer, Bench, HELM_4, helm, kubeconform, lay_schemas, pack, repository};

/// A workspace with one chart, whose templates are the arguments.
pub(crate) fn workspace(templates: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    bench.write(
        "charts.toml",
        "repository = \"https://git.example.org/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.11\"\n",
    );
    bench.write("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    bench.write("argocd/web.yaml", &application("web", "charts/web"));
    for (name, text) in templates {
        bench.write(&format!("charts/web/templates/{name}"), text);
    }
    bench
}

pub(crate) fn application(name: &str, path: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\n  namespace: argocd\nspec:\n  \
         project: home\n  source:\n    repoURL: https://git.example.org/home.git\n    targetRevision: main\n    \
         path: {path}\n  destination:\n    server: https://kubernetes.default.svc\n    namespace: shop\n"
    )
}

pub(crate) const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n";

/// What a terminal or the log of a CI system would interpret, each with a mark behind it.
const SEQUENCES: &[&str] = &[
    "\u{1b}]0;MARK\u{7}",
    "\u{1b}[2JMARK",
    "\u{1b}]52;c;MARK\u{1b}\\",
    "\rMARK",
    "\u{9b}2JMARK",
    "\u{202e}MARK",
    "\u{2066}MARK",
    "\n::error::MARK",
    "\n  ::stop-commands::MARK",
    "\n##[add-matcher]MARK",
    "##vso[task.complete]MARK",
];

/// Checks that nothing in an output is interpreted.
#[track_caller]
pub(crate) fn harmless(answer: &Answer) {
    for text in [&answer.stdout, &answer.stderr] {
        // Colors and styles are the tool's own.
        let plain = anstream::adapter::strip_str(text).to_string();
        for (at, c) in text.char_indices().filter(|(_, c)| c.is_control() && !matches!(c, '\n' | '\t')) {
            let sequence = text[at..].strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m'));
            let style = sequence.is_some_and(|(numbers, _)| numbers.chars().all(|c| c.is_ascii_digit() || c == ';'));
            assert!(style, "{c:?} in {:?}", &text[at..(at + 20).min(text.len())]);
        }
        assert!(!text.contains(['\u{202e}', '\u{2066}', '\u{2028}']), "{text:?}");
        let annotation = |line: &str| line.starts_with("::error ") || line.starts_with("::warning ");
        for line in plain.lines().filter(|line| line.contains("MARK") && !annotation(line)) {
            let start = line.trim_start();
            assert!(!start.starts_with("::") || start.starts_with(":::"), "{line:?}");
        }
        for line in plain.lines().filter(|line| !annotation(line)) {
            assert!(!line.contains("##[") && !line.contains("##vso["), "{line:?}");
        }
    }
}

#[test]
fn output_contains_no_control_sequences_and_no_commands() {
    let Some(helm) = helm(HELM_4) else { return };
    for sequence in SEQUENCES {
        let name = serde_json::json!(format!("web{sequence}")).to_string();
        let object = CONFIG_MAP.replace("name: web", &format!("name: {name}"));
        let failing = format!("{{{{ fail {name} }}}}\n");
        let comment = sequence.replace('\n', "\n# ");
        let diff = format!("{CONFIG_MAP}# {}\ndata:\n  a: |\n    x{}\n", comment, sequence.replace('\n', "\n    "));
        for (args, template) in [
            ("render --color always", &object),
            ("render --color always --format json", &object),
            ("ci --color always", &object),
            ("render --color always", &failing),
            ("render --color always", &diff),
        ] {
            let bench = workspace(&[("a.yaml", template)]);
            let answer = bench.xtask(args).helm(&helm).env("GITHUB_ACTIONS", "true").run();
            harmless(&answer);
        }
    }
}

#[test]
fn a_report_for_ci_is_valid_xml() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = workspace(&[("a.yaml", "{{ fail \"\\u001b[31m\\u0000\\u0001\\ufffe]]><x>&\\u202e\" }}\n")]);
    bench.xtask("ci --junit report.xml").helm(&helm).run();
    let report = fs::read_to_string(bench.root().join("report.xml")).expect("written");
    assert!(report.contains("]]&gt;&lt;x&gt;&amp;"), "{report}");
    let forbidden = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{fffe}' | '\u{202e}');
    assert!(!report.contains(forbidden), "{report:?}");
}

#[test]
fn many_renamed_objects_are_compared_quickly() {
    let Some(helm) = helm(HELM_4) else { return };
    let objects = "{{- range $i := until 1200 }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ $.Values.name \
                   }}{{ $i }}\ndata:\n{{- range $j := until 30 }}\n  k{{ $j }}: v\n{{- end }}\n{{- end }}\n";
    let bench = workspace(&[("a.yaml", objects)]);
    bench.write("charts/web/values.yaml", "name: old\n");
    bench.xtask("render --accept").helm(&helm).run().says(0, &[]);
    bench.write("charts/web/values.yaml", "name: new\n");
    let began = Instant::now();
    bench.xtask("render").helm(&helm).run().says(1, &["1200 renamed"]);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn a_remote_schema_is_not_fetched() {
    let Some(helm) = helm(HELM_4) else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let remote = format!("{{\"$ref\": \"http://{}/schema.json\"}}\n", listener.local_addr().expect("an address"));
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    bench.write("charts/web/values.schema.json", &remote);
    bench.xtask("render").helm(&helm).run().says(2, &["`$ref` refers to another file"]);
    if let Some(kubeconform) = kubeconform() {
        let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
        lay_schemas(&bench.root());
        let config = fs::read_to_string(bench.root().join("charts.toml")).expect("readable");
        bench.write("charts.toml", &format!("{config}[tools]\nkubeconform = \"0.8.0\"\n"));
        let path = bench.root().join("schemas/core");
        for entry in fs::read_dir(path).expect("readable") {
            let path = entry.expect("readable").path();
            if path.to_string_lossy().to_lowercase().contains("configmap") {
                fs::write(path, &remote).expect("written");
            }
        }
        let answer = bench.xtask("validate").helm(&helm).kubeconform(&kubeconform).run();
        assert!(answer.stderr.contains("schema refers to another file"), "{answer}");
        assert_ne!(answer.code, Some(0));
    }
    // Helm fetches what the schema of a dependency refers to, as it does under Argo CD, but not with `--offline`.
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    bench.write("charts/web/charts/inner/Chart.yaml", "apiVersion: v2\nname: inner\nversion: 0.1.0\n");
    bench.write("charts/web/charts/inner/values.schema.json", "{\"$ref\": \"http://schema.example.com/x.json\"}\n");
    bench.xtask("render --offline").helm(&helm).run().says(2, &["proxyconnect tcp: dial tcp 127.0.0.1:9"]);
    assert!(listener.accept().is_err(), "a schema was fetched");
}

#[test]
fn a_download_without_encryption_is_refused() {
    let bench = workspace(&[]);
    let lock = fs::read_to_string(repository().join("tools.lock")).expect("readable");
    for url in ["http://get.helm.sh/", "http://127.0.0.1:80@example.com/", "http://localhost.example.com/"] {
        bench.write("tools.lock", &lock.replace("https://get.helm.sh/", url));
        bench.xtask("tools list").run().says(2, &["must be an https:// URL"]);
    }
}

#[test]
fn a_cache_of_others_is_not_used() {
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    let open = |mode| fs::set_permissions(bench.cache(), fs::Permissions::from_mode(mode)).expect("mode");
    open(0o777);
    bench.xtask("render").run().says(2, &["is writable by every user", "XTASK_CACHE_DIR"]);
    open(0o700);
    // Without a home, the fixed name in the shared directory may exist already: a link of someone else to their tools.
    let planted = bench.base().join("planted");
    fs::create_dir(&planted).expect("created");
    fs::set_permissions(&planted, fs::Permissions::from_mode(0o777)).expect("mode");
    let name = format!("homelab-chart-{}", rustix::process::geteuid().as_raw());
    symlink(&planted, bench.base().join("tmp").join(name)).expect("linked");
    let run = bench.xtask("render").env("HOME", "").env("XTASK_CACHE_DIR", "");
    run.run().says(2, &["is writable by every user"]);
    assert_eq!(fs::read_dir(&planted).expect("readable").count(), 0);
}

#[test]
fn a_signal_ends_a_wait_for_another_run() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    let root = fs::File::open(bench.root()).expect("opened");
    root.lock().expect("locked");
    let mut child = bench.xtask("render --accept").helm(&helm).spawn();
    std::thread::sleep(Duration::from_secs(3));
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("sent");
    let began = Instant::now();
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(bench.goldens().is_empty());
}

#[test]
fn a_signal_ends_a_long_computation() {
    let bench = workspace(&[]);
    // Half a million findings.
    let items = "{a: 1},".repeat(500_000);
    bench.write("argocd/many.yaml", &format!("{}\nx: [{items}]\n", application("many", "charts/web")));
    let mut child = bench.xtask("lint").spawn();
    std::thread::sleep(Duration::from_millis(300));
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("sent");
    let began = Instant::now();
    child.wait().expect("ends");
    assert!(began.elapsed() < Duration::from_secs(14), "{:?}", began.elapsed());
}

#[test]
fn a_small_archive_does_not_unpack_to_a_large_one() {
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    let zeros = vec![0; 200 * 1024 * 1024];
    let chart = b"apiVersion: v2\nname: bomb\nversion: 0.1.0\n".to_vec();
    let archive = pack([("bomb/Chart.yaml".into(), chart), ("bomb/files/zeros".into(), zeros)].into());
    assert!(archive.len() < 2 * 1024 * 1024);
    let path = bench.root().join("charts/web/charts/bomb-0.1.0.tgz");
    fs::create_dir_all(path.parent().expect("a directory")).expect("created");
    fs::write(path, archive).expect("written");
    bench.xtask("render").run().says(3, &["unpacks to more than 100 MiB"]);
}

#[test]
fn git_runs_no_programs_of_a_repository() {
    let (Some(git), Some(helm)) = (git(), helm(HELM_4)) else { return };
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    let git = Git { git: &git, bench: &bench };
    bench.write(".gitattributes", "* filter=evil diff=evil\n");
    git.run(&["init", "--initial-branch", "main"]);
    git.run(&["add", "."]);
    git.run(&["commit", "--message", "one"]);
    git.run(&["checkout", "-b", "change"]);
    // A repository inside of this one, which git would ask for its status.
    let inner = bench.root().join("inner");
    fs::create_dir(&inner).expect("created");
    bench.write("inner/.gitattributes", "* filter=evil\n");
    git.run(&["-C", "inner", "init"]);
    git.run(&["-C", "inner", "add", "."]);
    git.run(&["-C", "inner", "commit", "--message", "inner"]);
    git.run(&["add", "inner"]);
    git.run(&["commit", "--message", "two"]);
    let program = bench.base().join("evil");
    let ran = bench.base().join("ran");
    fs::write(&program, format!("#!/bin/sh\necho \"$0 $*\" >> {}\ncat\n", ran.display())).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("mode");
    let program = program.display().to_string();
    for key in [
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.command",
        "diff.evil.textconv",
        "diff.external",
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.askPass",
        "core.editor",
        "credential.helper",
        "gpg.program",
        "uploadpack.packObjectsHook",
        "pager.show",
        "tar.tar.command",
    ] {
        git.run(&["config", key, &program]);
    }
    git.run(&["config", "filter.evil.required", "true"]);
    git.run(&["-C", "inner", "config", "filter.evil.clean", &program]);
    bench.write("inner/.gitattributes", "* filter=evil # changed\n");
    fs::create_dir_all(bench.root().join(".git/hooks")).expect("created");
    for hook in ["post-checkout", "post-index-change", "fsmonitor-watchman", "reference-transaction", "pre-commit"] {
        fs::copy(&program, bench.root().join(".git/hooks").join(hook)).expect("copied");
    }
    let _ = fs::remove_file(&ran);
    bench.write("charts/web/templates/a.yaml", &format!("{CONFIG_MAP}data:\n  a: b\n"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    for args in ["lint", "lint --base main", "lint --base --output=x", "ci"] {
        bench.xtask(args).helm(&helm).env("PATH", &path).run();
        assert!(!ran.exists(), "{args}: {}", fs::read_to_string(&ran).unwrap_or_default());
    }
    assert!(!bench.root().join("x").exists());
}

#[test]
fn programs_get_a_built_environment() {
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    let seen = bench.base().join("seen");
    let helm = bench.stub(&format!(
        "/usr/bin/env > {}\nprintf 'apiVersion: v1\\nkind: A\\nmetadata: {{name: a}}\\n'",
        seen.display()
    ));
    let mut run = bench.xtask("render").helm(&helm);
    let foreign =
        ["HELM_PLUGINS", "HELM_DRIVER", "HELM_KUBETOKEN", "KUBECONFIG", "GIT_DIR", "LD_PRELOAD", "GITHUB_TOKEN"];
    for name in foreign {
        run = run.env(name, "planted");
    }
    run.run();
    let seen = fs::read_to_string(seen).expect("the stub ran");
    assert!(!seen.contains("planted"), "{seen}");
    for name in ["HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"] {
        assert!(seen.contains(&format!("\n{name}=")) || seen.starts_with(name), "{seen}");
    }
}

#[test]
fn ci_does_not_believe_a_render_lock() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    bench.xtask("render --accept").helm(&helm).run().says(0, &[]);
    let folder = bench.root().join("tests/golden/web/default");
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("readable");
    let (golden, lock) = (read("configmap-web.yaml"), read("render.lock"));
    let forged = golden.replace("name: web\n", "name: web\n  labels: {forged: \"yes\"}\n");
    let sum = |text: &str| toolbox::archive::sha256(text.as_bytes());
    fs::write(folder.join("configmap-web.yaml"), &forged).expect("written");
    fs::write(folder.join("render.lock"), lock.replace(&sum(&golden), &sum(&forged))).expect("written");
    bench.xtask("render").helm(&helm).run().says(0, &["web/default: fresh"]);
    let answer = bench.xtask("ci").helm(&helm).run();
    assert!(answer.stderr.contains("golden-differs") && answer.stdout.contains("forged"), "{answer}");
}

#[test]
fn a_checkout_and_a_cache_without_write_access_still_give_a_result() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    bench.xtask("render --accept").helm(&helm).run().says(0, &[]);
    // Root may write anywhere, so the cache is a file.
    let cache = bench.base().join("not-a-directory");
    fs::write(&cache, "").expect("written");
    bench.write("charts/web/values.yaml", "a: 1\n");
    let answer = bench.xtask("render --force").helm(&helm).env("XTASK_CACHE_DIR", &cache).run();
    assert!(answer.stdout.contains("web/default: unchanged"), "{answer}");
}
