//! The fixtures: each folder in tests/fixtures is a test; its README tells what is in one.
//!
//! `FIXTURES=<part of a name>` runs only some, `UPDATE_FIXTURES=1` writes what they tell now as what they should tell.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use similar::TextDiff;

use crate::support::{Answer, Bench, HELM_3, HELM_4, ci, copy, helm, kubeconform, lay_schemas, repository, tree};

#[test]
fn every_fixture_tells_what_is_expected() {
    let update = std::env::var("UPDATE_FIXTURES").is_ok_and(|value| value == "1");
    assert!(!(update && ci()), "UPDATE_FIXTURES is refused where CI is set: somebody has to look at what it writes");
    let wanted = std::env::var("FIXTURES").unwrap_or_default();
    let mut folders: Vec<PathBuf> = fs::read_dir(repository().join("tests/fixtures"))
        .expect("readable")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.is_dir() && path.to_string_lossy().contains(&wanted))
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no fixture has `{wanted}` in its name");

    let next = AtomicUsize::new(0);
    let failures = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    // A failure of one is no reason not to hear of the others.
                    let check = std::panic::AssertUnwindSafe(|| Fixture { folder }.check(update));
                    let told = std::panic::catch_unwind(check).unwrap_or_else(|panic| {
                        let text = panic.downcast_ref::<String>().cloned();
                        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
                    });
                    if !told.is_empty() {
                        failures.lock().expect("whole").insert(name, told);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("whole");
    let told = failures.iter().fold(String::new(), |mut told, (name, failure)| {
        let _ = writeln!(told, "\n=== tests/fixtures/{name}\n{failure}");
        told
    });
    let names: Vec<_> = failures.keys().map(String::as_str).collect();
    assert!(failures.is_empty(), "{told}\n{} of {} failed: {}", names.len(), folders.len(), names.join(", "));
}

struct Fixture<'a> {
    folder: &'a Path,
}

