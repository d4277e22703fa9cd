//! Habits of this repository that no compiler holds.

use std::path::{Path, PathBuf};
use std::process::Command;

use diagnostics::Code;

use crate::support::repository;

/// The source files of the tool, with their texts.
fn sources() -> Vec<(PathBuf, String)> {
    let crates = std::fs::read_dir(repository().join("crates")).expect("readable");
    let mut folders: Vec<PathBuf> = crates.map(|entry| entry.expect("readable").path().join("src")).collect();
    folders.push(repository().join("xtask/src"));
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).expect("text");
                files.push((path, text));
            }
        }
    }
    files.sort();
    files
}

/// Lines that a test accepts, each with its place, for people to go to.
fn lines(wanted: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        let name = path.strip_prefix(repository()).expect("inside").to_path_buf();
        for (index, line) in text.lines().enumerate() {
            if wanted(&name, line) {
                found.push(format!("{}:{}: {}", name.display(), index + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn nothing_is_left_from_building_it() {
    // In two parts each, so that this file is not found by whoever searches for them.
    let words = [["db", "g!("], ["tod", "o!("], ["unimple", "mented!("], ["FIX", "ME"], ["XX", "X:"]]
        .map(|parts| parts.concat());
    assert_eq!(lines(|_, line| words.iter().any(|word| line.contains(word.as_str()))), Vec::<String>::new());
}

#[test]
fn one_file_prints_and_one_spawns() {
    let prints = ["println!(", "eprintln!(", "print!(", "eprint!(", "io::stdout()", "io::stderr()"];
    let tests = ["tests.rs", "testing.rs", "tools/probe.rs"];
    let printing = |path: &Path, line: &str| {
        !path.ends_with("xtask/src/report.rs")
            && prints.iter().any(|word| line.contains(word))
            // Tests say why they are skipped, and one of them stands in for a program that prints.
            && !tests.iter().any(|end| path.ends_with(end))
    };
    assert_eq!(lines(printing), Vec::<String>::new(), "only report.rs prints");
    let spawns = ["Command::new(", "duct::cmd"];
    let spawning = |path: &Path, line: &str| {
        !path.ends_with("toolbox/src/process.rs")
            && spawns.iter().any(|word| line.contains(word))
            && !line.contains("//")
    };
    assert_eq!(lines(spawning), Vec::<String>::new(), "only process.rs spawns");
}

#[test]
fn every_code_is_used() {
    let texts: String = sources().into_iter().map(|(_, text)| text).collect();
    let unused: Vec<_> = Code::ALL.iter().filter(|code| !texts.contains(&format!("Code::{code:?}"))).collect();
    assert!(unused.is_empty(), "no diagnostic has {unused:?}: delete them from crates/diagnostics");
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent = sources().into_iter().filter(|(_, text)| !text.starts_with("//!") && !text.starts_with("use super"));
    let silent: Vec<_> = silent.map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "no `//!` at the top of {silent:?}");
}

#[test]
fn the_changelog_knows_this_version() {
    let changelog = std::fs::read_to_string(repository().join("CHANGELOG.md")).expect("CHANGELOG.md");
    let version = env!("CARGO_PKG_VERSION");
    assert!(changelog.contains(version), "CHANGELOG.md does not mention {version}, the version of the xtask crate");
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    // Only what git knows or would add: what people keep beside it is theirs. Without git there is nothing to ask.
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(repository());
    let Ok(output) = git.output() else { return };
    if !output.status.success() {
        return;
    }
    let places = [["/wor", "k/"], ["/hom", "e/"], ["/Us", "ers/"], ["/roo", "t/"], ["/tmp/", "."], ["C:", "\\"]]
        .map(|parts| parts.concat());
    let mut found = Vec::new();
    for name in String::from_utf8_lossy(&output.stdout).split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = std::fs::read_to_string(repository().join(name)) else { continue };
        for (index, line) in text.lines().enumerate() {
            if places.iter().any(|place| line.contains(place.as_str())) {
                found.push(format!("{name}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "these hold on one machine only:\n{}", found.join("\n"));
}
