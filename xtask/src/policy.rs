//! Policy checkers, programs that read a folder of manifests: what they find in one revision and not in another.
//!
//! A checker that crashes, or whose output cannot be read, is an error and never a clean result.

mod kube_linter;
mod output;
mod sarif;
mod violation;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use golden::FOLDER;
use toolbox::process::{self, Invocation};

pub use self::violation::Violation;
use self::violation::{Folder, Identity};

/// The time limit of a checker.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// What a checker found in two revisions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What it found only in the later one.
    pub new: Vec<Violation>,
    /// What it found in both.
    pub existing: Vec<Violation>,
    /// What it found only in the earlier one.
    pub fixed: Vec<Violation>,
}

/// Runs a checker over two folders of manifests in the layout of tests/golden, and compares what it finds.
///
/// `command` is a command line for `sh`; `{}` in it is the folder, which is otherwise its last argument.
pub fn compare(command: &str, root: &Path, base: &Path, head: &Path) -> Result<Comparison> {
    let before = run(command, root, base)?;
    let after = run(command, root, head)?;
    Ok(between(before, after))
}

/// A finding for each violation that is new.
#[must_use]
pub fn findings(command: &str, comparison: &Comparison) -> Diagnostics {
    let name = command.split_whitespace().next().unwrap_or(command);
    let finding = |violation: &Violation| {
        let rule = if violation.rule.is_empty() { String::new() } else { format!(" `{}`", violation.rule) };
        let object = violation.object.as_ref().map_or_else(String::new, |object| format!(" of {object}"));
        let first = violation.message.lines().next().unwrap_or_default().trim_end_matches('.');
        let message = format!("{name}: new violation{rule}{object}: {first}");
        let mut found = Diagnostic::new(Code::PolicyViolated, message);
        if let Some(file) = &violation.file {
            found = found.at(Place::file(format!("{FOLDER}/{file}")), "");
        }
        match &violation.help {
            Some(help) => found.help(help.clone()),
            None => found,
        }
    };
    Diagnostics(comparison.new.iter().map(finding).collect())
}

/// `2 new, 3 existing, 1 fixed violations`.
#[must_use]
pub fn summary(comparison: &Comparison) -> String {
    let Comparison { new, existing, fixed } = comparison;
    let (new, fixed) = (plural(new.len(), "new violation"), fixed.len());
    format!("{new}, {} existing, {fixed} fixed", existing.len())
}

/// What a checker finds in a folder.
fn run(command: &str, root: &Path, folder: &Path) -> Result<Vec<Violation>> {
    let failed = |why: String, notes: &[&str]| {
        let error = Diagnostic::new(Code::PolicyFailed, format!("`{command}` {why}"));
        let notes = notes.iter().map(|note| note.trim()).filter(|note| !note.is_empty());
        let error = notes.fold(error, |error, note| error.note(shortened(note)));
        Diagnostics::from(error.help("run it by hand with a directory that `cargo xtask render --output DIR` wrote"))
    };
    let shell = process::on_path("sh").ok_or_else(|| failed("requires `sh` on PATH".to_owned(), &[]))?;
    let script = if command.contains("{}") { command.replace("{}", "\"$1\"") } else { format!("{command} \"$1\"") };
    let invocation = Invocation::new(&shell, root).args(["-c", &script, "sh"]).args([folder]).deadline(DEADLINE);
    let output = invocation.run()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let stderr = output.stderr.as_str();
    let code = match output.code {
        Some(127) => return Err(failed("was not found".to_owned(), &[stderr])),
        None | Some(126 | 128..) => return Err(failed("crashed".to_owned(), &[stderr])),
        Some(code) => code,
    };
    output::read(&text, code, Folder { root, path: folder }).map_err(|why| failed(why, &[stderr, &text]))
}

/// The last lines of an output, as far as they are worth reading.
fn shortened(text: &str) -> String {
    const LINES: usize = 12;
    let lines: Vec<String> = text.lines().map(|line| line.chars().take(200).collect()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Compares what was found before and after. Equal violations are paired, so that one more of the same kind is new.
fn between(before: Vec<Violation>, after: Vec<Violation>) -> Comparison {
    let mut left: BTreeMap<Identity, Vec<Violation>> = BTreeMap::new();
    for violation in before {
        left.entry(violation.identity()).or_default().push(violation);
    }
    let mut comparison = Comparison::default();
    for violation in after {
        match left.get_mut(&violation.identity()).and_then(Vec::pop) {
            Some(_) => comparison.existing.push(violation),
            None => comparison.new.push(violation),
        }
    }
    comparison.fixed = left.into_values().flatten().collect();
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two folders; each file has a line that the checkers below find.
    fn folders(base: &[(&str, &str)], head: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("temporary directory");
        for (side, files) in [("base", base), ("head", head)] {
            std::fs::create_dir(root.path().join(side)).expect("created");
            for (name, text) in files {
                std::fs::write(root.path().join(side).join(name), text).expect("written");
            }
        }
        root
    }

    fn compared(command: &str, root: &tempfile::TempDir) -> Result<Comparison> {
        compare(command, root.path(), &root.path().join("base"), &root.path().join("head"))
    }

    fn error(command: &str) -> String {
        let root = folders(&[], &[]);
        let found = compared(command, &root).expect_err("an error");
        assert_eq!(found.0[0].code, Code::PolicyFailed);
        found.0[0].message.clone()
    }

    const LINES: &str = "grep --recursive --line-number bad";

    #[test]
    fn only_what_is_new_is_reported() {
        let root = folders(&[("a", "bad 1\n"), ("b", "bad 2\n")], &[("a", "x\nbad 1\nbad 3\n"), ("c", "good\n")]);
        let comparison = compared(&format!("{LINES} {{}} | sed 's/:[0-9]*:/: /'"), &root).expect("compared");
        let messages = |violations: &[Violation]| violations.iter().map(|one| one.message.clone()).collect::<Vec<_>>();
        assert_eq!(messages(&comparison.new), ["a: bad 3"]);
        assert_eq!(messages(&comparison.existing), ["a: bad 1"]);
        assert_eq!(messages(&comparison.fixed), ["b: bad 2"]);
        assert_eq!(summary(&comparison), "1 new violation, 1 existing, 1 fixed");
        let findings = findings(LINES, &comparison);
        assert_eq!(findings.0[0].message, "grep: new violation: a: bad 3");
    }

    #[test]
    fn a_second_violation_of_the_same_kind_is_new() {
        let root = folders(&[("a", "bad\n")], &[("a", "bad\nbad\n")]);
        assert_eq!(compared("cat {}/a", &root).expect("compared").new.len(), 1);
    }

    #[test]
    fn a_checker_that_fails_is_never_clean() {
        assert_eq!(error("no-such-checker"), "`no-such-checker` was not found");
        assert_eq!(error("kill -9 $$; :"), "`kill -9 $$; :` crashed");
        assert_eq!(error("false"), "`false` exited with code 1 and printed nothing");
        assert_eq!(
            error("echo oops; exit 2; :"),
            "`echo oops; exit 2; :` exited with code 2, and its output is not known"
        );
        assert_eq!(error("echo '{\"runs\": ['; :"), "`echo '{\"runs\": ['; :` printed incomplete JSON");
        assert_eq!(
            error("echo '{\"runs\": 1}'; :"),
            "`echo '{\"runs\": 1}'; :` printed SARIF that cannot be read: `runs` is not a list"
        );
    }

    #[test]
    fn a_checker_may_find_nothing() {
        let root = folders(&[], &[]);
        assert_eq!(compared("true", &root).expect("compared"), Comparison::default());
    }
}
