//! The demonstration in README.md, and the recording above it, are what the tool prints.

use std::fs;

use crate::support::{Bench, HELM_4, copy, helm, repository};

/// The change that README.md makes.
const CHANGE: (&str, &str) = ("messageSizeLimit: 10485760", "messageSizeLimit: 12345678");

/// The lines below a command in README.md, without the time that it took.
fn printed(command: &str) -> Vec<String> {
    let text = fs::read_to_string(repository().join("README.md")).expect("readable");
    let start = text.find(&format!("\n$ {command}\n")).expect("in README.md");
    let block = text[start + 1..].split("\n```").next().expect("a block");
    block.lines().skip(1).map(without_time).collect()
}

fn without_time(line: &str) -> String {
    match line.rsplit_once(" in ") {
        Some((rest, time)) if line.contains(" Finished ") && time.ends_with('s') => rest.to_owned(),
        _ => line.to_owned(),
    }
}

#[test]
fn the_demonstration_is_what_render_prints() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = Bench::new();
    for name in ["argocd", "charts", "schemas", "tests/golden"] {
        copy(&repository().join(name), &bench.root().join(name));
    }
    for name in ["charts.toml", "charts.lock", "tools.lock"] {
        fs::copy(repository().join(name), bench.root().join(name)).expect("copied");
    }
    bench.replace("charts/postfix/values.yaml", CHANGE.0, CHANGE.1);
    let answer = bench.xtask("render postfix/default").helm(&helm).run();
    let lines = |text: &str| text.lines().map(without_time).collect::<Vec<_>>();
    let shown = printed("cargo xtask render postfix/default");
    let (out, err) = (lines(&answer.stdout), lines(&answer.stderr));
    // A terminal shows both, and the progress first.
    let progress = err.iter().position(|line| line.starts_with("error")).unwrap_or(err.len());
    let expected: Vec<String> = [&err[..progress], &out, &err[progress..]].concat();
    assert_eq!(shown.join("\n"), expected.join("\n"), "README.md; then run .ci/recording, too");
}

#[test]
fn the_recording_shows_the_demonstration() {
    let picture = fs::read_to_string(repository().join("docs/recording.svg")).expect("readable");
    let mut text = String::new();
    let mut inside = false;
    for c in picture.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    for line in printed("cargo xtask render postfix/default").iter().filter(|line| !line.is_empty()) {
        // Long lines end at the edge of the picture.
        let start: String = line.trim().chars().take(60).collect();
        assert!(text.contains(&start), "`{line}` is not in docs/recording.svg: run .ci/recording");
    }
}
