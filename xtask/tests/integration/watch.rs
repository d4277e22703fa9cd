//! `render --watch`.

use std::fs;
use std::io::{PipeReader, Read};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::Bench;

const CONFIG: &str = "repository = \"https://git.example.org/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.11\"\n";

/// The output of a run that goes on, and how to wait for it.
struct Watching {
    child: Child,
    output: Arc<Mutex<String>>,
}

impl Watching {
    fn new((child, mut stream): (Child, PipeReader)) -> Self {
        let output = Arc::new(Mutex::new(String::new()));
        let copy = Arc::clone(&output);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                copy.lock().expect("a text").push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        Self { child, output }
    }

    /// Waits until the output has a text, and what a run prints at its end. Returns it, and begins again.
    #[track_caller]
    fn until(&self, text: &str) -> String {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(30) {
            let mut output = self.output.lock().expect("a text");
            if output.contains(text) && output.ends_with("press Ctrl-C to stop\n") {
                return std::mem::take(&mut output);
            }
            drop(output);
            thread::sleep(Duration::from_millis(5));
        }
        panic!("{text:?} is not in:\n{}", self.output.lock().expect("a text"));
    }

    /// How many runs ended while nothing changed.
    fn rest(&self) -> usize {
        thread::sleep(Duration::from_millis(400));
        let output = std::mem::take(&mut *self.output.lock().expect("a text"));
        output.matches("press Ctrl-C to stop").count()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_save_is_rendered_once() {
    let bench = Bench::new();
    bench.write("charts.toml", CONFIG);
    let application = |name: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\n  namespace: argocd\nspec:\n  project: home\n  \
             source:\n    repoURL: https://git.example.org/home.git\n    targetRevision: main\n    path: apps/{name}\n  \
             destination:\n    server: https://kubernetes.default.svc\n    namespace: shop\n"
        )
    };
    let map = |name: &str, size: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  size: \"{size}\"\n")
    };
    bench.write("argocd/one.yaml", &application("one"));
    bench.write("apps/one/a.yaml", &map("a", "1"));
    bench.xtask("render --accept").run().says(0, &[]);

    let mut watching = Watching::new(bench.xtask("render --watch").piped());
    watching.until("1 target: 1 fresh");
    bench.write("apps/one/a.yaml", &map("a", "2"));
    let changed = watching.until("+  size: \"2\"");
    assert!(changed.contains("one/default: 1 modified") && changed.contains("golden-differs"), "{changed}");
    // Nothing that is to be seen changes.
    bench.write("README.md", "text\n");
    let same = watching.until("1 changed in");
    assert!(!same.contains("size"), "{same}");
    bench.write("apps/one/a.yaml", &map("a", "1"));
    watching.until("1 target: 1 fresh");

    // New and removed files, directories, and Applications.
    bench.write("apps/one/b.yaml", &map("b", "1"));
    watching.until("added ConfigMap b");
    fs::remove_file(bench.root().join("apps/one/b.yaml")).expect("removed");
    watching.until("1 target: 1 fresh");
    bench.write("apps/two/a.yaml", &map("c", "1"));
    bench.write("argocd/two.yaml", &application("two"));
    watching.until("two/default: 1 added");
    bench.write("apps/two/a.yaml", &map("c", "3"));
    watching.until("+  size: \"3\"");
    fs::remove_dir_all(bench.root().join("apps/two")).expect("removed");
    fs::remove_file(bench.root().join("argocd/two.yaml")).expect("removed");
    watching.until("1 target: 1 fresh");

    // An error, and its end.
    bench.replace("charts.toml", "3.5", "x");
    watching.until("error[config-invalid]");
    bench.replace("charts.toml", "\"x\"", "\"3.5\"");
    watching.until("1 target: 1 fresh");

    // Many files at once are one change.
    assert_eq!(watching.rest(), 0);
    for number in 0..100 {
        bench.write(&format!("apps/one/many{number}.yaml"), &map(&format!("m{number}"), "1"));
    }
    watching.until("100 added");
    let again = watching.rest();
    assert!(again <= 1, "{again} more runs");

    let pid = watching.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().is_ok_and(|status| status.success()));
    assert_eq!(watching.child.wait().expect("ended").code(), Some(130));
    assert!(bench.left_over().is_empty());
}

#[test]
fn watching_prints_no_json_and_accepts_nothing() {
    let bench = Bench::new();
    bench.write("charts.toml", CONFIG);
    bench.xtask("render --watch --format json").run().says(2, &["`--watch` prints no JSON"]);
    bench.xtask("render --watch --accept").run().says(2, &["cannot be used with"]);
}