impl Fixture<'_> {
    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }

    fn delete(&self, bench: &Bench) {
        for path in self.read("deleted").unwrap_or_default().lines() {
            fs::remove_file(bench.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
    }

    /// Runs the fixture; what is told is what is wrong.
    fn check(&self, update: bool) -> String {
        assert!(self.read("about").is_some_and(|about| about.lines().count() == 1), "`about` should be one line");
        let variables = self.read("env").unwrap_or_default();
        let version = if variables.contains("[HELM3]") { HELM_3 } else { HELM_4 };
        // What was there before was recorded with the Helm of charts.toml.
        let recorder = self.folder.join("before").is_dir().then(|| helm(HELM_4));
        let tells = |name: &str, text: &str| self.read(name).is_none_or(|told| told.contains(text));
        let args = self.read("args").unwrap_or_else(|| "render".to_owned());
        // `lint` asks helm even where nothing has to be rendered.
        let renders = recorder.is_some()
            || args.starts_with("lint")
            || tells("expected.stderr", "   Rendering ")
            || tells("expected.stdout", "\"reasons\": [\n")
            // Its JSON does not say what it rendered.
            || args.contains("validate") && tells("expected.stdout", "\"objects\": ");
        let helm = if renders || update {
            let Some(helm) = helm(version) else { return String::new() };
            helm
        } else {
            // Whoever starts it all the same is found out.
            PathBuf::from("/nowhere/helm")
        };

        // A run that got as far as kubeconform counts the objects that it judged.
        let validates = args.starts_with("validate")
            && (update || tells("expected.stderr", " object") || tells("expected.stdout", "\"objects\": "));
        let kubeconform = if validates {
            let Some(kubeconform) = kubeconform() else { return String::new() };
            kubeconform
        } else {
            PathBuf::from("/nowhere/kubeconform")
        };

        let bench = Bench::new();
        for folder in ["mirror", "cache"] {
            if self.folder.join(folder).is_dir() {
                copy(&self.folder.join(folder), &bench.base().join(folder));
            }
        }
        let workspace = self.folder.join("workspace");
        if let Some(base) = self.read("base") {
            copy(&self.folder.with_file_name(base.trim()).join("workspace"), &bench.root());
        }
        if workspace.is_dir() {
            copy(&workspace, &bench.root());
        }
        if recorder.is_none() {
            self.delete(&bench);
        }
        if let Some(recorder) = recorder {
            let Some(recorder) = recorder else { return String::new() };
            copy(&self.folder.join("before"), &bench.root());
            let accepted = bench.xtask("render --accept").helm(&recorder).run();
            assert_eq!(accepted.code, Some(0), "what was there before cannot be recorded:\n{accepted}");
            let goldens = bench.base().join("goldens");
            fs::rename(bench.root().join("tests/golden"), &goldens).expect("moved");
            fs::remove_dir_all(bench.root()).expect("removed");
            copy(&goldens, &bench.root().join("tests/golden"));
            copy(&workspace, &bench.root());
            self.delete(&bench);
        }

        if self.folder.join("schemas").is_file() {
            lay_schemas(&bench.root());
            copy(&workspace, &bench.root());
        }
        let earlier = tree(&bench.root());
        let mut run = bench.xtask(&args).helm(&helm).kubeconform(&kubeconform);
        for line in variables.lines().filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once('=').expect("NAME=value");
            let mirror = bench.base().join("mirror").display().to_string();
            let helm = helm.display().to_string();
            run = run.env(name, value.replace("[MIRROR]", &mirror).replace("[HELM3]", &helm));
        }
        let answer = run.run();
        let later = tree(&bench.root());

        let mut wrong = String::new();
        for secret in self.read("never").unwrap_or_default().lines() {
            if answer.stdout.contains(secret) || answer.stderr.contains(secret) {
                let _ = writeln!(wrong, "`{secret}` is told:\n{answer}");
            }
        }
        let left_over = bench.left_over();
        if !left_over.is_empty() {
            let _ = writeln!(wrong, "left behind in TMPDIR: {left_over:?}");
        }
        let told = Told { written: written(&earlier, &later), removed: removed(&earlier, &later), answer };
        if update && wrong.is_empty() {
            self.update(&told);
        } else {
            wrong.push_str(&self.compare(&told));
        }
        wrong
    }

    fn compare(&self, told: &Told) -> String {
        let mut wrong = String::new();
        for (name, now) in told.texts() {
            match self.read(name) {
                None if name == "expected.removed" && now.is_empty() => {}
                None => {
                    let _ = writeln!(wrong, "{name} is missing; now:\n{now}");
                }
                Some(expected) => wrong.push_str(&difference(name, &expected, &now)),
            }
        }
        let expected = tree(&self.folder.join("expected"));
        for (path, bytes) in &told.written {
            let name = format!("expected/{}", path.display());
            match expected.get(path) {
                None => {
                    let _ = writeln!(wrong, "{name} is missing: the run wrote it");
                }
                Some(text) => {
                    let (text, now) = (String::from_utf8_lossy(text), String::from_utf8_lossy(bytes));
                    wrong.push_str(&difference(&name, &text, &now));
                }
            }
        }
        for path in expected.keys().filter(|path| !told.written.contains_key(*path)) {
            let _ = writeln!(wrong, "expected/{}: the run did not write it", path.display());
        }
        wrong
    }

    fn update(&self, told: &Told) {
        for (name, now) in told.texts() {
            let path = self.folder.join(name);
            if name == "expected.removed" && now.is_empty() {
                let _ = fs::remove_file(path);
            } else {
                fs::write(path, now).expect("written");
            }
        }
        let expected = self.folder.join("expected");
        let _ = fs::remove_dir_all(&expected);
        for (path, bytes) in &told.written {
            let path = expected.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            fs::write(path, bytes).expect("written");
        }
    }
}

/// All that a run did.
struct Told {
    answer: Answer,
    written: BTreeMap<PathBuf, Vec<u8>>,
    removed: String,
}

impl Told {
    fn texts(&self) -> [(&'static str, String); 4] {
        let code = self.answer.code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
        [
            ("expected.code", format!("{code}\n")),
            ("expected.stdout", self.answer.stdout.clone()),
            ("expected.stderr", self.answer.stderr.clone()),
            ("expected.removed", self.removed.clone()),
        ]
    }
}

type Tree = BTreeMap<PathBuf, Vec<u8>>;

fn written(earlier: &Tree, later: &Tree) -> Tree {
    let changed = later.iter().filter(|(path, bytes)| earlier.get(*path) != Some(bytes));
    changed.map(|(path, bytes)| (path.clone(), readable(path, bytes))).collect()
}

/// An archive is known by the files in it: how they are packed may change with the library.
fn readable(path: &Path, bytes: &[u8]) -> Vec<u8> {
    if path.extension().is_none_or(|end| end != "tgz") {
        return bytes.to_vec();
    }
    let files = toolbox::archive::read("archive", bytes).expect("an archive");
    format!("{}\n", toolbox::archive::tree_digest(&files)).into_bytes()
}

fn removed(earlier: &Tree, later: &Tree) -> String {
    earlier.keys().filter(|path| !later.contains_key(*path)).fold(String::new(), |mut text, path| {
        let _ = writeln!(text, "{}", path.display());
        text
    })
}

fn difference(name: &str, expected: &str, now: &str) -> String {
    if expected == now {
        return String::new();
    }
    let diff = TextDiff::from_lines(expected, now);
    format!("{}\n", diff.unified_diff().context_radius(3).header(name, "now"))
}
