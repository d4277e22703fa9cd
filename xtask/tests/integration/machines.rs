//! Bad machines: what is read-only, missing, or scarce, and runs that are killed. The result is the same, or an error that
//! says why, and what was recorded is whole.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::hostile::{CONFIG_MAP, application, workspace};
use crate::support::{Answer, Bench, HELM_4, Run, copy, helm, pack, tree};

/// Starts a program for which the modes of files hold, also if it runs as root.
const BOUND: &[&str] = &["/usr/bin/setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"];

/// Starts a program with few file descriptors.
const FEW_FILES: &[&str] = &["/bin/sh", "-c", "ulimit -n 32; exec \"$0\" \"$@\""];

/// A workspace with goldens, of which one chart changed since.
fn changed() -> Option<(Bench, PathBuf)> {
    let helm = helm(HELM_4)?;
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    for name in ["one", "two", "three"] {
        bench.write(&format!("argocd/{name}.yaml"), &application(name, "charts/web").replace("shop", name));
    }
    bench.xtask("render --accept").helm(&helm).run().says(0, &[]);
    bench.write("charts/web/templates/a.yaml", &format!("{CONFIG_MAP}data: {{a: b}}\n"));
    Some((bench, helm))
}

/// Makes a directory and what is in it read-only, or writable again.
fn protect(folder: &Path, writable: bool) {
    let mode = |path: &Path, folder: bool| {
        let mode = if folder { 0o555 } else { 0o444 } | if writable { 0o200 } else { 0 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
    };
    for path in tree(folder).into_keys().map(|name| folder.join(name)).filter(|path| !path.is_symlink()) {
        mode(&path, false);
    }
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        mode(&next, true);
        let entries = fs::read_dir(&next).expect("readable").map(|entry| entry.expect("readable").path());
        folders.extend(entries.filter(|path| path.is_dir() && !path.is_symlink()));
    }
}

/// As root, only `setpriv` makes modes hold.
fn bound<'a>(bench: &'a Bench, args: &str) -> Run<'a> {
    let root = rustix::process::geteuid().is_root();
    bench.through(if root { BOUND } else { &[] }, args)
}

