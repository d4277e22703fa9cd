//! `review`, with a person at a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::Bench;
use crate::terminal::terminal;

/// A stub for Helm that prints a file of the chart.
const PRINTS: &str = "exec /bin/cat rendered";

/// Objects with a text each.
fn objects(texts: &[(&str, &str)]) -> String {
    let object = |(name, text): &(&str, &str)| {
        format!(
            "---\n# Source: web/templates/{name}.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  text: {text}\n"
        )
    };
    texts.iter().map(object).collect()
}

/// A workspace with goldens of two targets, `web/default` and `web/large`, in which objects changed since.
struct Scene {
    bench: Bench,
    helm: std::path::PathBuf,
}

impl Scene {
    fn new(old: &[(&str, &str)], new: &[(&str, &str)]) -> Self {
        let bench = Bench::of("accept");
        let helm = bench.stub(PRINTS);
        bench.write("charts/web/ci/large-values.yaml", "size: 9\n");
        bench.write("charts/web/rendered", &objects(old));
        bench.xtask("render --accept").helm(&helm).run().says(0, &["2 recorded"]);
        bench.write("charts/web/rendered", &objects(new));
        Self { bench, helm }
    }

    fn review(&self, args: &str) -> Review {
        let (screen, terminal) = terminal();
        let child = self.bench.xtask(&format!("review {args}")).helm(&self.helm).attended(&terminal);
        Review { screen, child, seen: String::new() }
    }

    fn golden(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.bench.root().join("tests/golden").join(path)).ok()
    }
}

/// A running review.
struct Review {
    screen: File,
    child: Child,
    /// What was printed since the last answer.
    seen: String,
}

impl Review {
    /// Waits for a text, or for the end of the program.
    fn wait_for(&mut self, text: Option<&str>) {
        let mut buffer = [0; 4096];
        while !text.is_some_and(|text| self.seen.contains(text)) {
            // On Linux, reading fails once the other side is closed.
            match self.screen.read(&mut buffer) {
                Ok(count) if count > 0 => self.seen.push_str(&String::from_utf8_lossy(&buffer[..count])),
                _ => break,
            }
        }
    }

    /// Waits for a question, and returns what was shown before it.
    fn question(&mut self, number: &str) -> String {
        self.wait_for(Some(&format!("({number}) Accept this change [y,n,s,a,q,?]? ")));
        std::mem::take(&mut self.seen)
    }

    fn answer(&mut self, key: &str) {
        self.screen.write_all(key.as_bytes()).expect("typed");
    }

    /// Waits for the end, and returns the exit code and the rest of the output.
    fn end(mut self) -> (Option<i32>, String) {
        self.wait_for(None);
        (self.child.wait().expect("ends").code(), self.seen.replace('\r', ""))
    }
}

#[test]
fn accepted_changes_are_recorded_for_every_target_that_has_them() {
    let scene = Scene::new(&[("a", "one"), ("b", "one")], &[("a", "two"), ("b", "one"), ("c", "new")]);
    let mut review = scene.review("");
    let shown = review.question("1/2");
    assert!(shown.contains("web/default: modified ConfigMap") && shown.contains("also in web/large"), "{shown}");
    assert!(shown.contains("-  text: one") && shown.contains("+  text: two"), "{shown}");
    review.answer("?\n");
    assert!(review.question("1/2").contains("Ctrl-C records nothing"));
    review.answer("y\n");
    assert!(review.question("2/2").contains("web/default: added ConfigMap"));
    assert!(!scene.golden("web/default/configmap-a.yaml").expect("a golden").contains("two"), "not before the end");
    review.answer("yes\n");
    let (code, rest) = review.end();
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("web/default: recorded") && rest.contains("web/large: recorded"), "{rest}");
    scene.bench.xtask("render").helm(&scene.helm).run().says(0, &["2 targets: 2 fresh"]);
}

#[test]
fn a_target_with_a_rejected_change_keeps_its_goldens() {
    let scene = Scene::new(&[("a", "one"), ("b", "one")], &[("a", "two"), ("b", "three")]);
    let before = scene.bench.goldens();
    let mut review = scene.review("web/default");
    review.question("1/2");
    review.answer("y\n");
    review.question("2/2");
    review.answer("n\n");
    let (code, rest) = review.end();
    assert_eq!(code, Some(1), "{rest}");
    assert!(rest.contains("web/default: not recorded: 1 rejected of 2 changes"), "{rest}");
    assert!(rest.contains("error[golden-differs]: 1 target still differs from its goldens"), "{rest}");
    assert_eq!(scene.bench.goldens(), before);
}

#[test]
fn the_rest_is_accepted_or_left_and_the_end_of_the_input_leaves_it() {
    let (old, new) = ([("a", "one"), ("b", "one")], [("a", "two"), ("b", "three")]);
    let scene = Scene::new(&old, &new);
    for key in ["q\n", "\u{4}"] {
        let before = scene.bench.goldens();
        let mut review = scene.review("");
        review.question("1/2");
        review.answer(key);
        let (code, rest) = review.end();
        assert_eq!(code, Some(1), "{rest}");
        assert!(rest.contains("2 skipped of 2 changes"), "{rest}");
        assert_eq!(scene.bench.goldens(), before);
    }
    let mut review = scene.review("");
    review.question("1/2");
    review.answer("a\n");
    assert_eq!(review.end().0, Some(0));
    assert!(scene.golden("web/large/configmap-b.yaml").expect("a golden").contains("three"));
}

#[test]
fn an_interrupted_review_records_nothing() {
    let scene = Scene::new(&[("a", "one"), ("b", "one")], &[("a", "two"), ("b", "three")]);
    let before = scene.bench.goldens();
    let mut review = scene.review("");
    review.question("1/2");
    review.answer("y\n");
    review.question("2/2");
    let pid = Pid::from_raw(i32::try_from(review.child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::INT).expect("sent");
    let (code, rest) = review.end();
    assert_eq!(code, Some(130), "{rest}");
    assert_eq!(scene.bench.goldens(), before);
}

#[test]
fn a_renamed_application_and_goldens_of_none_are_decided_like_changes() {
    let scene = Scene::new(&[("a", "one")], &[("a", "one")]);
    scene.bench.write("tests/golden/gone/default/configmap-x.yaml", "apiVersion: v1\n");
    let mut review = scene.review("");
    assert!(review.question("1/1").contains("tests/golden/gone: no target renders these goldens"));
    review.answer("y\n");
    let (code, rest) = review.end();
    assert_eq!(code, Some(0), "{rest}");
    assert!(
        scene.golden("gone/default/configmap-x.yaml").is_none()
            && scene.golden("web/default/configmap-a.yaml").is_some()
    );
}