/// The result on standard output.
fn result(answer: &Answer) -> (Option<i32>, &str) {
    (answer.code, &answer.stdout)
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_read_only_changes_no_result() {
    let Some((bench, helm)) = changed() else { return };
    for args in ["render", "render --force", "diff", "lint", "ci", "argocd list", "deps", "pending", "outdated"] {
        let expected = bench.xtask(args).helm(&helm).run();
        for place in ["workspace", "cache", "tmp"] {
            let folder = bench.base().join(place);
            protect(&folder, false);
            let answer = bound(&bench, args).helm(&helm).run();
            protect(&folder, true);
            if place == "tmp" && answer.code != expected.code {
                // Programs need a temporary directory.
                answer.says(3, &["[TEMP]/tmp"]);
            } else {
                assert_eq!(
                    result(&answer),
                    result(&expected),
                    "{args}, read-only {place}: {answer}\nexpected: {expected}"
                );
            }
            assert!(!answer.stderr.contains("panicked"), "{args}, read-only {place}: {answer}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn writing_into_a_read_only_checkout_is_an_error() {
    let Some((bench, helm)) = changed() else { return };
    for args in [
        "render --accept",
        "lint --fix",
        "argocd set-repository https://git.example.net/home.git",
        "new shop --namespace other",
    ] {
        protect(&bench.root(), false);
        let before = tree(&bench.root());
        let answer = bound(&bench, args).helm(&helm).run();
        protect(&bench.root(), true);
        assert!(answer.code == Some(3) || args == "lint --fix", "{args}: {answer}");
        assert!(answer.stderr.contains("Permission denied") || args == "lint --fix", "{args}: {answer}");
        assert_eq!(tree(&bench.root()), before, "{args}: {answer}");
    }
}

/// Sets a condition of a run.
type Set = fn(Run<'_>) -> Run<'_>;

#[test]
fn the_environment_changes_no_result() {
    let Some((bench, helm)) = changed() else { return };
    for args in ["render --force", "diff", "lint", "ci", "argocd list"] {
        let expected = bench.xtask(args).helm(&helm).run();
        let conditions: &[(&str, Set)] = &[
            ("a locale without the language", |run| run.env("LC_ALL", "C").env("LANG", "C")),
            ("a locale with other rules for letters", |run| {
                run.env("LC_ALL", "tr_TR.UTF-8").env("LANG", "tr_TR.UTF-8")
            }),
            ("an unknown locale", |run| run.env("LC_ALL", "xx_XX.nothing").env("LANGUAGE", "\u{fffd}")),
            ("no home", |run| run.without("HOME")),
            ("a home that does not exist", |run| run.env("HOME", "/nonexistent")),
            ("the clock at its start", |run| run.env("XTASK_NOW", "0")),
            ("the clock far ahead", |run| run.env("XTASK_NOW", "32503680000")),
            ("another time zone", |run| run.env("TZ", "Pacific/Kiritimati")),
            ("an unknown terminal", |run| run.env("TERM", "\u{1b}[31m").env("COLUMNS", "1")),
        ];
        for (condition, set) in conditions {
            let answer = set(bench.xtask(args).helm(&helm)).run();
            assert_eq!(result(&answer), result(&expected), "{args}, {condition}: {answer}\nexpected: {expected}");
        }
        let answer = bench.through(FEW_FILES, args).helm(&helm).run();
        assert_eq!(result(&answer), result(&expected), "{args}, few file descriptors: {answer}\nexpected: {expected}");
    }
}

#[test]
fn the_path_of_the_checkout_changes_no_result() {
    let Some((bench, helm)) = changed() else { return };
    let mut names =
        vec![b"with blanks".to_vec(), b"line\nbreak".to_vec(), b"-option".to_vec(), "\u{e9}\u{202e}".into()];
    if cfg!(target_os = "linux") {
        names.push(b"not \xff UTF-8".to_vec());
    }
    for args in ["render --force", "diff", "lint", "ci", "argocd list"] {
        let expected = bench.xtask(args).helm(&helm).run();
        for name in &names {
            let root = bench.base().join(std::ffi::OsString::from_vec(name.clone()));
            copy(&bench.root(), &root);
            let answer = bench.xtask(args).root(&root).helm(&helm).run();
            fs::remove_dir_all(&root).expect("removed");
            assert_eq!(
                result(&answer),
                result(&expected),
                "{args}, {}: {answer}\nexpected: {expected}",
                root.display()
            );
        }
    }
}

#[test]
fn two_runs_that_accept_take_turns() {
    let Some((bench, helm)) = changed() else { return };
    let expected = {
        let other = Bench::new();
        copy(&bench.root(), &other.root());
        other.xtask("render --accept").helm(&helm).run().says(0, &[]);
        other.goldens()
    };
    for _ in 0..5 {
        let children: Vec<_> = (0..3).map(|_| bench.xtask("render --accept --force").helm(&helm).spawn()).collect();
        for mut child in children {
            assert_eq!(child.wait().expect("ended").code(), Some(0));
        }
        assert!(bench.goldens() == expected, "the goldens are not whole");
    }
}

/// A command that writes: its arguments, and whether the next run completes what a killed one began.
const WRITING: &[(&str, bool)] = &[
    ("render --accept", true),
    ("render --output out", true),
    ("ci --junit out/report.xml --html out/report.html --sarif out/report.sarif --markdown out/report.md", true),
    ("lint --fix", true),
    ("argocd set-repository https://git.example.net/home.git", true),
    ("man --output out", true),
    ("cache gc --limit 0", true),
    ("render --force --timings=out/timings.json", true),
];

#[test]
fn a_kill_at_any_time_leaves_whole_files() {
    let Some((original, helm)) = changed() else { return };
    original.write("charts/web/README.md", "# web\n\n<!-- values -->\n<!-- /values -->\n");
    original.write("charts/web/values.yaml", "# -- A value.\na: 1\n");
    original.write("out/keep.txt", "kept\n");
    for (args, completed) in WRITING {
        killed(&original, args, *completed, &helm);
    }
}

#[test]
fn a_kill_of_init_leaves_whole_files() {
    let Some((original, helm)) = changed() else { return };
    fs::remove_file(original.root().join("charts.toml")).expect("removed");
    killed(&original, "init", false, &helm);
}

#[test]
fn a_kill_of_deps_leaves_whole_files() {
    let Some((original, helm)) = changed() else { return };
    let mut chart = "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies:\n".to_owned();
    for name in ["a", "b", "c"] {
        chart += &format!("  - {{name: {name}, version: 1.0.0, repository: \"https://charts.example.org\"}}\n");
        let files = [
            ("Chart.yaml", format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n")),
            ("templates/a.yaml", CONFIG_MAP.to_owned()),
            // So that writing takes time.
            ("files/random", (0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_string()).collect()),
        ];
        let files = files.map(|(path, text)| (Path::new(name).join(path), text.into_bytes()));
        fs::create_dir_all(original.root().join("mirror")).expect("created");
        fs::write(original.root().join(format!("mirror/{name}-1.0.0.tgz")), pack(files.into())).expect("written");
    }
    original.write("charts/web/Chart.yaml", &chart);
    killed(&original, "deps --update", true, &helm);
}

#[test]
fn a_kill_of_schemas_leaves_whole_files() {
    let Some((original, helm)) = changed() else { return };
    let mut definitions = serde_json::Map::new();
    for number in 0..200 {
        let kind = if number == 0 { "ConfigMap".to_owned() } else { format!("Kind{number}") };
        let text = serde_json::json!({ "type": "string" });
        let named = serde_json::json!([{ "group": "", "version": "v1", "kind": kind }]);
        let definition = serde_json::json!({
            "type": "object",
            "properties": { "apiVersion": text, "kind": text, "metadata": { "type": "object" }, "data": { "type": "object" } },
            "x-kubernetes-group-version-kind": named,
        });
        definitions.insert(format!("io.k8s.api.core.v1.{kind}"), definition);
    }
    let info = serde_json::json!({ "title": "Kubernetes", "version": "v1.34.11" });
    let document = serde_json::json!({ "swagger": "2.0", "info": info, "paths": {}, "definitions": definitions });
    original.write("openapi.json", &document.to_string());
    killed(&original, "schemas --from openapi.json", true, &helm);
}

/// Prepares a run of which the mirror may be in the workspace.
fn prepared<'a>(bench: &'a Bench, args: &str, helm: &Path) -> Run<'a> {
    bench.xtask(args).helm(helm).env("XTASK_CHART_MIRROR", bench.root().join("mirror"))
}

/// Kills a command at several moments, each in a copy of a workspace. If a run completes what a killed one began, it runs once
/// more.
fn killed(original: &Bench, args: &str, completed: bool, helm: &Path) {
    let fresh = || {
        let bench = Bench::new();
        copy(&original.root(), &bench.root());
        bench
    };
    let bench = fresh();
    let before = tree(&bench.root());
    let began = Instant::now();
    let answer = prepared(&bench, args, helm).run();
    let whole = began.elapsed();
    assert!(matches!(answer.code, Some(0..=2)), "{args}: {answer}");
    let after = tree(&bench.root());
    for round in 0..6_u32 {
        let bench = fresh();
        let mut child = prepared(&bench, args, helm).spawn();
        std::thread::sleep(whole.mul_f64(f64::from(round) / 5.0));
        let _ = child.kill();
        let _ = child.wait();
        mixed(args, &before, &after, &tree(&bench.root()));
        if completed {
            let answer = prepared(&bench, args, helm).run();
            assert!(matches!(answer.code, Some(0..=2)), "{args} after a kill: {answer}");
            // A later run removes a temporary file that a killed one was writing.
            let now = tree(&bench.root());
            let left = now.keys().filter(|path| !path.to_string_lossy().contains(".xtask-"));
            assert_eq!(left.collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{args} after a kill");
        }
    }
}

/// Checks that each file is as it was, or as it is written; only files with the time in them may have other contents.
fn mixed(args: &str, before: &Files, after: &Files, now: &Files) {
    for (path, bytes) in now {
        let known = [before.get(path), after.get(path)];
        let name = path.to_string_lossy();
        let staging = name.contains("/.") || name.starts_with(".xtask-");
        let timed = name.starts_with("out/report") || name.starts_with("out/timings");
        // Helm ends a lock with the time.
        let locked = name.ends_with("/Chart.lock") && bytes.ends_with(b"Z\"\n");
        let whole = known.contains(&Some(bytes)) || staging || timed && !bytes.is_empty() || locked;
        assert!(whole, "{args}: {name} is {:?}", String::from_utf8_lossy(bytes));
    }
    for path in before.keys() {
        let moved = path.starts_with("tests/golden");
        assert!(now.contains_key(path) || !after.contains_key(path) || moved, "{args}: {} is lost", path.display());
    }
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

#[test]
fn a_pipe_that_nobody_reads_is_not_waited_for_after_a_signal() {
    let Some((bench, helm)) = changed() else { return };
    bench.write(
        "charts/web/templates/a.yaml",
        &format!("{CONFIG_MAP}data:\n{}", "  a{{ randAlpha 9 }}: b\n".repeat(20_000)),
    );
    let (mut child, reader) = bench.xtask("render --force").helm(&helm).piped();
    std::thread::sleep(Duration::from_secs(4));
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("sent");
    let began = Instant::now();
    child.wait().expect("ends");
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    drop(reader);
}
